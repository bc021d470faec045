import { parseRateCard, type RateCard, type RateCardJson } from './rate-card.ts';

/** The cards of one deployment in one book, in the order in which they hold: each from its instant until the next one's.
 *  The instant at which an attempt is dispatched chooses, so a change that was published in advance takes place everywhere
 *  at once, and an event that arrives late is rated by what held when it happened. */
export interface RateTimeline {
  /** Of every card. */
  readonly currency: string;
  /** Ascending; at least one. */
  readonly cards: readonly DatedCard[];
}

export interface DatedCard {
  /** Milliseconds since 1970, inclusive; −Infinity is ever. */
  readonly fromMs: number;
  /** undefined: no complete price holds, and nothing is sent there. */
  readonly card: RateCard | undefined;
}

/** The wire form in snapshots: one card that holds for ever is written as itself. */
export type RateTimelineJson = RateCardJson | { readonly timeline: readonly DatedCardJson[] };

export interface DatedCardJson {
  /** ISO 8601 instant; null is ever. */
  readonly from: string | null;
  readonly card: RateCardJson | null;
}

/** The card in force at an instant; undefined when none is. */
export function cardAt({ cards }: RateTimeline, atMs: number): RateCard | undefined {
  for (let i = cards.length - 1; i >= 0; i--) {
    if (cards[i]!.fromMs <= atMs) return cards[i]!.card;
  }
  return undefined;
}

/** An interval of time, both ends included. Milliseconds since 1970. */
export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Every card that is in force at some instant of the span. */
export function cardsWithin({ cards }: RateTimeline, { fromMs, toMs }: Span): readonly RateCard[] {
  const found: RateCard[] = [];
  for (let i = cards.length - 1; i >= 0; i--) {
    const { card, fromMs: begin } = cards[i]!;
    if (begin > toMs) continue;
    if (card !== undefined) found.push(card);
    if (begin <= fromMs) break;
  }
  return found;
}

/** Is there a card at every instant of the span? */
export function isPricedWithin({ cards }: RateTimeline, { fromMs, toMs }: Span): boolean {
  for (let i = cards.length - 1; i >= 0; i--) {
    const { card, fromMs: begin } = cards[i]!;
    if (begin > toMs) continue;
    if (card === undefined) return false;
    if (begin <= fromMs) return true;
  }
  return false;
}

/** The first instant after `atMs` at which a span of this length would begin or cease to overlap another card. */
export function nextChangeMs({ cards }: RateTimeline, atMs: number, spanMs: number): number {
  let nextMs = Number.POSITIVE_INFINITY;
  for (const { fromMs } of cards) {
    if (fromMs <= atMs) continue;
    nextMs = Math.min(nextMs, fromMs - spanMs > atMs ? fromMs - spanMs : fromMs);
  }
  return nextMs;
}

export function isConstant({ cards }: RateTimeline): boolean {
  return cards.length === 1 && cards[0]!.fromMs === Number.NEGATIVE_INFINITY;
}

export function constantTimeline(card: RateCard): RateTimeline {
  return { currency: card.currency, cards: [{ fromMs: Number.NEGATIVE_INFINITY, card }] };
}

/** Reads the wire form. Throws RangeError as parseRateCard, and for instants that are none or do not ascend. */
export function parseTimeline(json: RateTimelineJson): RateTimeline {
  if (!('timeline' in json)) return constantTimeline(parseRateCard(json));
  const cards = json.timeline.map(({ from, card }) => ({
    fromMs: from === null ? Number.NEGATIVE_INFINITY : parseInstant(from),
    card: card === null ? undefined : parseRateCard(card),
  }));
  if (cards.some(({ fromMs }, index) => index > 0 && fromMs <= cards[index - 1]!.fromMs)) {
    throw new RangeError('a timeline of prices is out of order');
  }
  const currencies = new Set(cards.flatMap(({ card }) => (card === undefined ? [] : [card.currency])));
  const [currency] = currencies;
  if (currency === undefined) throw new RangeError('a timeline of prices has no card');
  if (currencies.size > 1) throw new RangeError('a timeline of prices changes its currency');
  return { currency, cards };
}

/** The shortest wire form that says the same; null when no card ever holds. */
export function formatTimeline(dated: readonly DatedCardJson[]): RateTimelineJson | null {
  const changes = dated.filter(({ card }, index) => !isSame(card, index === 0 ? null : dated[index - 1]!.card));
  const [first] = changes;
  if (first === undefined) return null;
  return changes.length === 1 && first.from === null && first.card !== null ? first.card : { timeline: changes };
}

function isSame(one: RateCardJson | null, other: RateCardJson | null): boolean {
  return one === other || JSON.stringify(one) === JSON.stringify(other);
}

function parseInstant(text: string): number {
  const instantMs = Date.parse(text);
  if (Number.isNaN(instantMs)) throw new RangeError(`not an instant: ${JSON.stringify(text).slice(0, 40)}`);
  return instantMs;
}
