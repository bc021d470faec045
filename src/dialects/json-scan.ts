import { NameTable } from './name-table.ts';

/** Deeper texts are refused: no dialect needs more, and a bound keeps the reader's stack small. */
export const jsonDepthMax = 128;

/** The text is not JSON, at a byte offset. Internal: callers turn it into a Fault or a note. */
export class JsonProblem extends Error {
  override readonly name = 'JsonProblem';
  readonly kind: 'malformed' | 'too-deep';
  readonly offset: number;

  constructor(kind: 'malformed' | 'too-deep', offset: number) {
    super(`${kind} at byte ${offset}`);
    this.kind = kind;
    this.offset = offset;
  }
}

/** Texts shorter than this are read byte by byte; a view of words does not pay. */
const wordViewBytesMin = 512;

const quote = 0x22;
const backslash = 0x5c;

/** Reads one JSON text in its bytes, in one pass, checking the whole grammar as it goes and building nothing.
 *  A caller pulls members and elements, and skips or slices the values. The same texts are accepted as by JSON.parse,
 *  up to the depth bound; whether the bytes are UTF-8 is the caller's to check (buffer.isUtf8). */
export class JsonScan {
  /** Where the reader stands. After `nextMember` and `nextElement`: the first byte of the value. */
  at = 0;
  /** Of the last member's key, quotes excluded. */
  keyStart = 0;
  keyEnd = 0;
  /** Of the last string skipped: escapes it had, so its bytes are not its text. */
  escaped = false;
  /** Objects with a `type` of these are counted in `counted`, while set. */
  countTypes: NameTable<string> | undefined = undefined;
  counted = 0;
  /** The same in `noted`, for types of another list. */
  noteTypes: NameTable<string> | undefined = undefined;
  noted = 0;

  #bytes: Buffer = emptyBytes;
  #end = 0;
  #depth = 0;
  #first = false;
  #words: Int32Array | undefined = undefined;
  #wordOffset = 0;

  /** Begins with the text at `start`, which ends before `end`. Bytes after `end` are never taken for text. */
  start(bytes: Buffer, start: number, end: number): void {
    this.#bytes = bytes;
    this.#end = end;
    this.#depth = 0;
    this.#first = false;
    this.countTypes = undefined;
    this.counted = 0;
    this.noteTypes = undefined;
    this.noted = 0;
    this.at = this.#space(start);
    if (end - start < wordViewBytesMin) {
      this.#words = undefined;
    } else {
      // Words lie at multiples of four of the memory below, which other buffers may share; none past the end is read.
      this.#wordOffset = bytes.byteOffset;
      this.#words = new Int32Array(bytes.buffer, 0, (bytes.byteOffset + end) >> 2);
    }
  }

  /** Lets go of the text, which may be large, until the next start. */
  release(): void {
    this.#bytes = emptyBytes;
    this.#words = undefined;
  }

  /** The first byte of the value here: which kind it is. */
  get byte(): number {
    return this.at < this.#end ? this.#bytes[this.at]! : -1;
  }

  get isObject(): boolean {
    return this.byte === 0x7b;
  }
  get isArray(): boolean {
    return this.byte === 0x5b;
  }
  get isString(): boolean {
    return this.byte === quote;
  }
  get isNull(): boolean {
    return this.byte === 0x6e;
  }

