import type { StoredDecision } from '../ledger/decisions.ts';
import type { DecisionRecord, RecordedCandidate } from '../routing/decision.ts';
import { nearestRelaxations } from '../routing/policy-filter.ts';
import { replay } from '../routing/replay.ts';

/** A decision for people: names are put back where it knew handles only. `names` is what they were called at its time. */
export function explainDecision(stored: StoredDecision, text: string, names: ReadonlyMap<string, string>) {
  const record = JSON.parse(text) as DecisionRecord; // Only the gateway writes decisions.
  const nameOf = (handle: string) => names.get(handle) ?? handle;
  const { facts, panic, epoch, seed, order } = record;
  const { exchangeId: _id, session, ...asked } = facts;
  const answered = stored.outcome === 'ok' ? stored.attempts.at(-1)?.deployment : undefined;
  const candidates = record.candidates.map(candidate => {
    const deployment = nameOf(candidate.h);
    const place = order.indexOf(candidate.h);
    return {
      deployment,
      handle: candidate.h,
      fate: fateOf(deployment, place, stored, answered),
      place: place === -1 ? null : place + 1,
      reasons: candidate.out ?? [],
      ...numbersOf(candidate),
    };
  });
  return {
    id: stored.id,
    at: stored.at.toISOString(),
    requestedModel: stored.requestedModel,
    dialect: stored.dialect,
    status: stored.status,
    outcome: stored.outcome,
    durationMs: stored.durationMs,
    policy: facts.policy,
    // Whose session it was is nobody's business here; that there was one is.
    asked: { ...asked, ...(session === undefined ? {} : { hasSession: true }) },
    panic,
    epoch,
    seed,
    candidates: candidates.sort(
      (left, right) =>
        (left.place ?? Number.POSITIVE_INFINITY) - (right.place ?? Number.POSITIVE_INFINITY) ||
        (left.deployment < right.deployment ? -1 : 1),
    ),
    attempts: stored.attempts,
    relaxations:
      order.length > 0
        ? []
        : nearestRelaxations(record).map(({ lift, handles }) => ({ lift, deployments: handles.map(nameOf).sort() })),
    replay: replay(text).outcome,
    record: text,
  };
}

function fateOf(
  deployment: string,
  place: number,
  { attempts }: StoredDecision,
  answered: string | undefined,
): 'answered' | 'tried' | 'reserve' | 'left-out' {
  if (deployment === answered) return 'answered';
  if (attempts.some(attempt => attempt.deployment === deployment)) return 'tried';
  return place === -1 ? 'left-out' : 'reserve';
}

function numbersOf({ view, p, score, cost, health }: RecordedCandidate) {
  return {
    weight: view.weight,
    priority: view.priority,
    zone: view.zone,
    chancePpm: p ?? 0,
    score: score ?? null,
    costNano: cost?.nano ?? null,
    savedNano: cost?.savedNano ?? null,
    health: health ?? {},
  };
}
