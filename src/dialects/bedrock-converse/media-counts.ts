import type { ByteRange } from '../dialect.ts';
import { JsonScan } from '../json-scan.ts';
import { type MediaCounts, noMedia } from '../media-bytes.ts';
import { NameTable } from '../name-table.ts';

/** What is counted of the content of messages. */
export interface ContentCounts {
  readonly media: MediaCounts;
  /** Blocks of earlier thinking. */
  readonly reasoningBlocks: number;
}

const nothing: ContentCounts = { media: noMedia, reasoningBlocks: 0 };

/** Counts images, documents, audio and reasoning where they stand as blocks: in messages, in the results of tools and in what a
 *  guardrail is to look at. The arguments of a tool may look like one and are none. What is of another form than the dialect's
 *  is the provider's to refuse. A body that names none of them, however it is escaped, needs no look. */
export function countContent(body: Buffer, messages: ByteRange | undefined): ContentCounts {
  if (messages === undefined || !mayHoldBlocks(body)) return nothing;
  walk.start(body, messages.start, messages.end);
  try {
    return new ContentWalk(body).counts();
  } finally {
    walk.release();
  }
}

const needles = ['"image"', '"document"', '"audio"', '"video"', '"reasoningContent"', '"searchResult"'].map(name =>
  Buffer.from(name),
);
const escapes = Buffer.from('\\u00');

/** Letters of a name may be escaped; those of these names all lie in the first 256. */
function mayHoldBlocks(body: Buffer): boolean {
  return needles.some(needle => body.includes(needle)) || body.includes(escapes);
}

const messageFields = new NameTable(['content']);
const blockFields = new NameTable([
  'image',
  'document',
  'audio',
  'video',
  'reasoningContent',
  'toolResult',
  'guardContent',
]);
const holderFields = new NameTable(['format', 'source']);
const sourceFields = new NameTable(['bytes', 'text', 'content']);
/** Documents that are the text they hold: the letters of their base64 are more than its bytes, so these bound its tokens. */
const textFormats = new NameTable(['txt', 'md', 'html', 'csv']);
/** Archives, whose text may be many times as long. */
const packedFormats = new NameTable(['doc', 'docx', 'xls', 'xlsx']);

class ContentWalk {
  readonly #body: Buffer;
  readonly #media = { ...noMedia } as { -readonly [Name in keyof MediaCounts]: number };
  #reasoningBlocks = 0;

  constructor(body: Buffer) {
    this.#body = body;
  }

  counts(): ContentCounts {
    this.#list(() => this.#content());
    return { media: this.#media, reasoningBlocks: this.#reasoningBlocks };
  }

  #list(each: () => void): void {
    if (!walk.isArray) {
      walk.skip();
      return;
    }
    walk.enter();
    while (walk.nextElement()) each();
  }

  /** A message, or the result of a tool. */
  #content(): void {
    this.#members(messageFields, () => this.#list(() => this.#block()));
  }

  #members(table: NameTable<string>, read: (field: number) => void): void {
    if (!walk.isObject) {
      walk.skip();
      return;
    }
    walk.enter();
    while (walk.nextMember()) {
      const field = walk.key(table);
      if (field === -1) walk.skip();
      else read(field);
    }
  }

  #block(): void {
    this.#members(blockFields, field => {
      switch (field) {
        case 0:
          this.#image();
          break;
        case 1:
          this.#document();
          break;
        case 2:
          this.#audio();
          break;
        case 3:
          // Video counts as a document without a size.
          this.#media.documentsUnsized += 1;
          this.#media.bytesInBody += this.#held().letters;
          break;
        case 4:
          this.#reasoningBlocks += 1;
          walk.skip();
          break;
        case 5:
          this.#content();
          break;
        default:
          this.#block();
      }
    });
  }

  #image(): void {
    this.#media.images += 1;
    this.#media.bytesInBody += this.#held().letters;
  }

  #audio(): void {
    const { letters } = this.#held();
    this.#media.bytesInBody += letters;
    if (letters === 0) this.#media.audioUnsized += 1;
    else this.#media.audioBytes += bytesOf(letters);
  }

  /** Only data that cannot be a text are taken from the bytes that bound tokens: a PDF, and nothing that says two things. */
  #document(): void {
    const { letters, formats, isText } = this.#held();
    const [format] = formats;
    if (isText && letters === 0) return;
    if (letters === 0 || formats.length !== 1 || format === 'packed') {
      this.#media.documentsUnsized += 1;
    } else if (format !== 'text') {
      this.#media.documents += 1;
      this.#media.documentBytes += bytesOf(letters);
      if (!isText && format === 'pdf') this.#media.bytesInBody += letters;
    }
  }

  /** What stands in a block of media. */
  #held(): Held {
    const held: { letters: number; formats: string[]; isText: boolean } = { letters: 0, formats: [], isText: false };
    this.#members(holderFields, field => {
      if (field === 0) held.formats.push(this.#format());
      else this.#source(held);
    });
    return held;
  }

  #format(): string {
    const start = walk.at;
    walk.skip();
    const text = this.#body.toString('latin1', start, Math.min(walk.at, start + formatBytesMax));
    if (text === '"pdf"') return 'pdf';
    const name = Buffer.from(text.slice(1, -1), 'latin1');
    if (textFormats.find(name, 0, name.length) !== -1) return 'text';
    return packedFormats.find(name, 0, name.length) === -1 ? 'other' : 'packed';
  }

  #source(held: { letters: number; isText: boolean }): void {
    this.#members(sourceFields, field => {
      const start = walk.at;
      const { isString } = walk;
      walk.skip();
      if (field !== 0) held.isText = true;
      else if (isString) held.letters += walk.at - start - quotes;
    });
  }
}

interface Held {
  /** Of base64. */
  readonly letters: number;
  readonly formats: readonly string[];
  readonly isText: boolean;
}

const quotes = 2;
const formatBytesMax = 16;

function bytesOf(letters: number): number {
  return Math.ceil((letters * 3) / 4);
}

// One reader for all: it is never left half-way, and reading is synchronous.
const walk = new JsonScan();
