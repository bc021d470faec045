import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConcurrencyLimit } from './concurrency-limit.ts';

const free = { configured: undefined, limitStart: 100, limitMax: 1_000 };

test('it grows while answers stay as fast as ever and the room is used', () => {
  const limit = new ConcurrencyLimit(free);
  for (let n = 0; n < 100; n += 1) limit.answered(200, limit.limit);
  assert.ok(limit.limit > 150, `${limit.limit}`);
});

test('a room that is not used does not grow', () => {
  const limit = new ConcurrencyLimit(free);
  for (let n = 0; n < 100; n += 1) limit.answered(200, 10);
  assert.equal(limit.limit, 100);
});

test('it shrinks when answers slow down under load', () => {
  const limit = new ConcurrencyLimit(free);
  for (let n = 0; n < 200; n += 1) limit.answered(200, 10);
  for (let n = 0; n < 20; n += 1) limit.answered(2_000, limit.limit);
  assert.ok(limit.limit < 60, `${limit.limit}`);
});

test('a refusal takes a tenth, once a second', () => {
  const limit = new ConcurrencyLimit(free);
  limit.refused(1_000);
  limit.refused(1_500);
  assert.equal(limit.limit, 90);
  limit.refused(2_000);
  assert.equal(limit.limit, 81);
});

test('it never falls below one, so that recovery is seen', () => {
  const limit = new ConcurrencyLimit(free);
  for (let n = 0; n < 500; n += 1) limit.refused(n * 1_000);
  assert.equal(limit.limit, 1);
});

test('what the operator configured is never passed, and what the largest is neither', () => {
  const configured = new ConcurrencyLimit({ ...free, configured: 8 });
  const largest = new ConcurrencyLimit({ ...free, limitMax: 110 });
  for (let n = 0; n < 1_000; n += 1) {
    configured.answered(200, 8);
    largest.answered(200, 110);
  }
  assert.equal(configured.limit, 8);
  assert.equal(largest.limit, 110);
});
