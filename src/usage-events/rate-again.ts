import type { UsageDirectory } from './directory.ts';
import {
  foreseeJoin,
  hasPrice,
  joinSum,
  leaveSum,
  type MonthMoves,
  type MonthSide,
  type MovedSum,
} from './month-moves.ts';
import type { PlacedEvent } from './place-event.ts';
import { isMonthPriced, type MonthPriced, type RatedSide, rateBy } from './rate-event.ts';
import { keyOf, type MonthKey } from './usage-months.ts';

/** An event as it is rated now. */
export interface StandingEvent {
  readonly ref: string;
  readonly event: PlacedEvent;
  /** Of its newest rating. */
  readonly number: number;
  readonly sell: RatedSide;
  readonly buy: RatedSide;
}

/** What another rating of it comes to. A side that stays is absent. */
export interface RatedAgain {
  readonly standing: StandingEvent;
  readonly sell?: NewSide;
  readonly buy?: NewSide;
  /** A side has no price, or one that cannot be compared, and stays as it is. */
  readonly unpriced: boolean;
}

export type NewSide = RatedSide & {
  /** The sum that it is in now. */
  readonly sum?: MovedSum;
};

type Target = RatedSide | MonthPriced | { readonly quarantine: string };

export const books = ['sell', 'buy'] as const;

/** What the prices say of it now. */
export interface Targets {
  readonly sell: Target;
  readonly buy: Target;
}

export function targetsOf({ event }: StandingEvent, directory: UsageDirectory): Targets {
  const { organisation, deployment, placedProduct, placedProvider } = event;
  const id = deployment ?? placedProduct;
  const timelines = directory.pricesOf({ organisation, id, product: placedProduct, provider: placedProvider });
  return {
    sell: rateBy(event, timelines.sell, { book: 'sell', pricesOfMs: undefined }),
    buy: rateBy(event, timelines.buy, { book: 'buy', pricesOfMs: undefined }),
  };
}

/** Sums that rating it again may touch. */
export function monthsOf(
  { event, ...standing }: StandingEvent,
  targets: Targets,
): { readonly ids: readonly bigint[]; readonly keys: readonly MonthKey[] } {
  const ids = books.flatMap(book => standing[book].month?.id ?? []);
  const keys = books.flatMap(book => {
    const target = targets[book];
    return 'quarantine' in target || !isMonthPriced(target) ? [] : [keyOf(book, event, target)];
  });
  return { ids, keys };
}

/** Rates it again, and moves it between sums where it is priced by the month. `targets` undefined: it only follows its
 *  sums to those that took their place. */
export function rateAgain(standing: StandingEvent, targets: Targets | undefined, moves: MonthMoves): RatedAgain {
  let unpriced = false;
  const sides: { sell?: NewSide; buy?: NewSide } = {};
  for (const book of books) {
    const side =
      targets === undefined ? followed(standing, book, moves) : changed(standing, book, targets[book], moves);
    if (side === 'unpriced') unpriced = true;
    else if (side !== undefined) sides[book] = side;
  }
  return { standing, unpriced, ...sides };
}

function changed(
  { event, ...standing }: StandingEvent,
  book: 'sell' | 'buy',
  target: Target,
  moves: MonthMoves,
): NewSide | 'unpriced' | undefined {
  const stands = standing[book];
  if ('quarantine' in target) return 'unpriced';
  const { month, currency, shiftAtto = 0n } = stands;
  if (isMonthPriced(target)) {
    const from = month === undefined ? undefined : moves.sum(month.id);
    // What is left of another currency's sum could not be part of this amount.
    if (target.currency !== currency && (from !== undefined || shiftAtto !== 0n)) return 'unpriced';
    if (from !== undefined && !from.replaced && hasPrice(from, keyOf(book, event, target))) return undefined;
    const into = moves.find(book, event, target) ?? moves.begin(book, event, target);
    return moved(stands, from, foreseeJoin(into, event));
  }
  if (target.currency !== currency && (month !== undefined || shiftAtto !== 0n)) return 'unpriced';
  if (month === undefined) {
    if (target.version === stands.version) return undefined;
    if (target.currency === currency && target.amountAtto === stands.amountAtto - shiftAtto) return undefined;
    return withShift(target, shiftAtto);
  }
  return withShift(target, shiftAfter(stands, moves.sum(month.id)));
}

function followed(standing: StandingEvent, book: 'sell' | 'buy', moves: MonthMoves): NewSide | 'unpriced' | undefined {
  const stands = standing[book];
  const from = stands.month === undefined ? undefined : moves.sum(stands.month.id);
  if (from === undefined || !from.replaced) return undefined;
  return moved(stands, from, foreseeJoin(moves.inForceFor(from), standing.event));
}

function moved(stands: RatedSide, from: MovedSum | undefined, side: MonthSide | undefined): NewSide | 'unpriced' {
  if (side === undefined) return 'unpriced';
  const shiftAtto = from === undefined ? (stands.shiftAtto ?? 0n) : shiftAfter(stands, from);
  joinSum(side);
  return { ...withShift(side, shiftAtto), sum: side.sum };
}

/** Takes it out of its sum. What it had been charged by its own place, and not by the last one, goes with it. */
function shiftAfter({ amountAtto, month }: RatedSide, from: MovedSum): bigint {
  return amountAtto - leaveSum(from, month!.units); // it is in this sum
}

function withShift(side: RatedSide, shiftAtto: bigint): RatedSide {
  if (shiftAtto === 0n) return side;
  const { meter } = side.lines[0] ?? { meter: '' };
  const line = { meter, quantity: 0, ratePico: '0', amountAtto: shiftAtto.toString(), because: 'left-month' as const };
  return { ...side, amountAtto: side.amountAtto + shiftAtto, lines: [...side.lines, line], shiftAtto };
}
