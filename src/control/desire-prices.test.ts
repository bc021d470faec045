import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { planContext, planText, testNowMs } from '../../test/support/control.ts';
import { formatAtto } from '../pricing/money.ts';
import { cardAt } from '../pricing/timeline.ts';
import { loadSnapshot, type Snapshot, sellPrices } from '../snapshot/load.ts';
import { compileSnapshot } from './compile.ts';
import { exportConfiguration } from './export.ts';
import { missingPrices } from './price-book.ts';
import { priceChanges } from './price-changes.ts';
import { type Configuration, emptyConfiguration, entriesOf, resourceOf } from './resources.ts';

const now = '2026-09-01T00:00:00.000Z';
const later = '2026-12-01T00:00:00.000Z';
const muchLater = '2027-01-01T00:00:00.000Z';

const supply = `
providers: { p: { dialect: openai-chat, baseUrl: https://api.openai.com/v1 } }
deployments:
  one: { provider: p, model: v/a }
  two: { provider: p, model: v/b }
organisations:
  acme: { projects: { web: { keys: { ci: { secret: env:ACME_KEY } } } } }
  other: { projects: { web: { keys: { ci: { secret: env:OTHER_KEY } } } } }
`;
const variables = {
  ACME_KEY: 'acme-secret-acme-secret-acme-secret',
  OTHER_KEY: 'other-secret-other-secret-other-secret',
};

function planAt(text: string, stored: Configuration, nowMs = testNowMs, prune = false) {
  return planText(text, stored, { context: { ...planContext(variables), nowMs }, prune });
}

function apply(stored: Configuration, text: string, at = now): Configuration {
  const plan = planAt(text, stored, Date.parse(at));
  assert.deepEqual(plan.problems, []);
  return plan.next;
}

function problems(stored: Configuration, text: string, at = now): string[] {
  return planAt(text, stored, Date.parse(at)).problems.map(
    ({ path, code, message }) => `${path}${code === 'setting_not_available' ? ' n/a' : ''}: ${message}`,
  );
}

const based = apply(emptyConfiguration, supply);

function snapshotOf(configuration: Configuration): Snapshot {
  return loadSnapshot(compileSnapshot(configuration, { compiledAt: now, sandboxBaseUrl: 'unix:/run/sandbox' }));
}

/** The sell price of input for a deployment at an instant, decimal. */
function input(
  configuration: Configuration,
  deployment: string,
  at: string,
  organisation = 'other',
): string | undefined {
  const snapshot = snapshotOf(configuration);
  const secret = organisation === 'acme' ? variables.ACME_KEY : variables.OTHER_KEY;
  const principal = snapshot.findKey(planContext().sealer.digestSecret(secret));
  assert.ok(principal);
  const prices = sellPrices(snapshot.deployments.find(({ id }) => id === deployment)!, principal);
  const rate = prices === undefined ? undefined : cardAt(prices, Date.parse(at))?.rates.input;
  return rate === undefined ? undefined : formatAtto(rate * 1_000_000n);
}

const flat = (rate: string) => `{ input: "${rate}", output: "${rate}" }`;

test('a row that begins later leaves what is in force until its instant, and applied again it changes nothing', () => {
  const start = apply(based, `prices: { sell: { currency: USD, rates: { v/a: ${flat('2')}, v/b: ${flat('5')} } } }`);
  const file = `prices: { sell: { currency: USD, rates: { v/a: { input: "3", output: "3", from: ${later} } } } }`;
  const scheduled = apply(start, file);

  assert.deepEqual(
    ['2026-11-30T23:59:59.999Z', later].map(at => [input(scheduled, 'one', at), input(scheduled, 'two', at)]),
    [
      ['2', '5'],
      ['3', '5'],
    ],
  );
  assert.deepEqual(planAt(file, scheduled).changes, []);
  // Also after its instant has come.
  assert.deepEqual(planAt(file, scheduled, Date.parse(muchLater)).changes, []);
});

