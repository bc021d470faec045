import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { failoverPage } from '../../docs/failover-page.ts';
import { matrixDialects } from './dialects.ts';
import { allCells, oneOfEach, runCells } from './matrix.ts';
import { faultNames, levels } from './table.ts';

test('each fault at each point of an answer is followed by what the table says, each time between other dialects', async () => {
  // The long suite runs many times as many: here one way for each place.
  const cells = oneOfEach(allCells(), ({ fault, level, mode, stream, client, subject }) => [
    fault,
    level,
    mode,
    stream,
    client === subject,
  ]);

  assert.ok(cells.length > 200 && cells.length < 400, `${cells.length} cells`);
  assert.deepEqual(await runCells(cells), []);
});

test('the table is whole: thirteen faults, six levels, and nothing seen where a healthy candidate is and nothing was shown', () => {
  const cells = allCells();

  assert.equal(faultNames.length, 13);
  assert.equal(levels.length, 6);
  // 147 places between each client, each that fails, and each that is asked next.
  assert.equal(cells.length, 147 * matrixDialects.length ** 3);
  const early = cells.filter(({ level, fault }) => (level === 'C0' || level === 'C1') && fault !== 'duplicate');
  const possible = early.filter(({ outcome }) => outcome !== 'impossible');
  assert.deepEqual([...new Set(possible.map(({ outcome }) => outcome))], ['answered']);
  // Only who asks for more than anybody could give is refused.
  const refused = early.filter(({ outcome }) => outcome === 'impossible');
  assert.ok(refused.every(({ mode, stream, reserve }) => mode === 'continue' && stream && !reserve.continues));
  // Calls, reasoning and ends are never gone on with, calls are never restarted.
  for (const { level, mode, outcome, client, subject } of cells) {
    if ((level === 'C3' || level === 'C4') && outcome === 'continued') assert.fail(level);
    // One that a client has nothing of but what was planned is none.
    const isUnseen = client.showsLate === true && subject.plansCalls === true;
    if (level === 'C4' && outcome === 'restarted' && !isUnseen) assert.fail(level);
    if (mode === 'error' && (outcome === 'restarted' || outcome === 'continued')) assert.fail(mode);
  }
});

test('docs/reference/failover.md says what the table says; if not, run npm run docs', () => {
  const file = readFileSync(new URL('../../docs/reference/failover.md', import.meta.url), 'utf8');

  assert.equal(file, failoverPage());
});
