import type { DeploymentHealthView } from '../../src/admin/dependencies.ts';

const well: DeploymentHealthView = {
  id: 'gpt-5-us',
  provider: 'openai',
  model: 'openai/gpt-5',
  state: 'well',
  breaker: { state: 'closed', scope: null, name: null, until: null },
  coolingUntil: null,
  errorRate: 0.004,
  latency: { firstTokenMs: 210, perInputTokenMs: 0.05, perOutputTokenMs: 12.1, uncertainty: 0.08 },
  concurrency: { inFlight: 3, max: 200, configured: false },
  share: 1,
  triedAt: '2026-09-21T14:13:20.000Z',
};

/** One of each kind that people should tell apart; sorted by id. */
export const testHealth: readonly DeploymentHealthView[] = [
  well,
  {
    ...well,
    id: 'haiku-eu',
    provider: 'anthropic',
    model: 'anthropic/claude-haiku-4-5',
    state: 'open',
    breaker: { state: 'open', scope: 'account', name: 'anthropic', until: null },
    errorRate: null,
    latency: null,
    concurrency: { inFlight: 0, max: 200, configured: false },
    triedAt: null,
  },
  { ...well, id: 'idle-one', state: 'idle', errorRate: null, latency: null, triedAt: null },
  {
    ...well,
    id: 'mini-us',
    state: 'cooling',
    coolingUntil: '2026-09-21T14:13:32.000Z',
    concurrency: { inFlight: 64, max: 64, configured: true },
  },
  {
    ...well,
    id: 'sonnet-eu',
    provider: 'anthropic',
    model: 'anthropic/claude-sonnet-5',
    state: 'open',
    breaker: { state: 'open', scope: 'deployment', name: null, until: '2026-09-21T14:13:35.000Z' },
    errorRate: 0.82,
    share: 1,
  },
];
