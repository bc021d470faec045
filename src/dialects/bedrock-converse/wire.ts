/** The parts of answers that are read; all are unknown until read.
 *  Source: @aws-sdk/client-bedrock-runtime 3.1162 models_0.d.ts (ConverseResponse, ConverseStreamOutput), 2026-11. */

/** The payload of a stream event, whichever it is. Bedrock pads payloads with a field `p`, which says nothing. */
export interface WireEvent {
  readonly contentBlockIndex?: unknown;
  readonly start?: unknown;
  readonly delta?: unknown;
  readonly stopReason?: unknown;
  readonly additionalModelResponseFields?: unknown;
  readonly usage?: unknown;
  readonly serviceTier?: unknown;
  readonly performanceConfig?: unknown;
}

export interface WireAnswer {
  readonly output?: unknown;
  readonly stopReason?: unknown;
  readonly additionalModelResponseFields?: unknown;
  readonly usage?: unknown;
  readonly serviceTier?: unknown;
  readonly performanceConfig?: unknown;
}

/** A union: one member at a time. */
export interface WireBlock {
  readonly text?: unknown;
  readonly toolUse?: unknown;
  readonly reasoningContent?: unknown;
  readonly citationsContent?: unknown;
}

export interface WireToolUse {
  readonly toolUseId?: unknown;
  readonly name?: unknown;
  readonly input?: unknown;
  /** `server_tool_use`: a call of a tool that the provider runs itself. */
  readonly type?: unknown;
}

/** Of a whole answer `reasoningText` is an object; in a delta its members stand alone. */
export interface WireReasoning {
  readonly reasoningText?: unknown;
  readonly text?: unknown;
  readonly signature?: unknown;
  readonly redactedContent?: unknown;
}

/** Views a record as one of the above; their fields are all optional and unknown, so any record is one. */
export function asWire<T>(record: Readonly<Record<string, unknown>>): T {
  return record as T;
}

/** Events of a stream, and the exceptions that may end it. */
export const eventTypes = [
  'messageStart',
  'contentBlockStart',
  'contentBlockDelta',
  'contentBlockStop',
  'messageStop',
  'metadata',
] as const;
export type EventType = (typeof eventTypes)[number];
