import assert from 'node:assert/strict';
import { appendFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import fc from 'fast-check';
import { admitOf, attemptOf, endOf, exchangeId, progressOf, recordsOf } from '../../test/support/exchanges.ts';
import type { CompletedExchange } from './assemble.ts';
import type { JournalRecord } from './record.ts';
import { encodeFrame, encodeHeader, frameBytesMax, segmentFileName } from './segment.ts';
import {
  Shipper,
  type ShippingBatch,
  ShippingRefused,
  type ShippingTarget,
  type StreamName,
  type StreamPosition,
} from './shipper.ts';

const atMs = Date.UTC(2026, 10, 20, 9, 30);
let directory: string;

describe('the shipper', () => {
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'carrier-shipper-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  test('follows a live segment and ships each exchange when its end is there', async () => {
    const target = new MemoryTarget();
    const shipper = shipperOn(target);
    shipper.adopt();
    const [admit, attempt, progress, end] = recordsOf({ id: exchangeId(1), atMs });

    write(segment(1, 1), [admit!, attempt!, progress!]);
    await shipper.drain();
    assert.deepEqual(target.ids(), []);
    assert.equal(shipper.status().openExchanges, 1);

    write(segment(1, 1), [end!]);
    await shipper.drain();
    assert.deepEqual(target.ids(), [exchangeId(1)]);
    assert.equal(shipper.status().openExchanges, 0);
    assert.ok(existsSync(segment(1, 1)), 'its worker still writes to it');
  });

  test('waits for the rest of a frame that is being written', async () => {
    const target = new MemoryTarget();
    const shipper = shipperOn(target);
    shipper.adopt();
    const bytes = frames(recordsOf({ id: exchangeId(1), atMs }));

    write(segment(1, 1), []);
    appendFileSync(segment(1, 1), bytes.subarray(0, bytes.length - 5));
    await shipper.drain();
    appendFileSync(segment(1, 1), bytes.subarray(bytes.length - 5));
    await shipper.drain();

    assert.deepEqual(target.ids(), [exchangeId(1)]);
  });

  test('deletes a segment once everything in it is shipped and the next one is begun', async () => {
    const target = new MemoryTarget();
    const shipper = shipperOn(target);
    shipper.adopt();
    const straddling = recordsOf({ id: exchangeId(2), atMs });

    write(segment(1, 1), [...recordsOf({ id: exchangeId(1), atMs }), ...straddling.slice(0, 2)]);
    write(segment(1, 1, 2), recordsOf({ id: exchangeId(3), atMs }));
    await shipper.drain();
    assert.deepEqual(target.ids(), [exchangeId(1), exchangeId(3)]);
    assert.ok(existsSync(segment(1, 1)), 'an exchange in it is open');

    write(segment(1, 1, 2), straddling.slice(2));
    await shipper.drain();
    assert.deepEqual(target.ids(), [exchangeId(1), exchangeId(3), exchangeId(2)]);
    assert.ok(!existsSync(segment(1, 1)));
    assert.ok(existsSync(segment(1, 1, 2)));
  });

  test('settles by rule what a dead process left open, ignores its torn tail and deletes its segments', async () => {
    const target = new MemoryTarget();
    const settled: number[] = [];
    const shipper = shipperOn(target, { onSettled: worker => settled.push(worker) });
    shipper.adopt();
    const sketch = { id: exchangeId(2), atMs };

    write(segment(1, 4), [...recordsOf({ id: exchangeId(1), atMs }), admitOf(sketch), attemptOf(sketch)]);
    write(segment(1, 4), [progressOf(sketch, 30), admitOf({ id: exchangeId(3), atMs })]);
    appendFileSync(segment(1, 4), frames([endOf(sketch)]).subarray(0, 100));
    await shipper.drain();
    assert.deepEqual(settled, []);

    shipper.markDead(4);
    await shipper.drain();
    assert.deepEqual(
      target.shipped.map(({ admit, end, orphan }) => [admit.id, end.state, orphan]),
      [
        [exchangeId(1), 'settled', false],
        [exchangeId(2), 'estimated', true],
        [exchangeId(3), 'void', true],
      ],
    );
    assert.deepEqual(settled, [4]);
    assert.deepEqual(readdirSync(directory), []);
    assert.deepEqual(target.forgotten, [{ generation: 1, worker: 4 }]);
  });

  test('a worker that never journaled is settled at once', () => {
    const settled: number[] = [];
    const shipper = shipperOn(new MemoryTarget(), { onSettled: worker => settled.push(worker) });
    shipper.adopt();

    shipper.markDead(3);

    assert.deepEqual(settled, [3]);
  });

  test('what lies there at the start is of dead processes; then everything is adopted', async () => {
    const target = new MemoryTarget();
    let adopted = 0;
    const shipper = shipperOn(target, { onAdopted: () => (adopted += 1) });
    write(segment(7, 1), [admitOf({ id: exchangeId(1), atMs })]);
    write(segment(7, 2), recordsOf({ id: exchangeId(2), atMs }));
    shipper.adopt();
    write(segment(8, 1), [admitOf({ id: exchangeId(3), atMs })]);

    await shipper.drain();

    assert.deepEqual(target.ids().sort(), [exchangeId(1), exchangeId(2)]);
    assert.equal(adopted, 1);
    assert.deepEqual(readdirSync(directory), ['8-1-00000001.log']);
  });

  test('a target that is away loses nothing and is told again', async () => {
    const target = new MemoryTarget();
    const shipper = shipperOn(target);
    shipper.adopt();
    write(segment(1, 1), recordsOf({ id: exchangeId(1), atMs }));
    target.away = true;

    await assert.rejects(shipper.drain(), /the database is away/);
    assert.equal(shipper.status().state, 'backing-off');
    assert.equal(shipper.status().lagRecords, 1);
    // 10 s after the exchange ended, by the clock given
    assert.equal(shipper.status().lagSeconds, 10);

    target.away = false;
    await shipper.drain();
    assert.deepEqual(target.ids(), [exchangeId(1)]);
    assert.equal(shipper.status().state, 'idle');
    assert.equal(shipper.status().lagSeconds, 0);
  });

  test('a target that never answered yet is told by the lag, though nothing was read', async () => {
    const target = new MemoryTarget();
    target.positions = () => Promise.reject(new Error('the database is away'));
    let nowMs = atMs;
    const shipper = shipperOn(target, { nowMs: () => nowMs });
    write(segment(1, 1), recordsOf({ id: exchangeId(1), atMs }));
    shipper.adopt();

    await shipper.step();
    nowMs += 3_000;
    await shipper.step();

    assert.equal(shipper.status().lagSeconds, 3);
    assert.equal(shipper.status().lagBytes, readFileSync(segment(1, 1)).length);
    assert.equal(shipper.status().state, 'backing-off');
  });

  test('one exchange that is refused is set aside and the others of its batch are shipped', async () => {
    const target = new MemoryTarget();
    target.refuses = exchangeId(5);
    const shipper = shipperOn(target);
    shipper.adopt();
    write(segment(1, 1), Array.from({ length: 9 }, (_, number) => recordsOf({ id: exchangeId(number), atMs })).flat());

    await shipper.drain();

    assert.deepEqual(target.ids(), [0, 1, 2, 3, 4, 6, 7, 8].map(exchangeId));
    assert.deepEqual(target.quarantined, [exchangeId(5)]);
    assert.equal(target.at(1, 1)?.offset, readFileSync(segment(1, 1)).length);
  });

  test('damage in the middle is told, the rest is shipped, and the segment is kept beside', async () => {
    const target = new MemoryTarget();
    write(segment(1, 1), recordsOf({ id: exchangeId(1), atMs }));
    const bytes = readFileSync(segment(1, 1));
    bytes[bytes.length - 20]! ^= 0xff;
    writeFileSync(segment(1, 1), bytes);
    write(segment(1, 1), recordsOf({ id: exchangeId(2), atMs }));
    const shipper = shipperOn(target);
    shipper.adopt();

    await shipper.drain();

    assert.deepEqual(
      target.shipped.map(({ admit, end }) => [admit.id, end.state]),
      [
        [exchangeId(2), 'settled'],
        [exchangeId(1), 'estimated'],
      ],
    );
    assert.deepEqual(
      target.alerts.map(alert => alert.code),
      ['journal_corrupt'],
    );
    assert.deepEqual(readdirSync(directory), ['1-1-00000001.log.damaged']);
  });

  test('charges are reported by worker and lease, once', async () => {
    const reports: unknown[] = [];
    const shipper = shipperOn(new MemoryTarget(), {
      onShipped: (worker, dead, charged) => reports.push([worker, dead, ...charged]),
    });
    shipper.adopt();
    const leases = [{ budget: 'b1', window: 'total', lease: 'lse_1' }];
    const held = (number: number) => ({ id: exchangeId(number), atMs, leases, holdAtto: '900000000000000' });
    write(segment(1, 1), [...recordsOf(held(1)), ...recordsOf(held(2)), ...recordsOf({ id: exchangeId(3), atMs })]);
    write(segment(1, 2), recordsOf(held(4)));

    await shipper.drain();

    assert.deepEqual(reports, [
      [1, false, ['lse_1', 1_400_000_000_000_000n]],
      [2, false, ['lse_1', 700_000_000_000_000n]],
    ]);
  });

  test('in the background it notices growth, survives an outage and stops when told', async () => {
    const target = new MemoryTarget();
    const shipper = shipperOn(target);
    shipper.start();
    write(segment(1, 1), recordsOf({ id: exchangeId(1), atMs }));
    shipper.nudge();
    await target.shippedCount(1);
    target.away = true;
    write(segment(1, 1), recordsOf({ id: exchangeId(2), atMs }));
    shipper.nudge();
    await target.failedOnce();
    target.away = false;
    await target.shippedCount(2);
    await shipper.stop();

    assert.deepEqual(target.ids(), [exchangeId(1), exchangeId(2)]);
  });

  test('however it is killed between steps, every exchange is shipped once and the journal is emptied', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.constantFrom('write', 'rotate', 'step', 'fail', 'kill'), { maxLength: 12 }), {
          minLength: 1,
          maxLength: 4,
        }),
        async lives => {
          for (const name of readdirSync(directory)) rmSync(join(directory, name));
          const target = new MemoryTarget();
          let number = 0;
          let generation = 0;
          for (const life of [...lives, []]) {
            generation += 1;
            const shipper = shipperOn(target);
            shipper.adopt();
            let sequence = 1;
            let open: JournalRecord[] = [];
            for (const action of life) {
              if (action === 'kill') break;
              if (action === 'rotate') sequence += 1;
              if (action === 'fail') target.failNext = true;
              if (action === 'step') await shipper.step();
              if (action !== 'write') continue;
              // Each write ends the exchange before and begins the next.
              const records = recordsOf({ id: exchangeId(++number), atMs });
              write(segment(generation, 1, sequence), [...open, ...records.slice(0, 2)]);
              open = records.slice(2);
            }
            target.failNext = false;
          }
          const last = shipperOn(target);
          last.adopt();
          await last.drain();

          assert.deepEqual(
            target.ids().sort(),
            Array.from({ length: number }, (_, index) => exchangeId(index + 1)),
          );
          assert.deepEqual(target.conflicts, []);
          assert.deepEqual(readdirSync(directory), []);
        },
      ),
      { numRuns: 60 },
    );
  });
});

