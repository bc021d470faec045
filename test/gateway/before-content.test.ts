import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import { settleOrphan } from '../../src/journal/orphan.ts';
import type { AdmitRecord, ProgressRecord } from '../../src/journal/record.ts';
import { cogsFailedAttempt } from '../../src/ledger/accounts.ts';
import { postingsOf } from '../../src/ledger/postings.ts';
import { after as later } from '../../src/process/late-timer.ts';
import { WorkerHealth } from '../../src/process/worker-health.ts';
import { loadLimit } from '../../src/snapshot/limits.ts';
import type { RoutePolicy } from '../../src/snapshot/snapshot.ts';
import { secret, startGateway, type TestGateway, type TestGatewayOptions } from '../support/gateway.ts';
import { limitsInMemory } from '../support/limits.ts';
import { permitsOf } from '../support/permits.ts';

const time = { monotonicMs: () => performance.now(), after: later };

suite('before content', () => {
  let first: Emulator;
  let second: Emulator;
  let third: Emulator;

  before(async () => {
    [first, second, third] = await Promise.all([startEmulator(), startEmulator(), startEmulator()]);
  });
  after(async () => {
    await Promise.all([first.stop(), second.stop(), third.stop()]);
  });

  /** Three deployments in this order, each an account of its own on its own host, and route `chat` over the first `count`. */
  async function start(
    t: { after(run: () => Promise<void>): void },
    options: {
      readonly count?: number;
      readonly policy?: Partial<RoutePolicy>;
      readonly limits?: Readonly<Record<string, number>>;
      readonly rules?: readonly (readonly string[])[];
      readonly accounts?: readonly string[];
      readonly also?: NonNullable<TestGatewayOptions['snapshot']>['routes'];
      readonly rest?: Partial<TestGatewayOptions>;
    } = {},
  ): Promise<TestGateway> {
    const { count = 2, limits = {}, rules = [] } = options;
    const hosts = [first, second, third];
    for (const [n, host] of hosts.entries()) host.replaceRules([...(rules[n] ?? [])]);
    const ids = ['one', 'two', 'three'];
    const byHandle = Object.fromEntries(Object.entries(limits).map(([id, limit]) => [`h-${id}`, limit]));
    const accounts = options.accounts ?? ids;
    const gateway = await startGateway({
      ...options.rest,
      ports: { permits: permitsOf(byHandle, time), ...options.rest?.ports },
      snapshot: {
        providers: [...new Set(accounts)].map((name, n) => ({
          name,
          kind: 'openai-compatible',
          baseUrl: `${hosts[n]!.url}/v1`,
        })),
        deployments: ids.map((id, n) => ({
          id,
          provider: accounts[n]!,
          model: `emulated/${id}`,
          concurrencyMax: limits[id] ?? null,
        })),
        routes: [
          {
            name: 'chat',
            candidates: ids.slice(0, count).map((deployment, n) => ({ deployment, priority: n + 1 })),
            policy: { ...options.policy },
          },
          ...(options.also ?? []),
        ],
        budgets: [{ id: 'b1', subject: 'web' }],
        ...options.rest?.snapshot,
      },
    });
    t.after(() => gateway.stop());
    return gateway;
  }

  test('who finds the only deployment full waits for it, and is answered', async t => {
    const gateway = await start(t, { count: 1, limits: { one: 1 }, rules: [['ttfb=80ms']] });

    const answers = await Promise.all([ask(gateway), ask(gateway), ask(gateway)]);

    assert.deepEqual(
      answers.map(answer => answer.status),
      [200, 200, 200],
    );
    const waited = gateway.steps.filter(step => step.type === 'waited');
    assert.deepEqual(
      waited.map(step => step.outcome),
      ['granted', 'granted'],
    );
    await gateway.untilEnded(3);
    const queuedMs = gateway.ends().map(end => end.queuedMs);
    assert.equal(queuedMs.filter(ms => ms === undefined).length, 1);
    assert.ok(queuedMs.some(ms => (ms ?? 0) >= 50));
  });

  test('waiting for longer than the route allows is refused by name, with a time to come again', async t => {
    const gateway = await start(t, { count: 1, limits: { one: 1 }, policy: { queueMs: 30 }, rules: [['ttfb=400ms']] });

    const [long, refused] = await Promise.all([ask(gateway), ask(gateway)]);

    assert.equal(long.status, 200);
    assert.equal(refused.status, 503);
    assert.equal(refused.headers.get('x-carrier-fault'), 'deployment_saturated');
    assert.equal(refused.headers.get('retry-after'), '10');
    assert.equal(refused.headers.get('x-carrier-attempts'), '0');
    await gateway.untilEnded(2);
    assert.equal(gateway.ends().find(end => end.outcome !== 'ok')?.state, 'void');
  });

  test('a route that lets nobody wait refuses at once', async t => {
    const gateway = await start(t, { count: 1, limits: { one: 1 }, policy: { queueMs: 0 }, rules: [['ttfb=300ms']] });
    await Promise.all([ask(gateway), ask(gateway)]);
    assert.deepEqual(gateway.steps, []);
    await gateway.untilEnded(2);
    assert.deepEqual(outcomes(gateway).sort(), ['deployment_saturated', 'ok']);
  });

  test('a deadline ends the wait, under its own name', async t => {
    const gateway = await start(t, { count: 1, limits: { one: 1 }, rules: [['ttfb=400ms']] });
    const long = ask(gateway);
    const late = await ask(gateway, { headers: { 'x-carrier-deadline-ms': '150' } });
    assert.equal(late.status, 504);
    assert.equal(late.headers.get('x-carrier-fault'), 'deadline_exceeded');
    await long;
  });

  test('a client that leaves while it waits leaves no place behind, and owes nothing', async t => {
    const gateway = await start(t, { count: 1, limits: { one: 1 }, rules: [['ttfb=300ms']] });
    const leaving = new AbortController();
    const long = ask(gateway);
    const left = ask(gateway, { signal: leaving.signal }).catch(() => undefined);
    await until(() => gateway.gateway.waitingExchanges > 0);

    leaving.abort();
    await left;
    const next = ask(gateway);
    assert.deepEqual([(await long).status, (await next).status], [200, 200]);
    await gateway.untilEnded(3);

    const end = gateway.ends().find(({ outcome }) => outcome !== 'ok');
    assert.deepEqual([end?.outcome, end?.state, end?.attempts.length], ['client_aborted', 'void', 0]);
    assert.equal(gateway.gateway.waitingExchanges, 0);
  });

  test('an interactive route is served ahead of a batch route that came before it', async t => {
    const gateway = await start(t, {
      count: 1,
      limits: { one: 1 },
      policy: { class: 'interactive' },
      rules: [['ttfb=60ms']],
      also: [{ name: 'nightly', candidates: [{ deployment: 'one' }], policy: { class: 'batch' } }],
    });
    const order: string[] = [];
    const asked = async (model: string) => {
      await ask(gateway, { model });
      order.push(model);
    };
    const running = asked('chat');
    const batch = asked('nightly');
    await until(() => gateway.gateway.waitingExchanges > 0);
    await Promise.all([running, batch, asked('chat')]);
    assert.deepEqual(order, ['chat', 'chat', 'nightly']);
  });

  test('what a failed deployment sends on takes a part of the next, and goes on to one with room', async t => {
    // Two takes five at once, so one of those that others failed.
    const gateway = await start(t, {
      count: 3,
      limits: { two: 5 },
      rules: [['status=500'], ['ttfb=200ms'], []],
    });

    const answers = await Promise.all([ask(gateway), ask(gateway)]);

    const by = answers.map(answer => answer.headers.get('x-carrier-deployment')).sort();
    assert.deepEqual(by, ['three', 'two']);
  });

  test('where nobody else is left it waits for its part, and comes beyond it rather than fail', async t => {
    const gateway = await start(t, {
      limits: { two: 5 },
      policy: { queueMs: 60, retries: 1 },
      rules: [['status=500'], ['ttfb=300ms']],
    });

    const answers = await Promise.all([ask(gateway), ask(gateway)]);

    assert.deepEqual(
      answers.map(answer => [answer.status, answer.headers.get('x-carrier-deployment')]),
      [
        [200, 'two'],
        [200, 'two'],
      ],
    );
    assert.equal(gateway.steps.filter(step => step.type === 'inflow-beyond-share').length, 1);
  });

  test('a deployment that was full when the request came takes over from one that fails', async t => {
    const health = new WorkerHealth({ send: () => {}, nowMs: Date.now, after: later });
    health.received([{ handle: 'h-one', concurrencyMax: 1 }], {});
    const gateway = await start(t, {
      limits: { one: 1 },
      policy: { retries: 1 },
      rules: [['ttfb=120ms'], ['status=500']],
      rest: { ports: { health } },
    });
    const running = ask(gateway);
    await until(() => gateway.attempts().length === 1);

    const answer = await ask(gateway);

    assert.deepEqual([answer.status, answer.headers.get('x-carrier-deployment')], [200, 'one']);
    assert.equal((await running).status, 200);
    await gateway.untilEnded(2);
    assert.deepEqual(
      gateway.ends().map(end => end.attempts.map(({ deployment }) => deployment)),
      [['one'], ['two', 'one']],
    );
  });

  test('without a retry budget nobody is asked twice', async t => {
    const gateway = await start(t, {
      count: 1,
      policy: { retryBudget: { percent: 0, perSecond: 0 } },
      rules: [['status=500']],
    });
    const answer = await ask(gateway);
    assert.equal(answer.headers.get('x-carrier-attempts'), '1');
    assert.equal(answer.headers.get('x-carrier-fault'), 'upstream_error');
    assert.deepEqual(gateway.steps, [{ type: 'further', kind: 'retry', outcome: 'refused' }]);
  });

  test('without a retry budget a healthy deployment still answers what another one failed', async t => {
    const gateway = await start(t, {
      policy: { retryBudget: { percent: 0, perSecond: 0 } },
      rules: [['status=500']],
    });
    const answer = await ask(gateway);
    assert.deepEqual([answer.status, answer.headers.get('x-carrier-deployment')], [200, 'two']);
  });

  test('without a retry budget a deployment that is being probed is not asked for what another one failed', async t => {
    const health = new WorkerHealth({ send: () => {}, nowMs: Date.now, after: later });
    health.received([{ handle: 'h-two', breaker: 'half-open' }], {});
    const gateway = await start(t, {
      policy: { retryBudget: { percent: 0, perSecond: 0 } },
      rules: [['status=500']],
      rest: { ports: { health } },
    });
    const answer = await ask(gateway);
    assert.deepEqual([answer.status, answer.headers.get('x-carrier-attempts')], [500, '1']);
    assert.deepEqual(gateway.steps, [{ type: 'further', kind: 'failover', outcome: 'refused' }]);
  });

  test('one deadline holds for all attempts together', async t => {
    const gateway = await start(t, {
      count: 3,
      rules: [['ttfb=150ms;status=500'], ['ttfb=150ms;status=500'], ['hang']],
    });
    const begunMs = performance.now();
    const answer = await ask(gateway, { headers: { 'x-carrier-deadline-ms': '400' } });
    assert.equal(answer.headers.get('x-carrier-fault'), 'deadline_exceeded');
    assert.equal(answer.headers.get('x-carrier-attempts'), '3');
    assert.ok(performance.now() - begunMs < 1_000);
  });

  const hedging: Partial<RoutePolicy> = { hedge: { afterMs: 40, percent: 50 } };
  /** Of a hundred requests fifty may be sent twice: the second one is the first that may. */
  const warmUp = (gateway: TestGateway) => ask(gateway);

  test('what is sent beside another counts against the limits of who gets it', async t => {
    const entry = {
      id: 'deployment:two',
      scope: 'deployment',
      subject: 'two',
      measure: 'requestsPerDay',
      limit: 2,
    } as const;
    const counting = limitsInMemory([entry]);
    const remaining = () => counting.limits.state(loadLimit(entry), Date.now()).remaining;
    const gateway = await start(t, {
      policy: hedging,
      rest: { ports: { limits: counting.limits }, snapshot: { limits: [entry] } },
    });
    await warmUp(gateway);
    const before = remaining();
    first.replaceRules(['hang']);

    const answer = await ask(gateway);
    await gateway.untilEnded(2);

    assert.equal(answer.headers.get('x-carrier-deployment'), 'two');
    assert.deepEqual([before, remaining()], [2, 1]);
  });

  test('a request that gets no byte is sent to a second deployment, and its customer pays for one', async t => {
    const gateway = await start(t, { policy: hedging, rest: { budgetAtto: 10n ** 21n } });
    await warmUp(gateway);
    first.replaceRules(['hang']);

    const answer = await ask(gateway);
    await gateway.untilEnded(2);

    assert.deepEqual(
      [answer.status, answer.headers.get('x-carrier-deployment'), answer.headers.get('x-carrier-attempts')],
      [200, 'two', '2'],
    );
    const end = gateway.ends()[1]!;
    assert.deepEqual(
      end.attempts.map(attempt => [attempt.attempt, attempt.deployment, attempt.outcome]),
      [
        [1, 'one', 'hedge_lost'],
        [2, 'two', 'ok'],
      ],
    );
    // The body of 63 bytes is 16 tokens by estimate, at 1.25 per million.
    assert.deepEqual([end.requestBytes, end.attempts[0]?.reading.slices], [63, { inputUncached: 16, output: 0 }]);
    assert.equal(end.attempts[0]?.buy?.amountAtto, '20000000000000');
    // The second one reports 21 tokens of input and 20 of output, at 10 per million.
    assert.equal(end.sell?.amountAtto, '226250000000000');
    assert.equal(gateway.settled[1], BigInt(end.sell!.amountAtto));
    const own = gateway.records.filter(record => record.id === end.id);
    assert.deepEqual(
      own.map(record => (record.type === 'attempt' ? [record.attempt, record.deployment, record.beside] : record.type)),
      ['admit', [1, 'one', undefined], [2, 'two', 1], 'end'],
    );
    const [admit] = own;
    const postings = postingsOf({ admit: admit as AdmitRecord, end, orphan: false, digest: '' });
    const failed = postings.filter(({ debit }) => debit === cogsFailedAttempt);
    assert.deepEqual(
      failed.map(({ amountAtto }) => amountAtto),
      [20_000_000_000_000n],
    );
    assert.deepEqual(gateway.steps, [
      { type: 'further', kind: 'hedge', outcome: 'made' },
      { type: 'hedged', outcome: 'backup' },
    ]);
  });

  test('the first one may still win, and is then the one that is paid for', async t => {
    const gateway = await start(t, { policy: hedging });
    await warmUp(gateway);
    first.replaceRules(['ttfb=120ms']);
    second.replaceRules(['hang']);

    const answer = await ask(gateway, { stream: true });
    assert.match(await answer.text(), /\[DONE\]/);
    await gateway.untilEnded(2);

    assert.deepEqual(
      [answer.headers.get('x-carrier-deployment'), answer.headers.get('x-carrier-attempts')],
      ['one', '2'],
    );
    const end = gateway.ends()[1]!;
    assert.deepEqual(
      end.attempts.map(attempt => [attempt.attempt, attempt.deployment, attempt.outcome]),
      [
        [1, 'two', 'hedge_lost'],
        [2, 'one', 'ok'],
      ],
    );
    assert.deepEqual(gateway.steps.at(-1), { type: 'hedged', outcome: 'first' });
  });

  test('one of the two that fails leaves the other at work', async t => {
    const gateway = await start(t, { policy: hedging });
    await warmUp(gateway);
    first.replaceRules(['ttfb=150ms']);
    second.replaceRules(['status=500']);

    const answer = await ask(gateway);

    assert.deepEqual([answer.status, answer.headers.get('x-carrier-deployment')], [200, 'one']);
    await gateway.untilEnded(2);
    assert.deepEqual(
      gateway.ends()[1]!.attempts.map(attempt => attempt.outcome),
      ['upstream_error', 'ok'],
    );
  });

  test('when both fail the third is asked, and three attempts are all', async t => {
    const gateway = await start(t, { count: 3, policy: hedging });
    await warmUp(gateway);
    first.replaceRules(['ttfb=100ms;status=500']);
    second.replaceRules(['status=500']);
    third.replaceRules(['status=500']);

    const answer = await ask(gateway);
    await gateway.untilEnded(2);

    assert.equal(answer.headers.get('x-carrier-fault'), 'no_healthy_deployment');
    assert.equal(answer.headers.get('x-carrier-attempts'), '3');
    const last = gateway.attempts().at(-1)!;
    // The record of the third says how both before it ended.
    assert.deepEqual([last.attempt, last.earlier?.map(({ attempt }) => attempt), last.previous?.attempt], [3, [2], 1]);
  });

  test('a client that leaves two attempts pays for the first of them, as without a second', async t => {
    const gateway = await start(t, { policy: hedging, rules: [[], ['hang']] });
    await warmUp(gateway);
    first.replaceRules(['hang']);
    const leaving = new AbortController();
    const left = ask(gateway, { signal: leaving.signal }).catch(() => undefined);
    await until(() => gateway.attempts().length >= 3);

    leaving.abort();
    await left;
    await gateway.untilEnded(2);

    const end = gateway.ends()[1]!;
    assert.deepEqual(
      end.attempts.map(attempt => [attempt.deployment, attempt.outcome]),
      [
        ['two', 'client_aborted'],
        ['one', 'client_aborted'],
      ],
    );
    assert.equal(end.sell?.amountAtto, '20000000000000');
    assert.deepEqual(gateway.steps.at(-1), { type: 'hedged', outcome: 'neither' });
  });

  test('a client that leaves after one of two has won is drained from that one, where the route drains', async t => {
    const gateway = await start(t, { policy: { ...hedging, abort: 'drain' } });
    await warmUp(gateway);
    first.replaceRules(['hang']);
    second.replaceRules(['pace=40ms;tokens=4']);
    const leaving = new AbortController();
    const answer = await ask(gateway, { stream: true, signal: leaving.signal });
    await answer.body!.getReader().read();

    leaving.abort();
    await gateway.untilEnded(2);

    const end = gateway.ends()[1]!;
    assert.deepEqual(
      end.attempts.map(attempt => attempt.outcome),
      ['hedge_lost', 'ok'],
    );
    assert.equal(end.outcome, 'client_aborted');
    assert.equal(end.reading?.source, 'provider');
  });

  test('nothing is sent twice beyond the share, to the same failure domain, or with tools that a provider runs', async t => {
    const beyond = await start(t, { policy: { hedge: { afterMs: 20, percent: 50 } }, rules: [['ttfb=80ms']] });
    await ask(beyond);
    assert.deepEqual(beyond.attempts().length, 1);
    assert.deepEqual(beyond.steps, [{ type: 'further', kind: 'hedge', outcome: 'refused' }]);

    const together = await start(t, { policy: hedging, accounts: ['same', 'same', 'same'] });
    await warmUp(together);
    first.replaceRules(['ttfb=80ms']);
    await ask(together);
    assert.deepEqual(together.attempts().length, 2);

    const searching = await start(t, { policy: hedging });
    await warmUp(searching);
    first.replaceRules(['ttfb=80ms']);
    await ask(searching, { body: { web_search_options: {} } });
    assert.deepEqual(searching.attempts().length, 2);
  });

  test('two attempts of a process that died are settled by the one that was relayed', async t => {
    const gateway = await start(t, { policy: hedging });
    await warmUp(gateway);
    first.replaceRules(['ttfb=120ms']);
    second.replaceRules(['hang']);
    await ask(gateway);
    await gateway.untilEnded(2);
    const { id } = gateway.ends()[1]!;
    const admit = gateway.records.find(record => record.id === id && record.type === 'admit') as AdmitRecord;
    const attempts = gateway.attempts().filter(attempt => attempt.id === id);
    const progress: ProgressRecord = {
      type: 'progress',
      id,
      attempt: 1,
      atMs: 1,
      contentBytes: 40,
      outputTokensEstimate: 10,
    };

    const relayed = settleOrphan({ admit, attempts, progress, orphans: 'delivered' });
    const unheard = settleOrphan({ admit, attempts, progress: undefined, orphans: 'delivered' });

    // 16 tokens of input at 1.25 and ten of output at 10 per million.
    assert.deepEqual(
      relayed.attempts.map(({ attempt, deployment, buy }) => [attempt, deployment, buy?.amountAtto]),
      [
        [1, 'two', '20000000000000'],
        [2, 'one', '120000000000000'],
      ],
    );
    assert.equal(relayed.sell?.amountAtto, '120000000000000');
    assert.deepEqual(
      unheard.attempts.map(({ attempt, deployment, buy }) => [attempt, deployment, buy?.amountAtto]),
      [
        [1, 'one', '20000000000000'],
        [2, 'two', '20000000000000'],
      ],
    );
    assert.equal(unheard.sell, undefined);
  });
});

function outcomes(gateway: TestGateway): string[] {
  return gateway.ends().map(end => end.outcome);
}

/** Asks again and again, for at most three seconds. */
async function until(isSo: () => boolean): Promise<void> {
  for (let n = 0; n < 600 && !isSo(); n += 1) await new Promise(resolve => setTimeout(resolve, 5));
  assert.ok(isSo());
}

interface Asked {
  readonly model?: string;
  readonly stream?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Readonly<Record<string, unknown>>;
  readonly signal?: AbortSignal;
}

async function ask(
  gateway: TestGateway,
  { model = 'chat', stream, headers, body, signal }: Asked = {},
): Promise<Response> {
  return fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ model, stream, messages: [{ role: 'user', content: 'hello' }], ...body }),
    signal: signal ?? null,
  });
}
