import type { DialectProfile, ReasoningForm } from '../../completion/profile.ts';

/** Where nothing is known of the model: as the newest, which cannot be told not to think
 *  (https://ai.google.dev/gemini-api/docs/thinking, 2026-11). Which insist on their signatures, its name says. */
const formUnlessSaid: ReasoningForm = {
  style: 'effort',
  efforts: ['low', 'medium', 'high'],
  off: 'never',
  thinksUnasked: true,
  sampling: 'always',
  forcedTools: 'always',
  needsState: 'never',
};

/** The API as Google documents it: https://ai.google.dev/api/generate-content and @google/genai 3.1 (2026-11). */
export const geminiProfile: DialectProfile = {
  unsupported: new Set([
    'parallelToolCalls',
    'endUser',
    // Answers here are one, and have no place for probabilities of tokens.
    'logprobs',
    'answers',
    'verbosity',
    'cacheKey',
    'cacheRetention',
  ]),
  seedField: 'seed',
  temperatureMax: 2,
  // "The set of character sequences (up to 5)".
  stops: { max: 5, blank: true },
  endUser: { field: 'user', lettersMax: 128 },
  // @google/genai 3.1, ServiceTier.
  serviceTiers: new Map([
    ['default', { word: 'standard', exact: true }],
    ['flex', { word: 'flex', exact: true }],
    ['priority', { word: 'priority', exact: true }],
    ['fast', { word: 'priority', exact: false }],
    ['scale', { word: 'priority', exact: false }],
  ]),
  roles: {
    systemTurns: 'first',
    // "Please ensure that function call turn comes immediately after a user turn or after a function response turn"
    // (https://github.com/google/adk-python/issues/2038, 2025-07).
    userFirst: true,
    merged: true,
    // That a model goes on with its own last turn is documented nowhere.
    assistantLast: 'refused',
    // "Unable to submit request because it has an empty text parameter" (Vertex).
    blankText: false,
  },
  // The API makes short ids of letters and digits, and takes any.
  callIds: { pattern: /^[\w-]{1,64}$/, prefix: 'call_', digest: { letters: 34, alphabet: 'hex' } },
  // "Must start with a letter or an underscore … underscores, dots, colons and dashes, with a maximum length of 128"
  // (@google/genai 3.1, FunctionDeclaration).
  toolNames: { pattern: /^[A-Za-z_][\w.:-]{0,127}$/, lettersMax: 128 },
  customTools: false,
  // "This should only be set when the Mode is ANY" (@google/genai 3.1, FunctionCallingConfig).
  allowedTools: 'any',
  toolSchemaUnions: false,
  outputForms: new Set(['json-object', 'json-schema']),
  alwaysStrict: true,
  // "only the following properties are supported" (@google/genai 3.1, GenerateContentConfig.responseJsonSchema).
  strictSchema: {
    keywords: new Set(['format', 'minItems', 'maxItems', 'minimum', 'maximum', 'propertyOrdering']),
    formats: undefined,
    minItemsMax: Number.POSITIVE_INFINITY,
    optionalMax: Number.POSITIVE_INFINITY,
    unionsMax: Number.POSITIVE_INFINITY,
    propertiesMax: Number.POSITIVE_INFINITY,
    enumValuesMax: Number.POSITIVE_INFINITY,
    levelsMax: 64,
    // "Cyclic references are unrolled to a limited degree".
    recursion: false,
    objectOnly: false,
    openObjects: true,
  },
  strictTools: false,
  // A cache is a resource with a name of its own here; the API caches by itself otherwise.
  cacheMarks: undefined,
  // Any public address (https://blog.google/innovation-and-ai/technology/developers-tools/gemini-api-new-file-limits, 2026-01).
  media: { images: 'url', documents: 'url' },
  reasoning: formUnlessSaid,
  versions: [],
};
