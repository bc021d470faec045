import { Fault } from '../completion/fault.ts';
import { type Loss, LossLedger } from '../completion/loss.ts';
import { outputTotal } from '../completion/usage.ts';
import { fitCallId } from '../dialects/call-ids.ts';
import type { Dialect } from '../dialects/dialect.ts';
import { type AnswerForm, plainForm } from '../dialects/lower/answer-form.ts';
import type { StateMaker } from '../dialects/opaque-state.ts';
import { translateRateLimits } from '../dialects/rate-limits.ts';
import { type ReadRequest, writeRequest } from '../dialects/translate.ts';
import { estimateInputTokens, estimateOutputTokens, familyOf } from '../metering/estimates.ts';
import { providerOf } from '../providers/registry.ts';
import { upstreamRequest } from '../providers/upstream-request.ts';
import type { Deployment } from '../snapshot/load.ts';
import type { Admission } from './admit.ts';
import { type AnswerReceiver, Attempt, type AttemptResult, type Delivery } from './attempt.ts';
import { type AttemptOutcome, outcomeOf } from './attempt-outcome.ts';
import { attemptRecord } from './attempt-record.ts';
import { betaEdits } from './beta-edits.ts';
import { carrierHead } from './carrier-head.ts';
import { dialectFor } from './choose.ts';
import { type Exchange, estimatedRequest } from './exchange.ts';
import type { GatewayState } from './gateway.ts';
import { endAttempt } from './meter.ts';
import { openReasoning } from './open-reasoning.ts';
import type { ReasoningStates } from './ports.ts';
import { profileOf } from './profiles.ts';
import { ProgressNotes } from './progress-notes.ts';
import { RefusalReceiver } from './receive-refusal.ts';
import type { ReceiverContext } from './receiver-context.ts';
import { StreamRelay, WholeRelay } from './relay.ts';
import { ReasoningSealer } from './seal-reasoning.ts';
import { StreamTranslation, WholeTranslation } from './translate.ts';
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
      last = await tryOne(gateway, exchange, admission, deployment);
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

interface Tried {
  readonly fault: Fault | undefined;
  /** No other deployment may be tried. */
  readonly final: boolean;
  readonly deployment?: Deployment;
  readonly result?: AttemptResult;
  readonly requestLosses?: readonly Loss[];
  readonly answerLosses?: readonly Loss[];
  readonly outcome?: AttemptOutcome;
}

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
      const tried = await send(gateway, exchange, admission, { deployment, dialect, read });
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

/** Where a request goes, and the request in the middle where it is translated. */
interface Addressee {
  readonly deployment: Deployment;
  readonly dialect: Dialect;
  readonly read: ReadRequest | undefined;
}

