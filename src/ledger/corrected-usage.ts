import type pg from 'pg';
import type { Slice } from '../completion/usage.ts';
import { isTokenMeter } from '../pricing/meters.ts';
import { type BookedCharge, type BookedCorrection, sliceDelta } from './correct.ts';
import { chargedOf, type Standing, type StandingCharge } from './standing.ts';
import { type MeasureColumn, sliceColumns } from './usage-columns.ts';
import type { UsageDelta, UsageSeriesBook } from './usage-series.ts';

/** Usage as corrections change it, in the hour of the usage and marked as corrections. Counts of exchanges stay as they
 *  were: a correction is not another request. Added up, since a batch of thousands is of a few hundred series. */
export function correctedUsage(booked: readonly BookedCorrection[]): readonly UsageDelta[] {
  const sums = new UsageSums();
  for (const one of booked) addCorrection(sums, one);
  return sums.all();
}

/** Appends them, in the caller's transaction. `book` is forgotten when that fails: a number may go with it. */
export async function addCorrectedUsage(
  client: pg.ClientBase,
  deltas: readonly UsageDelta[],
  book: UsageSeriesBook,
): Promise<void> {
  await book.prepare(client, deltas);
  await book.add(client, deltas);
}

type Measures = Partial<Record<MeasureColumn, bigint>>;

function addCorrection(sums: UsageSums, { correction, charges }: BookedCorrection): void {
  const { standing, state } = correction;
  const last = standing.attempts.at(-1);
  sums.add(standing, last, { sell: standing.sell, buy: last?.buy }, '', {
    corrections: 1n,
    ...(standing.state === 'quarantined' && state !== 'quarantined' ? { held_atto: -standing.holdAtto } : {}),
    ...(standing.state === 'estimated' && state !== 'estimated' ? { estimated_atto: -chargedOf(standing.sell) } : {}),
  });
  for (const charge of charges) addCharge(sums, standing, charge);
}

function addCharge(sums: UsageSums, standing: Standing, charge: BookedCharge): void {
  const { book, before, after, attemptFacts, reading, readingBefore } = charge;
  const place = attemptFacts ?? standing.attempts.at(-1);
  const sides = (one: StandingCharge | undefined) => (book === 'sell' ? { sell: one } : { buy: one });
  const isFailed = place?.attempt !== standing.deliveredAttempt;
  if (before?.currency === after.currency) {
    sums.add(standing, place, sides(after), '', changeOf(book, isFailed, after, before));
  } else {
    if (before !== undefined) sums.add(standing, place, sides(before), '', changeOf(book, isFailed, undefined, before));
    sums.add(standing, place, sides(after), '', changeOf(book, isFailed, after, undefined));
  }
  // What was read is counted once, with the sale where there is one.
  if (reading !== undefined && (book === 'sell' || isFailed)) {
    const read = Object.entries(sliceDelta(readingBefore, reading)) as [Slice, number][];
    sums.add(
      standing,
      place,
      book === 'sell' ? { sell: after } : {},
      '',
      Object.fromEntries(read.map(([slice, added]) => [sliceColumns[slice], BigInt(added)])),
    );
  }
  if (before !== undefined) return;
  for (const { meter, quantity, amountAtto } of charge.rated.lines) {
    if (isTokenMeter(meter) || meter === 'request') continue;
    const amount = BigInt(amountAtto);
    const measures = book === 'sell' ? { quantity: BigInt(quantity), sell_atto: amount } : { buy_atto: amount };
    sums.add(standing, place, sides(after), meter, measures);
  }
}

function changeOf(
  book: 'buy' | 'sell',
  isFailed: boolean,
  after: StandingCharge | undefined,
  before: StandingCharge | undefined,
): Measures {
  const variance = (after?.varianceAtto ?? 0n) - (before?.varianceAtto ?? 0n);
  const atto = chargedOf(after) - chargedOf(before) + variance;
  if (book === 'sell') {
    const over = (after?.overHoldAtto ?? 0n) - (before?.overHoldAtto ?? 0n);
    return { sell_atto: atto, sell_correction_atto: atto, ...(over === 0n ? {} : { over_hold_atto: over }) };
  }
  return {
    buy_atto: atto,
    buy_correction_atto: atto,
    ...(isFailed ? { buy_failed_atto: atto - variance } : {}),
    ...(variance === 0n ? {} : { buy_variance_atto: variance }),
  };
}

type Place = { readonly model: string; readonly provider: string; readonly deployment: string };

const hourMs = 3_600_000;

interface Sides {
  readonly sell?: StandingCharge | undefined;
  readonly buy?: StandingCharge | undefined;
}

class UsageSums {
  readonly #sums = new Map<string, UsageDelta & { readonly measures: Measures }>();

  /** What is of the whole counts for its tags, too. */
  add(standing: Standing, place: Place | undefined, sides: Sides, meter: string, measures: Measures): void {
    this.#add(standing, place, sides, meter, measures);
    if (meter !== '') return;
    const tagged = { ...standing, key: '', requestedModel: '' };
    const where = place === undefined ? undefined : { ...place, deployment: '' };
    for (const part of standing.tagParts) this.#add(tagged, where, sides, part, measures);
  }

  #add(standing: Standing, place: Place | undefined, { sell, buy }: Sides, meter: string, measures: Measures): void {
    const { organisation, project, key: keyId, requestedModel, sandbox } = standing;
    const { model = '', provider = '', deployment = '' } = place ?? {};
    const sellCurrency = sell?.currency ?? '';
    const buyCurrency = buy?.currency ?? '';
    const startMs = standing.at.getTime();
    const atMs = startMs - (startMs % hourMs);
    const key =
      `${atMs}\n${organisation}\n${project}\n${keyId}\n${requestedModel}\n${model}\n${provider}\n${deployment}\n` +
      `${meter}\n${sellCurrency}\n${buyCurrency}\n${sandbox}`;
    let sum = this.#sums.get(key);
    if (sum === undefined) {
      const route = requestedModel;
      const names = { organisation, project, key: keyId, route, model, provider, deployment, class: 'inference' };
      sum = { atMs, series: { ...names, meter, sellCurrency, buyCurrency, sandbox }, measures: {} };
      this.#sums.set(key, sum);
    }
    for (const column in measures) {
      const name = column as MeasureColumn; // true: a key of measures
      sum.measures[name] = (sum.measures[name] ?? 0n) + (measures[name] ?? 0n);
    }
  }

  all(): UsageDelta[] {
    return [...this.#sums.values()];
  }
}
