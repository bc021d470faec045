import { canonicalJson } from '../snapshot/hash.ts';
import type { BookResource, Configuration, Resource } from './resources.ts';

/** One resource that an apply creates, updates or deletes. */
export interface Change {
  readonly action: 'create' | 'update' | 'delete';
  readonly kind: Resource['kind'];
  /** As a person names it: `acme/web/ci` for a key. */
  readonly name: string;
  readonly fields: readonly FieldChange[];
}

export interface FieldChange {
  readonly path: string;
  /** Absent where there was or will be nothing. Never a secret: those read `(sealed)`. */
  readonly before?: string;
  readonly after?: string;
}

/** Prices of versions are shown rather than their ids, so both configurations come along. */
interface Sides {
  readonly before: Configuration;
  readonly after: Configuration;
}

export function changeBetween(old: Resource | undefined, now: Resource | undefined, sides: Sides): Change {
  const resource = now ?? old;
  if (resource === undefined) throw new Error('a change needs a resource on one side');
  const before = old === undefined ? new Map<string, string>() : fieldsOf(old, sides.before);
  const after = now === undefined ? new Map<string, string>() : fieldsOf(now, sides.after);
  const paths = [...new Set([...before.keys(), ...after.keys()])];
  const fields = paths
    .filter(path => before.get(path) !== after.get(path))
    .map(path => ({ path, ...side('before', before.get(path)), ...side('after', after.get(path)) }));
  return {
    action: old === undefined ? 'create' : now === undefined ? 'delete' : 'update',
    kind: resource.kind,
    name: resource.kind === 'key' ? `${resource.project}/${resource.name}` : resource.id,
    fields,
  };
}

/** Fields that say nothing to a person, or what must not be shown. */
const hidden = new Set(['kind', 'id', 'handle', 'sealed', 'digest', 'name', 'project']);

function fieldsOf(resource: Resource, configuration: Configuration): Map<string, string> {
  if (resource.kind === 'book') return ratesOf(resource, configuration);
  const fields = new Map<string, string>();
  for (const [path, value] of Object.entries(resource)) {
    if (path === 'fingerprint') {
      if (value !== null) fields.set('credential', `(sealed, ${value})`);
    } else if (!hidden.has(path)) collect(path, value, fields);
  }
  // Replacing an imported secret changes nothing else that may be seen.
  if (resource.kind === 'key') fields.set('secret', `(digest ${resource.digest.slice(0, 8)})`);
  return fields;
}

function collect(path: string, value: unknown, fields: Map<string, string>): void {
  if (value === null || value === undefined) return;
  if (typeof value === 'object' && !Array.isArray(value)) {
    for (const [key, inner] of Object.entries(value)) collect(`${path}.${key}`, inner, fields);
  } else if (Array.isArray(value) && value.every(item => typeof item === 'object')) {
    for (const item of value) fields.set(`${path}.${item.deployment ?? canonicalJson(item)}`, describeItem(item));
  } else fields.set(path, Array.isArray(value) ? value.join(', ') : String(value));
}

function describeItem(item: Readonly<Record<string, unknown>>): string {
  return Object.entries(item)
    .filter(([key]) => key !== 'deployment')
    .map(([key, value]) => `${key} ${String(value)}`)
    .join(', ');
}

function ratesOf(book: BookResource, configuration: Configuration): Map<string, string> {
  const version = configuration.versions.get(book.version);
  const fields = new Map([
    ['version', book.version],
    ['currency', version?.currency ?? '?'],
  ]);
  for (const [target, row] of Object.entries(version?.rates ?? {})) {
    for (const [meter, rate] of Object.entries(row.rates)) fields.set(`${target}.${meter}`, rate ?? '');
    for (const tier of row.tiers) {
      for (const [meter, rate] of Object.entries(tier.rates)) {
        fields.set(`${target}.${meter} (${tier.measure} ${tier.op === 'gt' ? '>' : '≥'} ${tier.size})`, rate ?? '');
      }
    }
  }
  return fields;
}

function side<Name extends 'before' | 'after'>(name: Name, value: string | undefined) {
  return value === undefined ? {} : ({ [name]: value } as { readonly [key in Name]: string });
}
