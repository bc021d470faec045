import { ConfigurationError } from '../config/problem.ts';
import type { Control } from '../control/control.ts';
import {
  countDecisions,
  type DecisionFilter,
  decisionPageMax,
  listDecisions,
  type MeasuredTimes,
  measuredTimes,
  type StoredDecision,
} from '../ledger/decisions.ts';
import { parseAtto } from '../pricing/money.ts';
import type { CandidateView, Cost, DecisionRecord, Health, PolicyName } from '../routing/decision.ts';
import { isScored } from '../routing/score.ts';
import { type CandidateChange, decideUnder, type RouteChange } from '../routing/simulate.ts';
import { expectedCosts } from '../snapshot/expected-cost.ts';
import { type Contract, type Deployment, loadSnapshot, type Snapshot } from '../snapshot/load.ts';
import type { Store } from '../store/connect.ts';

export interface AskedChange {
  readonly policy?: PolicyName | undefined;
  readonly costMax?: string | null | undefined;
  /** By deployment; null removes it. */
  readonly candidates: Readonly<
    Record<string, { readonly weight?: number | undefined; readonly priority?: number | undefined } | null>
  >;
  /** Who is not named is no candidate. */
  readonly only?: boolean | undefined;
}

/** One page of recorded decisions under a changed route. What records do not hold is assumed, and said: prices as they are
 *  configured now for that instant, times as they were measured in the period. Throws ConfigurationError. */
export async function simulateStep(
  { store, control }: { readonly store: Store; readonly control: Control },
  question: {
    readonly route: string;
    readonly filter: DecisionFilter;
    readonly change: AskedChange;
    readonly after: { readonly at: Date; readonly id: string } | undefined;
  },
) {
  const [compiled, times, total, rows] = await Promise.all([
    control.compile(),
    measuredTimes(store, question.filter),
    countDecisions(store, question.filter),
    listDecisions(store, question.filter, { limit: decisionPageMax, after: question.after }),
  ]);
  const snapshot = loadSnapshot(compiled);
  const change = readChange(question.change, snapshot);
  const world = worldOf(snapshot, times, contractsOf(snapshot, compiled.keys));
  const tally = new Tally(world);
  for (const row of rows) tally.add(row, change);
  return { total, rows, ...tally.result(), assumptions: assumptionsOf(question.change) };
}

function readChange({ policy, costMax, candidates, only = false }: AskedChange, snapshot: Snapshot): RouteChange {
  const byName = new Map(snapshot.deployments.map(deployment => [deployment.id, deployment]));
  const changes = new Map<string, CandidateChange>();
  for (const [name, asked] of Object.entries(candidates)) {
    const deployment = byName.get(name);
    if (deployment === undefined) {
      throw new ConfigurationError(
        [{ path: `change.candidates.${name}`, code: 'configuration_invalid', message: 'no deployment has this name' }],
        'the request',
      );
    }
    changes.set(
      deployment.handle,
      asked === null
        ? { type: 'remove' }
        : { type: 'set', weight: asked.weight, priority: asked.priority, view: viewOf(deployment) },
    );
  }
  const costNanoMax = costMax === undefined || costMax === null ? costMax : Number(parseAtto(costMax) / attoPerNano);
  return { policy, costNanoMax, candidates: changes, only };
}

function viewOf(deployment: Deployment): CandidateView {
  return {
    handle: deployment.handle,
    weight: 1,
    priority: 1,
    zone: deployment.zones.processing,
    dialects: deployment.provider.dialects,
    priced: deployment.sell !== undefined && deployment.buy !== undefined,
    allowed: true,
    capabilities: deployment.capabilities ?? undefined,
    contextTokensMax: deployment.contextTokensMax ?? undefined,
  };
}

interface World {
  readonly snapshot: Snapshot;
  readonly nameOf: ReadonlyMap<string, string>;
  /** By handle. */
  readonly health: ReadonlyMap<string, Health>;
  readonly durationMs: ReadonlyMap<string, number>;
  readonly contracts: ReadonlyMap<string, Contract>;
}

function worldOf(snapshot: Snapshot, times: readonly MeasuredTimes[], contracts: World['contracts']): World {
  const byName = new Map(times.map(time => [time.deployment, time]));
  const health = new Map<string, Health>();
  const durationMs = new Map<string, number>();
  for (const { id, handle } of snapshot.deployments) {
    const time = byName.get(id);
    if (time === undefined) continue;
    durationMs.set(handle, time.durationMs);
    const firstByteMs = time.firstByteMs ?? time.durationMs;
    // The rest of the mean answer stands for the time per token of one of the usual length.
    const perTokenUs = Math.round(((time.durationMs - firstByteMs) * 1_000) / usualOutputTokens);
    health.set(handle, { firstTokenUs: Math.max(1, Math.round(firstByteMs * 1_000)), perTokenUs, spread: 0 });
  }
  return {
    snapshot,
    nameOf: new Map(snapshot.deployments.map(({ handle, id }) => [handle, id])),
    health,
    durationMs,
    contracts,
  };
}

