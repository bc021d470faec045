import { expandRow } from '../pricing/expand-row.ts';
import { cellName } from '../pricing/price-place.ts';
import { lessDiscount, type PriceRow } from '../pricing/price-row.ts';
import { canonicalJson } from '../snapshot/hash.ts';
import { modelPattern } from './declaration.ts';
import type { DeclaredPrices, DeclaredRates, DeclaredRow } from './declaration-prices.ts';
import type { Desire } from './plan.ts';
import { type BookPlan, type PlannedRows, planBooks } from './plan-books.ts';
import { currencyOf } from './price-book.ts';
import {
  type BookId,
  type BookResource,
  contractOf,
  entriesOf,
  type PriceVersion,
  resourceOf,
  resourcesOf,
} from './resources.ts';

export interface DesiredPrices {
  readonly books: readonly BookResource[];
  readonly versions: readonly PriceVersion[];
  /** Any declared price ends the rule that publishes facts. */
  readonly endsFacts: boolean;
  /** Factors that were folded into what is declared, for people: by `book|target|cell`. */
  readonly factors: ReadonlyMap<string, string>;
}

/** What a file says of one book. */
interface Declared {
  readonly id: BookId;
  readonly path: readonly string[];
  readonly currency: string;
  readonly rates: Readonly<Record<string, DeclaredRow>>;
  readonly from: string | undefined;
  readonly scheduled:
    | readonly { readonly from: string; readonly rates: Readonly<Record<string, Omit<DeclaredRow, 'from'>>> }[]
    | undefined;
  readonly base: BookResource['base'];
}

/** The books after a file: what it names replaces what is stored under the name, at once or from an instant on. Books that
 *  follow another one are folded anew whenever that one changes. */
export function desirePrices(desire: Desire): DesiredPrices {
  const factors = new Map<string, string>();
  const declared = desire.declaration.prices;
  if (declared === undefined && newNames(desire).size === 0) {
    return { books: [], versions: [], endsFacts: false, factors };
  }
  const plans = new Map<BookId, BookPlan>();
  for (const book of resourcesOf(desire.stored, 'book')) {
    if (!desire.prune) plans.set(book.id, storedPlan(desire, book));
  }
  for (const said of declaredBooks(desire, declared ?? {})) plans.set(said.id, declaredPlan(desire, said, factors));
  const planned = planBooks([...plans.values()], { nowMs: desire.nowMs, stored: desire.stored }, (book, message) =>
    desire.refuse(pathOf(book), message),
  );
  return { ...planned, endsFacts: declared !== undefined, factors };
}

/** New names of stored deployments, by the old ones: rows that are keyed by a name go with it. */
function newNames({ declaration, stored }: Desire): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(declaration.deployments ?? {}).flatMap(([id, { was }]) =>
      was === undefined || resourceOf(stored, 'deployment', was) === undefined ? [] : [[was, id] as const],
    ),
  );
}

function underNewNames<Row>(rows: Readonly<Record<string, Row>>, names: ReadonlyMap<string, string>) {
  return Object.fromEntries(Object.entries(rows).map(([target, row]) => [names.get(target) ?? target, row]));
}

function declaredBooks(desire: Desire, declared: DeclaredPrices): Declared[] {
  const { sell, buy, contracts } = declared;
  const books: Declared[] = [];
  if (buy !== undefined)
    books.push({ id: 'buy', ...withDefaults(buy, ['prices', 'buy']), currency: buy.currency, base: undefined });
  if (sell !== undefined) {
    const { markup, currency } = sell;
    if (sell.rates === undefined && markup === undefined)
      desire.refuse(['prices', 'sell', 'rates'], 'is missing; name rates or a markup');
    const base = markup === undefined ? undefined : { book: 'buy' as const, multiplier: markup };
    books.push({ id: 'sell', ...withDefaults(sell, ['prices', 'sell']), currency, base });
  }
  const currency = sell?.currency ?? currencyOf(desire.stored, 'sell');
  for (const [organisation, contract] of Object.entries(contracts ?? {})) {
    const path = ['prices', 'contracts', organisation];
    const { discount } = contract;
    if (contract.rates === undefined && discount === undefined) desire.refuse(path, 'needs rates or a discount');
    const base = discount === undefined ? undefined : { book: 'sell' as const, multiplier: lessDiscount(discount) };
    books.push({ id: contractOf(organisation), ...withDefaults(contract, path), currency, base });
  }
  return books;
}

