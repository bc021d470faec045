import assert from 'node:assert/strict';
import { test } from 'node:test';
import { slices } from '../completion/usage.ts';
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

  assert.equal(end.servedModel?.length, 100);
  assert.equal(end.attempts[0]?.providerRequestId?.length, 100);
  assert.deepEqual(end.trimmed, ['decision', 'raw', 'losses', 'texts']);
});

test('the largest exchange that can be configured fits, with what every attempt costs', () => {
  const lines = [
    'input',
    'cacheRead',
    'cacheWrite5m',
    'cacheWrite1h',
    'inputAudio',
    'inputImage',
    'output',
    'reasoning',
    'outputAudio',
    'request',
  ].map(meter => ({
    meter,
    quantity: Number.MAX_SAFE_INTEGER,
    ratePico: '9'.repeat(20),
    amountAtto: '9'.repeat(36),
  }));
  const rated = { amountAtto: '9'.repeat(37), currency: 'USD', version: 'v'.repeat(128), lines };
  const reading = {
    slices: Object.fromEntries(slices.map(slice => [slice, Number.MAX_SAFE_INTEGER])),
    source: 'provider' as const,
    serviceTier: '\u0001'.repeat(64),
    raw: { noise: 'é'.repeat(9_000) },
  };
  // Sixteen retries is the most that a route may have.
  const attempts = Array.from({ length: 17 }, (_, index) =>
    attemptEnd({
      attempt: index + 1,
      deployment: 'd'.repeat(64),
      provider: 'p'.repeat(64),
      model: 'm'.repeat(200),
      targetModel: 't'.repeat(256),
      servedModel: '\u0001'.repeat(2_000),
      providerRequestId: '\u0001'.repeat(128),
      outcome: 'upstream_first_byte_timeout',
      upstreamStatus: 200,
      startedAtMs: 1_795_176_000_000,
      firstByteMs: 86_400_000,
      durationMs: 86_400_000,
      reading,
      buy: rated,
    }),
  );
  const losses = Array.from({ length: 500 }, () => ({
    action: 'approximated' as const,
    code: 'output-limit-lowered',
    path: '\u0001'.repeat(400),
  }));
  const servedModel = '\u0001'.repeat(2_000);

  const end = bounded(endRecord({ attempts, losses, reading, servedModel, sell: { ...rated, overHoldAtto: '0' } }));

  assert.deepEqual(
    end.attempts.map(({ attempt, buy }) => [attempt, buy]),
    Array.from({ length: 17 }, (_, index) => [index + 1, rated]),
  );
  assert.deepEqual(end.attempts[0]?.reading.slices, reading.slices);
  // A control character is six bytes of JSON.
  assert.equal(end.attempts[0]?.reading.serviceTier?.length, 16);
  assert.deepEqual(end.trimmed, ['decision', 'raw', 'losses', 'texts']);
});