test('a change at once goes into what is scheduled, unless that says the row itself', () => {
  const start = apply(
    based,
    `prices: { sell: { currency: USD, rates: { v/a: ${flat('2')}, v/b: ${flat('5')} }, scheduled: [ { from: ${later}, rates: { v/a: ${flat('3')} } } ] } }`,
  );
  const changed = apply(
    start,
    `prices: { sell: { currency: USD, rates: { v/a: ${flat('2.5')}, v/b: ${flat('6')} } } }`,
  );

  assert.deepEqual(
    [now, later].map(at => [input(changed, 'one', at), input(changed, 'two', at)]),
    [
      ['2.5', '6'],
      ['3', '6'],
    ],
  );
  const book = resourceOf(changed, 'book', 'sell')!;
  assert.deepEqual(
    entriesOf(book).map(({ from, atOnce, set }) => [from, atOnce, set]),
    [
      [now, true, []],
      [later, false, ['v/a']],
    ],
  );
});

test('naming what is scheduled replaces it as a whole', () => {
  const start = apply(
    based,
    `prices: { sell: { currency: USD, rates: { v/a: ${flat('2')} }, scheduled: [ { from: ${later}, rates: { v/a: ${flat('3')} } } ] } }`,
  );
  const moved = apply(
    start,
    `prices: { sell: { currency: USD, rates: {}, scheduled: [ { from: ${muchLater}, rates: { v/a: ${flat('4')} } } ] } }`,
  );
  const cancelled = apply(moved, 'prices: { sell: { currency: USD, rates: {}, scheduled: [] } }');

  assert.deepEqual(
    [now, later, muchLater].map(at => input(moved, 'one', at)),
    ['2', '2', '4'],
  );
  assert.deepEqual(
    [now, later, muchLater].map(at => input(cancelled, 'one', at)),
    ['2', '2', '2'],
  );
});

test('the past is never changed: an instant that has passed is only accepted for what was in force', () => {
  const file = (rate: string, from: string) =>
    `prices: { sell: { currency: USD, rates: { v/a: { input: "${rate}", output: "1", from: ${from} } } } }`;
  const start = apply(based, `prices: { sell: { currency: USD, rates: { v/a: { input: "2", output: "1" } } } }`);

  assert.deepEqual(problems(start, file('3', '2026-08-31T23:59:59.999Z')), [
    'prices.sell.rates.v/a: 2026-08-31T23:59:59.999Z has passed and other prices held then; leave `from` out to change prices at once, and correct what was charged by re-rating',
  ]);
  assert.deepEqual(planAt(file('2', '2026-08-31T00:00:00Z'), start).changes, []);
  assert.match(problems(start, file('3', now))[0] ?? '', /has passed/);
  assert.equal(input(apply(start, file('3', '2026-09-01T00:00:00.001Z')), 'one', now), '2');
});

test('a contract wins over the list where it says something, a discount follows the list where it does not', () => {
  const list = apply(
    based,
    `prices: { sell: { currency: USD, rates: { v/a: ${flat('2')}, v/b: ${flat('5')} } }, contracts: { acme: { rates: { v/a: ${flat('1.5')} }, discount: "0.1" } } }`,
  );
  const raised = apply(list, `prices: { sell: { currency: USD, rates: { v/b: ${flat('6')} } } }`);

  assert.deepEqual([input(list, 'one', now, 'acme'), input(list, 'two', now, 'acme')], ['1.5', '4.5']);
  assert.deepEqual([input(list, 'one', now), input(list, 'two', now)], ['2', '5']);
  assert.deepEqual([input(raised, 'one', now, 'acme'), input(raised, 'two', now, 'acme')], ['1.5', '5.4']);
});

