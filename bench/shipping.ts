/** How many exchanges a second go from the journal into Postgres, with the full row set?
 *
 *    node bench/shipping.ts [exchanges] [none|granted|held]
 *                   (default 60,000; an exchange is one event: admit, attempt, progress, end)
 *
 *  none: nobody has a wallet. granted: every organisation has grants, and nothing was held. held: every exchange is paid
 *  from the lease of its wallet.
 *
 *  Target: 12,000 a second on two cores with the machine otherwise idle. Uses DATABASE_URL, else a Postgres of its own. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeGrants } from '../src/billing/grants.ts';
import { WalletPayer } from '../src/billing/pay-exchanges.ts';
import { WalletLeases } from '../src/billing/wallet-leases.ts';
import type { HeldLease } from '../src/journal/record.ts';
import { encodeFrame, encodeHeader, frameBytesMax, segmentFileName } from '../src/journal/segment.ts';
import { Shipper } from '../src/journal/shipper.ts';
import { checkLedger } from '../src/ledger/check.ts';
import { LedgerLeases } from '../src/ledger/leases.ts';
import { LedgerShipping } from '../src/ledger/shipping.ts';
import { connect } from '../src/store/connect.ts';
import { startEmbeddedPostgres } from '../src/store/embedded/start.ts';
import { maintain, retentionDefault } from '../src/store/maintenance.ts';
import { migrate } from '../src/store/migrate.ts';
import { exchangeId, recordsOf } from '../test/support/exchanges.ts';

const exchanges = Number(process.argv[2] ?? 60_000);
const wallets = process.argv[3] ?? 'none';
const organisations = Array.from({ length: 5 }, (_, index) => `org_${index}`);
const directory = mkdtempSync(join(tmpdir(), 'carrier-bench-'));
const postgres =
  process.env['DATABASE_URL'] === undefined
    ? await startEmbeddedPostgres({ directory: join(directory, 'postgres'), log: () => {} })
    : undefined;
const url = process.env['DATABASE_URL'] ?? postgres!.url;

try {
  await migrate(url);
  const store = connect(url);
  await maintain(store, retentionDefault, Date.now());
  const leases = wallets === 'none' ? new Map<string, HeldLease>() : await openWallets(store);
  const before = await measure(store);
  const bytes = writeJournal(leases);
  const shipper = new Shipper({
    directory,
    target: new LedgerShipping(store, 'bench', new WalletPayer()),
    orphans: () => 'delivered',
    nowMs: Date.now,
  });
  shipper.adopt();
  const postgresBefore = postgresCpuMs();
  const startedAt = process.hrtime.bigint();
  const cpuBefore = process.cpuUsage();
  await shipper.drain();
  const seconds = Number(process.hrtime.bigint() - startedAt) / 1e9;
  const cpu = process.cpuUsage(cpuBefore);
  const postgresAfter = postgresCpuMs();
  const after = await measure(store);
  const violations = await checkLedger(store);
  await store.close();
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
    encoding: 'utf8',
    cwd: import.meta.dirname,
  }).trim();
  console.log(
    `machine        ${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, node ${process.version}, commit ${commit}`,
  );
  console.log(`shipped        ${exchanges} exchanges, ${(bytes / exchanges).toFixed(0)} journal bytes each`);
  console.log(`rate           ${Math.round(exchanges / seconds)} exchanges/s`);
  console.log(`shipper's cpu  ${((cpu.user + cpu.system) / exchanges).toFixed(1)} µs an exchange`);
  if (postgresBefore !== undefined && postgresAfter !== undefined) {
    const spentMs = postgresAfter - postgresBefore;
    console.log(`Postgres's cpu ${((spentMs * 1_000) / exchanges).toFixed(1)} µs an exchange`);
  }
  console.log(
    `rows           ${((after.rows - before.rows) / exchanges).toFixed(2)} an exchange, ` +
      `${((after.bytes - before.bytes) / exchanges).toFixed(0)} bytes with indexes`,
  );
  console.log(`violations     ${violations.length}`);
} finally {
  await postgres?.stop();
  rmSync(directory, { recursive: true, force: true });
}

/** What all processes of our own server have used; on a machine that is not idle it says more than the rate. Linux only. */
function postgresCpuMs(): number | undefined {
  if (postgres === undefined || process.platform !== 'linux') return undefined;
  let ticks = 0;
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      // Behind the command: state, parent, …; user and system time are the 12th and 13th of them, in 1/100 s.
      const fields = readFileSync(`/proc/${name}/stat`, 'latin1')
        .replace(/^.*\) /s, '')
        .split(' ');
      if (Number(name) !== postgres.processId && Number(fields[1]) !== postgres.processId) continue;
      ticks += Number(fields[11]) + Number(fields[12]);
    } catch {
      // It has ended between the two calls.
    }
  }
  return ticks * 10;
}

