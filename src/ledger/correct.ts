import type pg from 'pg';
import { type Reading, type Slice, slices } from '../completion/usage.ts';
import type { RatedAmount } from '../journal/record.ts';
import { copyIn } from '../store/copy.ts';
import { ensureTransferPartitions } from '../store/partitions.ts';
import { AccountNumbers, type Sides } from './account-numbers.ts';
import {
  type BookAccount,
  cogs,
  cogsFailedAttempt,
  cogsOrphan,
  cogsPriceVariance,
  overHold,
  parseAccountName,
  providerAccrued,
  revenueInference,
  unbilled,
} from './accounts.ts';
import { addCorrectedUsage, correctedUsage } from './corrected-usage.ts';
import { escapeField } from './rows.ts';
import {
  chargedOf,
  correctedKind,
  isCostKind,
  reverseKind,
  type Standing,
  type StandingAttempt,
  type StandingCharge,
  type StandingLeg,
  takenAtto,
} from './standing.ts';
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
}

const correctionLock = 0x63_6f_72_72; // "corr"

/** Takes corrections one transaction at a time: each begins from what the one before left. Held until the caller's
 *  transaction ends; take it before reading standings. */
export async function lockCorrections(client: pg.ClientBase): Promise<void> {
  await client.query('select pg_advisory_xact_lock($1)', [correctionLock]);
}

/** Books corrections in the caller's transaction, which holds lockCorrections since before the standings were read: the
 *  transfers of what changes are reversed, new ones are written, leases and usage follow. Nothing is ever updated.
 *  Under a hard budget a customer pays at most what the exchange took from it before (a quarantined one its hold): the
 *  rest went back to the budget and may be spent. What is more is the operator's (I4). */
