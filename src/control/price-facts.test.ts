import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ModelInfo } from '@pydantic/genai-prices';
import fc from 'fast-check';
import { parseRate } from '../pricing/money.ts';
import { incompleteness, parseRateCard } from '../pricing/rate-card.ts';
import { providers } from '../providers/registry.ts';
import { type DecimalRates, type PriceFact, pricesAt, readModel, readPriceFacts, readRate } from './price-facts.ts';

const known = readPriceFacts(providers);

function factOf(provider: string, model: string): PriceFact {
  const fact = known.facts.find(entry => entry.provider === provider && entry.model === model);
  assert.ok(fact !== undefined, `${provider} ${model}`);
  return fact;
}

function reasonOf(provider: string, model: string): string | undefined {
  return known.excluded.find(entry => entry.provider === provider && entry.model === model)?.reason;
}

function model(prices: ModelInfo['prices'], id = 'm-1'): ModelInfo {
  return { id, match: { equals: id }, prices };
}

test('a plain price is a fact with decimal rates', () => {
  const fact = factOf('openai', 'gpt-5');

  assert.deepEqual(fact.prices, [
    { from: undefined, rates: { input: '1.25', cacheRead: '0.125', output: '10' }, tiers: [] },
  ]);
  assert.equal(fact.contextTokensMax, 400_000);
  assert.ok(fact.aliases.includes('gpt-5-2025-08-07'));
});

test('cache writes of both lifetimes are told apart', () => {
  assert.deepEqual(factOf('anthropic', 'claude-haiku-4-5').prices[0]?.rates, {
    input: '1',
    cacheRead: '0.1',
    cacheWrite5m: '1.25',
    cacheWrite1h: '2',
    output: '5',
  });
});

test('a tier says all rates and begins behind its size', () => {
  const [prices] = factOf('openai', 'gpt-5.4').prices;

  assert.deepEqual(prices?.tiers, [
    {
      measure: 'inputTotal',
      op: 'gt',
      size: 271_999,
      rates: { input: '5', cacheRead: '0.5', output: '22.5' },
    },
  ]);
});

test('prices follow their dates', () => {
  const fact = factOf('anthropic', 'claude-opus-4-6');

  assert.deepEqual(
    fact.prices.map(prices => [prices.from, prices.tiers.length]),
    [
      [undefined, 1],
      ['2026-03-13', 0],
    ],
  );
  assert.equal(pricesAt(fact, Date.parse('2026-03-12T23:59:59.999Z')).tiers.length, 1);
  assert.equal(pricesAt(fact, Date.parse('2026-03-13T00:00:00Z')).tiers.length, 0);
});

test('what a rate card cannot say is excluded with its reason', () => {
  assert.equal(
    reasonOf('deepseek', 'deepseek-v4-pro'),
    'its price depends on the time of day, which a rate card cannot say',
  );
  assert.equal(reasonOf('openai', 'text-embedding-3-small'), 'it is no chat model');
  assert.equal(reasonOf('openai', 'ft:gpt-4o'), 'its id is a pattern or an offer of another host, not a model name');
  assert.equal(readModel('p', model({ input_mtok: 1, output_mtok: 2, audio_hours: 3 })), 'audio_hours has no meter');
  assert.equal(readModel('p', model({ input_mtok: 1 })), 'it lacks an input or output price');
  assert.equal(
    readModel('p', model({ input_mtok: 0, output_mtok: 0 })),
    'its price is zero: a free offer is not taken for a fact',
  );
  assert.equal(
    readModel(
      'p',
      model([{ constraint: { type: 'start_date', start_date: '2026-01-01' }, prices: { input_mtok: 1 } }]),
    ),
    'it lacks an input or output price',
  );
  assert.equal(
    readModel(
      'p',
      model([
        { constraint: { type: 'start_date', start_date: '2026-01-01' }, prices: { input_mtok: 1, output_mtok: 1 } },
      ]),
    ),
    'it has no price from the beginning',
  );
  assert.equal(
    readModel('p', model({ input_mtok: 1 / 12, output_mtok: 2 })),
    'input_mtok is no price of at most twelve decimals',
  );
  assert.equal(readModel('p', model({ toString: 1, input_mtok: 1, output_mtok: 2 })), 'toString has no meter');
});

