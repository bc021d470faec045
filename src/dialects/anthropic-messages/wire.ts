/** The parts of answers that are read; all are unknown until read.
 *  Source: @anthropic-ai/sdk 1.11 src/resources/messages/messages.ts (2026-11). */

/** How a message ended: in whole messages, and in the delta of message_delta. */
export interface WireStop {
  readonly stop_reason?: unknown;
  readonly stop_sequence?: unknown;
  /** Of a refusal: `category` and `explanation`. */
  readonly stop_details?: unknown;
}

export interface WireMessage extends WireStop {
  readonly id?: unknown;
  readonly model?: unknown;
  readonly content?: unknown;
  readonly usage?: unknown;
}

export interface WireEvent {
  readonly type?: unknown;
  readonly index?: unknown;
  readonly message?: unknown;
  readonly content_block?: unknown;
  readonly delta?: unknown;
  readonly usage?: unknown;
}

export interface WireBlock {
  readonly type?: unknown;
  readonly text?: unknown;
  readonly thinking?: unknown;
  readonly signature?: unknown;
  /** Of redacted thinking. */
  readonly data?: unknown;
  readonly citations?: unknown;
  readonly id?: unknown;
  readonly name?: unknown;
  readonly input?: unknown;
}

export interface WireDelta extends WireStop {
  readonly type?: unknown;
  readonly text?: unknown;
  readonly partial_json?: unknown;
  readonly thinking?: unknown;
  readonly signature?: unknown;
}

/** Views a record as one of the above; their fields are all optional and unknown, so any record is one. */
export function asWire<T>(record: Readonly<Record<string, unknown>>): T {
  return record as T;
}
