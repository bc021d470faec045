import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import type { AdmitRecord } from '../../src/journal/record.ts';
import type { BudgetEntry } from '../../src/snapshot/snapshot.ts';
import { budgetsInMemory } from '../support/budgets.ts';
import { digestOf, secret, startGateway, type TestGateway } from '../support/gateway.ts';
import { rateCard } from '../support/snapshot.ts';

const keys = [
  'mixed',
  'spent',
  'narrow',
  'byroute',
  'leads',
  'stuck',
  'circle',
  'shadow',
  'empty',
  'plain',
  'renews',
] as const;
type Key = (typeof keys)[number];
const secretOf = (key: Key) => `${secret}-${key}`;
const usd = 10n ** 18n;

const ofKey = (key: Key, limitAtto: bigint, more: Partial<BudgetEntry> = {}): BudgetEntry => ({
  id: `key:${key}:${more.period ?? 'total'} ${more.model ?? ''}${more.route ?? ''}`,
  scope: 'key',
  subject: key,
  limitAtto: limitAtto.toString(),
  currency: 'USD',
  period: 'total',
  hard: true,
  warnAtPpm: [],
  ...more,
});

const budgets: readonly BudgetEntry[] = [
  ofKey('mixed', usd, { model: 'openai/*' }),
  ofKey('mixed', usd),
  ofKey('spent', 1n, { period: 'month' }),
  ofKey('narrow', 1n, { model: 'openai/*' }),
  ofKey('narrow', usd),
  ofKey('byroute', 1n, { route: 'both' }),
  ofKey('leads', 1n, { model: 'openai/*', onExhausted: 'cheap' }),
  ofKey('stuck', 1n, { onExhausted: 'cheap' }),
  ofKey('circle', 1n, { route: 'gpt', onExhausted: 'cheap' }),
  ofKey('circle', 1n, { route: 'cheap', period: 'day', onExhausted: 'gpt' }),
  ofKey('shadow', 1n, { shadow: true }),
  ofKey('empty', 0n),
  ofKey('renews', 1n, { period: 'day' }),
  {
    ...ofKey('plain', 1n, { model: 'openai/scarce' }),
    id: 'installation:*:total scarce',
    scope: 'installation',
    subject: '*',
  },
];

