/** Keeps two authors from being put together where it would show: decides whether a text can be gone on with, and looks at
 *  the first words of who goes on. Pure. */

/** A longer text than this is not gone on with: it would be sent to the next provider, and is kept in memory until then. */
export const continuedBytesMax = 256 * 1024;

/** May somebody else write the rest of this text? Not of what looks like JSON, and not inside a block of code: a reader of
 *  prose takes a slight change of voice, a parser takes none. */
export function canBeContinued(text: string): boolean {
  const begun = text.trimStart();
  if (begun === '' || Buffer.byteLength(text) > continuedBytesMax) return false;
  if (begun.startsWith('{') || begun.startsWith('[')) return false;
  return !isInsideFence(text);
}

/** An odd number of lines that begin with a fence (https://spec.commonmark.org/0.31.2/#fenced-code-blocks, 2026-11). */
function isInsideFence(text: string): boolean {
  let open: string | undefined;
  for (const line of text.split('\n')) {
    const fence = /^ {0,3}(`{3,}|~{3,})/.exec(line)?.[1];
    if (fence === undefined) continue;
    if (open === undefined) open = fence;
    else if (fence[0] === open[0] && fence.length >= open.length) open = undefined;
  }
  return open !== undefined;
}

/** An author who goes on says the last words again at most so far back. */
export const overlapLettersMax = 200;
/** Fewer letters than this are the same by chance: "fre" and "edom" share one. */
export const overlapLettersMin = 8;
/** An author whose first so many letters are those of the answer's beginning answers anew. */
const anewLetters = 24;
/** All of a shorter text may be a beginning by chance. */
const wholeLettersMin = 3;

/** The first words of who goes on, until it is clear what they are. */
export class SeamReader {
  readonly #shown: string;
  readonly #tail: string;
  /** White space that the text ended in, which its prefill had to leave out. */
  readonly #space: string;
  #held = '';
  #isOpen = true;
  /** Characters that were said again and left out. */
  overlap = 0;

  constructor(shown: string) {
    this.#shown = shown;
    this.#tail = shown.slice(-overlapLettersMax);
    this.#space = /\s*$/.exec(shown)![0];
  }

  /** The text that may be shown now; undefined when the author does not go on but answers from the beginning. */
  push(text: string): string | undefined {
    if (!this.#isOpen) return text;
    this.#held += text;
    return this.#isUndecided() ? '' : this.#decide();
  }

  /** What is left when nothing more comes. */
  finish(): string | undefined {
    return this.#isOpen && this.#held !== '' ? this.#decide() : '';
  }

  #isUndecided(): boolean {
    const held = this.#held;
    if (held.length < anewLetters && this.#shown.startsWith(held)) return true;
    // It may still become the end of what was shown, or a longer part of it.
    for (let from = 0; from < this.#tail.length - held.length; from++) {
      if (this.#tail.startsWith(held, from)) return true;
    }
    return this.#space.length > held.length && this.#space.startsWith(held);
  }

  #decide(): string | undefined {
    this.#isOpen = false;
    const held = this.#held;
    this.#held = '';
    const repeated = repeatedLetters(this.#tail, held) || wholeLetters(this.#shown, held);
    if (repeated === 0 && beginsAnew(this.#shown, held)) return undefined;
    this.overlap = repeated > 0 ? repeated : spaceLetters(this.#space, held);
    return held.slice(this.overlap);
  }
}

/** The longest beginning of `next` that `tail` ends in, if it is long enough to be no chance. */
function repeatedLetters(tail: string, next: string): number {
  for (let letters = Math.min(tail.length, next.length); letters >= overlapLettersMin; letters--) {
    if (tail.endsWith(next.slice(0, letters))) return letters;
  }
  return 0;
}

/** A short text is all said again. */
function wholeLetters(shown: string, next: string): number {
  const isShort = shown.length >= wholeLettersMin && shown.length < anewLetters;
  return isShort && next.startsWith(shown) ? shown.length : 0;
}

function beginsAnew(shown: string, next: string): boolean {
  return next.length >= anewLetters && shown.startsWith(next.slice(0, anewLetters));
}

function spaceLetters(space: string, next: string): number {
  let letters = 0;
  while (letters < space.length && letters < next.length && space[letters] === next[letters]) letters += 1;
  return letters;
}
