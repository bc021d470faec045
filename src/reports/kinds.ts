import { type Slice, slices } from '../completion/usage.ts';
import { type MeasureColumn, sliceColumns } from '../ledger/usage-columns.ts';
import { divideRoundHalfEven } from '../pricing/money.ts';

/** Sums of one row, by measure. */
export type Sums = Readonly<Record<MeasureColumn, bigint>>;

/** A column of a report. Its unit is its name's second half in CSV. */
export interface ReportColumn {
  readonly name: string;
  /** count and quantity are whole; money is in the row's currency; percent has two decimals. */
  readonly unit: 'count' | 'tokens' | 'quantity' | 'money' | 'percent';
  readonly meaning: string;
  /** undefined: cannot be said. Money in atto, percent in hundredths. */
  readonly of: (sums: Sums, row: { readonly isMixed: boolean }) => bigint | undefined;
}

export const reportKinds = ['usage', 'spend', 'margin'] as const;
export type ReportKind = (typeof reportKinds)[number];

interface KindRow {
  readonly measures: readonly MeasureColumn[];
  readonly columns: readonly ReportColumn[];
  /** What the largest are chosen by. */
  readonly rank: MeasureColumn;
}

/** These follow the currency of the purchase, all others that of the sale. */
const purchases: ReadonlySet<MeasureColumn> = new Set([
  'buy_atto',
  'buy_failed_atto',
  'buy_variance_atto',
  'buy_correction_atto',
]);

export function isPurchase(measure: MeasureColumn): boolean {
  return purchases.has(measure);
}

const measured = (
  name: string,
  unit: ReportColumn['unit'],
  measure: MeasureColumn,
  meaning: string,
): ReportColumn & { readonly measure: MeasureColumn } => ({ name, unit, meaning, measure, of: sums => sums[measure] });

const requests = measured('requests', 'count', 'requests', 'Exchanges, where their answer came from.');
const sell = measured('sell', 'money', 'sell_atto', 'What customers are charged, corrections included.');
const buy = measured('buy', 'money', 'buy_atto', 'What providers are owed, corrections included.');
const estimated = measured('estimated', 'count', 'estimated', 'Exchanges charged by a rule of estimation.');
const quarantined = measured(
  'quarantined',
  'count',
  'quarantined',
  'Exchanges that could not be rated when they ended.',
);
const corrections = measured('corrections', 'count', 'corrections', 'Corrections booked later for usage of this time.');
const sellCorrection = measured(
  'sellCorrection',
  'money',
  'sell_correction_atto',
  'Of sell, what corrections changed.',
);
const overHold = measured(
  'overHold',
  'money',
  'over_hold_atto',
  'Rated above the hold: borne by the operator, not in sell.',
);

const sliceMeanings: Readonly<Record<Slice, string>> = {
  inputUncached: 'Input tokens neither read from nor written to a cache.',
  cacheRead: 'Input tokens read from a cache.',
  cacheWrite5m: 'Input tokens written to a cache for five minutes.',
  cacheWrite1h: 'Input tokens written to a cache for an hour.',
  inputAudio: 'Audio tokens of the input.',
  inputImage: 'Image tokens of the input.',
  inputVideo: 'Video tokens of the input.',
  output: 'Output tokens without those told apart.',
  reasoning: 'Reasoning tokens.',
  outputAudio: 'Audio tokens of the output.',
  outputImage: 'Image tokens of the output.',
};

const usageColumns = [
  requests,
  measured('attempts', 'count', 'attempts', 'Attempts, where they were made.'),
  measured('failures', 'count', 'failures', 'Exchanges that did not end ok.'),
  estimated,
  quarantined,
  ...slices.map(slice => measured(slice, 'tokens', sliceColumns[slice], sliceMeanings[slice])),
  measured('quantity', 'quantity', 'quantity', 'Units of the meter, in reports by meter.'),
  sell,
  buy,
];

const spendColumns = [
  requests,
  sell,
  estimated,
  measured('estimatedSell', 'money', 'estimated_atto', 'Of sell, what is charged by a rule of estimation.'),
  quarantined,
  measured('held', 'money', 'held_atto', 'Holds kept for exchanges that could not be rated; not in sell.'),
  overHold,
  corrections,
  sellCorrection,
];

const marginColumns = [
  requests,
  measured('revenue', 'money', 'sell_atto', 'What customers are charged, corrections included.'),
  {
    name: 'cogs',
    unit: 'money',
    meaning: 'Cost of answers that customers got.',
    of: (sums: Sums) => sums.buy_atto - sums.buy_failed_atto - sums.buy_variance_atto,
  },
  measured('failedAttempts', 'money', 'buy_failed_atto', 'Cost of attempts whose answer nobody got.'),
  measured('variance', 'money', 'buy_variance_atto', 'Difference of what providers billed to what was rated.'),
  {
    name: 'margin',
    unit: 'money',
    meaning: 'Revenue without all costs; nothing where sales and purchases have different currencies.',
    of: (sums: Sums, { isMixed }: { isMixed: boolean }) => (isMixed ? undefined : sums.sell_atto - sums.buy_atto),
  },
  {
    name: 'marginPercent',
    unit: 'percent',
    meaning: 'Margin of revenue, two decimals, half even; nothing without revenue.',
    of: (sums: Sums, { isMixed }: { isMixed: boolean }) =>
      isMixed || sums.sell_atto <= 0n
        ? undefined
        : divideRoundHalfEven((sums.sell_atto - sums.buy_atto) * 10_000n, sums.sell_atto),
  },
  overHold,
  corrections,
  sellCorrection,
  measured('costCorrection', 'money', 'buy_correction_atto', 'Of the costs, what corrections changed.'),
] satisfies readonly ReportColumn[];

export const reports: Readonly<Record<ReportKind, KindRow>> = {
  usage: { measures: measuresOf(usageColumns), columns: usageColumns, rank: 'requests' },
  spend: { measures: measuresOf(spendColumns), columns: spendColumns, rank: 'sell_atto' },
  margin: {
    measures: [...measuresOf(marginColumns), 'buy_atto'],
    columns: marginColumns,
    rank: 'sell_atto',
  },
};

function measuresOf(columns: readonly object[]): MeasureColumn[] {
  return columns.flatMap(column => ('measure' in column ? [column.measure as MeasureColumn] : []));
}
