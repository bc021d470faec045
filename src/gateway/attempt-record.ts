import type { Dialect } from '../dialects/dialect.ts';
import type { AttemptRecord, OrphanRates } from '../journal/record.ts';
import { inputEstimateRule } from '../metering/estimate.ts';
import type { RateCard } from '../pricing/rate-card.ts';
import type { Deployment } from '../snapshot/load.ts';
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
    estimateRule: inputEstimateRule(deployment.model),
    sell: orphanRates(deployment.sell!),
    buy: orphanRates(deployment.buy!),
  };
}

/** Made once a card: cards live as long as their snapshot. */
function orphanRates(card: RateCard): OrphanRates {
  let rates = ratesOf.get(card);
  if (rates === undefined) {
    const { version, currency } = card;
    rates = { version, currency, input: String(card.rates.input ?? 0n), output: String(card.rates.output ?? 0n) };
    ratesOf.set(card, rates);
  }
  return rates;
}

const ratesOf = new WeakMap<RateCard, OrphanRates>();
