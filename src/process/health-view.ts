import type { DeploymentHealthView } from '../admin/dependencies.ts';
import type { Diagnosis } from '../routing/health/health-book.ts';
import type { DeploymentEntry } from '../snapshot/snapshot.ts';
import { describeScope } from './deployment-scopes.ts';

interface Surroundings {
  readonly deployment: DeploymentEntry;
  readonly inFlight: number;
  readonly nowMs: number;
}

const doubling = 1_024;

/** One deployment's health in the words and units of people. */
export function viewHealth(diagnosis: Diagnosis, { deployment, inFlight, nowMs }: Surroundings): DeploymentHealthView {
  const { entry, breaker, openUntilMs, downScope, concurrencyMax, isConcurrencyConfigured, triedAtMs } = diagnosis;
  const { latency, errorPpm, coolingUntilMs, rampPermille } = entry;
  const inherited = breaker === 'closed' ? downScope : undefined;
  return {
    id: deployment.id,
    provider: deployment.provider,
    model: deployment.model,
    state: stateOf(diagnosis, { inFlight, nowMs }),
    breaker: {
      state: entry.breaker ?? 'closed',
      scope: entry.breaker === undefined ? null : scopeOf(diagnosis),
      name: entry.breaker === undefined || downScope === undefined ? null : describeScope(downScope).name,
      // Of a scope nobody knows how long it will be down: its deployments have their own breakers.
      until: inherited !== undefined || openUntilMs === undefined ? null : instant(openUntilMs),
    },
    coolingUntil: coolingUntilMs === undefined ? null : instant(coolingUntilMs),
    errorRate: errorPpm === undefined ? null : errorPpm / 1_000_000,
    latency:
      latency === undefined
        ? null
        : {
            firstTokenMs: latency.levelUs / 1_000,
            perInputTokenMs: latency.slopeNs / 1_000_000,
            perOutputTokenMs: latency.perTokenUs / 1_000,
            uncertainty: Math.round((2 ** (latency.spread / doubling) - 1) * 1_000) / 1_000,
          },
    concurrency: { inFlight, max: concurrencyMax, configured: isConcurrencyConfigured },
    share: rampPermille === undefined ? 1 : rampPermille / 1_000,
    triedAt: triedAtMs === undefined ? null : instant(triedAtMs),
  };
}

/** What keeps requests away comes first, then what keeps some away. */
function stateOf(
  { entry, concurrencyMax }: Diagnosis,
  { inFlight, nowMs }: Omit<Surroundings, 'deployment'>,
): DeploymentHealthView['state'] {
  const { breaker, coolingUntilMs, rampPermille, latency, errorPpm } = entry;
  if (breaker === 'misconfigured' || breaker === 'open') return breaker;
  if (coolingUntilMs !== undefined && coolingUntilMs > nowMs) return 'cooling';
  if (breaker === 'half-open') return 'probing';
  if (inFlight >= concurrencyMax) return 'saturated';
  if (rampPermille !== undefined) return 'recovering';
  return latency === undefined && errorPpm === undefined ? 'idle' : 'well';
}

/** The widest explanation that holds: a broken deployment of a broken account is the account's. */
function scopeOf({ entry, downScope }: Diagnosis): DeploymentHealthView['breaker']['scope'] {
  if (entry.breaker === 'misconfigured' || downScope === undefined) return 'deployment';
  return describeScope(downScope).kind;
}

function instant(atMs: number): string {
  return new Date(atMs).toISOString();
}
