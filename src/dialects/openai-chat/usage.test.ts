import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { inputTotal, outputTotal } from '../../completion/usage.ts';
import { readOpenAiChatUsage } from './usage.ts';

test('cached and reasoning tokens are taken out of prompt and completion, not added', () => {
  const report = readOpenAiChatUsage({
    prompt_tokens: 10000,
    completion_tokens: 1000,
    total_tokens: 11000,
    prompt_tokens_details: { cached_tokens: 8000 },
    completion_tokens_details: { reasoning_tokens: 600 },
  });

  assert.deepEqual(report, { slices: { inputUncached: 2000, cacheRead: 8000, output: 400, reasoning: 600 } });
});

test('what is not said is absent, and zero is zero', () => {
  assert.deepEqual(readOpenAiChatUsage({ prompt_tokens: 7, completion_tokens: 0, total_tokens: 7 }), {
    slices: { inputUncached: 7, output: 0 },
  });
  assert.deepEqual(
    readOpenAiChatUsage({
      prompt_tokens: 0,
      completion_tokens: 0,
      prompt_tokens_details: { cached_tokens: 0, audio_tokens: null },
      completion_tokens_details: null,
    }),
    { slices: { inputUncached: 0, cacheRead: 0, output: 0 } },
  );
  assert.equal(readOpenAiChatUsage(undefined), undefined);
  assert.equal(readOpenAiChatUsage(null), undefined);
});

test('a host whose completion excludes reasoning is known by its total', () => {
  const report = readOpenAiChatUsage({
    prompt_tokens: 32,
    completion_tokens: 9,
    total_tokens: 144,
    prompt_tokens_details: { text_tokens: 32, audio_tokens: 0, image_tokens: 0, cached_tokens: 6 },
    completion_tokens_details: { reasoning_tokens: 103, audio_tokens: 0 },
    num_sources_used: 0,
  });

  assert.deepEqual(report, {
    slices: {
      inputUncached: 26,
      cacheRead: 6,
      inputAudio: 0,
      inputImage: 0,
      output: 9,
      reasoning: 103,
      outputAudio: 0,
    },
  });
});

test('audio and images are slices of their own, and the cache comes off first', () => {
  const report = readOpenAiChatUsage({
    prompt_tokens: 1000,
    completion_tokens: 50,
    total_tokens: 1050,
    prompt_tokens_details: { text_tokens: 100, image_tokens: 900, cached_tokens: 600 },
    completion_tokens_details: { audio_tokens: 30 },
  });

  assert.deepEqual(report, {
    slices: { inputUncached: 0, cacheRead: 600, inputImage: 400, output: 20, outputAudio: 30 },
  });
});

test('cache hits and misses of a host must add up to its prompt', () => {
  const usage = { prompt_tokens: 100, completion_tokens: 5, total_tokens: 105 };

  assert.deepEqual(readOpenAiChatUsage({ ...usage, prompt_cache_hit_tokens: 64, prompt_cache_miss_tokens: 36 }), {
    slices: { inputUncached: 36, cacheRead: 64, output: 5 },
  });
  assert.equal(
    readOpenAiChatUsage({ ...usage, prompt_cache_hit_tokens: 64, prompt_cache_miss_tokens: 35 })?.identityBroken,
    'prompt_cache_hit_tokens + prompt_cache_miss_tokens = 99 does not add up to prompt_tokens = 100',
  );
  assert.equal(
    readOpenAiChatUsage({ ...usage, prompt_cache_hit_tokens: 64 })?.identityBroken,
    'prompt_cache_miss_tokens is missing beside prompt_cache_hit_tokens',
  );
  assert.equal(
    readOpenAiChatUsage({
      ...usage,
      prompt_cache_hit_tokens: 64,
      prompt_cache_miss_tokens: 36,
      prompt_tokens_details: { cached_tokens: 32 },
    })?.identityBroken,
    'prompt_cache_hit_tokens = 64 does not add up to cached_tokens = 32',
  );
});

