import assert from 'node:assert/strict';
import { test } from 'node:test';
import { writePattern } from './pattern-text.ts';
import { seedFrom } from './seed.ts';

const writable = [
  '^[a-z]+$',
  '^\\+?[1-9]\\d{1,14}$',
  '^(?:[A-Z]{2}|EU)-\\d{3,}$',
  '^#[0-9a-fA-F]{6}$',
  '^[^@\\s]+@[^@\\s]+\\.[a-z]{2,}$',
  '^(?<year>\\d{4})-(0[1-9]|1[0-2])$',
  '^[\\w.-]{1,64}$',
  '^\\u0041\\x42$',
  'a.c',
  '',
];

for (const pattern of writable) {
  test(`a text for ${JSON.stringify(pattern)} matches it`, () => {
    const text = writePattern(pattern, seedFrom('pattern'), 0);

    assert.match(text ?? '(none)', new RegExp(pattern, 'u'));
  });
}

test('what cannot be written is said, not guessed', () => {
  for (const pattern of ['(?=x)y', '(a)\\1', '[', '(((a{9}){999}){999})']) {
    assert.equal(writePattern(pattern, seedFrom('pattern'), 0), undefined, pattern);
  }
});
