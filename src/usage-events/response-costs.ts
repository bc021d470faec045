import type { ProviderCost } from '../completion/usage.ts';
import { providerCostAtto } from '../ledger/provider-cost.ts';
import type { Store } from '../store/connect.ts';
import { bookTrueUps } from './true-up.ts';
import type { TrueUp } from './usage-event.ts';

/** A place between two attempts in their order by time. */
export interface AttemptCursor {
  readonly at: Date;
  readonly exchange: string;
  readonly attempt: number;
}

export interface ResponseCosts {
  /** Figures that were booked now, also those without a difference. */
  readonly booked: number;
  /** Figures that cannot be booked: quarantined, or in another currency than what is owed. */
  readonly left: number;
  readonly next: AttemptCursor | undefined;
}

/** One transaction. */
const attemptsAtOnce = 500;

/** Books what providers' own answers said their attempts cost, as true-ups named after the attempts: one step, of attempts
 *  of exchanges that began in the span and are behind `after`. Doing it again books nothing. */
export async function bookResponseCosts(
  store: Store,
  span: { readonly from: Date; readonly to: Date },
  after: AttemptCursor | undefined,
  limit: number = attemptsAtOnce,
): Promise<ResponseCosts> {
  const { rows } = await store.pool.query(
    `select at, exchange_id, attempt, started_at, reading -> 'providerCost' as cost,
            reading -> 'quarantine' is not null or coalesce(buy_currency, 'USD') <> reading -> 'providerCost' ->> 'currency' as unfit
       from attempt
      where at >= $1 and at < $2 and reading -> 'providerCost' is not null
        and ($3::timestamptz is null or (at, exchange_id, attempt) > ($3, $4, $5::int))
      order by at, exchange_id, attempt
      limit $6`,
    [span.from, span.to, after?.at ?? null, after?.exchange ?? '', after?.attempt ?? 0, limit],
  );
  const figures = rows
    .filter(({ unfit }) => !unfit)
    .map(({ exchange_id, attempt, started_at, cost }): TrueUp => {
      const { amount, currency } = cost as ProviderCost; // what metering wrote there
      return {
        source: '/responses',
        id: `${exchange_id}:${attempt}`,
        atMs: (started_at as Date).getTime(),
        exchange: exchange_id,
        attempt,
        figureAtto: providerCostAtto(amount),
        currency,
        origin: 'response',
      };
    });
  const booked =
    figures.length === 0
      ? []
      : await bookTrueUps(
          store,
          figures.map(trueUp => ({ trueUp, json: { exchange: trueUp.exchange, attempt: trueUp.attempt } })),
        );
  const last = rows.at(-1);
  return {
    booked: booked.filter(({ outcome }) => outcome === 'booked').length,
    left: rows.length - figures.length,
    next:
      last === undefined || rows.length < limit
        ? undefined
        : { at: last.at, exchange: last.exchange_id, attempt: last.attempt },
  };
}
