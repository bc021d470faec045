import type { Fault } from '../completion/fault.ts';
import { type Loss, LossLedger } from '../completion/loss.ts';
import { outputTotal } from '../completion/usage.ts';
import { plainForm } from '../dialects/lower/answer-form.ts';
import { estimateInputTokens, estimateOutputTokens, familyOf } from '../metering/estimates.ts';
import { upstreamRequest } from '../providers/upstream-request.ts';
import type { Deployment } from '../snapshot/load.ts';
import type { Addressee } from './addressee.ts';
import type { Admission } from './admit.ts';
import { Attempt, type AttemptResult } from './attempt.ts';
import { type AttemptOutcome, outcomeOf } from './attempt-outcome.ts';
import { attemptRecord } from './attempt-record.ts';
import { carrierHead } from './carrier-head.ts';
import { type Exchange, estimatedRequest } from './exchange.ts';
import type { GatewayState } from './gateway.ts';
import { letterFor } from './letter.ts';
import { endAttempt } from './meter.ts';
import { ProgressNotes } from './progress-notes.ts';
import type { ReceiverContext } from './receiver-context.ts';
import { receiverFor } from './receiver-for.ts';

/** What came of trying one deployment. */
export interface Tried {
  readonly fault: Fault | undefined;
  /** No other deployment may be tried. */
  readonly final: boolean;
  readonly deployment?: Deployment;
  readonly result?: AttemptResult;
  readonly requestLosses?: readonly Loss[];
  readonly answerLosses?: readonly Loss[];
  readonly outcome?: AttemptOutcome;
}

/** Sends the request to one deployment and meters what comes of it. */
export async function sendAttempt(
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
