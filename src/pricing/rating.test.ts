import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { inputSlices, outputSlices, slices, type UsageSlices } from '../completion/usage.ts';
import { maximumCharge, orphanRates, outputTokensWithin, type UsageBounds } from './maximum-charge.ts';
import { meters } from './meters.ts';
import { formatRateCard, incompleteness, parseRateCard, type RateCard, type RateCardJson } from './rate-card.ts';
import { rateByCard, ratedAmountJson, rateUsage } from './rating.ts';

/** Rates are decimal strings of currency per 10⁶ units, as people write them. */
function card(rates: Record<string, string>, tiers: RateCardJson['tiers'] = []): RateCard {
  return parseRateCard({ version: 'v1', currency: 'USD', rates: scaled(rates), tiers });
}

function scaled(rates: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(rates).map(([meter, text]) => [meter, picoOf(text)]));
}

/** An own reading of decimals, so that the tests do not lean on the code they check. */
function picoOf(text: string): string {
  const [whole, fraction = ''] = text.split('.');
  return BigInt(whole + fraction.padEnd(12, '0')).toString();
}

function amountOf(usage: UsageSlices, by: RateCard): bigint {
  const rated = rateUsage(usage, by);
  assert.ok(!('missing' in rated));
  return rated.amountAtto;
}

const plain = card({ input: '1.25', cacheRead: '0.125', output: '10.00' });

test('a charge is quantity times rate, line by line', () => {
  const rated = rateUsage({ inputUncached: 2000, cacheRead: 8000, output: 400 }, plain);

  assert.ok(!('missing' in rated));
  assert.deepEqual(ratedAmountJson(rated), {
    amountAtto: '7500000000000000',
    currency: 'USD',
    version: 'v1',
    lines: [
      { meter: 'input', quantity: 2000, ratePico: '1250000000000', amountAtto: '2500000000000000' },
      { meter: 'cacheRead', quantity: 8000, ratePico: '125000000000', amountAtto: '1000000000000000' },
      { meter: 'output', quantity: 400, ratePico: '10000000000000', amountAtto: '4000000000000000' },
    ],
  });
});

test('reasoning is on the output line unless it has a rate of its own', () => {
  const usage = { inputUncached: 0, output: 400, reasoning: 600 };
  const own = card({ input: '1', output: '2', reasoning: '3' });

  assert.deepEqual(rateUsage(usage, card({ input: '1', output: '2' })), {
    amountAtto: 2_000_000_000_000_000n,
    currency: 'USD',
    version: 'v1',
    lines: [
      {
        meter: 'output',
        quantity: 1000,
        ratePico: 2_000_000_000_000n,
        amountAtto: 2_000_000_000_000_000n,
      },
    ],
  });
  assert.equal(amountOf(usage, own), 400n * 2_000_000_000_000n + 600n * 3_000_000_000_000n);
});

test('image tokens are text tokens unless images have a rate, and audio is never text', () => {
  assert.equal(amountOf({ inputUncached: 10, inputImage: 90 }, plain), 100n * 1_250_000_000_000n);
  assert.equal(amountOf({ inputUncached: 10, inputVideo: 90 }, plain), 100n * 1_250_000_000_000n);
  assert.equal(amountOf({ inputImage: 90 }, card({ input: '1', inputImage: '8', output: '2' })), 720_000_000_000_000n);
  assert.deepEqual(rateUsage({ inputUncached: 10, inputAudio: 90 }, plain), { missing: ['inputAudio'] });
});

test('a used meter without a rate is missing, an unused one is not', () => {
  assert.deepEqual(rateUsage({ inputUncached: 10, cacheWrite1h: 5, cacheWrite5m: 5, output: 1 }, plain), {
    missing: ['cacheWrite5m', 'cacheWrite1h'],
  });
  assert.equal(amountOf({ inputUncached: 10, cacheWrite1h: 0, output: 0 }, plain), 12_500_000_000_000n);
});

