import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Carrier, startCarrier } from './support/start-carrier.ts';
import { until } from './support/until.ts';

const entryPath = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
let carrier: Carrier;

before(async () => {
  carrier = await startCarrier({ workers: 2 });
});
after(() => carrier?.remove());

/** Runs `serve` to its end and gives what it said. */
async function serveToEnd(...words: readonly string[]): Promise<{ code: number | null; stderr: string }> {
  const child = spawn(process.execPath, [entryPath, 'serve', ...words], { stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', chunk => {
    stderr += chunk;
  });
  const [code] = await once(child, 'close');
  return { code, stderr };
}

interface OpenStream {
  readonly exchangeId: string;
  /** Resolves with everything that came, and whether the stream ended as streams end. */
  readonly whole: Promise<{ readonly text: string; readonly ended: boolean }>;
}

/** A stream of about a second, whose first event has come. */
async function openStream(script = 'pace=50ms;tokens=20'): Promise<OpenStream> {
  const response = await fetch(`${carrier.url}/v1/messages`, {
    method: 'POST',
    headers: {
      'x-api-key': carrier.key,
      'anthropic-version': '2023-06-01',
      'content-type': 'application/json',
      'x-carrier-emulate': script,
    },
    body: JSON.stringify({
      model: 'sandbox/messages-1',
      max_tokens: 300,
      stream: true,
      messages: [{ role: 'user', content: 'Hello' }],
    }),
  });
  assert.equal(response.status, 200);
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = (await reader.read()).value ?? '';
  const whole = (async () => {
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return { text, ended: text.includes('event: message_stop') };
        text += value;
      }
    } catch {
      return { text, ended: false };
    }
  })();
  return { exchangeId: response.headers.get('x-carrier-exchange-id')!, whole };
}

async function exchange(id: string): Promise<{ status: string; outcome: string }> {
  return until(`exchange ${id} is in the ledger`, async () => {
    const answer = await carrier.api('GET', `/api/v1/exchanges/${id}`);
    return answer.status === 200 ? answer.json : undefined;
  });
}

test('a second supervisor of the data directory is refused by name with the process id of the first', async () => {
  const { code, stderr } = await serveToEnd(`--data=${carrier.dataDirectory}`, '--port=0');

  assert.equal(code, 4);
  assert.equal(
    stderr,
    `carrier: ${carrier.dataDirectory} is in use by process ${carrier.processId}; stop it first, or set CARRIER_DATA to another directory.\n`,
  );
});

test('a port that another carrier shares among its workers is refused by name', async () => {
  const { code, stderr } = await serveToEnd(`--data=${carrier.dataDirectory}-other`, `--port=${carrier.port}`);

  assert.equal(code, 4);
  assert.match(stderr, /^carrier: 127\.0\.0\.1 port \d+ is in use; stop what listens there/);
});

test('wrong settings are all said at once, before anything is touched', async () => {
  const data = `${carrier.dataDirectory}-never`;

  const { code, stderr } = await serveToEnd(`--data=${data}`, '--port=99999', '--colour=red', '--log-level');

  assert.equal(code, 2);
  assert.match(stderr, /--log-level: needs a value/);
  const second = await serveToEnd(`--data=${data}`, '--port=99999', '--colour=red');
  assert.match(second.stderr, /--colour: no setting has this name/);
  assert.match(second.stderr, /--port: must be a whole number from 0 to 65535/);
  assert.equal(existsSync(data), false);
});

test('no secret is in the environment or the words of a worker', () => {
  const [worker] = carrier.workerProcessIds();
  const shown = readFileSync(`/proc/${worker}/environ`, 'utf8') + readFileSync(`/proc/${worker}/cmdline`, 'utf8');

  assert.doesNotMatch(shown, /CARRIER_MASTER_KEY|CARRIER_ADMIN_KEY|DATABASE_URL|cca_/);
});

test('signals that reach workers end no exchange: they are the supervisor’s to handle', async () => {
  const workers = carrier.workerProcessIds();
  const stream = await openStream();

  for (const worker of workers) {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.kill(worker, signal);
  }

  assert.equal((await stream.whole).ended, true);
  assert.deepEqual(carrier.workerProcessIds().sort(), workers.sort());
});