test('cache writes are slices by lifetime, the shorter one unless said', () => {
  const usage = { prompt_tokens: 5000, completion_tokens: 5, total_tokens: 5005 };

  assert.deepEqual(readOpenAiChatUsage({ ...usage, prompt_tokens_details: { cache_write_tokens: 4096 } })?.slices, {
    inputUncached: 904,
    cacheWrite5m: 4096,
    output: 5,
  });
  assert.deepEqual(
    readOpenAiChatUsage({
      ...usage,
      prompt_tokens_details: { cache_write_tokens: 4096, cache_write_tokens_details: { ttl_12h: 1024, ttl_30m: 3072 } },
    })?.slices,
    { inputUncached: 904, cacheWrite5m: 3072, cacheWrite1h: 1024, output: 5 },
  );
});

const whole = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 };
const broken: readonly (readonly [string, unknown, string])[] = [
  ['a text for usage', 'many', 'usage is not an object'],
  ['a list for usage', [1], 'usage is not an object'],
  ['no prompt', { completion_tokens: 5, total_tokens: 5 }, 'prompt_tokens is missing'],
  ['no completion', { prompt_tokens: 5, total_tokens: 5 }, 'completion_tokens is missing'],
  ['a negative count', { ...whole, prompt_tokens: -1 }, 'prompt_tokens is not a count: -1'],
  ['a fraction', { ...whole, completion_tokens: 2.5 }, 'completion_tokens is not a count: 2.5'],
  ['a text for a count', { ...whole, prompt_tokens: '10' }, 'prompt_tokens is not a count: string'],
  ['a count of 2⁵³', { ...whole, total_tokens: 2 ** 53 }, 'total_tokens is not a count: 9007199254740992'],
  [
    'a wrong total',
    { ...whole, total_tokens: 16 },
    'prompt_tokens + completion_tokens = 15 does not add up to total_tokens = 16',
  ],
  [
    'cached over prompt',
    { ...whole, prompt_tokens_details: { cached_tokens: 11 } },
    'cached and written tokens = 11 is more than prompt_tokens = 10',
  ],
  [
    'reasoning over completion',
    { ...whole, completion_tokens_details: { reasoning_tokens: 6 } },
    'reasoning, audio and image tokens = 6 is more than completion_tokens = 5',
  ],
  [
    'audio over prompt',
    { ...whole, prompt_tokens_details: { audio_tokens: 11 } },
    'audio, image and video tokens = 11 is more than prompt_tokens = 10',
  ],
  ['a list for details', { ...whole, prompt_tokens_details: [] }, 'prompt_tokens_details is not an object: array'],
];
for (const [name, raw, reason] of broken) {
  test(`${name} breaks the report and yields no slice`, () => {
    assert.deepEqual(readOpenAiChatUsage(raw), { slices: {}, identityBroken: reason });
  });
}

test('slices of any usage that adds up are disjoint and complete', () => {
  const usage = fc
    .record({
      uncached: fc.nat(1e6),
      cached: fc.nat(1e6),
      written: fc.nat(1e6),
      text: fc.nat(1e6),
      reasoning: fc.nat(1e6),
    })
    .chain(parts => fc.record({ parts: fc.constant(parts), apart: fc.boolean(), image: fc.nat(1e6) }));
  fc.assert(
    fc.property(usage, ({ parts, apart, image }) => {
      const prompt = parts.uncached + parts.cached + parts.written;
      const report = readOpenAiChatUsage({
        prompt_tokens: prompt,
        completion_tokens: apart ? parts.text : parts.text + parts.reasoning,
        total_tokens: prompt + parts.text + parts.reasoning,
        prompt_tokens_details: {
          cached_tokens: parts.cached,
          cache_write_tokens: parts.written,
          image_tokens: Math.min(image, prompt),
        },
        completion_tokens_details: { reasoning_tokens: parts.reasoning },
      });

      assert.equal(report?.identityBroken, undefined);
      assert.equal(inputTotal(report!.slices), prompt);
      assert.equal(outputTotal(report!.slices), parts.text + parts.reasoning);
      assert.equal(report!.slices.cacheRead, parts.cached);
    }),
  );
});

test('no value in any field makes it throw or yield a slice that is not a count', () => {
  const names = [
    'prompt_tokens',
    'completion_tokens',
    'total_tokens',
    'prompt_tokens_details',
    'completion_tokens_details',
  ];
  const raw = fc.oneof(fc.anything(), fc.dictionary(fc.constantFrom(...names), fc.anything()));
  fc.assert(
    fc.property(raw, value => {
      const report = readOpenAiChatUsage(value);
      for (const count of Object.values(report?.slices ?? {})) assert.ok(Number.isSafeInteger(count) && count >= 0);
    }),
  );
});
