import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault, type FaultCode } from '../completion/fault.ts';
import type { AttemptResult } from './attempt.ts';
import { outcomeOf } from './attempt-outcome.ts';

const context = { stream: true, inputTokens: 40, outputTokens: 20, firstByteMs: 300, durationMs: 900 };

function result(code?: FaultCode, status = 200, retryAfterMs?: number): AttemptResult {
  return {
    fault:
      code === undefined ? undefined : new Fault(code, undefined, retryAfterMs === undefined ? {} : { retryAfterMs }),
    sent: true,
    status,
    headers: {},
    firstByteAtMs: 0,
    committed: false,
    facts: undefined,
    contentBytesSinceUsage: 0,
    delivery: undefined,
    refusal: undefined,
  };
}

test('a whole answer is a sample of latency', () => {
  assert.deepEqual(outcomeOf(result(), context), {
    kind: 'answered',
    latency: { inputTokens: 40, outputTokens: 20, firstTokenMs: 300, totalMs: 900 },
  });
});

test('of an answer in one piece nobody saw the first token', () => {
  const outcome = outcomeOf(result(), { ...context, stream: false });
  assert.equal(outcome.kind === 'answered' && outcome.latency?.firstTokenMs, undefined);
  assert.equal(outcome.kind === 'answered' && outcome.latency?.totalMs, 900);
});

test('an answer without usage, or without a first byte, is no sample', () => {
  assert.deepEqual(outcomeOf(result(), { ...context, outputTokens: undefined }), {
    kind: 'answered',
    latency: undefined,
  });
  assert.deepEqual(outcomeOf(result(), { ...context, firstByteMs: undefined }), {
    kind: 'answered',
    latency: undefined,
  });
});

test('each fault of a deployment has its kind', () => {
  const kinds = Object.fromEntries(
    (
      [
        'upstream_refused',
        'upstream_reset',
        'upstream_error',
        'upstream_malformed',
        'upstream_truncated',
        'upstream_response_too_large',
        'upstream_connect_timeout',
        'upstream_first_byte_timeout',
        'upstream_idle_timeout',
        'upstream_rate_limited',
        'upstream_overloaded',
        'upstream_quota',
        'upstream_credential',
        'upstream_not_found',
      ] as const
    ).map(code => [code, outcomeOf(result(code, 500), context).kind]),
  );
  assert.deepEqual(kinds, {
    upstream_refused: 'failed',
    upstream_reset: 'failed',
    upstream_error: 'failed',
    upstream_malformed: 'failed',
    upstream_truncated: 'failed',
    upstream_response_too_large: 'failed',
    upstream_connect_timeout: 'slow',
    upstream_first_byte_timeout: 'slow',
    upstream_idle_timeout: 'slow',
    upstream_rate_limited: 'overloaded',
    upstream_overloaded: 'overloaded',
    upstream_quota: 'overloaded',
    upstream_credential: 'credential',
    upstream_not_found: 'credential',
  });
});

test('what the client did wrong shows that the deployment works, and nothing of its latency', () => {
  for (const code of ['upstream_invalid', 'context_overflow', 'content_filtered', 'upstream_too_large'] as const) {
    assert.deepEqual(outcomeOf(result(code, 400), context), { kind: 'answered', latency: undefined });
  }
});

test('a client that leaves, and a bug of ours, say nothing', () => {
  assert.deepEqual(outcomeOf(result('client_aborted'), context), { kind: 'none' });
  assert.deepEqual(outcomeOf(result('internal'), context), { kind: 'none' });
});

test('a wait is believed of 429, 503 and 529 only', () => {
  const wait = (status: number) => {
    const outcome = outcomeOf(result('upstream_overloaded', status, 7_000), context);
    return 'coolMs' in outcome ? outcome.coolMs : 'none';
  };
  assert.deepEqual([429, 503, 529, 500, 200].map(wait), [7_000, 7_000, 7_000, undefined, undefined]);
});

test('an account without credit is left alone for a minute when it names no time', () => {
  assert.deepEqual(outcomeOf(result('upstream_quota', 402), context), { kind: 'overloaded', coolMs: 60_000 });
  assert.deepEqual(outcomeOf(result('upstream_quota', 429, 5_000), context), { kind: 'overloaded', coolMs: 5_000 });
});
