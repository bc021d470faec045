import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { RateCardJson } from './rate-card.ts';
import { rateReading } from './rating.ts';
import {
  cardAt,
  cardsWithin,
  type DatedCardJson,
  formatTimeline,
  isPricedWithin,
  nextChangeMs,
  parseTimeline,
} from './timeline.ts';

function card(version: string, input: string, output: string): RateCardJson {
  return { version, currency: 'USD', rates: { input, output }, tiers: [] };
}

/** Claude Sonnet 5: 2 and 10 USD until the first of September 2026, 3 and 15 from then on
 *  (https://github.com/simonw/llm-prices data/anthropic.json, 2026-11). */
const sonnet = parseTimeline({
  timeline: [
    { from: null, card: card('summer', '2000000000000', '10000000000000') },
    { from: '2026-09-01T00:00:00Z', card: card('autumn', '3000000000000', '15000000000000') },
  ],
});

function charged(dispatchedAt: string): readonly [string, bigint] {
  const reading = { slices: { inputUncached: 1_000_000, output: 100_000 }, source: 'provider' as const };
  const rated = rateReading(reading, sonnet, { atMs: Date.parse(dispatchedAt) });
  assert.ok(!('quarantine' in rated));
  return [rated.version, rated.amountAtto];
}

test('the instant of dispatch chooses the price, to the millisecond, whenever the event arrives', () => {
  assert.deepEqual(charged('2026-08-31T23:59:59.999Z'), ['summer', 3_000_000_000_000_000_000n]);
  assert.deepEqual(charged('2026-09-01T00:00:00.000Z'), ['autumn', 4_500_000_000_000_000_000n]);
  assert.deepEqual(charged('2026-08-31T12:00:00Z'), ['summer', 3_000_000_000_000_000_000n]);
});

test('before the first price and in a gap nothing is in force, and a reading is quarantined', () => {
  const gap = parseTimeline({
    timeline: [
      { from: '2026-01-01T00:00:00Z', card: card('one', '1', '1') },
      { from: '2026-02-01T00:00:00Z', card: null },
      { from: '2026-03-01T00:00:00Z', card: card('two', '2', '2') },
    ],
  });
  const at = (text: string) => cardAt(gap, Date.parse(text))?.version;

  assert.deepEqual(
    ['2025-12-31T23:59:59.999Z', '2026-01-31T23:59:59.999Z', '2026-02-01T00:00:00Z', '2026-03-01T00:00:00Z'].map(at),
    [undefined, 'one', undefined, 'two'],
  );
  const reading = { slices: { output: 1 }, source: 'provider' as const };
  assert.deepEqual(rateReading(reading, gap, { atMs: Date.parse('2026-02-10T00:00:00Z') }), {
    quarantine: 'no price was in force when the attempt was dispatched',
  });
});

test('an exchange may be priced by every card of its lifetime, and is unpriced if there is a gap in it', () => {
  const timeline = parseTimeline({
    timeline: [
      { from: null, card: card('one', '1', '1') },
      { from: '1970-01-01T00:00:01Z', card: card('two', '2', '2') },
      { from: '1970-01-01T00:00:02Z', card: null },
    ],
  });
  const versions = (fromMs: number, toMs: number) =>
    cardsWithin(timeline, { fromMs, toMs }).map(({ version }) => version);

  assert.deepEqual(versions(0, 999), ['one']);
  assert.deepEqual(versions(999, 1_000), ['two', 'one']);
  assert.deepEqual(versions(1_000, 2_000), ['two']);
  assert.equal(isPricedWithin(timeline, { fromMs: 0, toMs: 1_999 }), true);
  assert.equal(isPricedWithin(timeline, { fromMs: 0, toMs: 2_000 }), false);
});

test('what is remembered of prices holds until a lifetime would reach or leave another card', () => {
  const timeline = parseTimeline({
    timeline: [
      { from: null, card: card('one', '1', '1') },
      { from: '1970-01-01T00:00:10Z', card: card('two', '2', '2') },
    ],
  });

  assert.equal(nextChangeMs(timeline, 0, 4_000), 6_000);
  assert.equal(nextChangeMs(timeline, 6_000, 4_000), 10_000);
  assert.equal(nextChangeMs(timeline, 10_000, 4_000), Number.POSITIVE_INFINITY);
});

test('a price for ever is written as its card, and equal neighbours are one', () => {
  const one = card('one', '1', '1');
  const two = card('two', '2', '2');

  assert.deepEqual(formatTimeline([{ from: null, card: one }]), one);
  assert.deepEqual(
    formatTimeline([
      { from: null, card: one },
      { from: '2026-01-01T00:00:00.000Z', card: { ...one } },
    ]),
    one,
  );
  assert.deepEqual(
    formatTimeline([
      { from: null, card: null },
      { from: '2026-01-01T00:00:00.000Z', card: two },
    ]),
    {
      timeline: [{ from: '2026-01-01T00:00:00.000Z', card: two }],
    },
  );
  assert.equal(formatTimeline([{ from: null, card: null }]), null);
  assert.equal(formatTimeline([]), null);
});

const wrong: readonly (readonly [string, readonly DatedCardJson[], RegExp])[] = [
  ['no card', [], /has no card/],
  ['only gaps', [{ from: null, card: null }], /has no card/],
  ['an instant that is none', [{ from: 'soon', card: card('a', '1', '1') }], /not an instant: "soon"/],
  [
    'two cards at one instant',
    [
      { from: '2026-01-01T00:00:00Z', card: card('a', '1', '1') },
      { from: '2026-01-01T00:00:00Z', card: card('b', '1', '1') },
    ],
    /out of order/,
  ],
  [
    'another currency',
    [
      { from: null, card: card('a', '1', '1') },
      { from: '2026-01-01T00:00:00Z', card: { ...card('b', '1', '1'), currency: 'EUR' } },
    ],
    /changes its currency/,
  ],
];
for (const [name, timeline, expected] of wrong) {
  test(`a timeline with ${name} is refused`, () => {
    assert.throws(() => parseTimeline({ timeline }), expected);
  });
}

test('at every instant from the first on exactly one card is in force: the last that has begun', () => {
  const starts = fc.uniqueArray(fc.integer({ min: 0, max: 100_000 }), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(starts, fc.integer({ min: -10, max: 100_010 }), (unsorted, atMs) => {
      const sorted = unsorted.toSorted((one, other) => one - other);
      const timeline = parseTimeline({
        timeline: sorted.map(fromMs => ({ from: new Date(fromMs).toISOString(), card: card(`v${fromMs}`, '1', '1') })),
      });
      let expected: string | undefined;
      for (const fromMs of sorted) if (fromMs <= atMs) expected = `v${fromMs}`;

      assert.equal(cardAt(timeline, atMs)?.version, expected);
      assert.equal(isPricedWithin(timeline, { fromMs: atMs, toMs: atMs }), expected !== undefined);
      const within = cardsWithin(timeline, { fromMs: atMs, toMs: atMs + 5_000 }).map(({ version }) => version);
      for (let later = atMs; later <= atMs + 5_000; later += 250) {
        const there = cardAt(timeline, later)?.version;
        assert.ok(there === undefined || within.includes(there), `${there} at ${later}`);
      }
    }),
  );
});
