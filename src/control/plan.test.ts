import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { parse, stringify } from 'yaml';
import { designVariables, planContext, planText, testNowMs } from '../../test/support/control.ts';
import { onlyCard } from '../../test/support/snapshot.ts';
import { ConfigurationError } from '../config/problem.ts';
import { cardAt } from '../pricing/timeline.ts';
import { loadSnapshot } from '../snapshot/load.ts';
import { compileSnapshot } from './compile.ts';
import { exportConfiguration } from './export.ts';
import type { Plan } from './plan.ts';
import { type Configuration, type Resource, resourceOf, resourcesOf } from './resources.ts';

const design = readFileSync(new URL('../../test/support/fixtures/design.yaml', import.meta.url), 'utf8');
const compileContext = { compiledAt: '2026-09-01T00:00:00.000Z', sandboxBaseUrl: 'unix:/run/sandbox' };

function applied(text: string, stored?: Configuration): Configuration {
  const plan = planText(text, stored);
  assert.deepEqual(plan.problems, []);
  return { ...plan.next, revision: plan.next.revision + 1n };
}

function summary(plan: Plan): readonly string[] {
  return plan.changes.map(change => `${change.action} ${change.kind} ${change.name}`);
}

function problems(text: string, stored?: Configuration, prune = false): readonly string[] {
  return planText(text, stored, { prune }).problems.map(
    ({ path, line, message }) => `${line ?? '-'} ${path}: ${message}`,
  );
}

test('the documented file applies as it is', () => {
  const plan = planText(design);

  assert.deepEqual(plan.problems, []);
  assert.deepEqual(summary(plan), [
    'create book buy',
    'create book sell',
    'create deployment gpt-5-us',
    'create deployment sonnet-eu',
    'create key acme/web/ci',
    'create organisation acme',
    'create project acme/web',
    'create provider anthropic',
    'create provider openai',
    'create route smart',
  ]);
  const snapshot = loadSnapshot(compileSnapshot(plan.next, compileContext));
  const gpt = snapshot.deployments.find(deployment => deployment.id === 'gpt-5-us');
  assert.equal(cardAt(gpt!.sell!, 0)?.rates.output, 10_000_000_000_000n);
  assert.equal(gpt?.concurrencyMax, 64);
  assert.equal(gpt?.provider.kind, 'openai');
  assert.equal(snapshot.deployments.find(deployment => deployment.id === 'sonnet-eu')?.sell, undefined);
  const principal = snapshot.findKey(planContext().sealer.digestSecret(designVariables.ACME_KEY));
  assert.deepEqual(principal?.hardBudgets, ['project:acme/web:month:USD']);
  assert.equal(snapshot.budgets.get('project:acme/web:month:USD')?.limitAtto, '100000000000000000000');
  assert.deepEqual(snapshot.budgets.get('project:acme/web:month:USD')?.warnAtPpm, [800_000]);
});

test('applying a file twice changes nothing, and so does applying an export, pruned or not', () => {
  const once = applied(design);

  assert.deepEqual(summary(planText(design, once)), []);
  const exported = exportConfiguration(once, testNowMs);
  assert.deepEqual(summary(planText(exported, once)), []);
  assert.deepEqual(summary(planText(exported, once, { prune: true })), []);
  assert.doesNotMatch(exported, /sk-openai|acme-secret/);
});

test('what a file does not name stays unless pruned', () => {
  const once = applied(design);
  const other = 'organisations: { acme: {}, umbrella: {} }';

  assert.deepEqual(summary(planText(other, once)), ['create organisation umbrella']);
  const pruned = planText(other, once, { prune: true });
  assert.deepEqual(pruned.problems, []);
  assert.deepEqual([...pruned.next.resources.keys()], ['organisation:acme', 'organisation:umbrella']);
  assert.deepEqual(problems('process: { port: 1 }', once, true), [
    '- : the file names no resource, so pruning would remove everything',
  ]);
});

test('handles and key ids are kept when everything else of them changes', () => {
  const once = applied(design);
  const changed = design
    .replace('targetModel: gpt-5,', 'targetModel: gpt-5-2026,')
    .replace('period: month', 'period: day');
  const plan = planText(changed, once, { context: planContext({ ...designVariables, ACME_KEY: 'x'.repeat(40) }) });

  assert.deepEqual(summary(plan), ['update deployment gpt-5-us', 'update key acme/web/ci', 'update project acme/web']);
  assert.deepEqual(plan.changes[0]?.fields, [{ path: 'targetModel', before: 'gpt-5', after: 'gpt-5-2026' }]);
  assert.equal(
    resourceOf(plan.next, 'deployment', 'gpt-5-us')?.handle,
    resourceOf(once, 'deployment', 'gpt-5-us')?.handle,
  );
  assert.deepEqual(
    resourcesOf(plan.next, 'key').map(key => key.id),
    resourcesOf(once, 'key').map(key => key.id),
  );
});

