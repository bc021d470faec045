import type { IncomingHttpHeaders } from 'node:http';
import type { EmulatedAnswer, Refusal } from './answer.ts';
import type { AnthropicHeaders } from './anthropic/headers.ts';
import type { ScriptBreak, ScriptFailure } from './script.ts';

/** How one provider asks for keys and says no. */
export interface Manner {
  /** Throws Refusal. `undefined` keys accept any that is not empty. Returns what else of the headers answers depend on. */
  checkKey(request: KeyedRequest, keys: readonly string[] | undefined): AnthropicHeaders | undefined;
  refuse(refusal: Refusal, requestId: string): EmulatedAnswer;
  /** What the provider documents for the status, or the condition, that a script names. */
  failure(failure: ScriptFailure): Refusal;
  /** An error inside a 200: the last event of a stream, or the whole body. */
  errorFrame(broken: ScriptBreak, answer: EmulatedAnswer, requestId: string): Buffer;
  notJson(): Refusal;
  tooLarge(): Refusal;
  unknownPath(method: string, path: string): Refusal;
  wrongMethod(method: string, path: string): Refusal;
}

export interface KeyedRequest {
  readonly method: string;
  /** Path and query as received. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** Signatures hold for a while. */
  readonly nowMs: number;
}
