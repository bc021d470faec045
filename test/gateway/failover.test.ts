import assert from 'node:assert/strict';
import { after, before, beforeEach, suite, test } from 'node:test';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import type { DecisionRecord } from '../../src/routing/decision.ts';
import { secret, startGateway, type TestGateway } from '../support/gateway.ts';

const paths = {
  'openai-chat': '/v1/chat/completions',
  'anthropic-messages': '/v1/messages',
} as const;

/** Each is what the first deployment does, and the outcome its attempt must be recorded with. */
const faultsBeforeContent = [
  ['reset', 'upstream_reset'],
  ['hang', 'upstream_first_byte_timeout'],
  ['status=500', 'upstream_error'],
  ['status=500;as=html', 'upstream_error'],
  ['status=502;as=empty', 'upstream_error'],
  ['status=503;retry-after=http-date(+30s)', 'upstream_overloaded'],
  ['status=529', 'upstream_overloaded'],
  ['status=429;retry-after=2', 'upstream_rate_limited'],
  ['status=401', 'upstream_credential'],
  ['ttfb=5s', 'upstream_first_byte_timeout'],
  ['cut-after=0', 'upstream_truncated'],
  ['reset-after=0', 'upstream_reset'],
  ['end-after=0', 'upstream_truncated'],
  ['error-after=0', 'upstream_overloaded'],
  ['malformed-after=0', 'upstream_malformed'],
] as const;

suite('failover before the commit point', () => {
  let first: Emulator;
  let second: Emulator;
  let gateway: TestGateway;
  let laterMs = 0;

  before(async () => {
    first = await startEmulator();
    second = await startEmulator();
    gateway = await startTwo(first, second, () => Date.now() + laterMs);
  });
  after(async () => {
    await gateway.stop();
    await first.stop();
    await second.stop();
  });
  beforeEach(() => {
    first.replaceRules([]);
    second.replaceRules([]);
    // Past every cooldown that an earlier test has set.
    laterMs += 600_000;
  });

  for (const [dialect, path] of Object.entries(paths)) {
    for (const stream of [false, true]) {
      for (const [script, outcome] of faultsBeforeContent) {
        test(`${dialect}${stream ? ' stream' : ''}: "${script}" is invisible while another deployment answers`, async () => {
          first.replaceRules([script]);
          const recorded = dialect === 'openai-chat' && script === 'error-after=0' ? 'upstream_error' : outcome;
          const begun = gateway.ends().length;

          const response = await ask(gateway, path, { stream });
          const text = await response.text();
          await gateway.untilEnded(begun + 1);

          assert.equal(response.status, 200, text);
          assert.equal(response.headers.get('x-carrier-deployment'), `second-${dialect}`);
          assert.equal(response.headers.get('x-carrier-attempts'), '2');
          if (stream) assert.equal(countTerminals(text), 1, text);
          const end = gateway.ends().at(-1)!;
          assert.deepEqual(
            end.attempts.map(attempt => attempt.outcome),
            [expectedOutcome(script, recorded, stream), 'ok'],
          );
          assert.equal(end.outcome, 'ok');
          assert.equal(end.state, 'settled');
          assert.equal(end.reading?.source, 'provider');
        });
      }
    }
  }

  test('a refused connection is invisible while another deployment answers', async () => {
    await first.refuse();
    try {
      const response = await ask(gateway, paths['openai-chat'], {});

      assert.equal(response.status, 200);
      assert.equal(response.headers.get('x-carrier-attempts'), '2');
    } finally {
      await first.accept();
    }
  });

  test('a refusal of the request itself is the answer, since asking elsewhere would be shopping', async () => {
    first.replaceRules(['status=400;message=that is not allowed']);
    const before = second.stats().requests;

    const response = await ask(gateway, paths['openai-chat'], {});

    assert.equal(response.status, 400);
    assert.equal(response.headers.get('x-carrier-fault'), 'upstream_invalid');
    assert.equal(response.headers.get('x-carrier-attempts'), '1');
    assert.match(await response.text(), /that is not allowed/);
    assert.equal(second.stats().requests, before);
  });

  test("when every deployment fails, the client gets the dialect's own word for it and the attempts", async () => {
    first.replaceRules(['status=500']);
    second.replaceRules(['status=500']);

    const response = await ask(gateway, paths['anthropic-messages'], {});
    // The cast is true: the dialect's error shape.
    const body = (await response.json()) as { error: { type: string } };

    assert.equal(response.status, 529);
    assert.equal(response.headers.get('x-carrier-fault'), 'no_healthy_deployment');
    assert.equal(body.error.type, 'overloaded_error');
    assert.equal(gateway.ends().at(-1)?.state, 'void');
    assert.equal(gateway.ends().at(-1)?.sell, undefined);
  });
});

