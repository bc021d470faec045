import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, suite, test } from 'node:test';
import fc from 'fast-check';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { exchangeId } from '../../test/support/exchanges.ts';
import { emptyLedger } from '../../test/support/ledger.ts';
import { Bank, completed, sketchOf, startMs, unit } from '../../test/support/wallets.ts';
import type { CompletedExchange } from '../journal/assemble.ts';
import { checkLedger } from '../ledger/check.ts';
import { bookCorrections, type Correction, lockCorrections } from '../ledger/correct.ts';
import { findStandings } from '../ledger/standing.ts';
import { connect, type Store } from '../store/connect.ts';
import { inTransaction } from '../store/in-transaction.ts';
import { breakageDefault, endExpiredGrants } from './breakage.ts';
import { compareBurnPlaces } from './grant.ts';
import { refundGrant, voidGrant } from './grants.ts';
import { splitWithWallets } from './split-corrections.ts';

suite('corrections of what grants paid', () => {
  let database: TestDatabase;
  let store: Store;
  let bank: Bank;
  before(async () => {
    database = await createTestDatabase();
    store = connect(database.url);
  });
  after(async () => {
    await store.close();
    await database.drop();
  });
  beforeEach(async () => {
    await emptyLedger(store);
    bank = new Bank(store);
  });

  const hour = 3_600_000;
  const day = 24 * hour;

  /** The exchange now costs so many units; undefined voids it. */
  async function correct(number: number, units: number | undefined): Promise<void> {
    await inTransaction(store, async client => {
      await lockCorrections(client);
      const [standing] = await findStandings(client, [exchangeId(number)]);
      const amountAtto = (BigInt(units ?? 0) * unit).toString();
      const rated = {
        amountAtto,
        currency: 'USD',
        version: 'sell-2',
        lines: [{ meter: 'output', quantity: units ?? 0, ratePico: unit.toString(), amountAtto }],
      };
      const correction: Correction = {
        standing: standing!,
        kind: units === undefined ? 'void' : standing!.state === 'quarantined' ? 'resolve' : 'rerate',
        run: 'test',
        reason: 'test',
        state: units === undefined ? 'void' : 'settled',
        charges: units === undefined ? [] : [{ book: 'sell', attempt: 1, rated }],
      };
      await bookCorrections(client, [correction], splitWithWallets);
    });
  }

  function quarantined(exchange: CompletedExchange): CompletedExchange {
    const { sell: _, ...end } = exchange.end;
    return { ...exchange, end: { ...end, state: 'quarantined' } };
  }

  async function endExpired(nowMs: number): Promise<void> {
    const client = await store.pool.connect();
    const signal = new AbortController().signal;
    try {
      await endExpiredGrants({ client, nowMs, settings: breakageDefault, progress: () => {}, signal });
    } finally {
      client.release();
    }
  }

  describe('a corrected charge', () => {
    test('that is less gives back to what was used last, and what is owed before that', async () => {
      await bank.grant('first', 3, { priority: -1 });
      await bank.grant('second', 3);
      await bank.ship(completed(sketchOf(1, 8)));

      await correct(1, 5);
      assert.deepEqual(await bank.left(), { first: 0, second: 1 });
      assert.deepEqual(await bank.accounts('unbilled'), { 'unbilled:org_acme': 0 });
      await correct(1, 2);
      assert.deepEqual(await bank.left(), { first: 1, second: 3 });
      await correct(1, 0);

      assert.deepEqual(await bank.left(), { first: 3, second: 3 });
      assert.deepEqual(await checkLedger(store), []);
    });

    test('that is more is paid by what is free, then owed', async () => {
      await bank.grant('g', 5);
      await bank.ship(completed(sketchOf(1, 3)));

      await correct(1, 9);

      assert.deepEqual(await bank.left(), { g: 0 });
      assert.deepEqual(await bank.accounts('unbilled'), { 'unbilled:org_acme': 4 });
      assert.deepEqual(await checkLedger(store), []);
    });

    test('of a held exchange is never more than was held, and its line is free again', async () => {
      bank.lineAtto = 5n * unit;
      await bank.grant('g', 2);
      const held = (await bank.lease(6))!;
      await bank.ship(completed(sketchOf(1, 5, { leases: [held] })));
      await bank.ledgerLeases.close(held.lease);

      await correct(1, 9);
      assert.deepEqual(await bank.accounts('operator', 'unbilled'), {
        'operator:over_hold': 4,
        'unbilled:org_acme': 3,
      });
      await correct(1, 1);

      assert.deepEqual(await bank.left(), { g: 1 });
      assert.deepEqual(await bank.accounts('operator', 'unbilled'), {
        'operator:over_hold': 0,
        'unbilled:org_acme': 0,
      });
      assert.notEqual(await bank.lease(6), undefined);
      assert.deepEqual(await checkLedger(store), []);
    });

    test('that was quarantined is paid from its hold, and the rest of that is free', async () => {
      await bank.grant('g', 10);
      const held = (await bank.lease(8))!;
      await bank.ship(
        quarantined(completed(sketchOf(1, 5, { leases: [held] }))),
        completed(sketchOf(2, 3, { leases: [held] })),
      );
      await bank.ledgerLeases.close(held.lease);
      assert.equal(await bank.lease(3), undefined);

      await correct(1, 4);

      assert.deepEqual(await bank.left(), { g: 3 });
      assert.notEqual(await bank.lease(3), undefined);
      assert.deepEqual(await checkLedger(store), []);
    });

    test('that was quarantined and is voided gives its hold back', async () => {
      await bank.grant('g', 10);
      const held = (await bank.lease(8))!;
      await bank.ship(quarantined(completed(sketchOf(1, 5, { leases: [held] }))));
      await bank.ledgerLeases.close(held.lease);

      await correct(1, undefined);

      assert.notEqual(await bank.lease(10), undefined);
      assert.deepEqual(await checkLedger(store), []);
    });

    test('opens a grant that had ended, which then ends once more', async () => {
      await bank.grant('g', 5, { expiresAtMs: startMs + hour });
      await bank.ship(completed(sketchOf(1, 3)));
      await endExpired(startMs + day);

      await correct(1, 2);
      assert.deepEqual(await bank.left(), { g: 1 });
      await endExpired(startMs + 2 * day);
      await endExpired(startMs + 3 * day);

      assert.deepEqual(await bank.left(), {});
      assert.deepEqual(await bank.accounts('revenue', 'wallet'), {
        'revenue:breakage': -3,
        'revenue:inference': -2,
        'wallet:org_acme:g': 0,
      });
      assert.deepEqual(await checkLedger(store), []);
    });
  });

  /** One step of somebody at a wallet. */
  type Step =
    | {
        readonly type: 'grant';
        readonly units: number;
        readonly priority: number;
        readonly hours: number | undefined;
        readonly kind: 'paid' | 'promotional';
      }
    | { readonly type: 'use'; readonly units: number; readonly atHours: number }
    | { readonly type: 'hold'; readonly units: number; readonly used: number; readonly close: boolean }
    | { readonly type: 'again'; readonly which: number }
    | { readonly type: 'correct'; readonly which: number; readonly units: number }
    | { readonly type: 'void' | 'refund'; readonly which: number }
    | { readonly type: 'expire'; readonly hours: number };

  const which = fc.nat(20);
  const steps: fc.Arbitrary<Step[]> = fc.array(
    fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({
          type: fc.constant('grant' as const),
          units: fc.integer({ min: 1, max: 20 }),
          priority: fc.integer({ min: -1, max: 1 }),
          hours: fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }),
          kind: fc.constantFrom('paid' as const, 'promotional' as const),
        }),
      },
      {
        weight: 4,
        arbitrary: fc.record({
          type: fc.constant('use' as const),
          units: fc.integer({ min: 1, max: 15 }),
          atHours: fc.integer({ min: 0, max: 5 }),
        }),
      },
      {
        weight: 4,
        arbitrary: fc.record({
          type: fc.constant('hold' as const),
          units: fc.integer({ min: 1, max: 15 }),
          used: fc.nat(15),
          close: fc.boolean(),
        }),
      },
      { weight: 1, arbitrary: fc.record({ type: fc.constant('again' as const), which }) },
      { weight: 1, arbitrary: fc.record({ type: fc.constant('correct' as const), which, units: fc.nat(15) }) },
      { weight: 1, arbitrary: fc.record({ type: fc.constantFrom('void' as const, 'refund' as const), which }) },
      {
        weight: 1,
        arbitrary: fc.record({ type: fc.constant('expire' as const), hours: fc.integer({ min: 2, max: 8 }) }),
      },
    ),
    { minLength: 4, maxLength: 14 },
  );

  test('whatever happens to a wallet in whatever order: never below zero, burns are charges, in the order of grants', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async taken => {
        await emptyLedger(store);
        bank = new Bank(store);
        const shipped: CompletedExchange[] = [];
        let grants = 0;
        for (const step of taken) await take(step);
        assert.deepEqual(await checkLedger(store), []);
        const before = [await bank.left(), await bank.accounts()];
        await bank.ship(...shipped);
        assert.deepEqual([await bank.left(), await bank.accounts()], before);
        const { revenue, paid } = await charges();
        assert.equal(revenue, paid);
        assert.deepEqual(
          (await bank.alerts()).filter(code => code === 'wallet_short'),
          [],
        );

        async function take(step: Step): Promise<void> {
          const number = shipped.length + 1;
          const chosen = 'which' in step ? step.which : 0;
          switch (step.type) {
            case 'grant': {
              const { units, priority, hours, kind } = step;
              const expiresAtMs = hours === undefined ? undefined : startMs + hours * hour;
              await bank.grant(`g${++grants}`, units, { priority, kind, expiresAtMs });
              return;
            }
            case 'use': {
              const exchange = completed(sketchOf(number, step.units, { atMs: startMs + step.atHours * hour }));
              shipped.push(exchange);
              await bank.ship(exchange);
              await assertOrder(exchange);
              return;
            }
            case 'hold': {
              const held = await bank.lease(step.units, { holder: `h${number}` });
              if (held === undefined) return;
              const exchange = completed(sketchOf(number, Math.min(step.used, step.units), { leases: [held] }));
              shipped.push(exchange);
              await bank.ship(exchange);
              if (step.close) await bank.ledgerLeases.close(held.lease);
              return;
            }
            case 'again':
              if (shipped.length > 0) await bank.ship(shipped[chosen % shipped.length]!);
              return;
            case 'correct':
              if (shipped.length > 0) await correct((chosen % shipped.length) + 1, step.units);
              return;
            case 'void':
            case 'refund': {
              if (grants === 0) return;
              const name = { organisation: 'org_acme', id: `g${(chosen % grants) + 1}` };
              const end = step.type === 'void' ? voidGrant : refundGrant;
              await end(store, name, startMs).catch(error => assert.match(error.code, /^grant_not_/));
              return;
            }
            case 'expire':
              await endExpired(startMs + step.hours * hour);
          }
        }
      }),
      { numRuns: 20 },
    );
  });

  /** What was free and comes before what paid has nothing left that nobody holds. */
  async function assertOrder({ admit }: CompletedExchange): Promise<void> {
    const { rows } = await store.pool.query(
      `select g.id, g.priority, g.effective_at, g.expires_at, (extract(epoch from g.created_at) * 1000000)::bigint as created_us,
            b.remaining_atto - coalesce((select sum(atto) from wallet_reserve r where r.grant_number = g.number), 0) as free,
            exists (select from transfer t where t.exchange_id = $1 and t.kind = 'burn:' || g.id) as paid
       from wallet_grant g join wallet_balance b on b.grant_number = g.number where b.ended is null`,
      [admit.id],
    );
    const places = rows
      .filter(
        ({ effective_at, expires_at }) =>
          effective_at.getTime() <= admit.atMs && (expires_at === null || admit.atMs < expires_at.getTime()),
      )
      .map(row => ({ ...row, expiresAtMs: row.expires_at?.getTime(), createdAtUs: row.created_us }))
      .sort(compareBurnPlaces);
    const last = places.findLastIndex(({ paid }) => paid);
    for (const before of places.slice(0, Math.max(last, 0)))
      assert.equal(before.free, 0n, `${before.id} was passed over`);
  }

  async function charges(): Promise<{ revenue: number; paid: number }> {
    const accounts = await bank.accounts();
    const { rows } = await store.pool.query(
      'select coalesce(-sum(amount_atto), 0) as atto from wallet_hour where kind in ($1, $2)',
      ['used', 'corrected'],
    );
    const owed = accounts['unbilled:org_acme'] ?? 0;
    const operator = accounts['operator:over_hold'] ?? 0;
    return {
      revenue: 0 - (accounts['revenue:inference'] ?? 0),
      paid: Number(rows[0].atto) / Number(unit) + owed + operator,
    };
  }
});
