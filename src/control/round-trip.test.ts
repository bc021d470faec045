import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { planContext, testNowMs } from '../../test/support/control.ts';
import { providers } from '../providers/registry.ts';
import { loadSnapshot } from '../snapshot/load.ts';
import { compileSnapshot } from './compile.ts';
import { exportConfiguration } from './export.ts';
import { type Plan, type PlanContext, planApply } from './plan.ts';
import { type ReadDeclaration, readDeclaration } from './read-declaration.ts';
import { type Configuration, emptyConfiguration } from './resources.ts';

const variables = Object.fromEntries(Array.from({ length: 6 }, (_, i) => [`KEY_${i}`, `${i}`.repeat(40)]));
const optional = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: undefined });
const decimal = fc.tuple(fc.nat(1_000), fc.nat(999_999)).map(([whole, part]) => `${whole}.${part}`);
const some = <Value>(keys: readonly string[], value: fc.Arbitrary<Value>) =>
  fc.dictionary(fc.constantFrom(...keys), value, { maxKeys: keys.length, noNullPrototype: true });
const zones = fc.uniqueArray(fc.constantFrom('EU', 'DE', 'US', 'GLOBAL', 'DE/eu-central-1'), {
  minLength: 1,
  maxLength: 3,
});
const allow = fc.uniqueArray(fc.constantFrom('**', 'v/*', 'smart', '*'), { maxLength: 3 });
const timeout = optional(fc.integer({ min: 1, max: 86_400_000 }));

const numbers = {
  requestsPerMinute: fc.integer({ min: 1, max: 600 }),
  tokensPerDay: optional(fc.constantFrom(1, 1_000_000)),
  concurrency: optional(fc.integer({ min: 1, max: 99 })),
};
const way = fc.oneof(
  fc.record({ shadow: fc.boolean() }),
  fc.record({ onExhausted: fc.constant({ route: 'd0' }) }),
  fc.constant({}),
);
const narrowed = fc
  .tuple(
    fc.record(numbers),
    fc.oneof(
      fc.record({ model: fc.constantFrom('v/*', '**'), provider: optional(fc.constant('p0')) }),
      fc.record({ route: fc.constantFrom('smart', 'team/*') }),
    ),
    way,
  )
  .map(([count, of, rest]) => ({ ...count, ...of, ...rest }));
const limits = fc
  .tuple(fc.record(numbers), way, optional(fc.uniqueArray(narrowed, { minLength: 1, maxLength: 3, selector: ofWhat })))
  .map(([count, rest, of]) => ({ ...count, ...rest, of }));

function ofWhat(entry: object): string {
  const { model, provider, route } = entry as Record<string, string | undefined>; // As they are made above.
  return `${model} ${provider} ${route}`;
}

const provider = fc.oneof(
  fc.record({
    dialect: fc.constantFrom('openai-chat', 'anthropic-messages'),
    baseUrl: fc.constantFrom('https://api.openai.com/v1', 'http://127.0.0.1:1/', 'unix:/run/x.sock'),
    credential: optional(fc.constantFrom('env:KEY_0', 'env:KEY_1')),
  }),
  fc.record({ kind: fc.constantFrom('openai', 'anthropic'), credential: fc.constant('env:KEY_2') }),
  fc.record({
    dialects: fc.constantFrom(['openai-chat', 'anthropic-messages'], ['anthropic-messages', 'openai-chat']),
    baseUrl: fc.constant('http://127.0.0.1:2'),
  }),
);
const deployment = fc.record({
  provider: fc.constant('p0'),
  model: fc.constantFrom('v/a', 'v/b', 'w/a'),
  targetModel: optional(fc.constantFrom('a', 'other')),
  zones: optional(fc.record({ processing: fc.constantFrom('EU', 'US', 'GLOBAL') })),
  limits: optional(
    fc.record({
      concurrency: optional(fc.integer({ min: 1, max: 99 })),
      inflowPercent: optional(fc.constantFrom(1, 30, 100)),
      tokensPerMinute: optional(fc.integer({ min: 1, max: 1_000_000_000_000 })),
    }),
  ),
  outputTokensMax: optional(fc.constantFrom(1, 32_000, 128_000)),
  mediaTokensMax: optional(fc.constantFrom(0, 32_768)),
  documentPagesMax: optional(fc.constantFrom(1, 100)),
  documentTokensPerPage: optional(fc.constantFrom(1, 4_600)),
  audioTokensPerSecond: optional(fc.constantFrom(1, 32)),
  toolCallsMax: optional(fc.constantFrom(0, 10, 100_000)),
  toolTokensPerCall: optional(fc.constantFrom(0, 10_000)),
});
const rates = {
  input: optional(decimal),
  output: optional(decimal),
  cacheRead: optional(decimal),
  reasoning: optional(decimal),
};
const steps = optional(
  fc.uniqueArray(
    fc.record({ above: fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constant('90071992547409930')), amount: decimal }),
    { selector: ({ above }) => String(above), minLength: 1, maxLength: 3 },
  ),
);
const monthly = fc
  .record({
    amount: decimal,
    per: fc.constantFrom(1, 1_000_000, 1_000_000_000),
    minimum: optional(fc.nat(60)),
    free: optional(fc.oneof(fc.nat(9), fc.constant('100000000000'))),
    graduated: steps,
    volume: steps,
  })
  .map(({ graduated, volume, ...rate }) => (graduated === undefined ? { ...rate, volume } : { ...rate, graduated }));
