import { writePattern } from './pattern-text.ts';
import type { Seed } from './seed.ts';
import { writeWord } from './words.ts';

/** An instance of a JSON Schema: what a model would write as arguments of a tool. Conforms to type, enum, const,
 *  objects, arrays, bounds, formats, $ref into the same document, allOf, and the first branch of anyOf and oneOf;
 *  patterns as far as pattern-text.ts goes. `not`, `if` and `dependentSchemas` are not looked at. */
export function writeInstance(schema: unknown, seed: Seed): unknown {
  return write({ root: schema, seed }, schema, 0);
}

interface Scope {
  readonly root: unknown;
  readonly seed: Seed;
}

type Schema = Readonly<Record<string, unknown>>;

/** Below this depth optional parts are left out, so that recursive schemas end. */
const depthOptionalMax = 4;
/** A schema that requires itself without end has no instance; null is as wrong as anything else. */
const depthMax = 64;
const itemsMax = 100;

function write(scope: Scope, schema: unknown, depth: number): unknown {
  if (depth > depthMax || !isSchema(schema)) return schema === true ? writeWord(scope.seed) : null;
  const resolved = resolve(scope, schema, depth);
  if ('const' in resolved) return resolved['const'];
  const listed = resolved['enum'];
  if (Array.isArray(listed) && listed.length > 0) return listed[scope.seed.below(listed.length)];
  switch (typeOf(resolved)) {
    case 'object':
      return writeObject(scope, resolved, depth);
    case 'array':
      return writeArray(scope, resolved, depth);
    case 'number':
      return writeNumber(scope, resolved, false);
    case 'integer':
      return writeNumber(scope, resolved, true);
    case 'boolean':
      return scope.seed.below(2) === 1;
    case 'null':
      return null;
    default:
      return writeString(scope, resolved);
  }
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Follows $ref, folds allOf in, and takes a branch of anyOf or oneOf. */
function resolve(scope: Scope, schema: Schema, depth: number): Schema {
  let current = schema;
  for (let step = 0; step < depthMax; step += 1) {
    if (typeof current['$ref'] === 'string') {
      const { $ref, ...rest } = current;
      const target = lookUp(scope.root, $ref as string);
      current = isSchema(target) ? merge(target, rest) : rest;
    } else if (Array.isArray(current['allOf'])) {
      const { allOf, ...rest } = current;
      current = (allOf as unknown[]).reduce<Schema>((whole, part) => {
        if (!isSchema(part)) return whole;
        return merge(whole, typeof part['$ref'] === 'string' ? resolve(scope, part, depth) : part);
      }, rest);
    } else if (Array.isArray(current['anyOf'])) {
      const { anyOf, ...rest } = current;
      current = merge(rest, chooseBranch(anyOf as unknown[], depth));
    } else if (Array.isArray(current['oneOf'])) {
      const { oneOf, ...rest } = current;
      current = merge(rest, chooseBranch(oneOf as unknown[], depth));
    } else {
      return current;
    }
  }
  return current;
}

/** The first branch; deep down, one that does not lead deeper, if there is one. */
function chooseBranch(branches: readonly unknown[], depth: number): Schema {
  const usable = branches.filter(isSchema);
  const flat = usable.find(branch => !('$ref' in branch) && !['object', 'array'].includes(String(branch['type'])));
  return (depth >= depthOptionalMax ? flat : undefined) ?? usable[0] ?? {};
}

function lookUp(root: unknown, reference: string): unknown {
  if (!reference.startsWith('#')) return undefined;
  let current = root;
  for (const token of reference.slice(1).split('/').slice(1)) {
    const key = decodeURIComponent(token).replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof current !== 'object' || current === null || !Object.hasOwn(current, key)) return undefined;
    current = (current as Schema)[key];
  }
  return current;
}

const keepLarger = new Set(['minimum', 'exclusiveMinimum', 'minLength', 'minItems', 'minProperties', 'minContains']);
const keepSmaller = new Set(['maximum', 'exclusiveMaximum', 'maxLength', 'maxItems', 'maxProperties']);

function merge(left: Schema, right: Schema): Schema {
  const merged: Record<string, unknown> = { ...left };
  for (const [key, value] of Object.entries(right)) {
    merged[key] = Object.hasOwn(left, key) ? mergeKeyword(key, left[key], value) : value;
  }
  return merged;
}

function mergeKeyword(key: string, left: unknown, right: unknown): unknown {
  if (key === 'properties' && isSchema(left) && isSchema(right)) {
    const properties: Record<string, unknown> = { ...left };
    for (const [name, schema] of Object.entries(right)) {
      const other = properties[name];
      properties[name] = isSchema(other) && isSchema(schema) ? { allOf: [other, schema] } : schema;
    }
    return properties;
  }
  if (key === 'required') return [...new Set([...listOf(left), ...listOf(right)])];
  if (key === 'enum') return listOf(left).filter(value => listOf(right).some(other => sameJson(value, other)));
  if (key === 'type') return commonTypes(listOf(left), listOf(right));
  if (keepLarger.has(key)) return Math.max(Number(left), Number(right));
  if (keepSmaller.has(key)) return Math.min(Number(left), Number(right));
  if (key === 'allOf') return [...listOf(left), ...listOf(right)];
  return right;
}

