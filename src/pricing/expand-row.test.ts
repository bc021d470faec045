import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { expandRow, type WrittenRow } from './expand-row.ts';
import { maximumCharge } from './maximum-charge.ts';
import { formatAtto } from './money.ts';
import { cellKey } from './price-place.ts';
import { cardOfRow, findRow, foldRate, foldRow, lessDiscount, normalizeRates, type PriceRow } from './price-row.ts';
import { incompleteness, parseRateCard, type RateCard } from './rate-card.ts';
import { rateByCard, rateReading } from './rating.ts';

function expanded(written: WrittenRow): PriceRow {
  return expandRow(written, (path, message) => assert.fail(`${path.map(String).join('.')}: ${message}`)).row;
}

function refusals(written: WrittenRow): string[] {
  const found: string[] = [];
  expandRow(written, (path, message) => found.push(`${path.map(String).join('.')}: ${message}`));
  return found;
}

function cardOf(written: WrittenRow): RateCard {
  return parseRateCard(cardOfRow(expanded(written), { id: 'v1', currency: 'USD' }));
}

/** GPT-5.4 by tier, half of it in batches, a tenth more in the US: invented but for the first two. */
const layered: WrittenRow = {
  rates: { input: '2.50', output: '15.00', 'tool.webSearch': '10000' },
  serviceTiers: { priority: { rates: { input: '5.00', output: '30.00', 'tool.webSearch': '10000' } } },
  modes: { batch: { multiplier: '0.5', serviceTiers: { priority: { multiplier: '2' } } } },
  regions: { us: { multiplier: '1.1' } },
};

function inputRates(card: RateCard): Record<string, string> {
  return Object.fromEntries([...card.cells].map(([key, { rates }]) => [key, formatAtto(rates.input! * 1_000_000n)]));
}

test('factors are folded into numbers for every combination of tier, mode and region', () => {
  const card = cardOf(layered);

  assert.deepEqual(incompleteness(card), []);
  assert.deepEqual(inputRates(card), {
    '||priority': '5',
    '|batch|': '1.25',
    '|batch|priority': '2.5',
    'us||': '2.75',
    'us||priority': '5.5',
    'us|batch|': '1.375',
    'us|batch|priority': '2.75',
  });
  assert.deepEqual(
    [...card.cells.values()].map(({ rates }) => rates['tool.webSearch']),
    Array(7).fill(10_000_000_000_000_000n),
  );
});

test('people are told which factors a number has in it', () => {
  const { factors } = expandRow(layered, () => assert.fail());

  assert.deepEqual(Object.fromEntries(factors), {
    '|batch|': 'modes.batch × 0.5',
    '|batch|priority': 'modes.batch × 0.5, modes.batch.serviceTiers.priority × 2',
    'us||': 'regions.us × 1.1',
    'us||priority': 'regions.us × 1.1',
    'us|batch|': 'modes.batch × 0.5, regions.us × 1.1',
    'us|batch|priority': 'modes.batch × 0.5, modes.batch.serviceTiers.priority × 2, regions.us × 1.1',
  });
});

test('several factors are rounded once, half to even, at twelve decimals', () => {
  const factor = (text: string) => ({ text, of: 'tokens' as const });

  assert.equal(foldRate('0.000000000001', 'input', [factor('0.5')]), '0');
  assert.equal(foldRate('0.000000000003', 'input', [factor('0.5')]), '0.000000000002');
  // Rounding after each would give 0.000000000002.
  assert.equal(foldRate('0.000000000005', 'input', [factor('0.5'), factor('0.5')]), '0.000000000001');
  assert.equal(foldRate('3', 'input', [factor('0.333333')]), '0.999999');
  assert.equal(foldRate('3', 'image', [factor('0.5')]), '3');
  assert.deepEqual(foldRate({ amount: '2.49', per: 3600, minimum: 60 }, 'accelerator', [{ text: '0.9', of: 'all' }]), {
    amount: '2.241',
    per: 3600,
    minimum: 60,
  });
  assert.throws(() => foldRate('999999999999', 'input', [factor('99'), factor('99')]), /more than fourteen digits/);
});

test('a discount takes its part of every meter, tier and cell', () => {
  const row = expanded({
    ...layered,
    tiers: [{ measure: 'inputTotal', op: 'gt', size: 10, rates: { input: '5', output: '20' } }],
    regions: undefined,
  });
  const folded = foldRow(row, [{ text: lessDiscount('0.1'), of: 'all' }]);

  assert.deepEqual(folded.rates, { input: '2.25', output: '13.5', 'tool.webSearch': '9000' });
  assert.deepEqual(folded.tiers[0]?.rates, { input: '4.5', output: '18' });
  assert.deepEqual(folded.cells?.[0]?.rates['input'], '1.125');
});

