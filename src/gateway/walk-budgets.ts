import { HedgeBudget, RetryBudget } from '../routing/health/budgets.ts';
import { FirstByteTimes } from '../routing/health/first-bytes.ts';

/** Routes × organisations, or deployments × sizes, that are remembered; past it all are forgotten together. What they
 *  count lies seconds back at most, so little is lost. */
const rememberedMax = 10_000;

/** What this process counts for the attempts after the first: by route and organisation, by route, and by deployment. */
export class WalkBudgets {
  readonly #retries = new Map<string, Map<string, RetryBudget>>();
  readonly #hedges = new Map<string, HedgeBudget>();
  readonly #firstBytes = new Map<string, FirstByteTimes>();
  #retryCount = 0;

  retries(route: string, organisation: string): RetryBudget {
    const known = this.#retries.get(route)?.get(organisation);
    if (known !== undefined) return known;
    if (this.#retryCount >= rememberedMax) {
      this.#retries.clear();
      this.#retryCount = 0;
    }
    this.#retryCount += 1;
    const budget = new RetryBudget();
    const ofRoute = this.#retries.get(route);
    if (ofRoute === undefined) this.#retries.set(route, new Map([[organisation, budget]]));
    else ofRoute.set(organisation, budget);
    return budget;
  }

  hedges(route: string): HedgeBudget {
    return remembered(this.#hedges, route, () => new HedgeBudget());
  }

  /** Answers in one piece begin when they are over, and long prompts take longer: each kind and size has times of its own. */
  firstBytes(handle: string, kind: { readonly stream: boolean; readonly inputTokens: number }): FirstByteTimes {
    const size = Math.ceil(Math.log2(Math.max(1, kind.inputTokens)) / 2);
    return remembered(
      this.#firstBytes,
      `${handle} ${kind.stream ? 'stream' : 'whole'} ${size}`,
      () => new FirstByteTimes(),
    );
  }
}

function remembered<Value>(known: Map<string, Value>, key: string, make: () => Value): Value {
  const value = known.get(key);
  if (value !== undefined) return value;
  if (known.size >= rememberedMax) known.clear();
  const made = make();
  known.set(key, made);
  return made;
}
