import { formatRate, parseRate } from '../pricing/money.ts';
import type { PricePlace } from '../pricing/price-place.ts';
import type { PriceCell, PriceRow, PriceRows } from '../pricing/price-row.ts';
import {
  type BookEntry,
  type BookResource,
  type Configuration,
  contractor,
  entriesOf,
  type PriceVersion,
  resourcesOf,
} from './resources.ts';

/** The books as the `prices:` part of a file: what is in force, and what is scheduled. Factors on single rates are folded
 *  in; a markup or a discount is written as such, since it will be folded anew. What was in force before is not written:
 *  a file cannot change the past. */
export function exportPrices(configuration: Configuration, nowMs: number): Record<string, unknown> {
  const now = new Date(nowMs).toISOString();
  const books = resourcesOf(configuration, 'book').map(book => [book, bookEntry(configuration, book, now)] as const);
  const list = books.flatMap(([book, entry]) => (contractor(book.id) === undefined ? [[book.id, entry] as const] : []));
  const contracts = books.flatMap(([book, { currency: _currency, ...entry }]) => {
    const organisation = contractor(book.id);
    return organisation === undefined ? [] : [[organisation, entry] as const];
  });
  return {
    ...Object.fromEntries(list),
    ...(contracts.length === 0 ? {} : { contracts: Object.fromEntries(contracts) }),
  };
}

function bookEntry(configuration: Configuration, book: BookResource, now: string) {
  const entries = entriesOf(book);
  const at = Math.max(
    0,
    entries.findLastIndex(({ from }) => (from ?? '') <= now),
  );
  const current = entries[at]!;
  // A book that has not begun is written with the instant at which it will.
  const from = current.from !== null && current.from > now ? { from: current.from } : {};
  const version = versionOf(configuration, current);
  const scheduled = entries.slice(at + 1).flatMap(entry => {
    if (entry.set.length === 0) return [];
    const { rates } = versionOf(configuration, entry);
    return [{ from: entry.from, rates: rowEntries(rates, entry.set) }];
  });
  return {
    currency: version.currency,
    ...baseEntry(book),
    ...from,
    rates: rowEntries(version.rates, Object.keys(version.rates).sort()),
    ...(scheduled.length === 0 ? {} : { scheduled }),
  };
}

function baseEntry({ base, id }: BookResource): Record<string, string> {
  if (base === undefined) return {};
  if (contractor(id) === undefined) return { markup: base.multiplier };
  return { discount: formatRate(parseRate('1') - parseRate(base.multiplier)) };
}

function rowEntries(rows: PriceRows, targets: readonly string[]) {
  return Object.fromEntries(
    targets.flatMap(target => (rows[target] === undefined ? [] : [[target, rowEntry(rows[target])]])),
  );
}

/** A tree of what a price depends on: regions, in them modes, in them service tiers. */
interface Nested {
  [part: string]: unknown;
}

export function rowEntry({ rates, tiers, cells = [] }: PriceRow): Record<string, unknown> {
  const entry: Nested = { ...rates, ...tiersEntry(tiers) };
  for (const { rates: own, tiers: steps, ...place } of cells)
    Object.assign(placeIn(entry, place), cellEntry({ rates: own, tiers: steps }));
  return entry;
}

function cellEntry({ rates, tiers }: PriceCell) {
  return { rates, ...tiersEntry(tiers) };
}

function tiersEntry(tiers: PriceCell['tiers']) {
  return tiers.length === 0 ? {} : { tiers };
}

function placeIn(entry: Nested, { region, mode, serviceTier }: PricePlace): Nested {
  const inRegion = region === undefined ? entry : part(part(entry, 'regions'), region);
  const inMode = mode === undefined ? inRegion : part(part(inRegion, 'modes'), mode);
  return serviceTier === undefined ? inMode : part(part(inMode, 'serviceTiers'), serviceTier);
}

function part(entry: Nested, name: string): Nested {
  const inner = (entry[name] ?? {}) as Nested; // true: only this function puts anything there
  entry[name] = inner;
  return inner;
}

function versionOf(configuration: Configuration, { version: id }: BookEntry): PriceVersion {
  const version = configuration.versions.get(id);
  if (version === undefined) throw new Error(`stored configuration: price version ${id} is not there`);
  return version;
}