test('a contract that begins later leaves list prices until then, and what follows changes with what it follows', () => {
  const list = apply(
    based,
    `prices: { sell: { currency: USD, rates: { v/a: ${flat('2')} }, scheduled: [ { from: ${muchLater}, rates: { v/a: ${flat('4')} } } ] }, contracts: { acme: { discount: "0.5", from: ${later} } } }`,
  );

  assert.deepEqual(
    [now, later, muchLater].map(at => input(list, 'one', at, 'acme')),
    ['2', '1', '2'],
  );
  assert.deepEqual(
    [now, later, muchLater].map(at => input(list, 'one', at)),
    ['2', '2', '4'],
  );
  const again = apply(list, `prices: { sell: { currency: USD, rates: { v/a: ${flat('2')} } } }`);
  assert.deepEqual(
    [now, later, muchLater].map(at => input(again, 'one', at, 'acme')),
    ['2', '1', '2'],
  );
  assert.deepEqual(planAt(exportConfiguration(list, testNowMs), list, testNowMs, true).changes, []);
});

test('an incomplete contract price keeps the organisation from the deployment, and from nothing else', () => {
  const list = apply(
    based,
    `prices: { sell: { currency: USD, rates: { v/a: ${flat('2')}, v/b: ${flat('5')} } }, contracts: { acme: { rates: { v/a: { input: "1" } } } } }`,
  );

  assert.deepEqual(
    [input(list, 'one', now, 'acme'), input(list, 'two', now, 'acme'), input(list, 'one', now)],
    [undefined, '5', '2'],
  );
});

test('a markup sells at the buy price times a factor, but for what the sell book says itself', () => {
  const marked = apply(
    based,
    `prices: { buy: { currency: USD, rates: { v/a: ${flat('2')}, v/b: ${flat('5')} } }, sell: { currency: USD, markup: "1.15", rates: { v/b: ${flat('9')} } } }`,
  );
  const dearer = apply(
    marked,
    `prices: { buy: { currency: USD, rates: { v/a: { input: "3", output: "3", from: ${later} } } } }`,
  );

  assert.deepEqual([input(marked, 'one', now), input(marked, 'two', now)], ['2.3', '9']);
  assert.deepEqual(
    [now, later].map(at => input(dearer, 'one', at)),
    ['2.3', '3.45'],
  );
});

test('the same prices are the same version, however they are written and whenever they come back', () => {
  const text = (rate: string) => `prices: { sell: { currency: USD, rates: { v/a: { input: ${rate}, output: "1" } } } }`;
  const one = apply(based, text('"1.250"'));
  const other = apply(one, text('"2"'), '2026-10-01T00:00:00Z');
  const back = planAt(text('{ amount: "0.00125", per: 1000 }'), other, Date.parse('2026-10-02T00:00:00Z'));

  assert.equal(resourceOf(back.next, 'book', 'sell')?.version, resourceOf(one, 'book', 'sell')?.version);
  assert.notEqual(resourceOf(other, 'book', 'sell')?.version, resourceOf(one, 'book', 'sell')?.version);
  assert.deepEqual(planAt(text('"1.25"'), one).changes, []);
});

