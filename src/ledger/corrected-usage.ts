import type pg from 'pg';
import { isTokenMeter } from '../pricing/meters.ts';
import { type BookedCharge, type BookedCorrection, sliceDelta } from './correct.ts';
import { chargedOf, type Standing, type StandingCharge } from './standing.ts';
import { type MeasureColumn, sliceColumns } from './usage-columns.ts';
import { type UsageDelta, UsageSeriesBook } from './usage-series.ts';

/** Usage as corrections change it, in the hour of the usage and marked as corrections. Counts of exchanges stay as they
 *  were: a correction is not another request. */
export async function addCorrectedUsage(client: pg.ClientBase, booked: readonly BookedCorrection[]): Promise<void> {
  const deltas = addUp(booked.flatMap(one => [...usageOf(one)]));
  const book = new UsageSeriesBook();
  await book.prepare(client, deltas);
  await book.add(client, deltas);
}

function* usageOf({ correction, charges }: BookedCorrection): Generator<UsageDelta> {
  const { standing, state } = correction;
  const last = standing.attempts.at(-1);
  yield deltaOf(standing, last, { sell: standing.sell, buy: last?.buy }, '', {
    corrections: 1n,
    ...(standing.state === 'quarantined' && state !== 'quarantined' ? { held_atto: -standing.holdAtto } : {}),
    ...(standing.state === 'estimated' && state !== 'estimated' ? { estimated_atto: -chargedOf(standing.sell) } : {}),
  });
  for (const charge of charges) yield* usageOfCharge(standing, charge);
}

function* usageOfCharge(standing: Standing, charge: BookedCharge): Generator<UsageDelta> {
  const { book, before, after, attemptFacts, reading, readingBefore } = charge;
  const place = attemptFacts ?? standing.attempts.at(-1);
  const change = (one: StandingCharge | undefined, sign: bigint): UsageDelta[] => {
    if (one === undefined) return [];
    const variance = sign * one.varianceAtto;
    const atto = sign * chargedOf(one) + variance;
    const failed = place?.attempt !== standing.deliveredAttempt;
    const measures: Partial<Record<MeasureColumn, bigint>> =
      book === 'sell'
        ? { sell_atto: atto, sell_correction_atto: atto, over_hold_atto: sign * one.overHoldAtto }
        : {
            buy_atto: atto,
            buy_correction_atto: atto,
            ...(failed ? { buy_failed_atto: atto - variance } : {}),
            ...(variance === 0n ? {} : { buy_variance_atto: variance }),
          };
    const buy = book === 'buy' ? one : undefined;
    return [deltaOf(standing, place, { sell: book === 'sell' ? one : undefined, buy }, '', measures)];
  };
  yield* change(before, -1n);
  yield* change(after, 1n);
  // What was read is counted once, with the sale where there is one.
  if (reading !== undefined && (book === 'sell' || standing.deliveredAttempt !== charge.attempt)) {
    const slices = sliceDelta(readingBefore, reading);
    yield deltaOf(
      standing,
      place,
      { sell: book === 'sell' ? after : undefined, buy: undefined },
      '',
      Object.fromEntries(
        Object.entries(slices).map(([slice, added]) => [sliceColumns[slice as keyof typeof slices], BigInt(added)]),
      ),
    );
  }
  for (const { meter, quantity, amountAtto } of charge.rated.lines) {
    if (isTokenMeter(meter) || meter === 'request' || before !== undefined) continue;
    yield deltaOf(
      standing,
      place,
      { sell: book === 'sell' ? after : undefined, buy: book === 'buy' ? after : undefined },
      meter,
      {
        ...(book === 'sell'
          ? { quantity: BigInt(quantity), sell_atto: BigInt(amountAtto) }
          : { buy_atto: BigInt(amountAtto) }),
      },
    );
  }
}

function deltaOf(
  standing: Standing,
  place: { readonly model: string; readonly provider: string; readonly deployment: string } | undefined,
  charges: { readonly sell: StandingCharge | undefined; readonly buy: StandingCharge | undefined },
  meter: string,
  measures: UsageDelta['measures'],
): UsageDelta {
  return {
    atMs: standing.at.getTime(),
    series: {
      organisation: standing.organisation,
      project: standing.project,
      key: standing.key,
      route: standing.requestedModel,
      model: place?.model ?? '',
      provider: place?.provider ?? '',
      deployment: place?.deployment ?? '',
      class: 'inference',
      meter,
      sellCurrency: charges.sell?.currency ?? '',
      buyCurrency: charges.buy?.currency ?? '',
      sandbox: standing.sandbox,
    },
    measures,
  };
}

const hourMs = 3_600_000;

/** One row a series and hour: a batch of thousands is of a few hundred series. */
function addUp(deltas: readonly UsageDelta[]): UsageDelta[] {
  const sums = new Map<string, UsageDelta & { readonly measures: Partial<Record<MeasureColumn, bigint>> }>();
  for (const { atMs, series, measures } of deltas) {
    const hour = atMs - (atMs % hourMs);
    const key = `${hour}\n${Object.values(series).join('\n')}`;
    let sum = sums.get(key);
    if (sum === undefined) {
      sum = { atMs: hour, series, measures: {} };
      sums.set(key, sum);
    }
    for (const [column, value] of Object.entries(measures) as [MeasureColumn, bigint][]) {
      sum.measures[column] = (sum.measures[column] ?? 0n) + value;
    }
  }
  return [...sums.values()];
}
