import { GLOBAL, permits } from '../governance/zones.ts';
import type { CandidateView, Cost, DecisionRecord, ExclusionReason, PolicyReason, RequestFacts } from './decision.ts';
import { policyReasons } from './decision.ts';

/** Why policy keeps a candidate out: every reason, not only the first, so that the record explains the whole exclusion.
 *  What nobody says counts against residency and price (I6, I2) and for abilities: a deployment without declared
 *  abilities is tried. */
export function excludedBy(view: CandidateView, facts: RequestFacts, cost: Cost | undefined): readonly PolicyReason[] {
  let reasons: PolicyReason[] | undefined;
  if (!view.allowed) reasons = ['NOT_ALLOWED'];
  if (!permits(facts.zones, view.zone)) {
    (reasons ??= []).push(view.zone === GLOBAL ? 'ZONE_UNKNOWN' : 'ZONE_NOT_ALLOWED');
  }
  if (!view.priced) (reasons ??= []).push('PRICE_UNKNOWN');
  const speaks = view.dialects.includes(facts.dialect);
  if (!speaks && (facts.sameDialectOnly === true || view.dialects.length === 0)) {
    (reasons ??= []).push('DIALECT_UNSUPPORTED');
  }
  const { needs } = facts;
  if (needs !== undefined && view.capabilities !== undefined) {
    const able = view.capabilities;
    if (needs.some(need => !able.includes(need))) (reasons ??= []).push('CAPABILITY_MISSING');
  }
  if (view.contextTokensMax !== undefined && facts.inputTokens > view.contextTokensMax) {
    (reasons ??= []).push('CONTEXT_TOO_SMALL');
  }
  if (facts.tiers !== undefined && !facts.tiers.includes(view.tier ?? usualTier)) {
    (reasons ??= []).push('TIER_NOT_WANTED');
  }
  // A cap on what nobody can price is not kept.
  if (facts.costNanoMax !== undefined && (cost === undefined || cost.nano > facts.costNanoMax)) {
    (reasons ??= []).push('COST_OVER_CAP');
  }
  return reasons ?? none;
}

/** The name of the tier of deployments that name none. */
export const usualTier = 'standard';

const none: readonly PolicyReason[] = [];

export function isPolicyReason(reason: ExclusionReason): reason is PolicyReason {
  return (policyReasons as readonly string[]).includes(reason);
}

/** When nothing is compliant: the smallest sets of rules of which lifting one set would let some candidate in, with the
 *  candidates it would let in. Fewest rules first; of equal size, those that let in more. */
export function nearestRelaxations(
  record: Pick<DecisionRecord, 'candidates'>,
): readonly { readonly lift: readonly PolicyReason[]; readonly handles: readonly string[] }[] {
  const byLift = new Map<string, { lift: readonly PolicyReason[]; handles: string[] }>();
  let fewest = Number.POSITIVE_INFINITY;
  for (const { h, out } of record.candidates) {
    const lift = (out ?? []).filter(isPolicyReason);
    if (lift.length === 0) continue;
    fewest = Math.min(fewest, lift.length);
    const key = lift.join();
    const known = byLift.get(key);
    if (known === undefined) byLift.set(key, { lift, handles: [h] });
    else known.handles.push(h);
  }
  return [...byLift.values()]
    .filter(({ lift }) => lift.length === fewest)
    .sort(
      (left, right) => right.handles.length - left.handles.length || (left.lift.join() < right.lift.join() ? -1 : 1),
    );
}