export async function bookCorrections(
  client: pg.ClientBase,
  corrections: readonly Correction[],
  split: SplitCharges = splitAsBefore,
  known: KnownNumbers = new KnownNumbers(),
): Promise<readonly BookedCorrection[]> {
  if (corrections.length === 0) return [];
  const booked = corrections.map(correction => new Booking(correction));
  const changes = booked.flatMap(booking => booking.change ?? []);
  const payers = new Map(
    (await split(client, changes)).map((payersOfOne, index) => [changes[index]!.standing, payersOfOne]),
  );
  const lines = booked.flatMap(booking => booking.transfers(payers.get(booking.correction.standing) ?? []));
  const { accounts: numbers, series } = known;
  await numbers.open(client, sidesOf(lines));
  await ensureTransferPartitions(
    client,
    corrections.map(({ standing }) => standing.at.getTime()),
  );
  // What comes next is spelled while Postgres is busy with the one before.
  const correctionsCopied = copyIn(
    client,
    'copy correction (at, exchange_id, number, kind, run, reason, state) from stdin',
    booked.map(booking => booking.correctionRow()).join(''),
  );
  correctionsCopied.catch(() => {});
  const chargeText = booked.map(booking => booking.chargeRows()).join('');
  await correctionsCopied;
  const chargesCopied = copyIn(
    client,
    'copy corrected_charge (at, exchange_id, number, book, attempt, amount_atto, over_hold_atto, currency, version, lines, ' +
      'variance_atto, reading, before_atto, before_over_hold_atto, before_currency, before_version) from stdin',
    chargeText,
  );
  chargesCopied.catch(() => {});
  const transferText = lines.map(line => transferRow(line, numbers)).join('');
  await chargesCopied;
  const transfersCopied = copyIn(
    client,
    'copy transfer (at, exchange_id, attempt, kind, debit, credit, amount_atto, currency) from stdin',
    transferText,
  );
  transfersCopied.catch(() => {});
  const results = booked.map(booking => booking.result());
  const usage = correctedUsage(results);
  await transfersCopied;
  await settleLeases(client, results);
  await addCorrectedUsage(client, usage, series);
  return results;
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

interface TransferLine {
  /** The columns that every row of the exchange begins with. */
  readonly head: string;
  readonly attempt: number;
  readonly kind: string;
  readonly amountAtto: bigint;
  readonly currency: string;
}
type Line = TransferLine &
  (
    | { readonly debit: number; readonly credit: number }
    | { readonly debitAccount: BookAccount; readonly creditAccount: BookAccount }
  );

/** The accounts that lines name, each pair once. */
function sidesOf(lines: readonly Line[]): Sides[] {
  const sides = new Map<string, Sides>();
  for (const line of lines) {
    if (!('debitAccount' in line)) continue;
    const { debitAccount: debit, creditAccount: credit, currency } = line;
    const key = `${debit.name}\n${credit.name}\n${currency}`;
    if (!sides.has(key)) sides.set(key, { debit, credit, currency });
  }
  return [...sides.values()];
}

class Booking {
  readonly correction: Correction;
  readonly #number: number;
  readonly #head: string;
  readonly #charges: readonly BookedCharge[];
  /** The customer's charge, when it is one of those that change. */
  readonly change: ChargeChange | undefined;

  constructor(correction: Correction) {
    const { standing, charges } = correction;
    this.correction = correction;
    this.#number = standing.corrections + 1;
    this.#head = `${standing.at.toISOString()}\t${escapeField(standing.id)}`;
    this.#charges = charges.map(charge => bookedCharge(standing, charge));
    const sell = this.#charges.find(({ book }) => book === 'sell');
    const isVoid = correction.kind === 'void';
    this.change =
      sell === undefined && !isVoid
        ? undefined
        : {
            standing,
            currency: sell?.after.currency ?? standing.holdCurrency,
            paid: standing.legs
              .filter(({ kind, debitName }) => !isCostKind(kind) && debitName !== overHold.name)
              .sort((a, b) => (a.kind < b.kind ? -1 : 1)),
            chargedAtto: chargedOf(sell?.after),
          };
  }

  transfers(payers: readonly Payer[]): Line[] {
    const { standing } = this.correction;
    const sellChanges = this.change !== undefined;
    const bought = this.#charges.filter(({ book }) => book === 'buy');
    const lines: Line[] = standing.legs
      .filter(({ kind, attempt }) =>
        isCostKind(kind) ? bought.some(charge => charge.attempt === attempt) : sellChanges,
      )
      .map(({ attempt, kind, debit, credit, amountAtto, currency }) => ({
        head: this.#head,
        attempt,
        kind: reverseKind(this.#number, kind),
        debit: credit,
        credit: debit,
        amountAtto,
        currency,
      }));
    for (const charge of this.#charges) {
      lines.push(...(charge.book === 'buy' ? this.#costLines(charge) : this.#sellLines(charge, payers)));
    }
    return lines;
  }

  #costLines({ attempt, rated, attemptFacts, varianceAtto = 0n }: BookedCharge): Line[] {
    const { standing } = this.correction;
    const { currency } = rated;
    const accrued = providerAccrued(attemptFacts!.provider);
    const stood = standing.legs.find(leg => isCostKind(leg.kind) && leg.attempt === attempt);
    const undelivered = stood?.debitName === cogsOrphan.name ? cogsOrphan : cogsFailedAttempt;
    const cost = attempt === standing.deliveredAttempt ? cogs(attemptFacts!.provider) : undelivered;
    const line = (kind: string, amountAtto: bigint, debitAccount: BookAccount, creditAccount: BookAccount): Line[] =>
      amountAtto === 0n
        ? []
        : [
            {
              head: this.#head,
              attempt,
              kind: correctedKind(this.#number, kind, 0),
              amountAtto,
              currency,
              debitAccount,
              creditAccount,
            },
          ];
    return [
      ...line('cost', BigInt(rated.amountAtto), cost, accrued),
      ...(varianceAtto > 0n
        ? line('cost-variance', varianceAtto, cogsPriceVariance, accrued)
        : line('cost-rebate', -varianceAtto, accrued, cogsPriceVariance)),
    ];
  }

  #sellLines({ attempt, after }: BookedCharge, payers: readonly Payer[]): Line[] {
    const { standing } = this.correction;
    const { currency, overHoldAtto } = after;
    const paid = payers.reduce((sum, { amountAtto }) => sum + amountAtto, 0n);
    if (paid !== chargedOf(after))
      throw new Error(`${standing.id}: payers of ${paid} for a charge of ${chargedOf(after)}`);
    const sale = { head: this.#head, attempt, currency, creditAccount: revenueInference };
    const lines: Line[] = payers.map(({ account, amountAtto }, index) => ({
      ...sale,
      kind: correctedKind(this.#number, 'sell', index),
      amountAtto,
      debitAccount: account,
    }));
    if (overHoldAtto > 0n) {
      lines.push({
        ...sale,
        kind: correctedKind(this.#number, 'over-hold', 0),
        amountAtto: overHoldAtto,
        debitAccount: overHold,
      });
    }
    return lines;
  }

  correctionRow(): string {
    const { kind, run, reason, state } = this.correction;
    return `${this.#head}\t${this.#number}\t${kind}\t${escapeField(run)}\t${escapeField(reason)}\t${state}\n`;
  }

  chargeRows(): string {
    return this.#charges
      .map(
        ({ book, attempt, rated, after, before, reading }) =>
          `${this.#head}\t${this.#number}\t${book}\t${attempt}\t${after.amountAtto}\t${after.overHoldAtto}\t` +
          `${after.currency}\t${escapeField(after.version)}\t${escapeField(JSON.stringify(rated.lines))}\t` +
          `${after.varianceAtto}\t${reading === undefined ? '\\N' : escapeField(JSON.stringify(reading))}\t` +
          `${before === undefined ? '\\N\t\\N\t\\N\t\\N' : `${chargedOf(before)}\t${before.overHoldAtto}\t${before.currency}\t${escapeField(before.version)}`}\n`,
      )
      .join('');
  }

  result(): BookedCorrection {
    const { correction } = this;
    const { standing, state } = correction;
    const sell = this.#charges.find(({ book }) => book === 'sell')?.after;
    const after = correction.kind === 'void' ? undefined : (sell ?? standing.sell);
    const taken = takenAtto({ state, holdAtto: standing.holdAtto, sell: after });
    return {
      correction,
      number: this.#number,
      charges: this.#charges,
      takenDeltaAtto: taken - takenAtto(standing),
    };
  }
}

function bookedCharge(standing: Standing, charge: NewCharge): BookedCharge {
  const { book, attempt, rated } = charge;
  const attemptFacts = standing.attempts.find(one => one.attempt === attempt);
  if (book === 'buy' && attemptFacts === undefined) throw new Error(`${standing.id} has no attempt ${attempt}`);
  const amountAtto = BigInt(rated.amountAtto);
  const overHoldAtto = book === 'sell' ? overHoldOf(standing, amountAtto, rated.currency) : 0n;
  return {
    ...charge,
    before: book === 'sell' ? standing.sell : attemptFacts?.buy,
    after: {
      amountAtto,
      overHoldAtto,
      varianceAtto: charge.varianceAtto ?? 0n,
      currency: rated.currency,
      version: rated.version,
    },
    attemptFacts,
    readingBefore: attemptFacts?.reading,
  };
}

function overHoldOf(standing: Standing, amountAtto: bigint, currency: string): bigint {
  if (standing.leases.length === 0) return 0n;
  // A budget in another currency cannot pay for it.
  const payable = currency === standing.holdCurrency ? takenAtto(standing) : 0n;
  return amountAtto > payable ? amountAtto - payable : 0n;
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

function transferRow(line: Line, numbers: AccountNumbers): string {
  const debit = 'debit' in line ? line.debit : numbers.numberOf(line.debitAccount.name, line.currency);
  const credit = 'credit' in line ? line.credit : numbers.numberOf(line.creditAccount.name, line.currency);
  return `${line.head}\t${line.attempt}\t${line.kind}\t${debit}\t${credit}\t${line.amountAtto}\t${line.currency}\n`;
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
