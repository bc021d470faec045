/** The parts of v2/chat that a provider sends, as read: every field may be missing or wrong.
 *  https://docs.cohere.com/v2/docs/streaming and cohere-ai 8.1.0, V2ChatStreamResponse.d.ts (2026-11). */

export interface WireAnswer {
  readonly id?: unknown;
  readonly message?: unknown;
  readonly finish_reason?: unknown;
  readonly usage?: unknown;
}

export interface WireMessage {
  readonly content?: unknown;
  /** What the model says before it calls tools. */
  readonly tool_plan?: unknown;
  /** In streams one call; in whole answers a list. */
  readonly tool_calls?: unknown;
  readonly citations?: unknown;
}

export interface WireEvent {
  readonly id?: unknown;
  readonly index?: unknown;
  readonly delta?: unknown;
}

export interface WireDelta {
  readonly message?: unknown;
  /** Of message-end. */
  readonly finish_reason?: unknown;
  readonly usage?: unknown;
  readonly error?: unknown;
}

export interface WireContent {
  readonly type?: unknown;
  readonly text?: unknown;
  readonly thinking?: unknown;
}

export interface WireCall {
  readonly id?: unknown;
  readonly function?: unknown;
}

/** Views a record as one of the above; their fields are all optional and unknown, so any record is one. */
export function asWire<T>(record: Readonly<Record<string, unknown>>): T {
  return record as T;
}
