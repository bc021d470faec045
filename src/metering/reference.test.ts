import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { readingsPage } from './reference.ts';

test('the page of readings in docs/reference is what its generator writes', () => {
  const committed = readFileSync(new URL('../../docs/reference/readings.md', import.meta.url), 'utf8');

  assert.equal(committed, readingsPage(), 'run `node docs/generate.ts`');
});
