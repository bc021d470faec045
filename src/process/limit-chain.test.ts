import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LimitReplica, LimitRows, quiet, testLimit } from '../../test/support/limit-chain.ts';
import { VirtualTime } from '../../test/support/virtual-time.ts';
import type { Limit } from '../snapshot/limits.ts';

type Step =
  | { readonly do: 'take' | 'end' | 'refund' | 'deliver' | 'crash'; readonly replica: number; readonly n: number }
  | { readonly do: 'advance'; readonly n: number }
  | { readonly do: 'sweep' };

const at = { replica: fc.nat(1), n: fc.nat(20) };
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ do: fc.constant('take' as const), ...at }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('end' as const), ...at }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('refund' as const), ...at }) },
  { weight: 12, arbitrary: fc.record({ do: fc.constant('deliver' as const), ...at }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('crash' as const), ...at }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('advance' as const), n: fc.constantFrom(5, 100, 1_500, 30_000) }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'sweep' as const }) },
);

/** Two replicas of two workers, whose clocks differ, over one database. */
function chain(limit: Limit, skewMs: number) {
  const time = new VirtualTime();
  const rows = new LimitRows();
  const replicas = [0, skewMs].map(
    skew => new LimitReplica({ time, limit, rows, replicas: 2, workers: 2, skewMs: skew }),
  );
  const admitted = () => {
    const sums = new Map<number, number>();
    for (const replica of replicas) {
      for (const [window, count] of replica.admitted) sums.set(window, (sums.get(window) ?? 0) + count);
    }
    return sums;
  };
  return { time, rows, replicas, admitted };
}

/** Time goes by, and whatever is said in it arrives. */
async function pass(ms: number, { time, replicas }: ReturnType<typeof chain>): Promise<void> {
  for (let passed = 0; passed < ms; passed += 5) {
    await quiet(replicas);
    time.advance(Math.min(5, ms - passed));
  }
  await quiet(replicas);
}

async function play(played: ReturnType<typeof chain>, step: Step, tokens: number): Promise<void> {
  const { time, replicas } = played;
  switch (step.do) {
    case 'take':
      replicas[step.replica]!.take(step.n, tokens);
      break;
    case 'end':
      replicas[step.replica]!.end(step.n, Math.max(0, tokens - step.n));
      break;
    case 'refund':
      replicas[step.replica]!.end(step.n, undefined);
      break;
    case 'deliver':
      replicas[step.replica]!.deliver(step.n);
      break;
    case 'crash':
      replicas[step.replica]!.crash(step.n);
      break;
    case 'advance':
      // Whoever waits is answered before his time is over: what happens otherwise is another test.
      await pass(Math.min(step.n, 60), played);
      time.advance(Math.max(0, step.n - 60));
      break;
    case 'sweep':
      for (const replica of replicas) replica.sweep();
  }
  await new Promise(resolve => setImmediate(resolve));
}

test('over any interleaving of takes, ends, crashes and skewed clocks no window admits more than its limit', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 80 }),
      fc.constantFrom('requestsPerMinute' as const, 'requestsPerDay' as const, 'concurrency' as const),
      fc.integer({ min: 1, max: 12 }),
      fc.constantFrom(0, 900, -2_500),
      async (steps, measure, limit, skewMs) => {
        const played = chain(testLimit(measure, limit), skewMs);
        for (const step of steps) {
          await play(played, step, 1);
          const open = played.replicas.reduce((sum, replica) => sum + replica.open.length, 0);
          if (measure === 'concurrency') assert.ok(open <= limit, `${open} at once`);
          else for (const count of played.admitted().values()) assert.ok(count <= limit, `${count} admitted`);
        }
      },
    ),
    { numRuns: 120 },
  );
});

test('a limit of tokens is passed by no more than what requests use beyond what was expected of them', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(1), fc.integer({ min: 1, max: 30 }), fc.integer({ min: 0, max: 90 })), {
        maxLength: 30,
      }),
      async requests => {
        const limit = 300;
        const played = chain(testLimit('tokensPerMinute', limit), 0);
        let used = 0;
        let beyond = 0;
        for (const [index, expected, really] of requests) {
          const replica = played.replicas[index]!;
          const before = replica.open.length;
          replica.take(expected, expected);
          await pass(60, played);
          if (replica.open.length === before) continue;
          replica.end(before, really);
          used += really;
          beyond += Math.max(0, really - expected);
          assert.ok(used - beyond <= limit, `${used} used, ${beyond} of it beyond what was expected`);
        }
      },
    ),
    { numRuns: 30 },
  );
});