test('a renamed deployment is the same to routing, and renaming it again changes nothing', () => {
  const once = applied(design);
  const renamed = design
    .replaceAll('gpt-5-us', 'gpt-5-america')
    .replace('gpt-5-america:  {', 'gpt-5-america:  { was: gpt-5-us,');
  const twice = applied(renamed, once);

  assert.equal(resourceOf(twice, 'deployment', 'gpt-5-us'), undefined);
  assert.equal(
    resourceOf(twice, 'deployment', 'gpt-5-america')?.handle,
    resourceOf(once, 'deployment', 'gpt-5-us')?.handle,
  );
  const candidates = (configuration: Configuration) =>
    compileSnapshot(configuration, compileContext)
      .routes[0]?.candidates.map(({ handle }) => handle)
      .sort();
  assert.deepEqual(candidates(twice), candidates(once));
  assert.deepEqual(summary(planText(renamed, twice)), []);
});

test('a rename that would lose or merge a deployment is refused', () => {
  const once = applied(design);
  const deployment = (name: string, was: string) => `${name}: { was: ${was}, provider: openai, model: openai/gpt-5 }`;

  assert.deepEqual(problems(`deployments: { ${deployment('sonnet-eu', 'gpt-5-us')} }`, once).slice(0, 1), [
    '1 deployments.sonnet-eu.was: sonnet-eu and gpt-5-us are both stored; they cannot become one',
  ]);
  assert.deepEqual(
    problems(`deployments: { ${deployment('a', 'sonnet-eu')}, ${deployment('b', 'sonnet-eu')} }`, once).slice(0, 2),
    [
      '1 deployments.a.was: several deployments were sonnet-eu',
      '1 deployments.b.was: several deployments were sonnet-eu',
    ],
  );
  assert.deepEqual(problems(`deployments: { ${deployment('a', 'gpt-5-us')} }`, once), [
    '- routes.smart.candidates: there is no deployment gpt-5-us',
  ]);
});

test('an imported secret in our own form brings its id along and takes the place of the old key', () => {
  const once = applied(design);
  const secret = `cck_Ab12Cd34_${'z'.repeat(43)}`;
  const plan = planText(design, once, { context: planContext({ ...designVariables, ACME_KEY: secret }) });

  assert.deepEqual(
    resourcesOf(plan.next, 'key').map(key => key.id),
    ['Ab12Cd34'],
  );
});

test('a revocation survives the file that was written before it', () => {
  const once = applied(design);
  const key = resourcesOf(once, 'key')[0]!;
  const revoked: Configuration = {
    ...once,
    resources: new Map([...once.resources, [`key:${key.id}`, { ...key, revoked: true }]]),
  };

  assert.deepEqual(summary(planText(design, revoked)), []);
  assert.match(exportConfiguration(revoked, testNowMs), /revoked: true/);
  assert.deepEqual(summary(planText(exportConfiguration(revoked, testNowMs), revoked)), []);
});

test('everything that is wrong with a file is said at once, with its line', () => {
  const text = `
providers:
  openai: { dialect: openai-chat, credential: env:NOT_SET }
  other: { kind: nonsense }
deployments:
  a: { provider: nobody, model: openai/a }
  b: { provider: openai, model: openai/b }
prices:
  sell: { currency: USD, rates: { missing: { input: "1" }, a: { input: "1" }, "x y/z": { input: "1" } } }
routes:
  a: { candidates: [ { deployment: a }, { deployment: a }, { deployment: c } ] }
organisations:
  acme: { projects: { web: { keys: { one: { secret: env:SHORT }, two: {}, three: { secret: env:SAME }, four: { secret: env:SAME } } } } }
`;
  const plan = planText(text, undefined, { context: planContext({ SHORT: 'short', SAME: 's'.repeat(32) }) });
  assert.deepEqual(
    plan.problems.map(({ path, line, message }) => `${line} ${path}: ${message}`),
    [
      '9 prices.sell.rates.x y/z: must be vendor/name, vendor/* or the name of a deployment',
      '3 providers.openai.baseUrl: is missing; say where the provider is reached',
      '4 providers.other.kind: no provider kind has this name; known are openai, anthropic',
      '13 organisations.acme.projects.web.keys.one.secret: the secret has fewer than 32 characters',
      '13 organisations.acme.projects.web.keys.two: this key is not here yet; name its secret (secret: env:NAME), or make it with `carrier keys create --project acme/web --name two`',
      '6 deployments.a.provider: there is no provider nobody',
      '7 deployments.b.provider: there is no provider openai',
      '11 routes.a: a deployment has this name; routes and deployments share one namespace',
      '11 routes.a.candidates: deployment a is named twice',
      '11 routes.a.candidates: there is no deployment c',
      '9 prices.sell.rates.missing: there is no deployment of this name; models are vendor/name',
      '13 organisations.acme.projects.web.keys.four: has the same secret as acme/web/three; each key needs its own',
    ],
  );
});

