import { type Atto, toAtto } from './money.ts';
import { chargeFor, type Rate } from './rate.ts';

/** How the sum of a period is priced. Only at its close: while it runs, a late event would put others on another step. */
export interface PeriodPrice {
  /** graduated: each unit at the rate of the step it falls in. volume: every unit at the rate of the last step passed. */
  readonly scope: 'graduated' | 'volume';
  /** Units of the period that cost nothing, before the first step counts. */
  readonly free: bigint;
  /** Ascending by `above`; the first is above 0. */
  readonly steps: readonly PeriodStep[];
}

export interface PeriodStep {
  /** Charged units after which the step begins; the free ones do not count. */
  readonly above: bigint;
  readonly rate: Rate;
}

export interface PeriodLine {
  readonly quantity: bigint;
  /** undefined: free of charge. */
  readonly rate: Rate | undefined;
  readonly amountAtto: Atto;
}

/** What the summed quantity of a period costs, one line for each step that has units in it; one division a line. Throws
 *  RangeError for a negative quantity and for steps that do not ascend from 0. */
export function ratePeriod(
  quantity: bigint,
  price: PeriodPrice,
): { readonly lines: readonly PeriodLine[]; readonly amountAtto: Atto } {
  checkSteps(price);
  if (quantity < 0n) throw new RangeError(`not a quantity: ${quantity}`);
  const freeUnits = quantity < price.free ? quantity : price.free;
  const charged = quantity - freeUnits;
  const priced = price.scope === 'graduated' ? graduated(charged, price.steps) : volume(charged, price.steps);
  const free: PeriodLine[] = freeUnits === 0n ? [] : [{ quantity: freeUnits, rate: undefined, amountAtto: toAtto(0n) }];
  const lines = [...free, ...priced];
  return { lines, amountAtto: toAtto(lines.reduce((sum, line) => sum + line.amountAtto, 0n)) };
}

function graduated(charged: bigint, steps: readonly PeriodStep[]): PeriodLine[] {
  return steps.flatMap(({ above, rate }, index) => {
    const next = steps[index + 1]?.above;
    const upTo = next === undefined || charged < next ? charged : next;
    return upTo > above ? [line(upTo - above, rate)] : [];
  });
}

function volume(charged: bigint, steps: readonly PeriodStep[]): PeriodLine[] {
  const step = steps.findLast(({ above }) => charged > above);
  return step === undefined ? [] : [line(charged, step.rate)];
}

function line(quantity: bigint, rate: Rate): PeriodLine {
  return { quantity, rate, amountAtto: chargeFor(quantity, rate) };
}

function checkSteps({ free, steps }: PeriodPrice): void {
  if (free < 0n) throw new RangeError(`not a free quantity: ${free}`);
  if (steps[0]?.above !== 0n) throw new RangeError('the first step of a period begins above 0');
  if (steps.some(({ above }, index) => index > 0 && above <= steps[index - 1]!.above)) {
    throw new RangeError('the steps of a period do not ascend');
  }
}
