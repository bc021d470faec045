import type { MeasureColumn } from '../ledger/usage-columns.ts';
import { divideRoundHalfEven } from '../pricing/money.ts';
import type { ReportKind } from './kinds.ts';
import type { ReportRequest, TotalRow } from './report.ts';

/** How much of a measure lies with few values of the first dimension, in one currency. */
export interface Concentration {
  readonly of: string;
  readonly measure: string;
  readonly currency: string | null;
  /** Values with usage. */
  readonly count: number;
  /** Sum of the squares of all shares (Herfindahl and Hirschman), in parts per million: 1,000,000 when one has all. */
  readonly hhiPpm: number;
  readonly top: { readonly value: string; readonly sharePpm: number };
}

const measures: Readonly<Record<ReportKind, readonly (readonly [name: string, MeasureColumn])[]>> = {
  usage: [['requests', 'requests']],
  spend: [['sell', 'sell_atto']],
  margin: [
    ['revenue', 'sell_atto'],
    ['cost', 'buy_atto'],
  ],
};

/** Of the measures that are not zero. Corrections may leave less than nothing; such parts count as nothing. */
export function concentrationOf(request: Pick<ReportRequest, 'kind' | 'by'>, total: TotalRow): Concentration[] {
  return measures[request.kind].flatMap(([name], index) => {
    const { sum, squares, largest, top } = total.shares[index]!;
    if (sum === 0n) return [];
    return [
      {
        of: request.by[0]!,
        measure: name,
        currency: total.currency === '' ? null : total.currency,
        count: total.parts,
        hhiPpm: Number(divideRoundHalfEven(squares * 1_000_000n, sum * sum)),
        top: { value: top, sharePpm: Number(divideRoundHalfEven(largest * 1_000_000n, sum)) },
      },
    ];
  });
}

/** What totals must be read with. */
concentrationOf.measures = (kind: ReportKind): readonly MeasureColumn[] => measures[kind].map(([, measure]) => measure);
