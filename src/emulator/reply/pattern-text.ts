import type { Seed } from './seed.ts';

/** A text that matches a regular expression, or undefined where this small writer cannot make one: literals, classes,
 *  groups, alternatives and quantifiers are written; look-around and back references are not. The result is checked
 *  against the real expression. Higher attempts write longer repetitions. */
export function writePattern(pattern: string, seed: Seed, attempt: number): string | undefined {
  let expression: RegExp;
  try {
    expression = new RegExp(pattern, 'u');
  } catch {
    return undefined;
  }
  const cursor: Cursor = { pattern, at: 0, seed, attempt, budget: writtenMax };
  try {
    const text = writeAlternatives(cursor);
    return cursor.at === pattern.length && expression.test(text) ? text : undefined;
  } catch (error) {
    if (error instanceof UnsupportedPattern) return undefined;
    throw error;
  }
}

class UnsupportedPattern extends Error {}

interface Cursor {
  readonly pattern: string;
  at: number;
  readonly seed: Seed;
  readonly attempt: number;
  /** Steps left: nested repetitions multiply. */
  budget: number;
}

const writtenMax = 20_000;
const wordCharacters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_';
const digits = '0123456789';
const printable = ` ${wordCharacters}!#$%&()*+,-./:;<=>?@[]^{|}~`;

function writeAlternatives(cursor: Cursor): string {
  const branches = [writeSequence(cursor)];
  while (cursor.pattern[cursor.at] === '|') {
    cursor.at += 1;
    branches.push(writeSequence(cursor));
  }
  return branches[cursor.seed.below(branches.length)]!;
}

function writeSequence(cursor: Cursor): string {
  let text = '';
  while (cursor.at < cursor.pattern.length) {
    const character = cursor.pattern[cursor.at]!;
    if (character === '|' || character === ')') break;
    text += writeRepeated(cursor);
  }
  return text;
}

/** An atom and its quantifier. The atom is read again for every repetition, so that its choices vary. */
function writeRepeated(cursor: Cursor): string {
  const start = cursor.at;
  const first = writeAtom(cursor);
  const end = cursor.at;
  const count = readQuantifier(cursor);
  const after = cursor.at;
  if (count === undefined) return first;
  let text = '';
  for (let repetition = 0; repetition < count; repetition += 1) {
    cursor.at = start;
    text += writeAtom(cursor);
    if (cursor.at !== end) throw new UnsupportedPattern();
  }
  cursor.at = after;
  return text;
}

function readQuantifier(cursor: Cursor): number | undefined {
  const match = /^(?:([?*+])|\{(\d{1,4})(,?)(\d{0,4})\})\??/.exec(cursor.pattern.slice(cursor.at, cursor.at + 16));
  if (match === null) return undefined;
  cursor.at += match[0].length;
  const [, sign, low, comma, high] = match;
  if (sign === '?') return cursor.seed.below(2);
  if (sign !== undefined) return (sign === '+' ? 1 : 0) + cursor.seed.below(3) + cursor.attempt;
  const least = Number(low);
  if (comma === '') return least;
  const most = high === '' ? least + 3 + cursor.attempt : Number(high);
  return least + cursor.seed.below(Math.max(1, Math.min(most - least + 1, 4 + cursor.attempt)));
}

function writeAtom(cursor: Cursor): string {
  cursor.budget -= 1;
  if (cursor.budget < 0) throw new UnsupportedPattern();
  const character = cursor.pattern[cursor.at]!;
  cursor.at += 1;
  switch (character) {
    case '^':
    case '$':
      return '';
    case '.':
      return pick(cursor, wordCharacters);
    case '(':
      return writeGroup(cursor);
    case '[':
      return pick(cursor, readClass(cursor));
    case '\\':
      return pickEscape(cursor);
    case '*':
    case '+':
    case '?':
    case '{':
      throw new UnsupportedPattern();
    default:
      return character;
  }
}

function writeGroup(cursor: Cursor): string {
  if (cursor.pattern[cursor.at] === '?') {
    const opening = /^\?(?::|<[A-Za-z_]\w*>)/.exec(cursor.pattern.slice(cursor.at, cursor.at + 64));
    if (opening === null) throw new UnsupportedPattern();
    cursor.at += opening[0].length;
  }
  const text = writeAlternatives(cursor);
  if (cursor.pattern[cursor.at] !== ')') throw new UnsupportedPattern();
  cursor.at += 1;
  return text;
}

function pick(cursor: Cursor, characters: string): string {
  if (characters === '') throw new UnsupportedPattern();
  const all = [...characters];
  return all[cursor.seed.below(all.length)]!;
}

function pickEscape(cursor: Cursor): string {
  if (/[bB]/.test(cursor.pattern[cursor.at] ?? '')) {
    cursor.at += 1;
    return '';
  }
  return pick(cursor, readEscape(cursor));
}

/** The characters that the escape at the cursor stands for. */
function readEscape(cursor: Cursor): string {
  const character = cursor.pattern[cursor.at] ?? '';
  cursor.at += 1;
  switch (character) {
    case 'd':
      return digits;
    case 'w':
      return wordCharacters;
    case 's':
      return ' ';
    case 'D':
      return without(digits);
    case 'W':
      return without(wordCharacters);
    case 'S':
      return wordCharacters;
    case 'n':
      return '\n';
    case 't':
      return '\t';
    case 'r':
      return '\r';
    case 'x':
      return readCode(cursor, 2);
    case 'u':
      return readCode(cursor, 4);
    default:
      if (/[A-Za-z0-9]/.test(character)) throw new UnsupportedPattern();
      return character;
  }
}

function readCode(cursor: Cursor, length: number): string {
  const code = cursor.pattern.slice(cursor.at, cursor.at + length);
  if (code.length !== length || !/^[0-9A-Fa-f]+$/.test(code)) throw new UnsupportedPattern();
  cursor.at += length;
  return String.fromCharCode(Number.parseInt(code, 16));
}

function readClass(cursor: Cursor): string {
  const negated = cursor.pattern[cursor.at] === '^';
  if (negated) cursor.at += 1;
  let characters = '';
  while (cursor.at < cursor.pattern.length && cursor.pattern[cursor.at] !== ']') {
    const low = readClassMember(cursor);
    const isRange = cursor.pattern[cursor.at] === '-' && cursor.pattern[cursor.at + 1] !== ']' && low.length === 1;
    if (!isRange) {
      characters += low;
      continue;
    }
    cursor.at += 1;
    characters += range(low, readClassMember(cursor));
  }
  cursor.at += 1;
  return negated ? without(characters) : characters;
}

function readClassMember(cursor: Cursor): string {
  const character = cursor.pattern[cursor.at]!;
  cursor.at += 1;
  return character === '\\' ? readEscape(cursor) : character;
}

const rangeMax = 256;

function range(low: string, high: string): string {
  const from = low.charCodeAt(0);
  const to = Math.min(high.charCodeAt(0), from + rangeMax);
  let characters = '';
  for (let code = from; code <= to; code += 1) characters += String.fromCharCode(code);
  return characters;
}

function without(characters: string): string {
  return [...printable].filter(character => !characters.includes(character)).join('');
}
