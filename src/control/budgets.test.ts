import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planText } from '../../test/support/control.ts';
import { ConfigurationError } from '../config/problem.ts';
import { compileBudgets } from './budgets.ts';
import { emptyConfiguration } from './resources.ts';

const supply = `
providers: { p: { dialect: openai-chat, baseUrl: "https://api.openai.com/v1" } }
deployments:
  one: { provider: p, model: openai/gpt-5 }
  two: { provider: p, model: openai/gpt-5-mini }
`;

function problemsOf(text: string): readonly string[] {
  try {
    const { problems } = planText(`${supply}${text}`, emptyConfiguration);
    return problems.map(({ path, message }) => `${path}: ${message}`);
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return error.problems.map(({ path, message }) => `${path}: ${message}`);
  }
}

test('budgets are compiled one by one, those of the installation last', () => {
  const { next, problems } = planText(
    `${supply}
organisations:
  acme:
    budget: { limit: "100.00" }
    budgets:
      - { limit: "5", period: day, model: "openai/*", onExhausted: { route: two } }
      - { limit: "2", period: day, hard: true, shadow: true, warnAt: [ "0.50" ] }
policies: { budgets: [ { limit: "1000", period: month, provider: p, hard: false, warnAt: [ "0.9" ] } ] }
`,
    emptyConfiguration,
  );

  assert.deepEqual(problems, []);
  assert.deepEqual(
    compileBudgets(next).map(({ id, limitAtto, hard, warnAtPpm, onExhausted }) => [
      id,
      limitAtto,
      hard,
      warnAtPpm,
      ...(onExhausted === undefined ? [] : [onExhausted]),
    ]),
    [
      ['organisation:acme:month:USD', '100000000000000000000', true, []],
      ['organisation:acme:day:USD model=openai/*', '5000000000000000000', true, [], 'two'],
      ['organisation:acme:day:USD shadow', '2000000000000000000', true, [500_000]],
      ['installation:*:month:USD provider=p', '1000000000000000000000', false, [900_000]],
    ],
  );
});

test('the order in which budgets are written is no difference', () => {
  const text = (...budgets: readonly string[]) =>
    planText(`${supply}organisations: { acme: { budgets: [ ${budgets.join(', ')} ] } }`, emptyConfiguration).next;
  const [day, week] = ['{ limit: "1", period: day }', '{ limit: "2", period: week }'] as const;

  assert.deepEqual(compileBudgets(text(day, week)), compileBudgets(text(week, day)));
});

test('a budget that contradicts another, or itself, is refused at its place', () => {
  const cases: readonly (readonly [block: string, problem: RegExp])[] = [
    ['budgets: []', /^organisations\.acme\.budgets: /],
    ['budgets: [ {} ]', /^organisations\.acme\.budgets\.0\.limit: /],
    ['budgets: [ { limit: 5 } ]', /budgets\.0\.limit: must be a decimal string in quotes/],
    ['budgets: [ { limit: "-5" } ]', /budgets\.0\.limit: must be a decimal/],
    ['budgets: [ { limit: "5", period: year } ]', /budgets\.0\.period: /],
    ['budgets: [ { limit: "5", model: "a b" } ]', /budgets\.0\.model: must not contain spaces/],
    ['budgets: [ { limit: "5", deployment: one } ]', /budgets\.0\.deployment: no setting has this name here/],
    ['budgets: [ { limit: "5", hard: false, shadow: true } ]', /budgets\.0: a budget that is not hard refuses nothing/],
    ['budgets: [ { limit: "5", shadow: true, onExhausted: { route: one } } ]', /a budget that refuses nothing/],
    ['budgets: [ { limit: "5", hard: false, onExhausted: { route: one } } ]', /a budget that refuses nothing/],
    [
      'budgets: [ { limit: "5", onExhausted: { route: three } } ]',
      /^organisations\.acme\.budgets: onExhausted names three/,
    ],
    ['budget: { limit: "5", model: openai/gpt-5 }', /budget\.model: no setting has this name here/],
    [
      'budget: { limit: "5" }, budgets: [ { limit: "6" } ]',
      /^organisations\.acme\.budgets: the month budget of organisation acme is said twice for the same period$/,
    ],
  ];
  for (const [block, problem] of cases) {
    const problems = problemsOf(`organisations: { acme: { ${block} } }`);
    assert.ok(
      problems.some(each => problem.test(each)),
      `${block}: ${problems.join('; ')}`,
    );
  }
  const many = Array.from({ length: 33 }, (_, index) => `{ limit: "1", model: "m${index}/*" }`).join(', ');
  assert.equal(problemsOf(`organisations: { acme: { budgets: [ ${many} ] } }`).length, 1);
  assert.match(
    problemsOf('policies: { budgets: [ { limit: "1" }, { limit: "2" } ] }').join(),
    /^policies\.budgets: the month budget of the installation is said twice/,
  );
});
