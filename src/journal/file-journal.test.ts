import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { FaultyFiles, ioError, noSpace } from '../../test/support/faulty-files.ts';
import { Fault } from '../completion/fault.ts';
import { FileJournal, type JournalAlarm, type JournalOptions } from './file-journal.ts';
import type { AdmitRecord, AttemptRecord, EndRecord, JournalRecord, ProgressRecord } from './record.ts';
import { exchangeReserveBytes, freeBytesMin } from './room.ts';
import { listSegments, readRecords } from './segment.ts';

const root = mkdtempSync(join(tmpdir(), 'carrier-journal-'));
after(() => rmSync(root, { recursive: true }));
const roomy = 1 << 30;

class FakeClock {
  ms = 1_700_000_000_000;
  nowMs = (): number => this.ms;
  monotonicMs = (): number => this.ms;
}

interface Bench {
  readonly journal: FileJournal;
  readonly files: FaultyFiles;
  readonly clock: FakeClock;
  readonly alarms: JournalAlarm[];
  readonly directory: string;
}

async function openJournal(t: TestContext, options: Partial<JournalOptions> = {}): Promise<Bench> {
  const directory = mkdtempSync(join(root, 'j-'));
  const files = new FaultyFiles();
  const clock = new FakeClock();
  const alarms: JournalAlarm[] = [];
  const journal = await FileJournal.open({
    directory,
    generation: 5,
    worker: 2,
    fsync: 'never',
    fsyncIntervalMs: 50,
    bytesMax: roomy,
    clock,
    onAlarm: alarm => alarms.push(alarm),
    files,
    ...options,
  });
  t.after(() => journal.close());
  return { journal, files, clock, alarms, directory };
}

function recordsIn(directory: string): JournalRecord[] {
  return listSegments(directory).flatMap(segment => {
    const read = readRecords(segment.path, 0, roomy);
    assert.notEqual(read.end, 'corrupt', segment.path);
    return read.records.map(entry => entry.record);
  });
}

function typesOf(records: readonly JournalRecord[]): string[] {
  return records.map(record => `${record.type} ${record.id}`);
}

function admit(id: string): AdmitRecord {
  return {
    type: 'admit',
    id,
    atMs: 1,
    organisation: 'acme',
    project: 'acme/web',
    key: 'abcdefgh',
    dialect: 'openai-chat',
    requestedModel: 'smart',
    stream: false,
    snapshot: 'f00d',
    hold: { amountAtto: '0', currency: 'USD', leases: [] },
    sandbox: true,
  };
}

function attempt(id: string): AttemptRecord {
  const rates = { version: 'pv', currency: 'USD', input: '1', output: '2' };
  return {
    type: 'attempt',
    id,
    attempt: 1,
    atMs: 2,
    deployment: 'd',
    provider: 'p',
    model: 'v/m',
    targetModel: 'm',
    dialect: 'openai-chat',
    inputTokensEstimate: 3,
    estimateRule: 'bytes-per-token/1:openai-chat',
    sell: rates,
    buy: rates,
  };
}

function progress(id: string): ProgressRecord {
  return { type: 'progress', id, attempt: 1, atMs: 3, contentBytes: 4, outputTokensEstimate: 1 };
}

function end(id: string, decision: unknown = null): EndRecord {
  return {
    type: 'end',
    id,
    atMs: 4,
    status: 200,
    outcome: 'ok',
    stream: false,
    attempts: [],
    state: 'settled',
    losses: [],
    deliveredBytes: 0,
    requestBytes: 0,
    responseBytes: 0,
    durationMs: 1,
    decision,
  };
}

const isFull = (error: unknown): boolean => error instanceof Fault && error.code === 'journal_full';
const isFailed = (error: unknown): boolean => error instanceof Fault && error.code === 'journal_failed';

test('an exchange is read back as it was written, its admit in one write with its first attempt', async t => {
  const { journal, files, directory } = await openJournal(t);
  const writesBefore = files.writes;

  journal.admit(admit('a'));
  assert.equal(files.writes, writesBefore);
  assert.equal(journal.attempt(attempt('a')), undefined);
  assert.equal(files.writes, writesBefore + 1);
  journal.progress(progress('a'));
  assert.equal(journal.end(end('a')), undefined);

  assert.deepEqual(recordsIn(directory), [admit('a'), attempt('a'), progress('a'), end('a')]);
  assert.deepEqual(readdirSync(directory), ['5-2-00000001.log']);
});

