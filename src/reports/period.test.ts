import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { nameOfPiece, periodBefore, readPeriod } from './period.ts';

const span = (from: string, to: string) => ({ fromMs: Date.parse(from), toMs: Date.parse(to) });
const textOf = ({ fromMs, toMs }: { fromMs: number; toMs: number }) => [
  new Date(fromMs).toISOString(),
  new Date(toMs).toISOString(),
];

describe('the period of a report', () => {
  test('is the last 30 days unless said, in whole hours', () => {
    const nowMs = Date.parse('2026-11-20T09:59:59.999Z');

    const period = readPeriod({ from: undefined, to: undefined, grain: 'total', nowMs });

    assert.deepEqual(textOf(period), ['2026-10-21T09:00:00.000Z', '2026-11-20T10:00:00.000Z']);
    assert.deepEqual(textOf(readPeriod({ from: new Date(nowMs - 1), to: new Date(nowMs), grain: 'hour', nowMs })), [
      '2026-11-20T09:00:00.000Z',
      '2026-11-20T10:00:00.000Z',
    ]);
  });

  test('is compared with as many whole months, or the same length of time', () => {
    assert.deepEqual(textOf(periodBefore(span('2026-03-01', '2026-04-01'))), [
      '2026-02-01T00:00:00.000Z',
      '2026-03-01T00:00:00.000Z',
    ]);
    assert.deepEqual(textOf(periodBefore(span('2026-01-01', '2026-04-01'))), [
      '2025-10-01T00:00:00.000Z',
      '2026-01-01T00:00:00.000Z',
    ]);
    assert.deepEqual(textOf(periodBefore(span('2026-03-01', '2026-03-31'))), [
      '2026-01-30T00:00:00.000Z',
      '2026-03-01T00:00:00.000Z',
    ]);
    assert.deepEqual(textOf(periodBefore(span('2026-03-01T01:00Z', '2026-04-01T01:00Z'))), [
      '2026-01-29T01:00:00.000Z',
      '2026-03-01T01:00:00.000Z',
    ]);
  });

  test('is named by its grain', () => {
    const at = new Date('2026-11-20T09:00:00Z');
    assert.deepEqual(
      (['month', 'day', 'hour', 'total'] as const).map(grain => nameOfPiece(grain, grain === 'total' ? null : at)),
      ['2026-11', '2026-11-20', '2026-11-20T09:00Z', null],
    );
  });
});
