import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allCells, runCells } from '../failover/matrix.ts';

test('every fault at every point of an answer, between all dialects, is followed by what the table says', async () => {
  const cells = allCells();
  assert.ok(cells.length > 1_000, `${cells.length} cells`);

  assert.deepEqual(await runCells(cells), []);
});
