/** Question: how much CPU does the worker's walk cost for each small request, 34 kB request and 65-chunk stream in the
 *  same dialect, and each small request across dialects, authentication, decision, metering, rating and two journal
 *  records included? Upstream and client run in a process of their own.
 *  Usage: node bench/walk.ts [requests] [small|large|stream|across|all] [limits]: with limits of requests, tokens and
 *  concurrency on the key, their desk in the same process. */

import { fork } from 'node:child_process';
import { createHmac, createSecretKey } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Pool } from 'undici';
import { StateSeal } from '../src/dialects/opaque-state.ts';
import { createGateway } from '../src/gateway/create-gateway.ts';
import type { GatewayPorts } from '../src/gateway/ports.ts';
import { dataPlaneLimitsDefault } from '../src/gateway/settings.ts';
import { FileJournal } from '../src/journal/file-journal.ts';
import { WorkerHealth } from '../src/process/worker-health.ts';
import type { LimitEntry } from '../src/snapshot/limits.ts';
import { loadSnapshot } from '../src/snapshot/load.ts';
import { limitsInMemory } from '../test/support/limits.ts';
import { snapshotJson } from '../test/support/snapshot.ts';

const kinds = ['small', 'large', 'stream', 'across'] as const;
type Kind = (typeof kinds)[number];
const clients = 8;
const secret = 'cck_test0001_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG';

if (process.argv[2] === 'peer') await runPeer();
else await runGateway(Number(process.argv[2] ?? 6000), process.argv[3] === 'all' ? undefined : process.argv[3]);

function digest(text: string): string {
  return createHmac('sha256', 'bench').update(text).digest('hex');
}

async function runGateway(requests: number, only: string | undefined): Promise<void> {
  const peer = fork(import.meta.filename, ['peer'], { execArgv: [] });
  const [{ upstream }] = (await once(peer, 'message')) as [{ upstream: number }];
  const directory = mkdtempSync(join(tmpdir(), 'carrier-walk-'));
  const clock = { nowMs: Date.now, monotonicMs: () => performance.now() };
  const limits: readonly LimitEntry[] =
    process.argv[4] === 'limits'
      ? (['requestsPerMinute', 'tokensPerMinute', 'concurrency'] as const).map(measure => ({
          id: measure,
          scope: 'key',
          subject: 'test0001',
          measure,
          limit: 1_000_000_000,
        }))
      : [];
  const snapshot = loadSnapshot(
    snapshotJson({
      keys: [{ id: 'test0001', digest: digest(secret) }],
      providers: [{ name: 'openai', baseUrl: `http://127.0.0.1:${upstream}/v1` }],
      limits,
    }),
  );
  const journal = await FileJournal.open({
    directory,
    generation: 1,
    worker: 1,
    fsync: 'interval',
    fsyncIntervalMs: 50,
    bytesMax: 4 * 1024 ** 3,
    clock,
    onAlarm: () => {},
  });
  const ports: GatewayPorts = {
    snapshot: () => snapshot,
    journal,
    budgets: { take: (_, amount) => ({ amount, leases: [], settle: () => {} }), available: async () => 0n },
    health: new WorkerHealth({ send: () => {}, nowMs: Date.now, after: () => () => {} }),
    draw: () => ({ epoch: 1, seed: '00'.repeat(32) }),
    permits: { acquire: () => true, release: () => {} },
    limits: limitsInMemory(limits).limits,
    reasoning: {
      seal: new StateSeal(createSecretKey(Buffer.alloc(32))),
      remember: () => {},
      recall: async () => new Map(),
    },
    credential: () => 'sk-bench',
    digestSecret: digest,
    openKeySecret: ({ sealed }) => sealed,
    observe: {
      walked: () => {},
      exchangeEnded: () => {},
      refused: ({ fault }) => console.error(fault),
      alert: console.error,
    },
    clock,
    draining: () => false,
  };
  const gateway = createGateway(ports, {
    host: '127.0.0.1',
    port: 0,
    tls: undefined,
    adminSocket: undefined,
    proxy: { httpsProxy: undefined, noProxy: undefined },
    limits: dataPlaneLimitsDefault,
  });
  const port = await gateway.listen();
  console.log(`${cpus()[0]?.model}, Node ${process.version}, ${clients} connections`);
  for (const kind of kinds) {
    if (only !== undefined && only !== kind) continue;
    const count = kind === 'stream' ? Math.ceil(requests / 8) : requests;
    await load(peer, { port, kind, count: Math.ceil(count / 4) });
    const rounds: number[] = [];
    for (let round = 0; round < 3; round++) {
      const before = process.cpuUsage();
      await load(peer, { port, kind, count });
      const { user, system } = process.cpuUsage(before);
      rounds.push((user + system) / count);
    }
    console.log(`${kind}: ${rounds.map(micros => micros.toFixed(1)).join(', ')} µs of CPU each`);
  }
  peer.kill();
  await gateway.drain(0);
  await journal.close();
  rmSync(directory, { recursive: true });
}

