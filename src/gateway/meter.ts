import type { Reading } from '../completion/usage.ts';
import type { Dialect } from '../dialects/dialect.ts';
import type { AttemptEnd, EndRecord, PreviousAttempt, SellCharge } from '../journal/record.ts';
import { type EstimatedRequest, familyOf } from '../metering/estimates.ts';
import { nothingUsed, type ObservedUsage, readingOfAnswer, readingOfCutAnswer } from '../metering/reading.ts';
import type { RatingContext } from '../pricing/price-place.ts';
import { ratedAmountJson, rateReading } from '../pricing/rating.ts';
import type { RateTimeline } from '../pricing/timeline.ts';
import { type Deployment, sellPrices } from '../snapshot/load.ts';
import type { Admission } from './admit.ts';
import type { AttemptResult } from './attempt.ts';
import type { Outcome } from './attempts.ts';
import { describeBug } from './bug.ts';
import type { Exchange } from './exchange.ts';
import type { GatewayState } from './gateway.ts';

export interface EndedAttempt {
  /** As the journal knows it. */
  readonly number: number;
  readonly deployment: Deployment;
  readonly dialect: Dialect;
  readonly result: AttemptResult;
  /** Milliseconds since 1970. */
  readonly startedAtMs: number;
  /** The same instant on the monotonic clock. */
  readonly startedMs: number;
  /** What was sent, as estimates see it. */
  readonly estimated: EstimatedRequest;
}

/** Meters one attempt and adds it to the exchange. What the provider is owed is known or quarantined, never guessed. */
export function endAttempt(gateway: GatewayState, exchange: Exchange, attempt: EndedAttempt): AttemptEnd {
  const { deployment, result, startedMs } = attempt;
  const reading = readingOf(attempt, attempt.estimated);
  const bought = rate(reading, deployment.buy!, contextOf(exchange, attempt.startedAtMs));
  const quarantined = 'quarantine' in bought;
  // Fields that are not said are written out all the same: adding them one by one would cost more than the rating.
  const ended: AttemptEnd = {
    attempt: exchange.attempts.length + 1,
    deployment: deployment.id,
    provider: deployment.provider.name,
    model: deployment.model,
    targetModel: deployment.targetModel,
    servedModel: result.facts?.servedModel,
    dialect: attempt.dialect.name,
    outcome: result.fault?.code ?? 'ok',
    upstreamStatus: result.status,
    providerRequestId: providerRequestId(result.headers),
    startedAtMs: attempt.startedAtMs,
    firstByteMs: result.firstByteAtMs === undefined ? undefined : span(startedMs, result.firstByteAtMs),
    durationMs: span(startedMs, gateway.deadlines.now()),
    reading: quarantined ? { ...reading, quarantine: bought.quarantine } : reading,
    buy: quarantined || reading.source === 'none' ? undefined : ratedAmountJson(bought),
  };
  exchange.attempts.push(ended);
  // Nothing follows an answer, so nobody would be told.
  if (result.fault !== undefined) exchange.untold.push(untoldOf(ended, attempt.number));
  if (quarantined) alert(gateway, exchange, 'reading_quarantined', `${deployment.id}: ${bought.quarantine}`);
  const code = result.fault?.code;
  if (code === 'upstream_credential' || code === 'upstream_quota') {
    alert(gateway, exchange, code, `${deployment.provider.name}: ${result.fault!.message}`);
  }
  return ended;
}

/** For the record of the next attempt: what is owed should no end be written. */
function untoldOf(ended: AttemptEnd, number: number): PreviousAttempt {
  const { outcome, upstreamStatus, durationMs, reading, buy } = ended;
  const { raw: _raw, ...rest } = reading;
  return {
    attempt: number,
    outcome,
    durationMs,
    reading: rest,
    ...(upstreamStatus === undefined ? undefined : { upstreamStatus }),
    ...(buy === undefined ? undefined : { buy }),
  };
}

/** A refusal costs nothing, whether it is a status or the first event of a stream; what was cut costs what had come. A
 *  request that went to a socket and got no answer may have been read and billed, so its input is owed by estimate. */
function readingOf({ result, deployment }: EndedAttempt, request: EstimatedRequest): Reading {
  const { fault, facts } = result;
  const basis = {
    family: familyOf(deployment.model),
    request,
    contentBytesSinceUsage: result.contentBytesSinceUsage,
  };
  if (fault === undefined) return readingOfAnswer(facts ?? nothingObserved, basis);
  if (!result.sent || (result.status ?? 200) >= 300) return nothingUsed;
  const refusedInside = facts?.fault !== undefined && facts.usage === undefined && facts.contentBytes === 0;
  return refusedInside ? nothingUsed : readingOfCutAnswer(facts ?? nothingObserved, basis);
}

const nothingObserved: ObservedUsage = {
  usage: undefined,
  rawUsage: undefined,
  serviceTier: undefined,
  identityBroken: undefined,
};

