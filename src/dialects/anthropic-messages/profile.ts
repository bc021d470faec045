import type { DialectProfile, ReasoningForm } from '../../completion/profile.ts';

/** Where nothing is known of the model: the newest documented way to ask, and the rules that all models have had
 *  (https://platform.claude.com/docs/en/build-with-claude/thinking, 2026-11). */
const formUnlessSaid: ReasoningForm = {
  style: 'adaptive',
  efforts: ['low', 'medium', 'high', 'xhigh', 'max'],
  off: 'thinking-disabled',
  thinksUnasked: false,
  sampling: 'not-thinking',
  forcedTools: 'not-thinking',
  needsState: 'never',
};

/** The API as Anthropic documents it: https://platform.claude.com/docs/en/api/messages and @anthropic-ai/sdk 1.11
 *  (2026-11). */
export const anthropicMessagesProfile: DialectProfile = {
  unsupported: new Set([
    'seed',
    'frequencyPenalty',
    'presencePenalty',
    'metadata',
    'logprobs',
    'answers',
    'verbosity',
    'cacheKey',
    'cacheRetention',
  ]),
  seedField: 'seed',
  temperatureMax: 1,
  stops: { max: Number.POSITIVE_INFINITY, blank: false },
  // `metadata.user_id`: at most 256 letters.
  endUser: { field: 'user', lettersMax: 256 },
  // "auto" takes priority capacity where the account has some (https://platform.claude.com/docs/en/api/service-tiers).
  serviceTiers: new Map([
    ['auto', { word: 'auto', exact: true }],
    ['default', { word: 'standard_only', exact: true }],
    ['priority', { word: 'auto', exact: false }],
    ['scale', { word: 'auto', exact: false }],
  ]),
  roles: {
    // https://platform.claude.com/docs/en/build-with-claude/mid-conversation-system-messages (2026-11); older models
    // have rules of their own.
    systemTurns: 'after-user',
    userFirst: true,
    merged: true,
    // "Prefilling assistant messages is not supported" since Claude Opus 4.6; older models have rules of their own.
    assistantLast: 'refused',
    blankText: false,
  },
  // ^[a-zA-Z0-9_-]+$; the length is that of its hosts.
  callIds: { pattern: /^[\w-]{1,64}$/, prefix: 'toolu_', digest: { letters: 34, alphabet: 'hex' } },
  // ^[a-zA-Z0-9_-]{1,128}$ (https://github.com/anthropics/claude-code/issues/96152, 2026-09).
  toolNames: { pattern: /^[\w-]{1,128}$/, lettersMax: 128 },
  customTools: false,
  allowedTools: false,
  // "input_schema does not support oneOf, allOf, or anyOf at the top level"
  // (https://github.com/anthropics/claude-code/issues/5973, 2025-08).
  toolSchemaUnions: false,
  outputForms: new Set(['json-schema']),
  alwaysStrict: true,
  // https://platform.claude.com/docs/en/build-with-claude/structured-outputs#json-schema-limitations (2026-11).
  strictSchema: {
    keywords: new Set(['format', 'minItems', 'default']),
    formats: new Set(['date-time', 'time', 'date', 'duration', 'email', 'hostname', 'uri', 'ipv4', 'ipv6', 'uuid']),
    minItemsMax: 1,
    optionalMax: 24,
    unionsMax: 16,
    propertiesMax: 5_000,
    enumValuesMax: 1_000,
    levelsMax: 32,
    recursion: false,
    objectOnly: false,
  },
  // https://platform.claude.com/docs/en/build-with-claude/prompt-caching (2026-11).
  cacheMarks: {
    marksMax: 4,
    lifetimes: ['5m', '1h'],
    places: new Set(['tool', 'call', 'result']),
    automatic: 'mark',
  },
  // https://platform.claude.com/docs/en/build-with-claude/vision and …/pdf-support (2026-11).
  media: { images: 'url', documents: 'url' },
  reasoning: formUnlessSaid,
  versions: ['2023-06-01', '2026-10-21'],
};