test('an exchange that never got an attempt leaves admit and end', async t => {
  const { journal, directory } = await openJournal(t);

  journal.admit(admit('a'));
  journal.end(end('a'));

  assert.deepEqual(typesOf(recordsIn(directory)), ['admit a', 'end a']);
});

test('records for an exchange that is not open are a broken invariant', async t => {
  const { journal } = await openJournal(t);
  journal.admit(admit('a'));
  journal.end(end('a'));

  assert.throws(() => journal.end(end('a')), /exchange a is not open; its end has no place/);
  assert.throws(() => journal.attempt(attempt('b')), /exchange b is not open/);
  journal.admit(admit('c'));
  assert.throws(() => journal.admit(admit('c')), /admitted already/);
});

test('after close every call throws', async t => {
  const { journal } = await openJournal(t);
  journal.admit(admit('a'));

  await journal.close();

  assert.throws(() => journal.admit(admit('b')), /closed/);
  assert.throws(() => journal.end(end('a')), /closed/);
  assert.equal(journal.hasRoom(), false);
});

test('a generation that exists already is never appended to', async t => {
  const { directory, clock } = await openJournal(t);

  await assert.rejects(
    FileJournal.open({
      directory,
      generation: 5,
      worker: 2,
      fsync: 'never',
      fsyncIntervalMs: 50,
      bytesMax: roomy,
      clock,
      onAlarm: () => {},
    }),
    { code: 'EEXIST' },
  );
});

test('segments are sealed at their size, and reading them in order gives the order of writing', async t => {
  const { journal, directory } = await openJournal(t, { segmentBytesMax: 2_000, fsync: 'interval' });
  const expected: string[] = [];

  for (let index = 0; index < 40; index += 1) {
    const id = `x${index}`;
    journal.admit(admit(id));
    journal.attempt(attempt(id));
    journal.end(end(id));
    expected.push(`admit ${id}`, `attempt ${id}`, `end ${id}`);
  }
  await journal.close();

  assert.deepEqual(typesOf(recordsIn(directory)), expected);
  const segments = listSegments(directory);
  assert.ok(segments.length >= 20, `${segments.length} segments`);
  assert.ok(segments.every(segment => segment.bytes <= 2_000));
});

test('always: one sync covers all that wait, and nobody is told before it', async t => {
  const { journal, files } = await openJournal(t, { fsync: 'always' });
  const gate = Promise.withResolvers<void>();
  files.syncGate = gate.promise;
  for (const id of ['a', 'b', 'c', 'd']) journal.admit(admit(id));

  let told = 0;
  const waiting = ['a', 'b', 'c', 'd'].map(id => journal.attempt(attempt(id))!.then(() => (told += 1)));
  await new Promise(resolve => setImmediate(resolve));
  assert.equal(told, 0);
  gate.resolve();
  await Promise.all(waiting);

  assert.equal(told, 4);
  // The first attempt's own, and one for the other three.
  assert.equal(files.syncs, 2);
  for (const id of ['a', 'b', 'c', 'd']) await journal.end(end(id));
});

test('always: a failed sync is told to those who waited, and nothing is admitted until a new segment is synced', async t => {
  const { journal, files, alarms, directory } = await openJournal(t, { fsync: 'always' });
  journal.admit(admit('a'));
  files.syncError = ioError;

  await assert.rejects(journal.attempt(attempt('a'))!, isFailed);

  assert.deepEqual(
    alarms.map(alarm => alarm.code),
    ['journal_failed'],
  );
  assert.equal(journal.hasRoom(), false);
  assert.throws(() => journal.admit(admit('b')), isFailed);
  files.syncError = undefined;
  await journal.end(end('a'));
  await eventually(() => journal.hasRoom());
  assert.deepEqual(
    alarms.map(alarm => alarm.code),
    ['journal_failed', 'journal_recovered'],
  );
  assert.deepEqual(typesOf(recordsIn(directory)), ['admit a', 'attempt a', 'end a']);
  assert.deepEqual(readdirSync(directory).length, 2);
});

