import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LimitAnswer } from './answers.ts';
import { showLimits } from './show-limits.ts';
import { formatTable } from './table.ts';

const table = <Row>(...[rows, columns, empty]: [readonly Row[], Parameters<typeof formatTable<Row>>[1], string]) =>
  formatTable(rows, columns, { isTerminal: false, empty });
const window = { used: 2, setAside: 2, refused: 1, wouldHaveRefused: 0 };
const limit: Omit<LimitAnswer, 'id' | 'measure' | 'windows'> = {
  scope: 'key',
  subject: 'Ab3dEf9h',
  limit: 5,
  shadow: false,
};

test('a limit is shown with the minute or the day that it counts; of requests at once, how many began', () => {
  const shown = showLimits(
    [
      {
        ...limit,
        id: 'a',
        measure: 'tokensPerMinute',
        windows: [
          { ...window, from: '2026-11-20T18:11:00.000Z', to: '2026-11-20T18:12:00.000Z' },
          { ...window, from: '2026-11-20T18:10:00.000Z', to: '2026-11-20T18:11:00.000Z' },
        ],
      },
      {
        ...limit,
        id: 'b',
        measure: 'concurrency',
        windows: [{ ...window, from: '2026-11-20T00:00:00.000Z', to: '2026-11-21T00:00:00.000Z' }],
      },
      { ...limit, id: 'c', measure: 'requestsPerDay', windows: [] },
    ],
    table,
  );

  assert.deepEqual(
    shown
      .trimEnd()
      .split('\n')
      .map(line => line.trimEnd().split(/ {2,}/)),
    [
      ['of', 'for', 'measure', 'limit', 'window', 'used', 'set aside', 'refused', 'would refuse', 'then'],
      ['key Ab3dEf9h', 'tokensPerMinute', '5', '2026-11-20T18:11Z', '2', '2', '2', '0', 'refuses'],
      ['key Ab3dEf9h', 'concurrency', '5', '2026-11-20', '2 begun', '2', '1', '0', 'refuses'],
      ['key Ab3dEf9h', 'requestsPerDay', '5', '0', '0', '0', '0', 'refuses'],
    ],
  );
});

test('without limits it is said where they are declared', () => {
  assert.match(showLimits([], table), /^No limits\. Declare `limits` on organisations/);
});
