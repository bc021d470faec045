import { isRecord, type WireRecord } from '../wire-values.ts';
import { Inexpressible, type SchemaNode } from './schema-node.ts';

interface Definition {
  readonly name: string;
  /** undefined while it is being lowered: then a reference to it makes the schema contain itself. */
  schema: SchemaNode | undefined;
}

/** What a schema refers to within itself. Each target is lowered once, whatever the number of references; those that are
 *  no definition become one. */
export class SchemaDefinitions {
  readonly #root: unknown;
  readonly #recursion: boolean;
  readonly #lower: (target: unknown) => SchemaNode;
  readonly #byPointer = new Map<string, Definition>();
  /** Names in use, each with the last number that was given behind it. */
  readonly #names = new Map<string, number>();

  constructor(root: unknown, recursion: boolean, lower: (target: unknown) => SchemaNode) {
    this.#root = root;
    this.#recursion = recursion;
    this.#lower = lower;
  }

  /** The reference to write for a reference that was read. */
  reference(pointer: unknown): string {
    const { value, at } = this.#follow(pointer);
    if (at === '#') {
      if (!this.#recursion) throw new Inexpressible();
      return '#';
    }
    const known = this.#byPointer.get(at);
    if (known !== undefined) {
      if (known.schema === undefined && !this.#recursion) throw new Inexpressible();
      return `#/$defs/${known.name}`;
    }
    const definition: Definition = { name: this.#freeName(at), schema: undefined };
    this.#byPointer.set(at, definition);
    definition.schema = this.#lower(value);
    return `#/$defs/${definition.name}`;
  }

  /** A schema that is nothing but a reference is what it refers to. */
  resolved(schema: unknown): unknown {
    return isRecord(schema) && schema['$ref'] !== undefined ? this.#follow(schema['$ref']).value : schema;
  }

  /** undefined when nothing was referred to. */
  lowered(): SchemaNode | undefined {
    if (this.#byPointer.size === 0) return undefined;
    return Object.fromEntries([...this.#byPointer.values()].map(({ name, schema }) => [name, schema]));
  }

  /** References to references, to their end; round in a circle there is none. */
  #follow(pointer: unknown): { readonly value: unknown; readonly at: string } {
    const seen = new Set<string>();
    let at = pointer;
    for (;;) {
      if (typeof at !== 'string' || at.length > pointerLettersMax) throw new Inexpressible();
      if (seen.has(at) || seen.size === chainMax) throw new Inexpressible();
      seen.add(at);
      const value = this.#find(at);
      if (!isRecord(value) || value['$ref'] === undefined || value === this.#root) return { value, at };
      at = value['$ref'];
    }
  }

  /** JSON Pointer within the schema (RFC 6901); other documents and anchors are not looked for. */
  #find(pointer: string): unknown {
    if (pointer === '#') return this.#root;
    if (!pointer.startsWith('#/')) throw new Inexpressible();
    let value: unknown = this.#root;
    for (const step of pointer.slice(2).split('/')) {
      const key = decoded(step);
      if (Array.isArray(value) && /^\d{1,9}$/.test(key)) value = value[Number(key)];
      else if (isRecord(value) && Object.hasOwn(value, key)) value = (value as WireRecord)[key];
      else throw new Inexpressible();
    }
    return value;
  }

  #freeName(pointer: string): string {
    const last = decoded(pointer.slice(pointer.lastIndexOf('/') + 1));
    const wanted = /^[A-Za-z][\w-]{0,63}$/.test(last) ? last : 'definition';
    let name = wanted;
    for (let again = this.#names.get(wanted) ?? 1; this.#names.has(name); again += 1) {
      name = `${wanted}_${again + 1}`;
      this.#names.set(wanted, again + 1);
    }
    this.#names.set(name, 1);
    return name;
  }
}

/** No generator of schemas comes near either. */
const pointerLettersMax = 1_024;
const chainMax = 64;

function decoded(step: string): string {
  try {
    return decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~');
  } catch {
    throw new Inexpressible();
  }
}