test('interval: records are synced once per interval, however many there are', async t => {
  const { journal, files } = await openJournal(t, { fsync: 'interval', fsyncIntervalMs: 5 });

  for (let index = 0; index < 50; index += 1) {
    journal.admit(admit(`x${index}`));
    assert.equal(journal.attempt(attempt(`x${index}`)), undefined);
  }
  assert.equal(files.syncs, 0);
  await eventually(() => files.syncs === 1);
});

test('a short write is completed', async t => {
  const { journal, files, directory } = await openJournal(t);
  journal.admit(admit('a'));
  files.nextWrites.push(10, 1, 300);

  journal.attempt(attempt('a'));
  journal.end(end('a'));

  assert.deepEqual(recordsIn(directory), [admit('a'), attempt('a'), end('a')]);
});

test('a disk that fills in the middle of a record leaves no part of it', async t => {
  const { journal, files, alarms, directory } = await openJournal(t);
  journal.admit(admit('a'));
  journal.attempt(attempt('a'));
  journal.admit(admit('b'));
  files.nextWrites.push(37, noSpace);

  assert.throws(() => journal.attempt(attempt('b')), isFull);

  assert.deepEqual(recordsIn(directory), [admit('a'), attempt('a')]);
  assert.equal(readRecords(listSegments(directory)[0]!.path, 0, roomy).end, 'end-of-file');
  assert.deepEqual(
    alarms.map(alarm => alarm.code),
    ['journal_full'],
  );
  assert.throws(() => journal.admit(admit('c')), isFull);
});

test('an admitted exchange ends although the disk was full: its end waits, and is written once', async t => {
  const { journal, files, alarms, directory } = await openJournal(t);
  journal.admit(admit('a'));
  journal.attempt(attempt('a'));
  journal.admit(admit('b'));
  files.everyWrite = noSpace;

  const first = journal.end(end('a'));
  const second = journal.end(end('b'));
  assert.ok(first instanceof Promise && second instanceof Promise);
  assert.equal(journal.hasRoom(), false);
  files.everyWrite = undefined;
  await Promise.all([first, second]);

  assert.deepEqual(typesOf(recordsIn(directory)), ['admit a', 'attempt a', 'end a', 'admit b', 'end b']);
  await eventually(() => journal.hasRoom());
  assert.deepEqual(
    alarms.map(alarm => alarm.code),
    ['journal_full', 'journal_recovered'],
  );
});

test('an end waits for the disk however long that takes, and is then as durable as any', async t => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { journal, files, directory } = await openJournal(t);
  journal.admit(admit('a'));
  journal.attempt(attempt('a'));
  files.everyWrite = noSpace;

  const written = journal.end(end('a'))!;
  for (let passed = 0; passed < 60_000; passed += 250) t.mock.timers.tick(250);
  assert.deepEqual(typesOf(recordsIn(directory)), ['admit a', 'attempt a']);
  files.everyWrite = undefined;
  for (let passed = 0; passed < 6_000; passed += 250) t.mock.timers.tick(250);
  await written;

  assert.deepEqual(typesOf(recordsIn(directory)), ['admit a', 'attempt a', 'end a']);
});

test('closing refuses the ends that the disk never took', async t => {
  const { journal, files, directory } = await openJournal(t);
  journal.admit(admit('a'));
  journal.attempt(attempt('a'));
  files.everyWrite = noSpace;
  const refused = assert.rejects(journal.end(end('a'))!, isFull);

  await journal.close();

  await refused;
  assert.deepEqual(typesOf(recordsIn(directory)), ['admit a', 'attempt a']);
});

test('a device that fails in one place is left: the segment is cut back and the next one begun', async t => {
  const { journal, files, directory, alarms } = await openJournal(t);
  journal.admit(admit('a'));
  journal.attempt(attempt('a'));
  journal.admit(admit('b'));
  files.nextWrites.push(50, ioError);

  journal.attempt(attempt('b'));
  journal.end(end('b'));

  assert.deepEqual(typesOf(recordsIn(directory)), ['admit a', 'attempt a', 'admit b', 'attempt b', 'end b']);
  assert.equal(listSegments(directory).length, 2);
  assert.deepEqual(alarms, []);
});

