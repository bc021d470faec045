import { SlidingCount } from './sliding-count.ts';

/** How many attempts beyond the first the requests of a route may cause. */
export interface RetryBudgetSettings {
  /** Further attempts for each hundred requests of the last ten seconds. */
  readonly percent: number;
  /** Further attempts a second that are allowed however few requests there are, so that a quiet route can fail over. */
  readonly perSecond: number;
}

export const retryBudgetDefaults: RetryBudgetSettings = { percent: 20, perSecond: 10 };
export const retryWindowMs = 10_000;

/** Requests and further attempts of the last ten seconds. What was not used is not saved up. Each of `sharers` processes
 *  counts its own requests, so their shares of `percent` add up by themselves; of `perSecond` each has its part. */
export class RetryBudget {
  readonly #requests = new SlidingCount(retryWindowMs);
  readonly #further = new SlidingCount(retryWindowMs);

  requested(atMs: number): void {
    this.#requests.add(atMs, 1);
  }

  /** May one more attempt be made that could as well be left undone? */
  hasRoom(atMs: number, { percent, perSecond }: RetryBudgetSettings, sharers = 1): boolean {
    const least = (perSecond * retryWindowMs) / 1_000 / sharers;
    const allowed = least + (this.#requests.total(atMs) * percent) / 100;
    return this.#further.total(atMs) + 1 <= allowed;
  }

  /** One more attempt was made. */
  charge(atMs: number): void {
    this.#further.add(atMs, 1);
  }
}

/** Of a deployment's attempts at once, so many percent may be there because another deployment failed. */
export const inflowPercentDefault = 30;

/** Attempts at once that the failure of others may bring to a deployment that takes `concurrencyMax`, in one of `sharers`
 *  processes: never less than one. Where nothing bounds the deployment, nothing bounds the inflow. */
export function inflowMax(concurrencyMax: number | undefined, percent: number, sharers = 1): number {
  if (concurrencyMax === undefined) return Number.POSITIVE_INFINITY;
  return Math.max(1, Math.floor((concurrencyMax * percent) / 100 / sharers));
}

/** Hedges that a route may make: never more than `percent` of its requests, nor more than `percent` of their weighted
 *  tokens, counted from its first request on. What was not used is kept up to a bound, so that a quiet route hedges, too. */
export class HedgeBudget {
  #requests = 0;
  #weight = 0;
  #weightMean = 0;

  /** A request of so many weighted tokens came. */
  requested(weight: number, percent: number): void {
    this.#weightMean += (weight - this.#weightMean) / meanOver;
    this.#requests = Math.min(this.#requests + percent / 100, savedMax);
    this.#weight = Math.min(this.#weight + (weight * percent) / 100, savedMax * Math.max(weight, this.#weightMean));
  }

  /** May a request of this weight be sent twice now? Counts it when it may. */
  take(weight: number): boolean {
    if (this.#requests < 1 || this.#weight < weight) return false;
    this.#requests -= 1;
    this.#weight -= weight;
    return true;
  }
}

/** Hedges that may be saved up. */
const savedMax = 10;
const meanOver = 100;