interface Load {
  readonly port: number;
  readonly kind: Kind;
  readonly count: number;
}

async function load(peer: ReturnType<typeof fork>, order: Load): Promise<void> {
  peer.send(order);
  const [{ failed }] = (await once(peer, 'message')) as [{ failed: number }];
  if (failed > 0) throw new Error(`${failed} requests failed`);
}

/** The provider and the clients. */
async function runPeer(): Promise<void> {
  const answer = Buffer.from(
    JSON.stringify({
      id: 'chatcmpl-1',
      object: 'chat.completion',
      created: 1795000000,
      model: 'gpt-5-2026-08-07',
      choices: [
        { index: 0, message: { role: 'assistant', content: 'Hello there, how are you?' }, finish_reason: 'stop' },
      ],
      usage: { prompt_tokens: 9, completion_tokens: 8, total_tokens: 17 },
    }),
  );
  const delta = (content: string) =>
    Buffer.from(
      `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1795000000,"model":"gpt-5","choices":[{"index":0,"delta":{"content":"${content}"},"finish_reason":null}],"usage":null}\n\n`,
    );
  const chunks = Array.from({ length: 63 }, (_, n) => delta(`word ${n} `));
  const last = [
    Buffer.from(
      'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1795000000,"model":"gpt-5","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}\n\n',
    ),
    Buffer.from(
      'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1795000000,"model":"gpt-5","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":63,"total_tokens":72}}\n\ndata: [DONE]\n\n',
    ),
  ];
  const server = createServer((request, response) => {
    let streamed = false;
    request.on('data', (bytes: Buffer) => {
      streamed ||= bytes.includes('"stream":true');
    });
    request.on('end', () => {
      if (!streamed) {
        response.writeHead(200, {
          'content-type': 'application/json',
          'content-length': answer.length,
          'x-request-id': 'req_1',
        });
        response.end(answer);
        return;
      }
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      let at = 0;
      const step = () => {
        if (at < chunks.length) {
          response.write(chunks[at++]!);
          setImmediate(step);
        } else {
          response.write(last[0]!);
          response.end(last[1]!);
        }
      };
      step();
    });
  });
  server.keepAliveTimeout = 60_000;
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port: upstream } = server.address() as { port: number };
  process.send!({ upstream });

  const small = '{"model":"gpt-5","messages":[{"role":"user","content":"Hello, who are you?"}]}';
  const turn = (n: number) => ({
    role: n % 2 === 0 ? 'user' : 'assistant',
    content: `Turn ${n}: ${'lorem ipsum dolor sit amet '.repeat(12)}`,
  });
  const bodies: Record<Kind, string> = {
    small,
    large: JSON.stringify({ model: 'gpt-5', messages: Array.from({ length: 95 }, (_, n) => turn(n)) }),
    stream: small.replace('{', '{"stream":true,"stream_options":{"include_usage":true},'),
    across: small.replace('{', '{"max_tokens":100,'),
  };
  process.on('message', async ({ port, kind, count }: Load) => {
    const pool = new Pool(`http://127.0.0.1:${port}`, { connections: clients, pipelining: 1 });
    let left = count;
    let failed = 0;
    const run = async () => {
      while (left-- > 0) {
        const response = await pool.request({
          path: kind === 'across' ? '/v1/messages' : '/v1/chat/completions',
          method: 'POST',
          headers: {
            authorization: `Bearer ${secret}`,
            'content-type': 'application/json',
            'user-agent': 'OpenAI/JS 7.55.0',
            accept: 'application/json',
            'x-stainless-lang': 'js',
            'x-stainless-package-version': '7.55.0',
          },
          body: bodies[kind],
        });
        const text = await response.body.text();
        if (response.statusCode !== 200 || (kind === 'stream' && !text.endsWith('data: [DONE]\n\n'))) failed++;
      }
    };
    await Promise.all(Array.from({ length: clients }, run));
    await pool.close();
    process.send!({ failed });
  });
}
