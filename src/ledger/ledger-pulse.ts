import type { BrokerLeases } from './broker-port.ts';

/** A question that is open for so long says that the ledger is away. */
export const silentMs = 1_000;

export interface PulseOptions {
  /** Calls back once; returns how to cancel it. */
  readonly after: (ms: number, run: () => void) => () => void;
  /** It began to answer, or ceased to. */
  readonly changed: (answers: boolean) => void;
}

/** Is the ledger known to answer? Its last answer says so, until a question fails or stays open for too long. Somebody asks
 *  every few seconds, since leases are renewed, so what is known is recent. */
export class LedgerPulse {
  readonly #options: PulseOptions;
  #answers = false;
  #cancelExpectation: () => void = () => {};

  constructor(options: PulseOptions) {
    this.#options = options;
  }

  get answers(): boolean {
    return this.#answers;
  }

  /** Nobody has asked it yet, and nothing speaks against it: taken for answering, for a moment. */
  expect(): void {
    this.#set(true);
    this.#cancelExpectation = this.#options.after(silentMs, () => this.#set(false));
  }

  /** It is known to be away by somebody else. */
  failed(): void {
    this.#set(false);
  }

  /** The same leases, of which every answer and every silence is noticed. */
  watch(leases: BrokerLeases): BrokerLeases {
    const { standing } = leases;
    return {
      acquire: request => this.#notice(leases.acquire(request)),
      release: (lease, amountAtto) => this.#notice(leases.release(lease, amountAtto)),
      renew: holder => this.#notice(leases.renew(holder)),
      close: lease => this.#notice(leases.close(lease)),
      askOthers: (budget, window, holder) => this.#notice(leases.askOthers(budget, window, holder)),
      ...(standing === undefined
        ? undefined
        : { standing: (budget, window) => this.#notice(standing.call(leases, budget, window)) }),
    };
  }

  async #notice<Answer>(answer: Promise<Answer>): Promise<Answer> {
    const cancel = this.#options.after(silentMs, () => this.#set(false));
    try {
      const said = await answer;
      this.#set(true);
      return said;
    } catch (error) {
      this.#set(false);
      throw error;
    } finally {
      cancel();
    }
  }

  #set(answers: boolean): void {
    this.#cancelExpectation();
    if (answers === this.#answers) return;
    this.#answers = answers;
    this.#options.changed(answers);
  }
}
