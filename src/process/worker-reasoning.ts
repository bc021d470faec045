import type { StateSeal } from '../dialects/opaque-state.ts';
import type { ReasoningStates } from '../gateway/ports.ts';
import type { MetricJson } from '../telemetry/tally.ts';
import type { ToSupervisor } from './messages.ts';
import { shelfEntryBytesMax } from './reasoning-shelf.ts';

/** Longest wait of a request for what the supervisor keeps; then it is not known. */
export const recallWaitMs = 50;
/** Questions that may wait at once; beyond it nothing is known. */
const recallsMax = 10_000;

export interface WorkerReasoningOptions {
  readonly seal: StateSeal;
  readonly send: (message: ToSupervisor) => void;
  readonly after: (ms: number, run: () => void) => () => void;
}

type Found = readonly (readonly [callId: string, envelopes: readonly string[]])[];

/** Worker side of the reasoning shelf, which the supervisor keeps so that it outlives this process. */
export class WorkerReasoning implements ReasoningStates {
  readonly seal: StateSeal;
  readonly #options: WorkerReasoningOptions;
  readonly #waiting = new Map<number, (found: Found | undefined) => void>();
  #requests = 0;
  readonly #counts = { hit: 0, miss: 0, late: 0 };

  constructor(options: WorkerReasoningOptions) {
    this.seal = options.seal;
    this.#options = options;
  }

  remember(organisation: string, callIds: readonly string[], envelopes: readonly string[]): void {
    let letters = 0;
    for (const envelope of envelopes) letters += envelope.length;
    // It would be thrown away at the other end.
    if (letters > shelfEntryBytesMax) return;
    this.#options.send({ type: 'reasoning-remember', organisation, callIds, envelopes });
  }

  async recall(organisation: string, callIds: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>> {
    if (this.#waiting.size >= recallsMax) return new Map();
    this.#requests += 1;
    const request = this.#requests;
    const found = await new Promise<Found | undefined>(resolve => {
      const cancelTimer = this.#options.after(recallWaitMs, () => answer(undefined));
      const answer = (known: Found | undefined) => {
        cancelTimer();
        this.#waiting.delete(request);
        resolve(known);
      };
      this.#waiting.set(request, answer);
      this.#options.send({ type: 'reasoning-recall', request, organisation, callIds });
    });
    if (found === undefined) this.#counts.late += callIds.length;
    else {
      this.#counts.hit += found.length;
      this.#counts.miss += callIds.length - found.length;
    }
    return new Map(found);
  }

  /** The supervisor answered, in time or late. */
  recalled(request: number, found: Found): void {
    this.#waiting.get(request)?.(found);
  }

  json(): MetricJson {
    return {
      name: 'carrier_reasoning_recalls_total',
      help: 'Turns whose reasoning a client did not send back, by whether it was still known.',
      type: 'counter',
      aggregator: 'sum',
      values: Object.entries(this.#counts).map(([outcome, value]) => ({ value, labels: { outcome } })),
    };
  }
}
