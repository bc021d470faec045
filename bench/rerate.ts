/** How many exchanges a second are rated again, when every charge of both books comes out otherwise?
 *
 *    node bench/rerate.ts [exchanges]     (default 100,000)
 *
 *  Target: a million within a minute on two cores with the machine otherwise idle. Uses DATABASE_URL, else a Postgres of
 *  its own. Says the same for a second run, which finds nothing to do, and for a check of everything. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkUnits, fullScope } from '../src/ledger/check.ts';
import { HandedNumbers, type PricesOf, rerateStep } from '../src/ledger/rerate.ts';
import { LedgerShipping } from '../src/ledger/shipping.ts';
import { parseTimeline } from '../src/pricing/timeline.ts';
import { connect } from '../src/store/connect.ts';
import { startEmbeddedPostgres } from '../src/store/embedded/start.ts';
import { maintain, retentionDefault } from '../src/store/maintenance.ts';
import { migrate } from '../src/store/migrate.ts';
import { exchangeId, recordsOf } from '../test/support/exchanges.ts';
import { completeExchange } from '../test/support/ledger.ts';
import { Spending } from './spending.ts';

const exchanges = Number(process.argv[2] ?? 100_000);
const batch = 4_000;
const directory = mkdtempSync(join(tmpdir(), 'carrier-bench-'));
const postgres =
  process.env['DATABASE_URL'] === undefined
    ? await startEmbeddedPostgres({ directory: join(directory, 'postgres'), log: () => {} })
    : undefined;

try {
  const url = process.env['DATABASE_URL'] ?? postgres!.url;
  await migrate(url);
  const store = connect(url, { statementTimeoutMs: 0 });
  const startMs = Date.now() - 86_400_000;
  await maintain(store, retentionDefault, startMs);
  const shipping = new LedgerShipping(store, 'bench');
  for (let start = 0; start < exchanges; start += batch) {
    const count = Math.min(batch, exchanges - start);
    const part = Array.from({ length: count }, (_, index) => {
      const number = start + index;
      const atMs = startMs + Math.floor((number / exchanges) * 80_000_000);
      const organisation = `org_${number % 200}`;
      return completeExchange(recordsOf({ id: exchangeId(number), atMs, organisation, key: `k${number % 2_000}` }));
    });
    await shipping.ship({ exchanges: part, positions: [], alerts: [] });
  }
  await store.pool.query('vacuum analyze');
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
    encoding: 'utf8',
    cwd: import.meta.dirname,
  }).trim();
  console.log(
    `machine        ${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, node ${process.version}, commit ${commit}`,
  );
  await measure('rated anew', 'sell-2', 'buy-2');
  await measure('the same again', 'sell-2', 'buy-2');
  const startedAt = performance.now();
  const { violations, total } = await checkUnits(store, await fullScope(store));
  console.log(`full check     ${seconds(startedAt)} s, ${total} looks, violations ${violations.length}`);
  await store.close();

  async function measure(name: string, sell: string, buy: string): Promise<void> {
    const order = {
      filter: { from: new Date(startMs - 1), to: new Date(startMs + 86_400_000) },
      prices: prices(sell, buy),
      run: 'bench',
      reason: 'bench',
      dryRun: false,
    };
    const numbers = new HandedNumbers();
    const spending = new Spending(postgres?.processId);
    const begun = performance.now();
    spending.begin();
    let corrected = 0;
    for (
      let after: Parameters<typeof rerateStep>[1]['after'], first = true;
      first || after !== undefined;
      first = false
    ) {
      const report = await rerateStep(store, { ...order, after }, { numbers });
      corrected += report.corrected;
      after = report.next;
    }
    const took = performance.now() - begun;
    spending.pause();
    console.log(
      `${name.padEnd(15)}${(took / 1_000).toFixed(1)} s, ${Math.round((exchanges / took) * 1_000)} exchanges/s, ` +
        `${corrected} corrected, ${spending.each(exchanges)}`,
    );
  }
} finally {
  await postgres?.stop();
  rmSync(directory, { recursive: true, force: true });
}

function seconds(sinceMs: number): string {
  return ((performance.now() - sinceMs) / 1_000).toFixed(1);
}

/** Three and one and a half dollars more per 10⁶ tokens than what was charged. */
function prices(sell: string, buy: string): PricesOf {
  const timeline = (version: string, input: string, output: string) =>
    parseTimeline({ version, currency: 'USD', rates: { input, output }, tiers: [] });
  const books = {
    sell: timeline(sell, '5000000000000', '13000000000000'),
    buy: timeline(buy, '2500000000000', '5500000000000'),
  };
  return ({ book }) => books[book];
}