test('the tier that was served wins over the one asked for; not said, the one asked for counts; unknown quarantines', () => {
  const card = cardOf(layered);
  const reading = { slices: { inputUncached: 1_000, output: 500 }, source: 'provider' as const };
  const amount = (served: string | undefined, requestedTier?: string, mode?: 'batch', region?: string) => {
    const rated = rateByCard({ ...reading, ...(served === undefined ? {} : { serviceTier: served }) }, card, {
      requestedTier,
      mode,
      region,
    });
    return 'quarantine' in rated ? rated.quarantine : formatAtto(rated.amountAtto);
  };

  assert.equal(amount('default', 'priority'), '0.01');
  assert.equal(amount('priority', 'default'), '0.02');
  assert.equal(amount(undefined, 'priority'), '0.02');
  assert.equal(amount(undefined, 'auto'), '0.01');
  assert.equal(amount(undefined), '0.01');
  assert.equal(amount('batch'), '0.005');
  assert.equal(amount('default', undefined, 'batch'), '0.005');
  assert.equal(amount('default', undefined, undefined, 'us'), '0.011');
  assert.equal(amount('default', undefined, undefined, 'global'), '0.01');
  assert.equal(amount('standard+priority'), '0.02');
  assert.equal(amount('flex'), 'the service tier flex has no rates');
  assert.equal(amount('default', undefined, undefined, 'eu'), 'the region eu has no rates');
});

test('a card is complete when every combination says every rate, in every tier', () => {
  const steps = [{ measure: 'inputTotal' as const, op: 'gt' as const, size: 10, rates: { input: '5', output: '20' } }];
  const card = cardOf({
    rates: { input: '1', cacheRead: '0.1', output: '2' },
    tiers: steps,
    serviceTiers: { priority: { rates: { input: '2', output: '4' } } },
    modes: { batch: { rates: { input: '1', cacheRead: '0.1', output: '1' }, tiers: steps } },
  });

  assert.deepEqual(incompleteness(card), [
    'cacheRead has no rate in the tier gt 10',
    'cacheRead has no rate in service tier priority',
    'nothing has a rate in service tier priority in the tier gt 10',
    'cacheRead has no rate in batch in the tier gt 10',
    'nothing has a rate in service tier priority, batch',
  ]);
});

test('what cannot be priced is refused with its place', () => {
  const rates = { input: '1', output: '2' };
  const step = { measure: 'inputTotal' as const, op: 'gt' as const, size: 10, rates };

  assert.deepEqual(refusals({ rates, serviceTiers: { priority: {} } }), [
    'serviceTiers.priority: needs either rates or a multiplier',
  ]);
  assert.deepEqual(refusals({ rates, modes: { batch: { rates, multiplier: '0.5' } } }), [
    'modes.batch: needs either rates or a multiplier',
  ]);
  assert.deepEqual(
    refusals({ rates, serviceTiers: { standard: { rates }, batch: { rates } }, regions: { global: { rates } } }),
    [
      'serviceTiers.standard: means the ordinary tier; its rates stand outside of serviceTiers',
      'serviceTiers.batch: is a mode: say it under modes',
      'regions.global: means every region without a price of its own; its rates stand outside of regions',
    ],
  );
  assert.deepEqual(refusals({ rates, tiers: [step, { ...step, size: 5 }, step] }), ['tiers.2: is there twice: gt 10']);
  assert.deepEqual(refusals({ rates, regions: { us: { multiplier: '1.1', tiers: [step] } } }), [
    'regions.us.tiers: come from the multiplied rates; leave them out',
  ]);
  assert.deepEqual(refusals({ rates: { ...rates, cacheRead: { amount: '1', per: 3 } } }), [
    'cacheRead: cacheRead is priced per million; 1 per 3 is no such price of at most 12 decimals',
  ]);
  assert.deepEqual(refusals({ rates: { ...rates, request: { amount: '1', per: 1_000, minimum: 5 } } }), [
    'request: request has no minimum',
  ]);
  const many = Object.fromEntries(Array.from({ length: 64 }, (_, i) => [`t${i}`, { multiplier: '2' }]));
  assert.deepEqual(
    refusals({ rates, serviceTiers: many, regions: Object.fromEntries(Object.entries(many).slice(0, 8)) }),
    [': has more than 256 combinations of service tiers, modes and regions'],
  );
});

