import type { Health, HealthReason } from './decision.ts';

/** Why a candidate should rather be left alone now. These reasons never remove it: they put it behind the others. */
export function unhealthyBy(health: Health | undefined, atMs: number): readonly HealthReason[] {
  if (health === undefined) return none;
  let reasons: HealthReason[] | undefined;
  if (health.concurrencyMax !== undefined && (health.inFlight ?? 0) >= health.concurrencyMax) reasons = ['SATURATED'];
  if (health.limitedUntilMs !== undefined && health.limitedUntilMs > atMs) (reasons ??= []).push('RATE_LIMITED');
  if (health.coolingUntilMs !== undefined && health.coolingUntilMs > atMs) (reasons ??= []).push('COOLING_DOWN');
  if (health.breaker === 'open') (reasons ??= []).push('BREAKER_OPEN');
  if (health.breaker === 'misconfigured') (reasons ??= []).push('MISCONFIGURED');
  return reasons ?? none;
}

const none: readonly HealthReason[] = [];
