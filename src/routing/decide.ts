import { GLOBAL, permits } from '../governance/zones.ts';
import type { CandidateView, DecisionRecord, Draw, ExclusionReason, Observations, RequestFacts } from './decision.ts';
import { KeyedDraws, lotOf } from './prf.ts';

/** The order in which to try candidates, and why. Pure and integer; sees handles, never names (I5).
 *  Policy filters fail closed: an excluded candidate is never in the order. Health filters fail open: if they would
 *  remove every candidate, they are ignored and the record says `panic`. Priority tiers come first (lower first);
 *  inside a tier the order is drawn by weight, so the second place needs no second decision.
 *  The result does not depend on the order of `candidates`. */
export function decide(
  candidates: readonly CandidateView[],
  observations: Observations,
  facts: RequestFacts,
  draw: Draw,
): DecisionRecord {
  // One candidate has nothing to draw, so no lot is needed either: the usual case costs no hashing.
  const lots = candidates.length < 2 ? undefined : candidates.map(candidate => lotOf(draw.seed, candidate.handle));
  return decideByLots(candidates, lots ?? candidates.map(() => soleLot), observations, facts, draw);
}

/** As `decide`, with the lots given: `lots[i]` belongs to `candidates[i]`. Renaming handles while keeping lots renames
 *  the decision and changes nothing else. */
export function decideByLots(
  candidates: readonly CandidateView[],
  lots: readonly string[],
  observations: Observations,
  facts: RequestFacts,
  draw: Draw,
): DecisionRecord {
  const entries = candidates.map((view, index): Entry => {
    const reasons = policyReasons(view, facts);
    const cooling = (observations.cooldownUntilMs.get(view.handle) ?? 0) > observations.atMs;
    return { view, lot: lots[index]!, reasons, cooling };
  });
  if (entries.length > 1) entries.sort(byLot);

  const compliant = entries.filter(entry => entry.reasons.length === 0);
  const healthy = compliant.filter(entry => !entry.cooling);
  const panic = healthy.length === 0 && compliant.length > 0;

  return {
    v: 1,
    epoch: draw.epoch,
    seed: draw.seed,
    candidates: entries.map(({ view, lot, reasons, cooling }) => {
      const out: readonly ExclusionReason[] = cooling ? [...reasons, 'COOLING_DOWN'] : reasons;
      const base = { h: view.handle, p: view.priority, w: view.weight, lot };
      return out.length === 0 ? base : { ...base, out };
    }),
    panic,
    order: drawOrder(panic ? compliant : healthy, facts.exchangeId, draw.seed),
  };
}

interface Entry {
  readonly view: CandidateView;
  readonly lot: string;
  readonly reasons: readonly ExclusionReason[];
  readonly cooling: boolean;
}

const soleLot = '0000000000000000';
const none: readonly ExclusionReason[] = [];

/** Every reason, not only the first: the record explains the whole exclusion. */
function policyReasons(view: CandidateView, facts: RequestFacts): readonly ExclusionReason[] {
  let reasons: ExclusionReason[] | undefined;
  // A deployment that does not say where it processes is GLOBAL: it may process anywhere.
  if (!permits(facts.zones, view.zone)) {
    reasons = [view.zone === GLOBAL ? 'ZONE_UNKNOWN' : 'ZONE_NOT_ALLOWED'];
  }
  if (!view.priced) (reasons ??= []).push('PRICE_UNKNOWN');
  const speaks = view.dialects.includes(facts.dialect);
  if (!speaks && (facts.sameDialectOnly || view.dialects.length === 0)) (reasons ??= []).push('DIALECT_UNSUPPORTED');
  return reasons ?? none;
}

function byLot(left: Entry, right: Entry): number {
  if (left.lot !== right.lot) return left.lot < right.lot ? -1 : 1;
  return left.view.handle < right.view.handle ? -1 : 1;
}

/** Plackett–Luce inside each priority tier: repeatedly draw one of those left with probability weight / Σ weights,
 *  walking in lot order. Entries of weight 0 come last in their tier, in lot order. */
function drawOrder(entries: readonly Entry[], exchangeId: string, seed: string): readonly string[] {
  if (entries.length < 2) return entries.map(entry => entry.view.handle);
  const tiers = [...new Set(entries.map(entry => entry.view.priority))].sort((left, right) => left - right);
  const draws = new KeyedDraws(seed, exchangeId);
  const order: string[] = [];
  for (const priority of tiers) {
    const left = entries.filter(entry => entry.view.priority === priority);
    let weight = left.reduce((sum, entry) => sum + entry.view.weight, 0);
    while (left.length > 0) {
      const index = left.length === 1 || weight === 0 ? 0 : indexAt(left, draws.below(weight));
      const [chosen] = left.splice(index, 1);
      weight -= chosen!.view.weight;
      order.push(chosen!.view.handle);
    }
  }
  return order;
}

function indexAt(entries: readonly Entry[], point: number): number {
  let passed = 0;
  for (let index = 0; index < entries.length; index++) {
    passed += entries[index]!.view.weight;
    if (point < passed) return index;
  }
  throw new Error('a draw lies beyond the sum of weights');
}
