import { type Atto, toAtto } from './money.ts';
import { chargeFor, type Rate, type UnitRate } from './rate.ts';

/** How the sum of a period is priced. */
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
  /** Below zero: units that another line now has. */
  readonly quantity: bigint;
  /** undefined: free of charge. */
  readonly rate: Rate | undefined;
  readonly amountAtto: Atto;
}

export interface RatedPeriod {
  readonly lines: readonly PeriodLine[];
  readonly amountAtto: Atto;
}

/** The price of the sum of a month; undefined for a rate that does not depend on one. */
export function monthPriceOf({ pico, per, month }: UnitRate): PeriodPrice | undefined {
  if (month === undefined) return undefined;
  const step = (above: bigint, ofStep: bigint) => ({ above, rate: { pico: ofStep, per, minimum: undefined } });
  return {
    scope: month.scope,
    free: month.free,
    steps: [step(0n, pico), ...month.steps.map(({ above, pico: ofStep }) => step(above, ofStep))],
  };
}

/** What the summed quantity of a period costs, one line for each step that has units in it; one division a line. Throws
 *  RangeError for a negative quantity and for steps that do not ascend from 0. */
export function ratePeriod(quantity: bigint, price: PeriodPrice): RatedPeriod {
  return summed(linesByStep(quantity, price));
}

/** What a period that has so many units costs more with some added. It depends on nothing but the sums: whatever the order
 *  in which parts are added, however they are cut, and whenever, together they cost what their sum does. Throws as
 *  ratePeriod. */
export function rateAdded(before: bigint, added: bigint, price: PeriodPrice): RatedPeriod {
  if (added < 0n) throw new RangeError(`not a quantity: ${added}`);
  const was = linesByStep(before, price);
  return summed(
    linesByStep(before + added, price).map(({ quantity, rate, amountAtto }, index) => ({
      quantity: quantity - was[index]!.quantity,
      rate,
      amountAtto: toAtto(amountAtto - was[index]!.amountAtto),
    })),
  );
}

function summed(all: readonly PeriodLine[]): RatedPeriod {
  const lines = all.filter(({ quantity, amountAtto }) => quantity !== 0n || amountAtto !== 0n);
  return { lines, amountAtto: toAtto(lines.reduce((sum, line) => sum + line.amountAtto, 0n)) };
}

/** What is free, and every step, also those without units. */
function linesByStep(quantity: bigint, price: PeriodPrice): PeriodLine[] {
  checkSteps(price);
  if (quantity < 0n) throw new RangeError(`not a quantity: ${quantity}`);
  const freeUnits = quantity < price.free ? quantity : price.free;
  const charged = quantity - freeUnits;
  const unitsOf = price.scope === 'graduated' ? graduated : volume;
  return [
    { quantity: freeUnits, rate: undefined, amountAtto: toAtto(0n) },
    ...price.steps.map(({ rate }, index) => {
      const units = unitsOf(charged, price.steps, index);
      return { quantity: units, rate, amountAtto: chargeFor(units, rate) };
    }),
  ];
}

function graduated(charged: bigint, steps: readonly PeriodStep[], index: number): bigint {
  const { above } = steps[index]!;
  const next = steps[index + 1]?.above;
  const upTo = next === undefined || charged < next ? charged : next;
  return upTo > above ? upTo - above : 0n;
}

function volume(charged: bigint, steps: readonly PeriodStep[], index: number): bigint {
  return index === steps.findLastIndex(({ above }) => charged > above) ? charged : 0n;
}

function checkSteps({ free, steps }: PeriodPrice): void {
  if (free < 0n) throw new RangeError(`not a free quantity: ${free}`);
  if (steps[0]?.above !== 0n) throw new RangeError('the first step of a period begins above 0');
  if (steps.some(({ above }, index) => index > 0 && above <= steps[index - 1]!.above)) {
    throw new RangeError('the steps of a period do not ascend');
  }
}
