import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { mergeAnthropicUsage, readAnthropicUsage } from './usage.ts';

test('cache reads and writes stand beside input_tokens', () => {
  const report = readAnthropicUsage({
    input_tokens: 50,
    cache_read_input_tokens: 10000,
    cache_creation_input_tokens: 6000,
    cache_creation: { ephemeral_5m_input_tokens: 2000, ephemeral_1h_input_tokens: 4000 },
    output_tokens: 800,
    output_tokens_details: { thinking_tokens: 300 },
    server_tool_use: { web_search_requests: 0, web_fetch_requests: 2 },
    service_tier: 'standard',
    inference_geo: 'not_available',
  });

  assert.deepEqual(report, {
    slices: {
      inputUncached: 50,
      cacheRead: 10000,
      cacheWrite5m: 2000,
      cacheWrite1h: 4000,
      output: 500,
      reasoning: 300,
    },
    serviceTier: 'standard',
  });
});

test('cache writes without a split were written for five minutes', () => {
  const report = readAnthropicUsage({
    input_tokens: 3,
    cache_creation_input_tokens: 12304,
    cache_read_input_tokens: 0,
    output_tokens: 550,
  });

  assert.deepEqual(report, { slices: { inputUncached: 3, cacheRead: 0, cacheWrite5m: 12304, output: 550 } });
});

test('what is not said is absent', () => {
  assert.deepEqual(
    readAnthropicUsage({
      input_tokens: 3,
      output_tokens: 0,
      cache_read_input_tokens: null,
      cache_creation: null,
      service_tier: null,
      output_tokens_details: null,
    }),
    { slices: { inputUncached: 3, output: 0 } },
  );
  assert.equal(readAnthropicUsage(undefined), undefined);
  assert.equal(readAnthropicUsage(null), undefined);
});

test('speed is part of the tier that was served, and a region stands beside it', () => {
  const usage = { input_tokens: 1, output_tokens: 1 };

  assert.equal(readAnthropicUsage({ ...usage, service_tier: 'priority' })?.serviceTier, 'priority');
  assert.equal(readAnthropicUsage({ ...usage, speed: 'fast' })?.serviceTier, 'fast');
  const here = readAnthropicUsage({ ...usage, service_tier: 'standard', speed: 'standard', inference_geo: 'us' });
  assert.equal(here?.serviceTier, 'standard');
  assert.equal(here?.region, 'us');
  assert.equal(readAnthropicUsage({ ...usage, inference_geo: 'global' })?.serviceTier, undefined);
});

const whole = { input_tokens: 10, output_tokens: 5 };
const broken: readonly (readonly [string, unknown, string])[] = [
  ['a number for usage', 7, 'usage is not an object'],
  ['no input', { output_tokens: 5 }, 'input_tokens is missing'],
  ['no output', { input_tokens: 5 }, 'output_tokens is missing'],
  ['a null input', { ...whole, input_tokens: null }, 'input_tokens is missing'],
  ['a negative count', { ...whole, output_tokens: -3 }, 'output_tokens is not a count: -3'],
  ['a fraction', { ...whole, cache_read_input_tokens: 0.5 }, 'cache_read_input_tokens is not a count: 0.5'],
  [
    'lifetimes that miss the total',
    {
      ...whole,
      cache_creation_input_tokens: 100,
      cache_creation: { ephemeral_5m_input_tokens: 60, ephemeral_1h_input_tokens: 50 },
    },
    'ephemeral_5m_input_tokens + ephemeral_1h_input_tokens = 110 does not add up to cache_creation_input_tokens = 100',
  ],
  [
    'thinking over output',
    { ...whole, output_tokens_details: { thinking_tokens: 6 } },
    'thinking_tokens = 6 is more than output_tokens = 5',
  ],
  ['a tier that is no word', { ...whole, service_tier: 3 }, 'service_tier is not a word'],
];
for (const [name, raw, reason] of broken) {
  test(`${name} breaks the report and yields no slice`, () => {
    assert.deepEqual(readAnthropicUsage(raw), { slices: {}, identityBroken: reason });
  });
}