function withDefaults(said: Pick<Partial<Declared>, 'rates' | 'from' | 'scheduled'>, path: readonly string[]) {
  return { path, rates: said.rates ?? {}, from: said.from, scheduled: said.scheduled };
}

/** What is stored of a book, as it would be planned again: from what is in force now. */
function storedPlan(desire: Desire, book: BookResource): BookPlan {
  const entries = entriesOf(book);
  const names = newNames(desire);
  const now = new Date(desire.nowMs).toISOString();
  const at = entries.findLastIndex(({ from }) => (from ?? '') <= now);
  const versionOf = (id: string) => {
    const version = desire.stored.versions.get(id);
    if (version === undefined) throw new Error(`stored configuration: price version ${id} is not there`);
    return version;
  };
  const later = entries.slice(at + 1).flatMap(({ from, version, set }, index): [string, PlannedRows][] => {
    const { rates } = versionOf(version);
    const said = set.flatMap(target => (rates[target] === undefined ? [] : [[target, rates[target]] as const]));
    // Where nothing is in force yet, the first entry is where the book begins, also when it only follows another.
    const begins = at < 0 && index === 0;
    return from === null || (set.length === 0 && !begins)
      ? []
      : [[from, underNewNames(Object.fromEntries(said), names)]];
  });
  const current = entries[at];
  return {
    id: book.id,
    currency: versionOf(book.version).currency,
    base: book.base,
    current: current === undefined ? undefined : underNewNames(versionOf(current.version).rates, names),
    later: new Map(later),
  };
}

function declaredPlan(desire: Desire, said: Declared, factors: Map<string, string>): BookPlan {
  const now = new Date(desire.nowMs).toISOString();
  const book = resourceOf(desire.stored, 'book', said.id);
  const standing = book === undefined ? undefined : storedPlan(desire, book);
  const kept = desire.prune || !keepsCurrency(desire, said, standing) ? undefined : standing;
  const current: Record<string, PriceRow> = { ...kept?.current };
  const later = new Map(said.scheduled === undefined ? kept?.later : []);
  let begins = standing?.current !== undefined;
  const past = new Map<string, PlacedRow>();
  const seen = new Set<string>();

  for (const placed of readRows(desire, said, factors)) {
    const { target, row, from, path } = placed;
    if (seen.has(`${target} ${from}`)) desire.refuse(path, `is said twice for ${from ?? 'now'}`);
    seen.add(`${target} ${from}`);
    if (from === undefined) {
      current[target] = row;
      begins = true;
    } else if (from > now) later.set(from, { ...later.get(from), [target]: row });
    else if ((past.get(target)?.from ?? '') <= from) past.set(target, placed);
  }
  for (const { target, row, from, path } of past.values()) {
    // A file that is applied again after its instant has come says what is in force; saying anything else is too late.
    const inForce = standing === undefined ? row : standing.current?.[target];
    if (inForce === undefined || canonicalJson(inForce) !== canonicalJson(row)) {
      desire.refuse(path, `${from} has passed and other prices held then; ${pastAdvice}`);
    }
    current[target] = row;
    begins = true;
  }
  if (said.base !== undefined) {
    const isLater = said.from !== undefined && said.from > now;
    if (
      standing !== undefined &&
      canonicalJson(standing.base ?? null) !== canonicalJson(said.base) &&
      said.from !== undefined
    ) {
      const message = isLater
        ? 'a markup or discount changes at once; leave `from` out'
        : `${said.from} has passed; ${pastAdvice}`;
      desire.refuse([...said.path, 'from'], message, isLater ? 'setting_not_available' : 'configuration_invalid');
    }
    if (isLater && !begins) later.set(said.from, { ...later.get(said.from) });
    else begins = true;
  }
  if (later.size === 0) begins = true;
  return { id: said.id, currency: said.currency, base: said.base, current: begins ? current : undefined, later };
}

const pastAdvice = 'leave `from` out to change prices at once, and correct what was charged by re-rating';

interface PlacedRow {
  readonly target: string;
  readonly row: PriceRow;
  /** undefined: at once. */
  readonly from: string | undefined;
  readonly path: readonly PropertyKey[];
}

