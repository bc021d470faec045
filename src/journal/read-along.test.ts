import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { admitOf, attemptOf, endOf } from '../../test/support/exchanges.ts';
import { FaultyFiles, ioError, noSpace } from '../../test/support/faulty-files.ts';
import { Fault } from '../completion/fault.ts';
import type { CompletedExchange } from './assemble.ts';
import { FileJournal } from './file-journal.ts';
import { JournalFollower } from './follower.ts';
import type { AdmitRecord } from './record.ts';
import type { JournalAlert } from './shipping-target.ts';

const root = mkdtempSync(join(tmpdir(), 'carrier-read-along-'));
after(() => rmSync(root, { recursive: true }));
const sketch = (id: string) => ({ id, atMs: 1_790_000_000_000 });

const largeAdmit = (id: string): AdmitRecord => ({ ...admitOf(sketch(id)), tags: { purpose: 'p'.repeat(2_500) } });

/** One worker's journal on a failing disk, and what reads it while it is written: what it made of it. */
async function openPair(segmentBytesMax: number) {
  const directory = mkdtempSync(join(root, 'j-'));
  const files = new FaultyFiles();
  const follower = new JournalFollower({ directory, orphans: () => 'delivered', log: () => {} });
  follower.startAt([]);
  const seen: CompletedExchange[] = [];
  const alerts: JournalAlert[] = [];
  const look = (): void => {
    while (follower.fill(1 << 20)) {}
    const batch = follower.closeBatch();
    if (batch === undefined) return;
    seen.push(...batch.exchanges.map(({ exchange }) => exchange));
    alerts.push(...batch.alerts);
    for (const [stream, position] of batch.positions) follower.deleteShipped(stream, position);
  };
  const journal = await FileJournal.open({
    directory,
    generation: 5,
    worker: 2,
    fsync: 'never',
    fsyncIntervalMs: 50,
    bytesMax: 1 << 30,
    clock: { nowMs: () => 1_790_000_000_000, monotonicMs: () => 0 },
    onAlarm: () => {},
    files,
    segmentBytesMax,
  });
  /** The disk works again, the writer ends, and what it left open is settled. */
  const finish = async (): Promise<void> => {
    files.nextWrites.length = 0;
    files.everyWrite = undefined;
    files.truncateError = undefined;
    await journal.close();
    follower.markDead(2);
    look();
    rmSync(directory, { recursive: true });
  };
  return { journal, files, look, seen, alerts, finish };
}

const told = (seen: readonly CompletedExchange[]): string[] =>
  seen.map(({ admit, end }) => `${admit.id} ${end.outcome}`);

test('an admit that was read and then cut away does not hide what is written in its place', async () => {
  const { journal, files, look, seen, alerts, finish } = await openPair(64 * 1024);
  journal.admit(admitOf(sketch('a')));
  journal.attempt(attemptOf(sketch('a')));
  journal.admit(admitOf(sketch('b')));
  files.nextWrites.push(600, noSpace);
  files.beforeChange = look;

  assert.throws(() => journal.attempt(attemptOf(sketch('b'))), Fault);
  files.beforeChange = () => {};
  const ends = [journal.end(endOf(sketch('a'))), journal.end(endOf(sketch('b')))];
  await finish();
  await Promise.all(ends);

  assert.deepEqual(told(seen), ['a ok', 'b ok']);
  assert.deepEqual(alerts, []);
});

test('a segment is left for good once a next one is there, even if that one could not be begun', async () => {
  const { journal, files, look, seen, alerts, finish } = await openPair(5_000);
  journal.admit(admitOf(sketch('a')));
  journal.attempt(attemptOf(sketch('a')));
  journal.admit(largeAdmit('b'));
  files.nextWrites.push(10);

  // It does not fit into the first segment; of the second there is half a header.
  assert.throws(() => journal.attempt({ ...attemptOf(sketch('b')), targetModel: 'm'.repeat(2_000) }), Fault);
  look();
  const ends = ['a', 'b'].map(id => journal.end(endOf(sketch(id))));
  await finish();
  await Promise.all(ends);

  assert.deepEqual(told(seen), ['a ok', 'b ok']);
  assert.deepEqual(alerts, []);
});

