import assert from 'node:assert/strict';
import { ExchangeAssembler } from '../../../src/journal/assemble.ts';
import { listSegments, readRecords } from '../../../src/journal/segment.ts';
import { Shipper } from '../../../src/journal/shipper.ts';
import { checkLedger } from '../../../src/ledger/check.ts';
import { LedgerShipping } from '../../../src/ledger/shipping.ts';
import { connect, type Store } from '../../../src/store/connect.ts';
import type { Remembered } from './remembering-load.ts';

export interface Account {
  readonly databaseUrl: string;
  /** Everything that was ever journaled: journal-copies.ts. */
  readonly journalCopies: string;
  readonly remembered: readonly Remembered[];
  /** Requests that the emulator received. */
  readonly dispatched: number;
  /** Atto-currency, by budget id. */
  readonly limits: ReadonlyMap<string, bigint>;
  /** Pico-currency per 10⁶ tokens, by deployment. */
  readonly rates: Readonly<Record<string, { readonly input: bigint; readonly output: bigint }>>;
}

export interface AccountCounts {
  readonly exchanges: number;
  readonly orphans: number;
  readonly ended: number;
}

interface ExchangeRow {
  readonly id: string;
  readonly state: string;
  readonly outcome: string;
  readonly sell_atto: bigint | null;
  readonly attempts: number;
}

/** Compares what clients saw, what was journaled, what the ledger says and what the provider received, once everything is
 *  shipped. Throws an assertion that names the exchange. */
export async function verifyAccounts(account: Account): Promise<AccountCounts> {
  const store = connect(account.databaseUrl);
  try {
    const rows = await exchangeRows(store);
    assert.deepEqual((await store.pool.query('select code, message, exchange_id from alert')).rows, []);
    verifyClients(account, rows);
    const orphans = verifyJournal(account, rows);
    let attempts = 0;
    for (const row of rows.values()) attempts += row.attempts;
    assert.ok(
      account.dispatched <= attempts,
      `${account.dispatched} requests were sent on ${attempts} attempt records`,
    );
    await verifyBudgets(store, account.limits);
    assert.deepEqual(await checkLedger(store), []);
    await verifyReplay(store, account.journalCopies);
    const ended = account.remembered.filter(memory => memory.ended && memory.status === 200).length;
    return { exchanges: rows.size, orphans, ended };
  } finally {
    await store.close();
  }
}

async function exchangeRows(store: Store): Promise<ReadonlyMap<string, ExchangeRow>> {
  const { rows } = await store.pool.query<ExchangeRow>(
    `select id, state, outcome, sell_atto,
            (select count(*)::int from attempt where attempt.at = exchange.at and exchange_id = id) as attempts
       from exchange`,
  );
  const byId = new Map(rows.map(row => [row.id, row]));
  assert.equal(byId.size, rows.length, 'an exchange is in the ledger twice');
  return byId;
}

/** Whoever saw an answer end is charged for that answer, to the last digit; whoever saw one begin is accounted for. */
function verifyClients({ remembered, rates, journalCopies }: Account, rows: ReadonlyMap<string, ExchangeRow>): void {
  for (const memory of remembered) {
    if (!memory.admitted) continue;
    const row = rows.get(memory.exchangeId!);
    if (row === undefined) {
      const journaled = recordsOf(journalCopies, memory.exchangeId!);
      assert.fail(`${JSON.stringify(memory)} is not in the ledger; the journal has ${JSON.stringify(journaled)}`);
    }
    if (!memory.ended || memory.status !== 200) continue;
    const seen = `exchange ${row.id}, whose end was seen,`;
    // A stream whose client left between its last event and the close is told apart by nobody.
    assert.equal(row.state, 'settled', `${seen} is ${row.state} (${row.outcome})`);
    const rate = rates[memory.deployment!]!;
    assert.ok(memory.inputTokens !== undefined && memory.outputTokens !== undefined, `${seen} did not tell its usage`);
    const charge = BigInt(memory.inputTokens) * rate.input + BigInt(memory.outputTokens) * rate.output;
    assert.equal(row.sell_atto, charge, `${seen} is charged otherwise`);
  }
}

/** Where the journal speaks of an exchange. */
function recordsOf(journalCopies: string, exchangeId: string): string[] {
  const found: string[] = [];
  for (const { path } of listSegments(journalCopies)) {
    for (let offset = 0; ; ) {
      const read = readRecords(path, offset, 16 * 1024 * 1024);
      for (const { record, endOffset } of read.records) {
        if (record.id === exchangeId) found.push(`${record.type} before ${endOffset} of ${path}`);
      }
      offset = read.offset;
      if (read.end !== 'more') break;
    }
  }
  return found;
}

