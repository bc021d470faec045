/** A worker waits 50 ms for its answer, and a second while the ledger is known to answer; ours leaves time for the way
 *  back. */
const answerMs = { away: 45, answering: 950 } as const;

export interface PatienceOptions {
  readonly after: (ms: number, run: () => void) => () => void;
  readonly nowMs: () => number;
  readonly ledgerAnswers: () => boolean;
}

interface Waiting {
  readonly sinceMs: number;
  readonly run: () => void;
  cancel: () => void;
}

/** Timers of those who wait for an allowance: a ledger that is away is not waited for, a slow one is. What is known of it may
 *  change meanwhile, and the timers with it. */
export class Patience {
  readonly #options: PatienceOptions;
  readonly #waiting = new Set<Waiting>();

  constructor(options: PatienceOptions) {
    this.#options = options;
  }

  /** Calls back once when it is over; returns how to cancel it. */
  start(run: () => void): () => void {
    const waiting: Waiting = { sinceMs: this.#options.nowMs(), run, cancel: () => {} };
    this.#waiting.add(waiting);
    this.#arm(waiting);
    return () => {
      this.#waiting.delete(waiting);
      waiting.cancel();
    };
  }

  /** The ledger began to answer, or ceased to. */
  changed(): void {
    for (const waiting of [...this.#waiting]) this.#arm(waiting);
  }

  #arm(waiting: Waiting): void {
    const { after, nowMs, ledgerAnswers } = this.#options;
    waiting.cancel();
    const wholeMs = ledgerAnswers() ? answerMs.answering : answerMs.away;
    const leftMs = Math.max(0, wholeMs - (nowMs() - waiting.sinceMs));
    waiting.cancel = after(leftMs, () => {
      this.#waiting.delete(waiting);
      waiting.run();
    });
  }
}
