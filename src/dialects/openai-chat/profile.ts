import type { DialectProfile, ReasoningForm, TierWord } from '../../completion/profile.ts';
import { serviceTiers } from '../../completion/request.ts';

/** Where nothing is known of the model: every effort of the API
 *  (https://developers.openai.com/api/docs/guides/reasoning, 2026-11). */
const formUnlessSaid: ReasoningForm = {
  style: 'effort',
  efforts: ['minimal', 'low', 'medium', 'high', 'xhigh', 'max'],
  off: 'effort-none',
  thinksUnasked: true,
  sampling: 'always',
  forcedTools: 'always',
  needsState: 'never',
};

/** The API as OpenAI documents it: https://platform.openai.com/docs/api-reference/chat/create and openai-node 7.55
 *  (2026-11). */
export const openaiChatProfile: DialectProfile = {
  // Clients of another dialect would be told one answer, and no probabilities: the middle has no place for more.
  unsupported: new Set(['topK', 'answers', 'logprobs']),
  seedField: 'seed',
  temperatureMax: 2,
  stops: { max: 4, blank: true },
  // Older hosts know `user` only; OpenAI takes 128 letters of either.
  endUser: { field: 'user', lettersMax: 128 },
  serviceTiers: new Map(serviceTiers.map(word => [word, { word, exact: true } satisfies TierWord])),
  roles: {
    systemTurns: 'anywhere',
    userFirst: false,
    merged: false,
    assistantLast: 'answered',
    blankText: true,
  },
  // At most 40 letters.
  callIds: { pattern: /^[\w-]{1,40}$/, prefix: 'call_', digest: { letters: 34, alphabet: 'hex' } },
  toolNames: { pattern: /^[\w-]{1,64}$/, lettersMax: 64 },
  customTools: true,
  allowedTools: true,
  // "schema must have type 'object' and not have 'oneOf'/'anyOf'/'allOf'/'enum'/'not' at the top level"
  // (https://github.com/langchain-ai/langchainjs/issues/9804, 2026-01).
  toolSchemaUnions: false,
  outputForms: new Set(['json-object', 'json-schema']),
  alwaysStrict: false,
  // https://developers.openai.com/api/docs/guides/structured-outputs#supported-schemas (2026-11).
  strictSchema: {
    keywords: new Set([
      'pattern',
      'format',
      'multipleOf',
      'minimum',
      'maximum',
      'exclusiveMinimum',
      'exclusiveMaximum',
      'minItems',
      'maxItems',
    ]),
    formats: new Set(['date-time', 'time', 'date', 'duration', 'email', 'hostname', 'ipv4', 'ipv6', 'uuid']),
    minItemsMax: Number.POSITIVE_INFINITY,
    optionalMax: 0,
    unionsMax: Number.POSITIVE_INFINITY,
    propertiesMax: 5_000,
    enumValuesMax: 1_000,
    levelsMax: 10,
    recursion: true,
    objectOnly: true,
  },
  // "Supported for gpt-5.6 and later models": the provider's rules say so.
  cacheMarks: undefined,
  // Images by address or inline; of documents PDFs alone, and those not by address; no text file
  // (https://developers.openai.com/api/docs/guides/file-inputs, 2026-11).
  media: { images: 'url', documents: 'bytes' },
  reasoning: formUnlessSaid,
  versions: [],
};
