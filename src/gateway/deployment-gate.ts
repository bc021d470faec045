import { inflowMax, inflowPercentDefault } from '../routing/health/budgets.ts';
import { SlidingCount } from '../routing/health/sliding-count.ts';
import { type Waiting, WaitingLine } from '../routing/queue/waiting-line.ts';
import type { Deployment } from '../snapshot/load.ts';
import type { AttemptOutcome } from './attempt-outcome.ts';
import type { DeploymentHealth, DeploymentPermits, QueueOutcome } from './ports.ts';

export interface GateOptions {
  readonly permits: DeploymentPermits;
  readonly health: DeploymentHealth;
  readonly monotonicMs: () => number;
  readonly after: (ms: number, run: () => void) => () => void;
  /** Processes that share the deployments of this replica. */
  readonly sharers: number;
}

/** A place at a deployment, until `leave`. */
export interface Place {
  readonly deployment: Deployment;
  readonly isInflow: boolean;
}

/** What an exchange waits with, when nobody who may answer it has room. */
export interface WaitQuestion {
  readonly deployments: readonly Deployment[];
  readonly class: Waiting['class'];
  readonly organisation: string;
  readonly weight: number;
  readonly isInflow: boolean;
  readonly waitMsMax: number;
}

export interface Wait {
  /** The place, or why there is none. */
  readonly result: Promise<Place | Exclude<QueueOutcome, 'granted'>>;
  /** The client left: it waits no longer. */
  readonly abandon: () => void;
}

interface WaitingExchange extends Waiting {
  readonly deployments: readonly Deployment[];
  readonly settle: (result: Place | Exclude<QueueOutcome, 'granted'>) => void;
}

/** Room elsewhere in the replica is not told to who waits here, so it is asked for again after so long. */
const askAgainMs = 50;
/** Permits asked for at once for those who wait for one deployment. */
const asksMax = 64;
const paceWindowMs = 10_000;
const retryAfterMsMin = 1_000;
const retryAfterMsMax = 60_000;

/** Who may go to a deployment now. A place is a permit (the operator's limit) within what the deployment is found to take
 *  (its adaptive limit) and not beside a running probe; of it only a part is for requests that another deployment failed.
 *  Who finds no room anywhere waits in line, and who comes later does not overtake. One process's; in others, lines of
 *  their own are served as permits are counted out between them. */
export class DeploymentGate {
  readonly #options: GateOptions;
  readonly #line = new WaitingLine<WaitingExchange>();
  /** Attempts at once that the failure of others brought. */
  readonly #inflow = new Map<string, number>();
  /** Permits asked for on behalf of those who wait. */
  readonly #asks = new Map<string, number>();
  /** Places given to those who waited, by deployment. */
  readonly #pace = new Map<string, SlidingCount>();
  /** As those who wait know them: with the operator's own share of inflow. */
  readonly #awaited = new Map<string, Deployment>();
  #isAskingAgain = false;

  constructor(options: GateOptions) {
    this.#options = options;
  }

  /** Exchanges that wait. */
  get waiting(): number {
    return this.#line.size;
  }

