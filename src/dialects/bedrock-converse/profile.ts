import type { DialectProfile } from '../../completion/profile.ts';

/** What every model behind Converse takes, where nothing is known of it; providers/bedrock.ts says what Claude, Nova and others
 *  take beyond. https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html and
 *  @aws-sdk/client-bedrock-runtime 3.1162 (2026-11). */
export const bedrockConverseProfile: DialectProfile = {
  unsupported: new Set([
    'seed',
    'frequencyPenalty',
    'presencePenalty',
    'parallelToolCalls',
    'logprobs',
    'answers',
    'verbosity',
    'cacheKey',
    'cacheRetention',
  ]),
  seedField: 'seed',
  temperatureMax: 1,
  // InferenceConfiguration: 0 to 2,500 members of at least one letter.
  stops: { max: 2_500, blank: true },
  // As a value of `requestMetadata`.
  endUser: { field: 'user', lettersMax: 256 },
  // https://docs.aws.amazon.com/bedrock/latest/userguide/service-tiers-inference.html (2026-11). `reserved` needs a contract.
  serviceTiers: new Map([
    ['default', { word: 'default', exact: true }],
    ['flex', { word: 'flex', exact: true }],
    ['priority', { word: 'priority', exact: true }],
    ['fast', { word: 'priority', exact: false }],
  ]),
  roles: {
    systemTurns: 'first',
    // "A conversation must start with a user message", and roles must alternate
    // (https://github.com/langchain-ai/langchain-aws/issues/120, 2026-11).
    userFirst: true,
    merged: true,
    assistantLast: 'refused',
    // "The text field in the ContentBlock object … is blank".
    blankText: false,
  },
  callIds: { pattern: /^[\w-]{1,64}$/, prefix: 'tooluse_', digest: { letters: 34, alphabet: 'hex' } },
  toolNames: { pattern: /^[\w-]{1,64}$/, lettersMax: 64 },
  customTools: false,
  allowedTools: false,
  toolSchemaUnions: false,
  outputForms: new Set(),
  alwaysStrict: true,
  strictSchema: undefined,
  cacheMarks: undefined,
  // In the request, or in the operator's own S3.
  media: { images: 'bytes', documents: 'bytes' },
  reasoning: {
    style: 'none',
    efforts: [],
    off: 'silence',
    thinksUnasked: false,
    sampling: 'always',
    forcedTools: 'always',
    needsState: 'never',
  },
  versions: [],
  converse: { topK: undefined, reasoning: undefined, resultStatus: false, searchResults: false },
};
