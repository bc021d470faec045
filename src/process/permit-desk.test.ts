import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { VirtualTime } from '../../test/support/virtual-time.ts';
import type { ToSupervisor, ToWorker } from './messages.ts';
import { PermitDesk } from './permit-desk.ts';
import { WorkerPermits } from './worker-permits.ts';

/** A desk and its workers, joined by channels that deliver in order, but only when the test says so. */
class Replica {
  readonly time = new VirtualTime();
  limit: number | undefined;
  readonly desk: PermitDesk;
  readonly workers = new Map<number, WorkerPermits>();
  readonly toDesk = new Map<number, ToSupervisor[]>();
  readonly toWorker = new Map<number, ToWorker[]>();

  constructor(limit: number | undefined, workers: number) {
    this.limit = limit;
    this.desk = new PermitDesk({
      limit: () => this.limit,
      send: (worker, message) => this.toWorker.get(worker)?.push(message),
      after: this.time.after,
    });
    for (let worker = 1; worker <= workers; worker += 1) this.#add(worker);
  }

  #add(worker: number): void {
    this.toDesk.set(worker, []);
    this.toWorker.set(worker, []);
    this.workers.set(
      worker,
      new WorkerPermits({
        limit: () => this.limit,
        send: message => this.toDesk.get(worker)?.push(message),
        monotonicMs: this.time.monotonicMs,
        after: this.time.after,
      }),
    );
  }

  kill(worker: number): void {
    this.workers.delete(worker);
    this.toDesk.delete(worker);
    this.toWorker.delete(worker);
    this.desk.forget(worker);
  }

  deliverUp(worker: number): boolean {
    const message = this.toDesk.get(worker)?.shift();
    if (message?.type === 'permit-request') this.desk.request(worker, message);
    if (message?.type === 'return-permits') this.desk.returned(worker, message.handle, message.count);
    return message !== undefined;
  }

  deliverDown(worker: number): boolean {
    const message = this.toWorker.get(worker)?.shift();
    const permits = this.workers.get(worker);
    if (message?.type === 'permits') permits?.granted(message.request, message.granted);
    if (message?.type === 'recall-permits') permits?.recall(message.handle);
    return message !== undefined;
  }

  deliverAll(): void {
    for (;;) {
      let moved = false;
      for (const worker of this.workers.keys()) moved = this.deliverUp(worker) || this.deliverDown(worker) || moved;
      if (!moved) return;
    }
  }

  get inUse(): number {
    let total = 0;
    for (const permits of this.workers.values()) total += permits.inUse;
    return total;
  }
}

test('an unbounded deployment is permitted at once without asking', () => {
  const replica = new Replica(undefined, 1);

  assert.equal(replica.workers.get(1)!.acquire('h'), true);

  assert.deepEqual(replica.toDesk.get(1), []);
  replica.workers.get(1)!.release('h');
});

test('the attempt over the limit is refused within the wait, and permitted after a release', async () => {
  const replica = new Replica(1, 1);
  const permits = replica.workers.get(1)!;
  const first = permits.acquire('h');
  replica.deliverAll();
  assert.equal(await first, true);

  const second = permits.acquire('h');
  replica.deliverAll();
  replica.time.advance(50);
  replica.deliverAll();
  assert.equal(await second, false);

  permits.release('h');
  assert.equal(permits.acquire('h'), true);
});

test('an idle permit that one worker keeps is recalled for another', async () => {
  const replica = new Replica(1, 2);
  const first = replica.workers.get(1)!.acquire('h');
  replica.deliverAll();
  assert.equal(await first, true);
  replica.workers.get(1)!.release('h');

  const second = replica.workers.get(2)!.acquire('h');
  replica.deliverAll();

  assert.equal(await second, true);
  assert.equal(replica.inUse, 1);
});

test('a permit released while another worker waits goes to that worker', async () => {
  const replica = new Replica(1, 2);
  const first = replica.workers.get(1)!.acquire('h');
  replica.deliverAll();
  assert.equal(await first, true);
  const second = replica.workers.get(2)!.acquire('h');
  replica.deliverAll();

  replica.time.advance(20);
  replica.workers.get(1)!.release('h');
  replica.deliverAll();

  assert.equal(await second, true);
});