test('a killed worker cuts its streams only, is replaced, and what it delivered is charged by estimate', async () => {
  const streams = await Promise.all(Array.from({ length: 6 }, () => openStream('pace=100ms;tokens=30')));
  const [victim] = carrier.workerProcessIds();

  process.kill(victim!, 'SIGKILL');
  const ends = await Promise.all(streams.map(stream => stream.whole));

  await until('another worker is there', () => {
    const workers = carrier.workerProcessIds();
    return workers.length === 2 && !workers.includes(victim!) ? true : undefined;
  });
  for (const [index, stream] of streams.entries()) {
    const { status, outcome } = await exchange(stream.exchangeId);
    if (ends[index]!.ended) assert.deepEqual([status, outcome], ['settled', 'ok']);
    else assert.deepEqual([status, outcome], ['estimated', 'process_died']);
  }
});

test('a stop lets open streams end, refuses nothing that was promised, and exits with 0', async () => {
  const stream = await openStream('pace=50ms;tokens=25');

  const code = await carrier.stop();

  assert.equal(code, 0);
  assert.equal((await stream.whole).ended, true);
  await carrier.start();
  const { status, outcome } = await exchange(stream.exchangeId);
  assert.deepEqual([status, outcome], ['settled', 'ok']);
});

test('a second signal cuts what is still open, and what was delivered is charged', async () => {
  const stream = await openStream('pace=200ms;tokens=200');
  const { processId } = carrier;

  const stopped = carrier.stop();
  await sleep(1_200);
  process.kill(processId, 'SIGTERM');
  const startedMs = performance.now();

  assert.equal(await stopped, 0);
  assert.ok(performance.now() - startedMs < 5_000);
  assert.equal((await stream.whole).ended, false);
  await carrier.start();
  const { status, outcome } = await exchange(stream.exchangeId);
  assert.deepEqual([status, outcome], ['estimated', 'draining']);
});

test('a killed supervisor takes its workers with it, and the next one settles what was open', async () => {
  const stream = await openStream('pace=100ms;tokens=100');
  const workers = carrier.workerProcessIds();

  await carrier.kill();

  assert.equal((await stream.whole).ended, false);
  await until('the workers are gone', () =>
    workers.every(worker => !existsSync(`/proc/${worker}`)) ? true : undefined,
  );
  await carrier.start();
  const { status, outcome } = await exchange(stream.exchangeId);
  assert.deepEqual([status, outcome], ['estimated', 'process_died']);
});

test('metrics are added up over workers, and name no key, project or organisation', async () => {
  await Promise.all(Array.from({ length: 4 }, async () => (await openStream('tokens=3')).whole));

  const text = await until('both workers are ready', async () => {
    const metrics = await (await fetch(`${carrier.url}/metrics`)).text();
    return /^carrier_workers_ready 2$/m.test(metrics) ? metrics : undefined;
  });

  assert.match(text, /^carrier_exchanges_total\{dialect="anthropic-messages",mode="stream",outcome="ok"\} 4$/m);
  assert.match(text, /^carrier_attempts_total\{deployment="sandbox-messages",outcome="ok"\} 4$/m);
  assert.ok(Number(text.match(/^carrier_journal_bytes (\d+)$/m)?.[1]) > 0);
  assert.doesNotMatch(text, new RegExp(`sandbox/sandbox|${carrier.key.slice(4, 12)}`));
});

test('metrics are for this machine or the admin key, also behind a proxy on this machine', async () => {
  const ask = async (headers: Record<string, string>) => {
    const response = await fetch(`${carrier.url}/metrics`, { headers });
    return [response.status, /carrier_workers_ready/.test(await response.text())];
  };
  const proxied = { 'x-forwarded-for': '203.0.113.9' };

  assert.deepEqual(await ask({}), [200, true]);
  assert.deepEqual(await ask(proxied), [401, false]);
  assert.deepEqual(await ask({ ...proxied, 'x-carrier-local': '1' }), [401, false]);
  assert.deepEqual(await ask({ ...proxied, authorization: 'Bearer wrong' }), [401, false]);
  assert.deepEqual(await ask({ ...proxied, authorization: `Bearer ${carrier.adminKey}` }), [200, true]);
});

test('one line of the log tells an exchange, without content and secrets', async () => {
  const stream = await openStream('tokens=3');
  await stream.whole;

  const line = await until('the line is written', () => carrier.lines.find(text => text.includes(stream.exchangeId)));

  const told = JSON.parse(line);
  assert.equal(told.msg, 'exchange');
  assert.equal(told.deployment, 'sandbox-messages');
  assert.equal(told.outputTokens, 3);
  assert.ok(carrier.lines.every(text => !text.includes(carrier.key) && !text.includes('Hello')));
});
