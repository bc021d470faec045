import type { EventProblem } from './usage-event.ts';

type Attributes = Readonly<Record<string, unknown>>;

/** Names of configuration have at most so many characters; a source may be a URL. */
const wordLengthMax = 200;
const sourceLengthMax = 500;
/** CloudEvents: lower-case letters and digits. */
const attributePattern = /^[a-z0-9]{1,40}$/;
const instantPattern = /^(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}:\d{2})(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/i;

/** Reads members of one event and says everything that is wrong with it, each with its path. */
export class EventFields {
  readonly #place: string;
  readonly #problems: EventProblem[];
  readonly #before: number;

  constructor(place: string, problems: EventProblem[]) {
    this.#place = place;
    this.#problems = problems;
    this.#before = problems.length;
  }

  get failed(): boolean {
    return this.#problems.length > this.#before;
  }

  refuse(path: string, message: string): undefined {
    this.#problems.push({ path: [this.#place, path].filter(part => part !== '').join('.'), message });
    return undefined;
  }

  object(value: unknown, path: string): Attributes | undefined {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
    return this.refuse(path, value === undefined ? 'is missing' : 'must be an object');
  }

  /** Extensions may be there; they are kept and mean nothing here. */
  checkAttributes(event: Attributes): void {
    for (const [attribute, value] of Object.entries(event)) {
      if (value === undefined || attribute === 'data' || attribute === 'data_base64') continue;
      if (!attributePattern.test(attribute)) {
        this.refuse(attribute.slice(0, 60), 'is not an attribute of CloudEvents: lower-case letters and digits');
      } else if (!['string', 'boolean', 'number'].includes(typeof value) && value !== null) {
        this.refuse(attribute, 'must be text, a number or a truth value');
      }
    }
  }

  refuseUnknown(owner: Attributes, path: string, known: readonly string[]): void {
    for (const member of Object.keys(owner)) {
      if (!known.includes(member)) this.refuse(`${path}.${member.slice(0, 60)}`, 'nothing has this name here');
    }
  }

  name(event: Attributes): { readonly source: string; readonly id: string } | undefined {
    const source = this.word(event, 'source', { required: true, lengthMax: sourceLengthMax });
    const id = this.word(event, 'id', { required: true });
    return source === undefined || id === undefined ? undefined : { source, id };
  }

  /** The last part of `path` is the member's name. */
  word(
    owner: Attributes,
    path: string,
    { required = false, lengthMax = wordLengthMax }: { readonly required?: boolean; readonly lengthMax?: number } = {},
  ): string | undefined {
    const value = owner[path.slice(path.lastIndexOf('.') + 1)];
    if (value === undefined) return required ? this.refuse(path, 'is missing') : undefined;
    if (typeof value === 'string' && /^[\x21-\x7e]+$/.test(value) && value.length <= lengthMax) return value;
    return this.refuse(path, `must be 1 to ${lengthMax} visible characters of ASCII`);
  }

  /** A whole number that JSON can say exactly. */
  whole(
    owner: Attributes,
    path: string,
    { required = false, max = Number.MAX_SAFE_INTEGER }: { readonly required?: boolean; readonly max?: number } = {},
  ): number | undefined {
    const value = owner[path.slice(path.lastIndexOf('.') + 1)];
    if (value === undefined) return required ? this.refuse(path, 'is missing') : undefined;
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= max) {
      // -0 is written by some and means zero.
      return value + 0;
    }
    return this.refuse(path, `must be a whole number from 0 to ${max}`);
  }

  instant(
    owner: Attributes,
    path: string,
    bounds: { readonly nowMs: number; readonly lateMaxMs: number; readonly aheadMaxMs: number },
  ): number | undefined {
    const value = owner[path];
    if (value === undefined) return this.refuse(path, 'is missing');
    const match = typeof value === 'string' ? instantPattern.exec(value) : null;
    const atMs = match === null ? Number.NaN : Date.parse(match[0].toUpperCase());
    if (Number.isNaN(atMs) || !isCalendarDay(match![1]!)) {
      return this.refuse(path, 'must be an instant such as 2026-09-01T12:00:00Z');
    }
    if (atMs > bounds.nowMs + bounds.aheadMaxMs) {
      return this.refuse(path, `is more than ${bounds.aheadMaxMs / 60_000} minutes ahead`);
    }
    if (atMs < bounds.nowMs - bounds.lateMaxMs) {
      return this.refuse(path, `is more than ${bounds.lateMaxMs / 86_400_000} days ago`);
    }
    return Math.floor(atMs);
  }
}

/** Date takes the 30th of February for the 2nd of March. */
function isCalendarDay(day: string): boolean {
  const at = new Date(`${day}T00:00:00Z`);
  return !Number.isNaN(at.getTime()) && at.toISOString().startsWith(day);
}
