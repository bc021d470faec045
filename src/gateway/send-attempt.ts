import type { Fault } from '../completion/fault.ts';
import { type Loss, LossLedger } from '../completion/loss.ts';
import { outputTotal } from '../completion/usage.ts';
import { plainForm } from '../dialects/lower/answer-form.ts';
import type { AttemptEnd } from '../journal/record.ts';
import { estimateInputTokens, estimateOutputTokens, familyOf } from '../metering/estimates.ts';
import { providerOf } from '../providers/registry.ts';
import { upstreamRequest } from '../providers/upstream-request.ts';
import type { Deployment } from '../snapshot/load.ts';
import type { Addressee } from './addressee.ts';
import type { Admission } from './admit.ts';
import { Attempt, type AttemptResult, type AttemptSetup } from './attempt.ts';
import { type AttemptOutcome, outcomeOf } from './attempt-outcome.ts';
import { attemptRecord } from './attempt-record.ts';
import { carrierHead } from './carrier-head.ts';
import { estimatedContinuation } from './continuation.ts';
import type { Exchange } from './exchange.ts';
import type { GatewayState } from './gateway.ts';
import { letterFor } from './letter.ts';
import { endAttempt } from './meter.ts';
import { ProgressNotes } from './progress-notes.ts';
import type { ReceiverContext } from './receiver-context.ts';
import { receiverFor } from './receiver-for.ts';
import { resumeOf } from './resume.ts';

/** May nobody else be asked? What was shown decides, but for an attempt that another one has outpaced: of it nothing was. */
function isFinal({ client, showing }: Exchange, fault: Fault | undefined): boolean {
  if (fault === undefined || !fault.failover || client.gone) return true;
  return fault.code !== 'hedge_lost' && showing.goOn() === 'end';
}

/** Fewer tokens than this many bytes of content are held back; four bytes are about one token. */
const bytesPerToken = 4;

function holdBackOf({ route, scan }: Exchange): ReceiverContext['holdBack'] {
  const { holdBack } = route.policy;
  if (holdBack === undefined || !scan.stream) return undefined;
  return { contentBytes: holdBack.tokens * bytesPerToken, ms: holdBack.ms };
}

/** What came of trying one deployment. */
export interface Tried {
  readonly fault: Fault | undefined;
  /** No other deployment may be tried. */
  readonly final: boolean;
  /** As it is recorded; undefined when no attempt was made. */
  readonly ended?: AttemptEnd;
  readonly deployment?: Deployment;
  readonly result?: AttemptResult;
  readonly requestLosses?: readonly Loss[];
  readonly answerLosses?: readonly Loss[];
  readonly outcome?: AttemptOutcome;
}

/** An attempt under way. */
export interface SentAttempt {
  /** As the journal knows it. */
  readonly number: number;
  readonly deployment: Deployment;
  readonly attempt: Attempt;
  /** Meters it, once its result is there. */
  readonly end: (result: AttemptResult) => Tried;
}

/** What an attempt is sent with, once the journal has it. */
interface Prepared {
  readonly addressee: Addressee;
  readonly letter: ReturnType<typeof letterFor>;
  readonly path: string;
  readonly headers: string[];
  readonly number: number;
  readonly startedAtMs: number;
  readonly estimated: ReturnType<typeof estimatedContinuation>;
  readonly inputTokensEstimate: number;
  readonly race: AttemptSetup['race'];
  readonly beside: number | undefined;
}

/** Journals an attempt at one deployment and sends it: at once, unless the journal's disk is to be waited for. `race`: another
 *  may be sent beside it; `beside`: it is that other one. Throws Fault when the request cannot be written for this deployment,
 *  or not be journaled. */
export function sendAttempt(
  gateway: GatewayState,
  exchange: Exchange,
  admission: Admission,
  addressee: Addressee,
  { race, beside }: { readonly race?: AttemptSetup['race']; readonly beside?: number | undefined } = {},
): SentAttempt | Promise<SentAttempt> {
  const { ports } = gateway;
  const { arrival, carrier } = exchange;
  const { deployment, dialect } = addressee;
  const letter = letterFor(gateway, exchange, admission, addressee);
  const { path, headers } = upstreamRequest({
    provider: deployment.provider,
    dialect: dialect.name,
    // One that was written anew has the headers of what was written.
    sameDialect: letter.form === undefined,
    credential: ports.credential(deployment.provider.name),
    clientHeaders: arrival.request.headers,
    query: arrival.query,
    targetModel: deployment.targetModel,
    stream: exchange.scan.stream,
    streamForm: letter.form === undefined ? exchange.scan.named?.streamForm : undefined,
    dialectHeaders: letter.headers,
  });
  if (carrier.emulate !== undefined && deployment.provider.sandbox) headers.push('x-carrier-emulate', carrier.emulate);
  const addressed = { addressee, letter, path, headers, race, beside };
  const authorise = providerOf(deployment.provider.kind).endpoints[dialect.name]?.authorise;
  if (authorise === undefined) return journalAttempt(gateway, exchange, addressed);
  const { origin, basePath } = gateway.upstreams.of(deployment.provider);
  return authorise({
    origin,
    path: basePath + path,
    headers,
    body: letter.body,
    credential: ports.credential(deployment.provider.name),
    nowMs: ports.clock.nowMs(),
  }).then(more => journalAttempt(gateway, exchange, { ...addressed, headers: [...headers, ...more] }));
}