test('a free rate is a rate', () => {
  const free = card({ input: '0', output: '0' });

  assert.equal(amountOf({ inputUncached: 10, output: 10 }, free), 0n);
});

test('a request rate is charged once', () => {
  const perRequest = card({ input: '1', output: '2', request: '10000' });

  assert.equal(amountOf({ inputUncached: 1, output: 1 }, perRequest), 10_000_000_000_000_000n + 3_000_000_000_000n);
});

const tiered = (op: 'gt' | 'gte'): RateCard =>
  card({ input: '1', cacheRead: '0.1', output: '2' }, [
    { measure: 'inputTotal', op, size: 200_000, rates: scaled({ input: '2', cacheRead: '0.2', output: '3' }) },
    { measure: 'inputTotal', op, size: 500_000, rates: scaled({ input: '4', cacheRead: '0.4', output: '6' }) },
  ]);

test('a tier holds for all units of a request whose whole input passes it', () => {
  const usage = (input: number): UsageSlices => ({ inputUncached: input - 100_000, cacheRead: 100_000, output: 10 });

  assert.equal(
    amountOf(usage(200_000), tiered('gt')),
    100_000n * 10n ** 12n + 100_000n * 10n ** 11n + 20n * 10n ** 12n,
  );
  assert.equal(
    amountOf(usage(200_001), tiered('gt')),
    100_001n * 2n * 10n ** 12n + 100_000n * 2n * 10n ** 11n + 30n * 10n ** 12n,
  );
  assert.equal(
    amountOf(usage(200_000), tiered('gte')),
    100_000n * 2n * 10n ** 12n + 100_000n * 2n * 10n ** 11n + 30n * 10n ** 12n,
  );
  assert.equal(
    amountOf(usage(500_000), tiered('gte')),
    400_000n * 4n * 10n ** 12n + 100_000n * 4n * 10n ** 11n + 60n * 10n ** 12n,
  );
});

test('what a tier does not say is missing there, not taken from the base', () => {
  const hole = card({ input: '1', cacheRead: '0.1', output: '2' }, [
    { measure: 'inputTotal', op: 'gt', size: 10, rates: scaled({ input: '2', output: '3' }) },
  ]);

  assert.deepEqual(rateUsage({ inputUncached: 10, cacheRead: 1 }, hole), { missing: ['cacheRead'] });
  assert.deepEqual(incompleteness(hole), ['cacheRead has no rate in the tier gt 10']);
});

test('input and output rates make a card complete', () => {
  assert.deepEqual(incompleteness(plain), []);
  assert.deepEqual(incompleteness(card({ input: '1' })), ['output has no rate']);
  assert.deepEqual(incompleteness(card({ cacheRead: '1' })), ['input has no rate', 'output has no rate']);
});

test('the tier that was served decides, and one without rates quarantines', () => {
  const reading = { slices: { inputUncached: 1000, output: 500 }, source: 'provider' as const };
  const amount = (serviceTier?: string): unknown => {
    const rated = rateByCard(serviceTier === undefined ? reading : { ...reading, serviceTier }, plain);
    return 'quarantine' in rated ? rated.quarantine : rated.amountAtto;
  };

  assert.equal(amount(), 6_250_000_000_000_000n);
  assert.equal(amount('default'), 6_250_000_000_000_000n);
  assert.equal(amount('standard'), 6_250_000_000_000_000n);
  assert.equal(amount('on_demand'), 6_250_000_000_000_000n);
  assert.equal(amount('priority'), 'the service tier priority has no rates');
  assert.equal(amount('standard+fast'), 'the service tier fast has no rates');
});