function readRows(desire: Desire, said: Declared, factors: Map<string, string>): PlacedRow[] {
  const read = (
    target: string,
    declared: Omit<DeclaredRow, 'from'>,
    from: string | undefined,
    path: readonly PropertyKey[],
  ) => ({
    target,
    row: readRow(desire, { said, target, path, factors }, declared),
    from,
    path,
  });
  const rows = Object.entries(said.rates).map(([target, row]) =>
    read(target, withoutFrom(row), row.from ?? said.from, [...said.path, 'rates', target]),
  );
  const changes = said.scheduled ?? [];
  const scheduled = changes.flatMap(({ from, rates }, index) => {
    const path = [...said.path, 'scheduled', index];
    if (changes.findIndex(other => other.from === from) < index)
      desire.refuse([...path, 'from'], `is there twice: ${from}`);
    return Object.entries(rates).map(([target, row]) => read(target, row, from, [...path, 'rates', target]));
  });
  return [...rows, ...scheduled];
}

function withoutFrom({ from: _from, ...row }: DeclaredRow): Omit<DeclaredRow, 'from'> {
  return row;
}

/** Rows of another currency go: they are named anew, or nothing is left of them. */
function keepsCurrency(desire: Desire, said: Declared, stored: BookPlan | undefined): boolean {
  if (stored === undefined || stored.currency === said.currency) return true;
  const left = [stored.current ?? {}, ...(said.scheduled === undefined ? stored.later.values() : [])];
  const unnamed = left.some(rows => Object.keys(rows).some(target => said.rates[target] === undefined));
  if (said.id !== 'sell' && said.id !== 'buy') {
    if (unnamed)
      desire.refuse(said.path, `is in ${stored.currency}, and the sell book in ${said.currency}; name every rate anew`);
  } else if (unnamed || stored.later.size > 0) {
    const message = `the book is in ${stored.currency}; name every rate anew, or apply with --prune`;
    if (unnamed || said.scheduled === undefined) desire.refuse([...said.path, 'currency'], message);
  }
  if (Object.values(said.rates).some(row => row.from !== undefined) || said.from !== undefined) {
    desire.refuse([...said.path, 'currency'], 'a book changes its currency at once; leave `from` out');
  }
  return false;
}

interface RowPlace {
  readonly said: Declared;
  readonly target: string;
  readonly path: readonly PropertyKey[];
  readonly factors: Map<string, string>;
}

function readRow(desire: Desire, at: RowPlace, declared: Omit<DeclaredRow, 'from'>): PriceRow {
  checkTarget(desire, at);
  const { tiers, serviceTiers, modes, regions, ...rates } = declared;
  const written = {
    rates: flat(rates),
    tiers: tiers?.map(flatTier),
    serviceTiers: mapValues(serviceTiers, flatCell),
    modes: modes && { batch: modes.batch && flatMode(modes.batch) },
    regions: mapValues(regions, region => ({
      ...flatMode(region),
      modes: region.modes && { batch: region.modes.batch && flatMode(region.modes.batch) },
    })),
  };
  const { row, factors } = expandRow(written, (path, message) => desire.refuse([...at.path, ...path], message));
  for (const [cell, factor] of factors) at.factors.set(`${at.said.id}|${at.target}|${cellName(cell)}`, factor);
  return row;
}

type Cell = NonNullable<DeclaredRow['serviceTiers']>[string];
type Mode = NonNullable<NonNullable<DeclaredRow['modes']>['batch']>;

function flatMode(mode: Mode) {
  return { ...flatCell(mode), serviceTiers: mapValues(mode.serviceTiers, flatCell) };
}

function flatCell(cell: Cell) {
  return { rates: cell.rates && flat(cell.rates), tiers: cell.tiers?.map(flatTier), multiplier: cell.multiplier };
}

function flatTier({ measure, op, size, rates }: NonNullable<Cell['tiers']>[number]) {
  return { measure, op, size, rates: flat(rates) };
}

/** Calls of tools are meters like others. */
function flat({ tool, ...rates }: DeclaredRates) {
  return { ...rates, ...Object.fromEntries(Object.entries(tool ?? {}).map(([name, rate]) => [`tool.${name}`, rate])) };
}

function mapValues<From, To>(values: Readonly<Record<string, From>> | undefined, map: (value: From) => To) {
  return values && Object.fromEntries(Object.entries(values).map(([key, value]) => [key, map(value)]));
}

function checkTarget(desire: Desire, { target, path }: RowPlace): void {
  const isVendor = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}\/\*$/.test(target);
  const isDeployment = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/.test(target);
  if (isVendor || isDeployment || modelPattern.test(target)) return;
  desire.refuse(path, 'must be vendor/name, vendor/* or the name of a deployment');
}

function pathOf(book: BookId): readonly string[] {
  return book === 'sell' || book === 'buy' ? ['prices', book] : ['prices', 'contracts', book.slice('contract:'.length)];
}
