import type { Dialect } from '../dialects/dialect.ts';
import type { AttemptRecord } from '../journal/record.ts';
import { estimateRule, familyOf } from '../metering/estimates.ts';
import { orphanRates } from '../pricing/maximum-charge.ts';
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
    estimateRule: estimateRule(familyOf(deployment.model)),
    sell: orphanRates(deployment.sell!, inputTokensEstimate),
    buy: orphanRates(deployment.buy!, inputTokensEstimate),
  };
}