test('the tier asked for decides where none was served, also when it is rated again', () => {
  const priority = { serviceTier: 'priority', rates: scaled({ input: '2', output: '20' }), tiers: [] };
  const tiered = parseRateCard({
    version: 'v1',
    currency: 'USD',
    rates: scaled({ input: '1', output: '10' }),
    tiers: [],
    cells: [priority],
  });
  const amount = (tiers: { readonly serviceTier?: string; readonly requestedTier?: string }): unknown => {
    const rated = rateByCard({ slices: { output: 1 }, source: 'provider', ...tiers }, tiered);
    return 'quarantine' in rated ? rated.quarantine : rated.amountAtto;
  };

  assert.equal(amount({}), 10_000_000_000_000n);
  assert.equal(amount({ requestedTier: 'priority' }), 20_000_000_000_000n);
  assert.equal(amount({ requestedTier: 'auto' }), 10_000_000_000_000n);
  assert.equal(amount({ requestedTier: 'priority', serviceTier: 'default' }), 10_000_000_000_000n);
  assert.equal(amount({ requestedTier: 'default', serviceTier: 'priority' }), 20_000_000_000_000n);
  assert.equal(amount({ requestedTier: 'flex' }), 'the service tier flex has no rates');
});

test('a reading that is quarantined, or misses a rate, is not rated', () => {
  assert.deepEqual(rateByCard({ slices: {}, source: 'provider', quarantine: 'no sum' }, plain), {
    quarantine: 'no sum',
  });
  assert.deepEqual(rateByCard({ slices: { outputAudio: 3 }, source: 'provider' }, plain), {
    quarantine: 'no rate for outputAudio in v1',
  });
});

test('an attempt that used nothing costs nothing, not even the request', () => {
  const rated = rateByCard({ slices: {}, source: 'none' }, card({ input: '1', output: '2', request: '5' }));

  assert.deepEqual(rated, { amountAtto: 0n, currency: 'USD', version: 'v1', lines: [] });
});

const rate = fc.bigInt({ min: 0n, max: 10n ** 15n });
const count = fc.nat(2_000_000);
const anyUsage = fc.record(Object.fromEntries(slices.map(slice => [slice, count])), { requiredKeys: [] });
const fullRates = fc.record(Object.fromEntries(meters.map(meter => [meter, rate])));
const someRates = fc.record(Object.fromEntries(meters.map(meter => [meter, rate])), {
  requiredKeys: [
    'input',
    'output',
    'inputAudio',
    'outputAudio',
    'outputImage',
    'cacheRead',
    'cacheWrite5m',
    'cacheWrite1h',
  ],
});
const anyCard = fc
  .record({
    base: someRates,
    sizes: fc.array(fc.record({ size: fc.nat(3_000_000), op: fc.constantFrom('gt' as const, 'gte' as const) }), {
      maxLength: 3,
    }),
    tierRates: fc.array(fullRates, { minLength: 3, maxLength: 3 }),
  })
  .map(({ base, sizes, tierRates }) =>
    parseRateCard({
      version: 'v1',
      currency: 'USD',
      rates: mapText(base),
      tiers: sizes.map(({ size, op }, index) => ({
        measure: 'inputTotal' as const,
        op,
        size,
        rates: mapText(tierRates[index]!),
      })),
    }),
  );

function mapText(rates: Record<string, bigint | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(rates).flatMap(([meter, value]) => (value === undefined ? [] : [[meter, value.toString()]])),
  );
}

test('the amount is the sum of its lines, and every line is exact in rational arithmetic', () => {
  fc.assert(
    fc.property(anyUsage, anyCard, (usage, by) => {
      const rated = rateUsage(usage, by);
      assert.ok(!('missing' in rated));
      let sum = 0n;
      for (const line of rated.lines) {
        // quantity × (rate / 10¹² currency) / 10⁶ units, as a fraction over 10¹⁸.
        const numerator = BigInt(line.quantity) * line.ratePico;
        const denominator = 10n ** 12n * 10n ** 6n;
        assert.equal((numerator * 10n ** 18n) % denominator, 0n);
        assert.equal(line.amountAtto, (numerator * 10n ** 18n) / denominator);
        sum += line.amountAtto;
      }
      assert.equal(rated.amountAtto, sum);
    }),
  );
});

