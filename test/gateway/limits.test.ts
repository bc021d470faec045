import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import type { LimitEntry } from '../../src/snapshot/limits.ts';
import { digestOf, secret, startGateway, type TestGateway } from '../support/gateway.ts';
import { limitsInMemory } from '../support/limits.ts';

const keys = ['narrow', 'tokens', 'once', 'cheaper', 'shadow', 'day', 'huge', 'plain', 'sdk'] as const;
type Key = (typeof keys)[number];
const secretOf = (key: Key) => `${secret}-${key}`;

const ofKey = (
  key: Key,
  measure: LimitEntry['measure'],
  limit: number,
  more: Partial<LimitEntry> = {},
): LimitEntry => ({
  id: `key:${key} ${measure} ${JSON.stringify(more)}`,
  scope: 'key',
  subject: key,
  measure,
  limit,
  ...more,
});

/** Windows of a day, so that none ends within a test. */
const limits: readonly LimitEntry[] = [
  ofKey('narrow', 'requestsPerDay', 1, { model: 'openai/*' }),
  ofKey('tokens', 'tokensPerDay', 3_000),
  ofKey('tokens', 'requestsPerDay', 100),
  ofKey('once', 'concurrency', 2),
  ofKey('cheaper', 'requestsPerDay', 1, { onExhausted: 'cheap' }),
  ofKey('shadow', 'requestsPerDay', 1, { shadow: true }),
  ofKey('day', 'requestsPerDay', 1),
  ofKey('huge', 'tokensPerDay', 50),
  ofKey('sdk', 'requestsPerDay', 1),
  { id: 'deployment:first', scope: 'deployment', subject: 'first', measure: 'requestsPerDay', limit: 2 },
  { id: 'route:shared', scope: 'route', subject: 'shared', measure: 'requestsPerDay', limit: 1 },
];

