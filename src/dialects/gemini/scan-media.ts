import type { JsonScan } from '../json-scan.ts';
import { type MediaCounts, noMedia } from '../media-bytes.ts';
import { NameTable } from '../name-table.ts';

const contentFields = new NameTable(['parts']);
const partFields = new NameTable([
  'inlineData',
  'fileData',
  'functionResponse',
  'thoughtSignature',
  'inline_data',
  'file_data',
  'function_response',
  'thought_signature',
]);
const holderFields = new NameTable(['mimeType', 'data', 'mime_type']);

/** Goes over the contents of a request as they are scanned, and counts what is no text. Only where the API has a place for
 *  media: what stands in arguments and results is text to the model, whatever it is called. Where something may be read in
 *  two ways it counts as the larger, since the counts bound holds. */
export class MediaWalk {
  readonly counts = { ...noMedia } as { -readonly [Name in keyof MediaCounts]: number };
  /** Parts with opaque state. */
  signatures = 0;
  isEmpty = true;
  readonly #scan: JsonScan;
  readonly #body: Buffer;

  constructor(scan: JsonScan, body: Buffer) {
    this.#scan = scan;
    this.#body = body;
  }

  contents(): void {
    this.#each(() => this.#content());
  }

  /** Entries of a list, or the one entry that stands in its place. */
  #each(entry: () => void): void {
    const scan = this.#scan;
    if (!scan.isArray) {
      entry();
      return;
    }
    scan.enter();
    while (scan.nextElement()) entry();
  }

  #content(): void {
    const scan = this.#scan;
    if (!scan.isObject) {
      scan.skip();
      return;
    }
    scan.enter();
    while (scan.nextMember()) {
      if (scan.key(contentFields) === -1) scan.skip();
      else this.#each(() => this.#part());
    }
  }

  #part(): void {
    const scan = this.#scan;
    if (!scan.isObject) {
      scan.skip();
      return;
    }
    scan.enter();
    while (scan.nextMember()) {
      const field = scan.key(partFields);
      switch (field === -1 ? -1 : field % 4) {
        case 0:
          this.#holder(true);
          break;
        case 1:
          this.#holder(false);
          break;
        case 2:
          // Its own parts; what else stands in a result is text.
          this.#content();
          break;
        case 3:
          this.signatures += 1;
          scan.skip();
          break;
        default:
          scan.skip();
      }
    }
  }

  /** `isInline`: its bytes are in the request. */
  #holder(isInline: boolean): void {
    const scan = this.#scan;
    this.isEmpty = false;
    const types: string[] = [];
    let letters = 0;
    if (!scan.isObject) scan.skip();
    else {
      scan.enter();
      while (scan.nextMember()) {
        const field = scan.key(holderFields);
        const start = scan.at;
        const { isString } = scan;
        scan.skip();
        if (field === -1 || !isString) continue;
        if (field === 1) letters += scan.at - start - quotes;
        else types.push(this.#body.toString('latin1', start + 1, Math.min(scan.at - 1, start + 1 + typeBytesMax)));
      }
    }
    this.#add(types, isInline ? letters : 0);
  }

  #add(types: readonly string[], letters: number): void {
    const { counts } = this;
    const bytes = Math.ceil((letters * 3) / 4);
    const isSized = letters > 0;
    const kinds = types.length === 0 ? ['other'] : types.map(kindOf);
    for (const kind of kinds) {
      if (kind === 'text' && isSized) continue;
      if (kind === 'image') counts.images += 1;
      else if (kind === 'audio' && isSized) counts.audioBytes += bytes;
      else if (kind === 'audio') counts.audioUnsized += 1;
      else if (kind === 'document' && isSized) {
        counts.documents += 1;
        counts.documentBytes += bytes;
      } else counts.documentsUnsized += 1;
    }
    // What cannot be a text bounds no tokens.
    if (
      kinds.length === 1 &&
      (kinds[0] === 'image' || kinds[0] === 'audio' || kinds[0] === 'document' || kinds[0] === 'video')
    ) {
      counts.bytesInBody += letters;
    }
  }
}

const quotes = 2;
const typeBytesMax = 64;

/** In the bytes of the JSON string: some encoders escape a slash. */
function kindOf(type: string): 'image' | 'audio' | 'video' | 'document' | 'text' | 'other' {
  const plain = type.replace('\\/', '/').toLowerCase();
  if (plain.startsWith('image/')) return 'image';
  if (plain.startsWith('audio/')) return 'audio';
  if (plain.startsWith('video/')) return 'video';
  if (plain.startsWith('application/pdf')) return 'document';
  return plain.startsWith('text/') ? 'text' : 'other';
}
