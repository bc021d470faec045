import { decide } from './decide.ts';
import type { CandidateView, Cost, DecisionRecord, Health, PolicyName, RequestFacts } from './decision.ts';

/** What another route would say. What is not said stays as it was recorded. */
export interface RouteChange {
  readonly policy?: PolicyName | undefined;
  /** 10⁻⁹ of the currency; null lifts the cap. */
  readonly costNanoMax?: number | null | undefined;
  /** By handle. */
  readonly candidates: ReadonlyMap<string, CandidateChange>;
  /** Whoever is not in `candidates` is none. */
  readonly only: boolean;
}

export type CandidateChange =
  | { readonly type: 'remove' }
  | {
      readonly type: 'set';
      /** undefined: as recorded, or 1 where it was no candidate. */
      readonly weight: number | undefined;
      readonly priority: number | undefined;
      /** What it is like where it was no candidate. */
      readonly view: CandidateView;
    };

/** What the record does not hold because its policy did not ask for it. */
export interface Assumptions {
  readonly costs: ReadonlyMap<string, Cost>;
  readonly health: ReadonlyMap<string, Health>;
}

/** The recorded decision under a changed route: the same request, instant, epoch and draw. What was recorded wins over what
 *  is assumed. */
export function decideUnder(record: DecisionRecord, change: RouteChange, assumed: Assumptions): DecisionRecord {
  const views: CandidateView[] = [];
  const costs = new Map<string, Cost>(assumed.costs);
  const health = new Map<string, Health>();
  for (const candidate of record.candidates) {
    const { h: handle } = candidate;
    const changed = change.candidates.get(handle);
    if (changed?.type === 'remove' || (changed === undefined && change.only)) continue;
    const recorded: CandidateView = { handle, ...candidate.view };
    views.push(changed === undefined ? recorded : changedView(recorded, changed));
    if (candidate.cost !== undefined) costs.set(handle, candidate.cost);
    const known = { ...assumed.health.get(handle), ...candidate.health };
    if (Object.keys(known).length > 0) health.set(handle, known);
  }
  for (const [handle, changed] of change.candidates) {
    if (changed.type === 'remove' || record.candidates.some(({ h }) => h === handle)) continue;
    views.push(changedView(changed.view, changed));
    const known = assumed.health.get(handle);
    if (known !== undefined) health.set(handle, known);
  }
  return decide(views, { atMs: record.atMs, health, costs }, factsUnder(record.facts, change), {
    epoch: record.epoch,
    seed: record.seed,
  });
}

/** A candidate that was there already keeps what was recorded of it. */
function changedView(view: CandidateView, { weight, priority }: CandidateChange & { type: 'set' }): CandidateView {
  return { ...view, weight: weight ?? view.weight, priority: priority ?? view.priority };
}

function factsUnder(facts: RequestFacts, { policy, costNanoMax }: RouteChange): RequestFacts {
  return {
    ...facts,
    policy: policy ?? facts.policy,
    costNanoMax: costNanoMax === undefined ? facts.costNanoMax : (costNanoMax ?? undefined),
  };
}
