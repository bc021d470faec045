import type pg from 'pg';
import { monthPriceOf, type PeriodLine, rateAdded } from '../pricing/period.ts';
import { chargedUnits, formatRates, parseRates, type RateJson, type Rates } from '../pricing/rate.ts';
import { monthOf } from './month.ts';
import type { PlacedEvent } from './place-event.ts';
import {
  amountAttoMax,
  type EventLine,
  isMonthPriced,
  type MonthlyRate,
  type MonthPriced,
  type PricedEvent,
  type RatedEvent,
  type RatedSide,
} from './rate-event.ts';

/** An event that was priced, on its way to an amount. */
export interface PricedUsage {
  readonly event: PlacedEvent;
  readonly priced: PricedEvent;
}

/** Sums of months under one lock: whoever rates adds to them together with others, whoever rates again does it alone. */
const monthsLock = 0x6d_6f_6e_74; // "mont"

/** `alone`: until the end of the transaction nobody else reads or changes the sum of a month to rate by it. It is taken
 *  after the names of events, and before the sums. */
export async function lockMonths(client: pg.ClientBase, how: 'together' | 'alone'): Promise<void> {
  await client.query(`select pg_advisory_xact_lock${how === 'alone' ? '' : '_shared'}($1)`, [monthsLock]);
}

/** The sum of one month, as the caller's transaction sees it under its lock. */
export interface MonthSum {
  readonly id: bigint;
  readonly currency: string;
  readonly version: string;
  readonly rate: MonthlyRate;
  quantity: bigint;
  amountAtto: bigint;
  changed: boolean;
}

/** The amounts of events, in their order. What is priced by the month is added to its sum, in the caller's transaction:
 *  whoever adds to the same one waits for its end, so every event costs what it adds to what stands, and together they cost
 *  what their sum does, whoever came first. Call it once a transaction, for events that are rated here and nowhere else. */
export async function rateByMonths<Usage extends PricedUsage>(
  client: pg.ClientBase,
  usages: readonly Usage[],
): Promise<ReadonlyMap<Usage, RatedEvent | { readonly quarantine: string }>> {
  const wanted = new Map<string, MonthKey>();
  for (const { event, priced } of usages) {
    for (const book of books) {
      const side = priced[book];
      if (isMonthPriced(side)) wanted.set(nameOf(keyOf(book, event, side)), keyOf(book, event, side));
    }
  }
  const sums = await openSums(client, wanted);
  const rated = new Map(usages.map(usage => [usage, rateOne(usage, sums)] as const));
  await writeSums(client, [...sums.values()]);
  return rated;
}

const books = ['sell', 'buy'] as const;

export type MonthName = Omit<MonthKey, 'version' | 'price'>;

export interface MonthKey {
  readonly book: 'sell' | 'buy';
  readonly subject: string;
  readonly priced: string;
  readonly meter: string;
  readonly place: string;
  readonly currency: string;
  readonly month: string;
  readonly version: string;
  readonly price: RateJson;
}

export function keyOf(
  book: 'sell' | 'buy',
  event: PlacedEvent,
  { currency, version, rate, place }: MonthPriced,
): MonthKey {
  const { organisation, placedProvider, deployment, placedProduct, meter, atMs } = event;
  return {
    book,
    subject: book === 'sell' ? organisation : placedProvider,
    priced: deployment ?? placedProduct,
    meter,
    place,
    currency,
    month: monthOf(atMs).toISOString().slice(0, 10),
    version,
    price: formatRates({ [meter]: rate } as Rates)[meter]!, // true: it was read for this meter
  };
}

export function nameOf({ book, subject, priced, meter, place, currency, month }: MonthName): string {
  return [book, subject, priced, meter, place, currency, month].join('\n');
}

