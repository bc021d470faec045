import { dialects } from '../dialects/registry.ts';
import { servedCellKey } from '../pricing/price-place.ts';
import { isPricedWithin, nextChangeMs } from '../pricing/timeline.ts';
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
 *  an attempt could still be dispatched, and for the tier that is asked for: else its cost would be found out only
 *  afterwards. */
export function candidateViews({
  route,
  contract,
  requestedTier,
  nowMs,
}: {
  readonly route: ResolvedRoute;
  readonly contract: Contract | undefined;
  readonly requestedTier: string | undefined;
  readonly nowMs: number;
}): readonly CandidateView[] {
  // Words that mean the ordinary tier, and saying nothing, share their views; a client's other words are not remembered.
  const cell = requestedTier === undefined ? ordinaryCell : servedCellKey(undefined, { requestedTier });
  if (cell !== ordinaryCell) return makeViews(route, contract, nowMs, cell).views;
  const remembered = viewsByRoute(contract);
  const made = remembered.get(route);
  if (made !== undefined && nowMs >= made.fromMs && nowMs < made.untilMs) return made.views;
  const views = makeViews(route, contract, nowMs, cell);
  remembered.set(route, views);
  return views.views;
}

function makeViews(route: ResolvedRoute, contract: Contract | undefined, nowMs: number, cell: string): RouteViews {
  const lifetimeMs = route.policy.totalTimeoutMs;
  const span = { fromMs: nowMs, toMs: nowMs + lifetimeMs };
  let untilMs = Number.POSITIVE_INFINITY;
  const views = route.candidates.map(({ deployment, weight, priority }) => {
    const books = [sellPrices(deployment, { contract }), deployment.buy];
    for (const book of books) {
      if (book !== undefined) untilMs = Math.min(untilMs, nextChangeMs(book, nowMs, lifetimeMs));
    }
    return {
      handle: deployment.handle,
      weight,
      priority,
      zone: deployment.zones.processing,
      dialects: deployment.provider.dialects.filter(name => dialects.get(name) !== undefined),
      priced: books.every(book => book !== undefined && isPricedWithin(book, span, cell)),
      allowed: true,
    };
  });
  return { views, fromMs: untilMs === Number.POSITIVE_INFINITY ? Number.NEGATIVE_INFINITY : nowMs, untilMs };
}

const ordinaryCell = servedCellKey(undefined, {});
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