test('the price of hosted tools does not exclude a model', () => {
  const read = readModel('p', model({ input_mtok: 1, output_mtok: 2, web_searches_kcount: 10 }));

  assert.ok(typeof read === 'object');
  assert.deepEqual(read.prices[0]?.rates, { input: '1', output: '2' });
});

test('a meter without a tier of its own keeps its rate in the tiers of others', () => {
  const read = readModel(
    'p',
    model({
      input_mtok: {
        base: 1,
        tiers: [
          { start: 200, price: 4 },
          { start: 100, price: 2 },
        ],
      },
      output_mtok: { base: 3, tiers: [{ start: 200, price: 5 }] },
      cache_read_mtok: 0.1,
    }),
  );

  assert.ok(typeof read === 'object');
  assert.deepEqual(read.prices[0]?.tiers, [
    { measure: 'inputTotal', op: 'gt', size: 100, rates: { input: '2', output: '3', cacheRead: '0.1' } },
    { measure: 'inputTotal', op: 'gt', size: 200, rates: { input: '4', output: '5', cacheRead: '0.1' } },
  ]);
});

test('every fact makes a complete rate card', () => {
  const pico = (rates: DecimalRates): Record<string, string> =>
    Object.fromEntries(Object.entries(rates).map(([meter, text]) => [meter, parseRate(text!).toString()]));

  assert.ok(known.facts.length >= 100, `${known.facts.length} facts`);
  assert.match(known.version, /^\d+\.\d+\.\d+$/);
  for (const fact of known.facts) {
    for (const { rates, tiers } of fact.prices) {
      const card = parseRateCard({
        version: `facts-${known.version}`,
        currency: 'USD',
        rates: pico(rates),
        tiers: tiers.map(tier => ({ ...tier, rates: pico(tier.rates) })),
      });
      assert.deepEqual(incompleteness(card), [], `${fact.provider} ${fact.model}`);
    }
  }
});

test('every provider with facts has some, or every one of its models has a reason', () => {
  for (const provider of providers) {
    if (provider.priceFacts === undefined) continue;
    const all = [...known.facts, ...known.excluded].filter(entry => entry.provider === provider.name);
    assert.ok(all.length > 0, provider.name);
  }
});

const numbers: readonly (readonly [number, string | undefined])[] = [
  [0, '0'],
  [1.25, '1.25'],
  [600, '600'],
  [0.003625, '0.003625'],
  [1e-7, '0.0000001'],
  [2.5e-10, '0.00000000025'],
  [1e-12, '0.000000000001'],
  [1e-13, undefined],
  [0.1 + 0.2, '0.3'],
  [0.07 * 3, '0.21'],
  [1 / 12, undefined],
  [1 / 3, undefined],
  [-1, undefined],
  [Number.NaN, undefined],
  [Number.POSITIVE_INFINITY, undefined],
  [1e21, '1000000000000000000000'],
  [1e-40, undefined],
];
for (const [number, expected] of numbers) {
  test(`the number ${number} is the price ${expected ?? 'of nothing'}`, () => {
    assert.equal(readRate(number), expected);
  });
}

test('a price with up to nine decimals survives being a binary fraction', () => {
  fc.assert(
    fc.property(fc.nat(999), fc.nat(999_999_999), (whole, billionths) => {
      const text = `${whole}.${billionths.toString().padStart(9, '0')}`;
      assert.equal(parseRate(readRate(Number(text)) ?? 'none'), parseRate(text));
    }),
  );
});
