/** How long after its end is an exchange in the ledger, while a worker keeps ending them?
 *
 *    node bench/shipping-lag.ts [exchanges a second] [seconds]     (default 5,000 for 6 s)
 *
 *  Target: at most 2 s at p99. The writer is a process of its own, as workers are. Uses DATABASE_URL, else a Postgres of
 *  its own; it, the writer and the shipper share the machine. */
import { execFileSync, fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileJournal } from '../src/journal/file-journal.ts';
import { Shipper, type ShippingBatch } from '../src/journal/shipper.ts';
import { LedgerShipping } from '../src/ledger/shipping.ts';
import { connect } from '../src/store/connect.ts';
import { startEmbeddedPostgres } from '../src/store/embedded/start.ts';
import { maintain, retentionDefault } from '../src/store/maintenance.ts';
import { migrate } from '../src/store/migrate.ts';
import { admitOf, attemptOf, endOf, exchangeId } from '../test/support/exchanges.ts';

const rate = Number(process.argv[2] ?? 5_000);
const seconds = Number(process.argv[3] ?? 6);
const writerDirectory = process.argv[4];

if (writerDirectory === undefined) await measure();
else await write(writerDirectory);

async function measure(): Promise<void> {
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
    const lagsMs: number[] = [];
    const shipping = new LedgerShipping(store, 'bench-lag');
    const target = Object.assign(Object.create(shipping), {
      ship: async (batch: ShippingBatch) => {
        await shipping.ship(batch);
        const nowMs = Date.now();
        for (const { end } of batch.exchanges) lagsMs.push(nowMs - end.atMs);
      },
      positions: () => shipping.positions(),
      forget: () => Promise.resolve(),
    });
    const shipper = new Shipper({ directory, target, orphans: () => 'delivered', nowMs: Date.now });
    shipper.start();
    const writer = fork(import.meta.filename, [String(rate), String(seconds), directory]);
    await new Promise(resolve => writer.once('exit', resolve));
    shipper.markDead(1);
    await shipper.stop();
    await shipper.drain();
    await store.close();

    lagsMs.sort((a, b) => a - b);
    const at = (part: number) => lagsMs[Math.min(lagsMs.length - 1, Math.floor(part * lagsMs.length))];
    const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
      encoding: 'utf8',
      cwd: import.meta.dirname,
    }).trim();
    console.log(
      `machine   ${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, node ${process.version}, commit ${commit}`,
    );
    console.log(`shipped   ${lagsMs.length} exchanges at ${rate}/s`);
    console.log(`lag       median ${at(0.5)} ms, p99 ${at(0.99)} ms, longest ${at(1)} ms`);
  } finally {
    await postgres?.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function write(directory: string): Promise<void> {
  const journal = await FileJournal.open({
    directory,
    generation: 1,
    worker: 1,
    fsync: 'interval',
    fsyncIntervalMs: 50,
    bytesMax: 2 ** 32,
    clock: { nowMs: Date.now, monotonicMs: () => performance.now() },
    onAlarm: ({ message }) => console.error(message),
  });
  const startedAtMs = Date.now();
  const base = startedAtMs * 1_000;
  let written = 0;
  while (Date.now() - startedAtMs < seconds * 1_000) {
    const due = ((Date.now() - startedAtMs) * rate) / 1_000;
    for (; written < due; written += 1) {
      const sketch = { id: exchangeId(base + written), atMs: Date.now() - 1_200, key: `key_${written % 20}` };
      journal.admit(admitOf(sketch));
      await journal.attempt(attemptOf(sketch));
      await journal.end({ ...endOf(sketch), atMs: Date.now() });
    }
    await new Promise(resolve => setTimeout(resolve, 5));
  }
  await journal.close();
}
