import assert from 'node:assert/strict';
import { test } from 'node:test';
import { referencePattern, resolveReference } from './references.ts';

const sources = {
  environment: { ID: 'id', SECRET: ' secret\n', EMPTY: '', CARRIER_MASTER_KEY: 'm' },
  workingDirectory: '/nowhere',
  dataDirectory: '/nowhere/data',
};

test('a secret of several parts stands in several variables, with colons between', () => {
  assert.deepEqual(resolveReference('env:ID', sources), { value: 'id' });
  assert.deepEqual(resolveReference('env:ID:SECRET', sources), { value: 'id:secret' });
  assert.deepEqual(resolveReference('env:ID:SECRET:ID', sources), { value: 'id:secret:id' });
});

test('each part must be there, say something, and be nobody else’s', () => {
  assert.deepEqual(resolveReference('env:ID:NOWHERE', sources), {
    refusal: 'env:NOWHERE is not set where the server runs',
  });
  assert.deepEqual(resolveReference('env:ID:EMPTY', sources), { refusal: 'env:EMPTY is empty' });
  assert.deepEqual(resolveReference('env:EMPTY', sources), { refusal: 'env:EMPTY is empty' });
  assert.deepEqual(resolveReference('env:ID:CARRIER_MASTER_KEY', sources), {
    refusal: 'env:CARRIER_MASTER_KEY belongs to the server itself and cannot be referred to',
  });
});

test('a reference has names only, four at most', () => {
  for (const [text, isOne] of [
    ['env:A', true],
    ['env:A:B:C:D', true],
    ['env:A:B:C:D:E', false],
    ['env:A:', false],
    ['env::A', false],
    ['env:A:b c', false],
    ['A:B', false],
  ] as const) {
    assert.equal(referencePattern.test(text), isOne, text);
  }
});
