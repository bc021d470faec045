import type { RatedAmount } from '../journal/record.ts';
import type { AccountNumbers, Sides } from './account-numbers.ts';
import {
  type BookAccount,
  cogs,
  cogsFailedAttempt,
  cogsOrphan,
  cogsPriceVariance,
  overHold,
  providerAccrued,
  revenueInference,
} from './accounts.ts';
import type { BookedCharge, BookedCorrection, ChargeChange, Correction, NewCharge, Payer } from './correct.ts';
import { escapeField } from './rows.ts';
import { chargedOf, correctedKind, isCostKind, reverseKind, type Standing, takenAtto } from './standing.ts';

/** One correction, as rows of COPY in text form. */

/** A transfer that a correction writes. */
export interface Line {
  /** The columns that every row of the exchange begins with. */
  readonly head: string;
  readonly attempt: number;
  readonly kind: string;
  readonly amountAtto: bigint;
  readonly currency: string;
  readonly debitAccount: BookAccount;
  readonly creditAccount: BookAccount;
}

/** The accounts that lines name, each pair once. */
export function sidesOf(lines: readonly Line[]): Sides[] {
  const sides = new Map<string, Sides>();
  for (const { debitAccount: debit, creditAccount: credit, currency } of lines) {
    const key = `${debit.name}\n${credit.name}\n${currency}`;
    if (!sides.has(key)) sides.set(key, { debit, credit, currency });
  }
  return [...sides.values()];
}

export function transferRow(line: Line, numbers: AccountNumbers): string {
  const debit = numbers.numberOf(line.debitAccount.name, line.currency);
  const credit = numbers.numberOf(line.creditAccount.name, line.currency);
  return `${line.head}\t${line.attempt}\t${line.kind}\t${debit}\t${credit}\t${line.amountAtto}\t${line.currency}\n`;
}

export class Booking {
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

  /** The transfers in effect of what changes, with their sides exchanged. */
  reversalRows(): string {
    let rows = '';
    for (const { attempt, kind, debit, credit, amountAtto, currency } of this.correction.standing.legs) {
      const changes = isCostKind(kind) ? this.#buys(attempt) : this.change !== undefined;
      if (!changes) continue;
      rows += `${this.#head}\t${attempt}\t${reverseKind(this.#number, kind)}\t${credit}\t${debit}\t${amountAtto}\t${currency}\n`;
    }
    return rows;
  }

  newLines(payers: readonly Payer[]): Line[] {
    const lines: Line[] = [];
    for (const charge of this.#charges) {
      if (charge.book === 'buy') this.#addCost(charge, lines);
      else this.#addSale(charge, payers, lines);
    }
    return lines;
  }

  #buys(attempt: number): boolean {
    return this.#charges.some(charge => charge.book === 'buy' && charge.attempt === attempt);
  }

  #addCost({ attempt, after, attemptFacts }: BookedCharge, lines: Line[]): void {
    const { standing } = this.correction;
    const { currency, amountAtto, varianceAtto } = after;
    const accrued = providerAccrued(attemptFacts!.provider);
    const stood = standing.legs.find(leg => isCostKind(leg.kind) && leg.attempt === attempt);
    const undelivered = stood?.debitName === cogsOrphan.name ? cogsOrphan : cogsFailedAttempt;
    const cost = attempt === standing.deliveredAttempt ? cogs(attemptFacts!.provider) : undelivered;
    const add = (kind: string, amount: bigint, debitAccount: BookAccount, creditAccount: BookAccount) => {
      if (amount === 0n) return;
      const numbered = correctedKind(this.#number, kind, 0);
      lines.push({
        head: this.#head,
        attempt,
        kind: numbered,
        amountAtto: amount,
        currency,
        debitAccount,
        creditAccount,
      });
    };
    add('cost', amountAtto, cost, accrued);
    if (varianceAtto > 0n) add('cost-variance', varianceAtto, cogsPriceVariance, accrued);
    else add('cost-rebate', -varianceAtto, accrued, cogsPriceVariance);
  }

  #addSale({ attempt, after }: BookedCharge, payers: readonly Payer[], lines: Line[]): void {
    const { standing } = this.correction;
    const { currency, overHoldAtto } = after;
    let paid = 0n;
    for (const { amountAtto } of payers) paid += amountAtto;
    if (paid !== chargedOf(after))
      throw new Error(`${standing.id}: payers of ${paid} for a charge of ${chargedOf(after)}`);
    const add = (kind: string, index: number, amountAtto: bigint, debitAccount: BookAccount) => {
      const numbered = correctedKind(this.#number, kind, index);
      const creditAccount = revenueInference;
      lines.push({ head: this.#head, attempt, kind: numbered, amountAtto, currency, debitAccount, creditAccount });
    };
    for (const [index, { account, amountAtto }] of payers.entries()) add('sell', index, amountAtto, account);
    if (overHoldAtto > 0n) add('over-hold', 0, overHoldAtto, overHold);
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
          `${after.currency}\t${escapeField(after.version)}\t${escapeField(linesJson(rated.lines))}\t` +
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

const plainMeter = /^[a-zA-Z0-9.]+$/;

/** As JSON.stringify writes them, in a fifth of the time: meters are plain words, and all but the quantity is text of digits. */
function linesJson(lines: RatedAmount['lines']): string {
  let json = '[';
  for (const { meter, quantity, ratePico, per, amountAtto } of lines) {
    if (!plainMeter.test(meter)) return JSON.stringify(lines);
    const divided = per === undefined ? '' : `,"per":"${per}"`;
    json += `${json === '[' ? '' : ','}{"meter":"${meter}","quantity":${quantity},"ratePico":"${ratePico}"${divided},"amountAtto":"${amountAtto}"}`;
  }
  return `${json}]`;
}
