import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isCurrency, minorUnitDecimals } from './currencies.ts';
import { inMeterOrder, isMeter, meterRow } from './meters.ts';
import { formatAtto } from './money.ts';
import { rateAdded, ratePeriod } from './period.ts';
import { describeRate, foldRate, normalizeRates } from './price-row.ts';
import { chargedUnits, chargeFor, formatRates, parseRates, type UnitRate } from './rate.ts';
import { parseRateCard } from './rate-card.ts';
import { ratedAmountJson, rateQuantity, rateUsage } from './rating.ts';

/** Storage at 0.000032 a GB-hour, egress at 0.09 a GB with 100 GB free, chips at 2.49 an hour, at least a minute. */
const storage: UnitRate = { pico: 32_000_000n, per: 10n ** 9n, minimum: undefined };
const egress: UnitRate = { pico: 90_000_000_000n, per: 10n ** 9n, minimum: undefined };
const accelerator: UnitRate = { pico: 2_490_000_000_000n, per: 3_600n, minimum: 60 };
const gigabyte = 10n ** 9n;

test('storage, egress with a free allowance, and accelerator time cost what they cost, to the last digit', () => {
  const byteHours = 512n * gigabyte * 240n + 768n * gigabyte * 480n;
  const sent = ratePeriod(1_234_500_000_000n, {
    scope: 'graduated',
    free: 100n * gigabyte,
    steps: [{ above: 0n, rate: egress }],
  });
  const chips = chargeFor(BigInt(chargedUnits(8 * 5_437, accelerator, 8)), accelerator);

  assert.equal(formatAtto(chargeFor(byteHours, storage)), '15.72864');
  assert.equal(formatAtto(sent.amountAtto), '102.105');
  assert.equal(formatAtto(chips), '30.084733333333333333');
  assert.equal(formatAtto(chargeFor(byteHours, storage) + sent.amountAtto + chips), '147.918373333333333333');
  assert.deepEqual(
    sent.lines.map(({ quantity, amountAtto }) => [quantity, formatAtto(amountAtto)]),
    [
      [100_000_000_000n, '0'],
      [1_134_500_000_000n, '102.105'],
    ],
  );
});

test('a minimum is of each chip, and of nothing when nothing was used', () => {
  assert.equal(chargedUnits(8 * 5, accelerator, 8), 480);
  assert.equal(chargedUnits(8 * 60, accelerator, 8), 480);
  assert.equal(chargedUnits(61, accelerator), 61);
  assert.equal(chargedUnits(0, accelerator, 8), 0);
  assert.equal(chargedUnits(5, storage), 5);
});

test('one division a line, half to even', () => {
  const third: UnitRate = { pico: 1n, per: 3_000_000n, minimum: undefined };
  const half: UnitRate = { pico: 1n, per: 2_000_000n, minimum: undefined };

  assert.deepEqual(
    [1n, 2n, 3n].map(quantity => chargeFor(quantity, third)),
    [0n, 1n, 1n],
  );
  assert.deepEqual(
    [1n, 3n, 5n].map(quantity => chargeFor(quantity, half)),
    [0n, 2n, 2n],
  );
});

const units = parseRateCard({
  version: 'u1',
  currency: 'USD',
  rates: {
    input: '1000000000000',
    output: '2000000000000',
    request: '5000000000000000',
    image: '40000000000000000',
    accelerator: { pico: '2490000000000', per: '3600', minimum: 60 },
    'tool.webSearch': '10000000000000000',
  },
  tiers: [],
});

test('calls of tools are lines of the exchange, and one without a rate quarantines it', () => {
  const rated = rateUsage({ inputUncached: 100, output: 10 }, units, {
    counts: { 'tool.webSearch': 2, image: 1, page: 0 },
  });

  assert.ok(!('missing' in rated));
  assert.deepEqual(
    rated.lines.map(({ meter, quantity, amountAtto }) => [meter, quantity, formatAtto(amountAtto)]),
    [
      ['input', 100, '0.0001'],
      ['output', 10, '0.00002'],
      ['request', 1, '0.005'],
      ['image', 1, '0.04'],
      ['tool.webSearch', 2, '0.02'],
    ],
  );
  assert.deepEqual(rateUsage({}, units, { counts: { 'tool.codeExecution': 1, nonsense: 1 } }), {
    missing: ['tool.codeExecution', 'nonsense'],
  });
});

test('one quantity of one meter is rated with its minimum, and its line says what the rate is for', () => {
  const rated = rateQuantity({ meter: 'accelerator', quantity: 40, holders: 8 }, units);

  assert.deepEqual(rated && ratedAmountJson(rated), {
    amountAtto: '332000000000000000',
    currency: 'USD',
    version: 'u1',
    lines: [
      { meter: 'accelerator', quantity: 480, ratePico: '2490000000000', per: '3600', amountAtto: '332000000000000000' },
    ],
  });
  assert.deepEqual(rateQuantity({ meter: 'accelerator', quantity: 0 }, units)?.lines, []);
  assert.equal(rateQuantity({ meter: 'egress', quantity: 1 }, units), undefined);
});

