import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startEmulator } from '../../../src/emulator/emulator.ts';
import { listSegments } from '../../../src/journal/segment.ts';
import { connect } from '../../../src/store/connect.ts';
import { keepJournal } from './journal-copies.ts';
import { type Remembered, startLoad } from './remembering-load.ts';
import { seeded } from './seeded.ts';
import { startCarrier } from './start-carrier.ts';
import { until } from './until.ts';
import { type AccountCounts, verifyAccounts } from './verify-accounts.ts';

export interface CrashPlan {
  readonly workerKills: number;
  readonly supervisorKills: number;
  readonly seed: number;
  readonly callers: number;
  /** The load goes on until so many answers were seen to end. */
  readonly endedMin: number;
  readonly progress: (line: string) => void;
}

const linesShown = 60;
const restartTimeoutMs = 30_000;
const endedTimeoutMs = 60_000;
const shipTimeoutMs = 20_000;
const providerKey = 'provider-secret';
const roomyKey = 'roomy-secret-roomy-secret-roomy-secret';
const tightKey = 'tight-secret-tight-secret-tight-secret';

/** How providers behave while it crashes: mostly well, sometimes as they do. */
const weathers: readonly (readonly string[])[] = [
  ['pace=4ms;tokens=20'],
  ['pace=15ms;tokens=40'],
  ['status=500;times=2', 'pace=4ms;tokens=10'],
  ['reset;times=2', 'pace=4ms;tokens=30'],
  ['cut-after=4;times=2', 'pace=8ms;tokens=30'],
  ['error-after=3;times=2', 'pace=4ms;tokens=20'],
  ['ttft=100ms;tokens=15'],
];

const yaml = (emulatorUrl: string, tightLimit: string) => {
  const prices = `currency: USD, rates: {
    openai/gpt-5: { input: "1.25", output: "10.00" }, anthropic/claude-sonnet-5: { input: "3.00", output: "15.00" } }`;
  return `
providers:
  openai: { dialect: openai-chat, baseUrl: "${emulatorUrl}/v1", credential: env:PROVIDER_KEY }
  anthropic: { dialect: anthropic-messages, baseUrl: "${emulatorUrl}", credential: env:PROVIDER_KEY }
deployments:
  gpt-5-us: { provider: openai, model: openai/gpt-5, targetModel: gpt-5 }
  sonnet-eu: { provider: anthropic, model: anthropic/claude-sonnet-5, targetModel: claude-sonnet-5 }
prices:
  sell: { ${prices} }
  buy: { ${prices} }
routes:
  either: { candidates: [ { deployment: gpt-5-us }, { deployment: sonnet-eu } ], retries: 2 }
organisations:
  acme:
    budget: { limit: "1000", period: total, hard: true }
    projects:
      web:
        keys:
          roomy: { secret: env:ROOMY_KEY }
          tight: { secret: env:TIGHT_KEY, budget: { limit: "${tightLimit}", period: total, hard: true } }
`;
};

const isEnded = (memory: Remembered) => memory.ended && memory.status === 200;

