import { setTimeout as sleep } from 'node:timers/promises';
import { byProvider } from './drill-report.ts';
import { type DrillWorld, openWorld } from './drill-world.ts';
import { load, warmUp } from './load.ts';
import type { Accounts, AskedOnce, Glimpse, Observed } from './observations.ts';
import { type DrillPlan, type Phase, type ProviderName, phaseAt } from './plan.ts';

export interface DrillProgress {
  readonly phase: Phase;
  readonly atMs: number;
  readonly asked: number;
  readonly failed: number;
  readonly glimpse: Glimpse;
}

const glimpseEveryMs = 250;
/** Usage is in the ledger within seconds of its end; a busy machine gets some more. */
const bookedWithinMs = 20_000;
const bookedPollMs = 200;

/** Starts the world, plays the plan, takes everything down. Throws the signal's reason when it is aborted. */
export async function runDrill(
  plan: DrillPlan,
  { signal, onProgress }: { readonly signal: AbortSignal; readonly onProgress: (progress: DrillProgress) => void },
): Promise<Observed> {
  const world = await openWorld(signal);
  try {
    return await play(plan, world, { signal, onProgress });
  } finally {
    await world.close();
  }
}

async function play(
  plan: DrillPlan,
  world: DrillWorld,
  { signal, onProgress }: { readonly signal: AbortSignal; readonly onProgress: (progress: DrillProgress) => void },
): Promise<Observed> {
  const warmed = await warmUp({ ...world, signal });
  const asked: AskedOnce[] = [];
  const glimpses: Glimpse[] = [{ atMs: 0, arrived: world.arrived(), states: await statesOf(world) }];
  const startedAt = new Date().toISOString();
  const startedMs = performance.now();
  let failed = 0;
  // On time, whatever a look at the gateway takes.
  const changes = plan.phases.map(({ fromMs, script }) => setTimeout(() => world.script('a', script), fromMs));
  const over = new AbortController();
  const watching = watch(
    async () => {
      const atMs = performance.now() - startedMs;
      const glimpse = { atMs, arrived: world.arrived(), states: await statesOf(world) };
      glimpses.push(glimpse);
      onProgress({ phase: phaseAt(plan.phases, atMs), atMs, asked: asked.length, failed, glimpse });
    },
    AbortSignal.any([signal, over.signal]),
  );
  // A gateway that cannot be watched any more ends the drill.
  watching.catch(error => over.abort(error));
  let unsent: number;
  try {
    unsent = await load({
      ...world,
      rate: plan.rate,
      seconds: plan.seconds,
      signal: AbortSignal.any([signal, over.signal]),
      onAnswered: one => {
        asked.push(one);
        if (one.failure !== undefined) failed += 1;
      },
    });
  } finally {
    for (const change of changes) clearTimeout(change);
    over.abort();
    await watching;
  }
  // Everything has arrived: the last seconds are as whole as the others.
  glimpses.push({ atMs: plan.seconds * 1_000, arrived: world.arrived(), states: await statesOf(world) });
  const { exchanges, ...rest } = await accountsOf(world, asked.length + warmed, signal);
  return { startedAt, asked, unsent, glimpses, accounts: { exchanges: exchanges - warmed, ...rest } };
}

/** Until it is aborted. What goes wrong in a look goes wrong for the drill. */
async function watch(look: () => Promise<void>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await look();
    await sleep(glimpseEveryMs, undefined, { signal }).catch(() => {});
  }
}

async function statesOf(world: DrillWorld): Promise<Readonly<Record<ProviderName, string>>> {
  // True: the server is of the same release.
  const answer = (await world.api('/api/v1/health/deployments')) as {
    readonly items: readonly { readonly id: string; readonly state: string }[];
  };
  const states = new Map(answer.items.map(({ id, state }) => [id, state]));
  return byProvider(name => states.get(name) ?? 'idle');
}

/** Waits until the ledger has as many exchanges as were asked, and nothing is open. */
async function accountsOf(world: DrillWorld, wanted: number, signal: AbortSignal): Promise<Accounts> {
  const deadlineMs = performance.now() + bookedWithinMs;
  for (;;) {
    const answer = (await world.api('/api/v1/usage?by=project')) as { readonly rows: readonly { requests: number }[] };
    const exchanges = answer.rows.reduce((sum, { requests }) => sum + requests, 0);
    const metrics = await world.metrics();
    const open = sumOf(metrics, 'carrier_open_exchanges');
    if ((exchanges >= wanted && open === 0) || performance.now() > deadlineMs) {
      return { exchanges, open, beyondShare: sumOf(metrics, 'carrier_inflow_beyond_share_total') };
    }
    await sleep(bookedPollMs, undefined, { signal });
  }
}

/** Over all labels. */
function sumOf(metrics: string, name: string): number {
  const lines = metrics.split('\n').filter(line => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}
