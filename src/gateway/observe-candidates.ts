import type { Health, Observations, RequestFacts } from '../routing/decision.ts';
import { firstTokenUs } from '../routing/health/latency.ts';
import { isScored } from '../routing/score.ts';
import type { DeploymentHealth } from './ports.ts';

/** What is known of each candidate, for one request. Where the policy does not score, only what can put a candidate aside
 *  or shrink its share is told: a record holds what was used. */
export function observeCandidates(
  handles: readonly string[],
  health: DeploymentHealth,
  facts: Pick<RequestFacts, 'policy' | 'inputTokens'>,
  atMs: number,
): Observations & { readonly health: Map<string, Health> } {
  const byHandle = new Map<string, Health>();
  const scored = isScored(facts.policy);
  for (const handle of handles) {
    const observed = observe(handle, health, facts.inputTokens, scored);
    if (observed !== undefined) byHandle.set(handle, observed);
  }
  return { atMs, health: byHandle };
}

function observe(handle: string, health: DeploymentHealth, inputTokens: number, scored: boolean): Health | undefined {
  const entry = health.of(handle);
  if (entry === undefined) return undefined;
  const { latency, errorPpm, concurrencyMax, breaker, coolingUntilMs, rampPermille } = entry;
  const inFlight = concurrencyMax === undefined ? 0 : health.inFlight(handle);
  const isFull = concurrencyMax !== undefined && inFlight >= concurrencyMax;
  const base = { breaker, coolingUntilMs, rampPermille };
  if (!scored) return isFull ? { ...base, inFlight, concurrencyMax } : base;
  return {
    ...base,
    ...(latency === undefined
      ? undefined
      : {
          firstTokenUs: firstTokenUs(latency, inputTokens),
          perTokenUs: latency.perTokenUs,
          spread: latency.spread,
        }),
    errorPpm,
    inFlight: concurrencyMax === undefined ? undefined : inFlight,
    concurrencyMax,
  };
}
