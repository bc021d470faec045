import type { DeploymentPermits } from '../gateway/ports.ts';
import type { ToSupervisor } from './messages.ts';

/** Longest wait of an attempt for a permit; then the deployment is saturated and the next candidate is tried. */
export const permitWaitMs = 50;
/** Unused permits that a worker keeps for its next attempts; more go back at once. */
const idlePermitsMax = 2;
/** After a recall, permits go back as they come free for so long: somebody else waits for them. */
const recallLastsMs = 100;
/** Attempts that may wait for one deployment at once; beyond it the deployment is saturated. */
const waitersMax = 10_000;

export interface PermitOptions {
  /** The limit in the current snapshot; undefined is unbounded. */
  readonly limit: (handle: string) => number | undefined;
  readonly send: (message: ToSupervisor) => void;
  readonly monotonicMs: () => number;
  readonly after: (ms: number, run: () => void) => () => void;
}

interface Desk {
  granted: number;
  inUse: number;
  readonly waiters: Set<Waiter>;
  /** Id of the request that is not answered yet; one a deployment at a time. */
  outstanding: number | undefined;
  recalledUntilMs: number;
}

interface Waiter {
  readonly resolve: (permitted: boolean) => void;
  /** The request made for it, once there is one. */
  request: number | undefined;
  cancelTimer: () => void;
}

/** Worker side of concurrency limits. Permits are counted out by the supervisor (permit-desk.ts); this keeps a few
 *  for the next attempt, hands a released one to whoever waits, and returns the rest. */
export class WorkerPermits implements DeploymentPermits {
  readonly #options: PermitOptions;
  readonly #desks = new Map<string, Desk>();
  readonly #outstanding = new Map<number, string>();
  /** Attempts that run without a permit, because their deployment was unbounded when they began. */
  readonly #unbounded = new Map<string, number>();
  #requests = 0;

  constructor(options: PermitOptions) {
    this.#options = options;
  }

  acquire(handle: string): boolean | Promise<boolean> {
    if (this.#options.limit(handle) === undefined) {
      this.#unbounded.set(handle, (this.#unbounded.get(handle) ?? 0) + 1);
      return true;
    }
    const desk = this.#desk(handle);
    if (desk.inUse < desk.granted) {
      desk.inUse += 1;
      return true;
    }
    if (desk.waiters.size >= waitersMax) return false;
    return new Promise(resolve => {
      const waiter: Waiter = { resolve, request: undefined, cancelTimer: () => {} };
      waiter.cancelTimer = this.#options.after(permitWaitMs, () => {
        desk.waiters.delete(waiter);
        resolve(false);
      });
      desk.waiters.add(waiter);
      this.#ask(handle, desk);
    });
  }

  release(handle: string): void {
    const unbounded = this.#unbounded.get(handle) ?? 0;
    // Which attempt ends first does not matter to a count, but a permit that exists is never kept for nothing.
    if (unbounded > 0) {
      if (unbounded === 1) this.#unbounded.delete(handle);
      else this.#unbounded.set(handle, unbounded - 1);
      return;
    }
    const desk = this.#desks.get(handle);
    if (desk === undefined || desk.inUse === 0) throw new Error('a permit is released once');
    desk.inUse -= 1;
    // Others in the replica were promised the next permit; those who wait here have their own request in the queue.
    if (this.#options.monotonicMs() >= desk.recalledUntilMs) this.#serve(desk);
    this.#trim(handle, desk);
  }

  /** The supervisor answered a permit-request, in time or late, with as many as it could. */
  granted(request: number, count: number): void {
    const handle = this.#outstanding.get(request);
    if (handle === undefined) return;
    this.#outstanding.delete(request);
    const desk = this.#desk(handle);
    desk.outstanding = undefined;
    desk.granted += count;
    this.#serve(desk);
    this.#trim(handle, desk);
    // Nothing came free within the desk's own wait: asking again would not be answered in time either.
    if (count === 0) refuse(desk, request);
    if (desk.waiters.size > 0) this.#ask(handle, desk);
  }

  /** Another worker waits: unused permits go back now, the next ones as they come free. */
  recall(handle: string): void {
    const desk = this.#desks.get(handle);
    if (desk === undefined) return;
    desk.recalledUntilMs = this.#options.monotonicMs() + recallLastsMs;
    this.#trim(handle, desk);
  }

  /** Permits in use, of bounded deployments. */
  get inUse(): number {
    let total = 0;
    for (const desk of this.#desks.values()) total += desk.inUse;
    return total;
  }

  #desk(handle: string): Desk {
    let desk = this.#desks.get(handle);
    if (desk === undefined) {
      desk = {
        granted: 0,
        inUse: 0,
        waiters: new Set(),
        outstanding: undefined,
        recalledUntilMs: Number.NEGATIVE_INFINITY,
      };
      this.#desks.set(handle, desk);
    }
    return desk;
  }

  #ask(handle: string, desk: Desk): void {
    if (desk.outstanding !== undefined) return;
    this.#requests += 1;
    desk.outstanding = this.#requests;
    for (const waiter of desk.waiters) waiter.request = this.#requests;
    this.#outstanding.set(this.#requests, handle);
    this.#options.send({ type: 'permit-request', request: this.#requests, handle, want: desk.waiters.size });
  }

  #serve(desk: Desk): void {
    for (const waiter of desk.waiters) {
      if (desk.inUse >= desk.granted) return;
      desk.inUse += 1;
      desk.waiters.delete(waiter);
      waiter.cancelTimer();
      waiter.resolve(true);
    }
  }

  #trim(handle: string, desk: Desk): void {
    const recalled = this.#options.monotonicMs() < desk.recalledUntilMs;
    const keep = recalled || this.#options.limit(handle) === undefined ? 0 : idlePermitsMax;
    const surplus = desk.granted - desk.inUse - keep;
    if (surplus <= 0) return;
    desk.granted -= surplus;
    this.#options.send({ type: 'return-permits', handle, count: surplus });
  }
}

function refuse(desk: Desk, request: number): void {
  for (const waiter of desk.waiters) {
    if (waiter.request !== request) continue;
    desk.waiters.delete(waiter);
    waiter.cancelTimer();
    waiter.resolve(false);
  }
}
