import { Fault } from '../completion/fault.ts';
import type { ResolvedRoute } from '../snapshot/load.ts';
import type { Admission } from './admit.ts';
import type { Exchange } from './exchange.ts';
import type { GatewayState } from './gateway.ts';
import { downgradeOf, type Passed, passLimits } from './pass-limits.ts';
import type { LimitPass } from './ports.ts';

/** A request that its limits and budgets let in. */
export interface Entered {
  readonly exchange: Exchange;
  /** To be settled once, however it ends. undefined: nothing limits it. */
  readonly pass: LimitPass | undefined;
  readonly admission: Admission;
}

export interface EnterSteps {
  /** resolve → filter → decide on another route. */
  readonly choose: (route: ResolvedRoute) => Exchange | Promise<Exchange>;
  readonly admit: (exchange: Exchange) => Promise<Admission>;
}

/** Limits, then budgets. Where a budget is exhausted that names another route for that, the same on the other route: it is
 *  held to its own limits, and to all budgets that count there, the exhausted one among them (I4). Each budget leads away
 *  once. Throws what refuses on the route that was asked for. */
export async function enter(
  gateway: GatewayState,
  asked: ResolvedRoute,
  { choose, admit }: EnterSteps,
): Promise<Entered> {
  const choosing = choose(asked);
  const first = choosing instanceof Promise ? await choosing : choosing;
  let exchange = first;
  let refusal: Fault | undefined;
  const left = new Set<string>();
  for (;;) {
    const passing = passed(gateway, exchange, { choose, refusal });
    const { exchange: entering, pass } = passing instanceof Promise ? await passing : passing;
    try {
      return { exchange: entering, pass, admission: await admit(entering) };
    } catch (error) {
      pass?.settle(undefined, gateway.ports.clock.nowMs());
      refusal ??= error instanceof Fault ? error : undefined;
      const cheaper = cheaperRoute(error, first, left);
      if (cheaper === undefined) throw refusal ?? error;
      exchange = await downgraded(cheaper, choose).catch(() => {
        throw refusal;
      });
    }
  }
}

/** At once where nothing limits it. */
function passed(
  gateway: GatewayState,
  exchange: Exchange,
  { choose, refusal }: Pick<EnterSteps, 'choose'> & { readonly refusal: Fault | undefined },
): Passed | Promise<Passed> {
  const passing = passLimits(gateway, exchange, async cheaper => choose(cheaper));
  if (!(passing instanceof Promise) || refusal === undefined) return passing;
  return passing.catch(() => {
    throw refusal;
  });
}

async function downgraded(route: ResolvedRoute, choose: EnterSteps['choose']): Promise<Exchange> {
  return { ...(await choose(route)), downgradedTo: route.name };
}

function cheaperRoute(error: unknown, first: Exchange, left: Set<string>): ResolvedRoute | undefined {
  if (!(error instanceof Fault) || error.code !== 'budget_exhausted' || error.budget === undefined) return undefined;
  const budget = first.snapshot.findBudget(error.budget)?.entry;
  if (budget === undefined || left.has(budget.id)) return undefined;
  left.add(budget.id);
  return downgradeOf(budget, first);
}