/** Every integer is a number, so the two have integer in common. */
function commonTypes(left: readonly unknown[], right: readonly unknown[]): unknown[] {
  return left.flatMap(type => {
    if (right.includes(type)) return [type];
    if (type === 'integer' && right.includes('number')) return [type];
    return type === 'number' && right.includes('integer') ? ['integer'] : [];
  });
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : value === undefined ? [] : [value];
}

function sameJson(left: unknown, right: unknown): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}

function typeOf(schema: Schema): string {
  const types = listOf(schema['type']);
  const named = types.find(type => type !== 'null') ?? types[0];
  if (named !== undefined) return String(named);
  if ('properties' in schema || 'required' in schema || 'additionalProperties' in schema) return 'object';
  if ('minProperties' in schema || 'patternProperties' in schema) return 'object';
  if ('items' in schema || 'prefixItems' in schema || 'minItems' in schema || 'contains' in schema) return 'array';
  if ('minimum' in schema || 'maximum' in schema || 'multipleOf' in schema) return 'number';
  if ('exclusiveMinimum' in schema || 'exclusiveMaximum' in schema) return 'number';
  return 'string';
}

function writeObject(scope: Scope, schema: Schema, depth: number): Record<string, unknown> {
  const properties = isSchema(schema['properties']) ? schema['properties'] : {};
  const names = new Set(listOf(schema['required']).map(String));
  const propertiesMin = numberOr(schema['minProperties'], 0);
  const propertiesMax = numberOr(schema['maxProperties'], Number.POSITIVE_INFINITY);
  for (const name of Object.keys(properties)) {
    if (names.size >= propertiesMax || names.has(name)) continue;
    const wanted = names.size < propertiesMin || (depth < depthOptionalMax && scope.seed.below(2) === 1);
    if (wanted && properties[name] !== false) names.add(name);
  }
  addDependents(names, schema);
  const extras = schema['additionalProperties'];
  for (let extra = 1; names.size < propertiesMin && extras !== false && extra <= itemsMax; extra += 1) {
    names.add(`extra_${extra}`);
  }

  // Declared order first: that is how models write arguments, and it keeps streams readable.
  const ordered = [...Object.keys(properties).filter(name => names.has(name)), ...names];
  const written: Record<string, unknown> = {};
  for (const name of new Set(ordered)) {
    const part = Object.hasOwn(properties, name) ? properties[name] : (patternSchema(schema, name) ?? extras ?? true);
    Object.defineProperty(written, name, {
      value: write(scope, part, depth + 1),
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  return written;
}

function addDependents(names: Set<string>, schema: Schema): void {
  const dependents = schema['dependentRequired'];
  if (!isSchema(dependents)) return;
  // A Set's iterator also visits what is added on the way, so chains are followed.
  for (const name of names) {
    for (const dependent of listOf(dependents[name])) names.add(String(dependent));
  }
}

function patternSchema(schema: Schema, name: string): unknown {
  const patterns = schema['patternProperties'];
  if (!isSchema(patterns)) return undefined;
  return Object.entries(patterns).find(([pattern]) => new RegExp(pattern, 'u').test(name))?.[1];
}

function writeArray(scope: Scope, schema: Schema, depth: number): unknown[] {
  const prefix = listOf(schema['prefixItems']).concat(Array.isArray(schema['items']) ? schema['items'] : []);
  const items = Array.isArray(schema['items']) ? schema['additionalItems'] : schema['items'];
  const contained = 'contains' in schema ? numberOr(schema['minContains'], 1) : 0;
  const least = Math.max(numberOr(schema['minItems'], 0), contained);
  const most = Math.min(numberOr(schema['maxItems'], Number.POSITIVE_INFINITY), itemsMax + least);
  const chosen = depth >= depthOptionalMax ? least : Math.max(least, prefix.length, 1) + scope.seed.below(2);
  const length = items === false ? Math.min(chosen, prefix.length) : Math.min(chosen, most);

  const written: unknown[] = [];
  for (let position = 0; position < length; position += 1) {
    const fill = length - position <= contained ? schema['contains'] : (items ?? true);
    const part = position < prefix.length ? prefix[position] : fill;
    const value =
      schema['uniqueItems'] === true ? writeUnique(scope, part, depth, written) : write(scope, part, depth + 1);
    if (value === duplicate) break;
    written.push(value);
  }
  return written;
}

const duplicate = Symbol('no further distinct item was found');
const uniqueTriesMax = 64;

function writeUnique(scope: Scope, schema: unknown, depth: number, written: readonly unknown[]): unknown {
  for (let attempt = 0; attempt < uniqueTriesMax; attempt += 1) {
    const value = write(scope, schema, depth + 1);
    if (!written.some(other => sameJson(other, value))) return value;
  }
  return duplicate;
}

function writeNumber(scope: Scope, schema: Schema, whole: boolean): number {
  const step = numberOr(schema['multipleOf'], whole ? 1 : 0);
  const grain = whole && step % 1 !== 0 ? 1 : step;
  const low = lowerBound(schema, whole || grain > 0 ? grain || 1 : 0);
  const high = upperBound(schema, whole || grain > 0 ? grain || 1 : 0);
  if (grain > 0) {
    const first = Math.ceil(low / grain);
    const last = Math.floor(high / grain);
    return roundToGrain((first + scope.seed.below(Math.max(1, Math.min(last - first + 1, 100)))) * grain, grain);
  }
  const halves = low + (high - low) * (scope.seed.below(101) / 100);
  return Math.min(high, Math.max(low, Math.round(halves * 100) / 100));
}

/** 0.1 × 3 must be written 0.3, or `multipleOf: 0.1` is broken by the writer's own arithmetic. */
function roundToGrain(value: number, grain: number): number {
  const decimals = Math.min(12, (String(grain).split('.')[1] ?? '').length);
  return Number(value.toFixed(decimals));
}

function lowerBound(schema: Schema, grain: number): number {
  const exclusive = schema['exclusiveMinimum'];
  const low = numberOr(schema['minimum'], Number.NEGATIVE_INFINITY);
  const open = typeof exclusive === 'number' ? nextAbove(exclusive, grain) : Number.NEGATIVE_INFINITY;
  const bound = Math.max(low, open);
  if (bound !== Number.NEGATIVE_INFINITY) return bound;
  const high = upperOnly(schema, grain);
  return high === Number.POSITIVE_INFINITY ? 0 : Math.min(0, high - 100);
}

function upperBound(schema: Schema, grain: number): number {
  const high = upperOnly(schema, grain);
  return high === Number.POSITIVE_INFINITY ? lowerBound(schema, grain) + 100 : high;
}

function upperOnly(schema: Schema, grain: number): number {
  const exclusive = schema['exclusiveMaximum'];
  const high = numberOr(schema['maximum'], Number.POSITIVE_INFINITY);
  const open = typeof exclusive === 'number' ? -nextAbove(-exclusive, grain) : Number.POSITIVE_INFINITY;
  return Math.min(high, open);
}

/** The smallest allowed value above an excluded bound: the next multiple, or a little more. */
function nextAbove(bound: number, grain: number): number {
  if (grain > 0) return (Math.floor(bound / grain + 1e-9) + 1) * grain;
  return bound + 0.01;
}

const formats: Readonly<Record<string, (seed: Seed) => string>> = {
  'date-time': seed => `2026-0${1 + seed.below(9)}-1${seed.below(10)}T0${seed.below(10)}:30:00Z`,
  date: seed => `2026-0${1 + seed.below(9)}-1${seed.below(10)}`,
  time: seed => `0${seed.below(10)}:30:00Z`,
  duration: seed => `PT${1 + seed.below(59)}M`,
  email: seed => `${writeWord(seed)}@example.com`,
  'idn-email': seed => `${writeWord(seed)}@example.com`,
  hostname: seed => `${writeWord(seed)}.example.com`,
  ipv4: seed => `192.0.2.${1 + seed.below(254)}`,
  ipv6: seed => `2001:db8::${1 + seed.below(9)}`,
  uri: seed => `https://example.com/${writeWord(seed)}`,
  url: seed => `https://example.com/${writeWord(seed)}`,
  'uri-reference': seed => `/${writeWord(seed)}`,
  'json-pointer': seed => `/${writeWord(seed)}`,
  regex: seed => `^${writeWord(seed)}$`,
  uuid: seed => `${seed.digest.slice(0, 8)}-${seed.digest.slice(8, 12)}-4000-8000-${hexadecimal(seed, 12)}`,
  byte: () => 'bG9n',
};

function hexadecimal(seed: Seed, digits: number): string {
  return Array.from({ length: digits }, () => seed.below(16).toString(16)).join('');
}

const patternTriesMax = 32;

function writeString(scope: Scope, schema: Schema): string {
  const least = numberOr(schema['minLength'], 0);
  const most = numberOr(schema['maxLength'], Number.POSITIVE_INFINITY);
  if (typeof schema['pattern'] === 'string') {
    for (let attempt = 0; attempt < patternTriesMax; attempt += 1) {
      const text = writePattern(schema['pattern'], scope.seed, attempt);
      const length = text === undefined ? -1 : [...text].length;
      if (text !== undefined && length >= least && length <= most) return text;
    }
  }
  const format = typeof schema['format'] === 'string' ? formats[schema['format']] : undefined;
  if (format !== undefined) return format(scope.seed);
  let text = writeWord(scope.seed);
  while (text.length < least) text += ` ${writeWord(scope.seed)}`;
  return text.slice(0, Math.min(text.length, Math.max(most, 0)));
}

function numberOr(value: unknown, otherwise: number): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : otherwise;
}
