/** The neutral, block-shaped middle between dialects: one request. Encoders take it, decoders make it. */

export type DialectName =
  | 'openai-chat'
  | 'openai-responses'
  | 'anthropic-messages'
  | 'gemini'
  | 'cohere-chat'
  | 'bedrock-converse';

export interface CompletionRequest {
  readonly requestedModel: string;
  readonly stream: boolean;
  /** Does the client want usage in its stream? Only openai-chat can say no. */
  readonly streamUsage: boolean;
  readonly turns: readonly Turn[];
  /** Upper bound of output tokens; undefined when the client named none. */
  readonly outputTokensMax: number | undefined;
  readonly sampling: Sampling;
  readonly stop: readonly string[];
  readonly tools: readonly ToolDefinition[];
  readonly toolChoice: ToolChoice | undefined;
  readonly parallelToolCalls: boolean | undefined;
  /** An opaque id of the end user, as clients send it for abuse detection. */
  readonly endUser: string | undefined;
  /** How many answers are wanted; 1 unless said. */
  readonly answers?: number | undefined;
  /** Log probabilities of the answer's tokens, with so many alternatives each. */
  readonly logprobs?: { readonly alternatives: number } | undefined;
  /** The form the answer must have; plain text unless said. */
  readonly output?: OutputFormat | undefined;
  /** How long the answer should be, where a model can be told. */
  readonly verbosity?: 'low' | 'medium' | 'high' | undefined;
  readonly reasoning?: ReasoningControl | undefined;
  /** Caching of the prompt as a whole; marks at single places stand on blocks, turns and tools. */
  readonly cache?: CacheControl | undefined;
  /** The service tier asked for, in the words of openai-chat, which has the most. */
  readonly serviceTier?: ServiceTier | undefined;
  /** Labels of the client's own, such as chat completions' `metadata`; `endUser` is not among them. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** The answer is to go on where the assistant's last turn ends. Unless said, a last turn of the assistant is answered. */
  readonly continuesAssistant?: boolean | undefined;
  /** The client knows one call an answer, without an id (openai-chat's `functions`). */
  readonly legacyFunctions?: boolean | undefined;
}

export const serviceTiers = ['auto', 'default', 'flex', 'scale', 'priority', 'fast'] as const;
export type ServiceTier = (typeof serviceTiers)[number];

export type OutputFormat =
  | { readonly type: 'json-object' }
  | {
      readonly type: 'json-schema';
      /** Required by openai-chat, unknown to anthropic-messages. */
      readonly name: string | undefined;
      readonly description: string | undefined;
      /** JSON Schema, as the client sent it. */
      readonly schema: unknown;
      readonly strict: boolean | undefined;
    };

/** In order of strength. */
export const reasoningEfforts = ['minimal', 'low', 'medium', 'high', 'xhigh', 'max'] as const;
export type ReasoningEffort = (typeof reasoningEfforts)[number];

/** Whether and how much a model thinks before it answers. */
export interface ReasoningControl {
  /** off: the client turned it off. on: it thinks. adaptive: the model decides. unset: only an effort was named. */
  readonly mode: 'off' | 'on' | 'adaptive' | 'unset';
  readonly effort: ReasoningEffort | undefined;
  /** Upper bound of thinking tokens, where the client named one. */
  readonly budgetTokens: number | undefined;
  /** Does the client want to see what was thought? `omitted` keeps only the opaque state. */
  readonly display: 'summarized' | 'omitted' | undefined;
  /** Where the dialect lets the model think between tool calls only on request. */
  readonly betweenTools?: boolean | undefined;
}

/** A place up to which a provider may cache the prompt. `ttl` as the client said it. */
export interface CacheMark {
  readonly ttl: '5m' | '30m' | '1h' | '12h' | '24h' | undefined;
  /** Where it stood in the client's request, in dialects in which it is no part of what carries it here. */
  readonly path?: string | undefined;
}

export interface CacheControl {
  /** The provider chooses where (Anthropic's top-level `cache_control`). */
  readonly automatic?: CacheMark | undefined;
  /** Requests of one key share a cache (`prompt_cache_key`). */
  readonly key?: string | undefined;
  /** As said in `prompt_cache_retention` or `prompt_cache_options`. */
  readonly retention?: 'in_memory' | '24h' | undefined;
  readonly mode?: 'implicit' | 'explicit' | undefined;
  readonly ttl?: CacheMark['ttl'];
}

