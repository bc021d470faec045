import { foldRow, type PriceRow, type PriceRows, type VersionContent } from '../pricing/price-row.ts';
import { canonicalJson } from '../snapshot/hash.ts';
import { byInstant, versionIdOf } from './price-book.ts';
import {
  type BookEntry,
  type BookId,
  type BookResource,
  type Configuration,
  contractor,
  entriesOf,
  type PriceVersion,
  resourceOf,
} from './resources.ts';

export type PlannedRows = Readonly<Record<string, PriceRow>>;

/** What a book shall say of its own: now, and from later instants on. */
export interface BookPlan {
  readonly id: BookId;
  readonly currency: string;
  readonly base: BookResource['base'];
  /** undefined: the book begins later. */
  readonly current: PlannedRows | undefined;
  /** By ISO 8601 instant: the rows that change then. */
  readonly later: ReadonlyMap<string, PlannedRows>;
}

/** Most rates in all that contracts with a discount fold: each is a card in every worker's memory. */
const foldedRowsMax = 200_000;

export interface PlannedBooks {
  readonly books: readonly BookResource[];
  readonly versions: readonly PriceVersion[];
}

/** Turns what books shall say into immutable versions and the instants from which they hold. A book that follows another
 *  changes whenever that one does. What is in force stays as it is where its content stays. */
export function planBooks(
  plans: readonly BookPlan[],
  context: { readonly nowMs: number; readonly stored: Configuration },
  refuse: (book: BookId, message: string) => void,
): PlannedBooks {
  const now = new Date(context.nowMs).toISOString();
  const done = new Map<BookId, Materialised>();
  let folded = 0;
  // What is followed comes before who follows: buy, sell, contracts.
  for (const plan of plans.toSorted((one, other) => rank(one.id) - rank(other.id) || (one.id < other.id ? -1 : 1))) {
    const base = plan.base === undefined ? undefined : done.get(plan.base.book);
    if (plan.base !== undefined && base === undefined) {
      refuse(plan.id, `follows the ${plan.base.book} book, and there is none`);
      continue;
    }
    if (base !== undefined && base.currency !== plan.currency) {
      refuse(plan.id, `is in ${plan.currency} and follows a book in ${base.currency}`);
      continue;
    }
    if (base !== undefined && contractor(plan.id) !== undefined) folded += countRows(base);
    if (folded > foldedRowsMax) {
      refuse(plan.id, `contracts with a discount come to more than ${foldedRowsMax} rates`);
      break;
    }
    try {
      done.set(plan.id, materialise(plan, base, { now, stored: resourceOf(context.stored, 'book', plan.id) }));
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      refuse(plan.id, error.message);
    }
  }
  return {
    books: [...done.values()].map(({ book }) => book),
    versions: [...done.values()].flatMap(({ versions }) => [...versions.values()]),
  };
}

interface Materialised {
  readonly book: BookResource;
  readonly currency: string;
  readonly versions: ReadonlyMap<string, PriceVersion>;
}

function materialise(
  plan: BookPlan,
  base: Materialised | undefined,
  at: { readonly now: string; readonly stored: BookResource | undefined },
): Materialised {
  const versions = new Map<string, PriceVersion>();
  const publish = (rates: PriceRows, instant: string): string => {
    const derived = base === undefined ? [] : layersAt(base, instant, plan.base!.multiplier);
    const content: VersionContent = { currency: plan.currency, rates, ...(derived.length === 0 ? {} : { derived }) };
    const id = versionIdOf(plan.id, content);
    versions.set(id, { id, ...content, origin: 'declared' });
    return id;
  };
  const entries: BookEntry[] = [];
  let rows: PlannedRows = plan.current ?? {};
  if (plan.current !== undefined) entries.push(currentEntry(publish(rows, at.now), at));
  const own = [...plan.later.keys()].filter(from => from > at.now);
  const followed = base === undefined ? [] : laterOf(base.book, at.now);
  for (const from of [...new Set([...own, ...followed])].sort(byInstant)) {
    const set = plan.later.get(from);
    rows = { ...rows, ...set };
    if (set === undefined && entries.length === 0) continue;
    const version = publish(rows, from);
    if (set === undefined && entries.at(-1)?.version === version) continue;
    entries.push({ from, atOnce: false, version, set: Object.keys(set ?? {}).sort() });
  }
  const [first] = entries;
  if (first === undefined) throw new RangeError('names no rate');
  const { stored } = at;
  if (
    stored !== undefined &&
    isSame({ ...stored, entries: collapse(stored, at.now) }, { ...stored, entries, base: plan.base })
  ) {
    return { book: stored, currency: plan.currency, versions };
  }
  const unused = [...versions.keys()].filter(id => !entries.some(entry => entry.version === id));
  for (const id of unused) versions.delete(id);
  const isConstant = entries.length === 1 && first.from === null && first.atOnce;
  const book: BookResource = {
    kind: 'book',
    id: plan.id,
    version: first.version,
    ...(isConstant ? {} : { entries }),
    ...(plan.base === undefined ? {} : { base: plan.base }),
  };
  return { book, currency: plan.currency, versions };
}

/** What is in force and what is to come. What was in force before is in the history of prices. */
function collapse(book: BookResource, now: string): readonly BookEntry[] {
  const entries = entriesOf(book);
  const at = entries.findLastIndex(({ from }) => (from ?? '') <= now);
  return entries.slice(Math.max(0, at)).map((entry, index) => (at >= 0 && index === 0 ? { ...entry, set: [] } : entry));
}

function isSame(
  one: BookResource,
  other: { readonly entries: readonly BookEntry[]; readonly base: BookResource['base'] },
): boolean {
  const content = ({ entries, base }: Pick<BookResource, 'entries' | 'base'>) =>
    canonicalJson({ entries, base: base ?? null });
  return content(one) === content(other);
}

/** The stored entry while it says the same; a book's first prices hold for ever, later ones from now on. */
function currentEntry(
  version: string,
  { now, stored }: { readonly now: string; readonly stored: BookResource | undefined },
): BookEntry {
  if (stored === undefined) return { from: null, atOnce: true, version, set: [] };
  const current = entriesOf(stored).findLast(({ from }) => (from ?? '') <= now);
  if (current?.version === version) return { ...current, set: [] };
  return { from: now, atOnce: true, version, set: [] };
}

function laterOf(book: BookResource, now: string): string[] {
  return entriesOf(book).flatMap(({ from }) => (from !== null && from > now ? [from] : []));
}

/** The rates that a book has at an instant, times a factor: what was said, then what it follows itself. */
function layersAt(base: Materialised, instant: string, multiplier: string): readonly PriceRows[] {
  const entry = entriesOf(base.book).findLast(({ from }) => (from ?? '') <= instant);
  const version = entry === undefined ? undefined : base.versions.get(entry.version);
  if (version === undefined) return [];
  return [version.rates, ...(version.derived ?? [])].map(rows =>
    Object.fromEntries(
      Object.entries(rows).map(([target, row]) => [target, foldRow(row, [{ text: multiplier, of: 'all' }])]),
    ),
  );
}

function countRows({ versions }: Materialised): number {
  let rows = 0;
  for (const { rates, derived } of versions.values()) {
    for (const layer of [rates, ...(derived ?? [])]) rows += Object.keys(layer).length;
  }
  return rows;
}

function rank(book: BookId): number {
  return book === 'buy' ? 0 : book === 'sell' ? 1 : 2;
}
