import type { RateLimits } from '../../src/gateway/ports.ts';

/** Limits of nobody. */
export const unlimited: RateLimits = {
  take: ({ limits }) => ({ limits, settle: () => {} }),
  knownShort: () => undefined,
  state: limit => ({ limit, remaining: limit.limit, resetMs: 0 }),
};