test('without tiers and request rates, two requests cost what their sum costs', () => {
  const { request: _request, ...perToken } = Object.fromEntries(meters.map(meter => [meter, rate]));
  fc.assert(
    fc.property(anyUsage, anyUsage, fc.record(perToken), (one, other, rates) => {
      const by = parseRateCard({ version: 'v1', currency: 'USD', rates: mapText(rates), tiers: [] });
      const both = Object.fromEntries(slices.map(slice => [slice, (one[slice] ?? 0) + (other[slice] ?? 0)]));

      assert.equal(amountOf(one, by) + amountOf(other, by), amountOf(both, by));
    }),
  );
});

test('nothing within the bounds costs more than the maximum charge', () => {
  fc.assert(
    fc.property(anyUsage, anyCard, fc.nat(1000), (usage, by, slack) => {
      const media = (usage['inputAudio'] ?? 0) + (usage['inputImage'] ?? 0) + (usage['inputVideo'] ?? 0);
      const input = inputSlices.reduce((sum, slice) => sum + (usage[slice] ?? 0), 0);
      const output = outputSlices.reduce((sum, slice) => sum + (usage[slice] ?? 0), 0);
      const bounds = { textTokensMax: input - media + slack, mediaTokensMax: media, outputTokensMax: output };

      assert.ok(amountOf(usage, by) <= maximumCharge(bounds, [by]));
    }),
    { numRuns: 500 },
  );
});

test('the maximum charge takes the dearest rate of each side, in the tiers within reach', () => {
  const by = card({ input: '1', cacheWrite1h: '2', inputAudio: '50', output: '4', reasoning: '3' }, [
    {
      measure: 'inputTotal',
      op: 'gt',
      size: 1_000,
      rates: scaled({ input: '3', cacheWrite1h: '1', inputAudio: '9', output: '5', reasoning: '1' }),
    },
  ]);
  const bounds: UsageBounds = { textTokensMax: 1_000, mediaTokensMax: 0, outputTokensMax: 10 };

  assert.equal(maximumCharge(bounds, [by]), 1_000n * 2n * 10n ** 12n + 10n * 4n * 10n ** 12n);
  assert.equal(
    maximumCharge({ ...bounds, textTokensMax: 1_001 }, [by]),
    1_001n * 3n * 10n ** 12n + 10n * 5n * 10n ** 12n,
  );
  assert.equal(
    maximumCharge({ textTokensMax: 0, mediaTokensMax: 10, outputTokensMax: 0 }, [by]),
    10n * 50n * 10n ** 12n,
  );
});

test('a card without rates on one side cannot bound a charge', () => {
  const bounds = { textTokensMax: 1, mediaTokensMax: 0, outputTokensMax: 1 };

  assert.throws(() => maximumCharge(bounds, [card({ input: '1' })]), /without a rate for any of output/);
});

test('a lowered output limit is the largest that fits, and no larger than asked for', () => {
  const bounds = { textTokensMax: 100, mediaTokensMax: 0, outputTokensMax: 1_000 };
  const available = 100n * 1_250_000_000_000n + 50n * 10_000_000_000_000n;

  assert.equal(outputTokensWithin(available, bounds, [plain]), 50);
  assert.equal(outputTokensWithin(available + 9_999_999_999_999n, bounds, [plain]), 50);
  assert.equal(outputTokensWithin(available - 1n, bounds, [plain]), 49);
  assert.equal(outputTokensWithin(10n ** 30n, bounds, [plain]), 1_000);
  assert.equal(outputTokensWithin(100n * 1_250_000_000_000n, bounds, [plain]), undefined);
  assert.equal(outputTokensWithin(0n, bounds, [plain]), undefined);
  assert.equal(outputTokensWithin(0n, bounds, [card({ input: '0', output: '0' })]), 1_000);
});

