import { inMeterOrder, isTokenMeter } from '../pricing/meters.ts';
import { divideRoundHalfEven, parseRate } from '../pricing/money.ts';
import { cellKey, cellName } from '../pricing/price-place.ts';
import { type DecimalRate, describeRate, type PriceRow, type PriceRows } from '../pricing/price-row.ts';
import {
  type BookId,
  type BookResource,
  type Configuration,
  entriesOf,
  type PriceVersion,
  resourceOf,
  resourcesOf,
} from './resources.ts';

/** One rate that a publication changes: what a person reads before agreeing to it. */
export interface PriceChange {
  readonly book: BookId;
  /** Instant at which it changes; null is at once. */
  readonly from: string | null;
  readonly target: string;
  /** "service tier priority, batch, above 272000 input tokens"; empty for the ordinary price. */
  readonly where: string;
  readonly meter: string;
  /** null: none. Decimals, per 10⁶ units, or "2.49 / 3600". */
  readonly before: string | null;
  readonly after: string | null;
  /** Per cent, two decimals, with a sign; null where there is nothing to compare. */
  readonly changePercent: string | null;
  /** The factor that was folded in, and where it comes from: "modes.batch × 0.5", "sell × 0.9". */
  readonly factor: string | null;
}

/** Every rate that differs between two configurations: now, and at each instant that is scheduled. */
export function priceChanges(
  before: Configuration,
  after: Configuration,
  context: { readonly nowMs: number; readonly factors: ReadonlyMap<string, string> },
): PriceChange[] {
  const books = new Set([...resourcesOf(before, 'book'), ...resourcesOf(after, 'book')].map(({ id }) => id));
  return [...books].sort().flatMap(book => changesOf(book, before, after, context));
}

/** A rate with where it holds, for people. */
export interface NamedRate {
  readonly target: string;
  readonly where: string;
  readonly meter: string;
  readonly rate: DecimalRate;
  /** Key of factors without the book, and whether it was derived from another book. */
  readonly cell: string;
  readonly derived: boolean;
}

/** The rates of a version, target by target, by a key of their own. */
export function namedRates(
  version: Pick<PriceVersion, 'rates' | 'derived'> | undefined,
): ReadonlyMap<string, NamedRate> {
  const named = new Map<string, NamedRate>();
  const layers: readonly PriceRows[] = version === undefined ? [] : [version.rates, ...(version.derived ?? [])];
  for (const [depth, rows] of layers.entries()) {
    for (const target of Object.keys(rows).sort()) {
      // What an earlier layer says of a target is all that counts of it.
      if (layers.slice(0, depth).some(other => Object.hasOwn(other, target))) continue;
      for (const rate of ratesOf(target, rows[target]!, depth > 0)) named.set(keyOf(rate), rate);
    }
  }
  return named;
}

function ratesOf(target: string, row: PriceRow, derived: boolean): NamedRate[] {
  const cells = [
    { ...row, cell: '' },
    ...(row.cells ?? []).map(cell => ({ ...cell, cell: cellName(cellKey(cell.serviceTier, cell.mode, cell.region)) })),
  ];
  return cells.flatMap(({ rates, tiers, cell }) => {
    const steps = [
      { where: cell, rates },
      ...tiers.map(tier => ({
        where: [cell, `${tier.measure} ${tier.op === 'gt' ? '>' : '≥'} ${tier.size}`]
          .filter(part => part !== '')
          .join(', '),
        rates: tier.rates,
      })),
    ];
    return steps.flatMap(step =>
      // The database keeps names in an order of its own.
      inMeterOrder(Object.keys(step.rates)).map(meter => ({
        target,
        where: step.where,
        meter,
        rate: step.rates[meter]!,
        cell,
        derived,
      })),
    );
  });
}

function keyOf({ target, where, meter }: Pick<NamedRate, 'target' | 'where' | 'meter'>): string {
  return `${target}\n${where}\n${meter}`;
}

function changesOf(
  book: BookId,
  before: Configuration,
  after: Configuration,
  { nowMs, factors }: { readonly nowMs: number; readonly factors: ReadonlyMap<string, string> },
): PriceChange[] {
  const now = new Date(nowMs).toISOString();
  const old = resourceOf(before, 'book', book);
  const next = resourceOf(after, 'book', book);
  const later = [...new Set([old, next].flatMap(resource => laterOf(resource, now)))].sort();
  const changes: PriceChange[] = [];
  // What changes now stays changed: at later instants only what is new there is said.
  const said = new Map<string, string>();
  for (const from of [null, ...later]) {
    const was = namedRates(versionAt(before, old, from ?? now));
    const is = namedRates(versionAt(after, next, from ?? now));
    for (const key of new Set([...was.keys(), ...is.keys()])) {
      const one = was.get(key);
      const other = is.get(key);
      const rates = {
        before: one === undefined ? null : describeRate(one.rate),
        after: other === undefined ? null : describeRate(other.rate),
      };
      const pair = `${rates.before} ${rates.after}`;
      if (rates.before === rates.after || said.get(key) === pair) continue;
      said.set(key, pair);
      const { target, where, meter } = (other ?? one)!;
      changes.push({
        book,
        from,
        target,
        where,
        meter,
        ...rates,
        changePercent: one === undefined || other === undefined ? null : percentBetween(one.rate, other.rate),
        factor: other === undefined ? null : factorOf(book, other, next, factors),
      });
    }
  }
  return changes;
}

function laterOf(book: BookResource | undefined, now: string): string[] {
  return book === undefined ? [] : entriesOf(book).flatMap(({ from }) => (from !== null && from > now ? [from] : []));
}

function versionAt(configuration: Configuration, book: BookResource | undefined, at: string): PriceVersion | undefined {
  const entry = book === undefined ? undefined : entriesOf(book).findLast(({ from }) => (from ?? '') <= at);
  return entry === undefined ? undefined : configuration.versions.get(entry.version);
}

function factorOf(
  book: BookId,
  rate: NamedRate,
  resource: BookResource | undefined,
  factors: ReadonlyMap<string, string>,
): string | null {
  // Factors of modes, tiers and regions are on tokens only.
  if (!rate.derived && !isTokenMeter(rate.meter)) return null;
  if (!rate.derived) return factors.get(`${book}|${rate.target}|${rate.cell}`) ?? null;
  return resource?.base === undefined ? null : `${resource.base.book} × ${resource.base.multiplier}`;
}

/** "+25.00", half to even; null from nothing or between units. */
function percentBetween(before: DecimalRate, after: DecimalRate): string | null {
  const [one, other] = [comparable(before), comparable(after)];
  if (one.per !== other.per || one.pico === 0n || one.month !== other.month) return null;
  const hundredths = divideRoundHalfEven((other.pico - one.pico) * 10_000n, one.pico);
  const digits = (hundredths < 0n ? -hundredths : hundredths).toString().padStart(3, '0');
  return `${hundredths < 0n ? '-' : '+'}${digits.slice(0, -2)}.${digits.slice(-2)}`;
}

function comparable(rate: DecimalRate): { readonly pico: bigint; readonly per: number; readonly month: string } {
  if (typeof rate === 'string') return { pico: parseRate(rate), per: 1_000_000, month: '[]' };
  const { amount, per, free, graduated, volume } = rate;
  return { pico: parseRate(amount), per, month: JSON.stringify([free, graduated, volume].filter(part => part)) };
}
