import { type Loss, LossLedger } from '../../completion/loss.ts';
import type { LossCode } from '../../completion/loss-codes.ts';
import type { SchemaSubset } from '../../completion/profile.ts';
import { isExactNumber } from '../exact-json.ts';
import { isRecord, type WireRecord } from '../wire-values.ts';
import { mergeAllOf } from './schema-all-of.ts';
import { SchemaDefinitions } from './schema-definitions.ts';
import { Inexpressible, type SchemaNode, SchemaWork } from './schema-node.ts';

/** The schema in the part of JSON Schema that the target keeps to: whatever fits the result fits the schema, but for what
 *  is declared. undefined when there is no such schema, as for one that allows anything. Throws
 *  Fault('schema_too_complex') for one over our bound. */
export function lowerSchema(
  schema: unknown,
  subset: SchemaSubset,
  path: string,
): { readonly schema: SchemaNode; readonly losses: readonly Loss[] } | undefined {
  checkSize(schema, path);
  let made = attempt(schema, subset, path, subset.optionalMax === 0);
  if (made !== undefined && made.optional > subset.optionalMax) made = attempt(schema, subset, path, true);
  return made === undefined || isGrown(schema, made.schema) ? undefined : made;
}

/** What is sent is held for by the bytes of the client's request, so a schema may not grow much on the way: parts that are
 *  merged in many places do. What closes objects and requires properties stays below this. */
function isGrown(schema: unknown, made: SchemaNode): boolean {
  return JSON.stringify(made).length > 3 * JSON.stringify(schema).length + grownLettersMax;
}

const grownLettersMax = 512;

function checkSize(schema: unknown, path: string): void {
  const work = new SchemaWork(path);
  const waiting: unknown[] = [schema];
  for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
    work.spend(1);
    if (Array.isArray(value)) for (const entry of value) waiting.push(entry);
    else if (isRecord(value)) for (const key of Object.keys(value)) waiting.push(value[key]);
  }
}

interface Attempt {
  readonly schema: SchemaNode;
  readonly losses: readonly Loss[];
  readonly optional: number;
}

function attempt(schema: unknown, subset: SchemaSubset, path: string, requireAll: boolean): Attempt | undefined {
  const lowering = new SchemaLowering(schema, subset, path, requireAll);
  try {
    return lowering.run();
  } catch (error) {
    if (error instanceof Inexpressible) return undefined;
    throw error;
  }
}

/** They constrain nothing and say nothing to a model. */
const silent = new Set(['$schema', '$id', '$comment', '$defs', 'definitions', 'deprecated', 'readOnly', 'writeOnly']);
const structural = new Set([
  'type',
  'properties',
  'required',
  'additionalProperties',
  'items',
  'enum',
  'const',
  'anyOf',
  'oneOf',
  '$ref',
  'title',
  'description',
]);
/** Keywords of JSON Schema that a loss may name; others are the client's own words. */
const named = new Set(
  (
    'allOf not if then else dependentRequired dependentSchemas patternProperties propertyNames minProperties ' +
    'maxProperties unevaluatedProperties prefixItems contains minContains maxContains minItems maxItems uniqueItems ' +
    'unevaluatedItems minLength maxLength pattern format minimum maximum exclusiveMinimum exclusiveMaximum multipleOf ' +
    'default examples anyOf oneOf contentEncoding contentMediaType nullable discriminator'
  ).split(' '),
);

const types = new Set(['object', 'array', 'string', 'number', 'integer', 'boolean', 'null']);

class SchemaLowering {
  readonly #root: unknown;
  readonly #subset: SchemaSubset;
  readonly #path: string;
  readonly #requireAll: boolean;
  readonly #definitions: SchemaDefinitions;
  readonly #work: SchemaWork;
  readonly #losses = new LossLedger();
  readonly #declared = new Set<string>();
  #properties = 0;
  #enumValues = 0;
  #unions = 0;
  #optional = 0;
  /** Of schemas within schemas, through references too. */
  #depth = 0;

  constructor(root: unknown, subset: SchemaSubset, path: string, requireAll: boolean) {
    this.#root = root;
    this.#subset = subset;
    this.#path = path;
    this.#requireAll = requireAll;
    this.#work = new SchemaWork(path);
    this.#definitions = new SchemaDefinitions(root, subset.recursion, target => this.#node(target, 1));
  }

