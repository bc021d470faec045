import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { planContext, planText, testPriceFacts } from '../../test/support/control.ts';
import { providers } from '../providers/registry.ts';
import { reviewFacts, type StoredFact } from './fact-review.ts';
import { factsFile } from './facts-file.ts';
import { type DatedPrices, type PriceFact, readPriceFacts } from './price-facts.ts';
import { emptyConfiguration } from './resources.ts';

function prices(rates: DatedPrices['rates'], from?: string): DatedPrices {
  return { from, rates, tiers: [] };
}

function review(before: readonly DatedPrices[] | null, after: readonly DatedPrices[]) {
  const fact: PriceFact = { provider: 'p', model: 'm', aliases: [], contextTokensMax: undefined, prices: after };
  const stored: StoredFact[] =
    before === null ? [] : [{ provider: 'p', model: 'm', approved: before, held: null, reasons: null }];
  return reviewFacts({ version: '1', facts: [fact], excluded: [] }, stored);
}

test('a change is listed line by line, and one of a usual size is not odd', () => {
  const changed = review(
    [prices({ input: '2', output: '10' })],
    [prices({ input: '2', output: '10' }), prices({ input: '3', output: '15', cacheRead: '0.3' }, '2026-09-01')],
  );

  assert.deepEqual(changed.changes, [
    {
      provider: 'p',
      model: 'm',
      change: 'changed',
      lines: [
        { from: '2026-09-01', where: '', meter: 'input', before: null, after: '3' },
        { from: '2026-09-01', where: '', meter: 'output', before: null, after: '15' },
        { from: '2026-09-01', where: '', meter: 'cacheRead', before: null, after: '0.3' },
      ],
      reasons: [],
      snapped: [],
    },
  ]);
});

const odd: readonly (readonly [string, DatedPrices['rates'], DatedPrices['rates'], readonly string[]])[] = [
  ['ten times', { input: '1', output: '2' }, { input: '10', output: '20' }, []],
  [
    'more than ten times',
    { input: '1', output: '20' },
    { input: '10.000000000001', output: '20' },
    ['input becomes more than 10 times what it was, 1 to 10.000000000001'],
  ],
  [
    'less than a tenth',
    { input: '1', output: '20' },
    { input: '0.099', output: '20' },
    ['input becomes less than a 10th of what it was, 1 to 0.099'],
  ],
  ['free', { input: '1', output: '2' }, { input: '0', output: '2' }, ['input changes between free and 1']],
  [
    'columns that were exchanged',
    { input: '1', output: '2' },
    { input: '2', output: '1', cacheRead: '3', cacheWrite5m: '4', cacheWrite1h: '3.5' },
    ['cacheRead is above input', 'input is above output', 'cacheWrite5m is above cacheWrite1h'],
  ],
];
for (const [name, before, after, reasons] of odd) {
  test(`${name}: ${reasons.length === 0 ? 'not odd' : 'odd'}`, () => {
    assert.deepEqual(review([prices(before)], [prices(after)]).changes[0]?.reasons, reasons);
  });
}

test('what a source no longer says is gone, and what it says as before is no change', () => {
  const stored: StoredFact[] = [
    { provider: 'p', model: 'old', approved: [prices({ input: '1', output: '2' })], held: null, reasons: null },
    { provider: 'p', model: 'never', approved: null, held: [prices({ input: '1', output: '0' })], reasons: ['odd'] },
  ];
  const gone = reviewFacts({ version: '1', facts: [], excluded: [] }, stored);
  const same = review([prices({ input: '1', output: '2' })], [prices({ input: '1', output: '2' })]);

  assert.deepEqual(
    gone.changes.map(({ model, change }) => [model, change]),
    [['old', 'gone']],
  );
  assert.deepEqual([same.changes, same.unchanged], [[], 1]);
});

test('the public facts are reviewed whole: few are odd, and artefacts that were snapped are told', () => {
  const facts = readPriceFacts(providers);
  const all = reviewFacts(facts, []);
  const approved = all.changes.filter(({ reasons }) => reasons.length === 0);

  assert.equal(all.changes.length, facts.facts.length);
  assert.ok(approved.length > facts.facts.length * 0.9, `${approved.length} of ${facts.facts.length}`);
  for (const { snapped } of all.changes)
    for (const text of snapped) assert.match(text, /^\w+: [\d.e-]+ is read as [\d.]+$/);
});

test('facts become a file that people can read and publish, with dates and under the names of deployments', () => {
  const stored: StoredFact[] = testPriceFacts.facts.map(({ provider, model, prices: approved }) => ({
    provider,
    model,
    approved: model === 'odd-1' ? null : approved,
    held: null,
    reasons: null,
  }));
  const configuration = planText(
    'providers: { o: { kind: openai }, a: { kind: anthropic } }\n' +
      'deployments: { x: { provider: o, model: own/five, targetModel: gpt-5 }, y: { provider: a, model: anthropic/claude-sonnet-5 } }',
    emptyConfiguration,
    { context: planContext() },
  ).next;
  const options = { book: 'buy', all: false, nowMs: Date.parse('2026-09-01T00:00:00Z'), version: '1.2.3' } as const;
  const file = factsFile(stored, configuration, options);

  assert.deepEqual(parse(file), {
    prices: {
      buy: {
        currency: 'USD',
        rates: {
          'anthropic/claude-sonnet-5': { input: '2', output: '10' },
          'own/five': { input: '1.25', cacheRead: '0.125', output: '10' },
        },
        scheduled: [
          { from: '2026-12-01T00:00:00.000Z', rates: { 'anthropic/claude-sonnet-5': { input: '3', output: '15' } } },
        ],
      },
    },
  });
  assert.deepEqual(planText(file, configuration, { context: planContext() }).problems, []);
  assert.deepEqual(Object.keys(parse(factsFile(stored, configuration, { ...options, all: true })).prices.buy.rates), [
    'anthropic/claude-sonnet-5',
    'openai/gpt-5',
    'openai/gpt-5-mini',
  ]);
});
