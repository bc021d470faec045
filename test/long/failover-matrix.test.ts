import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allCells, oneOfEach, runCells } from '../failover/matrix.ts';

test('every fault at every point of an answer, between all dialects, is followed by what the table says', async () => {
  // Who is asked next is another one each time: of all ways there would be six times as many.
  const cells = oneOfEach(allCells(), ({ fault, level, mode, stream, client, subject }) => [
    fault,
    level,
    mode,
    stream,
    client.dialect.name,
    subject.dialect.name,
  ]);
  assert.ok(cells.length > 500, `${cells.length} cells`);

  assert.deepEqual(await runCells(cells), []);
});
