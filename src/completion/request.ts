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

export type Block = TextBlock | CallBlock | ResultBlock;

export interface TextBlock {
  readonly type: 'text';
  readonly text: string;
}

export interface CallBlock {
  readonly type: 'call';
  readonly id: string;
  readonly name: string;
  /** The arguments as the model wrote them: JSON text, possibly invalid; invalid text travels, it never throws. */
  readonly argumentsText: string;
}

export interface ResultBlock {
  readonly type: 'result';
  readonly callId: string;
  readonly blocks: readonly TextBlock[];
  readonly isError: boolean;
}

export interface ToolDefinition {
  readonly name: string;
  readonly description: string | undefined;
  /** JSON Schema of the arguments, as the client sent it. */
  readonly parameters: unknown;
  readonly strict: boolean | undefined;
}

export type ToolChoice =
  | { readonly type: 'auto' }
  | { readonly type: 'none' }
  | { readonly type: 'any' }
  | { readonly type: 'tool'; readonly name: string };
