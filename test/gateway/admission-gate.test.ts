import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import { countPaths } from '../../src/gateway/count-forms.ts';
import { modelPaths, prefixes, routes } from '../../src/gateway/edge.ts';
import { digestOf, startGateway, type TestGateway } from '../support/gateway.ts';

const countModels: Readonly<Record<string, string>> = { gemini: 'google%2Fgem', 'bedrock-converse': 'amazon%2Fnova' };
const countBodies: Readonly<Record<string, object>> = {
  gemini: { contents: [{ parts: [{ text: 'hello' }] }] },
  'bedrock-converse': { input: { converse: { messages: [{ role: 'user', content: [{ text: 'hello' }] }] } } },
};

/** Every path of the data plane, and what a request to it must pass. A path that is new fails here until somebody has said
 *  so; then the tests below hold it to that. A body is one that would be answered. */
const gates: Readonly<Record<string, { readonly gate: string; readonly body?: object; readonly at?: string }>> = {
  '/v1/chat/completions': {
    gate: 'spend',
    body: { model: 'openai/gpt-5', messages: [{ role: 'user', content: 'hello' }] },
  },
  '/v1/messages': {
    gate: 'spend',
    body: { model: 'anthropic/claude', max_tokens: 10, messages: [{ role: 'user', content: 'hello' }] },
  },
  '/v1/messages/count_tokens': {
    gate: 'limits',
    body: { model: 'anthropic/claude', messages: [{ role: 'user', content: 'hello' }] },
  },
  '/v2/chat': {
    gate: 'spend',
    body: { model: 'cohere/command', messages: [{ role: 'user', content: 'hello' }] },
  },
  '/v1/responses': { gate: 'spend', body: { model: 'openai/gpt-5', input: 'hello' } },
  ...Object.fromEntries(
    [
      '/v1/models/{model}',
      '/v1beta/models/{model}',
      '/v1/projects/{project}/locations/{location}/publishers/google/models/{model}',
      '/v1beta1/projects/{project}/locations/{location}/publishers/google/models/{model}',
      '/v1/publishers/google/models/{model}',
      '/v1beta1/publishers/google/models/{model}',
      '/v1beta/{model}',
    ].flatMap(form =>
      [':generateContent', ':streamGenerateContent'].map(method => [
        `${form}${method}`,
        {
          gate: 'spend',
          at: `${form.replace('{model}', 'openai%2Fgpt-5').replace(/\{\w+\}/g, 'x')}${method}`,
          body: { contents: [{ parts: [{ text: 'hello' }] }] },
        },
      ]),
    ),
  ),
  ...Object.fromEntries(
    countPaths.map(({ form, dialect }) => [
      form,
      {
        gate: 'limits',
        at: form.replace('{model}', countModels[dialect] ?? '').replace(/\{\w+\}/g, 'x'),
        body: countBodies[dialect],
      },
    ]),
  ),
  '/v1/responses/input_tokens': { gate: 'limits', body: { model: 'openai/o', input: 'hello' } },
  ...Object.fromEntries(
    ['/converse', '/converse-stream'].map(method => [
      `/model/{model}${method}`,
      {
        gate: 'spend',
        at: `/model/openai%2Fgpt-5${method}`,
        body: { messages: [{ role: 'user', content: [{ text: 'hello' }] }] },
      },
    ]),
  ),
  '/v1/models': { gate: 'key' },
  '/v1/responses/': { gate: 'key', at: '/v1/responses/resp_1/input_items' },
  '/v1beta/models': { gate: 'key' },
  '/v1beta/models/': { gate: 'key', at: '/v1beta/models/openai%2Fgpt-5' },
  '/v1/models/': { gate: 'key', at: '/v1/models/openai%2Fgpt-5' },
  '/healthz': { gate: 'open' },
  '/readyz': { gate: 'open' },
  '/metrics': { gate: 'admin' },
  '/api': { gate: 'admin' },
  '/api/': { gate: 'admin' },
  '/console': { gate: 'admin' },
  '/console/': { gate: 'admin' },
};

const secrets = Object.fromEntries(
  ['good', 'spent', 'limited', 'revoked', 'expired', 'replaced', 'elsewhere', 'page'].map(name => [
    name,
    `cck_${name}_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG`,
  ]),
);