/** The end of the exchange: what was read, what it costs its customer, and how it came about. */
export function meterExchange(
  gateway: GatewayState,
  exchange: Exchange,
  admission: Admission,
  outcome: Outcome,
): EndRecord {
  const { arrival, client, scan } = exchange;
  const { delivered, fault } = outcome;
  const attempt = delivered === undefined ? undefined : exchange.attempts.at(-1);
  const charge =
    delivered === undefined || attempt === undefined
      ? voided
      : charged(
          attempt.reading,
          sellPrices(delivered.deployment, exchange.principal)!,
          admission,
          contextOf(exchange, attempt.startedAtMs),
        );
  if (charge.quarantine !== undefined && attempt?.reading.quarantine === undefined) {
    alert(gateway, exchange, 'reading_quarantined', `${attempt?.deployment}: ${charge.quarantine}`);
  }
  if (charge.sell !== undefined && charge.sell.overHoldAtto !== '0') {
    alert(gateway, exchange, 'charge_over_hold', `${attempt?.deployment} used more than its upper bound`);
  }
  const last = delivered?.delivery?.last;
  const sent = client.bytes + (client.gone ? 0 : (last?.length ?? 0));
  const firstByteAtMs = client.firstByteAtMs;
  return {
    type: 'end',
    id: arrival.id,
    atMs: gateway.ports.clock.nowMs(),
    status: statusOf(exchange, outcome),
    outcome: fault?.code ?? 'ok',
    stream: scan.stream,
    attempts: exchange.attempts,
    reading: charge.state === 'void' ? undefined : withQuarantine(attempt!.reading, charge.quarantine),
    sell: charge.sell,
    state: charge.state,
    losses: outcome.losses,
    servedModel: attempt?.servedModel,
    deliveredBytes: deliveredBytes(exchange, outcome),
    requestBytes: exchange.body.length,
    responseBytes: sent,
    firstByteMs: firstByteAtMs === undefined ? undefined : span(arrival.startedMs, firstByteAtMs),
    queuedMs: exchange.queuedMs === 0 ? undefined : Math.round(exchange.queuedMs),
    durationMs: span(arrival.startedMs, gateway.deadlines.now()),
    decision: exchange.decision,
  };
}

/** What of an answer was thrown away again is not among it; what stayed of an answer that was gone on with is. */
function deliveredBytes({ showing }: Exchange, { delivered, fault }: Outcome): number {
  if (delivered?.result.committed !== true && fault !== undefined) return 0;
  return showing.continuedBytes + (delivered?.result.facts?.contentBytes ?? 0);
}

interface Charge {
  readonly state: EndRecord['state'];
  readonly sell: SellCharge | undefined;
  readonly quarantine: string | undefined;
}

const voided: Charge = { state: 'void', sell: undefined, quarantine: undefined };

/** What the customer pays for a delivered attempt. Under a hard budget never more than the hold (I4): the rest is the
 *  operator's. */
function charged(reading: Reading, prices: RateTimeline, admission: Admission, context: RatingContext): Charge {
  if (reading.source === 'none') return voided;
  const rated = rate(reading, prices, context);
  if ('quarantine' in rated) return { state: 'quarantined', sell: undefined, quarantine: rated.quarantine };
  const holdAtto = admission.hold?.amount;
  const over = holdAtto !== undefined && rated.amountAtto > holdAtto ? rated.amountAtto - holdAtto : 0n;
  return {
    state: reading.source === 'provider' ? 'settled' : 'estimated',
    sell: { ...ratedAmountJson(rated), overHoldAtto: over.toString() },
    quarantine: undefined,
  };
}

/** The instant of dispatch chooses the version; the tier asked for counts where the provider names none. */
function contextOf(exchange: Exchange, atMs: number): RatingContext {
  return { atMs, requestedTier: exchange.scan.serviceTier };
}

/** Rating asserts; an exchange that is admitted must end all the same, so what it cannot rate is quarantined. */
function rate(reading: Reading, prices: RateTimeline, context: RatingContext): ReturnType<typeof rateReading> {
  try {
    return rateReading(reading, prices, context);
  } catch (error) {
    return { quarantine: `rating failed: ${describeBug(error)}` };
  }
}

function withQuarantine(reading: Reading, quarantine: string | undefined): Reading {
  return quarantine === undefined ? reading : { ...reading, quarantine };
}

/** The status the client got, or would have got. */
function statusOf(exchange: Exchange, { fault, delivered, refusal }: Outcome): number {
  if (exchange.client.headersSent) return exchange.client.response.statusCode;
  if (fault === undefined) return delivered?.delivery?.head?.status ?? 200;
  return refusal?.status ?? exchange.dialect.encodeFault(fault, { exchangeId: exchange.arrival.id }).status;
}

function alert(gateway: GatewayState, exchange: Exchange, code: string, message: string): void {
  gateway.ports.observe.alert({ code, message, exchangeId: exchange.arrival.id });
}

function providerRequestId(headers: AttemptResult['headers']): string | undefined {
  const id = headers['x-request-id'] ?? headers['request-id'];
  return typeof id === 'string' ? id.slice(0, requestIdLengthMax) : undefined;
}

const requestIdLengthMax = 128;

function span(fromMs: number, toMs: number): number {
  return Math.max(0, Math.round(toMs - fromMs));
}