  run(): Attempt {
    const root = this.#definitions.resolved(this.#root);
    const lowered = this.#node(root, 1);
    if (this.#subset.objectOnly && lowered['type'] !== 'object') throw new Inexpressible();
    const definitions = this.#definitions.lowered();
    const schema = definitions === undefined ? lowered : { ...lowered, $defs: definitions };
    return { schema, losses: this.#losses.losses, optional: this.#optional };
  }

  #node(value: unknown, level: number): SchemaNode {
    if (!isRecord(value) || level > this.#subset.levelsMax) throw new Inexpressible();
    this.#work.spend(1);
    this.#depth += 1;
    if (this.#depth > depthMax) throw new Inexpressible();
    const node = value['$ref'] === undefined ? this.#plain(value, level) : this.#reference(value);
    this.#depth -= 1;
    return node;
  }

  #plain(value: WireRecord, level: number): SchemaNode {
    const schema = mergeAllOf(value, this.#definitions, this.#work);
    const own = { ...this.#kept(schema), ...this.#shape(schema, level) };
    const description = this.#description(schema);
    return description === undefined ? own : { ...own, description };
  }

  /** Providers refuse most keywords beside a reference; those that only describe are left out. */
  #reference(schema: WireRecord): SchemaNode {
    for (const keyword of Object.keys(schema)) {
      const describes = keyword === '$ref' || keyword === 'title' || keyword === 'description' || silent.has(keyword);
      if (!describes) this.#unsupported(keyword);
    }
    return { $ref: this.#definitions.reference(schema['$ref']) };
  }

  #shape(schema: WireRecord, level: number): SchemaNode {
    const alternatives = this.#alternatives(schema);
    if (alternatives !== undefined) {
      this.#unions += 1;
      if (this.#unions > this.#subset.unionsMax) throw new Inexpressible();
      return { anyOf: alternatives.map(branch => this.#node(branch, level)) };
    }
    const literals = this.#literals(schema);
    const type = typeOf(schema);
    if (type === undefined) {
      if (literals === undefined) throw new Inexpressible();
      return literals;
    }
    if (Array.isArray(type)) this.#unions += 1;
    if (this.#unions > this.#subset.unionsMax) throw new Inexpressible();
    const all: readonly string[] = typeof type === 'string' ? [type] : type;
    return {
      ...literals,
      type,
      ...(all.includes('object') ? this.#object(schema, level) : undefined),
      ...(all.includes('array') ? this.#array(schema, level) : undefined),
    };
  }

  /** Beside a type of its own, alternatives only narrow what the type says: they are left to the description. */
  #alternatives(schema: WireRecord): readonly unknown[] | undefined {
    const { anyOf, oneOf } = schema;
    if (anyOf === undefined && oneOf === undefined) return undefined;
    if (typeOf(schema) !== undefined || (anyOf !== undefined && oneOf !== undefined)) {
      if (anyOf !== undefined) this.#unsupported('anyOf');
      if (oneOf !== undefined) this.#unsupported('oneOf');
      return undefined;
    }
    const branches = anyOf ?? oneOf;
    if (!Array.isArray(branches) || branches.length === 0) throw new Inexpressible();
    if (anyOf === undefined) this.#declare('schema-one-of-as-any-of', this.#path);
    return branches;
  }

  #literals(schema: WireRecord): SchemaNode | undefined {
    const { enum: values, const: value } = schema;
    if (values !== undefined) {
      if (!Array.isArray(values) || values.length === 0 || !values.every(isPrimitive)) throw new Inexpressible();
      this.#enumValues += values.length;
      if (this.#enumValues > this.#subset.enumValuesMax) throw new Inexpressible();
      return { type: typeOfValues(values), enum: values };
    }
    if (value === undefined) return undefined;
    if (!isPrimitive(value)) throw new Inexpressible();
    return { type: typeOfValues([value]), const: value };
  }

  /** Objects are closed, which allows less than the client does. One that names no properties allows anything. */
  #object(schema: WireRecord, level: number): SchemaNode {
    const { properties = {}, required = [], additionalProperties } = schema;
    if (!isRecord(properties) || !Array.isArray(required)) throw new Inexpressible();
    const names = Object.keys(properties);
    const isOpen = this.#subset.openObjects === true;
    if (additionalProperties !== false && !isOpen) {
      if (names.length === 0) throw new Inexpressible();
      this.#declare('schema-closed', this.#path);
    }
    this.#properties += names.length;
    if (this.#properties > this.#subset.propertiesMax) throw new Inexpressible();
    const wanted = new Set(required);
    for (const name of wanted) {
      if (typeof name !== 'string' || !Object.hasOwn(properties, name)) throw new Inexpressible();
    }
    const optional = names.filter(name => !wanted.has(name));
    this.#optional += optional.length;
    if (this.#requireAll && optional.length > 0) this.#declare('schema-optional-required', this.#path);
    // Made from entries, so that a property of any name is just that.
    const lowered = Object.fromEntries(names.map(name => [name, this.#node(properties[name], level + 1)]));
    const needed = this.#requireAll ? [...wanted, ...optional] : [...wanted];
    const { requiredMin = 0, saysClosed = true } = this.#subset;
    if (names.length > 0 && needed.length < requiredMin) throw new Inexpressible();
    return {
      properties: lowered,
      ...(needed.length === 0 ? undefined : { required: needed }),
      ...(isOpen
        ? this.#further(additionalProperties, level)
        : saysClosed
          ? { additionalProperties: false }
          : undefined),
    };
  }

  /** What objects take beside the properties that are named. */
  #further(additionalProperties: unknown, level: number): SchemaNode | undefined {
    if (additionalProperties === undefined) return undefined;
    if (!isRecord(additionalProperties)) return { additionalProperties };
    return { additionalProperties: this.#node(additionalProperties, level + 1) };
  }

  #array(schema: WireRecord, level: number): SchemaNode {
    const { items, minItems, prefixItems } = schema;
    if (!isRecord(items) || prefixItems !== undefined) throw new Inexpressible();
    const few = this.#subset.keywords.has('minItems') && typeof minItems === 'number';
    const kept = few && minItems <= this.#subset.minItemsMax ? { minItems } : undefined;
    return { ...kept, items: this.#node(items, level + 1) };
  }

  /** What the target takes as it is. */
  #kept(schema: WireRecord): SchemaNode {
    const kept: [string, unknown][] = [];
    for (const keyword of Object.keys(schema)) {
      const isText = keyword === 'title' && typeof schema[keyword] === 'string';
      if (isText || this.#isKept(keyword, schema[keyword])) kept.push([keyword, schema[keyword]]);
    }
    return Object.fromEntries(kept);
  }

  #isKept(keyword: string, value: unknown): boolean {
    if (structural.has(keyword) || keyword === 'minItems' || !this.#subset.keywords.has(keyword)) return false;
    const { formats } = this.#subset;
    return keyword !== 'format' || formats === undefined || (typeof value === 'string' && formats.has(value));
  }

  /** What the target does not keep to stands here, where the model can read it. */
  #description(schema: WireRecord): string | undefined {
    const notes: string[] = [];
    for (const keyword of Object.keys(schema)) {
      if (silent.has(keyword) || this.#isKept(keyword, schema[keyword])) continue;
      const isUnion = keyword === 'anyOf' || keyword === 'oneOf';
      if (structural.has(keyword) && !(isUnion && typeOf(schema) !== undefined)) continue;
      if (keyword === 'minItems' && this.#keepsMinItems(schema)) continue;
      this.#unsupported(keyword);
      const text = JSON.stringify(schema[keyword]);
      if (text !== undefined && text.length <= noteLettersMax) notes.push(`${keyword.slice(0, 64)}: ${text}`);
    }
    const own = schema['description'];
    const written = typeof own === 'string' && own !== '' ? [own] : [];
    if (notes.length > 0) written.push(notes.join(', '));
    return written.length === 0 ? undefined : written.join('\n\n');
  }

  #keepsMinItems({ minItems }: WireRecord): boolean {
    const { keywords, minItemsMax } = this.#subset;
    return keywords.has('minItems') && typeof minItems === 'number' && minItems <= minItemsMax;
  }

  #unsupported(keyword: string): void {
    this.#declare('schema-keyword-unsupported', named.has(keyword) ? `${this.#path}.${keyword}` : this.#path);
  }

  /** Once each: a schema has the same keyword in many places. */
  #declare(code: LossCode, path: string): void {
    const key = `${code};${path}`;
    if (this.#declared.has(key)) return;
    this.#declared.add(key);
    this.#losses.approximated(code, path);
  }
}

/** Each level takes some frames of the stack. */
const depthMax = 256;

/** Longer values say little to a model. */
const noteLettersMax = 200;

/** The type or types; where none is said, the one whose keywords are used. */
function typeOf(schema: WireRecord): string | readonly string[] | undefined {
  const { type } = schema;
  if (typeof type === 'string' && types.has(type)) return type;
  if (Array.isArray(type) && type.length > 0 && type.every(name => types.has(name))) {
    return type.length === 1 ? type[0] : type;
  }
  if (type !== undefined) throw new Inexpressible();
  if (schema['properties'] !== undefined) return 'object';
  return schema['items'] === undefined ? undefined : 'array';
}

function typeOfValues(values: readonly unknown[]): string | readonly string[] {
  const found = new Set(
    values.map(value => (value === null ? 'null' : isExactNumber(value) ? 'number' : typeof value)),
  );
  return found.size === 1 ? [...found][0]! : [...found];
}

function isPrimitive(value: unknown): boolean {
  return !Array.isArray(value) && !isRecord(value);
}
