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
  // No word for none in ToolChoice, and "the toolConfig field must be defined when using toolUse and toolResult content blocks"
  // (https://github.com/langchain-ai/langchain-aws/issues/368, 2026-11).
  toolsFollowCalls: true,
  toolSchemaUnions: false,
  // Where it is not known, as the newest models take them; providers/bedrock.ts says who does not.
  outputForms: new Set(['json-schema']),
  alwaysStrict: true,
  namedOutput: true,
  // https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html (2026-11), within what Claude takes anywhere:
  // https://platform.claude.com/docs/en/build-with-claude/structured-outputs#json-schema-limitations.
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
  converse: { topK: undefined, reasoning: undefined, resultStatus: true, searchResults: false },
};