async function send(
  gateway: GatewayState,
  exchange: Exchange,
  admission: Admission,
  addressee: Addressee,
): Promise<Tried> {
  const { ports, deadlines, settings } = gateway;
  const { arrival, carrier, route, client } = exchange;
  const { deployment, dialect } = addressee;
  const letter = letterFor(gateway, exchange, admission, addressee);
  const { path, headers } = upstreamRequest({
    provider: deployment.provider,
    dialect: dialect.name,
    sameDialect: dialect === exchange.dialect,
    credential: ports.credential(deployment.provider.name),
    clientHeaders: arrival.request.headers,
    query: arrival.query,
    stream: exchange.scan.stream,
    dialectHeaders: letter.headers,
  });
  if (carrier.emulate !== undefined && deployment.provider.sandbox) headers.push('x-carrier-emulate', carrier.emulate);

  const number = exchange.attempts.length + 1;
  const family = familyOf(deployment.model);
  const inputTokensEstimate = estimateInputTokens(estimatedRequest(exchange), family);
  const startedAtMs = ports.clock.nowMs();
  const written = ports.journal.attempt(
    attemptRecord(exchange, { number, deployment, dialect, inputTokensEstimate, atMs: startedAtMs }),
  );
  if (written !== undefined) await written;

  const progress = new ProgressNotes(
    ports.journal,
    { id: arrival.id, attempt: number },
    () => ports.clock.nowMs(),
    contentBytes => estimateOutputTokens(contentBytes, family),
  );
  const context: ReceiverContext = {
    exchangeId: arrival.id,
    dialect: exchange.dialect,
    client,
    deadlines,
    limits: settings.limits,
    progress,
    stripUsage: letter.askUsage,
    finishHead: (head, servedModel) =>
      carrierHead(head, exchange, { deployment, number, servedModel, losses: letter.losses }),
  };
  const upstream = gateway.upstreams.of(deployment.provider);
  const startedMs = deadlines.now();
  const answerLosses = new LossLedger();
  const attempt = new Attempt({
    upstream,
    path: upstream.basePath + path,
    headers,
    body: letter.body,
    policy: route.policy,
    totalEndsAtMs: exchange.totalEndsAtMs,
    client,
    deadlines,
    receive: (own, status, responseHeaders) =>
      receiverFor(own, context, dialect, {
        status,
        headers: responseHeaders,
        deployment,
        exchange,
        inputTokensEstimate,
        answerLosses,
        states: ports.reasoning,
        form: letter.form ?? plainForm,
        nowMs: ports.clock.nowMs,
      }),
  });
  const result = await attempt.result;
  endAttempt(gateway, exchange, { number, deployment, dialect, result, startedAtMs, startedMs, inputTokensEstimate });
  const { fault } = result;
  const final = fault === undefined || result.committed || !fault.failover || client.gone;
  const outcome = outcomeOf(result, {
    stream: exchange.scan.stream,
    inputTokens: inputTokensEstimate,
    outputTokens: result.facts?.usage === undefined ? undefined : outputTotal(result.facts.usage),
    firstByteMs: result.firstByteAtMs === undefined ? undefined : result.firstByteAtMs - startedMs,
    durationMs: deadlines.now() - startedMs,
  });
  return { fault, final, deployment, result, requestLosses: letter.losses, answerLosses: answerLosses.losses, outcome };
}

interface Letter {
  readonly body: Buffer;
  readonly losses: readonly Loss[];
  readonly askUsage: boolean;
  /** Of the provider's dialect, when it is not the client's. */
  readonly headers?: readonly string[] | undefined;
  /** What must be changed back in the answer; undefined within a dialect. */
  readonly form: AnswerForm | undefined;
}

/** The body for one deployment: the client's bytes with what must be spliced, or the request written anew in another
 *  dialect. Throws Fault, `loss_refused` among others. */
function letterFor(
  gateway: GatewayState,
  exchange: Exchange,
  admission: Admission,
  { deployment, dialect, read }: Addressee,
): Letter {
  const { scan, body, carrier } = exchange;
  const lowered = admission.loweredOutputTokensMax;
  const losses = new LossLedger();
  if (lowered !== undefined) losses.approximated('output-limit-lowered', 'max_tokens');
  const { streamOptions, outputLimit: outputLimitField } = providerOf(deployment.provider.kind).quirks;
  const { targetModel, outputTokensMax } = deployment;
  if (dialect === exchange.dialect) {
    const askUsage = scan.stream && !scan.streamUsage && streamOptions;
    const form = () => profileOf(deployment.provider.kind, dialect.name, targetModel).reasoning;
    const ours = dialect.withoutEnvelopes?.(body, scan, form);
    const endpoint = providerOf(deployment.provider.kind).endpoints[dialect.name];
    const betas = betaEdits(endpoint, exchange.arrival.request.headers, body);
    const more = betas === undefined ? ours?.edits : [...(ours?.edits ?? []), ...betas.edits];
    const splice = { targetModel, askUsage, outputTokensMax: lowered, outputLimitField, more };
    const lost = [...(ours?.losses ?? []), ...(betas?.losses ?? [])];
    const all = lost.length === 0 ? losses.losses : [...losses.losses, ...lost];
    if (carrier.strict) refuseLosses(lost);
    return { body: dialect.spliceRequest(body, scan, splice), losses: all, askUsage, form: undefined };
  }
  if (read === undefined) throw new Error('a request was to be translated that was not read');
  const lowerRead =
    lowered === undefined
      ? read
      : {
          ...read,
          request: { ...read.request, outputTokensMax: lowered },
          losses: [...read.losses, ...losses.losses],
        };
  const profile = profileOf(deployment.provider.kind, dialect.name, targetModel);
  const target = { targetModel, outputTokensMax, outputLimitField, streamOptions, profile };
  const opened = openReasoning(
    lowerRead,
    {
      maker: makerOf(deployment, dialect),
      form: profile.reasoning,
      organisation: exchange.principal.organisation,
    },
    exchange.recalled,
    gateway.ports.reasoning,
  );
  const { body: encoded, losses: all, form, headers } = writeRequest(opened, dialect, target);
  if (carrier.strict) refuseLosses(all);
  return { body: encoded, losses: all, askUsage: false, form, headers };
}

