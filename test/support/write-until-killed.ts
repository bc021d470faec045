/** Run by src/journal/crash.test.ts: writes exchanges to the journal in argv[2] and prints the id of each whose end is written,
 *  until it is killed. */
import { writeSync } from 'node:fs';
import { FileJournal } from '../../src/journal/file-journal.ts';
import type { AdmitRecord, AttemptRecord, EndRecord } from '../../src/journal/record.ts';

const [, , directory = ''] = process.argv;
const rates = { version: 'pv', currency: 'USD', input: '1', output: '2' };
const names = { deployment: 'd', provider: 'p', model: 'v/m', targetModel: 'm', dialect: 'openai-chat' as const };

const journal = await FileJournal.open({
  directory,
  generation: 1,
  worker: 1,
  fsync: 'never',
  fsyncIntervalMs: 50,
  bytesMax: 1 << 30,
  clock: { nowMs: Date.now, monotonicMs: () => performance.now() },
  onAlarm: () => {},
});

for (let number = 1; ; number += 1) {
  const id = `x${number}`;
  journal.admit(admit(id));
  await journal.attempt(attempt(id));
  await journal.end(end(id));
  writeSync(1, `${id}\n`);
}

function admit(id: string): AdmitRecord {
  return {
    type: 'admit',
    id,
    atMs: 1,
    organisation: 'acme',
    project: 'acme/web',
    key: 'abcdefgh',
    dialect: 'openai-chat',
    requestedModel: 'smart',
    stream: false,
    snapshot: 'f00d',
    hold: { amountAtto: '0', currency: 'USD', leases: [] },
    sandbox: true,
  };
}

function attempt(id: string): AttemptRecord {
  const estimate = { inputTokensEstimate: 3, estimateRule: 'bytes-per-token/1:other' };
  return { type: 'attempt', id, attempt: 1, atMs: 2, ...names, ...estimate, sell: rates, buy: rates };
}

function end(id: string): EndRecord {
  return {
    type: 'end',
    id,
    atMs: 4,
    status: 200,
    outcome: 'ok',
    stream: false,
    attempts: [],
    state: 'settled',
    losses: [],
    deliveredBytes: 0,
    requestBytes: 0,
    responseBytes: 0,
    durationMs: 1,
    decision: { padding: 'é'.repeat(Number(id.slice(1)) % 300) },
  };
}
