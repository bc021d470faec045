import assert from 'node:assert/strict';
import { after, before, beforeEach, suite, test } from 'node:test';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import type { DecisionRecord } from '../../src/routing/decision.ts';
import { replay } from '../../src/routing/replay.ts';
import { digestOf, secret, startGateway, type TestGateway } from '../support/gateway.ts';

const names = ['one', 'two', 'three'] as const;

suite('route policies', () => {
  let emulator: Emulator;
  let gateway: TestGateway;

  before(async () => {
    emulator = await startEmulator();
    gateway = await startGateway({
      snapshot: {
        providers: [{ name: 'openai', baseUrl: `${emulator.url}/v1` }],
        keys: [
          { id: 'test0001', digest: digestOf(secret) },
          { id: 'test0002', digest: digestOf(`${secret}x`), policies: ['sticky'] },
        ],
        deployments: [
          ...names.map(id => ({ id, model: `openai/${id}` })),
          { id: 'plain', model: 'openai/plain', capabilities: [] },
          { id: 'able', model: 'openai/able', capabilities: ['tools'], contextTokensMax: 1_000 },
        ],
        routes: [
          { name: 'tiers', candidates: names.map((deployment, index) => ({ deployment, priority: index + 1 })) },
          {
            name: 'spread',
            policy: { policy: 'weighted' },
            candidates: names.map((deployment, index) => ({ deployment, priority: index + 1 })),
          },
          {
            name: 'abilities',
            candidates: [
              { deployment: 'plain', priority: 1 },
              { deployment: 'able', priority: 2 },
            ],
          },
        ],
      },
    });
  });
  after(async () => {
    await gateway.stop();
    await emulator.stop();
  });
  beforeEach(() => emulator.replaceRules([]));

  async function ask(model: string, options: { headers?: Record<string, string>; body?: object; key?: string } = {}) {
    const response = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${options.key ?? secret}`,
        'content-type': 'application/json',
        ...options.headers,
      },
      body: JSON.stringify({ model, messages: [{ role: 'user', content: 'hi' }], ...options.body }),
    });
    await response.text();
    return {
      status: response.status,
      deployment: response.headers.get('x-carrier-deployment'),
      fault: response.headers.get('x-carrier-fault'),
    };
  }

  async function places(model: string, times: number, headers?: Record<string, string>): Promise<readonly string[]> {
    const found = new Set<string>();
    for (let n = 0; n < times; n += 1)
      found.add((await ask(model, headers === undefined ? {} : { headers })).deployment ?? 'none');
    return [...found].sort();
  }

  test('without a policy the lowest priority answers', async () => {
    assert.deepEqual(await places('tiers', 8), ['one']);
  });

  test('weighted ignores priority, as the route says or as the request asks', async () => {
    assert.deepEqual(await places('spread', 40), ['one', 'three', 'two']);
    assert.deepEqual(await places('tiers', 40, { 'x-carrier-policy': 'weighted' }), ['one', 'three', 'two']);
  });

  test('a session stays at one place, and sessions are spread', async () => {
    const first = new Set<string>();
    for (let session = 0; session < 20; session += 1) {
      const headers = { 'x-carrier-policy': 'sticky', 'x-carrier-session': `s${session}` };
      const found = await places('spread', 3, headers);
      assert.equal(found.length, 1);
      first.add(found[0]!);
    }
    assert.deepEqual([...first].sort(), ['one', 'three', 'two']);
  });

  test('requests that share a prompt cache stay at one place, unless a header says what belongs together', async () => {
    const places = async (key: unknown, session?: string) => {
      const headers = {
        'x-carrier-policy': 'sticky',
        ...(session === undefined ? {} : { 'x-carrier-session': session }),
      };
      const found = new Set<string | null>();
      for (let n = 0; n < 3; n += 1) {
        found.add((await ask('spread', { headers, body: { prompt_cache_key: key } })).deployment);
      }
      return [...found].join();
    };
    const byKey = new Set<string>();
    const bySession = new Set<string>();
    for (let n = 0; n < 12; n += 1) {
      byKey.add(await places(`cache ${n}`));
      bySession.add(await places(`cache ${n}`, 'one session'));
    }
    assert.deepEqual([...byKey].sort(), ['one', 'three', 'two']);
    assert.equal(bySession.size, 1);
  });

  test('a prompt cache key that is none is the provider’s to judge', async () => {
    for (const [key, status] of [
      [null, 200],
      ['', 200],
      ['x'.repeat(2_000), 200],
      [7, 400],
    ] as const) {
      const asked = await ask('spread', { headers: { 'x-carrier-policy': 'sticky' }, body: { prompt_cache_key: key } });
      assert.equal(asked.status, status);
    }
  });

  test('a long conversation without a session stays at one place by how it begins', async () => {
    const headers = { 'x-carrier-policy': 'sticky' };
    const begins = new Set<string | null>();
    for (let conversation = 0; conversation < 12; conversation += 1) {
      const found = new Set<string | null>();
      for (let turns = 1; turns <= 3; turns += 1) {
        const opening = `conversation ${conversation} ${'and so on '.repeat(500)}`;
        const messages = Array.from({ length: turns }, (_, turn) => ({ role: 'user', content: `${opening}${turn}` }));
        found.add((await ask('spread', { headers, body: { messages } })).deployment);
      }
      assert.equal(found.size, 1);
      begins.add([...found][0]!);
    }
    assert.ok(begins.size > 1, 'every conversation went to one place');
  });

  test('a session whose place is down goes elsewhere and comes back', async () => {
    const headers = { 'x-carrier-policy': 'sticky', 'x-carrier-session': 'traveller' };
    const [home] = await places('spread', 1, headers);
    emulator.replaceRules([`model=${home};status=500`]);
    const [away] = await places('spread', 1, headers);
    assert.notEqual(away, home);
    emulator.replaceRules([]);
    assert.deepEqual(await places('spread', 1, headers), [home]);
  });

  test('a key asks for no more than it may', async () => {
    const key = `${secret}x`;
    assert.equal((await ask('spread', { key, headers: { 'x-carrier-policy': 'sticky' } })).status, 200);
    const refused = await ask('spread', { key, headers: { 'x-carrier-policy': 'weighted' } });
    assert.deepEqual([refused.status, refused.fault], [403, 'policy_not_allowed']);
  });

  test('a request that needs tools goes where they are', async () => {
    const tools = [{ type: 'function', function: { name: 'look', parameters: { type: 'object', properties: {} } } }];
    assert.equal((await ask('abilities')).deployment, 'plain');
    assert.equal((await ask('abilities', { body: { tools } })).deployment, 'able');
  });

  test('what nobody can do is refused with every reason', async () => {
    const tools = [{ type: 'function', function: { name: 'look', parameters: { type: 'object', properties: {} } } }];
    const messages = [{ role: 'user', content: 'word '.repeat(2_000) }];
    const refused = await ask('abilities', { body: { tools, messages } });
    assert.deepEqual([refused.status, refused.fault], [403, 'no_compliant_deployment']);
  });

  test('every decision replays to its own bytes', async () => {
    await ask('spread');
    assert.ok(gateway.ends().length > 50);
    for (const { decision } of gateway.ends()) {
      assert.deepEqual(
        replay(JSON.stringify(decision)),
        { outcome: 'same' },
        JSON.stringify(decision as DecisionRecord),
      );
    }
  });
});