suite('limits', () => {
  let emulator: Emulator;
  let gateway: TestGateway;
  const counting = limitsInMemory(limits);

  before(async () => {
    emulator = await startEmulator();
    gateway = await startGateway({
      snapshot: {
        keys: keys.map(id => ({ id, digest: digestOf(secretOf(id)) })),
        providers: [
          { name: 'openai', kind: 'openai', dialects: ['openai-chat'], baseUrl: `${emulator.url}/v1` },
          { name: 'anthropic', kind: 'anthropic', dialects: ['anthropic-messages'], baseUrl: emulator.url },
        ],
        deployments: [
          { id: 'gpt', model: 'openai/gpt' },
          { id: 'claude', provider: 'anthropic', model: 'anthropic/claude' },
          { id: 'first', model: 'openai/first' },
          { id: 'second', model: 'openai/second' },
        ],
        routes: [
          { name: 'both', candidates: [{ deployment: 'gpt' }, { deployment: 'claude', priority: 2 }] },
          { name: 'cheap', candidates: [{ deployment: 'claude' }] },
          { name: 'pair', candidates: [{ deployment: 'first' }, { deployment: 'second', priority: 2 }] },
          { name: 'lone', candidates: [{ deployment: 'first' }] },
          { name: 'shared', candidates: [{ deployment: 'gpt' }] },
        ],
        limits,
      },
      ports: { limits: counting.limits },
    });
  });
  after(async () => {
    await gateway.stop();
    await emulator.stop();
  });

  async function ask(key: Key, model: string, more: { path?: string; body?: object; headers?: object } = {}) {
    const response = await fetch(gateway.url + (more.path ?? '/v1/chat/completions'), {
      method: 'POST',
      headers: { authorization: `Bearer ${secretOf(key)}`, 'content-type': 'application/json', ...more.headers },
      body: JSON.stringify({ model, max_tokens: 20, messages: [{ role: 'user', content: 'Hi' }], ...more.body }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, fault: response.headers.get('x-carrier-fault'), text };
  }

  test('a refusal names the limit, its state and when to come back, in the shape of each dialect', async () => {
    assert.equal((await ask('day', 'gpt')).status, 200);

    const chat = await ask('day', 'gpt');
    assert.equal(chat.status, 429);
    assert.equal(chat.fault, 'rate_limited');
    const seconds = Number(chat.headers.get('retry-after'));
    assert.ok(seconds >= 1 && seconds <= 86_400);
    const { error } = JSON.parse(chat.text);
    assert.match(
      error.message,
      /^The limit is reached: key day: requestsPerDay 1; used 1 of 1 today \(UTC\)\. Try again in \d+ s\.$/,
    );
    assert.deepEqual([error.type, error.code], ['requests', 'rate_limit_exceeded']);
    assert.equal(chat.headers.get('x-ratelimit-limit-requests'), '1');
    assert.equal(chat.headers.get('x-ratelimit-remaining-requests'), '0');
    assert.match(chat.headers.get('x-ratelimit-reset-requests')!, /^(\d+h)?(\d+m)?\d+(\.\d+)?s$/);
    assert.equal(chat.headers.get('x-carrier-attempts'), '0');

    const messages = await ask('day', 'claude', { path: '/v1/messages' });
    assert.equal(messages.status, 429);
    assert.equal(JSON.parse(messages.text).error.type, 'rate_limit_error');
    assert.match(JSON.parse(messages.text).error.message, /key day: requestsPerDay 1; used 1 of 1/);
    assert.equal(messages.headers.get('anthropic-ratelimit-requests-remaining'), '0');
    assert.match(messages.headers.get('anthropic-ratelimit-requests-reset')!, /T00:00:00Z$/);

    const count = await ask('day', 'claude', { path: '/v1/messages/count_tokens' });
    assert.equal(count.fault, 'rate_limited');
  });

  test('answers say where the tightest limits stand, in place of what the provider says of the account', async () => {
    const { headers } = await ask('tokens', 'gpt');

    assert.equal(headers.get('x-ratelimit-limit-requests'), '100');
    assert.equal(headers.get('x-ratelimit-remaining-requests'), '99');
    assert.equal(headers.get('x-ratelimit-limit-tokens'), '3000');
    const remaining = Number(headers.get('x-ratelimit-remaining-tokens'));
    assert.ok(remaining > 2_000 && remaining < 3_000, String(remaining));

    const across = await ask('tokens', 'claude');
    assert.equal(across.headers.get('x-ratelimit-remaining-requests'), '98');
    assert.equal(across.headers.get('x-carrier-ratelimit-source'), null);
    const messages = await ask('tokens', 'claude', { path: '/v1/messages' });
    assert.equal(messages.headers.get('anthropic-ratelimit-requests-remaining'), '97');
    assert.equal(messages.headers.get('anthropic-ratelimit-input-tokens-limit'), null);

    const none = await ask('plain', 'gpt');
    assert.equal(
      none.headers.get('x-ratelimit-limit-requests'),
      (await providerSays()).get('x-ratelimit-limit-requests'),
    );
  });

  async function providerSays(): Promise<Headers> {
    const body = { model: 'gpt', max_tokens: 20, messages: [{ role: 'user', content: 'Hi' }] };
    const headers = { authorization: 'Bearer sk-provider-credential', 'content-type': 'application/json' };
    const url = `${emulator.url}/v1/chat/completions`;
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
    await response.text();
    return response.headers;
  }

  test('tokens are counted as expected at first, and as they were used in the end', async () => {
    const [limit] = limits.filter(({ subject, measure }) => subject === 'tokens' && measure === 'tokensPerDay');
    const left = () =>
      counting.limits.state({ ...limit!, counts: 'tokens', windowMs: 86_400_000 }, Date.now()).remaining;
    const before = left();
    emulator.replaceRules(['report-input=7;report-output=13']);

    assert.equal((await ask('tokens', 'gpt')).status, 200);
    assert.equal(left(), before - 20);

    emulator.replaceRules(['report-input=7;report-output=3500']);
    assert.equal((await ask('tokens', 'gpt')).status, 200);
    emulator.replaceRules([]);
    // More was used than there was: nothing is left for anybody.
    const refused = await ask('tokens', 'gpt');
    assert.equal(refused.fault, 'rate_limited');
    assert.match(refused.text, /tokensPerDay 3000; used 3000 of 3000/);
  });

  test('a request that alone is over a limit of tokens is refused for good', async () => {
    const { status, fault, text, headers } = await ask('huge', 'gpt', { body: { user: 'x'.repeat(400) } });

    assert.deepEqual([status, fault, headers.get('retry-after')], [413, 'request_over_limit', null]);
    assert.match(text, /which never fits: key huge: tokensPerDay 50/);
  });

  test('a limit of some models takes them out of the order, and refuses only where no other is left', async () => {
    assert.equal((await ask('narrow', 'both')).headers.get('x-carrier-deployment'), 'gpt');
    const other = await ask('narrow', 'both');
    assert.deepEqual([other.status, other.headers.get('x-carrier-deployment')], [200, 'claude']);
    const refused = await ask('narrow', 'gpt');
    assert.match(refused.text, /key narrow: requestsPerDay 1 for openai\/\*; used 1 of 1/);
  });

  test('what is open at once is counted until it ends', async () => {
    emulator.replaceRules(['ttfb=120ms']);
    const answers = await Promise.all(Array.from({ length: 5 }, () => ask('once', 'gpt')));
    emulator.replaceRules([]);

    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 200, 429, 429, 429]);
    assert.match(answers.find(({ status }) => status === 429)!.text, /concurrency 2; used 2 of 2 at once/);
    assert.equal((await ask('once', 'gpt')).status, 200);
    // One that fails ends, too.
    emulator.replaceRules(['status=400']);
    for (let n = 0; n < 4; n += 1) assert.equal((await ask('once', 'gpt')).status, 400);
    emulator.replaceRules([]);
    assert.equal((await ask('once', 'gpt')).status, 200);
  });

  test('instead of being refused a request takes the route that the limit names, and says so', async () => {
    assert.equal((await ask('cheaper', 'gpt')).headers.get('x-carrier-downgraded'), null);

    const downgraded = await ask('cheaper', 'gpt');
    assert.equal(downgraded.status, 200, downgraded.text);
    assert.equal(downgraded.headers.get('x-carrier-deployment'), 'claude');
    assert.equal(downgraded.headers.get('x-carrier-downgraded'), 'cheap');
    assert.match(downgraded.headers.get('x-carrier-loss')!, /route-downgraded;model/);
    assert.ok(
      gateway
        .ends()
        .at(-1)!
        .losses.some(({ code }) => code === 'route-downgraded'),
    );

    const strict = await ask('cheaper', 'gpt', { headers: { 'x-carrier-strict': '1' } });
    assert.equal(strict.fault, 'rate_limited');
  });

  test('a shadow refuses nothing', async () => {
    for (let n = 0; n < 4; n += 1) {
      const answer = await ask('shadow', 'gpt');
      assert.equal(answer.status, 200);
    }
  });

  test('a deployment whose limit is used up is passed by; alone, it is busy for all', async () => {
    const places: (string | null)[] = [];
    for (let n = 0; n < 4; n += 1) places.push((await ask('plain', 'pair')).headers.get('x-carrier-deployment'));

    assert.deepEqual(places, ['first', 'first', 'second', 'second']);
    const alone = await ask('plain', 'lone');
    assert.equal(alone.status, 503);
    assert.equal(alone.fault, 'deployment_rate_limited');
    assert.ok(Number(alone.headers.get('retry-after')) >= 1);
  });

  test('all callers of a route share its limit', async () => {
    assert.equal((await ask('plain', 'shared')).status, 200);
    const refused = await ask('shadow', 'shared');
    assert.equal(refused.fault, 'rate_limited');
    assert.match(refused.text, /route shared: requestsPerDay 1/);
  });

  test('the clients of both dialects raise their own error of a limit, and do not ask again in vain', async () => {
    await ask('sdk', 'gpt');
    const refusedBefore = gateway.refused.length;
    const openai = new OpenAI({ apiKey: secretOf('sdk'), baseURL: `${gateway.url}/v1`, maxRetries: 2 });
    await assert.rejects(
      openai.chat.completions.create({ model: 'gpt', messages: [{ role: 'user', content: 'Hi' }] }),
      error => error instanceof OpenAI.RateLimitError && error.code === 'rate_limit_exceeded',
    );
    const anthropic = new Anthropic({ apiKey: secretOf('sdk'), baseURL: gateway.url, maxRetries: 2 });
    await assert.rejects(
      anthropic.messages.create({ model: 'claude', max_tokens: 9, messages: [{ role: 'user', content: 'Hi' }] }),
      error => error instanceof Anthropic.RateLimitError,
    );
    // Once each: the day is long.
    assert.equal(gateway.refused.length - refusedBefore, 2);
  });
});
