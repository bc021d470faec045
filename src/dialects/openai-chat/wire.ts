/** The parts of answers that are read. Every field may be absent or of another type on some host, so all are unknown
 *  until read. Source: openai-node 7.55 src/resources/chat/completions/completions.ts (2026-11); `reasoning_content`,
 *  `reasoning` and `reasoning_details` are extensions of other hosts. */

export interface WireChunk {
  readonly id?: unknown;
  readonly model?: unknown;
  readonly created?: unknown;
  readonly service_tier?: unknown;
  readonly choices?: unknown;
  readonly usage?: unknown;
  /** Of Groq. */
  readonly x_groq?: unknown;
  readonly error?: unknown;
}

export interface WireChoice {
  readonly index?: unknown;
  /** In chunks. */
  readonly delta?: unknown;
  /** In whole answers. */
  readonly message?: unknown;
  readonly finish_reason?: unknown;
  readonly stop_reason?: unknown;
}

export interface WireDelta {
  readonly content?: unknown;
  readonly refusal?: unknown;
  readonly reasoning_content?: unknown;
  readonly reasoning?: unknown;
  readonly reasoning_details?: unknown;
  readonly tool_calls?: unknown;
  readonly audio?: unknown;
  readonly annotations?: unknown;
  readonly function_call?: unknown;
}

export interface WireCall {
  readonly index?: unknown;
  readonly id?: unknown;
  readonly function?: unknown;
  /** Of a custom tool: `name` and `input`. */
  readonly custom?: unknown;
}

export interface WireCalled {
  readonly name?: unknown;
  readonly arguments?: unknown;
}

/** Views a record as one of the above; their fields are all optional and unknown, so any record is one. */
export function asWire<T>(record: Readonly<Record<string, unknown>>): T {
  return record as T;
}
