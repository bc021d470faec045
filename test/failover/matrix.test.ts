import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { failoverPage } from '../../docs/failover-page.ts';
import { allCells, runCells } from './matrix.ts';
import { faultNames, levels } from './table.ts';

test('each fault at each point of an answer is followed by what the table says, each time between other dialects', async () => {
  // The long suite runs all of them: here one way for each place, so that all ways come about.
  const places = Map.groupBy(allCells(), ({ fault, level, mode, stream, client, subject }) =>
    [fault, level, mode, stream, client === subject].join(),
  );
  const cells = [...places.values()].map((ways, place) => ways[place % ways.length]!);

  assert.ok(cells.length > 200 && cells.length < 400, `${cells.length} cells`);
  assert.deepEqual(await runCells(cells), []);
});

test('the table is whole: thirteen faults, six levels, and nothing seen where a healthy candidate is and nothing was shown', () => {
  const cells = allCells();

  assert.equal(faultNames.length, 13);
  assert.equal(levels.length, 6);
  assert.equal(cells.length, 1_176);
  const early = cells.filter(({ level, fault }) => (level === 'C0' || level === 'C1') && fault !== 'duplicate');
  assert.deepEqual([...new Set(early.map(({ outcome }) => outcome))], ['answered']);
  // Calls, reasoning and ends are never gone on with, calls are never restarted.
  for (const { level, mode, outcome } of cells) {
    if (level === 'C3' || level === 'C4') assert.notEqual(outcome, 'continued');
    if (level === 'C4') assert.notEqual(outcome, 'restarted');
    if (mode === 'error') assert.ok(outcome !== 'restarted' && outcome !== 'continued');
  }
});

test('docs/reference/failover.md says what the table says; if not, run npm run docs', () => {
  const file = readFileSync(new URL('../../docs/reference/failover.md', import.meta.url), 'utf8');

  assert.equal(file, failoverPage());
});
