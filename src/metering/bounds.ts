import type { DialectName } from '../completion/request.ts';
import { type BoundedMedia, type MediaBounds, mediaTokensBound } from './media-bounds.ts';

/** What is known of a request before it is sent. */
export interface BoundedRequest {
  readonly dialect: DialectName;
  /** Bytes of the body as JSON, after content decoding, without the data of media. No text has more tokens than UTF-8
   *  bytes. */
  readonly textBytes: number;
  /** Images, documents and audio, whose tokens their bytes do not bound. */
  readonly media: BoundedMedia;
  readonly hasTools: boolean;
  /** The request's own output limit, of one answer. */
  readonly outputTokensMax: number | undefined;
  readonly answers: number;
}

/** The bounds that the deployment's model gives. */
export interface ModelBounds extends MediaBounds {
  readonly outputTokensMax: number;
}

/** What a provider may put before a prompt unseen: message frames, dates, the system text of reasoning models. None
 *  publishes a number; this is some 40 short lines, and a reading above it costs the customer nothing. Cohere's is known by
 *  what it bills beside what it counts: 1,386 to 1,644 tokens (recorded traffic in github.com/vercel/ai, 2026-11). */
const hiddenPromptTokens: Readonly<Record<DialectName, number>> = {
  'openai-chat': 256,
  'openai-responses': 256,
  'anthropic-messages': 256,
  gemini: 256,
  'cohere-chat': 2_048,
  'bedrock-converse': 256,
};

/** What is added when tools are defined; Anthropic's table goes up to 530 tokens
 *  (https://docs.anthropic.com/en/docs/tool-use-pricing-and-tokens, read 2026-11), so twice that. For the other
 *  dialects no table is published; definitions are rewritten from JSON into something shorter. */
const hiddenToolPromptTokens: Readonly<Record<DialectName, number>> = {
  'openai-chat': 512,
  'openai-responses': 512,
  'anthropic-messages': 1_060,
  gemini: 512,
  'cohere-chat': 1_060,
  'bedrock-converse': 1_060,
};

/** Upper bounds of what one attempt can use, for holds. A reading above them is charged up to the hold only. */
export function usageBounds(
  request: BoundedRequest,
  model: ModelBounds,
): { readonly textTokensMax: number; readonly mediaTokensMax: number; readonly outputTokensMax: number } {
  const hidden = hiddenPromptTokens[request.dialect] + (request.hasTools ? hiddenToolPromptTokens[request.dialect] : 0);
  const perAnswer = Math.min(request.outputTokensMax ?? model.outputTokensMax, model.outputTokensMax);
  return {
    textTokensMax: request.textBytes + hidden,
    mediaTokensMax: mediaTokensBound(request.media, model),
    outputTokensMax: perAnswer * request.answers,
  };
}