/** One step of the simulation below. */
type Step =
  | { readonly do: 'admit' | 'attempt' | 'end'; readonly exchange: number }
  | { readonly do: 'fail-write'; readonly after: number; readonly error: NodeJS.ErrnoException }
  | { readonly do: 'fail-cut'; readonly on: boolean }
  | { readonly do: 'look' }
  | { readonly do: 'recover' };

const exchange = fc.nat(3);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 10, arbitrary: fc.record({ do: fc.constantFrom('admit', 'attempt', 'end'), exchange }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('fail-write' as const),
      // Within a header, an admit, what follows an admit, and an end.
      after: fc.constantFrom(10, 200, 600, 1_500, 2_700),
      error: fc.constantFrom(noSpace, ioError),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('fail-cut' as const), on: fc.boolean() }) },
  { weight: 3, arbitrary: fc.constantFrom({ do: 'look' as const }, { do: 'recover' as const }) },
);

test('whatever writes fail and whenever it is read, every end is taken once as it is, and nobody is alerted', async t => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  await fc.assert(
    // Without a size arrays stay below ten steps, too few for a failure, a recovery and what follows it.
    fc.asyncProperty(fc.array(step, { maxLength: 60, size: 'max' }), fc.boolean(), async (steps, looksAtEachChange) => {
      const { journal, files, look, seen, alerts, finish } = await openPair(6_000);
      if (looksAtEachChange) files.beforeChange = look;
      files.syncContents = async () => {};
      files.syncDirectory = async () => {};
      /** By exchange: its attempts that were acknowledged; ids are new each time. */
      const attempts = new Map<string, number>();
      const open = new Map<number, string>();
      const ended: string[] = [];
      const waiting: Promise<void>[] = [];
      for (const next of steps) {
        if (next.do === 'fail-write') files.nextWrites.push(next.after, next.error);
        else if (next.do === 'fail-cut') files.truncateError = next.on ? ioError : undefined;
        else if (next.do === 'look') look();
        else if (next.do === 'recover') {
          t.mock.timers.tick(5_000);
          await new Promise(resolve => setImmediate(resolve));
        } else {
          const known = open.get(next.exchange);
          try {
            if (next.do === 'admit' && known === undefined) {
              const id = `x${attempts.size + 1}`;
              // Large ones need the next segment where the end of another fits into this one.
              journal.admit(next.exchange % 2 === 0 ? admitOf(sketch(id)) : largeAdmit(id));
              open.set(next.exchange, id);
              attempts.set(id, 0);
            } else if (next.do === 'attempt' && known !== undefined) {
              journal.attempt(attemptOf(sketch(known), attempts.get(known)! + 1));
              attempts.set(known, attempts.get(known)! + 1);
            } else if (next.do === 'end' && known !== undefined) {
              open.delete(next.exchange);
              waiting.push(Promise.resolve(journal.end(endOf(sketch(known)))));
              ended.push(`${known} ok`);
            }
          } catch (error) {
            if (!(error instanceof Fault)) throw error;
          }
        }
      }
      await finish();
      await Promise.all(waiting);

      assert.deepEqual(alerts, []);
      assert.deepEqual(told(seen.filter(({ orphan }) => !orphan)).sort(), ended.sort());
      const orphans = seen.filter(({ orphan }) => orphan);
      assert.equal(new Set(orphans.map(({ admit }) => admit.id)).size, orphans.length);
      const left = new Map([...open.values()].map(id => [id, attempts.get(id)!]));
      for (const { admit, end } of orphans) {
        // One that was never attempted is there only when a broken write left its admit, and then it costs nothing.
        assert.equal(end.attempts.length, left.get(admit.id), admit.id);
        left.delete(admit.id);
      }
      assert.deepEqual(
        [...left.values()].filter(attempted => attempted > 0),
        [],
      );
    }),
    { numRuns: 300 },
  );
});