const usualOutputTokens = 500;
const attoPerNano = 1_000_000_000n;

interface Sums {
  costNano: bigint;
  costKnown: number;
  durationMs: number;
  durationKnown: number;
}

class Tally {
  readonly #world: World;
  readonly #shares = new Map<string, { before: number; after: number }>();
  readonly #before: Sums = { costNano: 0n, costKnown: 0, durationMs: 0, durationKnown: 0 };
  readonly #after: Sums = { costNano: 0n, costKnown: 0, durationMs: 0, durationKnown: 0 };
  #examined = 0;
  #moved = 0;
  #unserved = 0;
  #unreadable = 0;

  constructor(world: World) {
    this.#world = world;
  }

  add({ record: text, organisation }: StoredDecision, change: RouteChange): void {
    const record = text === null ? undefined : (JSON.parse(text) as DecisionRecord); // Only the gateway writes decisions.
    if (record?.v !== 2) {
      this.#unreadable += 1;
      return;
    }
    this.#examined += 1;
    const costs = this.#costs(record, organisation, change);
    const policy = change.policy ?? record.facts.policy;
    const after = decideUnder(record, change, { costs, health: isScored(policy) ? this.#world.health : none });
    const [first] = record.order;
    const [firstAfter] = after.order;
    if (first !== firstAfter) this.#moved += 1;
    if (firstAfter === undefined) this.#unserved += 1;
    this.#note('before', first, costs, this.#before);
    this.#note('after', firstAfter, costs, this.#after);
  }

  result() {
    return {
      examined: this.#examined,
      moved: this.#moved,
      unserved: this.#unserved,
      unreadable: this.#unreadable,
      deployments: [...this.#shares]
        .map(([handle, shares]) => ({ deployment: this.#world.nameOf.get(handle) ?? handle, ...shares }))
        .sort((left, right) => (left.deployment < right.deployment ? -1 : 1)),
      before: shownSums(this.#before),
      after: shownSums(this.#after),
      currency: currencyOf(this.#world.snapshot),
    };
  }

  #note(side: 'before' | 'after', handle: string | undefined, costs: ReadonlyMap<string, Cost>, sums: Sums): void {
    if (handle === undefined) return;
    const shares = this.#shares.get(handle) ?? { before: 0, after: 0 };
    shares[side] += 1;
    this.#shares.set(handle, shares);
    const cost = costs.get(handle);
    if (cost !== undefined) {
      sums.costNano += BigInt(cost.nano);
      sums.costKnown += 1;
    }
    const durationMs = this.#world.durationMs.get(handle);
    if (durationMs !== undefined) {
      sums.durationMs += durationMs;
      sums.durationKnown += 1;
    }
  }

  /** As the record says; else by the prices that are configured now for its instant and its customer. */
  #costs(record: DecisionRecord, organisation: string, change: RouteChange): ReadonlyMap<string, Cost> {
    const { snapshot, contracts } = this.#world;
    const handles = new Set([...record.candidates.map(({ h }) => h), ...change.candidates.keys()]);
    const candidates = snapshot.deployments
      .filter(({ handle }) => handles.has(handle))
      .map(deployment => ({ deployment }));
    const { inputTokens, outputTokens } = record.facts;
    const use = { inputTokens, outputTokens, requestedTier: undefined, atMs: record.atMs };
    const costs = new Map(expectedCosts({ candidates }, contracts.get(organisation), use, () => 0));
    for (const { h, cost } of record.candidates) if (cost !== undefined) costs.set(h, cost);
    return costs;
  }
}

const none: ReadonlyMap<string, Health> = new Map();

function shownSums({ costNano, ...rest }: Sums) {
  return { costNano: costNano.toString(), ...rest };
}

/** All sell prices of a snapshot are in one currency. */
function currencyOf({ deployments }: Snapshot): string {
  return deployments.find(({ sell }) => sell !== undefined)?.sell?.currency ?? 'USD';
}

/** By organisation, through any of its keys. */
function contractsOf(snapshot: Snapshot, keys: readonly { readonly digest: string }[]): ReadonlyMap<string, Contract> {
  const contracts = new Map<string, Contract>();
  for (const { digest } of keys) {
    const principal = snapshot.findKey(digest);
    if (principal?.contract !== undefined) contracts.set(principal.organisation, principal.contract);
  }
  return contracts;
}

function assumptionsOf({ candidates, policy }: AskedChange): readonly string[] {
  return [
    'Whoever would have been asked first is taken to have answered; later attempts are not played through.',
    'Costs that a record does not hold are by the prices that are configured now for its instant.',
    'Times are means of the attempts that succeeded in the period.',
    ...(policy === undefined
      ? []
      : ['Health that a record does not hold is taken from those means, without queues or errors.']),
    ...(Object.values(candidates).some(asked => asked !== null)
      ? [
          'A deployment that was no candidate is taken to have been healthy, with the prices, zone and abilities it has now.',
        ]
      : []),
  ];
}
