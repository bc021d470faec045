import { Fault } from '../completion/fault.ts';
import { outputTotal } from '../completion/usage.ts';
import type { Dialect } from '../dialects/dialect.ts';
import { chargedLeases, leaseCharge } from '../journal/assemble.ts';
import type { EndRecord } from '../journal/record.ts';
import type { Deployment, ResolvedRoute } from '../snapshot/load.ts';
import { type Admission, admissionQuestion, takeHold } from './admit.ts';
import { admitRecord } from './admit-record.ts';
import type { Arrival } from './arrival.ts';
import { attemptInOrder, type Outcome } from './attempts.ts';
import { describeBug } from './bug.ts';
import { readCarrierHeaders } from './carrier-headers.ts';
import { type Choice, type ChoiceQuestion, chooseCandidates, policyFor, resolveRoute, sessionOf } from './choose.ts';
import { ClientAnswer } from './client-answer.ts';
import { turnBytes } from './continuation.ts';
import { deliver } from './deliver.ts';
import { enter } from './enter.ts';
import type { Exchange, Understood } from './exchange.ts';
import { exchangeTags } from './exchange-tags.ts';
import type { GatewayState } from './gateway.ts';
import type { Identified } from './identify.ts';
import { meterExchange } from './meter.ts';
import { onFailureOf } from './on-failure.ts';
import type { Recalled } from './open-reasoning.ts';
import { settleLimits } from './pass-limits.ts';
import { readBody } from './read-body.ts';
import { nothingRecalled, recalledBytes, recallReasoning } from './recall-reasoning.ts';
import { neverSent, refuse } from './refuse.ts';
import { toFault } from './respond.ts';
import { checkRoom } from './room.ts';
import { Showing } from './showing.ts';

/** The walk of one request, from its headers to its booking. Everything before the journal's `admit` may refuse and
 *  leaves no trace but a log line; everything after it ends in exactly one `end`. */
export async function serveCompletion(
  gateway: GatewayState,
  arrival: Arrival,
  dialect: Dialect,
  identified: Identified,
): Promise<void> {
  const { ports } = gateway;
  gateway.openExchanges++;
  try {
    const understood = await understand(gateway, arrival, dialect, identified);
    const route = resolveRoute(understood.snapshot, understood.principal, understood.scan.requestedModel);
    const { exchange, pass, admission } = await enter(gateway, route, {
      choose: each => chooseOn(gateway, understood, each),
      admit: each => admit(gateway, each),
    });
    let end: EndRecord | undefined;
    try {
      const outcome = await attemptInOrder(gateway, exchange, admission);
      exchange.media?.close();
      const bug = outcome.fault?.code === 'internal' ? outcome.fault.cause : undefined;
      if (bug !== undefined) {
        ports.observe.alert({ code: 'internal', message: describeBug(bug), exchangeId: arrival.id });
      }
      end = meterExchange(gateway, exchange, admission, outcome);
      learn(gateway.learnt, exchange, outcome);
      await conclude(gateway, exchange, admission, outcome, end);
    } finally {
      if (pass !== undefined) settleLimits(pass, exchange, end, ports.clock.nowMs());
    }
  } catch (error) {
    refuse(gateway, arrival, toFault(error), neverSent);
  } finally {
    gateway.openExchanges--;
  }
}

/** Reads the headers that are ours, and the body; the edge has asked who calls. */
async function understand(
  gateway: GatewayState,
  arrival: Arrival,
  dialect: Dialect,
  { snapshot, principal }: Identified,
): Promise<Understood> {
  checkRoom(gateway);
  const { settings, deadlines } = gateway;
  const { request, response } = arrival;
  const asked = readCarrierHeaders(request.headers);
  const tags = exchangeTags(asked.tags, principal);
  const carrier = tags === asked.tags ? asked : { ...asked, tags };

  const body = await readBody(arrival, gateway);
  const scan = dialect.scanRequest(body, arrival.named);
  const client = new ClientAnswer(response, settings.limits, deadlines, () => gateway.isCutting);
  return { arrival, dialect, carrier, snapshot, principal, body, scan, client };
}

/** resolve → filter → decide. At once, unless earlier reasoning is to be asked for. */
function chooseOn(gateway: GatewayState, understood: Understood, route: ResolvedRoute): Exchange | Promise<Exchange> {
  const { ports } = gateway;
  const { arrival, dialect, carrier, snapshot, principal, body, scan } = understood;
  const policy = policyFor(carrier, principal, route);
  const question: ChoiceQuestion = {
    exchangeId: arrival.id,
    dialect,
    body,
    scan,
    route,
    allowedZones: principal.zones,
    contract: principal.contract,
    askedZones: carrier.zones,
    policy,
    session: sessionOf(carrier, principal, { scan, policy }),
    nowMs: ports.clock.nowMs(),
    sameDialectOnly: false,
    isPaid: true,
    organisation: principal.organisation,
  };
  const choice = chooseCandidates(question, ports, gateway.learnt);
  if (choice.translation === undefined) return exchangeOf(understood, route, choice, nothingRecalled);
  return chooseWithRecalled(gateway, question, choice, orderOf(choice, snapshot)).then(again =>
    exchangeOf(understood, route, again.choice, again.recalled),
  );
}

