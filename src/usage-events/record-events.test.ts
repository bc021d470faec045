import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { emptyLedger } from '../../test/support/ledger.ts';
import { balanceAtto, readBalances } from '../ledger/balances.ts';
import { checkLedger } from '../ledger/check.ts';
import { parseRateCard } from '../pricing/rate-card.ts';
import { constantTimeline, parseTimeline, type RateTimeline } from '../pricing/timeline.ts';
import { connect, type Store } from '../store/connect.ts';
import type { UsageDirectory } from './directory.ts';
import type { PlacedEvent } from './place-event.ts';
import { findUsageEvent, listUsageEvents } from './query-events.ts';
import { rateQuarantined } from './rate-quarantined.ts';
import { recordEvents } from './record-events.ts';

const atMs = Date.UTC(2026, 10, 20, 9, 30);
const giga = '1000000000';

/** 0.000032 a GB-hour, 0.09 a GB, 2.49 a chip-hour with a minute at least; bought at half. */
const sell = cardOf('sell-1', { storage: '32000000', egress: '90000000000', accelerator: '2490000000000' });
const buy = cardOf('buy-1', { storage: '16000000', egress: '45000000000', accelerator: '1245000000000' });

function cardOf(version: string, pico: Record<'storage' | 'egress' | 'accelerator', string>): RateTimeline {
  const rates = {
    storage: { pico: pico.storage, per: giga },
    egress: { pico: pico.egress, per: giga },
    accelerator: { pico: pico.accelerator, per: '3600', minimum: 60 },
  };
  return constantTimeline(parseRateCard({ version, currency: 'USD', rates, tiers: [] }));
}

function directoryOf(prices: {
  readonly sell: RateTimeline | undefined;
  readonly buy: RateTimeline | undefined;
}): UsageDirectory {
  return {
    hasOrganisation: () => true,
    hasProject: () => true,
    projectOfKey: () => undefined,
    findDeployment: () => undefined,
    pricesOf: () => prices,
    owesOnLine: () => false,
  };
}
const priced = directoryOf({ sell, buy });
const unpriced = directoryOf({ sell: undefined, buy });

function eventOf(change: Partial<PlacedEvent> = {}): PlacedEvent {
  return {
    source: '/storage/eu-1',
    id: 'disk-7:1',
    atMs,
    organisation: 'acme',
    project: 'acme/web',
    key: undefined,
    meter: 'storage',
    quantity: 512_000_000_000,
    holders: 1,
    product: 'carrier/storage',
    deployment: undefined,
    provider: undefined,
    region: undefined,
    mode: 'sync',
    placedProject: 'acme/web',
    placedProduct: 'carrier/storage',
    placedProvider: 'carrier',
    ...change,
  };
}