  /** Steps into the object or array here. */
  enter(): void {
    this.#depth += 1;
    if (this.#depth > jsonDepthMax) throw new JsonProblem('too-deep', this.at);
    this.#first = true;
    this.at += 1;
  }

  /** Goes to the value of the next member; false at the end of the object, which is then behind the reader. */
  nextMember(): boolean {
    const bytes = this.#bytes;
    let at = this.#space(this.at);
    const byte = bytes[at];
    if (byte === 0x7d) return this.#leave(at);
    if (this.#first) this.#first = false;
    else if (byte === 0x2c) at = this.#space(at + 1);
    else this.#fail(at);
    if (bytes[at] !== quote) this.#fail(at);
    this.keyStart = at + 1;
    at = this.#string(at + 1);
    this.keyEnd = at - 1;
    at = this.#space(at);
    if (bytes[at] !== 0x3a) this.#fail(at);
    this.at = this.#space(at + 1);
    return true;
  }

  /** Goes to the next element; false at the end of the array, which is then behind the reader. */
  nextElement(): boolean {
    const at = this.#space(this.at);
    const byte = this.#bytes[at];
    if (byte === 0x5d) return this.#leave(at);
    if (this.#first) {
      this.#first = false;
      this.at = at;
    } else if (byte === 0x2c) {
      this.at = this.#space(at + 1);
    } else {
      this.#fail(at);
    }
    return true;
  }

  /** Which of the names the last member's key is, compared after unescaping; -1 for none. */
  key(table: NameTable<string>): number {
    return this.#nameAt(table, this.keyStart, this.keyEnd, this.escaped);
  }

  /** Passes the value here. */
  skip(): void {
    this.at = this.#value(this.at, this.#depth);
  }

  /** Passes the string here and says which of the names it is; -1 for none, and for what is no string. */
  name(table: NameTable<string>): number {
    const start = this.at + 1;
    const isString = this.isString;
    this.skip();
    return isString ? this.#nameAt(table, start, this.at - 1, this.escaped) : -1;
  }

  /** Passes the value here and says how many UTF-8 bytes its text has; 0 for what is no string. */
  textBytes(): number {
    const start = this.at + 1;
    const isString = this.isString;
    this.skip();
    if (!isString) return 0;
    return this.escaped ? unescapedBytes(this.#bytes, start, this.at - 1) : this.at - 1 - start;
  }

  /** Passes the value here and parses it. For values known to be small or rare. */
  parse(): unknown {
    const start = this.at;
    this.skip();
    return JSON.parse(this.#bytes.toString('utf8', start, this.at));
  }

  /** After the outermost value: nothing but white space may follow. */
  finish(): void {
    this.at = this.#space(this.at);
    if (this.at !== this.#end) this.#fail(Math.min(this.at, this.#end));
  }

  #leave(at: number): false {
    this.#depth -= 1;
    this.#first = false;
    this.at = at + 1;
    return false;
  }

  #nameAt(table: NameTable<string>, start: number, end: number, escaped: boolean): number {
    if (!escaped) return table.find(this.#bytes, start, end);
    return table.names.indexOf(JSON.parse(this.#bytes.toString('utf8', start - 1, end + 1)));
  }

  #space(from: number): number {
    const bytes = this.#bytes;
    const end = this.#end;
    let at = from;
    while (at < end) {
      const byte = bytes[at];
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) break;
      at += 1;
    }
    return at;
  }

  /** From the first byte of a value to the byte after it. `depth` is how many objects and arrays it lies in. */
  #value(at: number, depth: number): number {
    switch (this.#bytes[at]) {
      case quote:
        return this.#string(at + 1);
      case 0x7b:
        return this.#object(at, depth + 1);
      case 0x5b:
        return this.#array(at, depth + 1);
      case 0x74:
        return this.#literal(at, literals.true);
      case 0x66:
        return this.#literal(at, literals.false);
      case 0x6e:
        return this.#literal(at, literals.null);
      default:
        return this.#number(at);
    }
  }

  #object(open: number, depth: number): number {
    if (depth > jsonDepthMax) throw new JsonProblem('too-deep', open);
    const bytes = this.#bytes;
    let at = this.#space(open + 1);
    if (bytes[at] === 0x7d) return at + 1;
    for (;;) {
      if (bytes[at] !== quote) this.#fail(at);
      const keyStart = at + 1;
      const keyEnd = this.#string(keyStart) - 1;
      const keyEscaped = this.escaped;
      at = this.#space(keyEnd + 1);
      if (bytes[at] !== 0x3a) this.#fail(at);
      const valueAt = this.#space(at + 1);
      const valueEnd = this.#value(valueAt, depth);
      if (this.countTypes !== undefined && bytes[valueAt] === quote) {
        const valueEscaped = this.escaped;
        if (this.#nameAt(typeName, keyStart, keyEnd, keyEscaped) === 0) {
          if (this.#nameAt(this.countTypes, valueAt + 1, valueEnd - 1, valueEscaped) !== -1) this.counted += 1;
          else if (
            this.noteTypes !== undefined &&
            this.#nameAt(this.noteTypes, valueAt + 1, valueEnd - 1, valueEscaped) !== -1
          ) {
            this.noted += 1;
          }
        }
      }
      at = this.#space(valueEnd);
      const byte = bytes[at];
      if (byte === 0x7d) return at + 1;
      if (byte !== 0x2c) this.#fail(at);
      at = this.#space(at + 1);
    }
  }

  #array(open: number, depth: number): number {
    if (depth > jsonDepthMax) throw new JsonProblem('too-deep', open);
    const bytes = this.#bytes;
    let at = this.#space(open + 1);
    if (bytes[at] === 0x5d) return at + 1;
    for (;;) {
      at = this.#space(this.#value(at, depth));
      const byte = bytes[at];
      if (byte === 0x5d) return at + 1;
      if (byte !== 0x2c) this.#fail(at);
      at = this.#space(at + 1);
    }
  }

  /** From the byte after the opening quote to the byte after the closing one. */
  #string(from: number): number {
    const bytes = this.#bytes;
    const words = this.#words;
    const offset = this.#wordOffset;
    this.escaped = false;
    let at = from;
    for (;;) {
      if (words !== undefined && ((at + offset) & 3) === 0) {
        // Four bytes at once: stop at a word with a quote, a backslash or a control character.
        let word = (at + offset) >> 2;
        const wordEnd = words.length;
        while (word < wordEnd) {
          const four = words[word]!;
          const quotes = four ^ 0x22222222;
          const backslashes = four ^ 0x5c5c5c5c;
          const hit =
            ((four - 0x20202020) & ~four) |
            ((quotes - 0x01010101) & ~quotes) |
            ((backslashes - 0x01010101) & ~backslashes);
          if ((hit & 0x80808080) !== 0) break;
          word += 1;
        }
        at = (word << 2) - offset;
      }
      if (at >= this.#end) this.#fail(this.#end);
      const byte = bytes[at]!;
      if (byte === quote) return at + 1;
      if (byte === backslash) {
        this.escaped = true;
        at = this.#escape(at);
      } else if (byte < 0x20) {
        this.#fail(at);
      } else {
        at += 1;
      }
    }
  }

  #escape(at: number): number {
    const bytes = this.#bytes;
    switch (bytes[at + 1]) {
      case quote:
      case backslash:
      case 0x2f:
      case 0x62:
      case 0x66:
      case 0x6e:
      case 0x72:
      case 0x74:
        return at + 2;
      case 0x75:
        for (let digit = at + 2; digit < at + 6; digit += 1) if (hexDigit(bytes[digit]) === -1) this.#fail(digit);
        return at + 6;
      default:
        return this.#fail(at + 1);
    }
  }

  #number(from: number): number {
    const bytes = this.#bytes;
    let at = from;
    if (bytes[at] === 0x2d) at += 1;
    if (bytes[at] === 0x30) at += 1;
    else at = this.#digits(at);
    if (bytes[at] === 0x2e) at = this.#digits(at + 1);
    if (bytes[at] === 0x65 || bytes[at] === 0x45) {
      at += 1;
      if (bytes[at] === 0x2b || bytes[at] === 0x2d) at += 1;
      at = this.#digits(at);
    }
    if (at > this.#end) this.#fail(this.#end);
    return at;
  }

  #digits(from: number): number {
    let at = from;
    while (at < this.#end && this.#bytes[at]! >= 0x30 && this.#bytes[at]! <= 0x39) at += 1;
    if (at === from) this.#fail(at);
    return at;
  }

  #literal(at: number, text: Uint8Array): number {
    if (at + text.length > this.#end) this.#fail(at);
    for (let offset = 1; offset < text.length; offset += 1) {
      if (this.#bytes[at + offset] !== text[offset]) this.#fail(at + offset);
    }
    return at + text.length;
  }

  #fail(at: number): never {
    throw new JsonProblem('malformed', at);
  }
}

/** How many UTF-8 bytes the text of a JSON string has, escapes resolved. The string was already checked. */
function unescapedBytes(bytes: Uint8Array, start: number, end: number): number {
  let count = end - start;
  let at = start;
  while (at < end) {
    if (bytes[at] !== backslash) {
      at += 1;
    } else if (bytes[at + 1] !== 0x75) {
      count -= 1;
      at += 2;
    } else {
      const unit = hexUnit(bytes, at + 2);
      const paired = isHigh(unit) && bytes[at + 6] === backslash && bytes[at + 7] === 0x75;
      if (paired && isLow(hexUnit(bytes, at + 8))) {
        count -= 12 - 4;
        at += 12;
      } else {
        // A lone surrogate becomes U+FFFD, three bytes, when it is written as UTF-8.
        count -= 6 - (unit < 0x80 ? 1 : unit < 0x800 ? 2 : 3);
        at += 6;
      }
    }
  }
  return count;
}

function hexUnit(bytes: Uint8Array, at: number): number {
  let unit = 0;
  for (let digit = at; digit < at + 4; digit += 1) unit = unit * 16 + hexDigit(bytes[digit]);
  return unit;
}

function hexDigit(byte: number | undefined): number {
  if (byte === undefined) return -1;
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

function isHigh(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

function isLow(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}

const emptyBytes = Buffer.alloc(0);
const typeName = new NameTable(['type']);
const literals = {
  true: Buffer.from('true'),
  false: Buffer.from('false'),
  null: Buffer.from('null'),
};