/** An attempt that is ready to be sent. */
type Addressed = Omit<Prepared, 'number' | 'startedAtMs' | 'estimated' | 'inputTokensEstimate'>;

/** Nothing goes to a socket before the journal knows of it. */
function journalAttempt(
  gateway: GatewayState,
  exchange: Exchange,
  addressed: Addressed,
): SentAttempt | Promise<SentAttempt> {
  const { ports } = gateway;
  const { deployment, dialect } = addressed.addressee;
  const family = familyOf(deployment.model);
  const estimated = estimatedContinuation(exchange);
  const inputTokensEstimate = estimateInputTokens(estimated, family);
  const startedAtMs = ports.clock.nowMs();
  exchange.dispatched += 1;
  const number = exchange.dispatched;
  const written = ports.journal.attempt(
    attemptRecord(exchange, {
      number,
      deployment,
      dialect,
      inputTokensEstimate,
      atMs: startedAtMs,
      beside: addressed.beside,
    }),
  );
  // Written out and not spread, since it is made for every attempt.
  const prepared: Prepared = {
    addressee: addressed.addressee,
    letter: addressed.letter,
    path: addressed.path,
    headers: addressed.headers,
    number,
    startedAtMs,
    estimated,
    inputTokensEstimate,
    race: addressed.race,
    beside: addressed.beside,
  };
  if (written === undefined) return dispatch(gateway, exchange, prepared);
  return written.then(() => dispatch(gateway, exchange, prepared));
}

function dispatch(gateway: GatewayState, exchange: Exchange, prepared: Prepared): SentAttempt {
  const { ports, deadlines, settings } = gateway;
  const { arrival, route, client } = exchange;
  const { letter, path, headers, number, startedAtMs, estimated, inputTokensEstimate, race, beside } = prepared;
  const { deployment, dialect } = prepared.addressee;
  const family = familyOf(deployment.model);
  const answerLosses = new LossLedger();
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
    streamForm: exchange.scan.named?.streamForm,
    showing: exchange.showing,
    holdBack: holdBackOf(exchange),
    recovers: exchange.onFailure !== 'error',
    resume: resumeOf(exchange, { number, deployment, losses: answerLosses }),
    finishHead: (head, servedModel) =>
      carrierHead(head, exchange, { deployment, number: exchange.dispatched, servedModel, losses: letter.losses }),
  };
  const upstream = gateway.upstreams.of(deployment.provider);
  const startedMs = deadlines.now();
  const attempt = new Attempt({
    upstream,
    path: upstream.basePath + path,
    headers,
    body: letter.body,
    policy: route.policy,
    totalEndsAtMs: exchange.totalEndsAtMs,
    client,
    deadlines,
    race,
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
  return { number, deployment, attempt, end };

  function end(result: AttemptResult): Tried {
    const ended = endAttempt(gateway, exchange, {
      number,
      deployment,
      dialect,
      result,
      startedAtMs,
      startedMs,
      estimated,
    });
    const { fault } = result;
    const { hedge } = route.policy;
    const durationMs = deadlines.now() - startedMs;
    const firstByteMs = result.firstByteAtMs === undefined ? undefined : result.firstByteAtMs - startedMs;
    const isOutpaced = fault?.code === 'hedge_lost' && beside === undefined;
    if (hedge?.percentile !== undefined && (fault === undefined || isOutpaced)) {
      const kind = { stream: exchange.scan.stream, inputTokens: inputTokensEstimate };
      // One that was outpaced took at least so long: left out, the slow would be forgotten and the time would shrink.
      gateway.budgets.firstBytes(deployment.handle, kind).note(firstByteMs ?? durationMs);
    }
    const outcome = outcomeOf(result, {
      stream: exchange.scan.stream,
      inputTokens: inputTokensEstimate,
      outputTokens: result.facts?.usage === undefined ? undefined : outputTotal(result.facts.usage),
      firstByteMs,
      durationMs,
      isOutpaced,
    });
    return {
      fault,
      final: isFinal(exchange, fault),
      ended,
      deployment,
      result,
      requestLosses: letter.losses,
      answerLosses: answerLosses.losses,
      outcome,
    };
  }
}