suite('attempts', () => {
  test('a deployment that asks to be left alone is left alone by the next request', async t => {
    const first = await startEmulator({ rules: ['status=429;retry-after=60;times=1'] });
    const second = await startEmulator();
    const gateway = await startTwo(first, second);
    t.after(async () => {
      await gateway.stop();
      await first.stop();
      await second.stop();
    });

    await ask(gateway, paths['openai-chat'], {});
    const next = await ask(gateway, paths['openai-chat'], {});

    assert.equal(next.headers.get('x-carrier-attempts'), '1');
    assert.equal(next.headers.get('x-carrier-deployment'), 'second-openai-chat');
    assert.deepEqual(
      decisionOf(gateway).candidates.flatMap(candidate => candidate.out ?? []),
      ['COOLING_DOWN'],
    );
  });

  test('a lone deployment is asked again after a fault that may pass, as often as the route says', async t => {
    const lone = await startEmulator({ rules: ['status=500;times=2'] });
    const gateway = await startGateway({ snapshot: loneSnapshot(lone, 2) });
    t.after(async () => {
      await gateway.stop();
      await lone.stop();
    });

    const response = await ask(gateway, paths['openai-chat'], {});

    assert.equal(response.status, 200);
    assert.equal(response.headers.get('x-carrier-attempts'), '3');
  });

  test('a connection that breaks after the request was sent owes its input by estimate, and sells nothing', async t => {
    const lone = await startEmulator({ rules: ['reset'] });
    const gateway = await startGateway({ snapshot: loneSnapshot(lone, 0) });
    t.after(async () => {
      await gateway.stop();
      await lone.stop();
    });

    const response = await ask(gateway, paths['openai-chat'], {});
    await gateway.untilEnded(1);

    // The body of 94 bytes is 24 tokens, at 1.25 per million.
    assert.equal(response.headers.get('x-carrier-fault'), 'upstream_reset');
    const end = gateway.ends()[0]!;
    assert.equal(end.requestBytes, 94);
    assert.deepEqual(end.attempts[0]?.reading, {
      slices: { inputUncached: 24, output: 0 },
      source: 'estimated',
      rule: 'bytes-per-token/1:other',
    });
    assert.equal(end.attempts[0]?.buy?.amountAtto, '30000000000000');
    assert.deepEqual([end.state, end.sell], ['void', undefined]);
  });

  test('a connection that was refused owes nothing', async t => {
    const lone = await startEmulator();
    const gateway = await startGateway({ snapshot: loneSnapshot(lone, 0) });
    t.after(async () => {
      await gateway.stop();
      await lone.stop();
    });

    await lone.refuse();
    await ask(gateway, paths['openai-chat'], {});
    await gateway.untilEnded(1);

    const [attempt] = gateway.ends()[0]!.attempts;
    assert.deepEqual(
      [attempt?.outcome, attempt?.reading.source, attempt?.buy],
      ['upstream_refused', 'none', undefined],
    );
  });

  test('a lone deployment is not asked again when the route has no retries, and its own error is shown', async t => {
    const lone = await startEmulator({ rules: ['status=500;message=sorry'] });
    const gateway = await startGateway({ snapshot: loneSnapshot(lone, 0) });
    t.after(async () => {
      await gateway.stop();
      await lone.stop();
    });

    const response = await ask(gateway, paths['openai-chat'], {});

    assert.equal(response.status, 500);
    assert.equal(response.headers.get('x-carrier-fault'), 'upstream_error');
    assert.match(await response.text(), /sorry/);
    assert.equal(lone.stats().requests, 1);
  });

  test("a provider's refusal of our credential never reaches the client as its own", async t => {
    const lone = await startEmulator({ apiKeys: ['another'] });
    const gateway = await startGateway({ snapshot: loneSnapshot(lone, 0) });
    t.after(async () => {
      await gateway.stop();
      await lone.stop();
    });

    const response = await ask(gateway, paths['openai-chat'], {});
    const text = await response.text();

    assert.equal(response.status, 502);
    assert.equal(response.headers.get('x-carrier-fault'), 'upstream_credential');
    assert.doesNotMatch(text, /sk-provider|credential-/);
    assert.deepEqual(gateway.alerts, ['upstream_credential']);
  });
});