test('an unresolved reference fails with its path', () => {
  const plan = planText(design, undefined, {
    context: planContext({ ...designVariables, ACME_KEY: undefined as never }),
  });

  assert.deepEqual(
    plan.problems.map(problem => [problem.path, problem.line, problem.message]),
    [['organisations.acme.projects.web.keys.ci.secret', 15, 'env:ACME_KEY is not set where the server runs']],
  );
});

test('what a route says of budgets, queues and hedges is kept whole, or refused with its place', () => {
  const route = (settings: string) => `routes: { smart: { candidates: [ { deployment: gpt-5-us } ], ${settings} } }`;
  const once = applied(design);
  const said = applied(route('class: batch, queueMs: 0, retryBudget: { percent: 5 }, hedge: { percentile: 95 }'), once);
  const [compiled] = compileSnapshot(said, compileContext).routes;
  assert.deepEqual(
    [compiled?.policy.class, compiled?.policy.queueMs, compiled?.policy.retryBudget, compiled?.policy.hedge],
    ['batch', 0, { percent: 5, perSecond: 10 }, { percentile: 95, percent: 2 }],
  );

  for (const [settings, path] of [
    ['class: urgent', 'routes.smart.class'],
    ['queueMs: -1', 'routes.smart.queueMs'],
    ['queueMs: 600001', 'routes.smart.queueMs'],
    ['retryBudget: { percent: 101 }', 'routes.smart.retryBudget.percent'],
    ['retryBudget: { perMinute: 1 }', 'routes.smart.retryBudget.perMinute'],
    ['hedge: {}', 'routes.smart.hedge'],
    ['hedge: { afterMs: 100, percentile: 95 }', 'routes.smart.hedge'],
    ['hedge: { afterMs: 0 }', 'routes.smart.hedge.afterMs'],
    ['hedge: { percentile: 100 }', 'routes.smart.hedge.percentile'],
    ['hedge: { afterMs: 100, percent: 51 }', 'routes.smart.hedge.percent'],
  ] as const) {
    assert.throws(
      () => planText(route(settings), once),
      error => {
        assert.ok(error instanceof ConfigurationError, String(error));
        assert.deepEqual(
          error.problems.map(problem => problem.path),
          [path],
        );
        return true;
      },
      settings,
    );
  }
});

test('a pruned resource that is still named is refused', () => {
  const once = applied(design);

  assert.deepEqual(problems('deployments: { gpt-5-us: { provider: openai, model: openai/gpt-5 } }', once, true), [
    '1 deployments.gpt-5-us.provider: there is no provider openai',
  ]);
});

test('prices are immutable versions, and unchanged prices publish nothing', () => {
  const once = applied(design);
  const sameMoney = design.replaceAll('"10.00"', '"10"').replaceAll('"1.25"', '"01.250"');
  assert.deepEqual(planText(sameMoney, once).publications, []);

  const dearer = planText(design.replace('"10.00"', '"11"'), once);
  assert.deepEqual(
    dearer.publications.map(version => version.rates['openai/gpt-5']?.rates.output),
    ['11'],
  );
  assert.deepEqual(
    dearer.changes.map(change => change.fields.find(field => field.path.endsWith('output'))),
    [{ path: 'openai/gpt-5.output', before: '10', after: '11' }],
  );
  const added = planText(
    'prices: { sell: { currency: USD, rates: { anthropic/*: { input: "3", output: "15" } } } }',
    once,
  );
  assert.deepEqual(Object.keys(added.publications[0]?.rates ?? {}), ['openai/gpt-5', 'anthropic/*']);
  assert.deepEqual(
    problems('prices: { sell: { currency: EUR, rates: { anthropic/*: { input: "3", output: "15" } } } }', once),
    ['1 prices.sell.currency: the book is in USD; name every rate anew, or apply with --prune'],
  );
});

test('a rate of the deployment wins over its model, that over its vendor, and an incomplete one is no price', () => {
  const text = `
providers: { p: { dialect: openai-chat, baseUrl: "http://127.0.0.1:1/v1" } }
deployments:
  one: { provider: p, model: v/a }
  two: { provider: p, model: v/a }
  three: { provider: p, model: v/b }
  four: { provider: p, model: v/c }
  five: { provider: p, model: w/a }
prices:
  sell:
    currency: EUR
    rates:
      one: { input: "1", output: "2" }
      v/a: { input: "3", output: "4" }
      v/*: { input: "5", output: "6", tiers: [ { measure: inputTotal, op: gt, size: 200000, rates: { input: "7", output: "8" } } ] }
      v/c: { input: "8" }
`;
  const snapshot = compileSnapshot(applied(text), compileContext);

  const inputs = snapshot.deployments.map(({ id, sell, buy }) => [id, onlyCard(sell)?.rates['input'] ?? null, buy]);
  assert.deepEqual(inputs, [
    ['five', null, null],
    ['four', null, null],
    ['one', '1000000000000', null],
    ['three', '5000000000000', null],
    ['two', '3000000000000', null],
  ]);
  assert.deepEqual(onlyCard(snapshot.deployments[3]?.sell)?.tiers, [
    { measure: 'inputTotal', op: 'gt', size: 200_000, rates: { input: '7000000000000', output: '8000000000000' } },
  ]);
});

