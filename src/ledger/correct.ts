import type pg from 'pg';
import { type Reading, type Slice, slices } from '../completion/usage.ts';
import type { RatedAmount } from '../journal/record.ts';
import { copyIn } from '../store/copy.ts';
import { ensureTransferPartitions } from '../store/partitions.ts';
import { RowBuffer } from '../store/row-buffer.ts';
import { AccountNumbers } from './account-numbers.ts';
import { type BookAccount, parseAccountName, unbilled } from './accounts.ts';
import { Booking, sidesOf, transferRow } from './booking.ts';
import { addCorrectedUsage, correctedUsage, SeriesNames } from './corrected-usage.ts';
import type { Standing, StandingAttempt, StandingCharge, StandingLeg } from './standing.ts';
import { UsageSeriesBook } from './usage-series.ts';

/** What becomes of one exchange. Charges that it does not name stay as they are. */
export interface Correction {
  readonly standing: Standing;
  readonly kind: 'rerate' | 'true-up' | 'resolve' | 'void';
  /** Names the piece of work it is a part of. */
  readonly run: string;
  readonly reason: string;
  readonly state: Standing['state'];
  readonly charges: readonly NewCharge[];
}

export interface NewCharge {
  readonly book: 'buy' | 'sell';
  readonly attempt: number;
  readonly rated: RatedAmount;
  /** What it was rated from, when that is not what was read at first. */
  readonly reading?: Reading | undefined;
  /** Of a buy: what the provider billed beside what is rated; below zero when it billed less. */
  readonly varianceAtto?: bigint | undefined;
}

/** A customer's charge that changes: who pays the new one is for wallets to say. */
export interface ChargeChange {
  readonly standing: Standing;
  readonly currency: string;
  /** What was paid, by account, in the order in which it was taken. */
  readonly paid: readonly StandingLeg[];
  readonly chargedAtto: bigint;
}

export interface Payer {
  readonly account: BookAccount;
  readonly amountAtto: bigint;
}

/** For each change who pays how much; the amounts are the charge. Called in the transaction that books them, with all
 *  changes of it at once. */
export type SplitCharges = (
  client: pg.ClientBase,
  changes: readonly ChargeChange[],
) => Promise<readonly (readonly Payer[])[]>;

/** Who paid before pays again, up to what was paid and in the same order; what is more becomes unbilled. */
export const splitAsBefore: SplitCharges = (_client, changes) =>
  Promise.resolve(
    changes.map(({ standing, paid, chargedAtto }) => {
      const shares = new Map<string, bigint>();
      let left = chargedAtto;
      const pay = (name: string, amountAtto: bigint) => {
        if (amountAtto > 0n) shares.set(name, (shares.get(name) ?? 0n) + amountAtto);
        left -= amountAtto;
      };
      for (const leg of paid) pay(leg.debitName, smaller(leg.amountAtto, left));
      pay(unbilled(standing.organisation).name, left);
      return [...shares].map(([name, amountAtto]) => ({
        // True: legs of charges were written by shipping, whose accounts are of the chart.
        account: parseAccountName(name) as BookAccount,
        amountAtto,
      }));
    }),
  );

function smaller(a: bigint, b: bigint): bigint {
  if (a < b) return a;
  return b;
}

/** Numbers of accounts and series that were read or made. For transactions one after the other, of which the first that
 *  fails is the last: what it made is undone, and its numbers mean nothing. */
export class KnownNumbers {
  readonly accounts = new AccountNumbers();
  readonly series = new UsageSeriesBook();
  readonly names = new SeriesNames();
}

const correctionLock = 0x63_6f_72_72; // "corr"

/** Takes corrections one transaction at a time: each begins from what the one before left. Held until the caller's
 *  transaction ends; take it before reading standings. */
export async function lockCorrections(client: pg.ClientBase): Promise<void> {
  await client.query('select pg_advisory_xact_lock($1)', [correctionLock]);
}

/** Corrections with all that can be spelled of them before it is known who pays; in any process's own time, outside of
 *  transactions and locks. They must still stand as they stood when they are booked. */
export class PreparedCorrections {
  readonly bookings: Booking[] = [];
  readonly corrections = new RowBuffer();
  readonly charges = new RowBuffer();
  /** Transfers that take others back. */
  readonly reversals = new RowBuffer();

  add(correction: Correction): void {
    const booking = new Booking(correction);
    this.bookings.push(booking);
    this.corrections.add(booking.correctionRow());
    this.charges.add(booking.chargeRows());
    this.reversals.add(booking.reversalRows());
  }
}

/** Books corrections in the caller's transaction, which holds lockCorrections since before the standings were read: the
 *  transfers of what changes are reversed, new ones are written, leases and usage follow. Nothing is ever updated.
 *  Under a hard budget a customer pays at most what the exchange took from it before (a quarantined one its hold): the
 *  rest went back to the budget and may be spent. What is more is the operator's (I4). */
