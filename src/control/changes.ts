import { describeRate } from '../pricing/price-row.ts';
import { canonicalJson } from '../snapshot/hash.ts';
import { type NamedRate, namedRates } from './price-changes.ts';
import { type BookResource, type Configuration, entriesOf, type Resource } from './resources.ts';

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
const hidden = new Set([
  'kind',
  'id',
  'handle',
  'sealed',
  'secretSealed',
  'digest',
  'name',
  'project',
  'previous',
  'createdAt',
]);

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
  if (resource.kind === 'key' && resource.secretSealed !== undefined) fields.set('sigv4', 'true');
  if (resource.kind === 'key' && resource.previous !== undefined) {
    fields.set('secrets before, until', resource.previous.map(({ until }) => until).join(', '));
  }
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
  const fields = new Map<string, string>();
  if (book.base !== undefined) fields.set('follows', `${book.base.book} × ${book.base.multiplier}`);
  let shown: ReadonlyMap<string, NamedRate> = new Map();
  for (const [index, { from, atOnce, version: id }] of entriesOf(book).entries()) {
    const version = configuration.versions.get(id);
    const at = from === null || (index === 0 && atOnce) ? '' : ` from ${from}`;
    fields.set(`version${at}`, id);
    if (index === 0) fields.set('currency', version?.currency ?? '?');
    const rates = namedRates(version);
    for (const [key, { target, meter, where, rate }] of rates) {
      const text = describeRate(rate);
      const isKept = shown.has(key) && describeRate(shown.get(key)!.rate) === text;
      if (!isKept) fields.set(`${target}.${meter}${where === '' ? '' : ` (${where})`}${at}`, text);
    }
    shown = rates;
  }
  return fields;
}

function side<Name extends 'before' | 'after'>(name: Name, value: string | undefined) {
  return value === undefined ? {} : ({ [name]: value } as { readonly [key in Name]: string });
}