/** Errors inside a stream and broken bodies have other names when the answer is whole. */
function expectedOutcome(script: string, outcome: string, stream: boolean): string {
  if (!stream && script === 'end-after=0') return 'upstream_malformed';
  return outcome;
}

/** The cast is true: the gateway writes what decide() returned. */
function decisionOf(gateway: TestGateway): DecisionRecord {
  return gateway.ends().at(-1)?.decision as DecisionRecord;
}

function countTerminals(text: string): number {
  return text.split('data: [DONE]').length - 1 + (text.split('event: message_stop').length - 1);
}

async function startTwo(first: Emulator, second: Emulator, nowMs = Date.now): Promise<TestGateway> {
  const providers = (['first', 'second'] as const).flatMap(place =>
    (['openai-chat', 'anthropic-messages'] as const).map(dialect => ({
      name: `${place}-${dialect}`,
      kind: dialect === 'openai-chat' ? 'openai' : 'anthropic',
      dialects: [dialect],
      baseUrl: (place === 'first' ? first : second).url + (dialect === 'openai-chat' ? '/v1' : ''),
    })),
  );
  return startGateway({
    ports: { clock: { nowMs, monotonicMs: () => performance.now() } },
    snapshot: {
      providers,
      deployments: providers.map(({ name }) => ({ id: name, provider: name, model: `emulated/${name}` })),
      routes: (['openai-chat', 'anthropic-messages'] as const).map(dialect => ({
        name: dialect === 'openai-chat' ? 'chat' : 'messages',
        candidates: [
          { deployment: `first-${dialect}`, priority: 1 },
          { deployment: `second-${dialect}`, priority: 2 },
        ],
        policy: { firstByteTimeoutMs: 300, retries: 1 },
      })),
    },
  });
}

function loneSnapshot(lone: Emulator, retries: number) {
  return {
    providers: [{ name: 'lone', baseUrl: `${lone.url}/v1` }],
    deployments: [{ id: 'lone', provider: 'lone', model: 'emulated/lone' }],
    routes: [{ name: 'chat', candidates: [{ deployment: 'lone' }], policy: { retries } }],
  };
}

function ask(gateway: TestGateway, path: string, { stream = false }: { readonly stream?: boolean }): Promise<Response> {
  const model = path === '/v1/messages' ? 'messages' : 'chat';
  return fetch(gateway.url + path, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${secret}`,
      'content-type': 'application/json',
      'anthropic-version': '2023-06-01',
    },
    body: JSON.stringify({ model, max_tokens: 20, stream, messages: [{ role: 'user', content: 'hello' }] }),
  });
}
