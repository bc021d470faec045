import type { DialectProfile, ReasoningForm } from '../../completion/profile.ts';

/** Where nothing is known of the model: a hybrid one, which thinks unless it is told not to
 *  (https://docs.cohere.com/docs/reasoning, 2026-11). Older models do not think: the provider's rules say so. */
const formUnlessSaid: ReasoningForm = {
  style: 'budget',
  efforts: [],
  off: 'thinking-disabled',
  thinksUnasked: true,
  sampling: 'always',
  forcedTools: 'always',
  needsState: 'never',
};

/** The API as Cohere documents it: https://docs.cohere.com/reference/chat and cohere-ai 8.1.0, V2ChatRequest.d.ts
 *  (2026-11). */
export const cohereChatProfile: DialectProfile = {
  unsupported: new Set([
    'parallelToolCalls',
    'endUser',
    'metadata',
    'logprobs',
    'answers',
    'verbosity',
    'cacheKey',
    'cacheRetention',
  ]),
  seedField: 'seed',
  // From 0 to 1 (https://github.com/cohere-ai/cohere-developer-experience/pull/523, 2025-05).
  temperatureMax: 1,
  // A `p` of 1, which is the default elsewhere, is refused (https://github.com/promptfoo/promptfoo/issues/914, 2024-06).
  samplingRanges: {
    topP: { min: 0.01, max: 0.99 },
    topK: { min: 0, max: 500 },
    frequencyPenalty: { min: 0, max: 1 },
    presencePenalty: { min: 0, max: 1 },
  },
  // "up to 5 strings".
  stops: { max: 5, blank: true },
  endUser: { field: 'user', lettersMax: 0 },
  serviceTiers: new Map(),
  roles: {
    // "system turn must be the first in the list" (https://docs.cohere.com/reference/errors, 2026-11).
    systemTurns: 'first',
    userFirst: false,
    // https://github.com/lofcz/LLMTornado/issues/78 (2025-09).
    userRequired: true,
    merged: false,
    // The last message is the user's or a tool's (https://github.com/kwaroran/Risuai/issues/633, 2024-10).
    assistantLast: 'refused',
    // "message must not be empty in a turn" (https://docs.cohere.com/reference/errors, 2026-11).
    blankText: false,
  },
  // Its own are the tool's name and twelve letters. No rule is documented: this is what other APIs take.
  callIds: { pattern: /^[\w-]{1,128}$/, prefix: 'call_', digest: { letters: 34, alphabet: 'hex' } },
  toolNames: { pattern: /^[\w-]{1,128}$/, lettersMax: 128 },
  customTools: false,
  allowedTools: false,
  // REQUIRED and NONE only.
  namedTool: false,
  toolSchemaUnions: true,
  outputForms: new Set(['json-object', 'json-schema']),
  // "not supported when used in combinations with the `documents` or `tools` parameters".
  outputBesideTools: false,
  alwaysStrict: true,
  // https://docs.cohere.com/docs/structured-outputs#unsupported-schema-features (2026-11). Of patterns it takes those without
  // anchors only, which few are, so they are left to the description.
  strictSchema: {
    keywords: new Set(['format', 'default']),
    formats: new Set(['date-time', 'uuid', 'date', 'time']),
    minItemsMax: 0,
    optionalMax: Number.POSITIVE_INFINITY,
    unionsMax: 0,
    // "a maximum of 200 fields across all tools".
    propertiesMax: 200,
    enumValuesMax: 1_000,
    levelsMax: 32,
    recursion: false,
    objectOnly: true,
    // "Every object in the schema must have at least one `required` field"; `additionalProperties` is not supported.
    requiredMin: 1,
    saysClosed: false,
  },
  cacheMarks: undefined,
  // Images by address or inline (https://docs.cohere.com/docs/image-inputs, 2026-11); of documents their text only.
  media: { images: 'url', documents: 'none' },
  reasoning: formUnlessSaid,
  versions: [],
};
