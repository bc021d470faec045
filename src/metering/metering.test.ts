import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { usageBounds } from './bounds.ts';
import { estimateInputTokens, estimateOutputTokens, estimateRule, familyOf } from './estimates.ts';
import { nothingUsed, readingOfAnswer, readingOfCutAnswer } from './reading.ts';

const basis = { family: 'anthropic', request: { textBytes: 700, mediaParts: 0 }, contentBytesSinceUsage: 36 };
const silent = { usage: undefined, rawUsage: undefined, serviceTier: undefined, identityBroken: undefined };

test('a whole answer is read as its provider reported it, evidence included', () => {
  const raw = { input_tokens: 5, output_tokens: 0 };
  const reading = readingOfAnswer(
    { usage: { inputUncached: 5, output: 0 }, rawUsage: raw, serviceTier: 'standard', identityBroken: undefined },
    basis,
  );

  assert.deepEqual(reading, {
    slices: { inputUncached: 5, output: 0 },
    source: 'provider',
    raw: { input_tokens: 5, output_tokens: 0 },
    serviceTier: 'standard',
  });
});

test('a whole answer without usage is estimated by a named rule', () => {
  assert.deepEqual(readingOfAnswer(silent, basis), {
    slices: { inputUncached: 200, output: 11 },
    source: 'estimated',
    rule: 'bytes-per-token/1:anthropic',
  });
});

test('usage that does not add up is quarantined with its raw object, and nothing is guessed', () => {
  const broken = { ...silent, rawUsage: { total_tokens: 3 }, identityBroken: 'no sum' };
  const expected = { slices: {}, source: 'provider', raw: { total_tokens: 3 }, quarantine: 'no sum' };

  assert.deepEqual(readingOfAnswer(broken, basis), expected);
  assert.deepEqual(readingOfCutAnswer(broken, basis), expected);
});

test('a cut answer is the last usage and an estimate for what came after it', () => {
  const seen = { ...silent, usage: { inputUncached: 50, cacheRead: 1000, output: 1 }, rawUsage: { output_tokens: 1 } };

  assert.deepEqual(readingOfCutAnswer(seen, basis), {
    slices: { inputUncached: 50, cacheRead: 1000, output: 12 },
    source: 'estimated',
    rule: 'bytes-per-token/1:anthropic',
    raw: { output_tokens: 1 },
  });
});

test('an answer that was cut before its first byte still used its input', () => {
  assert.deepEqual(readingOfCutAnswer(silent, { ...basis, contentBytesSinceUsage: 0 }), {
    slices: { inputUncached: 200, output: 0 },
    source: 'estimated',
    rule: 'bytes-per-token/1:anthropic',
  });
});

test('an attempt that was refused used nothing', () => {
  assert.deepEqual(nothingUsed, { slices: {}, source: 'none' });
});

test('families follow the vendor of the model, and unknown vendors share one', () => {
  assert.equal(familyOf('anthropic/claude-sonnet-5'), 'anthropic');
  assert.equal(familyOf('deepseek/deepseek-v4-pro'), 'deepseek');
  assert.equal(familyOf('sandbox/echo'), 'other');
  assert.equal(familyOf('toString/x'), 'other');
  assert.equal(familyOf('bare'), 'other');
  assert.equal(estimateRule('other'), 'bytes-per-token/1:other');
});

test('estimates round up, and nothing is nothing', () => {
  assert.equal(estimateInputTokens({ textBytes: 0, mediaParts: 0 }, 'openai'), 0);
  assert.equal(estimateInputTokens({ textBytes: 1, mediaParts: 0 }, 'openai'), 1);
  assert.equal(estimateInputTokens({ textBytes: 4, mediaParts: 0 }, 'openai'), 1);
  assert.equal(estimateInputTokens({ textBytes: 5, mediaParts: 0 }, 'openai'), 2);
  assert.equal(estimateInputTokens({ textBytes: 5, mediaParts: 2 }, 'openai'), 3_202);
  assert.equal(estimateOutputTokens(7, 'anthropic'), 2);
  assert.equal(estimateOutputTokens(8, 'anthropic'), 3);
  assert.equal(estimateOutputTokens(333, 'deepseek'), 100);
});

for (const bytes of [-1, 0.5, Number.NaN, 2 ** 53]) {
  test(`${bytes} is not a number of bytes`, () => {
    assert.throws(() => estimateInputTokens({ textBytes: bytes, mediaParts: 0 }, 'openai'), RangeError);
  });
}

