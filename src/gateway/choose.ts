import { hash } from 'node:crypto';
import { Fault } from '../completion/fault.ts';
import type { Dialect, RequestScan } from '../dialects/dialect.ts';
import { dialects } from '../dialects/registry.ts';
import type { ReadRequest } from '../dialects/translate.ts';
import { intersect } from '../governance/zones.ts';
import { estimateInputTokens } from '../metering/estimates.ts';
import { decide } from '../routing/decide.ts';
import type { DecisionRecord, Health, PolicyName, RequestFacts } from '../routing/decision.ts';
import { isPolicyReason, nearestRelaxations } from '../routing/policy-filter.ts';
import { needsCost } from '../routing/score.ts';
import { costNanoMaxOf, expectedCosts } from '../snapshot/expected-cost.ts';
import type { Contract, Deployment, Principal, ResolvedRoute, Snapshot } from '../snapshot/load.ts';
import { queueMsDefault } from '../snapshot/snapshot.ts';
import { candidateViews } from './candidate-views.ts';
import type { CarrierHeaders } from './carrier-headers.ts';
import { observeLimits } from './deployment-limits.ts';
import { estimatedRequest, readTranslation } from './exchange.ts';
import type { Learnt } from './gateway.ts';
import { observeCandidates } from './observe-candidates.ts';
import type { Recalled } from './open-reasoning.ts';
import type { GatewayPorts } from './ports.ts';
import { needsOf } from './request-needs.ts';
import { stateMakers } from './state-makers.ts';
import { prefixDigests } from './warm-prefixes.ts';

/** The route that the requested name means, if this principal may use it. Throws Fault. */
export function resolveRoute(snapshot: Snapshot, principal: Principal, requestedModel: string): ResolvedRoute {
  const route = snapshot.resolve(requestedModel);
  if (route instanceof Fault) throw route;
  if (!snapshot.allows(principal, route)) throw new Fault('model_not_allowed');
  return route;
}

/** The route's own policy, or the one that the client asks for, as far as its key may. Throws Fault. */
export function policyFor(carrier: CarrierHeaders, principal: Principal, route: ResolvedRoute): PolicyName {
  // Absent in a snapshot that an older release left on disk.
  if (carrier.policy === undefined) return route.policy.policy ?? 'priority';
  if (principal.policies !== undefined && !principal.policies.includes(carrier.policy)) {
    throw new Fault('policy_not_allowed', `This key may not ask for the policy ${carrier.policy}.`);
  }
  return carrier.policy;
}

/** A digest, so that no record holds the client's own words; of the organisation's, so that two never meet. */
export function sessionOf(
  { session }: Pick<CarrierHeaders, 'session'>,
  { organisation }: Pick<Principal, 'organisation'>,
  { scan, policy }: { readonly scan: Pick<RequestScan, 'cacheKey'>; readonly policy: PolicyName },
): string | undefined {
  // Requests that a client wants to share a cache are better off at one place; other policies have no use for that.
  const words = session ?? (policy === 'sticky' ? scan.cacheKey : undefined);
  if (words === undefined || words === '') return undefined;
  return hash('sha256', `${organisation}\n${words}`, 'hex').slice(0, sessionDigits);
}

const sessionDigits = 16;

export interface Choice {
  readonly decision: DecisionRecord;
  readonly translation: ReadRequest | undefined;
  /** Of the beginnings of the request, where the policy scores what a warm cache saves; else empty. */
  readonly prefixes: readonly string[];
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
  readonly policy: PolicyName;
  /** Digest of what keeps requests together. */
  readonly session: string | undefined;
  readonly nowMs: number;
  /** Only deployments that speak the client's dialect will do; otherwise the request is translated where needed. */
  readonly sameDialectOnly: boolean;
  /** Nothing is sent to who is chosen, so the request need not be one that can be translated. */
  readonly onlyNames?: boolean;
  /** The request will be paid for, so the route's cap on its cost holds. */
  readonly isPaid: boolean;
  /** Keeps the warm prefixes of organisations apart. */
  readonly organisation: string;
  /** Earlier reasoning that the client did not send back; undefined while nobody was asked for it. */
  readonly recalled?: Recalled | undefined;
}

/** Filters the candidates of a route by policy and decides their order. Throws Fault `no_compliant_deployment`, or what
 *  keeps the request from being translated when only that stands in the way. */
