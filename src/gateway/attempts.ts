import { Fault } from '../completion/fault.ts';
import type { Loss } from '../completion/loss.ts';
import type { Deployment } from '../snapshot/load.ts';
import type { Admission } from './admit.ts';
import type { AttemptResult, Delivery } from './attempt.ts';
import type { AttemptOutcome } from './attempt-outcome.ts';
import { dialectFor } from './choose.ts';
import { passDeployment, settleDeployment } from './deployment-limits.ts';
import type { Exchange } from './exchange.ts';
import type { GatewayState } from './gateway.ts';
import { hedgeAfterMs, isBackupFor, Race } from './hedge.ts';
import {
  type Again,
  findSeat,
  hasRetryRoom,
  isWell,
  mayTryAgain,
  notTried,
  type Seat,
  type Walk,
  weightOf,
} from './seats.ts';
import { type SentAttempt, sendAttempt, type Tried } from './send-attempt.ts';

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
 *  not help. One deadline and one hold bound all of it. Never throws: the exchange is admitted and must end. */
export async function attemptInOrder(
  gateway: GatewayState,
  exchange: Exchange,
  admission: Admission,
): Promise<Outcome> {
  const { policy } = exchange.route;
  const triesMax = policy.retries + 1;
  const walk: Walk = { gateway, exchange, admission, left: [...admission.order], again: [], last: undefined };
  countRequest(gateway, exchange);
  /** Of whose answer the client has content that may be followed by another's. */
  let shown: Tried | undefined;
  let round = 0;
  while (exchange.dispatched < triesMax) {
    if (walk.left.length === 0) {
      if (walk.again.length === 0 || !(await pause(gateway, exchange, backoffMs * 2 ** round))) break;
      round += 1;
      walk.left = walk.again;
      walk.again = [];
    }
    const again = exchange.dispatched === 0 ? undefined : round > 0 ? 'retry' : 'failover';
    if (again !== undefined && !mayTryAgain(walk, again)) break;
    const seat = await findSeat(walk, again);
    if (seat === undefined) {
      if (walk.last?.final === true) break;
      continue;
    }
    const passing = passDeployment(gateway, exchange, seat.deployment);
    const passed = passing instanceof Promise ? await passing : passing;
    if (passed instanceof Fault) {
      gateway.gate.leave(seat.place, nothingShown);
      walk.last = { fault: passed, final: false, deployment: seat.deployment };
      continue;
    }
    if (again !== undefined) countFurther(gateway, exchange, again);
    walk.last = await trySeat(walk, passed === undefined ? seat : { ...seat, passed }, again);
    if (walk.last.result?.committed === true) shown = walk.last;
    if (walk.last.fault === undefined || walk.last.final) break;
  }
  return conclude(exchange, walk.last ?? { fault: new Fault('no_healthy_deployment'), final: true }, shown);
}

/** What budgets are a share of. */
function countRequest(gateway: GatewayState, { route, principal, decision }: Exchange): void {
  const { retries, hedge } = route.policy;
  if (retries > 0) gateway.budgets.retries(route.name, principal.organisation).requested(gateway.deadlines.nowMs);
  if (hedge !== undefined) gateway.budgets.hedges(route.name).requested(weightOf(decision.facts), hedge.percent);
}