suite('budgets', () => {
  let emulator: Emulator;
  let gateway: TestGateway;
  const chain = budgetsInMemory(budgets);

  before(async () => {
    emulator = await startEmulator();
    gateway = await startGateway({
      snapshot: {
        keys: keys.map(id => ({ id, digest: digestOf(secretOf(id)) })),
        budgets,
        providers: [
          { name: 'openai', kind: 'openai', dialects: ['openai-chat'], baseUrl: `${emulator.url}/v1` },
          { name: 'anthropic', kind: 'anthropic', dialects: ['anthropic-messages'], baseUrl: emulator.url },
        ],
        deployments: [
          { id: 'gpt', model: 'openai/gpt' },
          { id: 'scarce', model: 'openai/scarce' },
          { id: 'claude', provider: 'anthropic', model: 'anthropic/claude' },
          {
            id: 'gift',
            model: 'openai/gift',
            sell: { ...rateCard, rates: { input: '0', output: '0', cacheRead: '0' } },
          },
        ],
        routes: [
          { name: 'both', candidates: [{ deployment: 'gpt' }, { deployment: 'claude', priority: 2 }] },
          { name: 'cheap', candidates: [{ deployment: 'claude' }] },
          { name: 'or-free', candidates: [{ deployment: 'gpt' }, { deployment: 'gift', priority: 2 }] },
        ],
      },
      ports: { budgets: chain.budgets },
    });
  });
  after(async () => {
    await gateway.stop();
    await emulator.stop();
  });

  async function ask(key: Key, model: string, headers: object = {}) {
    const response = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secretOf(key)}`, 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ model, max_tokens: 20, messages: [{ role: 'user', content: 'Hi' }] }),
    });
    const text = await response.text();
    const message: string | undefined = JSON.parse(text).error?.message;
    const header = (name: string) => response.headers.get(name);
    return { status: response.status, fault: header('x-carrier-fault'), message, header, text };
  }

  test('a refusal names the budget, what is spent and what is reserved, and when it renews', async () => {
    chain.book('key:spent:month ', 1n);

    const { status, fault, message, header } = await ask('spent', 'gpt');

    assert.deepEqual([status, fault], [429, 'budget_exhausted']);
    assert.match(
      message!,
      /^The month budget of key spent cannot hold the cost of this request: limit 0\.000000000000000001 USD, spent 0\.000000000000000001, reserved 0; it renews at \d{4}-\d\d-01T00:00:00\.000Z\.$/,
    );
    // Nobody should sleep for weeks because a header said so; at the end of a month it is hours.
    const retryAfter = header('retry-after');
    assert.ok(retryAfter === null || Number(retryAfter) <= 86_400, retryAfter ?? '');
  });

  test('a budget that renews within a day says when to come back', async () => {
    const { fault, header } = await ask('renews', 'gpt');

    const seconds = Number(header('retry-after'));
    assert.equal(fault, 'budget_exhausted');
    assert.ok(seconds >= 1 && seconds <= 86_400, `${seconds}`);
  });

  test('a budget of some models shortens the order to the others, and refuses where none is left', async () => {
    const both = await ask('narrow', 'both');
    assert.deepEqual([both.status, both.header('x-carrier-deployment')], [200, 'claude'], both.text);

    const only = await ask('narrow', 'gpt');
    assert.equal(only.fault, 'budget_exhausted');
    assert.match(only.message!, /^The total budget of key narrow for openai\/\* .* it does not renew\.$/);
  });

  test('what a budget is narrowed to is charged only when it answers', async () => {
    const mixed = await ask('mixed', 'both');
    assert.equal(mixed.status, 200, mixed.text);
    const admit = gateway.records.findLast((record): record is AdmitRecord => record.type === 'admit')!;
    assert.deepEqual(
      admit.hold.leases.map(({ budget, deployments }) => [budget, deployments]),
      [
        ['key:mixed:total ', undefined],
        ['key:mixed:total openai/*', ['gpt']],
      ],
    );
  });

  test('a budget of a route binds who asks for it by that name', async () => {
    assert.equal((await ask('byroute', 'both')).fault, 'budget_exhausted');
    assert.equal((await ask('byroute', 'gpt')).status, 200);
    const admit = gateway.records.findLast((record): record is AdmitRecord => record.type === 'admit')!;
    assert.deepEqual(admit.hold.leases, []);
  });

  test('an exhausted budget that names a cheaper route leads there, told to the client', async () => {
    const { status, header, text } = await ask('leads', 'gpt');

    assert.equal(status, 200, text);
    assert.equal(header('x-carrier-deployment'), 'claude');
    assert.equal(header('x-carrier-downgraded'), 'cheap');
    assert.match(header('x-carrier-loss')!, /route-downgraded;model/);
  });

  test('it does not lead a strict request, nor past itself, nor in a circle', async () => {
    assert.equal((await ask('leads', 'gpt', { 'x-carrier-strict': '1' })).fault, 'budget_exhausted');
    const stuck = await ask('stuck', 'gpt');
    assert.equal(stuck.fault, 'budget_exhausted');
    const circle = await ask('circle', 'gpt');
    assert.equal(circle.fault, 'budget_exhausted');
    assert.match(circle.message!, /^The total budget of key circle for gpt /);
  });

  test('a free model is served however empty the budget, also behind one that costs something', async () => {
    assert.equal((await ask('empty', 'gpt')).fault, 'budget_exhausted');
    assert.equal((await ask('empty', 'gift')).status, 200);

    const either = await ask('empty', 'or-free');
    assert.deepEqual([either.status, either.header('x-carrier-deployment')], [200, 'gift'], either.text);
  });

  test('a shadow refuses nothing', async () => {
    assert.equal((await ask('shadow', 'gpt')).status, 200);
  });

  test('a budget of the installation binds everybody, and tells nobody its figures', async () => {
    const { fault, message } = await ask('plain', 'scarce');

    assert.equal(fault, 'budget_exhausted');
    assert.equal(
      message,
      'The total budget of the installation for openai/scarce cannot hold the cost of this request: it does not renew.',
    );
    assert.equal((await ask('plain', 'gpt')).status, 200);
  });
});