/** Kills workers and supervisors at random moments under load, then compares everybody's accounts. */
export async function crashAndVerify(plan: CrashPlan): Promise<AccountCounts & { readonly refusedByBudget: number }> {
  const random = seeded(plan.seed);
  const emulator = await startEmulator({ apiKeys: [providerKey], record: false, rules: weathers[0]! });
  const kills = plan.workerKills + plan.supervisorKills;
  // Less than is asked for, so that the end of it is found under fire, too.
  const tightAtto = BigInt(kills) * 400_000_000_000_000n;
  const tightLimit = `0.${tightAtto.toString().padStart(18, '0')}`;
  const carrier = await startCarrier({
    yaml: yaml(emulator.url, tightLimit),
    env: { PROVIDER_KEY: providerKey, ROOMY_KEY: roomyKey, TIGHT_KEY: tightKey },
    workers: 2,
  });
  const copies = keepJournal(join(carrier.dataDirectory, 'journal'), join(carrier.dataDirectory, '..', 'copies'));
  const load = startLoad({
    url: carrier.url,
    keys: [roomyKey, tightKey],
    models: ['openai/gpt-5', 'anthropic/claude-sonnet-5', 'either'],
    callers: plan.callers,
    seed: plan.seed,
  });
  try {
    const victims = shuffled(random, plan);
    for (const [index, victim] of victims.entries()) {
      emulator.replaceRules(random.one(weathers));
      await sleep(random.whole(20, 600));
      copies.link();
      if (victim === 'supervisor') {
        await carrier.kill();
        copies.link();
        await carrier.start();
      } else {
        const workers = await until(
          'a worker is there',
          () => {
            const alive = carrier.workerProcessIds();
            return alive.length > 0 ? alive : undefined;
          },
          // Workers that are killed before they serve are started again more and more slowly.
          restartTimeoutMs,
        );
        process.kill(random.one(workers), 'SIGKILL');
      }
      plan.progress(`${index + 1} of ${kills} killed (${victim}), ${load.remembered.length} requests`);
    }
    // However slow the machine: enough was seen to end for the comparison to mean something.
    await until(
      `${plan.endedMin} answers ended`,
      () => (load.remembered.filter(isEnded).length >= plan.endedMin ? true : undefined),
      endedTimeoutMs,
    );
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${carrier.lines.slice(-linesShown).join('\n')}`, { cause: error });
  } finally {
    emulator.replaceRules([]);
    await load.stop();
  }
  let told = '';
  await until(
    'everything is shipped',
    async () => {
      // A kept connection may lead to a worker that was killed.
      const shipper = (await carrier.api('GET', '/api/v1/status').catch(() => undefined))?.json?.shipper;
      told = JSON.stringify(shipper);
      const waiting = shipper === undefined ? 1 : shipper.lagRecords + shipper.lagBytes + shipper.openExchanges;
      return waiting === 0 ? true : undefined;
    },
    shipTimeoutMs,
  ).catch(error => {
    throw new Error(`${error.message}: ${told}\n${carrier.lines.slice(-linesShown).join('\n')}`);
  });
  const code = await carrier.stop();
  copies.stop();
  if (code !== 0) throw new Error(`the carrier ended with ${code}`);
  const left = listSegments(join(carrier.dataDirectory, 'journal'));
  if (left.length > 0)
    throw new Error(`${left.length} segments were not shipped:\n${carrier.lines.slice(-linesShown).join('\n')}`);
  const { requests } = emulator.stats();
  await emulator.stop();

  const counts = await verifyAccounts({
    databaseUrl: carrier.databaseUrl!,
    journalCopies: copies.directory,
    remembered: load.remembered,
    dispatched: requests,
    limits: await budgetLimits(carrier.databaseUrl!, tightAtto),
    rates: {
      'gpt-5-us': { input: 1_250_000_000_000n, output: 10_000_000_000_000n },
      'sonnet-eu': { input: 3_000_000_000_000n, output: 15_000_000_000_000n },
    },
  });
  const refusedByBudget = load.remembered.filter(memory => memory.fault === 'budget_exhausted').length;
  return { ...counts, refusedByBudget };
}

/** Budgets have ids that the server made; of the two, the one that was asked for more is the organisation's. */
async function budgetLimits(databaseUrl: string, tightAtto: bigint): Promise<ReadonlyMap<string, bigint>> {
  const store = connect(databaseUrl);
  try {
    const { rows } = await store.pool.query('select budget, limit_atto from budget_window order by limit_atto');
    const limits = new Map<string, bigint>(rows.map(row => [row.budget, row.limit_atto]));
    if (limits.size !== 2 || rows[0].limit_atto !== tightAtto) {
      throw new Error(`unexpected budgets: ${JSON.stringify(rows, (_, value) => String(value))}`);
    }
    return limits;
  } finally {
    await store.close();
  }
}

function shuffled(random: ReturnType<typeof seeded>, plan: CrashPlan): ('worker' | 'supervisor')[] {
  const victims = [
    ...Array.from({ length: plan.workerKills }, () => 'worker' as const),
    ...Array.from({ length: plan.supervisorKills }, () => 'supervisor' as const),
  ];
  for (let last = victims.length - 1; last > 0; last -= 1) {
    const other = random.whole(0, last);
    [victims[last], victims[other]] = [victims[other]!, victims[last]!];
  }
  return victims;
}
