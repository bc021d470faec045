import type { Reading } from '../completion/usage.ts';
import type { ChargeLine } from '../journal/record.ts';
import { formatAtto } from '../pricing/money.ts';
import type { Store } from '../store/connect.ts';

/** What became of an exchange after it was booked, oldest first. The exchange itself is shown as it stands. */
export interface CorrectionView {
  readonly number: number;
  readonly at: string;
  readonly kind: 'rerate' | 'true-up' | 'resolve' | 'void';
  readonly run: string;
  readonly reason: string;
  /** What the exchange is from then on. */
  readonly status: ExchangeState;
  readonly charges: readonly CorrectedChargeView[];
}

export interface CorrectedChargeView {
  readonly book: 'buy' | 'sell';
  readonly attempt: number;
  /** null: nothing was charged or owed. Without what the operator bears. */
  readonly before: CorrectedAmount | null;
  readonly after: CorrectedAmount;
  /** Of a buy: what the provider billed beside what was rated. */
  readonly variance: string;
  readonly lines: readonly (ChargeLine & { readonly amount: string })[];
}

interface CorrectedAmount {
  readonly amount: string;
  readonly currency: string;
  readonly version: string;
  readonly overHold: string;
}

export type ExchangeState = 'settled' | 'estimated' | 'void' | 'quarantined';

/** What of an exchange the corrections replace; what they do not name stands as it was booked. */
export interface Corrected {
  readonly state: ExchangeState;
  /** null: charged nothing, whatever was charged before. undefined: as before. */
  readonly sell: CorrectedAmount | null | undefined;
  readonly buy: ReadonlyMap<number, CorrectedAmount>;
  readonly readings: ReadonlyMap<number, Reading>;
  readonly views: readonly CorrectionView[];
}

/** By exchange; those that were never corrected are not in it. */
export async function readCorrections(store: Store, ids: readonly string[]): Promise<ReadonlyMap<string, Corrected>> {
  if (ids.length === 0) return new Map();
  const corrections = await store.db
    .selectFrom('correction')
    .selectAll()
    .where('exchange_id', 'in', [...ids])
    .orderBy('exchange_id')
    .orderBy('number')
    .execute();
  if (corrections.length === 0) return new Map();
  const charges = await store.db
    .selectFrom('corrected_charge')
    .selectAll()
    .where('exchange_id', 'in', [...new Set(corrections.map(({ exchange_id }) => exchange_id))])
    .where('at', 'in', [...new Set(corrections.map(({ at }) => at))])
    .orderBy('number')
    .orderBy('book')
    .orderBy('attempt')
    .execute();
  const chargesOf = Map.groupBy(charges, row => `${row.exchange_id} ${row.number}`);
  const byExchange = Map.groupBy(corrections, row => row.exchange_id);
  return new Map(
    [...byExchange].map(([id, rows]) => [id, correctedOf(rows, row => chargesOf.get(`${id} ${row}`) ?? [])]),
  );
}

interface CorrectionRow {
  readonly number: number;
  readonly booked_at: Date;
  readonly kind: CorrectionView['kind'];
  readonly run: string;
  readonly reason: string;
  readonly state: ExchangeState;
}

interface ChargeRow {
  readonly book: 'buy' | 'sell';
  readonly attempt: number;
  readonly amount_atto: bigint;
  readonly over_hold_atto: bigint;
  readonly currency: string;
  readonly version: string;
  readonly lines: unknown;
  readonly variance_atto: bigint;
  readonly reading: unknown;
  readonly before_atto: bigint | null;
  readonly before_over_hold_atto: bigint | null;
  readonly before_currency: string | null;
  readonly before_version: string | null;
}

function correctedOf(rows: readonly CorrectionRow[], chargesOf: (number: number) => readonly ChargeRow[]): Corrected {
  let sell: CorrectedAmount | null | undefined;
  const buy = new Map<number, CorrectedAmount>();
  const readings = new Map<number, Reading>();
  const views = rows.map((row): CorrectionView => {
    const charges = chargesOf(row.number);
    if (row.kind === 'void') sell = null;
    for (const charge of charges) {
      if (charge.book === 'sell') sell = afterOf(charge);
      else buy.set(charge.attempt, afterOf(charge));
      // True: correct.ts wrote it from a reading.
      if (charge.reading !== null) readings.set(charge.attempt, charge.reading as Reading);
    }
    return {
      number: row.number,
      at: row.booked_at.toISOString(),
      kind: row.kind,
      run: row.run,
      reason: row.reason,
      status: row.state,
      charges: charges.map(chargeView),
    };
  });
  return { state: rows.at(-1)!.state, sell, buy, readings, views };
}

function chargeView(row: ChargeRow): CorrectedChargeView {
  const { before_atto, before_over_hold_atto, before_currency, before_version } = row;
  return {
    book: row.book,
    attempt: row.attempt,
    before:
      before_atto === null || before_currency === null || before_version === null
        ? null
        : {
            amount: formatAtto(before_atto),
            currency: before_currency,
            version: before_version,
            overHold: formatAtto(before_over_hold_atto ?? 0n),
          },
    after: afterOf(row),
    variance: formatAtto(row.variance_atto),
    // True: correct.ts wrote them from a rated amount.
    lines: (row.lines as readonly ChargeLine[]).map(line => ({ ...line, amount: formatAtto(BigInt(line.amountAtto)) })),
  };
}

function afterOf({ amount_atto, over_hold_atto, currency, version }: ChargeRow): CorrectedAmount {
  return {
    amount: formatAtto(amount_atto - over_hold_atto),
    currency,
    version,
    overHold: formatAtto(over_hold_atto),
  };
}
