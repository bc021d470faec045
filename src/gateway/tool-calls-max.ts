import type { UsageCounts } from '../completion/usage.ts';
import type { Dialect } from '../dialects/dialect.ts';
import { type HostedToolCalls, toolCallsBound } from '../metering/tool-bounds.ts';
import { pricedTools, type RateCard } from '../pricing/rate-card.ts';
import type { Deployment } from '../snapshot/load.ts';
import type { AdmissionQuestion } from './admit.ts';
import { dialectFor } from './choose.ts';

/** Most calls of each priced tool that the deployment's provider may run for this request; undefined, without a look at
 *  the request, where no tool has a price. */
export function toolCallsMax(
  { client, body, scan }: Pick<AdmissionQuestion, 'client' | 'body' | 'scan'>,
  deployment: Deployment,
  cards: readonly RateCard[],
): UsageCounts | undefined {
  const meters = new Set(cards.flatMap(pricedTools));
  if (meters.size === 0) return undefined;
  const target = dialectFor(deployment, client);
  return toolCallsBound(meters, namedTools(target), deployment.toolCallsMax);

  function namedTools(dialect: Dialect): readonly HostedToolCalls[] | undefined {
    if (dialect.hostedTools === undefined) return undefined;
    // None survives a translation: the middle has no word for them, so they are refused.
    return dialect === client ? dialect.hostedTools(body, scan) : [];
  }
}