test('a lowered limit fits, and one more token would not', () => {
  const bounds = fc.record({ textTokensMax: count, mediaTokensMax: fc.nat(1000), outputTokensMax: count });
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 10n ** 22n }), bounds, anyCard, (available, within, by) => {
      const tokens = outputTokensWithin(available, within, [by]);
      if (tokens === undefined) {
        assert.ok(within.outputTokensMax < 1 || maximumCharge({ ...within, outputTokensMax: 1 }, [by]) > available);
        return;
      }
      assert.ok(maximumCharge({ ...within, outputTokensMax: tokens }, [by]) <= available);
      if (tokens < within.outputTokensMax) {
        assert.ok(maximumCharge({ ...within, outputTokensMax: tokens + 1 }, [by]) > available);
      }
    }),
  );
});

test('orphans are charged by the rates of the tier their input reaches', () => {
  assert.deepEqual(orphanRates(tiered('gt'), { inputTokensEstimate: 200_000 }), {
    version: 'v1',
    currency: 'USD',
    input: '1000000000000',
    output: '2000000000000',
  });
  assert.equal(orphanRates(tiered('gt'), { inputTokensEstimate: 200_001 }).input, '2000000000000');
  assert.throws(() => orphanRates(card({ input: '1' }), { inputTokensEstimate: 1 }), /lacks input or output rates/);
});

test('a card is read as it was written', () => {
  fc.assert(
    fc.property(anyCard, by => {
      assert.deepEqual(parseRateCard(formatRateCard(by)), by);
    }),
  );
});

const json: RateCardJson = { version: 'v', currency: 'USD', rates: { input: '1' }, tiers: [] };
const wrong: readonly (readonly [string, unknown, RegExp])[] = [
  ['a currency in lower case', { ...json, currency: 'usd' }, /not a currency code: "usd"/],
  ['no version', { ...json, version: '' }, /no version/],
  ['an unknown meter', { ...json, rates: { tokens: '1' } }, /not a meter: "tokens"/],
  ['a negative rate', { ...json, rates: { input: '-1' } }, /not a rate for input: "-1"/],
  ['a decimal rate', { ...json, rates: { input: '1.5' } }, /not a rate for input/],
  ['a rate of 27 digits', { ...json, rates: { input: '1'.repeat(27) } }, /not a rate for input/],
  ['another op', { ...json, tiers: [{ measure: 'inputTotal', op: 'lt', size: 1, rates: {} }] }, /not an op/],
  ['another measure', { ...json, tiers: [{ measure: 'output', op: 'gt', size: 1, rates: {} }] }, /not a measure/],
  ['half a token', { ...json, tiers: [{ measure: 'inputTotal', op: 'gt', size: 0.5, rates: {} }] }, /not a tier size/],
];
for (const [name, value, expected] of wrong) {
  test(`${name} is not a rate card`, () => {
    // The cast is a lie on purpose: this is what a damaged file could hold.
    assert.throws(() => parseRateCard(value as RateCardJson), expected);
  });
}

test('the place that a provider says it served in chooses the rates, and one without rates is quarantined', () => {
  const cells = [{ region: 'us', rates: scaled({ input: '1.1', output: '2.2' }), tiers: [] }];
  const by = parseRateCard({
    version: 'v1',
    currency: 'USD',
    rates: scaled({ input: '1', output: '2' }),
    tiers: [],
    cells,
  });
  const reading = { slices: { inputUncached: 10 }, source: 'provider' as const };

  const here = rateByCard({ ...reading, region: 'us' }, by);
  assert.ok(!('quarantine' in here));
  assert.equal(here.amountAtto, 11_000_000_000_000n);
  assert.deepEqual(rateByCard({ ...reading, region: 'eu' }, by), { quarantine: 'the region eu has no rates' });
});