test('one price has one spelling', () => {
  assert.deepEqual(
    normalizeRates({
      output: '10.00',
      input: { amount: '0.00125', per: 1_000 },
      request: { amount: '5', per: 1_000 },
      egress: { amount: '0.090', per: 1_000_000_000 },
      image: { amount: '40', per: 1_000_000 },
    }),
    { input: '1.25', output: '10', request: '5000', image: '40', egress: { amount: '0.09', per: 1_000_000_000 } },
  );
});

test('a deployment is found by its id, then its model, then its vendor, in what was said and then in what was derived', () => {
  const row = (input: string): PriceRow => ({ rates: { input }, tiers: [] });
  const version = {
    currency: 'USD',
    rates: { 'v/b': row('1'), 'v/*': row('2') },
    derived: [{ one: row('3'), 'w/*': row('4') }],
  };
  const found = (id: string, model: string) => findRow(version, { id, model })?.rates['input'];

  assert.deepEqual(
    [found('one', 'v/b'), found('one', 'v/c'), found('one', 'w/a'), found('two', 'w/a'), found('two', 'x/a')],
    ['1', '2', '3', '4', undefined],
  );
});

const rate = fc.bigInt({ min: 0n, max: 10n ** 13n }).map(String);
const someRates = fc.record({ input: rate, cacheRead: rate, output: rate, reasoning: rate, 'tool.webSearch': rate });
const somePlace = fc.record(
  {
    serviceTier: fc.constantFrom('priority', 'flex'),
    mode: fc.constant('batch' as const),
    region: fc.constantFrom('us', 'eu'),
  },
  { requiredKeys: [] },
);
const someCard = fc
  .record({
    base: someRates,
    tier: fc.record({ size: fc.nat(3_000), rates: someRates }),
    cells: fc.uniqueArray(
      fc.record({ place: somePlace, rates: someRates, size: fc.nat(3_000), tierRates: someRates }),
      {
        selector: ({ place }) => cellKey(place.serviceTier, place.mode, place.region),
        maxLength: 6,
      },
    ),
  })
  .map(({ base, tier, cells }) =>
    parseRateCard({
      version: 'v',
      currency: 'USD',
      rates: base,
      tiers: [{ measure: 'inputTotal', op: 'gt', ...tier }],
      cells: cells
        .filter(({ place }) => Object.keys(place).length > 0)
        .map(({ place, rates, size, tierRates }) => ({
          ...place,
          rates,
          tiers: [{ measure: 'inputTotal', op: 'gte', size, rates: tierRates }],
        })),
    }),
  );

test('whatever tier, mode and region is served, on whichever side of a price change, the maximum charge covers it', () => {
  const usage = fc.record({
    inputUncached: fc.nat(2_000),
    cacheRead: fc.nat(2_000),
    output: fc.nat(2_000),
    reasoning: fc.nat(2_000),
  });
  fc.assert(
    fc.property(
      usage,
      fc.nat(5),
      someCard,
      someCard,
      somePlace,
      fc.boolean(),
      (slices, searches, before, after, place, isLate) => {
        const timeline = {
          currency: 'USD',
          cards: [
            { fromMs: Number.NEGATIVE_INFINITY, card: before },
            { fromMs: 100, card: after },
          ],
        };
        const bounds = {
          textTokensMax: slices.inputUncached + slices.cacheRead,
          mediaTokensMax: 0,
          outputTokensMax: slices.output + slices.reasoning,
          countsMax: { 'tool.webSearch': searches },
        };
        const reading = {
          slices,
          counts: { 'tool.webSearch': searches },
          source: 'provider' as const,
          ...(place.serviceTier === undefined ? {} : { serviceTier: place.serviceTier }),
        };
        const rated = rateReading(reading, timeline, {
          atMs: isLate ? 100 : 99,
          mode: place.mode,
          region: place.region,
        });
        if ('quarantine' in rated) return;

        assert.ok(rated.amountAtto <= maximumCharge(bounds, [before, after]));
        assert.equal(
          rated.lines.reduce((sum, line) => sum + line.amountAtto, 0n),
          rated.amountAtto,
        );
      },
    ),
    { numRuns: 500 },
  );
});

test('more of the same, in the same tier, never costs less', () => {
  const usage = fc.record({ inputUncached: fc.nat(1_000), output: fc.nat(1_000) });
  fc.assert(
    fc.property(usage, usage, someRates, (one, more, rates) => {
      const card = parseRateCard({ version: 'v', currency: 'USD', rates, tiers: [] });
      const amount = (slices: typeof one) => {
        const rated = rateByCard({ slices, source: 'provider' }, card);
        return 'quarantine' in rated ? assert.fail(rated.quarantine) : rated.amountAtto;
      };

      const sum = { inputUncached: one.inputUncached + more.inputUncached, output: one.output + more.output };
      assert.ok(amount(sum) >= amount(one));
    }),
  );
});
