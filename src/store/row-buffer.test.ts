import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RowBuffer } from './row-buffer.ts';

test('rows are there byte for byte, however many they are and whatever they say', () => {
  const rows = new RowBuffer();
  assert.equal(rows.content.length, 0);
  const texts = ['a\tb\n', 'ü€\u{1f4b6}\n', '\ud800\n', `${'€'.repeat(100_000)}\n`, 'last\n'];

  for (const text of texts) rows.add(text);

  assert.equal(rows.content.length, 4 + 10 + 4 + 300_001 + 5);
  assert.ok(rows.content.equals(Buffer.from(texts.join(''))));
});