test('the last number of a stream counts, and null says nothing', () => {
  const start = {
    input_tokens: 2679,
    cache_read_input_tokens: 3,
    cache_creation_input_tokens: 0,
    cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 },
    output_tokens: 1,
    service_tier: 'standard',
  };
  const delta = { input_tokens: 10682, cache_read_input_tokens: null, output_tokens: 510, unknown_tokens: 4 };

  const merged = mergeAnthropicUsage(start, delta);

  assert.deepEqual(merged, { ...start, input_tokens: 10682, output_tokens: 510, unknown_tokens: 4 });
  assert.deepEqual(readAnthropicUsage(merged)?.slices, {
    inputUncached: 10682,
    cacheRead: 3,
    cacheWrite5m: 0,
    cacheWrite1h: 0,
    output: 510,
  });
});

test('usage said once stays, whichever event said it', () => {
  assert.deepEqual(mergeAnthropicUsage(undefined, { output_tokens: 3 }), { output_tokens: 3 });
  assert.deepEqual(mergeAnthropicUsage({ output_tokens: 3 }, undefined), { output_tokens: 3 });
  assert.equal(mergeAnthropicUsage(undefined, undefined), undefined);
  assert.deepEqual(readAnthropicUsage(mergeAnthropicUsage({ output_tokens: 3 }, 'broken')), {
    slices: {},
    identityBroken: 'usage is not an object',
  });
});

test('cache writes for five minutes that grow after their split are for five minutes', () => {
  const start = {
    input_tokens: 1,
    output_tokens: 1,
    cache_creation_input_tokens: 5,
    cache_creation: { ephemeral_5m_input_tokens: 5, ephemeral_1h_input_tokens: 0 },
  };
  const grown = mergeAnthropicUsage(start, { output_tokens: 9, cache_creation_input_tokens: 8 });

  assert.deepEqual(readAnthropicUsage(grown)?.slices, {
    inputUncached: 1,
    cacheWrite5m: 8,
    cacheWrite1h: 0,
    output: 9,
  });
  // The start is not what is merged into: it may be read again.
  assert.equal(start.cache_creation.ephemeral_5m_input_tokens, 5);
});

test('cache writes that shrink after their split are not guessed', () => {
  const merged = mergeAnthropicUsage(
    {
      input_tokens: 1,
      output_tokens: 1,
      cache_creation_input_tokens: 5,
      cache_creation: { ephemeral_5m_input_tokens: 5, ephemeral_1h_input_tokens: 0 },
    },
    { output_tokens: 9, cache_creation_input_tokens: 3 },
  );

  assert.equal(
    readAnthropicUsage(merged)?.identityBroken,
    'ephemeral_5m_input_tokens + ephemeral_1h_input_tokens = 5 does not add up to cache_creation_input_tokens = 3',
  );
});

test('cache writes that grow beside some for an hour are not guessed', () => {
  const merged = mergeAnthropicUsage(
    {
      input_tokens: 1,
      output_tokens: 1,
      cache_creation_input_tokens: 5,
      cache_creation: { ephemeral_1h_input_tokens: 5 },
    },
    { output_tokens: 9, cache_creation_input_tokens: 8 },
  );

  assert.equal(
    readAnthropicUsage(merged)?.identityBroken,
    'ephemeral_5m_input_tokens + ephemeral_1h_input_tokens = 5 does not add up to cache_creation_input_tokens = 8',
  );
});

test('no value in any field makes it throw or yield a slice that is not a count', () => {
  const names = ['input_tokens', 'output_tokens', 'cache_creation', 'cache_read_input_tokens', 'service_tier', 'speed'];
  const raw = fc.oneof(fc.anything(), fc.dictionary(fc.constantFrom(...names), fc.anything()));
  fc.assert(
    fc.property(raw, raw, (earlier, later) => {
      const report = readAnthropicUsage(mergeAnthropicUsage(earlier, later));
      for (const count of Object.values(report?.slices ?? {})) assert.ok(Number.isSafeInteger(count) && count >= 0);
    }),
  );
});
