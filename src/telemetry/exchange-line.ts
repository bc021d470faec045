import type { Fault } from '../completion/fault.ts';
import { inputTotal, outputTotal } from '../completion/usage.ts';
import type { EndedExchange } from '../gateway/ports.ts';
import { chargedAtto } from '../journal/charged.ts';

/** One exchange as the log shows it: who, what, where, how it went, what it cost. Never content, never a secret. */
export interface ExchangeLine {
  readonly exchange: string;
  readonly organisation: string;
  readonly project: string;
  readonly key: string;
  readonly dialect: string;
  readonly stream: boolean;
  readonly requestedModel: string;
  readonly targetModel: string | undefined;
  readonly servedModel: string | undefined;
  readonly deployment: string | undefined;
  readonly attempts: number;
  readonly status: number;
  readonly outcome: string;
  readonly state: string;
  readonly inputTokens: number | undefined;
  readonly outputTokens: number | undefined;
  readonly sell: string | undefined;
  readonly currency: string | undefined;
  readonly losses: number | undefined;
  readonly queuedMs: number | undefined;
  readonly firstByteMs: number | undefined;
  readonly durationMs: number;
  readonly sandbox: true | undefined;
}

/** `formatAmount` writes atto-currency as a decimal string with all digits. */
export function exchangeLine({ admit, end }: EndedExchange, formatAmount: (atto: bigint) => string): ExchangeLine {
  const last = end.attempts.at(-1);
  const used = end.reading?.slices;
  return {
    exchange: end.id,
    organisation: admit.organisation,
    project: admit.project,
    key: admit.key,
    dialect: admit.dialect,
    stream: end.stream,
    requestedModel: admit.requestedModel,
    targetModel: last?.targetModel,
    servedModel: end.servedModel,
    deployment: last?.deployment,
    attempts: end.attempts.length,
    status: end.status,
    outcome: end.outcome,
    state: end.state,
    inputTokens: used === undefined ? undefined : inputTotal(used),
    outputTokens: used === undefined ? undefined : outputTotal(used),
    sell: end.sell === undefined ? undefined : formatAmount(chargedAtto(end.sell)),
    currency: end.sell?.currency,
    losses: end.losses.length === 0 ? undefined : end.losses.length,
    queuedMs: end.queuedMs,
    firstByteMs: end.firstByteMs,
    durationMs: end.durationMs,
    sandbox: admit.sandbox || undefined,
  };
}

export interface RefusalLine {
  readonly exchange: string;
  readonly path: string;
  readonly status: number;
  readonly outcome: string;
  readonly durationMs: number;
}

export function refusalLine(refusal: {
  readonly fault: Fault;
  readonly exchangeId: string;
  readonly path: string;
  readonly durationMs: number;
}): RefusalLine {
  return {
    exchange: refusal.exchangeId,
    // A key may come in the query (`?key=`).
    path: refusal.path.split('?', 1)[0]!.slice(0, 200),
    status: refusal.fault.status,
    outcome: refusal.fault.code,
    durationMs: refusal.durationMs,
  };
}
