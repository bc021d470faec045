import { Fault } from '../completion/fault.ts';
import type { ReadRequest } from '../dialects/translate.ts';
import { retryBudgetDefaults } from '../routing/health/budgets.ts';
import type { Deployment } from '../snapshot/load.ts';
import { queueClassDefault, queueMsDefault } from '../snapshot/snapshot.ts';
import type { Addressee } from './addressee.ts';
import type { Admission } from './admit.ts';
import { dialectFor } from './choose.ts';
import type { Place, WaitQuestion } from './deployment-gate.ts';
import type { Exchange } from './exchange.ts';
import type { GatewayState } from './gateway.ts';
import type { Tried } from './send-attempt.ts';
import { translationFor } from './translation-for.ts';

/** Why an attempt after the first is made. retry: every candidate failed, and this one may have recovered. */
export type Again = 'retry' | 'failover';

/** One exchange on its way through its candidates. */
export interface Walk {
  readonly gateway: GatewayState;
  readonly exchange: Exchange;
  readonly admission: Admission;
  /** To be tried in this round, in order. */
  left: Deployment[];
  /** To be tried again in the next. */
  again: Deployment[];
  last: Tried | undefined;
}

/** A place at a deployment, and the request as it is written for it. */
export interface Seat extends Addressee {
  readonly place: Place;
}

/** The next candidate that has room, with a place there. Those that are full are passed over while another one has room; when
 *  none has, the exchange waits for whichever has room first. undefined: nobody is left to be asked in this round, or
 *  nobody may be (`walk.last` is final). No place is held while media are fetched. */
export async function findSeat(walk: Walk, again: Again | undefined): Promise<Seat | undefined> {
  const { gate } = walk.gateway;
  const isInflow = again === 'failover';
  const full: Addressee[] = [];
  while (walk.left.length > 0) {
    const deployment = walk.left.shift()!;
    const dialect = dialectFor(deployment, walk.exchange.dialect);
    let read: ReadRequest | undefined;
    try {
      const prepared = translationFor(walk.gateway, walk.exchange, walk.admission, { deployment, dialect });
      read = prepared instanceof Promise ? await prepared : prepared;
    } catch (error) {
      // A request that cannot be written for this deployment may still be for the next one.
      walk.last = notTried(error, walk.exchange, deployment);
      if (walk.last.final) return undefined;
      continue;
    }
    const addressee = { deployment, dialect, read };
    const entered = !isInflow || gate.mayFlowIn(deployment) ? gate.enter(deployment, isInflow) : undefined;
    const place = entered instanceof Promise ? await entered : entered;
    if (place !== undefined) {
      if (full.length > 0) walk.left = [...full.map(one => one.deployment), ...walk.left];
      return { ...addressee, place };
    }
    full.push(addressee);
  }
  return full.length === 0 ? undefined : waitForSeat(walk, full, isInflow);
}

async function waitForSeat(walk: Walk, full: readonly Addressee[], isInflow: boolean): Promise<Seat | undefined> {
  const { gateway, exchange } = walk;
  const { route, client, decision, principal, totalEndsAtMs } = exchange;
  const { facts } = decision;
  const startedMs = gateway.deadlines.now();
  const untilDeadlineMs = totalEndsAtMs - startedMs;
  const queueMs = (route.policy.queueMs ?? queueMsDefault) - exchange.queuedMs;
  const question: WaitQuestion = {
    deployments: full.map(({ deployment }) => deployment),
    class: route.policy.class ?? queueClassDefault,
    organisation: principal.organisation,
    weight: weightOf(facts),
    isInflow,
    waitMsMax: Math.min(queueMs, untilDeadlineMs),
  };
  let outcome: Place | 'late' | 'full' | 'gone' = client.gone ? 'gone' : 'late';
  if (!client.gone && question.waitMsMax > 0) {
    const wait = gateway.gate.wait(question);
    client.onGone = wait.abandon;
    outcome = await wait.result;
    client.onGone = undefined;
    const durationMs = gateway.deadlines.now() - startedMs;
    exchange.queuedMs += durationMs;
    gateway.ports.observe.walked({
      type: 'waited',
      class: question.class,
      outcome: typeof outcome === 'string' ? outcome : 'granted',
      durationMs,
    });
  }
  if (typeof outcome !== 'string') return seatAt(walk, full, outcome);
  if (outcome === 'gone') {
    walk.last = { fault: new Fault(client.goneBecause), final: true };
    return undefined;
  }
  if (isInflow) {
    // The share protects whom it keeps from failing, too; an error while there is room would protect nobody.
    for (const { deployment } of full) {
      const entered = gateway.gate.enter(deployment, true);
      const place = entered instanceof Promise ? await entered : entered;
      if (place === undefined) continue;
      gateway.ports.observe.walked({ type: 'inflow-beyond-share' });
      return seatAt(walk, full, place);
    }
  }
  const deployment = full[0]!.deployment;
  // Timers come a little early.
  if (outcome === 'late' && untilDeadlineMs <= queueMs) {
    walk.last = { fault: new Fault('deadline_exceeded'), final: true, deployment };
    return undefined;
  }
  const retryAfterMs = gateway.gate.retryAfterMs(question);
  const fault = new Fault(outcome === 'full' ? 'queue_full' : 'deployment_saturated', undefined, { retryAfterMs });
  walk.last = { fault, final: false, deployment };
  return undefined;
}

function seatAt(walk: Walk, full: readonly Addressee[], place: Place): Seat {
  walk.left = full.flatMap(({ deployment }) => (deployment === place.deployment ? [] : [deployment]));
  const addressee = full.find(({ deployment }) => deployment.handle === place.deployment.handle)!; // It waited for these.
  return { ...addressee, place };
}

/** Output takes a deployment about twice as long as input. */
export function weightOf({ inputTokens, outputTokens }: { inputTokens: number; outputTokens: number }): number {
  return inputTokens + 2 * outputTokens;
}

/** May one more attempt be made? Past its budget a route asks nobody a second time, and of the others only those that are
 *  well: an answer that a healthy deployment would give is not withheld, an outage is not made worse. */
export function mayTryAgain(walk: Walk, again: Again): boolean {
  if (hasRetryRoom(walk)) return true;
  if (again === 'failover') {
    walk.left = walk.left.filter(deployment => isWell(walk.gateway, deployment));
    if (walk.left.length > 0) return true;
  }
  walk.gateway.ports.observe.walked({ type: 'further', kind: again, outcome: 'refused' });
  return false;
}

export function hasRetryRoom({ gateway, exchange }: Walk): boolean {
  const { budgets, deadlines, settings } = gateway;
  const { route, principal } = exchange;
  const { retryBudget = retryBudgetDefaults } = route.policy;
  const budget = budgets.retries(route.name, principal.organisation);
  return budget.hasRoom(deadlines.now(), retryBudget, settings.sharers);
}

/** Neither known to fail nor asked to be left alone. */
export function isWell({ ports: { health, clock } }: GatewayState, { handle }: Deployment): boolean {
  const entry = health.of(handle);
  return entry === undefined || (entry.breaker === undefined && (entry.coolingUntilMs ?? 0) <= clock.nowMs());
}

/** Nothing was sent: the request could not be written, or not be journaled. */
export function notTried(error: unknown, exchange: Exchange, deployment: Deployment): Tried {
  const fault = error instanceof Fault ? error : new Fault('internal', undefined, { cause: error });
  const { code } = fault;
  const isOver = code === 'internal' || code === 'journal_full' || code === 'deadline_exceeded';
  return { fault, final: exchange.client.gone || isOver, deployment };
}
