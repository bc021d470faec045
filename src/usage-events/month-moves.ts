import type pg from 'pg';
import { monthPriceOf, rateAdded } from '../pricing/period.ts';
import { formatRates, type Rates } from '../pricing/rate.ts';
import type { PlacedEvent } from './place-event.ts';
import { amountAttoMax, type MonthlyRate, type MonthPriced, type RatedSide } from './rate-event.ts';
import { keyOf, type MonthKey, type MonthSum, nameOf, readRate, sideOf, writeSums } from './usage-months.ts';

/** A sum that events leave or join. One that is new has its number when it was written. */
export interface MovedSum extends MonthSum {
  id: bigint;
  readonly key: MonthKey;
  replaced: boolean;
  readonly isNew: boolean;
}

/** What an event is in a sum with. */
export type MonthSide = RatedSide & { readonly sum: MovedSum };

/** Moves events between sums of months. The events of a sum have no order: one that leaves is the last that was added, and
 *  gives back what that cost. A sum whose price is to be another gives its place to a new one, into which its events go one
 *  by one; at every moment each of the two comes to what its own units cost. Under lockMonths 'alone'. */
export class MonthMoves {
  readonly #byId = new Map<bigint, MovedSum>();
  readonly #inForce = new Map<string, MovedSum>();
  #newIds = 0n;

  /** Reads those that events are in, and those that hold for these keys; what was read before stays as it was moved. */
  async open(
    client: pg.ClientBase,
    { ids, keys }: { readonly ids: readonly bigint[]; readonly keys: readonly MonthKey[] },
  ): Promise<void> {
    const unknownIds = ids.filter(id => !this.#byId.has(id));
    const unknownKeys = keys.filter(key => !this.#inForce.has(nameOf(key)));
    if (unknownIds.length + unknownKeys.length === 0) return;
    const { rows } = await client.query(
      `with asked as (select * from usage_month where id = any($1))
       select ${columns} from asked m
        union all
       select ${columns} from usage_month m
        where not m.replaced and (book, subject, priced, meter, place, currency, month) in (
              select book, subject, priced, meter, place, currency, month from asked
               union all
              select book, subject, priced, meter, place, currency, month
                from json_populate_recordset(null::usage_month, $2::json))
        order by id`,
      [unknownIds.map(String), JSON.stringify(unknownKeys)],
    );
    for (const row of rows) this.#add(row);
  }

  #add({ id, currency, version, price, quantity, amount_atto, replaced, ...key }: SumRow): void {
    if (this.#byId.has(id)) return;
    const sum: MovedSum = {
      id,
      key: { ...key, currency, version, price },
      currency,
      version,
      rate: readRate(key.meter, price),
      quantity,
      amountAtto: amount_atto,
      changed: false,
      replaced,
      isNew: false,
    };
    this.#byId.set(id, sum);
    if (!replaced) this.#inForce.set(nameOf(sum.key), sum);
  }

  sum(id: bigint): MovedSum {
    return this.#byId.get(id)!; // it was opened
  }

  /** The sum that events of this price are in, or would be. undefined: there is none, or one of another price. */
  find(book: 'sell' | 'buy', event: PlacedEvent, target: MonthPriced): MovedSum | undefined {
    const key = keyOf(book, event, target);
    const sum = this.#inForce.get(nameOf(key));
    return sum !== undefined && hasPrice(sum, key) ? sum : undefined;
  }

  /** The one that took the place of another, or the other itself. */
  inForceFor(sum: MovedSum): MovedSum {
    return this.#inForce.get(nameOf(sum.key)) ?? sum;
  }

  /** Begins the sum of this price, in place of the one that there is. */
  begin(book: 'sell' | 'buy', event: PlacedEvent, target: MonthPriced): MovedSum {
    const key = keyOf(book, event, target);
    const before = this.#inForce.get(nameOf(key));
    if (before !== undefined) before.replaced = true;
    this.#newIds -= 1n;
    const sum: MovedSum = {
      id: this.#newIds,
      key,
      currency: target.currency,
      version: target.version,
      rate: target.rate,
      quantity: 0n,
      amountAtto: 0n,
      changed: false,
      replaced: false,
      isNew: true,
    };
    this.#byId.set(sum.id, sum);
    this.#inForce.set(nameOf(key), sum);
    return sum;
  }

  /** Replaced ones with units left in them. */
  unfinished(): readonly MovedSum[] {
    return [...this.#byId.values()].filter(({ replaced, quantity }) => replaced && quantity > 0n);
  }

  /** Whose numbers are known then. */
  async write(client: pg.ClientBase): Promise<void> {
    const sums = [...this.#byId.values()];
    const replaced = sums.filter(sum => sum.replaced && !sum.isNew).map(({ id }) => id.toString());
    if (replaced.length > 0) {
      await client.query('update usage_month set replaced = true where id = any($1) and not replaced', [replaced]);
    }
    for (const sum of sums.filter(({ isNew }) => isNew)) {
      const { rows } = await client.query(
        `insert into usage_month (book, subject, priced, meter, place, currency, month, version, price, replaced)
         select book, subject, priced, meter, place, currency, month, version, price, $2
           from json_populate_record(null::usage_month, $1::json) returning id`,
        [JSON.stringify(sum.key), sum.replaced],
      );
      sum.id = rows[0].id;
    }
    await writeSums(client, sums);
  }
}

const columns =
  'm.id, m.book, m.subject, m.priced, m.meter, m.place, m.currency, m.month::text as month, m.version, m.price, ' +
  'm.quantity, m.amount_atto, m.replaced';

interface SumRow extends MonthKey {
  readonly id: bigint;
  readonly quantity: bigint;
  readonly amount_atto: bigint;
  readonly replaced: boolean;
}

/** Whose version does not matter when it is the same price. */
export function hasPrice({ rate, key: { meter } }: MovedSum, key: MonthKey): boolean {
  const written = formatRates({ [meter]: rate } as Rates); // true: it was read for this meter
  const other = formatRates({ [meter]: readRate(key.meter, key.price) } as Rates);
  return JSON.stringify(written) === JSON.stringify(other);
}

/** What so many units gave to their sum, as the last of it. */
export function leaveSum(sum: MovedSum, units: bigint): bigint {
  const { amountAtto } = rateAdded(sum.quantity - units, units, priceOf(sum));
  sum.quantity -= units;
  sum.amountAtto -= amountAtto;
  sum.changed = true;
  return amountAtto;
}

/** What an event costs as the last of a sum; undefined when the month would come to more than 38 digits. */
export function foreseeJoin(sum: MovedSum, event: PlacedEvent): MonthSide | undefined {
  const side = sideOf(sum, event);
  return sum.amountAtto + side.amountAtto > amountAttoMax ? undefined : { ...side, sum };
}

export function joinSum({ sum, month, amountAtto }: MonthSide): void {
  sum.quantity += month!.units; // it is by the month
  sum.amountAtto += amountAtto;
  sum.changed = true;
}

/** All that is left of a sum into another at once, for telling what would become of it. */
export function pourSum(from: MovedSum, into: MovedSum): { readonly beforeAtto: bigint; readonly afterAtto: bigint } {
  const units = from.quantity;
  const beforeAtto = leaveSum(from, units);
  const { amountAtto: afterAtto } = rateAdded(into.quantity, units, priceOf(into));
  into.quantity += units;
  into.amountAtto += afterAtto;
  return { beforeAtto, afterAtto };
}

function priceOf({ rate }: { readonly rate: MonthlyRate }) {
  return monthPriceOf(rate)!; // it has a month
}