const tier = fc.record({
  measure: fc.constant('inputTotal'),
  op: fc.constantFrom('gt', 'gte'),
  size: fc.nat(500_000),
  rates: fc.record(rates),
});
const book = fc.record({
  currency: fc.constantFrom('USD', 'EUR'),
  rates: some(
    ['v/a', 'v/*', 'w/a', 'd0'],
    fc.record({
      ...rates,
      egress: optional(monthly),
      tiers: optional(fc.uniqueArray(tier, { selector: ({ op, size }) => `${op} ${size}`, maxLength: 3 })),
    }),
  ),
});
const budget = fc.record({
  limit: decimal,
  period: optional(fc.constantFrom('day', 'week', 'month', 'total')),
  hard: optional(fc.boolean()),
  warnAt: optional(fc.uniqueArray(fc.constantFrom('0.5', '0.80', '1', '1.0'), { maxLength: 3 })),
});
const budgets = fc.uniqueArray(
  fc.record({
    limit: decimal,
    period: fc.constantFrom('day', 'week', 'total'),
    model: fc.constantFrom('openai/*', '**'),
    route: optional(fc.constant('smart')),
    hard: fc.constant(true),
    shadow: optional(fc.constant(false)),
    warnAt: optional(fc.constant(['0.50'])),
  }),
  { minLength: 1, maxLength: 3, selector: ({ period, model, route }) => `${period} ${model} ${route}` },
);
const key = (secret: string) =>
  fc.record({
    secret: fc.constant(secret),
    sigv4: optional(fc.boolean()),
    expiresAt: optional(fc.constantFrom('2027-01-01T00:00:00Z', '2027-01-01T02:00:00+02:00')),
    revoked: optional(fc.boolean()),
    allow: optional(allow),
    zones: optional(zones),
    lowerOutputToFit: optional(fc.boolean()),
    mediaFetch: optional(fc.boolean()),
    addresses: optional(fc.constantFrom(['10.1.2.3', '10.0.0.0/8'], ['2001:DB8::/32'])),
    origins: optional(fc.constantFrom(['https://App.example.com', 'https://*.example.org'])),
    tags: optional(fc.constantFrom({}, { team: 'search' }, { b: '2', a: '1' })),
    budget: optional(budget),
    budgets: optional(budgets),
    limits: optional(limits),
  });
