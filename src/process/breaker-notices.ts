import type { DeploymentHealthView } from '../admin/dependencies.ts';
import { type Notice, noticeId } from '../store/notice.ts';

/** One deployment is told of once in so long: a breaker that opens again after every probe is no news. */
const windowMs = 600_000;

/** Sees which breakers have opened since the last look. */
export class BreakerNotices {
  readonly #replica: string;
  #open: ReadonlySet<string> = new Set();

  constructor(replica: string) {
    this.#replica = replica;
  }

  look(deployments: readonly DeploymentHealthView[], nowMs: number): readonly Notice[] {
    const before = this.#open;
    const open = deployments.filter(({ breaker }) => breaker.state === 'open' || breaker.state === 'misconfigured');
    this.#open = new Set(open.map(({ id }) => id));
    const window = new Date(nowMs - (nowMs % windowMs)).toISOString();
    return open
      .filter(({ id }) => !before.has(id))
      .map(({ id, provider, model, breaker, errorRate }) => ({
        id: noticeId('breaker.opened', this.#replica, id, window),
        kind: 'breaker.opened',
        organisation: null,
        body: { replica: this.#replica, deployment: id, provider, model, errorRate, ...breaker },
      }));
  }
}