function shipperOn(target: ShippingTarget, more: Partial<ConstructorParameters<typeof Shipper>[0]> = {}): Shipper {
  return new Shipper({ directory, target, orphans: () => 'delivered', nowMs: () => atMs + 11_200, ...more });
}

function segment(generation: number, worker: number, sequence = 1): string {
  return join(directory, segmentFileName({ generation, worker, sequence }));
}

function write(path: string, records: readonly JournalRecord[]): void {
  if (!existsSync(path)) writeFileSync(path, encodeHeader({ generation: 1, worker: 1, sequence: 1 }, atMs));
  appendFileSync(path, frames(records));
}

function frames(records: readonly JournalRecord[]): Buffer {
  const buffer = Buffer.alloc((records.length + 1) * frameBytesMax);
  let end = 0;
  for (const record of records) end = encodeFrame(buffer, end, record.type, JSON.stringify(record));
  return buffer.subarray(0, end);
}

/** Keeps what is shipped as the ledger does: all or nothing, once by id. */
class MemoryTarget implements ShippingTarget {
  readonly shipped: CompletedExchange[] = [];
  readonly conflicts: string[] = [];
  readonly quarantined: string[] = [];
  readonly alerts: ShippingBatch['alerts'][number][] = [];
  readonly forgotten: StreamName[] = [];
  readonly #positions = new Map<string, StreamPosition>();
  readonly #waiting: (() => void)[] = [];
  away = false;
  failNext = false;
  failures = 0;
  refuses: string | undefined;

