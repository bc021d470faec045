import type { ByteRange } from './dialect.ts';
import { JsonScan } from './json-scan.ts';
import { NameTable } from './name-table.ts';

/** Bytes of the data that media parts carry in the request itself, such as an image in base64: they say nothing about
 *  how many tokens the part has. Only data that cannot be a text counts, so that no text passes for media: base64 of
 *  images, audio, video and PDF. The value at `range` was checked before; a body without media needs no look. */
export function countMediaBytes(body: Buffer, range: ByteRange, partTypes: NameTable<string>): number {
  walk.start(body, range.start, range.end);
  try {
    return new MediaWalk(body, partTypes).sum();
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
]);
const partType = 0;
const inputAudio = 1;

const holderFields = new NameTable(['type', 'data', 'url', 'file_data']);
const base64 = new NameTable(['base64']);

class MediaWalk {
  readonly #body: Buffer;
  readonly #partTypes: NameTable<string>;
  #bytes = 0;

  constructor(body: Buffer, partTypes: NameTable<string>) {
    this.#body = body;
    this.#partTypes = partTypes;
  }

  sum(): number {
    this.#value();
    return this.#bytes;
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
    let isMedia = false;
    let held = 0;
    walk.enter();
    while (walk.nextMember()) {
      const field = walk.key(partFields);
      if (field === -1) this.#value();
      else if (field === partType) isMedia = walk.name(this.#partTypes) !== -1 || isMedia;
      else held += this.#holder(field === inputAudio);
    }
    if (isMedia) this.#bytes += held;
  }

  /** Bytes of data in the value here, which it passes. Parts may lie in it, too: those add up by themselves. */
  #holder(isAudio: boolean): number {
    if (walk.isString) return this.#dataUrl();
    if (!walk.isObject) {
      this.#value();
      return 0;
    }
    let types = 0;
    let isBase64 = false;
    let data = 0;
    let urls = 0;
    walk.enter();
    while (walk.nextMember()) {
      switch (walk.key(holderFields)) {
        case 0:
          types += 1;
          isBase64 = walk.name(base64) !== -1;
          break;
        case 1:
          data += this.#string();
          break;
        case 2:
        case 3:
          urls += this.#dataUrl();
          break;
        default:
          this.#value();
      }
    }
    // A type said twice may be read as either by the provider, and one of the two says that the data is a text.
    return urls + (isAudio || (types === 1 && isBase64) ? data : 0);
  }

  #string(): number {
    const start = walk.at;
    const { isString } = walk;
    this.#value();
    return isString ? walk.at - start - quotes : 0;
  }

  #dataUrl(): number {
    const start = walk.at + 1;
    const bytes = this.#string();
    const head = this.#body.toString('latin1', start, start + Math.min(bytes, dataUrlHeadBytesMax));
    return mediaDataUrl.test(head) ? bytes : 0;
  }
}

const quotes = 2;
/** Of what stands before the data: a media type with parameters. */
const dataUrlHeadBytesMax = 128;
/** In the bytes of the JSON string: some encoders escape a slash. */
const mediaDataUrl = /^data:(?:(?:image|audio|video)\\?\/|application\\?\/pdf)[^,]*;base64,/i;

// One reader for all: it is never left half-way, and reading is synchronous.
const walk = new JsonScan();
