/** Most tokens that images, documents and audio can cost, by what a deployment says of its model; what it does not say
 *  has a default below. */
export interface MediaBounds {
  /** Of one image, and of one piece of audio whose size is not known. */
  readonly mediaTokensMax: number;
  /** Pages of all documents of one request: what the provider takes at most. */
  readonly documentPagesMax?: number | undefined;
  /** Text and picture of one page. */
  readonly documentTokensPerPage?: number | undefined;
  readonly audioTokensPerSecond?: number | undefined;
}

/** What a request has of them; a dialect's scan counts it. */
export interface BoundedMedia {
  readonly images: number;
  readonly documents: number;
  readonly documentBytes: number;
  readonly documentsUnsized: number;
  readonly audioBytes: number;
  readonly audioUnsized: number;
}

/** Anthropic and Bedrock take 100 pages in all documents of a request
 *  (https://platform.claude.com/docs/en/build-with-claude/pdf-support, 2026-11); others name no number, and 100 pages at
 *  the tokens below fill the window of most models. */
const documentPagesMaxDefault = 100;
/** 3,000 of text and, as each page is also looked at, 1,600 of an image (same page, and …/vision, 2026-11). */
const documentTokensPerPageDefault = 4_600;
/** The most that is published: Gemini's 32 (https://ai.google.dev/gemini-api/docs/audio, 2026-11); OpenAI's are 10. */
const audioTokensPerSecondDefault = 32;

/** A page is an object with an entry of 20 bytes in the table of objects and a dictionary that names its kind, its parent
 *  and its contents (ISO 32000-1 §7.5.4, §7.7.3.3). Pages that are packed tighter than this are above the bound, and a
 *  reading above its hold is charged up to the hold only (I4). */
const pageBytesMin = 100;
/** MP3 of 8 kbit/s, the lowest of MPEG-2 layer III; every other form that is taken is larger. */
const audioBytesPerSecondMin = 1_000;

export function mediaTokensBound(media: BoundedMedia, bounds: MediaBounds): number {
  const pages = pagesBound(media, bounds.documentPagesMax ?? documentPagesMaxDefault);
  const perSecond = bounds.audioTokensPerSecond ?? audioTokensPerSecondDefault;
  return (
    (media.images + media.audioUnsized) * bounds.mediaTokensMax +
    pages * (bounds.documentTokensPerPage ?? documentTokensPerPageDefault) +
    Math.ceil((media.audioBytes * perSecond) / audioBytesPerSecondMin)
  );
}

function pagesBound(media: BoundedMedia, pagesMax: number): number {
  if (media.documentsUnsized > 0) return pagesMax;
  return Math.min(pagesMax, media.documents + Math.floor(media.documentBytes / pageBytesMin));
}
