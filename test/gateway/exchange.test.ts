import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Fault } from '../../src/completion/fault.ts';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import { postingsOf } from '../../src/ledger/postings.ts';
import { digestOf, secret, startGateway, type TestGateway, type TestGatewayOptions } from '../support/gateway.ts';
import { openRaw, post } from '../support/raw-http.ts';

const bearer = `authorization: Bearer ${secret}`;

function snapshotFor(emulator: Emulator): NonNullable<TestGatewayOptions['snapshot']> {
  return {
    providers: [
      { name: 'openai', kind: 'openai', baseUrl: `${emulator.url}/v1` },
      { name: 'anthropic', kind: 'anthropic', dialects: ['anthropic-messages'], baseUrl: emulator.url },
      {
        name: 'sandbox',
        kind: 'emulated',
        dialects: ['openai-chat', 'anthropic-messages'],
        baseUrl: emulator.url,
        sandbox: true,
      },
    ],
    deployments: [
      { id: 'gpt', provider: 'openai', model: 'openai/gpt' },
      { id: 'claude', provider: 'anthropic', model: 'anthropic/claude' },
      { id: 'toy', provider: 'sandbox', model: 'sandbox/toy' },
    ],
    routes: [
      {
        name: 'quick',
        candidates: [{ deployment: 'toy' }],
        policy: { retries: 0, idleTimeoutMs: 300, firstByteTimeoutMs: 300 },
      },
      { name: 'once', candidates: [{ deployment: 'toy' }], policy: { retries: 0 } },
      { name: 'drained', candidates: [{ deployment: 'toy' }], policy: { retries: 0, abort: 'drain' } },
    ],
  };
}

interface Ask {
  readonly path?: string;
  readonly model?: string;
  readonly stream?: boolean;
  readonly prompt?: string;
  readonly headers?: Record<string, string>;
  readonly maxTokens?: number;
  readonly signal?: AbortSignal;
}

function ask(gateway: TestGateway, asked: Ask): Promise<Response> {
  return fetch(gateway.url + (asked.path ?? '/v1/chat/completions'), {
    method: 'POST',
    headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json', ...asked.headers },
    signal: asked.signal ?? null,
    body: JSON.stringify({
      model: asked.model ?? 'gpt',
      max_tokens: asked.maxTokens ?? 100,
      stream: asked.stream ?? false,
      messages: [{ role: 'user', content: asked.prompt ?? 'hello' }],
    }),
  });
}

