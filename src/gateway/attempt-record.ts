import type { Dialect } from '../dialects/dialect.ts';
import type { AttemptEnd, AttemptRecord, PreviousAttempt } from '../journal/record.ts';
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
  },
): AttemptRecord {
  const { number, deployment, dialect, inputTokensEstimate, atMs } = attempt;
  const estimate = { inputTokensEstimate, requestedTier: exchange.scan.serviceTier };
  const ratesOf = (prices: RateTimeline | undefined) => {
    const card = prices === undefined ? undefined : cardAt(prices, atMs);
    if (card === undefined) throw new Error(`deployment ${deployment.id} is to be called while no price holds`);
    return orphanRates(card, estimate);
  };
  const previous = exchange.attempts.at(-1);
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
    ...(estimate.requestedTier === undefined ? undefined : { requestedTier: estimate.requestedTier }),
    sell: ratesOf(sellPrices(deployment, exchange.principal)),
    buy: ratesOf(deployment.buy),
    ...(previous === undefined ? undefined : { previous: previousAttempt(previous) }),
  };
}

function previousAttempt({ attempt, outcome, upstreamStatus, durationMs, reading, buy }: AttemptEnd): PreviousAttempt {
  const { raw: _raw, ...rest } = reading;
  return {
    attempt,
    outcome,
    durationMs,
    reading: rest,
    ...(upstreamStatus === undefined ? undefined : { upstreamStatus }),
    ...(buy === undefined ? undefined : { buy }),
  };
}