suite('the admission gate', () => {
  let emulator: Emulator;
  let gateway: TestGateway;

  before(async () => {
    emulator = await startEmulator();
    const key = (id: string, more: object = {}) => ({ id, digest: digestOf(secrets[id]!), ...more });
    gateway = await startGateway({
      snapshot: {
        projects: [{ id: 'web' }, { id: 'broke' }],
        budgets: [{ id: 'b-broke', subject: 'broke', limitAtto: '0' }],
        limits: [{ id: 'l-1', scope: 'key', subject: 'limited', measure: 'requestsPerMinute', limit: 1 }],
        keys: [
          key('good', { previous: [{ digest: digestOf(secrets['replaced']!), until: '2026-01-01T00:00:00.000Z' }] }),
          key('spent', { project: 'broke' }),
          key('limited'),
          key('revoked', { revoked: true }),
          key('expired', { expiresAt: '2026-01-01T00:00:00.000Z' }),
          key('elsewhere', { addresses: ['203.0.113.0/24', '2001:db8::/32'] }),
          key('page', { origins: ['https://app.example.com'] }),
        ],
        providers: [
          { name: 'openai', kind: 'openai', baseUrl: `${emulator.url}/v1` },
          { name: 'claude', kind: 'anthropic', dialects: ['anthropic-messages'], baseUrl: emulator.url },
          { name: 'google', kind: 'gemini', dialects: ['gemini'], baseUrl: emulator.url },
          { name: 'aws', kind: 'bedrock', dialects: ['bedrock-converse'], baseUrl: emulator.url },
          { name: 'responses', kind: 'openai', dialects: ['openai-responses'], baseUrl: emulator.url },
        ],
        deployments: [
          { id: 'gpt', model: 'openai/gpt-5' },
          { id: 'claude', model: 'anthropic/claude', provider: 'claude' },
          { id: 'command', model: 'cohere/command' },
          { id: 'gem', model: 'google/gem', provider: 'google' },
          { id: 'nova', model: 'amazon/nova', provider: 'aws' },
          { id: 'o', model: 'openai/o', provider: 'responses' },
        ],
      },
      budgetAtto: 0n,
      ports: {
        limits: {
          take: ({ limits }) => ({ short: limits[0]!, used: 1, retryAfterMs: 1_000 }),
          knownShort: () => undefined,
          state: limit => ({ limit, remaining: 0, resetMs: 1_000 }),
        },
      },
    });
  });
  after(async () => {
    await gateway.stop();
    await emulator.stop();
  });

  const taking = (...named: readonly string[]) =>
    Object.entries(gates)
      .filter(([, { gate }]) => named.includes(gate))
      .map(([path, { body, at }]) => ({ path: at ?? path, body }));

  async function ask(path: string, body: object | undefined, secret: string | undefined): Promise<Response> {
    return fetch(`${gateway.url}${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        ...(secret === undefined ? {} : { authorization: `Bearer ${secret}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }

  test('every path of the server says which gate it has', () => {
    const served = [
      ...[...routes, ...prefixes].map(([path, { gate }]) => [path, gate]),
      ...modelPaths.map(({ form }) => [form, 'spend']),
      ...countPaths.map(({ form }) => [form, 'limits']),
    ];

    assert.deepEqual(
      Object.fromEntries(served),
      Object.fromEntries(Object.entries(gates).map(([p, { gate }]) => [p, gate])),
    );
  });

  test('no path that takes a key lets anybody in without one that is good, here and now', async () => {
    const cases: readonly (readonly [string, string | undefined, number, string])[] = [
      ['no key', undefined, 401, 'key_missing'],
      ['a wrong key', 'cck_wrong000_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG', 401, 'key_invalid'],
      ['a revoked key', secrets['revoked'], 401, 'key_revoked'],
      ['an expired key', secrets['expired'], 401, 'key_expired'],
      ['a secret that was rotated away', secrets['replaced'], 401, 'key_rotated'],
      ['a key of other addresses', secrets['elsewhere'], 403, 'key_address_refused'],
      ['a key of a page', secrets['page'], 403, 'key_origin_refused'],
    ];
    const before = gateway.records.length;
    for (const { path, body } of taking('key', 'limits', 'spend')) {
      for (const [who, secret, status, fault] of cases) {
        const answer = await ask(path, body, secret);
        const text = await answer.text();
        // A key that is not good is 400 to Gemini's clients.
        const isGemini = /enerateContent|countTokens|^\/v1beta/.test(path) && status === 401 && fault !== 'key_missing';
        const told = [answer.status, answer.headers.get('x-carrier-fault')];
        assert.deepEqual(told, [isGemini ? 400 : status, fault], `${path}: ${who}`);
        assert.match(text, /^\[?\{.*"(error|type|message)"/s, `${path}: in the form of its dialect`);
      }
    }
    assert.deepEqual([gateway.records.length, emulator.requests().length], [before, 0]);
  });

  test('no path that asks somebody else passes a limit, and none that costs something goes without a hold', async () => {
    for (const { path, body } of taking('limits', 'spend')) {
      const answer = await ask(path, body, secrets['limited']);
      assert.deepEqual([answer.status, answer.headers.get('x-carrier-fault')], [429, 'rate_limited'], path);
    }
    for (const { path, body } of taking('spend')) {
      const answer = await ask(path, body, secrets['spent']);
      assert.equal(answer.headers.get('x-carrier-fault'), 'budget_exhausted', path);
    }
    assert.deepEqual([gateway.records, emulator.requests()], [[], []]);
  });

  test('paths that take no key hold nothing of anybody, and the admin’s are not answered here', async () => {
    for (const { path } of taking('admin')) {
      assert.equal((await ask(path, undefined, secrets['good'])).status, 404, path);
    }
    for (const { path } of taking('open')) {
      assert.equal((await ask(path, undefined, undefined)).status, 200, path);
    }
  });
});
