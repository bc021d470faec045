import { Fault } from '../completion/fault.ts';
import type { AttemptEnd } from '../journal/record.ts';
import type { Health } from '../routing/decision.ts';
import type { Limit } from '../snapshot/limits.ts';
import type { Deployment, ResolvedRoute } from '../snapshot/load.ts';
import type { Exchange } from './exchange.ts';
import type { GatewayState } from './gateway.ts';
import { tokensOf } from './pass-limits.ts';
import type { LimitPass, RateLimits } from './ports.ts';

/** Counts an attempt against the limits of its deployment and its provider account, which all callers share; undefined:
 *  there are none. A Fault where one is used up: the next candidate is tried. */
export function passDeployment(
  gateway: GatewayState,
  exchange: Exchange,
  { limits }: Deployment,
): undefined | Promise<LimitPass | Fault> {
  return limits === undefined ? undefined : count(gateway, exchange, limits);
}

async function count(
  { ports }: GatewayState,
  exchange: Exchange,
  limits: readonly Limit[],
): Promise<LimitPass | Fault> {
  const { inputTokens, outputTokens } = exchange.decision.facts;
  const pass = await ports.limits.take({ limits, tokens: inputTokens + outputTokens, nowMs: ports.clock.nowMs() });
  if (!('short' in pass)) return pass;
  return new Fault('deployment_rate_limited', undefined, { retryAfterMs: pass.retryAfterMs });
}

/** What the attempt used in truth is what counts; undefined: nothing was sent. */
export function settleDeployment(
  { ports }: GatewayState,
  passed: LimitPass | undefined,
  ended: AttemptEnd | undefined,
): void {
  passed?.settle(ended === undefined ? undefined : tokensOf(ended.reading), ports.clock.nowMs());
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