test('a family outside the table is a broken invariant', () => {
  assert.throws(() => estimateInputTokens({ textBytes: 1, mediaParts: 0 }, 'nobody'), RangeError);
});

test('an estimate is the smallest whole number of tokens that covers the bytes, and never more than the bytes', () => {
  fc.assert(
    fc.property(fc.nat(2 ** 31 - 1), bytes => {
      const tokens = BigInt(estimateOutputTokens(bytes, 'anthropic'));
      assert.ok(tokens * 350n >= BigInt(bytes) * 100n);
      assert.ok(tokens === 0n || (tokens - 1n) * 350n < BigInt(bytes) * 100n);
      assert.ok(tokens <= BigInt(bytes));
    }),
  );
});

const noMedia = {
  images: 0,
  documents: 0,
  documentBytes: 0,
  documentsUnsized: 0,
  audioBytes: 0,
  audioUnsized: 0,
};
const request = {
  dialect: 'anthropic-messages' as const,
  textBytes: 1_000,
  media: noMedia,
  hasTools: false,
  outputTokensMax: undefined,
  answers: 1,
};
const model = { outputTokensMax: 8_000, mediaTokensMax: 5_000 };

test('the bounds of a plain request are its bytes, and the output of the model', () => {
  assert.deepEqual(usageBounds(request, model), { textTokensMax: 1_256, mediaTokensMax: 0, outputTokensMax: 8_000 });
});

test('a lower limit of the request bounds its output, a higher one does not raise it', () => {
  assert.equal(usageBounds({ ...request, outputTokensMax: 100 }, model).outputTokensMax, 100);
  assert.equal(usageBounds({ ...request, outputTokensMax: 0 }, model).outputTokensMax, 0);
  assert.equal(usageBounds({ ...request, outputTokensMax: 9_000 }, model).outputTokensMax, 8_000);
});

test('every answer asked for may use the whole limit', () => {
  assert.equal(usageBounds({ ...request, outputTokensMax: 100, answers: 4 }, model).outputTokensMax, 400);
});

test('media and tools add what bytes do not bound', () => {
  assert.deepEqual(usageBounds({ ...request, media: { ...noMedia, images: 3 }, hasTools: true }, model), {
    textTokensMax: 2_316,
    mediaTokensMax: 15_000,
    outputTokensMax: 8_000,
  });
});

test('documents cost the pages that their bytes can hold, at most those that a request may have', () => {
  const tokensOf = (media: Partial<typeof noMedia>, bounds: object = {}) =>
    usageBounds({ ...request, media: { ...noMedia, ...media } }, { ...model, ...bounds }).mediaTokensMax;

  assert.equal(tokensOf({ documents: 1, documentBytes: 0 }), 4_600);
  assert.equal(tokensOf({ documents: 1, documentBytes: 99 }), 4_600);
  assert.equal(tokensOf({ documents: 1, documentBytes: 100 }), 9_200);
  assert.equal(tokensOf({ documents: 2, documentBytes: 250 }), 18_400);
  assert.equal(tokensOf({ documents: 1, documentBytes: 30_000_000 }), 460_000);
  assert.equal(tokensOf({ documentsUnsized: 1 }), 460_000);
  assert.equal(tokensOf({ documentsUnsized: 3, documents: 9, documentBytes: 1 }), 460_000);
  assert.equal(tokensOf({ documentsUnsized: 1 }, { documentPagesMax: 600, documentTokensPerPage: 10 }), 6_000);
  assert.equal(tokensOf({ documents: 1, documentBytes: 1_000 }, { documentPagesMax: 3 }), 13_800);
});

test('audio costs the seconds that its bytes can hold; of an unknown size it costs what one image may', () => {
  const tokensOf = (media: Partial<typeof noMedia>, bounds: object = {}) =>
    usageBounds({ ...request, media: { ...noMedia, ...media } }, { ...model, ...bounds }).mediaTokensMax;

  assert.equal(tokensOf({ audioBytes: 1 }), 1);
  assert.equal(tokensOf({ audioBytes: 10_000 }), 320);
  assert.equal(tokensOf({ audioBytes: 10_000 }, { audioTokensPerSecond: 10 }), 100);
  assert.equal(tokensOf({ audioUnsized: 2 }), 10_000);
});