test('what a publication changes is listed rate by rate, with the factor that made the number', () => {
  const before = apply(based, `prices: { sell: { currency: USD, rates: { v/a: ${flat('2')}, v/b: ${flat('5')} } } }`);
  const plan = planAt(
    `
prices:
  sell:
    currency: USD
    rates:
      v/a: { input: "2.5", output: "2", modes: { batch: { multiplier: "0.5" } }, egress: { amount: "0.09", per: 1000000000 } }
    scheduled: [ { from: ${later}, rates: { v/b: ${flat('4')} } } ]
  contracts: { acme: { discount: "0.1" } }
`,
    before,
  );
  const changes = priceChanges(before, plan.next, { nowMs: testNowMs, factors: plan.factors ?? new Map() });

  assert.deepEqual(plan.problems, []);
  assert.deepEqual(
    changes
      .filter(({ meter }) => meter !== 'output')
      .map(change =>
        [
          change.book,
          change.from,
          change.target,
          change.where,
          change.meter,
          change.before,
          change.after,
          change.changePercent,
          change.factor,
        ].join(' | '),
      ),
    [
      'contract:acme |  | v/a |  | input |  | 2.25 |  | sell × 0.9',
      'contract:acme |  | v/a |  | egress |  | 0.081 / 1000000000 |  | sell × 0.9',
      'contract:acme |  | v/a | batch | input |  | 1.125 |  | sell × 0.9',
      'contract:acme |  | v/a | batch | egress |  | 0.081 / 1000000000 |  | sell × 0.9',
      'contract:acme |  | v/b |  | input |  | 4.5 |  | sell × 0.9',
      `contract:acme | ${later} | v/b |  | input |  | 3.6 |  | sell × 0.9`,
      'sell |  | v/a |  | input | 2 | 2.5 | +25.00 | ',
      'sell |  | v/a |  | egress |  | 0.09 / 1000000000 |  | ',
      'sell |  | v/a | batch | input |  | 1.25 |  | modes.batch × 0.5',
      'sell |  | v/a | batch | egress |  | 0.09 / 1000000000 |  | ',
      `sell | ${later} | v/b |  | input | 5 | 4 | -20.00 | `,
    ],
  );
});

test('everything that is wrong with prices is said at once, with its place', () => {
  const start = apply(based, `prices: { sell: { currency: USD, rates: { v/a: ${flat('2')} } } }`);

  assert.deepEqual(
    problems(
      start,
      `
prices:
  sell:
    currency: USD
    rates:
      nobody: ${flat('1')}
      v/a/: ${flat('1')}
      v/a: { input: "1", output: "2", serviceTiers: { standard: { multiplier: "2" } } }
    scheduled: [ { from: ${later}, rates: { v/b: ${flat('1')} } }, { from: ${later}, rates: { v/b: ${flat('2')} } } ]
  contracts: { nobody: { rates: { v/a: ${flat('1')} } }, acme: {} }
`,
    ).sort(),
    [
      'prices.contracts.acme: needs rates or a discount',
      'prices.contracts.nobody: there is no organisation nobody',
      'prices.sell.rates.nobody: there is no deployment of this name; models are vendor/name',
      'prices.sell.rates.v/a.serviceTiers.standard: means the ordinary tier; its rates stand outside of serviceTiers',
      'prices.sell.rates.v/a/: must be vendor/name, vendor/* or the name of a deployment',
      'prices.sell.scheduled.1.from: is there twice: 2026-12-01T00:00:00.000Z',
      'prices.sell.scheduled.1.rates.v/b: is said twice for 2026-12-01T00:00:00.000Z',
    ],
  );
  assert.deepEqual(problems(based, 'prices: { contracts: { acme: { discount: "0.1" } } }'), [
    'prices.contracts.acme: follows the sell book, and there is none',
  ]);
  assert.deepEqual(problems(based, 'prices: { sell: { currency: USD, markup: "2" } }'), [
    'prices.sell: follows the buy book, and there is none',
  ]);
  const discounted = apply(start, 'prices: { contracts: { acme: { discount: "0.1" } } }');
  assert.deepEqual(problems(discounted, `prices: { contracts: { acme: { discount: "0.2", from: ${later} } } }`), [
    'prices.contracts.acme.from n/a: a markup or discount changes at once; leave `from` out',
  ]);
  assert.deepEqual(
    problems(start, `prices: { sell: { currency: EUR, rates: { v/a: { input: "1", output: "1", from: ${later} } } } }`),
    ['prices.sell.currency: a book changes its currency at once; leave `from` out'],
  );
});