/** Two grants each, the first of which is used up half-way; their leases by organisation, where exchanges are held. */
async function openWallets(store: ReturnType<typeof connect>): Promise<Map<string, HeldLease>> {
  const whole = 10n ** 24n;
  const facts = { kind: 'paid', currency: 'USD', priority: 0, effectiveAtMs: 0, expiresAtMs: undefined } as const;
  const order = { ...facts, scope: undefined, source: undefined };
  // An exchange costs some 0.0027 USD.
  const half = (BigInt(exchanges) * 2_700_000_000_000_000n) / 10n;
  await makeGrants(
    store,
    organisations.flatMap(organisation => [
      { ...order, organisation, id: 'first', amountAtto: half },
      { ...order, organisation, id: 'second', amountAtto: whole },
    ]),
    Date.now(),
  );
  if (wallets !== 'held') return new Map();
  const holder = new WalletLeases({ store, leases: new LedgerLeases(store), lineAtto: () => 0n });
  const leases = new Map<string, HeldLease>();
  for (const organisation of organisations) {
    const place = { budget: `wallet/${organisation}/USD`, window: '1970-01-01T00:00:00.000Z/..' };
    const amounts = { limitAtto: 0n, needAtto: whole, dueAtto: whole, wantAtto: whole };
    const block = await holder.acquire({ ...place, ...amounts, holder: 'bench:1' });
    if (block === 'exhausted') throw new Error('a wallet has less than it was granted');
    leases.set(organisation, { ...place, lease: block.lease });
  }
  return leases;
}

function writeJournal(leases: ReadonlyMap<string, HeldLease>): number {
  const name = { generation: 1, worker: 1, sequence: 1 };
  const descriptor = openSync(join(directory, segmentFileName(name)), 'w');
  const buffer = Buffer.alloc(3 * frameBytesMax);
  let bytes = writeSync(descriptor, encodeHeader(name, Date.now()));
  const firstMs = Date.now() - 60_000;
  for (let number = 0; number < exchanges; number += 1) {
    const lease = leases.get(organisations[number % 5]!);
    const sketch = {
      id: exchangeId(Math.floor(Math.random() * 1e6) + number * 1_000_000),
      atMs: firstMs + Math.floor(number / 200),
      organisation: organisations[number % 5]!,
      ...(lease === undefined ? {} : { leases: [lease], holdAtto: '10000000000000000' }),
      project: `prj_${number % 10}`,
      key: `key_${number % 20}`,
      inputTokens: 100 + (number % 900),
      outputTokens: 20 + (number % 300),
    };
    let at = 0;
    for (const record of recordsOf(sketch)) at = encodeFrame(buffer, at, record.type, JSON.stringify(record));
    bytes += writeSync(descriptor, buffer, 0, at);
  }
  return bytes;
}

async function measure(store: ReturnType<typeof connect>): Promise<{ rows: number; bytes: number }> {
  const { rows } = await store.pool.query(
    `select (select count(*) from exchange) + (select count(*) from attempt) + (select count(*) from decision)
          + (select count(*) from charge) + (select count(*) from transfer) + (select count(*) from exchange_key) as rows,
            (select sum(pg_total_relation_size(oid)) from pg_class
              where relkind = 'r' and relnamespace = 'public'::regnamespace) as bytes`,
  );
  return { rows: Number(rows[0].rows), bytes: Number(rows[0].bytes) };
}