const project = fc.record({
  allow: optional(allow),
  zones: optional(zones),
  mediaFetch: optional(fc.boolean()),
  budget: optional(budget),
  budgets: optional(budgets),
  limits: optional(limits),
});
const declaration = fc.record({
  providers: fc.record({ p0: provider, p1: provider }),
  deployments: fc.record({ d0: deployment, d1: deployment, d2: deployment }),
  prices: optional(fc.record({ sell: optional(book), buy: optional(book) })),
  routes: some(
    ['smart', 'team/fast'],
    fc.record({
      candidates: fc.uniqueArray(
        fc.record({
          deployment: fc.constantFrom('d0', 'd1', 'd2'),
          weight: optional(fc.integer({ min: 1, max: 9 })),
          priority: optional(fc.nat(3)),
        }),
        { minLength: 1, maxLength: 3, selector: candidate => candidate.deployment },
      ),
      retries: optional(fc.nat(16)),
      class: optional(fc.constantFrom('interactive', 'standard', 'flex', 'batch')),
      queueMs: optional(fc.constantFrom(0, 1_000, 600_000)),
      retryBudget: optional(
        fc.record({ percent: optional(fc.constantFrom(0, 20)), perSecond: optional(fc.constantFrom(0, 10)) }),
      ),
      hedge: optional(
        fc.oneof(
          fc.record({ afterMs: fc.integer({ min: 1, max: 9_000 }), percent: optional(fc.constantFrom(1, 2, 50)) }),
          fc.record({ percentile: fc.constantFrom(50, 95, 99), percent: optional(fc.constantFrom(1, 2, 50)) }),
        ),
      ),
      idleTimeoutMs: timeout,
      abort: optional(fc.constantFrom('cancel', 'drain')),
      limits: optional(fc.record({ tokensPerMinute: fc.constant(9), shadow: optional(fc.boolean()) })),
      onFailure: optional(fc.constantFrom('error', 'restart', 'continue')),
      holdBack: optional(fc.constantFrom({ tokens: 0, ms: 0 }, { tokens: 1, ms: 1 }, { tokens: 32, ms: 250 })),
    }),
  ),
  organisations: fc.record({
    acme: fc.record({
      usageTags: optional(fc.constantFrom([], ['feature'], ['b', 'a'])),
      budget: optional(budget),
      limits: optional(limits),
      lowBalance: optional(decimal),
      projects: fc.record({
        web: fc
          .tuple(project, key('env:KEY_3'), key('env:KEY_4'))
          .map(([rest, one, two]) => ({ ...rest, keys: { one, two } })),
        empty: project,
      }),
    }),
  }),
  policies: optional(fc.record({ orphans: optional(fc.constantFrom('delivered', 'free')) })),
});

/** With the kinds of provider that there really are. */
const context: PlanContext = { ...planContext(variables), kinds: providers };

/** Reading is most of the time, and depends on nothing but the text: each is read once. */
function planned(read: ReadDeclaration, stored: Configuration, prune = false): Plan {
  return planApply(read, stored, { prune }, context);
}

function applied(read: ReadDeclaration, stored: Configuration): Configuration {
  const plan = planned(read, stored);
  assert.deepEqual(plan.problems, []);
  return plan.next;
}

/** JSON is YAML, drops what is undefined, and is written in no time; the exports are in blocks. */
function textOf(content: unknown): string {
  return JSON.stringify(content);
}

test('whatever is applied compiles, is the same when applied again, and comes back from its export', () => {
  fc.assert(
    fc.property(declaration, content => {
      const read = readDeclaration(textOf(content));
      const once = applied(read, emptyConfiguration);
      loadSnapshot(compileSnapshot(once, { compiledAt: '2026-09-01T00:00:00.000Z', sandboxBaseUrl: 'unix:/x' }));

      const exported = exportConfiguration(once, testNowMs);
      const readAgain = readDeclaration(exported);
      for (const again of [read, readAgain]) {
        for (const prune of [false, true]) {
          const plan = planned(again, once, prune);
          assert.deepEqual([plan.problems, plan.changes, plan.publications], [[], [], []]);
        }
      }
      assert.equal(exportConfiguration(applied(readAgain, emptyConfiguration), testNowMs), exported);
    }),
    { numRuns: 150 },
  );
});

test('from one configuration to another and back nothing is left behind but what a revocation keeps', () => {
  const unrevoked = declaration.map(content =>
    readDeclaration(textOf(content).replaceAll('"revoked":true', '"revoked":false')),
  );
  fc.assert(
    fc.property(unrevoked, unrevoked, (first, second) => {
      const start = applied(first, emptyConfiguration);
      const there = planned(second, start, true);
      const back = planned(first, there.next, true);

      assert.deepEqual([there.problems, back.problems], [[], []]);
      assert.equal(exportConfiguration(back.next, testNowMs), exportConfiguration(start, testNowMs));
      assert.equal(
        exportConfiguration(there.next, testNowMs),
        exportConfiguration(applied(second, emptyConfiguration), testNowMs),
      );
    }),
    { numRuns: 80 },
  );
});
