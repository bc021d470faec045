import { invalid } from './errors.ts';

const shownMax = 5;

/** What the service's own model of the request says of it, before anybody looks at what it means: all at once, with
 *  paths that count from 1. */
export class Constraints {
  readonly #broken: string[] = [];

  #add(path: string, value: unknown, rule: string): void {
    this.#broken.push(`Value ${show(value)} at '${path}' failed to satisfy constraint: ${rule}`);
  }

  /** True when it is there. */
  present(path: string, value: unknown): boolean {
    if (value !== undefined && value !== null) return true;
    this.#broken.push(`Value at '${path}' failed to satisfy constraint: Member must not be null`);
    return false;
  }

  pattern(path: string, value: unknown, pattern: string): void {
    if (typeof value !== 'string' || new RegExp(`^(?:${pattern})$`).test(value)) return;
    this.#add(path, value, `Member must satisfy regular expression pattern: ${pattern}`);
  }

  length(path: string, value: unknown, [least, most]: readonly [number, number]): void {
    const length = typeof value === 'string' || Array.isArray(value) ? value.length : undefined;
    if (length === undefined) return;
    if (length < least) this.#add(path, value, `Member must have length greater than or equal to ${least}`);
    if (length > most) this.#add(path, value, `Member must have length less than or equal to ${most}`);
  }

  range(path: string, value: unknown, [least, most]: readonly [number, number]): void {
    if (typeof value !== 'number') return;
    if (value < least) this.#add(path, value, `Member must have value greater than or equal to ${least}`);
    if (value > most) this.#add(path, value, `Member must have value less than or equal to ${most}`);
  }

  oneOf(path: string, value: unknown, known: readonly string[]): void {
    if (value === undefined || value === null || known.includes(value as string)) return;
    this.#add(path, value, `Member must satisfy enum value set: [${known.join(', ')}]`);
  }

  /** Throws Refusal when something was broken. */
  refuse(): void {
    const count = this.#broken.length;
    if (count === 0) return;
    const noun = count === 1 ? '1 validation error' : `${count} validation errors`;
    throw invalid(`${noun} detected: ${this.#broken.slice(0, shownMax).join('; ')}`);
  }
}

function show(value: unknown): string {
  return `'${(typeof value === 'string' ? value : JSON.stringify(value)).slice(0, 100)}'`;
}
