import { Fault } from '../completion/fault.ts';
import type { Loss } from '../completion/loss.ts';
import type { Deployment } from '../snapshot/load.ts';
import type { Admission } from './admit.ts';
import type { AttemptResult, Delivery } from './attempt.ts';
import type { AttemptOutcome } from './attempt-outcome.ts';
import { dialectFor } from './choose.ts';
import { withinLimits } from './deployment-limits.ts';
import type { Exchange } from './exchange.ts';
import type { GatewayState } from './gateway.ts';
import { sendAttempt, type Tried } from './send-attempt.ts';
import { translationFor } from './translation-for.ts';

/** What all attempts together came to. */
export interface Outcome {
  /** undefined: the client gets the whole answer. */
  readonly fault: Fault | undefined;
  /** The attempt that the client saw something of, or that answered whole; undefined when none did. */
  readonly delivered: DeliveredAttempt | undefined;
  /** The last attempt's own words, to show to a client of the same dialect. */
  readonly refusal: AttemptResult['refusal'];
  /** Of the request and of the answer. */
  readonly losses: readonly Loss[];
  /** Those of the request alone, which the client is told in a header. */
  readonly requestLosses: readonly Loss[];
  /** The deployment that was tried last. */
  readonly last: Deployment | undefined;
}

export interface DeliveredAttempt {
  readonly deployment: Deployment;
  readonly delivery: Delivery | undefined;
  readonly result: AttemptResult;
}

/** Tries deployments in order until one answers, something reached the client, or the fault says that another try would
 *  not help. Never throws: the exchange is admitted and must end. */
export async function attemptInOrder(
  gateway: GatewayState,
  exchange: Exchange,
  admission: Admission,
): Promise<Outcome> {
  const triesMax = exchange.route.policy.retries + 1;
  let queue = admission.order;
  let last: Tried | undefined;
  for (let round = 0; queue.length > 0; round++) {
    if (round > 0 && !(await pause(gateway, exchange, backoffMs * 2 ** (round - 1)))) break;
    const again: Deployment[] = [];
    for (const deployment of queue) {
      if (exchange.attempts.length >= triesMax) break;
      const attempt = () => tryOne(gateway, exchange, admission, deployment);
      last = await withinLimits(gateway, exchange, deployment, attempt);
      if (last.fault === undefined || last.final) return conclude(exchange, last);
      if (sameAgain.has(last.fault.code)) again.push(deployment);
    }
    if (exchange.attempts.length >= triesMax) break;
    queue = again;
  }
  return conclude(exchange, last ?? { fault: new Fault('no_healthy_deployment'), final: true });
}

/** First wait before the same deployment is asked again; doubled each round. */
const backoffMs = 100;

/** Faults that the same deployment may well not show a moment later; a wait that it asks for is not among them. */
const sameAgain: ReadonlySet<Fault['code']> = new Set<Fault['code']>([
  'upstream_error',
  'upstream_refused',
  'upstream_reset',
  'upstream_connect_timeout',
  'upstream_truncated',
  'upstream_malformed',
]);

async function tryOne(
  gateway: GatewayState,
  exchange: Exchange,
  admission: Admission,
  deployment: Deployment,
): Promise<Tried> {
  const { permits, health } = gateway.ports;
  const { handle } = deployment;
  const dialect = dialectFor(deployment, exchange.dialect);
  try {
    // No permit is held while media are fetched.
    const prepared = translationFor(gateway, exchange, deployment, dialect);
    const read = prepared instanceof Promise ? await prepared : prepared;
    const granted = permits.acquire(handle);
    if (!(granted === true || (await granted))) {
      return { fault: new Fault('deployment_saturated'), final: false, deployment };
    }
    let outcome: AttemptOutcome | undefined;
    try {
      if (!health.begin(handle)) {
        return {
          fault: new Fault('deployment_saturated', 'The deployment is being probed.'),
          final: false,
          deployment,
        };
      }
      outcome = { kind: 'none' };
      const tried = await sendAttempt(gateway, exchange, admission, { deployment, dialect, read });
      outcome = tried.outcome ?? outcome;
      return tried;
    } finally {
      if (outcome !== undefined) health.end(handle, outcome);
      permits.release(handle);
    }
  } catch (error) {
    // A request that cannot be written for this deployment may still be for the next one.
    const fault = error instanceof Fault ? error : new Fault('internal', undefined, { cause: error });
    return { fault, final: isFinal(fault, exchange), deployment };
  }
}

function isFinal({ code }: Fault, { client }: Exchange): boolean {
  return client.gone || code === 'internal' || code === 'journal_full' || code === 'deadline_exceeded';
}

/** Waits, if the deadline leaves room and the client is still there; false otherwise. */
async function pause(gateway: GatewayState, exchange: Exchange, waitMs: number): Promise<boolean> {
  if (exchange.client.gone || gateway.deadlines.now() + waitMs >= exchange.totalEndsAtMs) return false;
  await new Promise(resolve => setTimeout(resolve, waitMs));
  return !exchange.client.gone;
}

function conclude(exchange: Exchange, tried: Tried): Outcome {
  const { result, deployment } = tried;
  const fault = exchange.client.gone ? new Fault(exchange.client.goneBecause) : summarise(exchange, tried);
  // A request that its own client gave up was at work for that client, even if nothing of it had arrived yet.
  const given = result?.sent === true && result.fault?.code === 'client_aborted';
  const reached = result !== undefined && (result.fault === undefined || result.committed || given);
  return {
    fault,
    delivered: reached ? { deployment: deployment!, delivery: result.delivery, result } : undefined,
    refusal: fault === result?.fault ? result?.refusal : undefined,
    losses: [...(tried.requestLosses ?? []), ...(tried.answerLosses ?? [])],
    requestLosses: tried.requestLosses ?? [],
    last: deployment,
  };
}

/** One try is answered with its own fault; several are summed up, since none of them is the reason alone. */
function summarise(exchange: Exchange, tried: Tried): Fault | undefined {
  const { fault } = tried;
  if (fault === undefined || !fault.failover || tried.result?.committed === true) return fault;
  const deployments = new Set(exchange.attempts.map(attempt => attempt.deployment));
  if (deployments.size < 2) return fault;
  const listing = exchange.attempts.map(attempt => `${attempt.deployment}: ${attempt.outcome}`);
  return new Fault('no_healthy_deployment', `Every compliant deployment failed (${listing.join('; ')}).`, {
    listing,
    cause: fault,
    ...(fault.retryAfterMs === undefined ? undefined : { retryAfterMs: fault.retryAfterMs }),
  });
}
