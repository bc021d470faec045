import type { ToWorker } from './messages.ts';

/** How long a request for a permit may wait at the desk; less than the worker's own wait, so that an answer arrives. */
export const deskWaitMs = 40;

export interface PermitDeskOptions {
  /** The limit in the current snapshot; undefined is unbounded, or an unknown deployment. */
  readonly limit: (handle: string) => number | undefined;
  readonly send: (worker: number, message: ToWorker) => void;
  readonly after: (ms: number, run: () => void) => () => void;
}

interface Counter {
  readonly grants: Map<number, number>;
  /** Σ of grants; at most the limit, except after the limit was lowered, until the surplus comes back. */
  granted: number;
  readonly queue: Set<Waiting>;
}

interface Waiting {
  readonly worker: number;
  readonly request: number;
  readonly want: number;
  cancelTimer: () => void;
}

/** Supervisor side of concurrency limits: counts permits out to workers so that, over the whole replica, no more
 *  attempts run at a deployment than its limit, at any moment and whatever order messages arrive in. */
export class PermitDesk {
  readonly #options: PermitDeskOptions;
  readonly #counters = new Map<string, Counter>();

  constructor(options: PermitDeskOptions) {
    this.#options = options;
  }

  request(worker: number, request: { readonly request: number; readonly handle: string; readonly want: number }): void {
    const counter = this.#counter(request.handle);
    const waiting: Waiting = { worker, request: request.request, want: request.want, cancelTimer: () => {} };
    counter.queue.add(waiting);
    this.#serve(request.handle, counter);
    if (!counter.queue.has(waiting)) return;
    waiting.cancelTimer = this.#options.after(deskWaitMs, () => this.#answer(request.handle, counter, waiting, 0));
    for (const [holder, count] of counter.grants) {
      if (holder !== worker && count > 0) this.#recall(holder, request.handle);
    }
  }

  returned(worker: number, handle: string, count: number): void {
    const counter = this.#counter(handle);
    const held = counter.grants.get(worker) ?? 0;
    if (count > held) throw new Error('a worker returned more permits than it holds');
    counter.grants.set(worker, held - count);
    counter.granted -= count;
    this.#serve(handle, counter);
  }

  /** The worker is dead: its sockets are closed, so its attempts are over. */
  forget(worker: number): void {
    for (const [handle, counter] of this.#counters) {
      counter.granted -= counter.grants.get(worker) ?? 0;
      counter.grants.delete(worker);
      for (const waiting of counter.queue) {
        if (waiting.worker !== worker) continue;
        waiting.cancelTimer();
        counter.queue.delete(waiting);
      }
      this.#serve(handle, counter);
    }
  }

  /** A new snapshot: raised limits serve who waits, lowered ones take back what is idle. */
  limitsChanged(): void {
    for (const [handle, counter] of this.#counters) {
      this.#serve(handle, counter);
      const limit = this.#options.limit(handle);
      if (limit === undefined || counter.granted <= limit) continue;
      for (const [holder, count] of counter.grants) if (count > 0) this.#recall(holder, handle);
    }
  }

  grantedTotal(handle: string): number {
    return this.#counters.get(handle)?.granted ?? 0;
  }

  #counter(handle: string): Counter {
    let counter = this.#counters.get(handle);
    if (counter === undefined) {
      counter = { grants: new Map(), granted: 0, queue: new Set() };
      this.#counters.set(handle, counter);
    }
    return counter;
  }

  #serve(handle: string, counter: Counter): void {
    const limit = this.#options.limit(handle) ?? Number.POSITIVE_INFINITY;
    for (const waiting of counter.queue) {
      const free = limit - counter.granted;
      if (free <= 0) return;
      this.#answer(handle, counter, waiting, Math.min(waiting.want, free));
    }
  }

  #answer(handle: string, counter: Counter, waiting: Waiting, count: number): void {
    counter.queue.delete(waiting);
    waiting.cancelTimer();
    counter.granted += count;
    if (count > 0) counter.grants.set(waiting.worker, (counter.grants.get(waiting.worker) ?? 0) + count);
    this.#options.send(waiting.worker, { type: 'permits', request: waiting.request, handle, granted: count });
  }

  #recall(worker: number, handle: string): void {
    this.#options.send(worker, { type: 'recall-permits', handle });
  }
}
