import { isRecord, type WireRecord } from '../wire-values.ts';
import { asWire, type WirePartialArg } from './wire.ts';

/** Arguments that come in pieces: each says by a path where its value belongs, and texts go on where they ended
 *  (@google/genai 3.1, PartialArg; RFC 9535; recorded traffic in github.com/vercel/ai, 2026-11). */
export class PartialArguments {
  readonly #root: Record<string, unknown> = {};
  /** Text so far, by path. */
  readonly #texts = new Map<string, string>();

  /** False for a piece that cannot be placed. */
  add(value: unknown): boolean {
    if (!isRecord(value)) return false;
    const piece = asWire<WirePartialArg>(value);
    const path = typeof piece.jsonPath === 'string' ? piece.jsonPath : '';
    const steps = stepsOf(path);
    if (steps === undefined) return false;
    return place(this.#root, steps, this.#valueOf(piece, path));
  }

  merge(args: WireRecord): void {
    for (const name of Object.keys(args)) setOwn(this.#root, name, args[name]);
  }

  text(): string {
    return JSON.stringify(this.#root);
  }

  #valueOf(piece: WirePartialArg, path: string): unknown {
    if (typeof piece.stringValue === 'string') {
      const text = (this.#texts.get(path) ?? '') + piece.stringValue;
      this.#texts.set(path, text);
      return text;
    }
    return piece.numberValue ?? piece.boolValue ?? null;
  }
}

/** `$.a.b[0]['c d']`; undefined for anything else, and for the whole itself. */
function stepsOf(path: string): readonly (string | number)[] | undefined {
  if (path.length > pathLettersMax || !path.startsWith('$')) return undefined;
  const steps: (string | number)[] = [];
  const pattern = /\.([^.[\]'"]+)|\[(\d{1,6})\]|\['((?:[^'\\]|\\.)*)'\]|\["((?:[^"\\]|\\.)*)"\]/y;
  pattern.lastIndex = 1;
  while (pattern.lastIndex < path.length) {
    const found = pattern.exec(path);
    if (found === null) return undefined;
    const [, name, index, single, double] = found;
    steps.push(index === undefined ? (name ?? (single ?? double ?? '').replace(/\\(.)/g, '$1')) : Number(index));
  }
  return steps.length === 0 || steps.length > stepsMax ? undefined : steps;
}

const pathLettersMax = 4_096;
/** As deep as JSON may be here. */
const stepsMax = 100;
/** Lists grow entry by entry. */
const gapMax = 1_000;

function place(root: Record<string, unknown>, steps: readonly (string | number)[], value: unknown): boolean {
  let at: unknown = root;
  for (const [depth, step] of steps.entries()) {
    const isLast = depth === steps.length - 1;
    const next = typeof steps[depth + 1] === 'number' ? [] : {};
    if (typeof step === 'number') {
      if (!Array.isArray(at) || step > at.length + gapMax) return false;
      while (at.length < step) at.push(null);
      if (isLast) at[step] = value;
      else at[step] ??= next;
      at = at[step];
    } else {
      if (typeof at !== 'object' || at === null || Array.isArray(at)) return false;
      const holder = at as Record<string, unknown>; // It is an object and no list.
      if (isLast) setOwn(holder, step, value);
      else if (!Object.hasOwn(holder, step) || holder[step] === null) setOwn(holder, step, next);
      at = holder[step];
    }
  }
  return true;
}

/** A property of any name is just that. */
function setOwn(holder: Record<string, unknown>, name: string, value: unknown): void {
  Object.defineProperty(holder, name, { value, writable: true, enumerable: true, configurable: true });
}
