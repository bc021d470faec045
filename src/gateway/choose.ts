import { Fault } from '../completion/fault.ts';
import type { Dialect, RequestScan } from '../dialects/dialect.ts';
import { dialects } from '../dialects/registry.ts';
import { intersect } from '../governance/zones.ts';
import { servedCellKey } from '../pricing/price-place.ts';
import { isPricedWithin, nextChangeMs } from '../pricing/timeline.ts';
import { decide } from '../routing/decide.ts';
import type { CandidateView, DecisionRecord, Draw } from '../routing/decision.ts';
import {
  type Contract,
  type Deployment,
  type Principal,
  type ResolvedRoute,
  type Snapshot,
  sellPrices,
} from '../snapshot/load.ts';
import type { Cooldowns } from './cooldowns.ts';
import { readTranslation, type Translation } from './exchange.ts';

/** The route that the requested name means, if this principal may use it. Throws Fault. */
export function resolveRoute(snapshot: Snapshot, principal: Principal, requestedModel: string): ResolvedRoute {
  const route = snapshot.resolve(requestedModel);
  if (route instanceof Fault) throw route;
  if (!snapshot.allows(principal, route)) throw new Fault('model_not_allowed');
  return route;
}

export interface Choice {
  readonly decision: DecisionRecord;
  readonly translation: Translation | undefined;
}

export interface ChoiceQuestion {
  readonly exchangeId: string;
  readonly dialect: Dialect;
  readonly body: Buffer;
  readonly scan: RequestScan;
  readonly route: ResolvedRoute;
  /** Zones that the key's policy allows; the client's own may only tighten them. */
  readonly allowedZones: readonly string[] | undefined;
  readonly contract: Contract | undefined;
  readonly askedZones: readonly string[] | undefined;
  readonly nowMs: number;
  /** Only deployments that speak the client's dialect will do; otherwise the request is translated where needed. */
  readonly sameDialectOnly: boolean;
}

/** Filters the candidates of a route by policy and decides their order. Throws Fault `no_compliant_deployment`, or what
 *  keeps the request from being translated when only that stands in the way. */
export function chooseCandidates(question: ChoiceQuestion, cooldowns: Cooldowns, draw: Draw): Choice {
  const { dialect, scan, route } = question;
  const views = viewsOf(question);
  // The request is read into the middle only if a candidate cannot be called as the client speaks.
  const foreign = views.some(view => view.dialects.length > 0 && !view.dialects.includes(dialect.name));
  const translation = foreign && !question.sameDialectOnly ? readTranslation(dialect, question.body) : undefined;
  const zones =
    question.askedZones === undefined ? question.allowedZones : intersect(question.allowedZones, question.askedZones);
  const decision = decide(
    views,
    { atMs: question.nowMs, cooldownUntilMs: cooldowns.untilMs },
    {
      exchangeId: question.exchangeId,
      dialect: dialect.name,
      stream: scan.stream,
      zones,
      inputTokensMax: question.body.length,
      outputTokensMax: scan.outputTokensMax,
      sameDialectOnly: question.sameDialectOnly || translation instanceof Fault,
    },
    draw,
  );
  if (decision.order.length > 0) {
    return { decision, translation: translation instanceof Fault ? undefined : translation };
  }
  if (translation instanceof Fault && onlyDialectExcludes(decision)) throw translation;
  throw noCompliant(decision, route);
}

interface RouteViews {
  readonly views: readonly CandidateView[];
  /** Until another price would change them. */
  readonly fromMs: number;
  readonly untilMs: number;
}

/** What decide() may see of a route's candidates; made once a route, contract and tier asked for, since a snapshot never
 *  changes, and again when a scheduled price comes near. */
function viewsOf({ route, contract, scan, nowMs }: ChoiceQuestion): readonly CandidateView[] {
  const of = viewsByRoute(contract);
  // The words that mean the ordinary tier, and saying nothing, have one key; others are few and bounded.
  const cell =
    scan.serviceTier === undefined ? ordinaryCell : servedCellKey(undefined, { requestedTier: scan.serviceTier });
  if (cell !== ordinaryCell) return makeViews(route, contract, nowMs, cell).views;
  const made = of.get(route);
  if (made !== undefined && nowMs >= made.fromMs && nowMs < made.untilMs) return made.views;
  const views = makeViews(route, contract, nowMs, cell);
  of.set(route, views);
  return views.views;
}

/** A candidate is priced when both books have a price at every instant at which an attempt could still be dispatched, and
 *  for the tier that is asked for: else what it costs would be found out only afterwards. */
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

function onlyDialectExcludes(decision: DecisionRecord): boolean {
  return decision.candidates.some(candidate => candidate.out?.every(reason => reason === 'DIALECT_UNSUPPORTED'));
}

/** Names are put back here: decide() never knew them. */
function noCompliant(decision: DecisionRecord, route: ResolvedRoute): Fault {
  const byHandle = new Map(route.candidates.map(({ deployment }) => [deployment.handle, deployment.id]));
  const listing = decision.candidates
    .map(({ h, out }) => `${byHandle.get(h)}: ${(out ?? []).filter(reason => reason !== 'COOLING_DOWN').join(', ')}`)
    .sort();
  const message = `Policy excludes every deployment of ${route.name} (${listing.slice(0, listingMax).join('; ')}).`;
  return new Fault('no_compliant_deployment', message, { listing });
}

const listingMax = 20;

/** The dialect in which to call a deployment: the client's own if the provider speaks it, else the provider's first. */
export function dialectFor(deployment: Deployment, client: Dialect): Dialect {
  const spoken = deployment.provider.dialects;
  if (spoken.includes(client.name)) return client;
  for (const name of spoken) {
    const dialect = dialects.get(name);
    if (dialect !== undefined) return dialect;
  }
  throw new Error(`deployment ${deployment.id} was chosen, but its provider speaks no dialect that is built`);
}
