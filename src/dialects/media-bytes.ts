import type { ByteRange } from './dialect.ts';
import { JsonScan } from './json-scan.ts';
import { NameTable } from './name-table.ts';

/** What a part that is no text holds; video counts as a document without a size. */
export type MediaKind = 'image' | 'document' | 'audio';

/** Parts whose tokens their bytes in the body do not bound. */
export interface MediaCounts {
  readonly images: number;
  /** Documents whose size is known, and the bytes of their files together. */
  readonly documents: number;
  readonly documentBytes: number;
  /** Documents by address or id. */
  readonly documentsUnsized: number;
  /** Bytes of audio files together. */
  readonly audioBytes: number;
  readonly audioUnsized: number;
  /** Bytes of the body that are the data of such parts, in base64: they bound no tokens. Only data that cannot be a text
   *  count, so that no text passes for media: base64 of images, audio, video and PDF. */
  readonly bytesInBody: number;
}

/** Names of part types, with what each holds. */
export class MediaTypes {
  readonly table: NameTable<string>;
  readonly kinds: readonly MediaKind[];

  constructor(kinds: Readonly<Record<string, MediaKind>>) {
    this.table = new NameTable(Object.keys(kinds));
    this.kinds = Object.values(kinds);
  }
}

export const noMedia: MediaCounts = {
  images: 0,
  documents: 0,
  documentBytes: 0,
  documentsUnsized: 0,
  audioBytes: 0,
  audioUnsized: 0,
  bytesInBody: 0,
};

/** Counts them in the value at `range`, which was checked before. Whatever may be read in two ways, such as a field said
 *  twice, counts as the larger: the counts bound holds. A body without media needs no look. */
export function countMedia(body: Buffer, range: ByteRange, types: MediaTypes): MediaCounts {
  walk.start(body, range.start, range.end);
  try {
    return new MediaWalk(body, types).counts();
  } finally {
    walk.release();
  }
}

/** Fields of a part that hold its data, and the type that says what the part is. */
const partFields = new NameTable([
  'type',
  'input_audio',
  'image_url',
  'audio_url',
  'video_url',
  'document_url',
  'file',
  'source',
  // Of parts of openai-responses, which have no object around them.
  'file_data',
  'file_url',
  'file_id',
]);
const partType = 0;
const inputAudio = 1;
const fileData = 8;

const holderFields = new NameTable(['type', 'data', 'url', 'file_data', 'file_id']);
const sourceTypes = new NameTable(['base64', 'text', 'content']);

/** What stands in the fields of one part. */
interface Held {
  /** Letters of base64. */
  letters: number;
  /** Letters of base64 that may as well be text: they count as both. */
  looseLetters: number;
  hasPdf: boolean;
  /** Something by address or id, or something that cannot be told. */
  hasUnsized: boolean;
  hasText: boolean;
}

class MediaWalk {
  readonly #body: Buffer;
  readonly #types: MediaTypes;
  readonly #counts = { ...noMedia } as { -readonly [Name in keyof MediaCounts]: number };

  constructor(body: Buffer, types: MediaTypes) {
    this.#body = body;
    this.#types = types;
  }

  counts(): MediaCounts {
    this.#value();
    return this.#counts;
  }

  #value(): void {
    if (walk.isObject) this.#object();
    else if (walk.isArray) this.#list();
    else walk.skip();
  }

  #list(): void {
    walk.enter();
    while (walk.nextElement()) this.#value();
  }

  #object(): void {
    let kinds: MediaKind[] | undefined;
    let held: Held | undefined;
    walk.enter();
    while (walk.nextMember()) {
      const field = walk.key(partFields);
      if (field === -1) this.#value();
      else if (field === partType) {
        const type = walk.name(this.#types.table);
        if (type !== -1) kinds = [...(kinds ?? []), this.#types.kinds[type]!];
      } else {
        held ??= { letters: 0, looseLetters: 0, hasPdf: false, hasUnsized: false, hasText: false };
        this.#holder(held, field);
      }
    }
    if (kinds !== undefined) this.#add(kinds, held);
  }

  #add(kinds: readonly MediaKind[], held: Held | undefined): void {
    const counts = this.#counts;
    const sized = held !== undefined && held.letters + held.looseLetters > 0;
    const isUnsized = held?.hasUnsized === true || (!sized && held?.hasText !== true);
    counts.bytesInBody += held?.letters ?? 0;
    const bytes = held === undefined ? 0 : Math.ceil(((held.letters + held.looseLetters) * 3) / 4);
    const all = held?.hasPdf === true && !kinds.includes('document') ? [...kinds, 'document' as const] : kinds;
    for (const kind of all) {
      if (kind === 'image') counts.images += 1;
      else if (kind === 'audio') {
        counts.audioBytes += bytes;
        if (isUnsized) counts.audioUnsized += 1;
      } else if (isUnsized) counts.documentsUnsized += 1;
      else if (sized) {
        counts.documents += 1;
        counts.documentBytes += bytes;
      }
    }
  }

  /** The value here, which it passes. Parts may lie in it, too: those add up by themselves. */
  #holder(held: Held, field: number): void {
    if (walk.isString) this.#address(held, field === fileData);
    else if (walk.isObject) this.#inside(held, field === inputAudio);
    else this.#value();
  }

  #inside(held: Held, isAudio: boolean): void {
    let types = 0;
    let type = -1;
    let letters = 0;
    let hasUrl = false;
    walk.enter();
    while (walk.nextMember()) {
      switch (walk.key(holderFields)) {
        case 0:
          types += 1;
          type = walk.name(sourceTypes);
          break;
        case 1:
          letters += this.#string();
          break;
        case 2:
          hasUrl = true;
          this.#address(held, false);
          break;
        case 3:
          hasUrl = true;
          this.#address(held, true);
          break;
        case 4:
          hasUrl = true;
          held.hasUnsized ||= walk.isString;
          this.#value();
          break;
        default:
          this.#value();
      }
    }
    // A type said twice may be read as either by the provider, and one of the two says that the data is a text.
    if (isAudio || (types === 1 && type === 0)) held.letters += letters;
    else if (types === 1 && type > 0) held.hasText = true;
    else if (!hasUrl) held.hasUnsized = true;
  }

  #string(): number {
    const start = walk.at;
    const { isString } = walk;
    this.#value();
    return isString ? walk.at - start - quotes : 0;
  }

  /** An address, a data: URL or, where `mayBeBare`, base64 without anything before it. */
  #address(held: Held, mayBeBare: boolean): void {
    const start = walk.at + 1;
    const { isString } = walk;
    const letters = this.#string();
    if (!isString) return;
    const head = this.#body.toString('latin1', start, start + Math.min(letters, dataUrlHeadBytesMax));
    if (mediaDataUrl.test(head)) {
      held.letters += letters;
      held.hasPdf ||= pdfDataUrl.test(head);
    } else if (/^data:/i.test(head)) held.hasText = true;
    else if (mayBeBare) held.looseLetters += letters;
    else held.hasUnsized = true;
  }
}

const quotes = 2;
/** Of what stands before the data: a media type with parameters. */
const dataUrlHeadBytesMax = 128;
/** In the bytes of the JSON string: some encoders escape a slash. */
const mediaDataUrl = /^data:(?:(?:image|audio|video)\\?\/|application\\?\/pdf)[^,]*;base64,/i;
const pdfDataUrl = /^data:application/i;

// One reader for all: it is never left half-way, and reading is synchronous.
const walk = new JsonScan();