  async ship({ exchanges, positions, alerts }: ShippingBatch): Promise<void> {
    if (this.away || this.failNext) {
      this.failNext = false;
      this.failures += 1;
      this.#changed();
      throw new Error('the database is away');
    }
    if (exchanges.some(({ admit }) => admit.id === this.refuses)) throw new ShippingRefused('does not fit');
    for (const exchange of exchanges) {
      const first = this.shipped.find(({ admit }) => admit.id === exchange.admit.id);
      if (first === undefined) this.shipped.push(exchange);
      else if (first.digest !== exchange.digest) this.conflicts.push(exchange.admit.id);
    }
    for (const position of positions) this.#positions.set(`${position.generation}-${position.worker}`, position);
    this.alerts.push(...alerts);
    this.#changed();
  }

  async quarantine(exchange: CompletedExchange): Promise<void> {
    this.quarantined.push(exchange.admit.id);
  }

  async positions(): Promise<readonly StreamPosition[]> {
    return [...this.#positions.values()];
  }

  async forget(stream: StreamName): Promise<void> {
    this.forgotten.push({ generation: stream.generation, worker: stream.worker });
    this.#positions.delete(`${stream.generation}-${stream.worker}`);
  }

  ids(): string[] {
    return this.shipped.map(({ admit }) => admit.id);
  }

  at(generation: number, worker: number): StreamPosition | undefined {
    return this.#positions.get(`${generation}-${worker}`);
  }

  async shippedCount(count: number): Promise<void> {
    while (this.shipped.length < count) await new Promise<void>(resolve => this.#waiting.push(resolve));
  }

  async failedOnce(): Promise<void> {
    while (this.failures === 0) await new Promise<void>(resolve => this.#waiting.push(resolve));
  }

  #changed(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