describe('recording usage events', () => {
  let database: TestDatabase;
  let store: Store;
  before(async () => {
    database = await createTestDatabase();
    store = connect(database.url);
  });
  after(async () => {
    await store.close();
    await database.drop();
  });
  beforeEach(() => emptyLedger(store));

  const tell = (events: readonly PlacedEvent[], directory = priced) =>
    recordEvents(
      store,
      directory,
      events.map(event => ({ event, json: { id: event.id } })),
    );
  const outcomes = async (events: readonly PlacedEvent[], directory = priced) =>
    (await tell(events, directory)).map(({ outcome }) => outcome);
  const balance = async (name: string) => {
    const [found] = await readBalances(store.pool, { accounts: [name], currency: 'USD' });
    return found === undefined ? 0n : balanceAtto(found);
  };
  const count = async (table: string) =>
    Number((await store.pool.query(`select count(*) as n from ${table}`)).rows[0].n);

  test('an event is booked in the income class of its meter, and what is owed for it beside', async () => {
    assert.deepEqual(await outcomes([eventOf()]), ['accepted']);

    // 512 GB-hours at 0.000032 and 0.000016.
    assert.equal(await balance('unbilled:acme'), 16_384_000_000_000_000n);
    assert.equal(await balance('revenue:storage'), 16_384_000_000_000_000n);
    assert.equal(await balance('cogs:carrier'), 8_192_000_000_000_000n);
    assert.equal(await balance('provider_accrued:carrier'), 8_192_000_000_000_000n);
    assert.deepEqual(await checkLedger(store), []);
  });

  test('every meter that is no token is booked by the same path, in its own class of income', async () => {
    const meters = {
      ...{ image: 'inference', page: 'inference', audioSecond: 'inference', character: 'inference' },
      ...{ 'tool.webSearch': 'inference', cacheStorage: 'storage', storage: 'storage', egress: 'egress' },
      ...{
        accelerator: 'accelerator',
        provisionedUsed: 'accelerator',
        provisionedUnused: 'accelerator',
        seat: 'seats',
      },
    } as const;
    // 0.001 a unit, sold and bought.
    const rates = Object.fromEntries(Object.keys(meters).map(meter => [meter, '1000000000000000']));
    const each = constantTimeline(parseRateCard({ version: 'v', currency: 'USD', rates, tiers: [] }));

    await tell(
      Object.keys(meters).map((meter, index) =>
        eventOf({ id: meter, meter: meter as keyof typeof meters, quantity: 10 ** index }),
      ),
      directoryOf({ sell: each, buy: each }),
    );

    const milli = 10n ** 15n;
    assert.equal(await balance('revenue:inference'), 11_111n * milli);
    assert.equal(await balance('revenue:storage'), 1_100_000n * milli);
    assert.equal(await balance('revenue:egress'), 10_000_000n * milli);
    assert.equal(await balance('revenue:accelerator'), 11_100_000_000n * milli);
    assert.equal(await balance('revenue:seats'), 100_000_000_000n * milli);
    assert.equal(await balance('provider_accrued:carrier'), 111_111_111_111n * milli);
    assert.deepEqual(await checkLedger(store), []);
  });

  test('the same event again is a duplicate, in one call and in another, and is not booked again', async () => {
    assert.deepEqual(await outcomes([eventOf(), eventOf()]), ['accepted', 'duplicate']);
    assert.deepEqual(await outcomes([eventOf(), eventOf({ id: 'disk-7:2' })]), ['duplicate', 'accepted']);

    assert.equal(await balance('unbilled:acme'), 32_768_000_000_000_000n);
    assert.equal(await count('usage_event'), 2);
  });

  const changes: readonly (readonly [string, Partial<PlacedEvent>])[] = [
    ['quantity', { quantity: 1 }],
    ['instant', { atMs: atMs + 1 }],
    ['meter', { meter: 'egress' }],
    ['organisation', { organisation: 'globex' }],
    ['project', { project: undefined }],
    ['product', { product: 'carrier/other' }],
    ['holders', { holders: 2 }],
  ];
  for (const [what, change] of changes) {
    test(`the same name with another ${what} is a conflict: the first counts, the other is kept and told`, async () => {
      await tell([eventOf()]);

      assert.deepEqual(await outcomes([eventOf(change), eventOf(change)]), ['conflict', 'conflict']);

      assert.equal(await balance('unbilled:acme'), 16_384_000_000_000_000n);
      assert.equal(await count('usage_event_conflict'), 1);
      const alerts = await store.pool.query('select code from alert');
      assert.deepEqual(alerts.rows, [{ code: 'usage_event_conflict' }]);
    });
  }

  test('of two facts under one name in one call the first counts', async () => {
    assert.deepEqual(await outcomes([eventOf(), eventOf({ quantity: 1 }), eventOf()]), [
      'accepted',
      'conflict',
      'duplicate',
    ]);
  });

  test('what has no price is kept, told and not booked, and booked once there is one', async () => {
    const [told] = await tell([eventOf()], unpriced);
    assert.equal(told?.outcome, 'quarantined');
    assert.equal(told.reason, 'no sell rate for storage of carrier/storage');
    assert.equal(await count('transfer'), 0);
    const alerts = await store.pool.query('select code from alert');
    assert.deepEqual(alerts.rows, [{ code: 'usage_event_quarantined' }]);
    assert.deepEqual(await rateQuarantined(store, unpriced), { rated: 0, left: 1, next: undefined });

    const both = await Promise.all([rateQuarantined(store, priced), rateQuarantined(store, priced)]);
    assert.equal(both[0].rated + both[1].rated, 1);
    assert.deepEqual(await rateQuarantined(store, priced), { rated: 0, left: 0, next: undefined });

    assert.equal(await balance('unbilled:acme'), 16_384_000_000_000_000n);
    const view = await findUsageEvent(store, told.ref);
    assert.equal(view?.state, 'rated');
    assert.equal(view?.sell?.amount, '0.016384');
    assert.deepEqual(await outcomes([eventOf()]), ['duplicate']);
  });

  test('many that wait are rated in steps', async () => {
    await tell(
      Array.from({ length: 25 }, (_, index) => eventOf({ id: `disk:${index}` })),
      unpriced,
    );

    let after: string | undefined = '';
    let rated = 0;
    for (let step = 0; step < 4 && after !== undefined; step++) {
      const done: Awaited<ReturnType<typeof rateQuarantined>> = await rateQuarantined(store, priced, {
        after,
        limit: 10,
      });
      rated += done.rated;
      after = done.next;
    }

    assert.equal(rated, 25);
    assert.equal(after, undefined);
    assert.equal(await balance('unbilled:acme'), 25n * 16_384_000_000_000_000n);
  });

  test('what was used before there was a price takes the prices of an instant that somebody names', async () => {
    const rates = { storage: { pico: '32000000', per: giga } };
    const later = parseTimeline({
      timeline: [{ from: '2026-11-20T10:00:00Z', card: { version: 'v1', currency: 'USD', rates, tiers: [] } }],
    });
    const directory = directoryOf({ sell: later, buy });
    await tell([eventOf()], directory);

    assert.equal((await rateQuarantined(store, directory)).rated, 0);
    assert.equal((await rateQuarantined(store, directory, { pricesOfMs: atMs + 3_600_000 })).rated, 1);

    const { items } = await listUsageEvents(store, {}, { limit: 1 });
    assert.equal(items[0]?.at, '2026-11-20T09:30:00.000Z');
    assert.equal(items[0].sell?.version, 'v1');
  });

  test('a price of zero has to be said; then the event is free and nothing is booked', async () => {
    const free = cardOf('free', { storage: '0', egress: '0', accelerator: '0' });

    assert.deepEqual(await outcomes([eventOf()], directoryOf({ sell: free, buy: free })), ['accepted']);

    assert.equal(await count('transfer'), 0);
    assert.equal((await listUsageEvents(store, {}, { limit: 10 })).items[0]?.sell?.amount, '0');
  });

  test('an amount that no ledger holds is quarantined', async () => {
    const absurd = cardOf('absurd', { storage: '9'.repeat(26), egress: '0', accelerator: '0' });
    const perByte = constantTimeline(
      parseRateCard({
        version: 'absurd',
        currency: 'USD',
        rates: { storage: { pico: '9'.repeat(26), per: '1' } },
        tiers: [],
      }),
    );

    assert.deepEqual(await outcomes([eventOf()], directoryOf({ sell: absurd, buy })), ['accepted']);
    const [told] = await tell([eventOf({ id: 'x', quantity: 2 ** 53 - 1 })], directoryOf({ sell: perByte, buy }));
    assert.equal(told?.reason, 'the sell amount has more than 38 digits');
  });

  test('a minimum counts for each that was used, and a division rounds once', async () => {
    const chips = { meter: 'accelerator', placedProduct: 'carrier/chips' } as const;
    await tell([
      eventOf({ ...chips, id: 'a', quantity: 8 * 5_437, holders: 8 }),
      eventOf({ ...chips, id: 'b', quantity: 8 * 10, holders: 8 }),
    ]);

    const { items } = await listUsageEvents(store, { meter: 'accelerator' }, { limit: 10 });
    const amounts = Object.fromEntries(items.map(({ id, sell: amount }) => [id, amount?.amount]));
    // 43,496 × 2.49 ÷ 3,600, and 480 × 2.49 ÷ 3,600.
    assert.deepEqual(amounts, { a: '30.084733333333333333', b: '0.332' });
    assert.equal(await balance('revenue:accelerator'), 30_416_733_333_333_333_333n);
    assert.deepEqual(await checkLedger(store), []);
  });

  test('the instant of use chooses the price', async () => {
    const rates = (pico: string) => ({ storage: { pico, per: giga } });
    const timeline = parseTimeline({
      timeline: [
        { from: null, card: { version: 'v1', currency: 'USD', rates: rates('32000000'), tiers: [] } },
        {
          from: '2026-11-20T09:30:00Z',
          card: { version: 'v2', currency: 'USD', rates: rates('64000000'), tiers: [] },
        },
      ],
    });

    const told = await tell(
      [eventOf({ id: 'before', atMs: atMs - 1 }), eventOf({ id: 'after' })],
      directoryOf({ sell: timeline, buy }),
    );

    assert.deepEqual(
      told.map(({ rated }) => [rated?.sell.version, rated?.sell.amountAtto]),
      [
        ['v1', 16_384_000_000_000_000n],
        ['v2', 32_768_000_000_000_000n],
      ],
    );
  });

  test('usage reports have the amounts in the hour of use, and the quantity beside the meter', async () => {
    await tell([eventOf(), eventOf({ id: 'b', atMs: atMs + 1 })]);
    await tell([eventOf({ id: 'c' })], unpriced);
    const rows = async () => {
      const { rows: found } = await store.pool.query(
        `select meter, sum(quantity)::text as quantity, sum(sell_atto)::text as sell, sum(quarantined)::text as waiting
           from usage_hourly where class = 'storage' and hour = '2026-11-20T09:00:00Z' group by meter order by meter`,
      );
      return found;
    };

    assert.deepEqual(await rows(), [
      { meter: '', quantity: '0', sell: '32768000000000000', waiting: '1' },
      { meter: 'storage', quantity: '1536000000000', sell: '32768000000000000', waiting: '0' },
    ]);
    await rateQuarantined(store, priced);
    assert.deepEqual(await rows(), [
      { meter: '', quantity: '0', sell: '49152000000000000', waiting: '0' },
      { meter: 'storage', quantity: '1536000000000', sell: '49152000000000000', waiting: '0' },
    ]);
  });

  test('two who tell the same at once book it once', async () => {
    const events = Array.from({ length: 200 }, (_, index) => eventOf({ id: `disk:${index}` }));

    const told = await Promise.all([outcomes(events), outcomes([...events].reverse()), outcomes(events)]);

    assert.equal(told.flat().filter(outcome => outcome === 'accepted').length, 200);
    assert.equal(told.flat().filter(outcome => outcome === 'duplicate').length, 400);
    assert.equal(await balance('unbilled:acme'), 200n * 16_384_000_000_000_000n);
  });

  test('a call that breaks half-way leaves nothing', async () => {
    await store.pool.query(
      `create function break() returns trigger language plpgsql as $$ begin raise exception 'broken'; end $$;
       create trigger break before insert on transfer for each row execute function break()`,
    );
    try {
      await assert.rejects(tell([eventOf()]), /broken/);
    } finally {
      await store.pool.query('drop trigger break on transfer; drop function break()');
    }

    assert.equal(await count('usage_event_key'), 0);
    assert.equal(await count('usage_event'), 0);
    assert.deepEqual(await outcomes([eventOf()]), ['accepted']);
  });

  test('what was told is never changed', async () => {
    await tell([eventOf()]);

    for (const table of ['usage_event', 'usage_event_rating', 'usage_event_key']) {
      await assert.rejects(store.pool.query(`delete from ${table}`), /never changed/);
    }
  });

  test('pages follow each other without a gap, newest first', async () => {
    await tell(Array.from({ length: 7 }, (_, index) => eventOf({ id: `disk:${index}`, atMs: atMs + index })));

    const seen: string[] = [];
    let after: string | undefined;
    do {
      const page: Awaited<ReturnType<typeof listUsageEvents>> = await listUsageEvents(store, {}, { limit: 3, after });
      seen.push(...page.items.map(({ id }) => id));
      after = page.next;
    } while (after !== undefined);

    assert.deepEqual(seen, ['disk:6', 'disk:5', 'disk:4', 'disk:3', 'disk:2', 'disk:1', 'disk:0']);
    await assert.rejects(listUsageEvents(store, {}, { limit: 3, after: 'x' }), RangeError);
  });
});
