/** What an emulated provider would send if nothing went wrong; a script may still break it off on the way. */
export interface EmulatedAnswer {
  readonly status: number;
  /** Names and values in turn, without framing and per-request headers. */
  readonly headers: readonly string[];
  /** Events of a stream; the one body of a whole answer. */
  readonly frames: readonly Buffer[];
  readonly streamed: boolean;
  /** Which provider's failures fit a script's break. */
  readonly provider: ProviderName;
  /** How a script spoils one frame, where half of it and an empty line is no event. */
  readonly malformed?: (frame: Buffer) => Buffer;
  /** The headers are all there are: none of the provider's are added. */
  readonly verbatim?: true;
}

/** One for each wire format; OpenAI's two differ in how a stream fails. */
export type ProviderName = 'openai' | 'responses' | 'anthropic' | 'gemini' | 'bedrock' | 'cohere';

/** A request that the emulated provider refuses, in that provider's own words. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: number;
  readonly type: string;
  readonly code: string | null;
  readonly parameter: string | null;
  /** What Google's errors carry beside their message. */
  readonly details: readonly object[];

  constructor(status: number, type: string, message: string, detail: RefusalDetail = {}) {
    super(message);
    this.status = status;
    this.type = type;
    this.code = detail.code ?? null;
    this.parameter = detail.parameter ?? null;
    this.details = detail.details ?? [];
  }
}

interface RefusalDetail {
  readonly code?: string;
  readonly parameter?: string;
  readonly details?: readonly object[];
}

export const jsonHeaders: readonly string[] = ['content-type', 'application/json'];
export const eventStreamHeaders: readonly string[] = [
  'content-type',
  'text/event-stream; charset=utf-8',
  'cache-control',
  'no-cache',
];