/** Everything that was admitted is in the ledger, as its own end says, or settled by rule; and nothing else is. */
function verifyJournal({ journalCopies }: Account, rows: ReadonlyMap<string, ExchangeRow>): number {
  const admitted = new Set<string>();
  let orphans = 0;
  const assemblers = new Map<string, ExchangeAssembler>();
  for (const segment of listSegments(journalCopies)) {
    const stream = `${segment.generation}-${segment.worker}`;
    const assembler = assemblers.get(stream) ?? new ExchangeAssembler();
    assemblers.set(stream, assembler);
    for (let offset = 0; ; ) {
      const read = readRecords(segment.path, offset, 16 * 1024 * 1024);
      for (const { record, endOffset } of read.records) {
        if (record.type === 'admit') admitted.add(record.id);
        const whole = assembler.accept(record, { sequence: segment.sequence, offset: endOffset });
        assert.notEqual(whole, 'conflict', `exchange ${record.id} was admitted twice`);
        if (whole === undefined || whole === 'conflict') continue;
        const row = rows.get(record.id);
        assert.ok(row, `exchange ${record.id} has an end in the journal and is not in the ledger`);
        assert.deepEqual([row.state, row.outcome], [whole.end.state, whole.end.outcome], `exchange ${record.id}`);
        assert.equal(row.attempts, whole.end.attempts.length, `attempts of exchange ${record.id}`);
      }
      offset = read.offset;
      assert.notEqual(read.end, 'corrupt', segment.path);
      if (read.end !== 'more') break;
    }
  }
  for (const assembler of assemblers.values()) {
    for (const { admit, end } of assembler.settleAll('delivered')) {
      orphans += 1;
      const row = rows.get(admit.id);
      assert.ok(row, `exchange ${admit.id} was admitted and is not in the ledger`);
      assert.deepEqual([row.state, row.outcome], [end.state, 'process_died'], `exchange ${admit.id}`);
    }
  }
  assert.deepEqual(
    [...rows.keys()].filter(id => !admitted.has(id)),
    [],
    'exchanges in the ledger that the journal never had',
  );
  return orphans;
}

/** What is charged is what the budget counts, and it is within the limit. */
async function verifyBudgets(store: Store, limits: ReadonlyMap<string, bigint>): Promise<void> {
  for (const [budget, limit] of limits) {
    const { rows } = await store.pool.query(
      `select coalesce(sum(charged), 0) as charged,
              (select coalesce(sum(spent_atto), 0) from budget_window where budget = $1) as spent,
              (select coalesce(sum(leased_atto), 0) from budget_window where budget = $1) as leased
         from (select case state when 'quarantined' then hold_atto else coalesce(sell_atto, 0) end as charged
                 from exchange, json_array_elements(hold_leases) as held where held ->> 'budget' = $1) as charge`,
      [budget],
    );
    const { charged, spent, leased } = rows[0];
    assert.ok(charged <= limit, `${budget} was charged ${charged} of ${limit}`);
    assert.equal(spent, charged, `what ${budget} counts as spent`);
    assert.equal(leased, 0n, `what ${budget} has leased when nobody runs`);
  }
}

const countSql = `
select (select count(*) from exchange) as exchanges, (select count(*) from attempt) as attempts,
       (select count(*) from charge) as charges, (select count(*) from transfer) as transfers,
       (select sum(amount_atto) from transfer) as booked, (select count(*) from decision) as decisions,
       (select count(*) from exchange_key) as keys, (select sum(requests) from usage_hourly) as requests,
       (select sum(sell_atto) from usage_hourly) as sold, (select sum(spent_atto) from lease) as spent,
       (select count(*) from alert) as alerts`;

/** Everything that was journaled is shipped again, as if no position had ever been noted: nothing is added. */
async function verifyReplay(store: Store, journalCopies: string): Promise<void> {
  const before = (await store.pool.query(countSql)).rows;
  const shipper = new Shipper({
    directory: journalCopies,
    target: new LedgerShipping(store, 'replayed'),
    orphans: () => 'delivered',
    nowMs: Date.now,
  });
  shipper.adopt();
  await shipper.drain();
  assert.ok(shipper.status().shippedTotal > 0, 'nothing was replayed');
  assert.deepEqual((await store.pool.query(countSql)).rows, before, 'replaying the journal added something');
  assert.deepEqual(await checkLedger(store), []);
}
