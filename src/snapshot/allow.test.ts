import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { matchesPattern } from './allow.ts';

test('one star stays within a segment, two stars cross them, everything else is itself', () => {
  assert.equal(matchesPattern('**', 'openai/gpt-5'), true);
  assert.equal(matchesPattern('**', 'smart'), true);
  assert.equal(matchesPattern('*', 'smart'), true);
  assert.equal(matchesPattern('*', 'openai/gpt-5'), false);
  assert.equal(matchesPattern('openai/*', 'openai/gpt-5'), true);
  assert.equal(matchesPattern('openai/*', 'openai/gpt-5/ft'), false);
  assert.equal(matchesPattern('openai/**', 'openai/gpt-5/ft'), true);
  assert.equal(matchesPattern('*/gpt-*', 'openai/gpt-5'), true);
  assert.equal(matchesPattern('openai/gpt.5', 'openai/gpt-5'), false);
  assert.equal(matchesPattern('openai/gpt-5', 'openai/gpt-5-mini'), false);
  assert.equal(matchesPattern('', 'x'), false);
});

test('patterns agree with the regular expression that says the same', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 8 });
  const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '/', '*', '**'), maxLength: 6 });
  fc.assert(
    fc.property(pattern, text, (stars, name) => {
      const source = stars.replaceAll(/\*\*|\*/g, star => (star === '**' ? '.*' : '[^/]*'));
      assert.equal(matchesPattern(stars, name), new RegExp(`^${source}$`).test(name));
    }),
  );
});

test('a pattern made of stars takes no longer for it', () => {
  const startedAt = performance.now();
  assert.equal(matchesPattern('*a'.repeat(100), `${'a'.repeat(200)}b`), false);
  assert.ok(performance.now() - startedAt < 200);
});