export interface Sampling {
  readonly temperature?: number;
  readonly topP?: number;
  readonly topK?: number;
  readonly seed?: number;
  readonly frequencyPenalty?: number;
  readonly presencePenalty?: number;
}

export interface Turn {
  readonly role: 'system' | 'user' | 'assistant';
  readonly blocks: readonly Block[];
  /** Where the turn stood in the client's request, for losses: `messages.3`. */
  readonly path: string;
}

export type Block = TextBlock | MediaBlock | CallBlock | ResultBlock | ReasoningBlock;

export interface TextBlock {
  readonly type: 'text';
  readonly text: string;
  readonly cache?: CacheMark | undefined;
}

/** An image, a document (PDF or text) or a piece of audio. */
export interface MediaBlock {
  readonly type: 'media';
  readonly kind: 'image' | 'document' | 'audio';
  readonly source: MediaSource;
  /** File name or title. */
  readonly name?: string | undefined;
  /** What the client says about a document, beside its title. */
  readonly context?: string | undefined;
  /** Of a search result: where it was found. Its title is `name`. */
  readonly foundAt?: string | undefined;
  /** Should the answer cite the document? */
  readonly citations?: boolean | undefined;
  /** How closely an image is to be looked at (openai-chat). */
  readonly detail?: 'auto' | 'low' | 'high' | 'original' | undefined;
  readonly cache?: CacheMark | undefined;
  /** Where it stood in the client's request. */
  readonly path: string;
}

export type MediaSource =
  /** `data` is base64, as sent; `mediaType` lower case without parameters, such as `image/png`. */
  | { readonly type: 'base64'; readonly mediaType: string; readonly data: string }
  | { readonly type: 'url'; readonly url: string }
  /** A document given as plain text. */
  | { readonly type: 'text'; readonly text: string }
  /** A document made of texts and images. */
  | { readonly type: 'blocks'; readonly blocks: readonly (TextBlock | MediaBlock)[] }
  /** A file stored at a provider of this dialect; only that provider knows it. */
  | { readonly type: 'file'; readonly dialect: DialectName; readonly id: string };

/** What the model thought in an earlier turn, to be given back to it. */
export interface ReasoningBlock {
  readonly type: 'reasoning';
  /** What it may show; empty when it shows nothing. */
  readonly text: string;
  /** Thinking that only its maker can read. */
  readonly redacted: boolean;
  /** Opaque, as the client sent it: our envelope, a provider's own signature, or undefined when the client dropped it.
   *  dialects/ does not look inside; the gateway opens envelopes before a request is encoded (`opaque-state.ts`). */
  readonly state: string | undefined;
  readonly path: string;
}

export interface CallBlock {
  readonly type: 'call';
  readonly id: string;
  readonly name: string;
  /** The arguments as the model wrote them: JSON text, possibly invalid; invalid text travels, it never throws. */
  readonly argumentsText: string;
  /** The arguments are free text, of a custom tool. */
  readonly custom?: boolean | undefined;
  /** Of the tools that its tool stands among (openai-responses). */
  readonly namespace?: string | undefined;
  readonly cache?: CacheMark | undefined;
}

export interface ResultBlock {
  readonly type: 'result';
  readonly callId: string;
  readonly blocks: readonly (TextBlock | MediaBlock)[];
  readonly isError: boolean;
  readonly cache?: CacheMark | undefined;
}

export interface ToolDefinition {
  readonly name: string;
  readonly description: string | undefined;
  /** JSON Schema of the arguments, as the client sent it. */
  readonly parameters: unknown;
  readonly strict: boolean | undefined;
  /** Its arguments are free text (openai-chat's custom tools); `parameters` says nothing then. */
  readonly custom?: CustomInput | undefined;
  /** Names of tools are told apart within it (openai-responses). */
  readonly namespace?: ToolNamespace | undefined;
  readonly cache?: CacheMark | undefined;
}

export interface ToolNamespace {
  readonly name: string;
  readonly description: string;
}

export interface CustomInput {
  /** What the text must match; any text unless said. */
  readonly grammar: { readonly syntax: 'lark' | 'regex'; readonly definition: string } | undefined;
}

export type ToolChoice =
  | { readonly type: 'auto' }
  | { readonly type: 'none' }
  | { readonly type: 'any' }
  | { readonly type: 'tool'; readonly name: string }
  /** Only these tools, of their own accord or one of them for sure. */
  | { readonly type: 'allowed'; readonly mode: 'auto' | 'any'; readonly names: readonly string[] };
