import { Fault } from '../../completion/fault.ts';

/** A schema as it is written. */
export type SchemaNode = Readonly<Record<string, unknown>>;

/** There is no schema of the target's subset that allows nothing but what this one allows. */
export class Inexpressible extends Error {}

/** Work that one schema may cause. References can make a small schema large, so what is done is counted, not what is sent. */
export class SchemaWork {
  readonly #path: string;
  #left = schemaWorkMax;

  constructor(path: string) {
    this.#path = path;
  }

  /** Throws Fault('schema_too_complex') when nothing is left. */
  spend(steps: number): void {
    this.#left -= steps;
    if (this.#left >= 0) return;
    const message = `${this.#path} takes more than ${schemaWorkMax} steps to carry over.`;
    throw new Fault('schema_too_complex', message, { parameter: this.#path });
  }
}

/** JSON values of one schema, its own and all within, and keywords copied. The largest that a provider documents has 5,000
 *  properties. */
const schemaWorkMax = 50_000;
