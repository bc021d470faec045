import { randomBytes } from 'node:crypto';
import type { Draw } from '../routing/decision.ts';
import { chainStart, EpochChain } from '../routing/epochs.ts';

/** Today's chain and tomorrow's. */
const chainsMax = 2;

/** The worker's copy of the day's seeds. Should the supervisor's not be there, it goes on with seeds of its own: they
 *  follow from no anchor, and whoever checks a record sees that. */
export class WorkerEpochs {
  readonly #chains: EpochChain[] = [];
  #own: EpochChain | undefined;

  received({ startsAtMs, secret }: { readonly startsAtMs: number; readonly secret: string }): void {
    this.#chains.unshift(new EpochChain(startsAtMs, secret));
    this.#chains.length = Math.min(this.#chains.length, chainsMax);
  }

  drawAt(atMs: number): Draw {
    for (const chain of this.#chains) {
      const draw = chain.drawAt(atMs);
      if (draw !== undefined) return draw;
    }
    const own = this.#own?.drawAt(atMs);
    if (own !== undefined) return own;
    this.#own = new EpochChain(chainStart(atMs), randomBytes(32).toString('hex'));
    // A chain that begins with the day of an instant has a seed for it.
    return this.#own.drawAt(atMs)!;
  }
}