test('the order of a file and of its keys means nothing', () => {
  const content = parse(design);
  const shuffle = (value: unknown, random: () => number): unknown => {
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map(item => shuffle(item, random)).sort(() => random() - 0.5);
    const pairs = Object.entries(value).map(([key, inner]) => [key, shuffle(inner, random)] as const);
    return Object.fromEntries(pairs.sort(() => random() - 0.5));
  };
  const named = (text: string) => {
    // Handles and ids are random; here they follow from the names, and sealed text from nothing but its place.
    const configuration = applied(text);
    const resources = [...configuration.resources].map(([key, resource]): [string, Resource] => {
      if (resource.kind === 'deployment') return [key, { ...resource, handle: `h-${resource.id}` }];
      if (resource.kind === 'provider') return [key, { ...resource, sealed: 'sealed' }];
      if (resource.kind === 'key') return [`key:${resource.name}`, { ...resource, id: resource.name }];
      return [key, resource];
    });
    return compileSnapshot({ ...configuration, resources: new Map(resources) }, compileContext).hash;
  };
  const expected = named(design);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 31 }), seed => {
      let state = seed;
      const random = () => {
        state = (Math.imul(state, 48_271) >>> 0) % 2_147_483_647;
        return state / 2_147_483_647;
      };
      assert.equal(named(stringify(shuffle(content, random))), expected);
    }),
    { numRuns: 40 },
  );
});

test('media are fetched for a key as it says, else as its project says, else not', () => {
  const variables = Object.fromEntries([1, 2, 3, 4].map(number => [`KEY_${number}`, `${number}`.repeat(40)]));
  const file = `organisations:
  acme:
    projects:
      open: { mediaFetch: true, keys: { as: { secret: env:KEY_1 }, no: { secret: env:KEY_2, mediaFetch: false } } }
      closed: { keys: { as: { secret: env:KEY_3 }, yes: { secret: env:KEY_4, mediaFetch: true } } }
`;
  const stored = planText(file, undefined, { context: planContext(variables) }).next;
  const snapshot = loadSnapshot(compileSnapshot(stored, compileContext));

  const allowed = resourcesOf(stored, 'key').map(key => [
    `${key.project}/${key.name}`,
    snapshot.findKey(key.digest)?.mediaFetch,
  ]);
  assert.deepEqual(allowed.sort(), [
    ['acme/closed/as', false],
    ['acme/closed/yes', true],
    ['acme/open/as', true],
    ['acme/open/no', false],
  ]);
  assert.deepEqual(
    summary(planText(exportConfiguration(stored, testNowMs), stored, { context: planContext(variables) })),
    [],
  );
  assert.match(exportConfiguration(stored, testNowMs), /mediaFetch: false/);
});

test('a file that says nothing of media leaves what an earlier version stored as it is', () => {
  const file = `organisations: { acme: { projects: { web: { keys: { ci: { secret: env:ACME_KEY } } } } } }`;
  const stored = applied(file);
  const earlier = {
    ...stored,
    resources: new Map(
      [...stored.resources].map(([id, resource]) => {
        const { mediaFetch: _, ...rest } = resource as Resource & { mediaFetch?: boolean };
        return [id, rest as Resource];
      }),
    ),
  };

  assert.deepEqual(summary(planText(file, earlier)), []);
  const principal = loadSnapshot(compileSnapshot(earlier, compileContext)).findKey(
    planContext().sealer.digestSecret(designVariables.ACME_KEY),
  );
  assert.equal(principal?.mediaFetch, false);
});

for (const [place, path] of [
  ['web: { mediaFetch: maybe }', 'web.mediaFetch'],
  ['web: { mediaFetch: 1 }', 'web.mediaFetch'],
  ['web: { keys: { ci: { secret: env:ACME_KEY, mediaFetch: "true" } } }', 'web.keys.ci.mediaFetch'],
] as const) {
  test(`${place} is refused by its path`, () => {
    assert.throws(
      () => planText(`organisations: { acme: { projects: { ${place} } } }`),
      (error: Error) => error.message.includes(`organisations.acme.projects.${path}: invalid input: expected boolean`),
    );
  });
}