export function chooseCandidates(
  question: ChoiceQuestion,
  { health, limits, draw, reasoning }: Pick<GatewayPorts, 'health' | 'limits' | 'draw' | 'reasoning'>,
  learnt: Learnt,
): Choice {
  const { dialect, scan, route, policy, nowMs } = question;
  const views = candidateViews({ route, contract: question.contract, nowMs: question.nowMs });
  // The request is read into the middle only if a candidate cannot be called as the client speaks, or says what it can do.
  const foreign = views.some(view => view.dialects.length > 0 && !view.dialects.includes(dialect.name));
  const isTold = views.some(view => view.capabilities !== undefined);
  const isSent = !question.sameDialectOnly && question.onlyNames !== true;
  const read = (foreign && isSent) || isTold ? readTranslation(dialect, question.body, scan.named) : undefined;
  const translation = foreign && isSent ? read : undefined;
  const zones =
    question.askedZones === undefined ? question.allowedZones : intersect(question.allowedZones, question.askedZones);
  const costNanoMax = question.isPaid ? costNanoMaxOf(route) : undefined;
  const isScoredByCost = needsCost(policy);
  const isRemembered = views.length > 1 && (isScoredByCost || (policy === 'sticky' && question.session === undefined));
  const prefixes = isRemembered ? prefixDigests(question.body, question.organisation) : none;
  const facts: RequestFacts = {
    exchangeId: question.exchangeId,
    dialect: dialect.name,
    policy: question.policy,
    zones,
    inputTokens: estimateInputTokens(estimatedRequest(question), neutralFamily),
    outputTokens: learnt.output.of(route.name, scan.outputTokensMax),
    sameDialectOnly: question.sameDialectOnly || translation instanceof Fault,
    costNanoMax,
    // A conversation keeps its first block, however long it grows.
    session: question.session ?? (policy === 'sticky' ? prefixes[0]?.slice(0, sessionDigits) : undefined),
    needs: isTold ? needsOf(read instanceof Fault ? undefined : read?.request, scan) : undefined,
  };
  const costs =
    isScoredByCost || costNanoMax !== undefined
      ? expectedCosts(route, question.contract, { ...facts, requestedTier: scan.serviceTier, atMs: nowMs }, handle =>
          learnt.warm.tokensAt(handle, prefixes, nowMs),
        )
      : undefined;
  const observed = observeCandidates(
    views.map(view => view.handle),
    health,
    facts,
    nowMs,
  );
  observeLimits(route, limits, { tokens: facts.inputTokens + facts.outputTokens, nowMs }, observed.health);
  if (read !== undefined && !(read instanceof Fault) && views.length > 1) {
    const makers = stateMakers(
      read,
      { route, client: dialect.name, organisation: question.organisation, recalled: question.recalled },
      reasoning.seal,
    );
    for (const handle of makers) observed.health.set(handle, { ...observed.health.get(handle), madeState: true });
  }
  const mayWait = (route.policy.queueMs ?? queueMsDefault) > 0 && isAnyFull(observed.health);
  const asked = mayWait ? { ...facts, mayWait } : facts;
  const decision = decide(views, { ...observed, costs }, asked, draw(nowMs));
  if (decision.order.length > 0) {
    return {
      decision,
      translation: translation instanceof Fault ? undefined : translation,
      prefixes: isScoredByCost ? prefixes : none,
    };
  }
  if (translation instanceof Fault && onlyDialectExcludes(decision)) throw translation;
  throw noCompliant(decision, route);
}

function isAnyFull(observed: ReadonlyMap<string, Health>): boolean {
  for (const { concurrencyMax, inFlight } of observed.values()) {
    if (concurrencyMax !== undefined && inFlight !== undefined && inFlight >= concurrencyMax) return true;
  }
  return false;
}

/** One rule for all candidates: each vendor's own would tell them apart. */
const neutralFamily = 'other';
const none: readonly string[] = [];

function onlyDialectExcludes(decision: DecisionRecord): boolean {
  return decision.candidates.some(candidate =>
    candidate.out?.filter(isPolicyReason).every(reason => reason === 'DIALECT_UNSUPPORTED'),
  );
}

/** Names are put back here: decide() never knew them. */
function noCompliant(decision: DecisionRecord, route: ResolvedRoute): Fault {
  const byHandle = new Map(route.candidates.map(({ deployment }) => [deployment.handle, deployment.id]));
  const listing = decision.candidates
    .map(({ h, out }) => `${byHandle.get(h)}: ${(out ?? []).filter(isPolicyReason).join(', ')}`)
    .sort();
  const ways = nearestRelaxations(decision).map(
    ({ lift, handles }) =>
      `${lift.join(' and ')} for ${handles
        .map(handle => byHandle.get(handle))
        .sort()
        .slice(0, namesMax)
        .join(', ')}`,
  );
  const nearest = ways.length === 0 ? '' : ` Nearest: lift ${ways.slice(0, waysMax).join('; or ')}.`;
  const message = `Policy excludes every deployment of ${route.name} (${listing.slice(0, listingMax).join('; ')}).${nearest}`;
  return new Fault('no_compliant_deployment', message, { listing });
}

/** Of a message that a person reads. */
const waysMax = 3;
const namesMax = 5;
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
