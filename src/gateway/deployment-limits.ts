import { Fault } from '../completion/fault.ts';
import type { Health } from '../routing/decision.ts';
import type { Deployment, ResolvedRoute } from '../snapshot/load.ts';
import type { Exchange } from './exchange.ts';
import type { GatewayState } from './gateway.ts';
import { tokensOf } from './pass-limits.ts';
import type { RateLimits } from './ports.ts';
import type { Tried } from './send-attempt.ts';

/** Counts an attempt against the limits of its deployment and its provider account, which all callers share. Where one is
 *  used up, the next candidate is tried. */
export function withinLimits(
  gateway: GatewayState,
  exchange: Exchange,
  deployment: Deployment,
  attempt: () => Promise<Tried>,
): Promise<Tried> {
  return deployment.limits === undefined ? attempt() : counted(gateway, exchange, deployment, attempt);
}

async function counted(
  { ports }: GatewayState,
  exchange: Exchange,
  deployment: Deployment,
  attempt: () => Promise<Tried>,
): Promise<Tried> {
  const { inputTokens, outputTokens } = exchange.decision.facts;
  const demand = {
    limits: deployment.limits!, // The caller looked.
    tokens: inputTokens + outputTokens,
    nowMs: ports.clock.nowMs(),
  };
  const pass = await ports.limits.take(demand);
  if ('short' in pass) {
    const fault = new Fault('deployment_rate_limited', undefined, { retryAfterMs: pass.retryAfterMs });
    return { fault, final: false, deployment };
  }
  const attempts = exchange.attempts.length;
  try {
    return await attempt();
  } finally {
    const ended = exchange.attempts.length > attempts ? exchange.attempts.at(-1) : undefined;
    pass.settle(ended === undefined ? undefined : tokensOf(ended.reading), ports.clock.nowMs());
  }
}

/** Adds what is known of used-up limits to what was observed of the candidates. */
export function observeLimits(
  { candidates }: ResolvedRoute,
  limits: RateLimits,
  { tokens, nowMs }: { readonly tokens: number; readonly nowMs: number },
  health: Map<string, Health>,
): void {
  for (const { deployment } of candidates) {
    if (deployment.limits === undefined) continue;
    const short = limits.knownShort({ limits: deployment.limits, tokens, nowMs });
    if (short === undefined) continue;
    const { handle } = deployment;
    health.set(handle, { ...health.get(handle), limitedUntilMs: nowMs + short.retryAfterMs });
  }
}
