import { randomBytes } from 'node:crypto';
import { chainMs, chainStart, EpochChain } from '../routing/epochs.ts';
import type { Store } from '../store/connect.ts';

/** Tomorrow's chain is committed so long before tomorrow. */
const aheadMs = 3_600_000;
const lookIntervalMs = 60_000;

interface Chain {
  readonly startsAtMs: number;
  readonly secret: string;
  readonly anchor: string;
  committed: boolean;
}

export interface EpochDeskOptions {
  readonly replica: string;
  readonly nowMs: () => number;
  readonly tell: (chain: { readonly startsAtMs: number; readonly secret: string }) => void;
  readonly store: () => Store | undefined;
  readonly warn: (message: string) => void;
}

/** Makes each day's chain of seeds and commits its anchor before the day begins; the chain of the day in which the replica
 *  started is committed at once, from the start on. Without the database the anchor is committed when it is back, and its
 *  row says when that was. */
export class EpochDesk {
  readonly #options: EpochDeskOptions;
  readonly #chains: Chain[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(options: EpochDeskOptions) {
    this.#options = options;
  }

  start(): void {
    this.look();
    this.#timer ??= setInterval(() => this.look(), lookIntervalMs).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Chains that are in use, for a worker that starts. */
  get chains(): readonly { readonly startsAtMs: number; readonly secret: string }[] {
    return this.#chains.map(({ startsAtMs, secret }) => ({ startsAtMs, secret }));
  }

  look(): void {
    const nowMs = this.#options.nowMs();
    this.#ensure(chainStart(nowMs));
    this.#ensure(chainStart(nowMs + aheadMs));
    while (this.#chains.length > 0 && this.#chains[0]!.startsAtMs + chainMs <= nowMs) this.#chains.shift();
    void this.#commit();
  }

  #ensure(startsAtMs: number): void {
    if (this.#chains.some(chain => chain.startsAtMs === startsAtMs)) return;
    const secret = randomBytes(32).toString('hex');
    const { anchor } = new EpochChain(startsAtMs, secret);
    this.#chains.push({ startsAtMs, secret, anchor, committed: false });
    this.#options.tell({ startsAtMs, secret });
  }

  async #commit(): Promise<void> {
    const store = this.#options.store();
    if (store === undefined) return;
    for (const chain of this.#chains.filter(({ committed }) => !committed)) {
      try {
        await store.pool.query(
          `insert into epoch_chain (anchor, replica, starts_at) values ($1, $2, to_timestamp($3::double precision / 1000))
           on conflict (anchor) do nothing`,
          [chain.anchor, this.#options.replica, chain.startsAtMs],
        );
        chain.committed = true;
      } catch (error) {
        this.#options.warn((error as Error).message);
        return;
      }
    }
  }
}
