/** How much worker time does the journal take for one exchange: admit, one attempt, end?
 *  Run: node bench/journal.ts. Prints machine, commit, median and p99 of batches, in µs. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileJournal } from '../src/journal/file-journal.ts';
import type { AdmitRecord, AttemptRecord, EndRecord } from '../src/journal/record.ts';

const batch = 200;
const batches = 100;
const gigabyte = 1024 ** 3;

const at = 1_763_635_200_000;
const rates = { version: 'facts-0.1.8', currency: 'USD', input: '1250000000000', output: '10000000000000' };
const lines = [
  { meter: 'input', quantity: 100, ratePico: '1250000000000', amountAtto: '125000000000000' },
  { meter: 'cacheRead', quantity: 0, ratePico: '125000000000', amountAtto: '0' },
  { meter: 'output', quantity: 50, ratePico: '10000000000000', amountAtto: '500000000000000' },
];
const rated = { amountAtto: '625000000000000', currency: 'USD', version: 'facts-0.1.8', lines };
const reading = {
  slices: { inputUncached: 100, cacheRead: 0, output: 20, reasoning: 30 },
  source: 'provider' as const,
  raw: {
    prompt_tokens: 100,
    completion_tokens: 50,
    total_tokens: 150,
    prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: 30, audio_tokens: 0 },
  },
  serviceTier: 'default',
};
const names = {
  deployment: 'gpt-5-us',
  provider: 'openai',
  model: 'openai/gpt-5',
  targetModel: 'gpt-5',
  dialect: 'openai-chat' as const,
};

function admit(id: string): AdmitRecord {
  return {
    type: 'admit',
    id,
    atMs: at,
    organisation: 'acme',
    project: 'acme/web',
    key: 'k3yk3yk3',
    dialect: 'openai-chat',
    requestedModel: 'openai/gpt-5',
    stream: false,
    snapshot: 'a'.repeat(64),
    hold: {
      amountAtto: '12345678901234567',
      currency: 'USD',
      leases: [{ budget: 'b_1', window: '2026-11-01', lease: 'l_0123456789abcdef' }],
    },
    sandbox: false,
  };
}

function attempt(id: string): AttemptRecord {
  const estimate = { inputTokensEstimate: 123, estimateRule: 'bytes-per-token/1:openai-chat' };
  return { type: 'attempt', id, attempt: 1, atMs: at, ...names, ...estimate, sell: rates, buy: rates };
}

function end(id: string): EndRecord {
  return {
    type: 'end',
    id,
    atMs: at + 999,
    status: 200,
    outcome: 'ok',
    stream: false,
    attempts: [
      {
        attempt: 1,
        ...names,
        servedModel: 'gpt-5-2025-08-07',
        outcome: 'ok',
        upstreamStatus: 200,
        providerRequestId: 'req_0123456789abcdef',
        startedAtMs: at,
        firstByteMs: 300,
        durationMs: 999,
        reading,
        buy: rated,
      },
    ],
    reading,
    sell: { ...rated, overHoldAtto: '0' },
    state: 'settled',
    losses: [],
    servedModel: 'gpt-5-2025-08-07',
    deliveredBytes: 1_234,
    requestBytes: 500,
    responseBytes: 1_900,
    firstByteMs: 301,
    durationMs: 1_000,
    decision: {
      v: 1,
      epoch: 0,
      candidates: [
        { h: 'd_0123456789abcdef', p: 1, w: 1, lot: '0123456789abcdef' },
        { h: 'd_1123456789abcdef', p: 2, w: 1, lot: 'fedcba9876543210' },
      ],
      panic: false,
      order: ['d_0123456789abcdef', 'd_1123456789abcdef'],
    },
  };
}

console.log(`machine: ${cpus()[0]?.model} × ${cpus().length}, node ${process.version}`);
console.log(`commit: ${execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()}`);
console.log('µs of the calling thread   per exchange          per record');
console.log('fsync                      median      p99       median');
for (const fsync of ['never', 'interval', 'always'] as const) {
  const directory = mkdtempSync(join(tmpdir(), 'carrier-bench-journal-'));
  const clock = { nowMs: Date.now, monotonicMs: () => performance.now() };
  const journal = await FileJournal.open({
    directory,
    generation: 1,
    worker: 1,
    fsync,
    fsyncIntervalMs: 50,
    bytesMax: 4 * gigabyte,
    clock,
    onAlarm: alarm => console.log(alarm.code, alarm.message),
  });
  const perExchange: number[] = [];
  for (let round = -20; round < batches; round += 1) {
    const ids = Array.from({ length: batch }, (_, index) => `x_01JABCDEFGHJKMNPQ${round}_${index}`);
    const exchanges = ids.map(id => ({ admit: admit(id), attempt: attempt(id), end: end(id) }));
    const waits: (Promise<void> | undefined)[] = [];
    const startedMs = performance.now();
    for (const exchange of exchanges) {
      journal.admit(exchange.admit);
      waits.push(journal.attempt(exchange.attempt));
    }
    for (const exchange of exchanges) waits.push(journal.end(exchange.end));
    const tookMs = performance.now() - startedMs;
    await Promise.all(waits);
    await new Promise(resolve => setImmediate(resolve));
    if (round >= 0) perExchange.push((tookMs * 1_000) / batch);
  }
  perExchange.sort((a, b) => a - b);
  const median = perExchange[Math.floor(batches * 0.5)]!;
  const p99 = perExchange[Math.floor(batches * 0.99)]!;
  const cells = [median, p99, median / 3].map(value => value.toFixed(2).padStart(9));
  console.log(`${fsync.padEnd(24)}${cells[0]}${cells[1]}${cells[2]?.padStart(13)}`);
  await journal.close();
  rmSync(directory, { recursive: true });
}
