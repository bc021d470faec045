/** The parts of answers that are read; all are unknown until read. Source: @google/genai 3.1 src/types.ts (2026-11), and
 *  https://ai.google.dev/api/generate-content (2026-11). */

export interface WireResponse {
  readonly candidates?: unknown;
  readonly promptFeedback?: unknown;
  readonly usageMetadata?: unknown;
  readonly modelVersion?: unknown;
  readonly responseId?: unknown;
  /** RFC 3339; on Vertex only. */
  readonly createTime?: unknown;
  readonly error?: unknown;
}

export interface WireCandidate {
  readonly index?: unknown;
  readonly content?: unknown;
  readonly finishReason?: unknown;
  readonly finishMessage?: unknown;
  readonly citationMetadata?: unknown;
  readonly groundingMetadata?: unknown;
}

export interface WirePart {
  readonly text?: unknown;
  readonly thought?: unknown;
  readonly thoughtSignature?: unknown;
  readonly functionCall?: unknown;
}

export interface WireCall {
  readonly id?: unknown;
  readonly name?: unknown;
  readonly args?: unknown;
  /** Arguments in pieces, with `streamFunctionCallArguments` on Vertex. */
  readonly partialArgs?: unknown;
  readonly willContinue?: unknown;
}

export interface WirePartialArg {
  readonly jsonPath?: unknown;
  readonly stringValue?: unknown;
  readonly numberValue?: unknown;
  readonly boolValue?: unknown;
  /** `"NULL_VALUE"`. */
  readonly nullValue?: unknown;
}

/** Views a record as one of the above; their fields are all optional and unknown, so any record is one. */
export function asWire<T>(record: Readonly<Record<string, unknown>>): T {
  return record as T;
}