export function bookCorrections(
  client: pg.ClientBase,
  corrections: readonly Correction[],
  split: SplitCharges = splitAsBefore,
  known: KnownNumbers = new KnownNumbers(),
): Promise<readonly BookedCorrection[]> {
  const prepared = new PreparedCorrections();
  for (const correction of corrections) prepared.add(correction);
  return bookPrepared(client, prepared, split, known);
}

/** The same, of what was prepared before: whoever calls has the lock, and has seen that nothing was corrected since. */
export async function bookPrepared(
  client: pg.ClientBase,
  { bookings, corrections, charges, reversals }: PreparedCorrections,
  split: SplitCharges = splitAsBefore,
  known: KnownNumbers = new KnownNumbers(),
): Promise<readonly BookedCorrection[]> {
  if (bookings.length === 0) return [];
  await ensureTransferPartitions(
    client,
    bookings.map(({ correction }) => correction.standing.at.getTime()),
  );
  // What comes next is made while Postgres is busy with the ones before.
  const copied = copyBoth(client, corrections.content, charges.content);
  copied.catch(() => {});
  const results = bookings.map(booking => booking.result());
  const usage = correctedUsage(results, known.names);
  await copied;
  const changes = bookings.flatMap(booking => booking.change ?? []);
  const payers = new Map(
    (await split(client, changes)).map((payersOfOne, index) => [changes[index]!.standing, payersOfOne]),
  );
  const lines = bookings.flatMap(booking => booking.newLines(payers.get(booking.correction.standing) ?? []));
  const { accounts: numbers, series } = known;
  await numbers.open(client, sidesOf(lines));
  const fresh = new RowBuffer();
  for (const line of lines) fresh.add(transferRow(line, numbers));
  // One statement: its trigger adds up what all of them move.
  await copyIn(
    client,
    'copy transfer (at, exchange_id, attempt, kind, debit, credit, amount_atto, currency) from stdin',
    Buffer.concat([reversals.content, fresh.content]),
  );
  await settleLeases(client, results);
  await addCorrectedUsage(client, usage, series);
  return results;
}

async function copyBoth(client: pg.ClientBase, corrections: Buffer, charges: Buffer): Promise<void> {
  await copyIn(client, 'copy correction (at, exchange_id, number, kind, run, reason, state) from stdin', corrections);
  await copyIn(
    client,
    'copy corrected_charge (at, exchange_id, number, book, attempt, amount_atto, over_hold_atto, currency, version, lines, ' +
      'variance_atto, reading, before_atto, before_over_hold_atto, before_currency, before_version) from stdin',
    charges,
  );
}

/** What one correction came to. */
export interface BookedCorrection {
  readonly correction: Correction;
  readonly number: number;
  readonly charges: readonly BookedCharge[];
  /** What the exchange now takes from each of its leases, less what it took: never above zero. */
  readonly takenDeltaAtto: bigint;
}

export interface BookedCharge extends NewCharge {
  readonly before: StandingCharge | undefined;
  readonly after: StandingCharge;
  /** Of the attempt: where usage counts it. */
  readonly attemptFacts: StandingAttempt | undefined;
  /** What it was rated from before. */
  readonly readingBefore: Reading | undefined;
}

/** What an exchange takes less than before goes back to its leases, and from those that are closed to their windows. The
 *  order of locks is that of leases.ts: windows first. */
async function settleLeases(client: pg.ClientBase, booked: readonly BookedCorrection[]): Promise<void> {
  const back = new Map<string, bigint>();
  for (const { correction, takenDeltaAtto } of booked) {
    if (takenDeltaAtto === 0n || correction.standing.leases.length === 0) continue;
    if (takenDeltaAtto > 0n) throw new Error(`${correction.standing.id} would take more from its budget than before`);
    for (const lease of correction.standing.leases) back.set(lease, (back.get(lease) ?? 0n) - takenDeltaAtto);
  }
  if (back.size === 0) return;
  const ids = [...back.keys()].sort();
  await client.query(
    `select from budget_window
      where (budget, period) in (select budget, period from lease where id = any($1))
      order by budget, period for update`,
    [ids],
  );
  await client.query(
    `with back as (select * from unnest($1::text[], $2::numeric[]) as b (id, atto)),
     given as (
       update lease set spent_atto = spent_atto - back.atto
         from back where lease.id = back.id
       returning lease.budget, lease.period, lease.state, back.atto
     )
     update budget_window as w set spent_atto = w.spent_atto - free.atto
       from (select budget, period, sum(atto) as atto from given where state = 'closed' group by 1, 2) as free
      where w.budget = free.budget and w.period = free.period`,
    [ids, ids.map(id => back.get(id)!.toString())],
  );
}

/** Slices that a new reading says otherwise, as what is added. */
export function sliceDelta(before: Reading | undefined, after: Reading): Partial<Record<Slice, number>> {
  const delta: Partial<Record<Slice, number>> = {};
  for (const slice of slices) {
    const added = (after.slices[slice] ?? 0) - (before?.slices[slice] ?? 0);
    if (added !== 0) delta[slice] = added;
  }
  return delta;
}