test('prices of a file are exact decimals of a currency that exists, and nothing else', () => {
  const refused = (rates: string, currency = 'USD') => {
    try {
      planAt(`prices: { sell: { currency: ${currency}, rates: { v/a: ${rates} } } }`, based);
    } catch (error) {
      // True: readDeclaration throws ConfigurationError, which has problems.
      return (error as { problems: { path: string }[] }).problems.map(({ path }) => path);
    }
    return [];
  };
  for (const rate of [
    '-1',
    '+1',
    '1e3',
    '"1e3"',
    '"-1"',
    '1.5',
    '.NaN',
    '"NaN"',
    '"1,5"',
    '"0.1234567890123"',
    '""',
    'null',
    '[]',
  ]) {
    assert.deepEqual(refused(`{ input: ${rate}, output: "1" }`), ['prices.sell.rates.v/a.input'], rate);
  }
  for (const rate of [
    '{ amount: "1", per: 0 }',
    '{ amount: "1", per: -1 }',
    '{ amount: "1", per: 1.5 }',
    '{ amount: 1, per: 1 }',
    '{ amount: "1" }',
    '{ amount: "1", per: 9007199254740993 }',
    '{ amount: "1", per: 1, minimum: -1 }',
  ]) {
    assert.ok(refused(`{ egress: ${rate} }`)[0]?.startsWith('prices.sell.rates.v/a.egress'), rate);
  }
  for (const currency of ['XTS', 'usd', 'DEM', 'BTC', '""']) {
    assert.deepEqual(refused('{ input: "1", output: "1" }', currency), ['prices.sell.currency'], currency);
  }
  assert.deepEqual(refused('{ tokens: "1", "tool.Web": "1", input: "x", tiers: 1 }').sort(), [
    'prices.sell.rates.v/a.input',
    'prices.sell.rates.v/a.tiers',
    'prices.sell.rates.v/a.tokens',
    'prices.sell.rates.v/a.tool.Web',
  ]);
  assert.deepEqual(refused('{ input: "1", output: "1", from: 2026-13-01 }'), ['prices.sell.rates.v/a.from']);
  const big = Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`v/m${i}`, 0]));
  assert.throws(() => planAt(stringify({ prices: { sell: { currency: 'USD', rates: big } } }), based), /entries|bytes/);
});

test('an incomplete price names what is missing', () => {
  const stored = apply(
    based,
    'prices: { sell: { currency: USD, rates: { v/a: { input: "1", output: "2", serviceTiers: { flex: { rates: { input: "1" } } } } } } }',
  );
  const [one, two] = ['one', 'two'].map(id => resourceOf(stored, 'deployment', id)!);

  assert.deepEqual(missingPrices(stored, 'sell', one!), ['output has no rate in service tier flex']);
  assert.deepEqual(missingPrices(stored, 'sell', two!), ['nothing is named for it']);
  assert.equal(input(stored, 'one', now), undefined);
});

const anyRate = fc.constantFrom('1', '2', '3');
const anyBook = fc.record({
  now: fc.dictionary(fc.constantFrom('v/a', 'v/b', 'one'), anyRate),
  steps: fc.uniqueArray(
    fc.record({
      day: fc.integer({ min: 2, max: 28 }),
      rates: fc.dictionary(fc.constantFrom('v/a', 'v/b'), anyRate, { minKeys: 1 }),
    }),
    {
      selector: step => step.day,
      maxLength: 3,
    },
  ),
  discount: fc.option(fc.constantFrom('0.1', '0.25')),
});