suite('an exchange', () => {
  let emulator: Emulator;
  let gateway: TestGateway;

  before(async () => {
    const models = ['gpt', 'claude', 'toy'].map(id => ({ id, outputTokensMax: 20_000_000 }));
    emulator = await startEmulator({ models, record: true, recordedBytesMax: 100_000_000 });
    gateway = await startGateway({ snapshot: snapshotFor(emulator), limits: { clientStallTimeoutMs: 400 } });
  });
  after(async () => {
    await gateway.stop();
    await emulator.stop();
  });

  for (const stream of [false, true]) {
    test(`a chat client is answered by a provider of messages${stream ? ', streamed' : ''}`, async () => {
      const response = await ask(gateway, { model: 'claude', stream, prompt: 'say exactly: good day' });
      const text = await response.text();

      assert.equal(response.status, 200, text);
      assert.match(text, /good/);
      assert.match(text, stream ? /data: \[DONE\]\n\n$/ : /"object":"chat.completion"/);
      const end = gateway.ends().at(-1)!;
      assert.equal(end.attempts[0]?.dialect, 'anthropic-messages');
      assert.equal(end.reading?.source, 'provider');
    });

    test(`a client of messages is answered by a provider of chat${stream ? ', streamed' : ''}`, async () => {
      const response = await ask(gateway, {
        path: '/v1/messages',
        model: 'gpt',
        stream,
        prompt: 'say exactly: good day',
      });
      const text = await response.text();

      assert.equal(response.status, 200, text);
      assert.match(text, /good/);
      assert.match(text, stream ? /event: message_stop/ : /"type":"message"/);
      assert.equal(gateway.ends().at(-1)?.attempts[0]?.dialect, 'openai-chat');
    });
  }

  test('what a translation cannot carry is declared, and refused with x-carrier-strict', async () => {
    const body = JSON.stringify({ model: 'claude', seed: 7, messages: [{ role: 'user', content: 'hello' }] });
    const send = (headers: Record<string, string>) =>
      fetch(`${gateway.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json', ...headers },
        body,
      });

    const lenient = await send({});
    const strict = await send({ 'x-carrier-strict': '1' });

    assert.equal(lenient.status, 200);
    assert.match(lenient.headers.get('x-carrier-loss') ?? '', /;seed(,|$)/);
    assert.equal(strict.status, 400);
    assert.equal(strict.headers.get('x-carrier-fault'), 'loss_refused');
    assert.equal(gateway.ends().at(-1)?.state, 'void');
  });

  test('a provider that speaks both dialects is called in the client’s own', async () => {
    const response = await ask(gateway, { path: '/v1/messages', model: 'toy' });

    assert.equal(response.headers.get('x-carrier-sandbox'), '1');
    assert.equal(gateway.ends().at(-1)?.attempts[0]?.dialect, 'anthropic-messages');
  });

  test('the cost of a whole answer is in its head, to the last digit', async () => {
    const response = await ask(gateway, { headers: {} });

    const end = gateway.ends().at(-1)!;
    const { inputUncached = 0, output = 0 } = end.reading!.slices;
    // 1.25 and 10 USD per 10⁶ tokens, in 10⁻¹⁸.
    const atto = BigInt(inputUncached) * 1_250_000_000_000n + BigInt(output) * 10_000_000_000_000n;
    assert.equal(end.sell?.amountAtto, String(atto));
    assert.equal(response.headers.get('x-carrier-cost'), `${Number(atto) / 1e18} USD`);
  });

  test('the journal has the end before the client sees it', async t => {
    let release = () => {};
    const held = await startGateway({
      snapshot: snapshotFor(emulator),
      ports: {
        journal: {
          admit: () => {},
          attempt: () => undefined,
          progress: () => {},
          end: () => new Promise<void>(resolve => (release = resolve)),
          hasRoom: () => true,
          close: async () => {},
        },
      },
    });
    t.after(() => held.stop());
    const raw = await openRaw(held.port);
    const body = '{"model":"toy","stream":true,"messages":[{"role":"user","content":"say exactly: done"}]}';

    raw.send(post('/v1/chat/completions', body, [bearer]));
    await raw.until(/"finish_reason": ?"stop"/);
    await new Promise(resolve => setTimeout(resolve, 50));
    assert.doesNotMatch(raw.received(), /\[DONE\]/);

    release();
    await raw.until(/data: \[DONE\]\n\n\r\n0\r\n\r\n$/);
    raw.socket.destroy();
  });

  test('a client that leaves a stream cancels the provider at once and pays for what was sent', async () => {
    const ends = gateway.ends().length;
    const aborted = emulator.stats().clientAborts;
    const leave = new AbortController();
    const response = await ask(gateway, {
      model: 'toy',
      stream: true,
      headers: { 'x-carrier-emulate': 'pace=20ms;tokens=500' },
      maxTokens: 600,
      signal: leave.signal,
    });
    const reader = response.body!.getReader();
    for (let n = 0; n < 5; n++) await reader.read();
    leave.abort();
    await gateway.untilEnded(ends + 1);

    const end = gateway.ends().at(-1)!;
    assert.equal(end.outcome, 'client_aborted');
    assert.equal(end.state, 'estimated');
    assert.equal(end.reading?.rule, 'bytes-per-token/1:other');
    assert.ok(end.deliveredBytes > 0 && end.deliveredBytes < 1000, `${end.deliveredBytes} bytes delivered`);
    assert.equal(end.reading?.slices.output, Math.ceil(end.deliveredBytes / 4));
    await eventually(() => emulator.stats().clientAborts === aborted + 1);
  });

  test('a route that drains reads the provider’s answer to its end after the client left', async () => {
    const ends = gateway.ends().length;
    const leave = new AbortController();
    const response = await ask(gateway, {
      model: 'drained',
      stream: true,
      headers: { 'x-carrier-emulate': 'pace=2ms;tokens=60' },
      signal: leave.signal,
    });
    await response.body!.getReader().read();
    leave.abort();
    await gateway.untilEnded(ends + 1);

    const end = gateway.ends().at(-1)!;
    assert.equal(end.outcome, 'client_aborted');
    assert.equal(end.reading?.source, 'provider');
    assert.equal(end.reading?.slices.output, 60);
  });

  test('a stream that falls silent after the commit point ends with an error event', async () => {
    const response = await ask(gateway, {
      model: 'quick',
      stream: true,
      headers: { 'x-carrier-emulate': 'hang-after=4' },
    });
    const text = await response.text();

    assert.match(text, /data: \{"error":\{[^\n]*\n\n$/);
    assert.doesNotMatch(text, /\[DONE\]/);
    assert.equal(gateway.ends().at(-1)?.outcome, 'upstream_idle_timeout');
  });

  test('x-carrier-deadline-ms ends an exchange that takes longer', async () => {
    const response = await ask(gateway, {
      model: 'toy',
      headers: { 'x-carrier-emulate': 'ttfb=5s', 'x-carrier-deadline-ms': '150' },
    });

    assert.equal(response.status, 504);
    assert.equal(response.headers.get('x-carrier-fault'), 'deadline_exceeded');
  });

  test('a client that does not read pauses the provider, and is cut off after the stall timeout', async () => {
    const ends = gateway.ends().length;
    const raw = await openRaw(gateway.port);
    raw.socket.pause();
    const body = '{"model":"toy","max_tokens":9000000,"messages":[{"role":"user","content":"x"}]}';
    raw.send(post('/v1/chat/completions', body, [bearer, 'x-carrier-emulate: body=30000000;chunks=60000']));

    await gateway.untilEnded(ends + 1);

    const end = gateway.ends().at(-1)!;
    assert.equal(end.outcome, 'client_aborted');
    assert.ok(end.responseBytes < 20_000_000, `${end.responseBytes} bytes were read for a client that reads none`);
    raw.socket.destroy();
  });

  test('a large whole answer passes byte for byte', async () => {
    emulator.clearRequests();
    const response = await ask(gateway, {
      model: 'toy',
      maxTokens: 9_000_000,
      headers: { 'x-carrier-emulate': 'body=3000000;chunks=50000' },
    });
    const bytes = Buffer.from(await response.arrayBuffer());

    assert.ok(bytes.equals(emulator.requests().at(-1)!.answer.body));
    assert.ok(bytes.length > 3_000_000);
    assert.equal(gateway.ends().at(-1)?.state, 'settled');
  });

  test('a large whole answer that is cut breaks the connection, and is charged by estimate', async () => {
    const ends = gateway.ends().length;
    await assert.rejects(async () => {
      const response = await ask(gateway, {
        model: 'once',
        maxTokens: 9_000_000,
        headers: { 'x-carrier-emulate': 'body=3000000;chunks=50000;cut-after=500000' },
      });
      await response.arrayBuffer();
    });
    await gateway.untilEnded(ends + 1);

    assert.equal(gateway.ends().at(-1)?.outcome, 'upstream_truncated');
    assert.equal(gateway.ends().at(-1)?.state, 'estimated');
  });

  test('usage that does not add up is quarantined, never free', async () => {
    await ask(gateway, { model: 'toy', headers: { 'x-carrier-emulate': 'cached=900;report-input=5' } });

    const end = gateway.ends().at(-1)!;
    assert.equal(end.state, 'quarantined');
    assert.equal(end.sell, undefined);
    assert.ok(gateway.alerts.includes('reading_quarantined'));
  });

  test('an answer without usage is charged by estimate, and says by which rule', async () => {
    await ask(gateway, { model: 'toy', headers: { 'x-carrier-emulate': 'usage=none' } });

    const end = gateway.ends().at(-1)!;
    assert.equal(end.state, 'estimated');
    assert.equal(end.reading?.rule, 'bytes-per-token/1:other');
    assert.notEqual(end.sell?.amountAtto, '0');
  });

  test('a fault script never reaches a provider that is not emulated', async () => {
    const response = await ask(gateway, { model: 'gpt', headers: { 'x-carrier-emulate': 'status=500' } });

    assert.equal(response.status, 200);
  });

  test('tokens are counted by a provider of messages, without a charge', async () => {
    const ends = gateway.ends().length;
    const headers = { 'x-api-key': secret, 'content-type': 'application/json', 'anthropic-version': '2023-06-01' };
    const count = (model: string) =>
      fetch(`${gateway.url}/v1/messages/count_tokens?beta=true`, {
        method: 'POST',
        headers,
        body: JSON.stringify({ model, messages: [{ role: 'user', content: 'hello' }] }),
      });

    const counted = await count('claude');
    const estimated = await count('gpt');

    assert.match(await counted.text(), /^\{\s*"input_tokens": ?\d+\s*\}\s*$/);
    assert.equal(estimated.status, 200);
    assert.equal(estimated.headers.get('x-carrier-estimate'), 'bytes-per-token/1:openai');
    assert.equal(gateway.ends().length, ends);
  });
});

suite('budgets at the door', () => {
  /** Input bound: body bytes and 256 hidden tokens at 1.25; output 100 tokens at 10 USD per 10⁶. */
  const prompt = 'hello';

  async function withBudget(
    t: { after(run: () => Promise<void>): void },
    budgetAtto: bigint,
    lowerOutputToFit = false,
    ports: NonNullable<TestGatewayOptions['ports']> = {},
  ) {
    const emulator = await startEmulator();
    const gateway = await startGateway({
      budgetAtto,
      ports,
      snapshot: {
        ...snapshotFor(emulator),
        keys: [{ id: 'test0001', digest: digestOf(secret), lowerOutputToFit }],
        budgets: [{ id: 'b1', subject: 'web' }],
      },
    });
    t.after(async () => {
      await gateway.stop();
      await emulator.stop();
    });
    return gateway;
  }

  test('the hold covers the worst case and is settled with the charge', async t => {
    const gateway = await withBudget(t, 10n ** 18n);

    await ask(gateway, { prompt });
    await gateway.untilEnded(1);

    const { admit, end } = gateway.ended[0]!;
    const worst = BigInt(end.requestBytes + 256) * 1_250_000_000_000n + 100n * 10_000_000_000_000n;
    assert.equal(admit.hold.amountAtto, String(worst));
    assert.deepEqual(admit.hold.leases, [{ budget: 'b1', window: 'total', lease: 'lease-1' }]);
    assert.deepEqual(gateway.settled, [BigInt(end.sell!.amountAtto)]);
  });

  test('a request whose worst case does not fit is refused before anything is sent', async t => {
    const gateway = await withBudget(t, 1_000_000_000_000_000n);

    const chat = await ask(gateway, { prompt });
    const messages = await ask(gateway, { prompt, path: '/v1/messages', model: 'claude' });

    assert.equal(chat.status, 429);
    assert.match(await chat.text(), /insufficient_quota/);
    assert.equal(messages.status, 402);
    assert.deepEqual(gateway.records, []);
  });

  test('an admission that the journal refuses gives its hold back', async t => {
    const gateway = await withBudget(t, 10n ** 18n, false, {
      journal: {
        admit: () => {
          throw new Fault('journal_full');
        },
        attempt: () => undefined,
        progress: () => {},
        end: () => undefined,
        hasRoom: () => false,
        close: async () => {},
      },
    });

    const response = await ask(gateway, { prompt });

    assert.equal(response.headers.get('x-carrier-fault'), 'journal_full');
    assert.deepEqual(gateway.settled, [0n]);
  });

  test('where the key allows it, the output limit is lowered until it fits, and the client is told', async t => {
    const gateway = await withBudget(t, 1_000_000_000_000_000n, true);

    const response = await ask(gateway, { prompt, model: 'toy' });

    assert.equal(response.status, 200);
    assert.match(response.headers.get('x-carrier-loss') ?? '', /^output-limit-lowered;/);
    assert.ok(BigInt(gateway.ends()[0]!.sell!.amountAtto) <= 1_000_000_000_000_000n);
  });

  test('a reading above its hold is charged up to the hold, and the rest is told to the operator', async t => {
    const gateway = await withBudget(t, 10n ** 18n);

    const response = await ask(gateway, {
      prompt,
      model: 'toy',
      headers: { 'x-carrier-emulate': 'report-input=0;report-output=100000' },
    });
    await gateway.untilEnded(1);

    // 100,000 × 10.00 per million is 1 USD; the hold is of 100 tokens and some input.
    const { admit, end } = gateway.ended[0]!;
    const hold = BigInt(admit.hold.amountAtto);
    assert.equal(end.sell?.amountAtto, '1000000000000000000');
    assert.equal(BigInt(end.sell?.overHoldAtto ?? 0), 10n ** 18n - hold);
    assert.ok(gateway.alerts.includes('charge_over_hold'));
    assert.deepEqual(gateway.settled, [hold]);
    assert.equal(response.headers.get('x-carrier-cost'), `${Number(hold) / 1e18} USD`);

    // The ledger books the same two parts.
    assert.deepEqual(
      postingsOf({ admit, end, orphan: false, digest: '' }).map(({ kind, amountAtto }) => [kind, amountAtto]),
      [
        ['cost', 10n ** 18n],
        ['sell', hold],
        ['over-hold', 10n ** 18n - hold],
      ],
    );
  });
});

suite('a gateway without room', () => {
  async function start(t: { after(run: () => Promise<void>): void }, options: Partial<TestGatewayOptions>) {
    const emulator = await startEmulator();
    const gateway = await startGateway({ snapshot: snapshotFor(emulator), ...options });
    t.after(async () => {
      await gateway.stop();
      await emulator.stop();
    });
    return { emulator, gateway };
  }

  test('a full journal refuses to admit, says when to come back, and shows in readyz', async t => {
    const { emulator, gateway } = await start(t, {
      ports: {
        journal: {
          admit: () => {
            throw new Fault('journal_full', undefined, { retryAfterMs: 1_500 });
          },
          attempt: () => undefined,
          progress: () => {},
          end: () => undefined,
          hasRoom: () => false,
          close: async () => {},
        },
      },
    });

    const response = await ask(gateway, {});
    const ready = await fetch(`${gateway.url}/readyz`);

    assert.equal(response.status, 503);
    assert.equal(response.headers.get('retry-after'), '2');
    assert.equal(response.headers.get('x-carrier-fault'), 'journal_full');
    assert.equal(ready.status, 503);
    assert.match(await ready.text(), /"journal":"full"/);
    assert.equal(emulator.stats().requests, 0);
  });

  test('a deployment at its concurrency limit is passed over, and named when it is the only one', async t => {
    const { emulator, gateway } = await start(t, { ports: { permits: { acquire: () => false, release: () => {} } } });

    const chat = await ask(gateway, {});
    const messages = await ask(gateway, { path: '/v1/messages', model: 'claude' });

    assert.deepEqual([chat.status, messages.status], [503, 529]);
    assert.equal(chat.headers.get('x-carrier-fault'), 'deployment_saturated');
    assert.equal(gateway.ends()[0]?.state, 'void');
    assert.deepEqual(gateway.attempts(), []);
    assert.equal(emulator.stats().requests, 0);
  });

  test('more exchanges than a worker may hold are refused, and served again when there is room', async t => {
    const { gateway } = await start(t, { limits: { exchangesMax: 1 } });
    const first = await ask(gateway, {
      model: 'toy',
      stream: true,
      headers: { 'x-carrier-emulate': 'pace=10ms;tokens=20' },
    });

    const second = await ask(gateway, {});
    const counting = await ask(gateway, { path: '/v1/messages/count_tokens', model: 'claude' });
    await first.text();
    const third = await ask(gateway, {});

    assert.equal(second.status, 503);
    assert.equal(second.headers.get('x-carrier-fault'), 'overloaded');
    assert.equal(second.headers.get('retry-after'), '1');
    assert.equal(counting.headers.get('x-carrier-fault'), 'overloaded');
    assert.equal(third.status, 200);
  });

  test('a journal that cannot take the end never lets the client see one', async t => {
    const { gateway } = await start(t, {
      ports: {
        journal: {
          admit: () => {},
          attempt: () => undefined,
          progress: () => {},
          end: () => Promise.reject(new Error('no space')),
          hasRoom: () => true,
          close: async () => {},
        },
      },
    });

    await assert.rejects(ask(gateway, {}));
    await assert.rejects(async () => (await ask(gateway, { stream: true })).text());
    assert.deepEqual(gateway.alerts, ['journal_end_failed', 'journal_end_failed']);
  });
});

suite('leaving and the neighbours', () => {
  test('draining finishes what runs, refuses what comes, and then lets go', async t => {
    const emulator = await startEmulator();
    let draining = false;
    const gateway = await startGateway({ snapshot: snapshotFor(emulator), ports: { draining: () => draining } });
    t.after(() => emulator.stop());
    const running = ask(gateway, {
      model: 'toy',
      stream: true,
      headers: { 'x-carrier-emulate': 'pace=10ms;tokens=30' },
    });
    const response = await running;

    draining = true;
    const drained = gateway.gateway.drain(5_000);

    assert.match(await response.text(), /data: \[DONE\]\n\n$/);
    await drained;
    assert.equal(gateway.gateway.openExchanges, 0);
    await assert.rejects(ask(gateway, {}));
  });

  test('a connection on which nothing was ever asked does not hold up a drain', async t => {
    const emulator = await startEmulator();
    const gateway = await startGateway({ snapshot: snapshotFor(emulator) });
    t.after(() => emulator.stop());
    const kept = connect(Number(new URL(gateway.url).port), '127.0.0.1');
    t.after(() => kept.destroy());
    const ended = once(
      kept.on('error', () => {}),
      'close',
    );
    await once(kept, 'connect');
    // What the server accepts after it, it accepts after it.
    await (await ask(gateway, {})).text();

    const outcome = await Promise.race([
      gateway.gateway.drain(5_000).then(() => 'drained'),
      sleep(2_000, 'held up', { ref: false }),
    ]);

    assert.equal(outcome, 'drained');
    await ended;
  });

  test('what a drain has no time for ends as draining, and is charged for what was delivered', async t => {
    const emulator = await startEmulator();
    let draining = false;
    const parts = snapshotFor(emulator);
    const gateway = await startGateway({ snapshot: parts, ports: { draining: () => draining } });
    t.after(() => emulator.stop());
    const streamed = await ask(gateway, {
      model: 'toy',
      stream: true,
      headers: { 'x-carrier-emulate': 'pace=20ms;tokens=2000' },
    });
    const reading = streamed.text().catch(() => 'cut');
    const silent = ask(gateway, { model: 'toy', headers: { 'x-carrier-emulate': 'hang' } }).catch(() => 'cut');
    await eventually(() => gateway.attempts().length === 2);

    draining = true;
    await gateway.gateway.drain(50);

    assert.deepEqual([await reading, await silent], ['cut', 'cut']);
    const ends = gateway.ends().map(end => [end.stream, end.outcome, end.state, end.attempts[0]?.outcome]);
    assert.deepEqual(ends.sort(), [
      [false, 'draining', 'void', 'draining'],
      [true, 'draining', 'estimated', 'draining'],
    ]);
  });

  test('api and console pass to the supervisor, with our word about where they come from', async t => {
    const directory = mkdtempSync(join(tmpdir(), 'carrier-'));
    const adminSocket = join(directory, 'admin.sock');
    const seen: string[] = [];
    const admin = createServer((request, response) => {
      const { 'x-forwarded-for': from, 'x-carrier-local': local, 'x-carrier-csrf': csrf } = request.headers;
      seen.push(`${request.method} ${request.url} ${from} ${local} ${csrf} ${request.headers['x-carrier-secure']}`);
      response.setHeader('x-from', 'admin');
      request.pipe(response);
    });
    await once(admin.listen(adminSocket), 'listening');
    const gateway = await startGateway({ settings: { adminSocket } });
    t.after(async () => {
      await gateway.stop();
      admin.close();
      rmSync(directory, { recursive: true });
    });

    const answer = await fetch(`${gateway.url}/api/v1/apply?dryRun=1`, {
      method: 'POST',
      headers: { 'x-forwarded-for': '6.6.6.6' },
      body: 'file: content',
    });
    await fetch(`${gateway.url}/metrics`);
    await fetch(`${gateway.url}/metrics`, { headers: { via: '1.1 proxy', 'x-carrier-local': '1' } });
    const forged = { 'x-carrier-csrf': 'of-a-page', 'x-carrier-secure': '1', 'x-carrier-exchange-id': 'mine' };
    await fetch(`${gateway.url}/api/v1/session`, { headers: forged });
    admin.close();
    admin.closeAllConnections();
    const without = await fetch(`${gateway.url}/api/v1/keys`);

    assert.equal(await answer.text(), 'file: content');
    assert.equal(answer.headers.get('x-from'), 'admin');
    assert.deepEqual(seen, [
      'POST /api/v1/apply?dryRun=1 127.0.0.1 undefined undefined undefined',
      'GET /metrics 127.0.0.1 1 undefined undefined',
      'GET /metrics 127.0.0.1 undefined undefined undefined',
      'GET /api/v1/session 127.0.0.1 1 of-a-page undefined',
    ]);
    assert.equal(without.status, 503);
    assert.equal(without.headers.get('content-type'), 'application/problem+json');
  });
});

async function eventually(holds: () => boolean): Promise<void> {
  for (let n = 0; n < 100 && !holds(); n++) await new Promise(resolve => setTimeout(resolve, 10));
  assert.ok(holds());
}
