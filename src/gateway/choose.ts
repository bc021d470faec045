import { Fault } from '../completion/fault.ts';
import type { Dialect, RequestScan } from '../dialects/dialect.ts';
import { dialects } from '../dialects/registry.ts';
import { intersect } from '../governance/zones.ts';
import { estimateInputTokens } from '../metering/estimates.ts';
import { decide } from '../routing/decide.ts';
import type { DecisionRecord, Draw } from '../routing/decision.ts';
import type { Contract, Deployment, Principal, ResolvedRoute, Snapshot } from '../snapshot/load.ts';
import { candidateViews } from './candidate-views.ts';
import type { Cooldowns } from './cooldowns.ts';
import { estimatedRequest, readTranslation, type Translation } from './exchange.ts';

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
  const views = candidateViews({ route, contract: question.contract, nowMs: question.nowMs });
  // The request is read into the middle only if a candidate cannot be called as the client speaks.
  const foreign = views.some(view => view.dialects.length > 0 && !view.dialects.includes(dialect.name));
  const translation = foreign && !question.sameDialectOnly ? readTranslation(dialect, question.body) : undefined;
  const zones =
    question.askedZones === undefined ? question.allowedZones : intersect(question.allowedZones, question.askedZones);
  const decision = decide(
    views,
    { atMs: question.nowMs, health: cooldowns.health },
    {
      exchangeId: question.exchangeId,
      dialect: dialect.name,
      policy: 'priority',
      zones,
      inputTokens: estimateInputTokens(estimatedRequest(question), neutralFamily),
      outputTokens: scan.outputTokensMax ?? 0,
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

/** One rule for all candidates: each vendor's own would tell them apart. */
const neutralFamily = 'other';

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