function refuseLosses([first]: readonly Loss[]): void {
  if (first === undefined) return;
  const { code, path } = first;
  throw new Fault('loss_refused', `${path} would be lost or changed (${code}).`, { parameter: path });
}

function makerOf(deployment: Deployment, dialect: Dialect): StateMaker {
  return { dialect: dialect.name, kind: deployment.provider.kind, targetModel: deployment.targetModel };
}

interface Head {
  readonly status: number;
  readonly headers: AttemptResult['headers'];
  readonly deployment: Deployment;
  readonly exchange: Exchange;
  readonly inputTokensEstimate: number;
  readonly answerLosses: LossLedger;
  readonly states: ReasoningStates;
  readonly form: AnswerForm;
  readonly nowMs: () => number;
}

function receiverFor(attempt: Attempt, context: ReceiverContext, from: Dialect, head: Head): AnswerReceiver | Fault {
  const { status, headers, exchange } = head;
  if (status >= 600) return new Fault('upstream_malformed', 'The provider answered with a status that HTTP has not.');
  if (status >= 400) return new RefusalReceiver(attempt, from, status, headers, head.nowMs);
  if (status >= 300)
    return new Fault('upstream_error', 'The provider answered with a redirect.', { upstreamStatus: status });
  const coding = headers['content-encoding'];
  if (coding !== undefined && coding !== 'identity') {
    return new Fault('upstream_malformed', 'The provider compressed an answer that was asked for as it is.');
  }
  const streamed = String(headers['content-type'] ?? '').startsWith('text/event-stream');
  if (from === exchange.dialect) {
    return streamed
      ? new StreamRelay(attempt, context, status, headers)
      : new WholeRelay(attempt, context, status, headers);
  }
  if (streamed !== exchange.scan.stream) {
    return new Fault('upstream_malformed', 'The provider did not answer in the form that was asked for.');
  }
  const sealer = new ReasoningSealer({
    states: head.states,
    maker: makerOf(head.deployment, from),
    organisation: exchange.principal.organisation,
    ...shownReasoning(exchange),
    losses: head.answerLosses,
  });
  const answer = {
    exchangeId: context.exchangeId,
    targetModel: head.deployment.targetModel,
    createdAtMs: exchange.arrival.atMs,
    streamUsage: exchange.scan.streamUsage,
    inputTokensEstimate: head.inputTokensEstimate,
    losses: head.answerLosses,
    form: head.form,
  };
  const limits = translateRateLimits(headers, from.name, exchange.dialect.name, head.nowMs());
  const translation = { answer, sealer, headers: limits };
  return streamed
    ? new StreamTranslation(attempt, context, from, translation)
    : new WholeTranslation(attempt, context, from, translation);
}

/** Chat completions have no place for the text beside the state; Messages have, unless the client wants no text. */
function shownReasoning({ dialect, translation }: Exchange) {
  const hidesText = translation?.request.reasoning?.display === 'omitted';
  const { callIds } = dialect.profile;
  return {
    hidesText,
    sealsText: hidesText || dialect.name === 'openai-chat',
    shownId: (id: string) => fitCallId(id, callIds),
  };
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
