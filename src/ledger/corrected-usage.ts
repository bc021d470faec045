import type pg from 'pg';
import type { Slice } from '../completion/usage.ts';
import { isTokenMeter } from '../pricing/meters.ts';
import { type BookedCharge, type BookedCorrection, sliceDelta } from './correct.ts';
import { chargedOf, type Standing, type StandingCharge } from './standing.ts';
import { type MeasureColumn, sliceColumns } from './usage-columns.ts';
import type { UsageDelta, UsageSeries, UsageSeriesBook } from './usage-series.ts';

/** Usage as corrections change it, in the hour of the usage and marked as corrections. Counts of exchanges stay as they
 *  were: a correction is not another request. Added up, since a batch of thousands is of a few hundred series. */
export function correctedUsage(booked: readonly BookedCorrection[], names: SeriesNames): readonly UsageDelta[] {
  const sums = new UsageSums(names);
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
  const last = standing.attempts.at(-1);
  const place = attemptFacts ?? last;
  const sides = (one: StandingCharge | undefined) => (book === 'sell' ? { sell: one } : { buy: one });
  const isFailed = place?.attempt !== standing.deliveredAttempt;
  if (before?.currency === after.currency) {
    // Where it was counted at first: the series is there, and sale and cost of a correction are one row.
    const both = { sell: place === last ? standing.sell : undefined, buy: place?.buy };
    sums.add(standing, place, both, '', changeOf(book, isFailed, after, before));
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

/** Series by their names; what is one object is asked for by its number only once. */
export class SeriesNames {
  readonly #known = new Map<string, UsageSeries>();

  of(key: string, make: () => UsageSeries): UsageSeries {
    let series = this.#known.get(key);
    if (series === undefined) {
      if (this.#known.size >= seriesNamesMax) this.#known.clear();
      series = make();
      this.#known.set(key, series);
    }
    return series;
  }
}

/** Beyond, all are forgotten and made again. */
const seriesNamesMax = 100_000;

class UsageSums {
  readonly #names: SeriesNames;
  readonly #sums = new Map<number, Map<UsageSeries, UsageDelta & { readonly measures: Measures }>>();
  /** One exchange is added several times, nearly always at one place. */
  #last:
    | {
        readonly standing: Standing;
        readonly place: Place | undefined;
        readonly rest: string;
        readonly measures: Measures;
      }
    | undefined;

  constructor(names: SeriesNames) {
    this.#names = names;
  }

  /** What is of the whole counts for its tags, too. */
  add(standing: Standing, place: Place | undefined, sides: Sides, meter: string, added: Measures): void {
    this.#add(standing, place, sides, meter, added);
    if (meter !== '' || standing.tagParts.length === 0) return;
    const tagged = { ...standing, key: '', requestedModel: '' };
    const where = place === undefined ? undefined : { ...place, deployment: '' };
    for (const part of standing.tagParts) this.#add(tagged, where, sides, part, added);
  }

  #add(standing: Standing, place: Place | undefined, { sell, buy }: Sides, meter: string, added: Measures): void {
    const rest = `${meter}\n${sell?.currency ?? ''}\n${buy?.currency ?? ''}`;
    const last = this.#last;
    const isSame = last !== undefined && last.standing === standing && last.place === place && last.rest === rest;
    const measures = isSame ? last.measures : this.#find(standing, place, { sell, buy, meter }, rest);
    if (!isSame) this.#last = { standing, place, rest, measures };
    for (const column in added) {
      const name = column as MeasureColumn; // true: a key of measures
      measures[name] = (measures[name] ?? 0n) + (added[name] ?? 0n);
    }
  }

  all(): UsageDelta[] {
    return [...this.#sums.values()].flatMap(sums => [...sums.values()]);
  }

  #find(
    { at, organisation, project, key: keyId, requestedModel: route, sandbox }: Standing,
    place: Place | undefined,
    rest: {
      readonly sell: StandingCharge | undefined;
      readonly buy: StandingCharge | undefined;
      readonly meter: string;
    },
    restKey: string,
  ): Measures {
    const { model = '', provider = '', deployment = '' } = place ?? {};
    const series = this.#names.of(
      `${organisation}\n${project}\n${keyId}\n${route}\n${model}\n${provider}\n${deployment}\n${restKey}\n${sandbox}`,
      () => ({
        organisation,
        project,
        key: keyId,
        route,
        model,
        provider,
        deployment,
        class: 'inference',
        meter: rest.meter,
        sellCurrency: rest.sell?.currency ?? '',
        buyCurrency: rest.buy?.currency ?? '',
        sandbox,
      }),
    );
    const startMs = at.getTime();
    const atMs = startMs - (startMs % hourMs);
    let sums = this.#sums.get(atMs);
    if (sums === undefined) this.#sums.set(atMs, (sums = new Map()));
    let sum = sums.get(series);
    if (sum === undefined) sums.set(series, (sum = { atMs, series, measures: {} }));
    return sum.measures;
  }
}