test('a segment that cannot even be cut back ends in a torn tail, and nothing is written behind it', async t => {
  const { journal, files, directory } = await openJournal(t);
  journal.admit(admit('a'));
  journal.attempt(attempt('a'));
  files.truncateError = ioError;
  files.nextWrites.push(50, ioError);

  journal.end(end('a'));

  const [torn, next] = listSegments(directory);
  assert.equal(readRecords(torn!.path, 0, roomy).end, 'torn');
  assert.deepEqual(typesOf(readRecords(torn!.path, 0, roomy).records.map(entry => entry.record)), [
    'admit a',
    'attempt a',
  ]);
  assert.deepEqual(typesOf(readRecords(next!.path, 0, roomy).records.map(entry => entry.record)), ['end a']);
});

test('admission reserves the largest end for every open exchange', async t => {
  const { journal } = await openJournal(t, { bytesMax: 10 * exchangeReserveBytes + 100 });

  for (let index = 0; index < 10; index += 1) journal.admit(admit(`x${index}`));

  assert.equal(journal.hasRoom(), false);
  assert.throws(() => journal.admit(admit('one too many')), isFull);
  journal.end(end('x3'));
  assert.throws(() => journal.admit(admit('what x3 wrote is not free')), isFull);
  journal.end(end('x4'));
  journal.admit(admit('x10'));
});

test('a full disk is seen within a second, and so is one that was freed', async t => {
  const { journal, files, clock } = await openJournal(t);
  assert.equal(journal.hasRoom(), true);
  files.free = freeBytesMin + exchangeReserveBytes - 1;

  assert.equal(journal.hasRoom(), true);
  clock.ms += 1_000;
  journal.hasRoom();
  await eventually(() => !journal.hasRoom());
  assert.throws(() => journal.admit(admit('a')), isFull);
  files.free = freeBytesMin + exchangeReserveBytes;
  clock.ms += 1_000;
  journal.hasRoom();
  await eventually(() => journal.hasRoom());
});

test('segments that were shipped and deleted make room', async t => {
  const { journal, clock, directory } = await openJournal(t, {
    bytesMax: exchangeReserveBytes + 4_000,
    segmentBytesMax: 1_000,
  });
  for (let index = 0; journal.hasRoom(); index += 1) {
    journal.admit(admit(`x${index}`));
    journal.end(end(`x${index}`));
  }

  for (const segment of listSegments(directory).slice(0, -1)) rmSync(segment.path);
  clock.ms += 1_000;
  journal.hasRoom();

  await eventually(() => journal.hasRoom());
  assert.ok(statSync(listSegments(directory)[0]!.path).size <= 1_000);
});

test('a journal that is full of what is shipped already lets go of its segment, and has room again', async t => {
  const { journal, clock, directory } = await openJournal(t, { bytesMax: exchangeReserveBytes + 400_000 });
  for (let index = 0; journal.hasRoom(); index += 1) {
    journal.admit(admit(`x${index}`));
    journal.end(end(`x${index}`));
  }

  // The shipper deletes what is sealed.
  const segments = listSegments(directory);
  assert.equal(segments.length, 2);
  rmSync(segments[0]!.path);
  clock.ms += 1_000;
  journal.hasRoom();

  await eventually(() => journal.hasRoom());
  journal.admit(admit('after'));
  journal.end(end('after'));
  assert.deepEqual(typesOf(recordsIn(directory)), ['admit after', 'end after']);
});

test('an admit that no bounded request can make is a broken invariant', async t => {
  const { journal } = await openJournal(t);

  assert.throws(() => journal.admit({ ...admit('a'), tags: { x: 'y'.repeat(200_000) } }), RangeError);
  assert.throws(() => journal.attempt(attempt('a')), /not open/);
});

/** One step of the simulation below. */
type Step =
  | { readonly do: 'admit' | 'attempt' | 'progress' | 'end'; readonly exchange: number }
  | { readonly do: 'fail-write'; readonly after: number; readonly error: NodeJS.ErrnoException }
  | { readonly do: 'fail-cut'; readonly on: boolean };