test('whatever is published comes back from its export, changes nothing when applied again, and has no gap', () => {
  const fileOf = ({
    now: rates,
    steps,
    discount,
  }: {
    now: Record<string, string>;
    steps: readonly { day: number; rates: Record<string, string> }[];
    discount: string | null;
  }) => {
    const rows = (of: Record<string, string>) =>
      Object.fromEntries(Object.entries(of).map(([target, rate]) => [target, { input: rate, output: rate }]));
    const scheduled = steps.map(({ day, rates: changed }) => ({
      from: new Date(Date.UTC(2026, 8, day)).toISOString(),
      rates: rows(changed),
    }));
    return stringify({
      prices: {
        sell: { currency: 'USD', rates: { 'v/*': { input: '9', output: '9' }, ...rows(rates) }, scheduled },
        ...(discount === null ? {} : { contracts: { acme: { discount } } }),
      },
    });
  };
  fc.assert(
    fc.property(anyBook, anyBook, fc.integer({ min: 0, max: 28 }), (first, second, day) => {
      const atMs = testNowMs + day * 86_400_000;
      const one = planAt(fileOf(first), based).next;
      const plan = planAt(fileOf({ ...second, steps: second.steps.filter(step => step.day > day + 1) }), one, atMs);

      assert.deepEqual(plan.problems, []);
      assert.deepEqual(planAt(exportConfiguration(plan.next, atMs), plan.next, atMs).changes, []);
      assert.deepEqual(planAt(exportConfiguration(plan.next, atMs), plan.next, atMs, true).changes, []);
      for (let later = atMs; later < atMs + 30 * 86_400_000; later += 43_200_000) {
        assert.ok(input(plan.next, 'one', new Date(later).toISOString(), 'acme') !== undefined);
      }
    }),
    { numRuns: 15 },
  );
});

test('a price by the month is folded step by step, and refused where nothing tells its meter by events', () => {
  const egress =
    'egress: { amount: "0.10", per: 1000, free: 5, graduated: [ { from: 21, amount: "0.05" }, { above: 10, amount: "0.08" } ] }';
  const configuration = apply(
    based,
    `prices: { buy: { currency: USD, rates: { v/net: { ${egress} } } }, sell: { currency: USD, markup: "1.5" } }`,
  );

  const version = configuration.versions.get(resourceOf(configuration, 'book', 'sell')!.version);
  assert.deepEqual(version?.derived?.[0]?.['v/net']?.rates, {
    egress: {
      amount: '0.15',
      per: 1000,
      free: '5',
      graduated: [
        { above: '10', amount: '0.12' },
        { above: '20', amount: '0.075' },
      ],
    },
  });
  const wrong = (rate: string) => problems(based, `prices: { sell: { currency: USD, rates: { v/net: { ${rate} } } } }`);
  const place = 'prices.sell.rates.v/net';
  assert.deepEqual(wrong('input: { amount: "1", per: 1000000, free: 5 }'), [
    `${place}.input: input is not priced by the sum of a month`,
  ]);
  assert.deepEqual(wrong('page: { amount: "1", per: 1, volume: [ { above: 5, amount: "1" } ] }'), [
    `${place}.page: page is not priced by the sum of a month`,
  ]);
  assert.deepEqual(
    wrong(
      'egress: { amount: "1", per: 1, volume: [ { above: 5, amount: "1" } ], graduated: [ { above: 5, amount: "1" } ] }',
    ),
    [`${place}.egress: egress is either graduated or by volume`],
  );
  assert.throws(
    () => wrong('egress: { amount: "1", per: 1, volume: [ { above: 5, from: 6, amount: "1" }, { amount: "1" } ] }'),
    ({ problems: found }) => {
      const message = 'needs either `above` or `from`';
      assert.deepEqual(
        found.map((problem: { path: string; message: string }) => [problem.path, problem.message]),
        [0, 1].map(index => [`${place}.egress.volume.${index}`, message]),
      );
      return true;
    },
  );
  const units = /egress\.free: must be a whole number of units, in quotes above 9007199254740991/;
  for (const free of ['1.5', '-1', '9007199254740993', '"1e3"', '""']) {
    assert.throws(() => wrong(`egress: { amount: "1", per: 1, free: ${free} }`), units);
  }
  assert.deepEqual(wrong('egress: { amount: "1", per: 1, free: "9007199254740993" }'), []);
});