function countFurther(gateway: GatewayState, { route, principal }: Exchange, kind: Again | 'hedge'): void {
  gateway.budgets.retries(route.name, principal.organisation).charge(gateway.deadlines.nowMs);
  gateway.ports.observe.walked({ type: 'further', kind, outcome: 'made' });
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

/** Sends the request to who was found, and where that takes long and the route says so, to a second one beside it. */
function trySeat(walk: Walk, seat: Seat, again: Again | undefined): Promise<Tried> {
  const { gateway, exchange } = walk;
  const mayHedge = again === undefined && exchange.route.policy.retries > 0 && walk.left.length > 0;
  const afterMs = mayHedge ? hedgeAfterMs(gateway, exchange, seat.deployment) : undefined;
  return afterMs === undefined ? tryAlone(walk, seat) : tryRaced(walk, seat, afterMs);
}

async function tryAlone(walk: Walk, seat: Seat): Promise<Tried> {
  const { gateway, exchange, admission } = walk;
  let sent: SentAttempt;
  try {
    const sending = sendAttempt(gateway, exchange, admission, seat);
    sent = sending instanceof Promise ? await sending : sending;
  } catch (error) {
    leave(gateway, seat, undefined);
    return notTried(error, exchange, seat.deployment);
  }
  return endWith(walk, seat, sent, await sent.attempt.result);
}

async function tryRaced(walk: Walk, seat: Seat, afterMs: number): Promise<Tried> {
  const { gateway, exchange, admission } = walk;
  const race = new Race(exchange.client);
  let sent: SentAttempt;
  try {
    sent = await sendAttempt(gateway, exchange, admission, seat, { race });
  } catch (error) {
    leave(gateway, seat, undefined);
    race.over();
    return notTried(error, exchange, seat.deployment);
  }
  return tryBeside(walk, { seat, sent }, race, afterMs);
}

/** Meters an attempt when it is over, and gives its place to others. Never throws. */
async function endOne(walk: Walk, seat: Seat, sent: SentAttempt): Promise<Tried> {
  return endWith(walk, seat, sent, await sent.attempt.result);
}

function endWith(walk: Walk, seat: Seat, { end }: SentAttempt, result: AttemptResult): Tried {
  const { deployment } = seat;
  let tried: Tried | undefined;
  try {
    tried = end(result);
  } catch (error) {
    tried = notTried(error, walk.exchange, deployment);
  } finally {
    leave(walk.gateway, seat, tried);
  }
  if (tried.fault !== undefined && sameAgain.has(tried.fault.code)) walk.again.push(deployment);
  return tried;
}

/** Gives the place to others, and corrects what was counted. */
function leave(gateway: GatewayState, { place, passed }: Seat, tried: Tried | undefined): void {
  gateway.gate.leave(place, tried?.outcome ?? nothingShown);
  settleDeployment(gateway, passed, tried?.ended);
}

const nothingShown: AttemptOutcome = { kind: 'none' };

interface Runner {
  readonly seat: Seat;
  readonly sent: SentAttempt;
}

async function tryBeside(walk: Walk, first: Runner, race: Race, afterMs: number): Promise<Tried> {
  race.joined(first.sent.attempt);
  const isDue = await race.isUndecided(first.sent.attempt, afterMs);
  const second = isDue ? await sendSecond(walk, first, race) : undefined;
  if (second === undefined) {
    const tried = await endOne(walk, first.seat, first.sent);
    race.over();
    return tried;
  }
  const [early, late] = await race.inOrder(first, second);
  const ended = await endOne(walk, early.seat, early.sent);
  const tried = await endOne(walk, late.seat, late.sent);
  const winner = race.winner === undefined ? 'neither' : race.winner === second.sent.attempt ? 'backup' : 'first';
  walk.gateway.ports.observe.walked({ type: 'hedged', outcome: winner });
  race.over();
  // One that says that nobody else may be asked is heard, unless the other one has answered.
  return ended.final && !tried.final ? ended : tried;
}

/** The same request to the next candidate that has room now and does not fail together with the first. */
async function sendSecond(walk: Walk, first: Runner, race: Race): Promise<Runner | undefined> {
  const { gateway, exchange, admission } = walk;
  const { route, decision } = exchange;
  const backup = walk.left.find(
    deployment => isBackupFor(exchange, first.seat.deployment, deployment) && isWell(gateway, deployment),
  );
  if (backup === undefined || !gateway.gate.mayFlowIn(backup)) return undefined;
  const entered = gateway.gate.enter(backup, true);
  const place = entered instanceof Promise ? await entered : entered;
  if (place === undefined) return undefined;
  const passing = passDeployment(gateway, exchange, backup);
  const passed = passing instanceof Promise ? await passing : passing;
  if (passed instanceof Fault) {
    gateway.gate.leave(place, nothingShown);
    return undefined;
  }
  const dialect = dialectFor(backup, exchange.dialect);
  // A backup needs nothing fetched, so its request is there as it was read.
  const read = dialect === exchange.dialect ? undefined : exchange.translation;
  const seat: Seat = { deployment: backup, dialect, read, place, passed };
  // Only now: the first one may have answered while the backup's place and limits were asked for.
  const isWanted = !first.sent.attempt.isOver && race.winner === undefined;
  const isPaid = isWanted && hasRetryRoom(walk) && gateway.budgets.hedges(route.name).take(weightOf(decision.facts));
  if (isWanted && !isPaid) gateway.ports.observe.walked({ type: 'further', kind: 'hedge', outcome: 'refused' });
  if (!isPaid) {
    leave(gateway, seat, undefined);
    return undefined;
  }
  countFurther(gateway, exchange, 'hedge');
  walk.left = walk.left.filter(deployment => deployment !== backup);
  try {
    const sent = await sendAttempt(gateway, exchange, admission, seat, { race, beside: first.sent.number });
    race.joined(sent.attempt);
    return { seat, sent };
  } catch {
    // What keeps it from being sent there is told when it is asked in its turn; the first one may still answer.
    leave(gateway, seat, undefined);
    return undefined;
  }
}

/** Waits, if the deadline leaves room and the client is still there; false otherwise. */
async function pause(gateway: GatewayState, exchange: Exchange, waitMs: number): Promise<boolean> {
  if (exchange.client.gone || gateway.deadlines.now() + waitMs >= exchange.totalEndsAtMs) return false;
  await new Promise(resolve => setTimeout(resolve, waitMs));
  return !exchange.client.gone;
}

function conclude(exchange: Exchange, last: Tried, shown: Tried | undefined): Outcome {
  // Nothing of the last attempt was seen: what the client has is of the one before it, and ends as that one did.
  const tried = last.fault !== undefined && shown !== undefined ? shown : last;
  if (tried !== last) putLast(exchange, tried);
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

/** The attempt whose answer counts comes last, and their numbers follow. */
function putLast({ attempts }: Exchange, { ended }: Tried): void {
  const index = ended === undefined ? -1 : attempts.indexOf(ended);
  if (index === -1) return;
  attempts.push(...attempts.splice(index, 1));
  for (const [place, attempt] of attempts.entries()) attempts[place] = { ...attempt, attempt: place + 1 };
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