test('the permits of a dead worker are free again', async () => {
  const replica = new Replica(2, 2);
  const held = [replica.workers.get(1)!.acquire('h'), replica.workers.get(1)!.acquire('h')];
  replica.deliverAll();
  assert.deepEqual(await Promise.all(held), [true, true]);

  replica.kill(1);
  const next = replica.workers.get(2)!.acquire('h');
  replica.deliverAll();

  assert.equal(await next, true);
  assert.equal(replica.desk.grantedTotal('h'), 1);
});

test('a permit that arrives after its waiter gave up serves the next attempt', async () => {
  const replica = new Replica(1, 1);
  const permits = replica.workers.get(1)!;
  const late = permits.acquire('h');
  replica.time.advance(50);
  assert.equal(await late, false);

  replica.deliverAll();

  assert.equal(permits.acquire('h'), true);
});

test('a lowered limit lets running attempts end and permits no further ones', async () => {
  const replica = new Replica(3, 1);
  const permits = replica.workers.get(1)!;
  const running = [permits.acquire('h'), permits.acquire('h'), permits.acquire('h')];
  replica.deliverAll();
  assert.deepEqual(await Promise.all(running), [true, true, true]);

  replica.limit = 1;
  replica.desk.limitsChanged();
  replica.deliverAll();
  permits.release('h');
  permits.release('h');
  replica.deliverAll();
  const next = permits.acquire('h');
  replica.deliverAll();
  replica.time.advance(50);
  replica.deliverAll();

  assert.equal(await next, false);
  assert.equal(replica.inUse, 1);
});

test('over any interleaving no more attempts run than the limit, nobody waits longer, and no permit is lost', async () => {
  const step = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ do: fc.constant('acquire' as const), worker: fc.integer({ min: 1, max: 3 }) }),
    },
    {
      weight: 4,
      arbitrary: fc.record({ do: fc.constant('release' as const), worker: fc.integer({ min: 1, max: 3 }) }),
    },
    { weight: 5, arbitrary: fc.record({ do: fc.constant('up' as const), worker: fc.integer({ min: 1, max: 3 }) }) },
    { weight: 5, arbitrary: fc.record({ do: fc.constant('down' as const), worker: fc.integer({ min: 1, max: 3 }) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), worker: fc.integer({ min: 1, max: 60 }) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('kill' as const), worker: fc.integer({ min: 1, max: 3 }) }) },
  );
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 4 }), fc.array(step, { maxLength: 80 }), async (limit, steps) => {
      const replica = new Replica(limit, 3);
      const running = new Map<number, number>();
      const waiting = new Map<number, number>();
      for (const { do: what, worker } of steps) {
        const permits = replica.workers.get(worker);
        if (what === 'acquire' && permits !== undefined) {
          waiting.set(worker, (waiting.get(worker) ?? 0) + 1);
          void Promise.resolve(permits.acquire('h')).then(permitted => {
            if (replica.workers.has(worker)) waiting.set(worker, waiting.get(worker)! - 1);
            if (permitted) running.set(worker, (running.get(worker) ?? 0) + 1);
          });
        }
        if (what === 'release' && permits !== undefined && (running.get(worker) ?? 0) > 0) {
          running.set(worker, running.get(worker)! - 1);
          permits.release('h');
        }
        if (what === 'up') replica.deliverUp(worker);
        if (what === 'down') replica.deliverDown(worker);
        if (what === 'wait') replica.time.advance(worker);
        if (what === 'kill' && replica.workers.size > 1 && permits !== undefined) {
          replica.kill(worker);
          running.delete(worker);
          waiting.delete(worker);
        }
        await turn();
        assert.ok(replica.inUse <= limit, `${replica.inUse} attempts at a limit of ${limit}`);
        assert.ok(replica.desk.grantedTotal('h') <= limit);
      }

      replica.time.advance(50);
      await turn();
      assert.ok(
        [...waiting.values()].every(count => count === 0),
        'a waiter was not answered within 50 ms',
      );
      for (const [worker, count] of running) {
        for (let i = 0; i < count; i += 1) replica.workers.get(worker)?.release('h');
      }
      replica.deliverAll();
      replica.time.advance(200);
      replica.deliverAll();
      const last = [...replica.workers.keys()][0]!;
      const all = Array.from({ length: limit }, () => replica.workers.get(last)!.acquire('h'));
      replica.deliverAll();
      assert.ok((await Promise.all(all)).every(permitted => permitted));
      assert.equal(replica.inUse, limit);
    }),
    { numRuns: 300 },
  );
});

function turn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve));
}
