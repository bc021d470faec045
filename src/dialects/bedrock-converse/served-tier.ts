import { readName } from '../answer-tally.ts';
import { isRecord } from '../wire-values.ts';

/** The tier that served, as one word: prices depend on it. Answers made faster by `performanceConfig` have prices of their own
 *  (https://aws.amazon.com/bedrock/pricing/, 2026-11), so that is a tier, too. */
export function servedTierOf(serviceTier: unknown, performanceConfig: unknown): string | undefined {
  const latency = isRecord(performanceConfig) ? performanceConfig['latency'] : undefined;
  if (latency === 'optimized') return 'latency-optimized';
  return isRecord(serviceTier) ? readName(serviceTier['type']) : undefined;
}
