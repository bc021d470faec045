import assert from 'node:assert/strict';
import { test } from 'node:test';
import { boundEnd, endBytesMax } from './end-bound.ts';
import type { AttemptEnd, EndRecord } from './record.ts';

function attemptEnd(change: Partial<AttemptEnd> = {}): AttemptEnd {
  return {
    attempt: 1,
    deployment: 'd',
    provider: 'p',
    model: 'v/m',
    targetModel: 'm',
    dialect: 'openai-chat',
    outcome: 'ok',
    startedAtMs: 1,
    durationMs: 2,
    reading: { slices: { inputUncached: 5, output: 7 }, source: 'provider', raw: { prompt_tokens: 5 } },
    ...change,
  };
}

function endRecord(change: Partial<EndRecord> = {}): EndRecord {
  return {
    type: 'end',
    id: 'a',
    atMs: 4,
    status: 200,
    outcome: 'ok',
    stream: false,
    attempts: [attemptEnd()],
    reading: { slices: { inputUncached: 5, output: 7 }, source: 'provider', raw: { prompt_tokens: 5 } },
    sell: { amountAtto: '99', currency: 'USD', version: 'pv', lines: [], overHoldAtto: '0' },
    state: 'settled',
    losses: [],
    deliveredBytes: 0,
    requestBytes: 0,
    responseBytes: 0,
    durationMs: 1,
    decision: { v: 1 },
    ...change,
  };
}

function bounded(record: EndRecord): EndRecord {
  const json = boundEnd(record);
  assert.ok(Buffer.byteLength(json) <= endBytesMax);
  return JSON.parse(json);
}

test('an end within its bound is written as it is', () => {
  const record = endRecord();

  assert.equal(boundEnd(record), JSON.stringify(record));
  assert.equal(boundEnd(record).includes('trimmed'), false);
});

test('an end of exactly the bound keeps everything, one byte more loses the decision', () => {
  const frame = Buffer.byteLength(JSON.stringify(endRecord({ decision: '' })));
  const exact = endRecord({ decision: 'd'.repeat(endBytesMax - frame) });
  const over = endRecord({ decision: 'd'.repeat(endBytesMax - frame + 1) });

  assert.deepEqual(bounded(exact), exact);
  assert.deepEqual(bounded(over), { ...endRecord(), decision: null, trimmed: ['decision'] });
});

test('raw usage goes next, and slices, charges and states stay', () => {
  const raw = { noise: 'é'.repeat(40_000) };
  const record = endRecord({
    attempts: [attemptEnd({ reading: { slices: { output: 7 }, source: 'provider', raw } })],
    reading: { slices: { output: 7 }, source: 'provider', raw },
  });

  const { attempts, reading, sell, state, trimmed } = bounded(record);

  assert.deepEqual(trimmed, ['decision', 'raw']);
  assert.deepEqual(attempts[0]?.reading, { slices: { output: 7 }, source: 'provider' });
  assert.deepEqual(reading, { slices: { output: 7 }, source: 'provider' });
  assert.equal(sell?.amountAtto, '99');
  assert.equal(state, 'settled');
});

test('losses are cut to the first twenty', () => {
  const losses = Array.from({ length: 2_000 }, (_, index) => ({
    action: 'dropped' as const,
    code: 'seed-unsupported',
    path: `messages.${index}`,
  }));

  const end = bounded(endRecord({ losses }));

  assert.equal(end.losses.length, 20);
  assert.deepEqual(end.trimmed, ['decision', 'raw', 'losses']);
});

test('texts that a provider chose are cut last', () => {
  const end = bounded(
    endRecord({ servedModel: 'm'.repeat(100_000), attempts: [attemptEnd({ providerRequestId: 'r'.repeat(90_000) })] }),
  );

  assert.equal(end.servedModel?.length, 200);
  assert.equal(end.attempts[0]?.providerRequestId?.length, 200);
  assert.deepEqual(end.trimmed, ['decision', 'raw', 'losses', 'texts']);
});
