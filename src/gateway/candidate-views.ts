import { dialects } from '../dialects/registry.ts';
import { isConstant, isPricedWithin, nextChangeMs } from '../pricing/timeline.ts';
import type { CandidateView } from '../routing/decision.ts';
import { type Contract, type ResolvedRoute, sellPrices } from '../snapshot/load.ts';

interface RouteViews {
  readonly views: readonly CandidateView[];
  /** Until another price would change them. */
  readonly fromMs: number;
  readonly untilMs: number;
}

/** What decide() may see of a route's candidates: made once a route and contract, since a snapshot never changes, and
 *  again when a scheduled price comes near. A candidate is priced when both books have a price at every instant at which
 *  an attempt could still be dispatched. A tier that a client asks for is not looked at: what is served decides. */
export function candidateViews({
  route,
  contract,
  nowMs,
}: {
  readonly route: ResolvedRoute;
  readonly contract: Contract | undefined;
  readonly nowMs: number;
}): readonly CandidateView[] {
  const remembered = viewsByRoute(contract);
  const made = remembered.get(route);
  if (made !== undefined && nowMs >= made.fromMs && nowMs < made.untilMs) return made.views;
  const views = makeViews(route, contract, nowMs);
  remembered.set(route, views);
  return views.views;
}

function makeViews(route: ResolvedRoute, contract: Contract | undefined, nowMs: number): RouteViews {
  const lifetimeMs = route.policy.totalTimeoutMs;
  const span = { fromMs: nowMs, toMs: nowMs + lifetimeMs };
  let untilMs = Number.POSITIVE_INFINITY;
  let changes = false;
  const views = route.candidates.map(({ deployment, weight, priority }) => {
    const books = [sellPrices(deployment, { contract }), deployment.buy];
    for (const book of books) {
      if (book === undefined || isConstant(book)) continue;
      changes = true;
      untilMs = Math.min(untilMs, nextChangeMs(book, nowMs, lifetimeMs));
    }
    return {
      handle: deployment.handle,
      weight,
      priority,
      zone: deployment.zones.processing,
      dialects: deployment.provider.dialects.filter(name => dialects.get(name) !== undefined),
      priced: books.every(book => book !== undefined && isPricedWithin(book, span)),
      allowed: true,
    };
  });
  // Clocks may be set back.
  return { views, fromMs: changes ? nowMs : Number.NEGATIVE_INFINITY, untilMs };
}

const listViews = new WeakMap<ResolvedRoute, RouteViews>();
const contractViews = new WeakMap<Contract, WeakMap<ResolvedRoute, RouteViews>>();

function viewsByRoute(contract: Contract | undefined): WeakMap<ResolvedRoute, RouteViews> {
  if (contract === undefined) return listViews;
  const made = contractViews.get(contract);
  if (made !== undefined) return made;
  const views = new WeakMap<ResolvedRoute, RouteViews>();
  contractViews.set(contract, views);
  return views;
}