  /** May one more request come here because another deployment failed it? */
  mayFlowIn(deployment: Deployment): boolean {
    return (this.#inflow.get(deployment.handle) ?? 0) < this.#inflowMax(deployment);
  }

  /** Takes a place if there is one: at once, or after at most as long as a permit is waited for. */
  enter(deployment: Deployment, isInflow: boolean): Place | undefined | Promise<Place | undefined> {
    const { handle } = deployment;
    if (this.#line.size > 0 && this.#line.waitingFor(handle, isInflow) > 0) return undefined;
    if (this.#isFull(handle)) return undefined;
    const permitted = this.#options.permits.acquire(handle);
    if (permitted instanceof Promise) {
      return permitted.then(isPermitted => (isPermitted ? this.#begin(deployment, isInflow) : undefined));
    }
    return permitted ? this.#begin(deployment, isInflow) : undefined;
  }

  /** Waits for a place at any of the deployments. Ends by itself within `waitMsMax`. */
  wait(question: WaitQuestion): Wait {
    const { promise: result, resolve } = Promise.withResolvers<Place | Exclude<QueueOutcome, 'granted'>>();
    const leave = (why: 'late' | 'gone') => {
      this.#line.leave(entry);
      entry.settle(why);
    };
    const cancelTimer = this.#options.after(question.waitMsMax, () => leave('late'));
    const entry: WaitingExchange = {
      ...question,
      handles: question.deployments.map(({ handle }) => handle),
      sinceMs: this.#options.monotonicMs(),
      settle: outcome => {
        cancelTimer();
        resolve(outcome);
      },
    };
    if (this.#line.join(entry)) {
      for (const deployment of question.deployments) {
        this.#awaited.set(deployment.handle, deployment);
        this.#serve(deployment.handle);
      }
      this.#askAgain();
    } else entry.settle('full');
    return { result, abandon: () => leave('gone') };
  }

  /** When it may be worth asking again: as long as those in line will take at the pace of the last ten seconds. */
  retryAfterMs(question: WaitQuestion): number {
    const nowMs = this.#options.monotonicMs();
    const handles = question.deployments.map(({ handle }) => handle);
    const ahead = handles.reduce((most, handle) => Math.max(most, this.#line.waitingFor(handle, true)), 0);
    const given = handles.reduce((sum, handle) => sum + (this.#pace.get(handle)?.total(nowMs) ?? 0), 0);
    const waitMs = given === 0 ? paceWindowMs : Math.ceil(((ahead + 1) * paceWindowMs) / given);
    return Math.min(Math.max(waitMs, retryAfterMsMin), retryAfterMsMax);
  }

  /** The attempt is over; somebody else may come. */
  leave({ deployment, isInflow }: Place, outcome: AttemptOutcome): void {
    const { handle } = deployment;
    if (isInflow) this.#countInflow(handle, -1);
    this.#options.health.end(handle, outcome);
    this.#options.permits.release(handle);
    if (this.#line.size > 0) this.#serve(handle);
  }

  #inflowMax({ handle, concurrencyMax, inflowPercent }: Deployment): number {
    const { health, sharers } = this.#options;
    const limit = health.of(handle)?.concurrencyMax ?? concurrencyMax ?? undefined;
    return inflowMax(limit, inflowPercent ?? inflowPercentDefault, sharers);
  }

  #isFull(handle: string): boolean {
    const { health } = this.#options;
    const concurrencyMax = health.of(handle)?.concurrencyMax;
    return concurrencyMax !== undefined && health.inFlight(handle) >= concurrencyMax;
  }

  /** With a permit in hand. Without a place it goes back. */
  #begin(deployment: Deployment, isInflow: boolean): Place | undefined {
    const { permits, health } = this.#options;
    const { handle } = deployment;
    if (!health.begin(handle)) {
      permits.release(handle);
      return undefined;
    }
    if (isInflow) this.#countInflow(handle, 1);
    return { deployment, isInflow };
  }

  /** Gives places at one deployment to who waits for it, as long as there are any. */
  #serve(handle: string): void {
    for (;;) {
      const asked = this.#asks.get(handle) ?? 0;
      if (asked >= asksMax || this.#line.waitingFor(handle, this.#hasInflowRoom(handle)) <= asked) return;
      if (this.#isFull(handle)) return;
      const permitted = this.#options.permits.acquire(handle);
      if (permitted === false || (permitted === true && !this.#give(handle))) return;
      if (permitted !== true) {
        this.#asks.set(handle, asked + 1);
        void permitted.then(isPermitted => {
          const left = this.#asks.get(handle)! - 1;
          if (left === 0) this.#asks.delete(handle);
          else this.#asks.set(handle, left);
          if (isPermitted) this.#give(handle);
        });
      }
    }
  }

  /** With a permit in hand. False: nobody took it, and it went back. */
  #give(handle: string): boolean {
    const nowMs = this.#options.monotonicMs();
    const { permits, health } = this.#options;
    const isUsable = health.begin(handle);
    const entry = isUsable ? this.#line.next(handle, nowMs, this.#hasInflowRoom(handle)) : undefined;
    if (entry === undefined) {
      if (isUsable) health.end(handle, nothingShown);
      permits.release(handle);
      return false;
    }
    if (entry.isInflow) this.#countInflow(handle, 1);
    let pace = this.#pace.get(handle);
    if (pace === undefined) {
      pace = new SlidingCount(paceWindowMs);
      this.#pace.set(handle, pace);
    }
    pace.add(nowMs, 1);
    // It waited for this deployment among others.
    entry.settle({ deployment: entry.deployments.find(one => one.handle === handle)!, isInflow: entry.isInflow });
    return true;
  }

  #hasInflowRoom(handle: string): boolean {
    const deployment = this.#awaited.get(handle);
    return deployment === undefined || this.mayFlowIn(deployment);
  }

  #countInflow(handle: string, change: 1 | -1): void {
    const count = (this.#inflow.get(handle) ?? 0) + change;
    if (count === 0) this.#inflow.delete(handle);
    else this.#inflow.set(handle, count);
  }

  #askAgain(): void {
    if (this.#isAskingAgain) return;
    this.#isAskingAgain = true;
    this.#options.after(askAgainMs, () => {
      this.#isAskingAgain = false;
      for (const handle of [...this.#line.handles]) this.#serve(handle);
      if (this.#line.size > 0) this.#askAgain();
      else this.#rest();
    });
  }

  /** Nobody waits. The pace is kept for those who come soon, unless deployments have come and gone. */
  #rest(): void {
    this.#awaited.clear();
    if (this.#pace.size > paceHandlesMax) this.#pace.clear();
  }
}

const paceHandlesMax = 4_096;
const nothingShown: AttemptOutcome = { kind: 'none' };
