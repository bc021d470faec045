import type { Reading, UsageSlices } from '../completion/usage.ts';
import { formatAtto } from '../pricing/money.ts';
import { rateByCard, ratedAmountJson } from '../pricing/rating.ts';
import type { Store } from '../store/connect.ts';
import { inTransaction } from '../store/in-transaction.ts';
import { bookCorrections, type Correction, lockCorrections, type NewCharge, type SplitCharges } from './correct.ts';
import { cardFor, type PricesOf } from './rerate.ts';
import {
  findStandings,
  nextStandings,
  type Standing,
  type StandingAttempt,
  type StandingCursor,
  type StandingFilter,
} from './standing.ts';

/** An exchange that could not be rated: nothing of it is booked, and its hold is kept until somebody says what it was. */
export interface QuarantinedExchange {
  readonly id: string;
  readonly at: string;
  readonly organisation: string;
  readonly project: string;
  readonly model: string;
  readonly deployment: string;
  readonly reasons: readonly string[];
  /** What was read, as far as it was. */
  readonly slices: UsageSlices;
  /** What its budgets have set aside for it. */
  readonly hold: { readonly amount: string; readonly currency: string };
}

export const quarantinePageMax = 500;

/** Oldest first. */
export async function listQuarantined(
  store: Store,
  filter: StandingFilter,
  page: { readonly limit: number; readonly after?: StandingCursor | undefined },
): Promise<{ readonly exchanges: readonly QuarantinedExchange[]; readonly next: StandingCursor | undefined }> {
  const client = await store.pool.connect();
  try {
    const wanted = { ...filter, quarantined: true };
    const standings = await nextStandings(client, wanted, page.after, page.limit + 1);
    const shown = standings.slice(0, page.limit);
    const last = shown.at(-1);
    return {
      exchanges: shown.map(viewOf),
      next: standings.length > shown.length && last !== undefined ? { at: last.at, id: last.id } : undefined,
    };
  } finally {
    client.release();
  }
}

function viewOf(standing: Standing): QuarantinedExchange {
  const paid = paidFor(standing);
  return {
    id: standing.id,
    at: standing.at.toISOString(),
    organisation: standing.organisation,
    project: standing.project,
    model: paid?.model ?? '',
    deployment: paid?.deployment ?? '',
    reasons: [...new Set(standing.attempts.flatMap(({ reading }) => reading.quarantine ?? []))],
    slices: paid?.reading.slices ?? {},
    hold: { amount: formatAtto(standing.holdAtto), currency: standing.holdCurrency },
  };
}

export interface QuarantineResult {
  readonly id: string;
  readonly outcome:
    | 'resolved'
    | 'voided'
    /** No such exchange is kept. */
    | 'not-found'
    /** It is not in quarantine, or not any more. */
    | 'not-quarantined'
    /** It cannot be rated yet; `why` says what is missing. */
    | 'not-rated';
  readonly why?: string;
  /** What the customer is charged now. */
  readonly charged?: { readonly amount: string; readonly currency: string };
}

export interface QuarantineOrder {
  readonly ids: readonly string[];
  readonly run: string;
  readonly reason: string;
  readonly split?: SplitCharges | undefined;
}

/** One call takes so many. */
export const resolvedAtOnce = 1_000;

/** Rates quarantined exchanges by what is published now: as they were read, or as somebody says who looked (`slices`).
 *  A reading that does not add up is taken at its word: whoever resolves it has looked. Doing it again changes nothing. */