test('what was used beyond what was expected is missing to all, and what is still owed to the next window', async () => {
  const played = chain(testLimit('tokensPerMinute', 1_000), 0);
  const [one, two] = played.replicas;
  const ask = async (replica: LimitReplica, expected: number, really: number) => {
    const before = replica.open.length;
    replica.take(0, expected);
    await pass(60, played);
    const admitted = replica.open.length > before;
    if (admitted) replica.end(before, really);
    await pass(300, played);
    return admitted;
  };

  assert.equal(await ask(one!, 10, 900), true);
  assert.equal(await ask(two!, 200, 200), false);
  assert.equal(await ask(two!, 50, 50), true);
  // 1,400 more than there is: all but one window of it follows into the next.
  assert.equal(await ask(one!, 10, 1_450), true);
  assert.equal(await ask(two!, 30, 30), false);
  await pass(60_000 - played.time.monotonicMs(), played);
  assert.equal(await ask(one!, 10, 10), false);
  await pass(120_000 - played.time.monotonicMs(), played);
  assert.equal(await ask(one!, 10, 10), true);
});

test('offered three times the limit, two replicas admit all of it and no more, window after window', async () => {
  const limit = 1_200;
  const played = chain(testLimit('requestsPerMinute', limit), 0);
  const { time, replicas } = played;
  let next = 0;
  for (let ms = 0; ms < 180_000; ms += 50) {
    for (let n = 0; n < 3; n += 1) {
      // Nearly all of it comes to one replica.
      replicas[next % 10 === 0 ? 1 : 0]!.take(next, 1);
      next += 1;
    }
    if (ms % 1_000 === 0) for (const replica of replicas) replica.sweep();
    await quiet(replicas);
    time.advance(50);
    await quiet(replicas);
  }

  const counts = [...played.admitted().values()];
  assert.equal(counts.length, 3);
  for (const count of counts) assert.ok(count <= limit && count >= 0.97 * limit, `${counts.join(', ')} admitted`);
});

test('with the database gone a window admits the limit, shared out by replicas, and never nothing', async () => {
  const played = chain(testLimit('requestsPerMinute', 10), 0);
  const { rows, replicas } = played;
  rows.answers = false;
  for (let n = 0; n < 40; n += 1) {
    replicas[n % 2]!.take(n, 1);
    await pass(60, played);
  }

  assert.deepEqual(
    replicas.map(replica => [...replica.admitted.values()]),
    [[5], [5]],
  );
  assert.equal(replicas[0]!.refused.length, 15);

  // What was used meanwhile counts when it is back, as soon as every replica has told of it.
  rows.answers = true;
  for (let n = 0; n < 40; n += 1) {
    for (const replica of replicas) replica.sweep();
    replicas[n % 2]!.take(n, 1);
    await pass(60, played);
  }
  const [count] = [...played.admitted().values()];
  assert.ok(count! >= 10 && count! < 20, `${count} admitted`);
  assert.equal([...rows.taken.values()][0], count);
});

test('a database that goes away in the middle of a window leaves each replica its part of what was left', async () => {
  const played = chain(testLimit('requestsPerMinute', 100), 0);
  const { rows, replicas } = played;
  for (let n = 0; n < 40; n += 1) {
    replicas[0]!.take(n, 1);
    await pass(10, played);
  }
  rows.answers = false;
  for (let n = 0; n < 200; n += 1) {
    replicas[n % 2]!.take(n, 1);
    await pass(60, played);
  }

  const [count] = [...played.admitted().values()];
  assert.ok(count! > 40 && count! < 200, `${count} admitted`);
});

test('what a dead worker held at once is free again, and what it had of a minute is not given out twice', async () => {
  const atOnce = chain(testLimit('concurrency', 4), 0);
  for (let n = 0; n < 6; n += 1) {
    atOnce.replicas[0]!.take(0, 1);
    await quiet(atOnce.replicas);
  }
  assert.equal(atOnce.replicas[0]!.open.length, 4);
  atOnce.replicas[0]!.crash(0);
  for (let n = 0; n < 4; n += 1) {
    atOnce.time.advance(300);
    atOnce.replicas[1]!.take(0, 1);
    await pass(60, atOnce);
  }
  assert.equal(atOnce.replicas[1]!.open.length, 4);

  const minute = chain(testLimit('requestsPerMinute', 16), 0);
  minute.replicas[0]!.take(0, 1);
  await quiet(minute.replicas);
  minute.replicas[0]!.crash(0);
  for (let n = 0; n < 30; n += 1) {
    minute.replicas[0]!.take(n, 1);
    await pass(50, minute);
  }
  const [count] = [...minute.admitted().values()];
  assert.ok(count! <= 16 && count! >= 10, `${count} admitted`);
});
