import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createTestDatabase } from '../../test/support/database.ts';
import { admitOf, attemptOf, endOf, exchangeId, progressOf } from '../../test/support/exchanges.ts';
import { FileJournal } from '../journal/file-journal.ts';
import { Shipper } from '../journal/shipper.ts';
import { connect } from '../store/connect.ts';
import { checkLedger } from './check.ts';
import { LedgerLeases } from './leases.ts';
import { readUsage } from './queries.ts';
import { LedgerShipping } from './shipping.ts';

describe('from the journal’s files to the ledger', () => {
  test('two workers write and rotate, connections break, both die: each exchange is booked once, budgets hold', async () => {
    const database = await createTestDatabase();
    const directory = mkdtempSync(join(tmpdir(), 'carrier-journey-'));
    const store = connect(database.url);
    const other = connect(database.url);
    const atMs = Date.UTC(2026, 10, 20, 9);
    const leases = new LedgerLeases(store);
    const limitAtto = 10n ** 18n;
    const block = await leases.acquire({
      budget: 'b1',
      window: '2026-11-01',
      limitAtto,
      needAtto: limitAtto,
      dueAtto: limitAtto,
      wantAtto: limitAtto,
      holder: 'j1:1',
    });
    assert.ok(typeof block !== 'string');
    const held = {
      leases: [{ budget: 'b1', window: '2026-11-01', lease: block.lease }],
      holdAtto: '800000000000000',
    };
    const sketchOf = (number: number) => ({
      id: exchangeId(number),
      atMs: atMs + number,
      ...(number % 3 === 0 ? held : {}),
    });

    const reported = new Map<string, bigint>();
    const settled: number[] = [];
    const shipper = new Shipper({
      directory,
      target: new LedgerShipping(store, 'j1'),
      orphans: () => 'delivered',
      nowMs: Date.now,
      onShipped: (_worker, _dead, charged) => {
        for (const [lease, atto] of charged) reported.set(lease, (reported.get(lease) ?? 0n) + atto);
      },
      onSettled: worker => settled.push(worker),
    });
    shipper.start();
    const journals = await Promise.all(
      [1, 2].map(worker =>
        FileJournal.open({
          directory,
          generation: 1,
          worker,
          fsync: 'never',
          fsyncIntervalMs: 50,
          bytesMax: 1 << 30,
          segmentBytesMax: 64 * 1024,
          clock: { nowMs: Date.now, monotonicMs: () => performance.now() },
          onAlarm: ({ message }) => assert.fail(message),
        }),
      ),
    );

    // 600 exchanges, several of them open at once, some never ended.
    const openMax = 8;
    for (let number = 0; number < 600 + openMax; number += 1) {
      const journal = journals[number % 2]!;
      if (number < 600) {
        journal.admit(admitOf(sketchOf(number)));
        await journal.attempt(attemptOf(sketchOf(number)));
        journal.progress(progressOf(sketchOf(number), 20));
      }
      const ending = number - openMax;
      if (ending >= 0 && ending % 50 !== 7) await journals[ending % 2]!.end(endOf(sketchOf(ending)));
      if (number % 150 === 75) {
        shipper.nudge();
        await sleep(5);
        await other.pool.query(
          `select pg_terminate_backend(pid) from pg_stat_activity
            where datname = current_database() and pid <> pg_backend_pid()`,
        );
      }
    }
    await Promise.all(journals.map(journal => journal.close()));
    shipper.markDead(1);
    shipper.markDead(2);
    await shipper.stop();
    for (let tries = 0; tries < 5; tries += 1) await shipper.drain().catch(() => {});

    assert.deepEqual(readdirSync(directory), []);
    assert.deepEqual(settled.sort(), [1, 2]);
    assert.deepEqual(await checkLedger(store), []);
    const states = await store.pool.query('select state, count(*)::int as n from exchange group by 1 order by 1');
    assert.deepEqual(states.rows, [
      { state: 'estimated', n: 12 },
      { state: 'settled', n: 588 },
    ]);
    // 588 settled at 0.0007, 12 orphans at 100 × 2.00 + 20 × 10.00 per 10⁶
    const [usage] = await readUsage(store, { by: 'organisation', from: new Date(atMs), to: new Date(atMs + 1) });
    assert.deepEqual(
      [usage?.requests, usage?.estimated, usage?.sell],
      [600, 12, { amount: '0.4164', currency: 'USD' }],
    );
    const spent = await store.pool.query('select spent_atto from lease');
    assert.equal(spent.rows[0].spent_atto, reported.get(block.lease));

    await store.close();
    await other.close();
    rmSync(directory, { recursive: true, force: true });
    await database.drop();
  });
});
