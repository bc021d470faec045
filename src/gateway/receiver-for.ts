import { Fault } from '../completion/fault.ts';
import type { LossLedger } from '../completion/loss.ts';
import type { DialectName } from '../completion/request.ts';
import { fitCallId } from '../dialects/call-ids.ts';
import type { Dialect } from '../dialects/dialect.ts';
import type { AnswerForm } from '../dialects/lower/answer-form.ts';
import { translateRateLimits } from '../dialects/rate-limits.ts';
import type { Deployment } from '../snapshot/load.ts';
import type { AnswerReceiver, Attempt, AttemptResult } from './attempt.ts';
import type { Exchange } from './exchange.ts';
import type { ReasoningStates } from './ports.ts';
import { RefusalReceiver } from './receive-refusal.ts';
import type { ReceiverContext } from './receiver-context.ts';
import { StreamRelay, WholeRelay } from './relay.ts';
import { ReasoningSealer } from './seal-reasoning.ts';
import { makerOf } from './state-makers.ts';
import { StreamTranslation, WholeTranslation } from './translate.ts';

/** The head of a response, and what its body is taken with. */
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

/** Who takes a response: a relay of its bytes, a translation, or who reads what was refused. */
export function receiverFor(
  attempt: Attempt,
  context: ReceiverContext,
  from: Dialect,
  head: Head,
): AnswerReceiver | Fault {
  const { status, headers, exchange } = head;
  if (status >= 600) return new Fault('upstream_malformed', 'The provider answered with a status that HTTP has not.');
  if (status >= 400) return new RefusalReceiver(attempt, from, status, headers, head.nowMs);
  if (status >= 300)
    return new Fault('upstream_error', 'The provider answered with a redirect.', { upstreamStatus: status });
  const coding = headers['content-encoding'];
  if (coding !== undefined && coding !== 'identity') {
    return new Fault('upstream_malformed', 'The provider compressed an answer that was asked for as it is.');
  }
  const streamed = isStream(headers['content-type'], from, exchange);
  const isOtherForm = streamed !== exchange.scan.stream;
  if (
    from === exchange.dialect &&
    context.resume?.seam === undefined &&
    !(isOtherForm && context.resume !== undefined)
  ) {
    return streamed
      ? new StreamRelay(attempt, context, status, headers)
      : new WholeRelay(attempt, context, status, headers);
  }
  if (isOtherForm) {
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
    nowMs: head.nowMs,
    streamUsage: exchange.scan.streamUsage,
    streamForm: exchange.scan.named?.streamForm,
    inputTokensEstimate: head.inputTokensEstimate,
    losses: head.answerLosses,
    form: head.form,
    resumes: context.resume?.after,
    requestBody: exchange.body,
  };
  const limits = translateRateLimits(headers, from.name, exchange.dialect.name, head.nowMs());
  const translation = { answer, sealer, headers: limits };
  return streamed
    ? new StreamTranslation(attempt, context, from, translation)
    : new WholeTranslation(attempt, context, from, translation);
}

/** A list that grows has the type of a whole answer. */
function isStream(contentType: unknown, from: Dialect, { scan, dialect }: Exchange): boolean {
  const type = String(contentType ?? '');
  if (type.startsWith(from.streamType)) return true;
  return scan.named?.streamForm === 'list' && from === dialect && type.startsWith('application/json');
}

/** Clients of these have no place for the text beside the state, or throw it away. */
const withoutText: ReadonlySet<DialectName> = new Set<DialectName>(['openai-chat', 'gemini']);

/** Those have no place for the text beside the state; the others have, unless the client wants no text. */
function shownReasoning({ dialect, translation }: Exchange) {
  const hidesText = translation?.request.reasoning?.display === 'omitted';
  const { callIds } = dialect.profile;
  return {
    hidesText,
    sealsText: hidesText || withoutText.has(dialect.name),
    shownId: (id: string) => fitCallId(id, callIds),
  };
}
