import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { translateRateLimits } from './rate-limits.ts';
import { durationMs, untilInstantMs } from './retry-after.ts';

const nowMs = Date.parse('2026-11-20T12:00:00Z');

function paired(raw: readonly string[]): Record<string, string> {
  const pairs: Record<string, string> = {};
  for (let index = 0; index < raw.length; index += 2) pairs[raw[index]!] = raw[index + 1]!;
  return pairs;
}

test('limits of chat completions are told to a client of messages, resets as instants', () => {
  const headers = {
    'x-ratelimit-limit-requests': '10000',
    'x-ratelimit-remaining-requests': '9999',
    'x-ratelimit-reset-requests': '6ms',
    'x-ratelimit-limit-tokens': '2000000',
    'x-ratelimit-remaining-tokens': '0',
    'x-ratelimit-reset-tokens': '6m0s',
    'x-ratelimit-limit-project-tokens': '5',
  };

  assert.deepEqual(paired(translateRateLimits(headers, 'openai-chat', 'anthropic-messages', nowMs)), {
    'anthropic-ratelimit-requests-limit': '10000',
    'anthropic-ratelimit-requests-remaining': '9999',
    'anthropic-ratelimit-requests-reset': '2026-11-20T12:00:01Z',
    'anthropic-ratelimit-tokens-limit': '2000000',
    'anthropic-ratelimit-tokens-remaining': '0',
    'anthropic-ratelimit-tokens-reset': '2026-11-20T12:06:00Z',
    'x-carrier-ratelimit-source': 'openai-chat',
  });
});

test('limits of messages are told to a client of chat completions, resets as durations', () => {
  const headers = {
    'anthropic-ratelimit-requests-limit': '4000',
    'anthropic-ratelimit-requests-remaining': '3999',
    'anthropic-ratelimit-requests-reset': '2026-11-20T12:00:01Z',
    'anthropic-ratelimit-tokens-limit': '2400000',
    'anthropic-ratelimit-tokens-remaining': '2399000',
    'anthropic-ratelimit-tokens-reset': '2026-11-20T13:02:03Z',
    'anthropic-ratelimit-input-tokens-limit': '2000000',
    'anthropic-ratelimit-output-tokens-limit': '400000',
  };

  assert.deepEqual(paired(translateRateLimits(headers, 'anthropic-messages', 'openai-chat', nowMs)), {
    'x-ratelimit-limit-requests': '4000',
    'x-ratelimit-remaining-requests': '3999',
    'x-ratelimit-reset-requests': '1s',
    'x-ratelimit-limit-tokens': '2400000',
    'x-ratelimit-remaining-tokens': '2399000',
    'x-ratelimit-reset-tokens': '1h2m3s',
    'x-carrier-ratelimit-source': 'anthropic-messages',
  });
});

test('what is missing, past, or no limit at all is not told', () => {
  const told = (headers: Record<string, string | string[]>) =>
    paired(translateRateLimits(headers, 'openai-chat', 'anthropic-messages', nowMs));

  assert.deepEqual(told({}), {});
  assert.deepEqual(told({ 'x-ratelimit-limit-requests': '-1' }), {});
  assert.deepEqual(told({ 'x-ratelimit-limit-requests': '9'.repeat(16) }), {});
  assert.deepEqual(told({ 'x-ratelimit-limit-requests': 'many\r\nset-cookie: a' }), {});
  assert.deepEqual(told({ 'x-ratelimit-reset-tokens': 'soon' }), {});
  assert.deepEqual(told({ 'x-ratelimit-limit-tokens': ['7', '8'] }), {
    'anthropic-ratelimit-tokens-limit': '7',
    'x-carrier-ratelimit-source': 'openai-chat',
  });
  assert.deepEqual(
    paired(
      translateRateLimits(
        { 'anthropic-ratelimit-tokens-reset': '2026-11-20T11:00:00Z' },
        'anthropic-messages',
        'openai-chat',
        nowMs,
      ),
    ),
    { 'x-ratelimit-reset-tokens': '0ms', 'x-carrier-ratelimit-source': 'anthropic-messages' },
  );
});

test('within a dialect nothing is translated', () => {
  const headers = { 'x-ratelimit-limit-requests': '1' };
  assert.deepEqual(translateRateLimits(headers, 'openai-chat', 'openai-chat', nowMs), []);
});

test('a reset is the same moment on both sides, within a second and never earlier', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 80_000_000 }), afterMs => {
      const chat = { 'x-ratelimit-reset-tokens': `${afterMs}ms` };
      const messages = paired(translateRateLimits(chat, 'openai-chat', 'anthropic-messages', nowMs));
      const instant = untilInstantMs(messages['anthropic-ratelimit-tokens-reset'], nowMs)!;
      const back = paired(translateRateLimits(messages, 'anthropic-messages', 'openai-chat', nowMs));
      const duration = durationMs(back['x-ratelimit-reset-tokens'])!;

      assert.ok(instant >= afterMs && instant < afterMs + 1000);
      assert.equal(duration, instant);
    }),
  );
});

test('clients of Cohere wait by a moment in seconds, and have no name for tokens', () => {
  const headers = {
    'x-ratelimit-limit-requests': '500',
    'x-ratelimit-remaining-requests': '0',
    'x-ratelimit-reset-requests': '1500ms',
    'x-ratelimit-limit-tokens': '7',
  };

  assert.deepEqual(paired(translateRateLimits(headers, 'openai-chat', 'cohere-chat', nowMs)), {
    'x-ratelimit-limit': '500',
    'x-ratelimit-remaining': '0',
    'x-ratelimit-reset': '1795176002',
    'x-carrier-ratelimit-source': 'openai-chat',
  });
  assert.deepEqual(
    paired(translateRateLimits({ 'x-ratelimit-reset': '1795176002' }, 'cohere-chat', 'openai-chat', nowMs)),
    { 'x-ratelimit-reset-requests': '2s', 'x-carrier-ratelimit-source': 'cohere-chat' },
  );
  assert.deepEqual(translateRateLimits({ 'x-ratelimit-reset': '5' }, 'cohere-chat', 'openai-chat', nowMs), []);
});