function orderOf({ decision }: Choice, snapshot: Understood['snapshot']): readonly Deployment[] {
  return decision.order.map(handle => snapshot.deployment(handle));
}

function exchangeOf(understood: Understood, route: ResolvedRoute, choice: Choice, recalled: Recalled): Exchange {
  const { arrival, dialect, carrier, snapshot, principal, body, scan, client } = understood;
  const { decision, translation, prefixes } = choice;
  const order = orderOf(choice, snapshot);
  const onFailure = onFailureOf({ carrier, route, dialect, body, scan, order, read: translation });
  const totalMs = Math.min(route.policy.totalTimeoutMs, carrier.deadlineMs ?? Number.POSITIVE_INFINITY);
  // Written out and not spread, since it is made for every request.
  return {
    arrival,
    dialect,
    carrier,
    snapshot,
    principal,
    body,
    scan,
    client,
    route,
    totalEndsAtMs: arrival.startedMs + totalMs,
    decision,
    order,
    prefixes,
    translation,
    recalled,
    attempts: [],
    dispatched: 0,
    untold: [],
    queuedMs: 0,
    onFailure,
    showing: new Showing(dialect, onFailure, scan.hasTools),
    media: undefined,
  };
}

/** What is kept of earlier reasoning is asked for once it is known that somebody may need it. Where there is some, the
 *  decision is made again: whoever made it comes first. */
async function chooseWithRecalled(
  { ports, learnt }: GatewayState,
  question: ChoiceQuestion,
  choice: Choice,
  order: readonly Deployment[],
): Promise<{ readonly choice: Choice; readonly recalled: Recalled }> {
  const { dialect, organisation } = question;
  const read = choice.translation;
  if (read === undefined) return { choice, recalled: nothingRecalled };
  const recalled = await recallReasoning(read, { client: dialect, organisation, order }, ports.reasoning);
  if (recalled.size === 0 || order.length < 2) return { choice, recalled };
  return { choice: chooseCandidates({ ...question, recalled }, ports, learnt), recalled };
}

/** What the next request on the route may expect. */
function learn({ output, warm }: GatewayState['learnt'], exchange: Exchange, { delivered, fault }: Outcome): void {
  if (fault !== undefined || delivered === undefined) return;
  const { reading } = exchange.attempts.at(-1)!; // What was delivered was an attempt.
  output.answered(exchange.route.name, outputTotal(reading.slices));
  if (exchange.prefixes.length > 0) {
    warm.answered(delivered.deployment.handle, exchange.prefixes, exchange.arrival.atMs);
  }
}

/** Takes the hold and journals the admission. From here on the exchange may cost something. */
async function admit(gateway: GatewayState, exchange: Exchange): Promise<Admission> {
  const { ports } = gateway;
  const moreBytes = recalledBytes(exchange.recalled) + (exchange.onFailure === 'continue' ? turnBytes : 0);
  const question = admissionQuestion(exchange, exchange.body.length + moreBytes);
  const fitted = takeHold(question, ports.budgets);
  const fitting = fitted instanceof Promise ? await fitted : fitted;
  try {
    if (exchange.client.gone) throw new Fault(exchange.client.goneBecause);
    const record = admitRecord(exchange, fitting);
    ports.journal.admit(record);
    return { ...fitting, record };
  } catch (error) {
    fitting.hold?.settle(0n);
    throw error;
  }
}

/** journal `end` → the client sees the end → settle. The order is the invariant: no answer ends before its usage is
 *  written, and a hold is only given back once it is. */
async function conclude(
  gateway: GatewayState,
  exchange: Exchange,
  admission: Admission,
  outcome: Outcome,
  end: EndRecord,
): Promise<void> {
  const { hold } = admission;
  let late = false;
  try {
    const written = gateway.ports.journal.end(end);
    if (written !== undefined) late = await untilWritten(gateway, exchange, written);
  } catch (error) {
    exchange.client.cut();
    // Nobody knows whether the record will be read, so nothing of the hold is given to others here. What the journal
    // says in the end is booked; the rest is free again when this process is gone.
    hold?.settle(hold.amount);
    alertUnwritten(gateway, exchange, describeBug(error));
    return;
  }
  if (!late) deliver(exchange, outcome, end);
  const ended = { admit: admission.record, end };
  hold?.settle(leaseCharge(ended), chargedLeases(ended));
  gateway.ports.observe.exchangeEnded(ended);
}

/** A full disk takes the record when it has room again; the client is not kept waiting for that. True when it left
 *  without its answer's end. */
async function untilWritten(gateway: GatewayState, exchange: Exchange, written: Promise<void>): Promise<boolean> {
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    exchange.client.cut();
    alertUnwritten(gateway, exchange, `no room or no disk for ${endWaitMsMax} ms`);
  }, endWaitMsMax);
  try {
    await written;
  } finally {
    clearTimeout(timer);
  }
  return late;
}

/** How long a client waits for the end of its answer while the journal's disk takes nothing. */
const endWaitMsMax = 10_000;

function alertUnwritten(gateway: GatewayState, exchange: Exchange, reason: string): void {
  const message = `The client's connection was cut, because the end of the exchange cannot be written: ${reason}`;
  gateway.ports.observe.alert({ code: 'journal_end_failed', message, exchangeId: exchange.arrival.id });
}