export function resolveQuarantined(
  store: Store,
  order: QuarantineOrder & { readonly prices: PricesOf; readonly slices?: UsageSlices | undefined },
): Promise<readonly QuarantineResult[]> {
  return settle(store, order, standing => {
    const paid = paidFor(standing);
    if (paid === undefined) return 'no attempt was delivered; void it';
    const charges: NewCharge[] = [];
    for (const attempt of standing.attempts) {
      const reading = resolvedReading(attempt, attempt === paid ? order.slices : undefined);
      const isPaid = attempt === paid;
      if (isPaid && Object.keys(reading.slices).length === 0) return 'nothing was read; say the slices, or void it';
      if (attempt.buy === undefined && reading.source !== 'none') {
        const cost = rate(standing, 'buy', attempt, reading, order.prices);
        if (typeof cost === 'string') return cost;
        charges.push(cost);
      }
      if (!isPaid) continue;
      const price = rate(standing, 'sell', attempt, reading, order.prices);
      if (typeof price === 'string') return price;
      charges.push(price);
    }
    const state = paid.reading.source === 'estimated' && order.slices === undefined ? 'estimated' : 'settled';
    return { standing, kind: 'resolve', run: order.run, reason: order.reason, state, charges };
  });
}

/** Charges nothing for quarantined exchanges and gives their holds back. What the provider bills for them is not booked;
 *  a true-up does. Doing it again changes nothing. */
export function voidQuarantined(store: Store, order: QuarantineOrder): Promise<readonly QuarantineResult[]> {
  const { run, reason } = order;
  return settle(store, order, standing => ({ standing, kind: 'void', run, reason, state: 'void', charges: [] }));
}

async function settle(
  store: Store,
  { ids, split }: QuarantineOrder,
  correct: (standing: Standing) => Correction | string,
): Promise<readonly QuarantineResult[]> {
  if (ids.length > resolvedAtOnce) throw new RangeError(`at most ${resolvedAtOnce} exchanges are settled at once`);
  return inTransaction(store, async client => {
    await lockCorrections(client);
    const standings = new Map((await findStandings(client, ids)).map(standing => [standing.id, standing]));
    const corrections = new Map<string, Correction>();
    const results = ids.map((id): QuarantineResult => {
      const standing = standings.get(id);
      if (standing === undefined) return { id, outcome: 'not-found' };
      if (standing.state !== 'quarantined' || corrections.has(id)) return { id, outcome: 'not-quarantined' };
      const correction = correct(standing);
      if (typeof correction === 'string') return { id, outcome: 'not-rated', why: correction };
      corrections.set(id, correction);
      return { id, outcome: correction.kind === 'void' ? 'voided' : 'resolved' };
    });
    const booked = await bookCorrections(client, [...corrections.values()], split);
    const charged = new Map(
      booked.flatMap(({ correction, charges }) => {
        const sell = charges.find(({ book }) => book === 'sell')?.after;
        return sell === undefined ? [] : [[correction.standing.id, sell] as const];
      }),
    );
    return results.map(result => {
      const sell = result.outcome === 'resolved' ? charged.get(result.id) : undefined;
      if (sell === undefined) return result;
      const amount = formatAtto(sell.amountAtto - sell.overHoldAtto);
      return { ...result, charged: { amount, currency: sell.currency } };
    });
  });
}

/** The attempt whose answer the customer got: nothing is tried after content was sent. */
function paidFor({ attempts, deliveredAttempt }: Standing): StandingAttempt | undefined {
  return attempts.find(({ attempt }) => attempt === deliveredAttempt);
}

function resolvedReading({ reading }: StandingAttempt, slices: UsageSlices | undefined): Reading {
  const { quarantine: _quarantine, ...rest } = reading;
  if (slices === undefined) return rest;
  const { rule: _rule, ...read } = rest;
  return { ...read, slices, source: 'provider' };
}

function rate(
  standing: Standing,
  book: 'buy' | 'sell',
  attempt: StandingAttempt,
  reading: Reading,
  prices: PricesOf,
): NewCharge | string {
  const card = cardFor(prices, standing, book, attempt);
  if (card === undefined) return `no ${book} price of ${attempt.deployment} holds`;
  const rated = rateByCard(reading, card, {});
  if ('quarantine' in rated) return `${book}: ${rated.quarantine}`;
  return { book, attempt: attempt.attempt, rated: ratedAmountJson(rated), reading };
}
