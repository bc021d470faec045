import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planText } from '../../test/support/control.ts';
import { ConfigurationError } from '../config/problem.ts';
import { compileLimits } from './limits.ts';
import { emptyConfiguration } from './resources.ts';

const supply = `
providers: { p: { dialect: openai-chat, baseUrl: "https://api.openai.com/v1", LIMITS } }
deployments:
  one: { provider: p, model: openai/gpt-5 }
  two: { provider: p, model: openai/gpt-5-mini }
`;

function problemsOf(text: string): readonly string[] {
  try {
    const plan = planText(`${supply.replace(', LIMITS', '')}${text}`, emptyConfiguration);
    return plan.problems.map(({ path, message }) => `${path}: ${message}`);
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return error.problems.map(({ path, message }) => `${path}: ${message}`);
  }
}

const acme = (limits: string) => `organisations: { acme: { limits: ${limits} } }`;

test('limits of callers, routes, providers and deployments are compiled one number each', () => {
  const text = `${supply.replace('LIMITS', 'limits: { tokensPerDay: 7, concurrency: 3 }').replace('gpt-5 }', 'gpt-5, limits: { concurrency: 9, requestsPerMinute: 5 } }')}
routes: { smart: { candidates: [ { deployment: one } ], limits: { requestsPerDay: 4, onExhausted: { route: two } } } }
organisations:
  acme:
    limits: { requestsPerMinute: 600, of: [ { model: "openai/*", tokensPerMinute: 100000 }, { route: smart, concurrency: 8, shadow: true } ] }
    projects: { web: { limits: { concurrency: 2 } } }
`;
  const { next, problems } = planText(text, emptyConfiguration);

  assert.deepEqual(problems, []);
  assert.deepEqual(
    compileLimits(next).map(({ id, limit, onExhausted }) => [
      id,
      limit,
      ...(onExhausted === undefined ? [] : [onExhausted]),
    ]),
    [
      ['organisation:acme requestsPerMinute', 600],
      ['organisation:acme tokensPerMinute model=openai/*', 100_000],
      ['organisation:acme concurrency route=smart shadow', 8],
      ['project:acme/web concurrency', 2],
      ['provider:p tokensPerDay', 7],
      ['provider:p concurrency', 3],
      ['deployment:one requestsPerMinute', 5],
      ['route:smart requestsPerDay', 4, 'two'],
    ],
  );
});

test('a limit that could not be kept, or that says nothing, is refused at its place', () => {
  const cases: readonly (readonly [limits: string, problem: RegExp])[] = [
    ['{}', /^organisations\.acme\.limits: says no limit; name one of requestsPerMinute/],
    ['{ shadow: true }', /^organisations\.acme\.limits: says no limit/],
    ['{ requestsPerMinute: 0 }', /limits\.requestsPerMinute: must be at least 1/],
    ['{ requestsPerMinute: -1 }', /limits\.requestsPerMinute: must be at least 1/],
    ['{ requestsPerMinute: 1.5 }', /limits\.requestsPerMinute: /],
    ['{ requestsPerMinute: 1000000000001 }', /limits\.requestsPerMinute: /],
    ['{ requestsPerMinute: "600" }', /limits\.requestsPerMinute: /],
    ['{ requestsPerSecond: 6 }', /limits\.requestsPerSecond: no setting has this name here/],
    ['{ requestsPerMinute: 1, shadow: true, onExhausted: { route: one } }', /a shadow refuses nothing/],
    ['{ requestsPerMinute: 1, onExhausted: { route: three } }', /onExhausted names three, and no route/],
    ['{ of: [ { tokensPerDay: 5 } ] }', /limits\.of\.0: narrows nothing/],
    ['{ of: [ { model: "openai/*" } ] }', /limits\.of\.0: says no limit/],
    ['{ of: [] }', /limits\.of: /],
    [
      '{ of: [ { route: r, concurrency: 1 }, { route: r, concurrency: 2 } ] }',
      /^organisations\.acme\.limits: .* is said twice for the same requests$/,
    ],
  ];
  for (const [limits, problem] of cases) {
    const problems = problemsOf(acme(limits));
    assert.ok(
      problems.some(each => problem.test(each)),
      `${limits}: ${problems.join('; ')}`,
    );
  }
  assert.deepEqual(problemsOf(acme('{ requestsPerMinute: 1, onExhausted: { route: openai/gpt-5-mini } }')), []);
});

test('where requests go when a limit is used up is no circle', () => {
  const routes = (a: string, b: string) => `
routes:
  a: { candidates: [ { deployment: one } ], limits: { requestsPerMinute: 1${a} } }
  b: { candidates: [ { deployment: two } ], limits: { requestsPerMinute: 1${b} } }
`;
  const to = (route: string) => `, onExhausted: { route: ${route} }`;

  assert.deepEqual(problemsOf(routes(to('b'), '')), []);
  assert.deepEqual(problemsOf(routes(to('a'), '')), ['routes.a.limits: onExhausted goes in a circle: a']);
  assert.deepEqual(problemsOf(routes(to('b'), to('a'))), [
    'routes.a.limits: onExhausted goes in a circle: b, then a',
    'routes.b.limits: onExhausted goes in a circle: a, then b',
  ]);
  // A caller's own limit on routes closes a circle, too; one on no route in particular is left once and for all.
  const narrowed = `${routes(to('b'), '')}${acme('{ of: [ { route: "*", concurrency: 1, onExhausted: { route: b } } ] }')}`;
  assert.equal(problemsOf(narrowed).length, 1);
  assert.deepEqual(problemsOf(`${routes(to('b'), '')}${acme('{ concurrency: 1, onExhausted: { route: a } }')}`), []);
});

test('a shadow of the concurrency of a deployment, which is counted by replica, is refused', () => {
  const text = supply.replace(', LIMITS', '').replace('gpt-5 }', 'gpt-5, limits: { concurrency: 1, shadow: true } }');

  assert.throws(() => planText(text, emptyConfiguration), /the concurrency of a deployment cannot be a shadow/);
});