/** Begins those that are not there, and takes the lock of each; all in one order, whoever does. */
async function openSums(client: pg.ClientBase, wanted: ReadonlyMap<string, MonthKey>): Promise<Map<string, MonthSum>> {
  if (wanted.size === 0) return new Map();
  const keys = [...wanted].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, key]) => key);
  const json = JSON.stringify(keys);
  await lockMonths(client, 'together');
  await client.query(
    `insert into usage_month (book, subject, priced, meter, place, currency, month, version, price)
     select book, subject, priced, meter, place, currency, month, version, price
       from json_populate_recordset(null::usage_month, $1::json)
     on conflict do nothing`,
    [json],
  );
  const { rows } = await client.query(
    `select m.id, m.book, m.subject, m.priced, m.meter, m.place, m.currency, m.month::text as month, m.version, m.price,
            m.quantity, m.amount_atto
       from usage_month m
       join json_populate_recordset(null::usage_month, $1::json) as k
            using (book, subject, priced, meter, place, currency, month)
      where not m.replaced
      order by m.id
        for update of m`,
    [json],
  );
  return new Map(
    rows.map(row => [
      nameOf(row),
      {
        id: row.id,
        currency: row.currency,
        version: row.version,
        rate: readRate(row.meter, row.price),
        quantity: row.quantity,
        amountAtto: row.amount_atto,
        changed: false,
      },
    ]),
  );
}

/** Of a sum: keyOf wrote it. */
export function readRate(meter: string, price: RateJson): MonthlyRate {
  return (parseRates({ [meter]: price }) as Record<string, MonthlyRate>)[meter]!; // true: it was a price by the month
}

function rateOne(
  { event, priced }: PricedUsage,
  sums: ReadonlyMap<string, MonthSum>,
): RatedEvent | { readonly quarantine: string } {
  const rated = { sell: priced.sell, buy: priced.buy };
  const added: MonthSum[] = [];
  for (const book of books) {
    const side = rated[book];
    if (!isMonthPriced(side)) continue;
    const sum = sums.get(nameOf(keyOf(book, event, side)))!; // it was opened
    const own = sideOf(sum, event);
    if (sum.amountAtto + own.amountAtto > amountAttoMax) {
      return { quarantine: `the ${book} amount of the month has more than 38 digits` };
    }
    rated[book] = own;
    added.push(sum);
  }
  const done = rated as RatedEvent; // what was by the month has its amount now
  // Both books or none.
  for (const sum of added) {
    const { amountAtto, month } = [done.sell, done.buy].find(side => side.month?.id === sum.id)!; // it was made of the sum
    sum.quantity += month!.units;
    sum.amountAtto += amountAtto;
    sum.changed = true;
  }
  return done;
}

/** What an event adds to the sum as it stands, which stays as it is. */
export function sideOf(
  sum: MonthSum,
  { meter, quantity, holders }: PlacedEvent,
): RatedSide & Required<Pick<RatedSide, 'month'>> {
  const { rate, id, currency, version } = sum;
  const units = BigInt(chargedUnits(quantity, rate, holders));
  const { lines, amountAtto } = rateAdded(sum.quantity, units, monthPriceOf(rate)!); // it has a month
  return {
    amountAtto,
    currency,
    version,
    lines: lines.map(line => lineOf(meter, line, rate)),
    month: { id, units },
  };
}

function lineOf(meter: string, { quantity, rate, amountAtto }: PeriodLine, { per }: MonthlyRate): EventLine {
  const pico = rate === undefined ? 0n : (rate as MonthlyRate).pico; // monthPriceOf makes steps of its own rate's form
  return {
    meter,
    quantity: Number.isSafeInteger(Number(quantity)) ? Number(quantity) : quantity.toString(),
    ratePico: pico.toString(),
    per: per.toString(),
    amountAtto: amountAtto.toString(),
  };
}

export async function writeSums(client: pg.ClientBase, sums: readonly MonthSum[]): Promise<void> {
  const changed = sums.filter(sum => sum.changed);
  if (changed.length === 0) return;
  await client.query(
    `update usage_month m set quantity = s.quantity, amount_atto = s.atto
       from unnest($1::bigint[], $2::numeric[], $3::numeric[]) as s (id, quantity, atto)
      where m.id = s.id`,
    [
      changed.map(({ id }) => id.toString()),
      changed.map(({ quantity }) => quantity.toString()),
      changed.map(({ amountAtto }) => amountAtto.toString()),
    ],
  );
}