test('quantities that are no whole numbers are never rated', () => {
  for (const quantity of [0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.throws(() => rateQuantity({ meter: 'image', quantity }, units), RangeError);
  }
});

const steps = [
  { above: 0n, rate: { pico: 3n, per: 1_000_000n, minimum: undefined } },
  { above: 10n, rate: { pico: 2n, per: 1_000_000n, minimum: undefined } },
  { above: 100n, rate: { pico: 1n, per: 1_000_000n, minimum: undefined } },
] as const;

test('graduated steps price each unit where it falls, volume steps all units where the sum falls', () => {
  const graduated = (quantity: bigint, free = 0n) =>
    ratePeriod(quantity, { scope: 'graduated', free, steps }).amountAtto;
  const volume = (quantity: bigint, free = 0n) => ratePeriod(quantity, { scope: 'volume', free, steps }).amountAtto;

  assert.deepEqual(
    [0n, 10n, 11n, 100n, 101n].map(quantity => graduated(quantity)),
    [0n, 30n, 32n, 210n, 211n],
  );
  assert.deepEqual(
    [0n, 10n, 11n, 100n, 101n].map(quantity => volume(quantity)),
    [0n, 30n, 22n, 200n, 101n],
  );
  assert.deepEqual(
    [5n, 6n, 16n].map(quantity => graduated(quantity, 5n)),
    [0n, 3n, 32n],
  );
});

test('what is added to a month costs what its sum costs more, also below zero', () => {
  const volume = { scope: 'volume', free: 5n, steps } as const;
  const parts = [5n, 10n, 1n, 0n, 90n].map((added, index, all) =>
    rateAdded(
      all.slice(0, index).reduce((sum, units) => sum + units, 0n),
      added,
      volume,
    ),
  );

  assert.deepEqual(
    parts.map(({ amountAtto }) => amountAtto),
    [0n, 30n, -8n, 0n, 79n],
  );
  assert.deepEqual(
    parts[2]?.lines.map(({ quantity, amountAtto }) => [quantity, amountAtto]),
    [
      [-10n, -30n],
      [11n, 22n],
    ],
  );
  assert.deepEqual(parts[3]?.lines, []);
  assert.throws(() => rateAdded(1n, -1n, volume), /not a quantity/);
});

test('however a month is cut, its parts add up to the sum, to the last digit', () => {
  const units = fc.bigInt({ min: 0n, max: 10n ** 18n });
  const scope = fc.constantFrom('graduated' as const, 'volume' as const);
  fc.assert(
    fc.property(
      fc.array(units, { maxLength: 8 }),
      scope,
      fc.bigInt({ min: 0n, max: 10n ** 18n }),
      (parts, of, free) => {
        const odd = steps.map(({ above, rate }) => ({ above: above * 10n ** 16n, rate: { ...rate, per: 7n } }));
        const price = { scope: of, free, steps: odd };
        let sum = 0n;
        let amount = 0n;
        for (const added of parts) {
          amount += rateAdded(sum, added, price).amountAtto;
          sum += added;
        }
        assert.equal(amount, ratePeriod(sum, price).amountAtto);
      },
    ),
  );
});

test('a price by the month is read as it was written, of meters that events tell, and shown in words', () => {
  const egress = {
    pico: '90',
    per: '1000',
    month: { scope: 'graduated' as const, free: '100', steps: [{ above: '7', pico: '80' }] },
  };

  assert.deepEqual(formatRates(parseRates({ egress })), { egress });
  for (const [json, message] of [
    [{ image: egress }, /image is not priced by the sum of a month/],
    [{ 'tool.webSearch': egress }, /tool.webSearch is not priced by the sum of a month/],
    [{ egress: { ...egress, month: { ...egress.month, scope: 'other' } } }, /not a scope for egress/],
    [{ egress: { ...egress, month: { ...egress.month, free: '-1' } } }, /not a rate for egress free/],
    [{ egress: { ...egress, month: { ...egress.month, steps: [{ above: '0', pico: '1' }] } } }, /do not ascend/],
    [{ egress: { ...egress, month: { ...egress.month, steps: 'x' } } }, /not steps for egress/],
    [{ egress: { ...egress, month: null } }, /not a scope for egress/],
  ] as const) {
    assert.throws(() => parseRates(json as never), message);
  }
  const rate = { amount: '0.090', per: 1000, free: '0100', volume: [{ above: '9', amount: '1' }] };
  const twice = { amount: '1', per: 1, graduated: [9, 9].map(above => ({ above: `${above}`, amount: '1' })) };
  assert.deepEqual(normalizeRates({ egress: rate }), {
    egress: { amount: '0.09', per: 1000, free: '100', volume: [{ above: '9', amount: '1' }] },
  });
  assert.equal(describeRate(rate), '0.090 / 1000 (0100 a month free; by volume: 1 above 9)');
  assert.deepEqual(normalizeRates({ egress: { amount: '1', per: 1_000_000, free: '0' } }), { egress: '1' });
  assert.deepEqual(normalizeRates({ egress: { amount: '1', per: 1_000_000, free: '1' } }), {
    egress: { amount: '1', per: 1_000_000, free: '1' },
  });
  assert.throws(() => normalizeRates({ egress: twice }), /egress has two steps above 9/);
  assert.throws(() => normalizeRates({ egress: { ...twice, volume: [] } }), /either graduated or by volume/);
  assert.throws(() => normalizeRates({ page: rate }), /page is not priced by the sum of a month/);
  assert.deepEqual(foldRate(rate, 'egress', [{ text: '0.5', of: 'all' }]), {
    amount: '0.045',
    per: 1000,
    free: '0100',
    volume: [{ above: '9', amount: '0.5' }],
  });
});

test('steps that do not ascend from zero, and quantities below it, are refused', () => {
  const price = { scope: 'graduated', free: 0n, steps } as const;

  assert.throws(() => ratePeriod(-1n, price), /not a quantity/);
  assert.throws(() => ratePeriod(1n, { ...price, free: -1n }), /not a free quantity/);
  assert.throws(() => ratePeriod(1n, { ...price, steps: [] }), /begins above 0/);
  assert.throws(() => ratePeriod(1n, { ...price, steps: steps.slice(1) }), /begins above 0/);
  assert.throws(() => ratePeriod(1n, { ...price, steps: [steps[0], steps[2], steps[1]] }), /do not ascend/);
});

test('the lines of a period have all its units, and a larger sum never costs less when graduated', () => {
  const quantity = fc.bigInt({ min: 0n, max: 10n ** 18n });
  fc.assert(
    fc.property(quantity, quantity, fc.bigInt({ min: 0n, max: 1_000n }), (one, more, free) => {
      const price = { scope: 'graduated', free, steps } as const;
      const rated = ratePeriod(one, price);

      assert.equal(
        rated.lines.reduce((sum, line) => sum + line.quantity, 0n),
        one,
      );
      assert.equal(
        rated.lines.reduce((sum, line) => sum + line.amountAtto, 0n),
        rated.amountAtto,
      );
      assert.ok(ratePeriod(one + more, price).amountAtto >= rated.amountAtto);
    }),
  );
});

test('rates of other unit sizes are read as they were written, and others are refused', () => {
  const json = {
    input: '1',
    egress: { pico: '90', per: '1000' },
    accelerator: { pico: '2', per: '3600', minimum: 60 },
  };

  assert.deepEqual(formatRates(parseRates(json)), json);
  assert.throws(() => parseRates({ input: { pico: '1', per: '1000' } }), /input is not priced per 10⁶ units/);
  assert.throws(() => parseRates({ egress: { pico: '1', per: '0' } }), /egress is priced per no units/);
  assert.throws(() => parseRates({ egress: { pico: '-1', per: '1' } }), /not a rate for egress/);
  assert.throws(() => parseRates({ egress: { pico: '1', per: '1', minimum: 0.5 } }), /not a minimum for egress/);
  assert.throws(() => parseRates({ 'tool.web search': '1' }), /not a meter/);
});

test('meters have a unit, a class of income and one order', () => {
  assert.deepEqual(
    (['input', 'storage', 'egress', 'accelerator', 'provisionedUnused', 'seat', 'tool.webSearch'] as const).map(
      meter => [meterRow(meter).unit, meterRow(meter).revenue],
    ),
    [
      ['token', 'inference'],
      ['byte·hour', 'storage'],
      ['byte', 'egress'],
      ['chip·second', 'accelerator'],
      ['unit·second', 'accelerator'],
      ['seat·day', 'seats'],
      ['call', 'inference'],
    ],
  );
  assert.deepEqual(inMeterOrder(['tool.b', 'zzz', 'request', 'tool.a', 'output', 'input']), [
    'input',
    'output',
    'request',
    'tool.a',
    'tool.b',
    'zzz',
  ]);
  for (const name of ['tool.', 'tool.9', 'tool.WebSearch', 'Input', '__proto__', 'toString'])
    assert.equal(isMeter(name), false, name);
});

test('currencies are those in circulation, with the decimals of their smallest coin', () => {
  assert.deepEqual(['USD', 'JPY', 'KWD', 'EUR'].map(minorUnitDecimals), [2, 0, 3, 2]);
  for (const code of ['XTS', 'usd', 'BTC', 'XAU', 'DEM', '']) assert.equal(isCurrency(code), false, code);
  assert.throws(() => minorUnitDecimals('BTC'), /not a currency: "BTC"/);
});
