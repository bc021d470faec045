import type { Dialect } from '../dialects/dialect.ts';
import type { AttemptRecord } from '../journal/record.ts';
import { estimateRule, familyOf } from '../metering/estimates.ts';
import { orphanRates } from '../pricing/maximum-charge.ts';
import { cardAt, type RateTimeline } from '../pricing/timeline.ts';
import { type Deployment, sellPrices } from '../snapshot/load.ts';
import type { Exchange } from './exchange.ts';

export function attemptRecord(
  exchange: Exchange,
  attempt: {
    readonly number: number;
    readonly deployment: Deployment;
    readonly dialect: Dialect;
    readonly inputTokensEstimate: number;
    readonly atMs: number;
    /** The number of the attempt that it hedges. */
    readonly beside: number | undefined;
  },
): AttemptRecord {
  const { number, deployment, dialect, inputTokensEstimate, atMs, beside } = attempt;
  const estimate = { inputTokensEstimate, requestedTier: exchange.scan.serviceTier };
  const ratesOf = (prices: RateTimeline | undefined) => {
    const card = prices === undefined ? undefined : cardAt(prices, atMs);
    if (card === undefined) throw new Error(`deployment ${deployment.id} is to be called while no price holds`);
    return orphanRates(card, estimate);
  };
  const earlier = exchange.untold.splice(0);
  const previous = earlier.pop();
  return {
    type: 'attempt',
    id: exchange.arrival.id,
    attempt: number,
    atMs,
    deployment: deployment.id,
    provider: deployment.provider.name,
    model: deployment.model,
    targetModel: deployment.targetModel,
    dialect: dialect.name,
    inputTokensEstimate,
    estimateRule: estimateRule(familyOf(deployment.model)),
    sell: ratesOf(sellPrices(deployment, exchange.principal)),
    buy: ratesOf(deployment.buy),
    ...(previous === undefined ? undefined : { previous }),
    ...(earlier.length === 0 ? undefined : { earlier }),
    ...(beside === undefined ? undefined : { beside }),
  };
}