test('whatever writes fail, what was acknowledged is there once and in order, and nothing half', async t => {
  const exchange = fc.nat(7);
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 8, arbitrary: fc.record({ do: fc.constantFrom('admit', 'attempt', 'progress', 'end'), exchange }) },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('fail-write' as const),
        after: fc.nat(700),
        error: fc.constantFrom(noSpace, ioError),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('fail-cut' as const), on: fc.boolean() }) },
  );
  await fc.assert(
    // Without a size arrays stay below ten steps, too few for a failure, a recovery and what follows it.
    fc.asyncProperty(fc.array(step, { maxLength: 60, size: 'max' }), async steps => {
      const { journal, files, directory } = await openJournal(t, { segmentBytesMax: 3_000 });
      const acknowledged: string[] = [];
      const waiting: Promise<void>[] = [];
      /** What the caller knows of each exchange; ids are new each time. */
      const open = new Map<number, { id: string; attempted: boolean }>();
      let count = 0;
      for (const next of steps) {
        if (next.do === 'fail-write') {
          files.nextWrites.push(next.after, next.error);
          continue;
        }
        if (next.do === 'fail-cut') {
          files.truncateError = next.on ? ioError : undefined;
          continue;
        }
        const known = open.get(next.exchange);
        try {
          if (next.do === 'admit' && known === undefined) {
            const id = `x${(count += 1)}`;
            journal.admit(admit(id));
            open.set(next.exchange, { id, attempted: false });
          } else if (next.do === 'attempt' && known !== undefined) {
            journal.attempt(attempt(known.id));
            if (!known.attempted) acknowledged.push(`admit ${known.id}`);
            known.attempted = true;
            acknowledged.push(`attempt ${known.id}`);
          } else if (next.do === 'progress' && known?.attempted === true) {
            journal.progress(progress(known.id));
          } else if (next.do === 'end' && known !== undefined) {
            open.delete(next.exchange);
            const done = journal.end(end(known.id));
            if (!known.attempted) acknowledged.push(`admit ${known.id}`);
            acknowledged.push(`end ${known.id}`);
            if (done !== undefined) waiting.push(done.catch(() => assert.fail('an end was lost')));
          }
        } catch (error) {
          if (!(error instanceof Fault)) throw error;
        }
      }
      files.nextWrites.length = 0;
      files.truncateError = undefined;
      await journal.close().then(() => Promise.all(waiting));

      const records = withoutTornAdmits(recordsIn(directory), acknowledged);
      const found = typesOf(records.filter(record => record.type !== 'progress'));
      assert.deepEqual([...found].sort(), [...acknowledged].sort());
      const rank = { admit: 0, attempt: 1, progress: 2, end: 3 };
      const last = new Map<string, number>();
      for (const record of records) {
        const before = last.get(record.id);
        assert.ok(record.type === 'admit' ? before === undefined : before !== undefined, `${record.type} ${record.id}`);
        assert.ok((before ?? 0) < 3, `${record.type} ${record.id} behind its end`);
        last.set(record.id, rank[record.type]);
      }
      rmSync(directory, { recursive: true });
    }),
    { numRuns: 120 },
  );
});

/** Where a write broke off behind a whole admit and could not even be cut back, that admit is there although nobody was
 *  told so: alone, if no later write of its exchange succeeded, else a second time, the same. */
function withoutTornAdmits(records: readonly JournalRecord[], acknowledged: readonly string[]): JournalRecord[] {
  const admits = new Map<string, string>();
  return records.filter(record => {
    if (record.type !== 'admit') return true;
    const json = JSON.stringify(record);
    const first = admits.get(record.id);
    admits.set(record.id, first ?? json);
    return first !== json && acknowledged.includes(`admit ${record.id}`);
  });
}

/** Looks again after each turn of the event loop, at most two seconds. */
async function eventually(condition: () => boolean): Promise<void> {
  const giveUpAt = Date.now() + 2_000;
  while (!condition()) {
    if (Date.now() > giveUpAt) assert.fail('the condition did not come true');
    await new Promise(resolve => setTimeout(resolve, 2));
  }
}
