import type { FaultCode } from '../completion/fault.ts';
import type { AttemptFailure } from '../routing/health/health-book.ts';
import type { LatencySample } from '../routing/health/latency.ts';
import type { AttemptResult } from './attempt.ts';

/** What an attempt says about the deployment it went to. */
export type AttemptOutcome =
  /** It answered, if only to refuse what the client sent; `latency` when the answer was whole. */
  | { readonly kind: 'answered'; readonly latency: LatencySample | undefined }
  /** Another one was faster: it would have taken at least so long. */
  | { readonly kind: 'outpaced'; readonly latency: LatencySample }
  | { readonly kind: AttemptFailure['kind']; readonly coolMs: number | undefined }
  /** Nothing: it was not sent, or the client left, or the fault is ours. */
  | { readonly kind: 'none' };

export interface OutcomeContext {
  readonly stream: boolean;
  readonly inputTokens: number;
  /** Of the reading; undefined when nobody knows. */
  readonly outputTokens: number | undefined;
  /** Milliseconds from the request to the first byte of the answer; undefined when none came. */
  readonly firstByteMs: number | undefined;
  readonly durationMs: number;
  /** The request was sent to another deployment as well because this one took long, and that one answered. */
  readonly isOutpaced?: boolean;
}

const quotaCoolMs = 60_000;
const none: AttemptOutcome = { kind: 'none' };

/** One table for every provider: the same fault means the same, whoever shows it. */
const kinds: Partial<Readonly<Record<FaultCode, AttemptFailure['kind'] | 'answered'>>> = {
  upstream_refused: 'failed',
  upstream_reset: 'failed',
  upstream_error: 'failed',
  upstream_malformed: 'failed',
  upstream_truncated: 'failed',
  upstream_response_too_large: 'failed',
  upstream_connect_timeout: 'slow',
  upstream_first_byte_timeout: 'slow',
  upstream_idle_timeout: 'slow',
  upstream_rate_limited: 'overloaded',
  upstream_overloaded: 'overloaded',
  upstream_quota: 'overloaded',
  upstream_credential: 'credential',
  // The target model is misspelt or retired: no time heals that either.
  upstream_not_found: 'credential',
  upstream_invalid: 'answered',
  upstream_too_large: 'answered',
  context_overflow: 'answered',
  content_filtered: 'answered',
};

export function outcomeOf({ fault, status }: AttemptResult, context: OutcomeContext): AttemptOutcome {
  if (fault === undefined) return { kind: 'answered', latency: latencyOf(context) };
  if (context.isOutpaced === true && context.stream) {
    const { inputTokens, durationMs } = context;
    const latency = { inputTokens, outputTokens: 0, firstTokenMs: durationMs, totalMs: durationMs };
    return { kind: 'outpaced', latency };
  }
  const kind = kinds[fault.code];
  if (kind === undefined) return none;
  if (kind === 'answered') return { kind, latency: undefined };
  // An account without credit says no time; somebody has to pay first.
  if (fault.code === 'upstream_quota') return { kind, coolMs: fault.retryAfterMs ?? quotaCoolMs };
  // A wait is believed of those who refuse; successes carry the header, too, and mean nothing by it.
  const mayCool = status === 429 || status === 503 || status === 529;
  return { kind, coolMs: mayCool ? fault.retryAfterMs : undefined };
}

function latencyOf(context: OutcomeContext): LatencySample | undefined {
  const { stream, inputTokens, outputTokens, firstByteMs, durationMs } = context;
  if (firstByteMs === undefined || outputTokens === undefined) return undefined;
  return { inputTokens, outputTokens, firstTokenMs: stream ? firstByteMs : undefined, totalMs: durationMs };
}
