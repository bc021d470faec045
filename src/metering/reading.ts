import type { ProviderCost, Reading, UsageCounts, UsageSlices } from '../completion/usage.ts';
import { type EstimatedRequest, estimateInputTokens, estimateOutputTokens, estimateRule } from './estimates.ts';

/** What an answer said about usage; a dialect's AnswerFacts have it. */
export interface ObservedUsage {
  readonly usage: UsageSlices | undefined;
  readonly rawUsage: unknown;
  readonly serviceTier: string | undefined;
  readonly identityBroken: string | undefined;
  readonly counts?: UsageCounts | undefined;
  readonly region?: string | undefined;
  readonly providerCost?: ProviderCost | undefined;
}

/** What estimates are made from. */
export interface EstimateBasis {
  /** estimates.ts familyOf the model. */
  readonly family: string;
  readonly request: EstimatedRequest;
  /** UTF-8 bytes of content since the last usage report; of all content when there was none. */
  readonly contentBytesSinceUsage: number;
}

/** The attempt never reached a model, or was refused by one. */
export const nothingUsed: Reading = { slices: {}, source: 'none' };

/** The reading of an answer that came to its end: what the provider reported, or an estimate where it reported nothing.
 *  Numbers that do not add up are quarantined with the raw object. */
export function readingOfAnswer(observed: ObservedUsage, basis: EstimateBasis): Reading {
  if (observed.identityBroken !== undefined) return quarantined(observed, observed.identityBroken);
  if (observed.usage === undefined) return estimated(observed, basis);
  return { slices: observed.usage, source: 'provider', ...beside(observed), ...evidence(observed) };
}

/** The reading of an answer that was cut or aborted: the last usage seen, plus an estimate for the content after it.
 *  Always `estimated`: a provider may have made more than it sent. */
export function readingOfCutAnswer(observed: ObservedUsage, basis: EstimateBasis): Reading {
  if (observed.identityBroken !== undefined) return quarantined(observed, observed.identityBroken);
  return estimated(observed, basis);
}

function estimated(observed: ObservedUsage, basis: EstimateBasis): Reading {
  const seen = observed.usage ?? { inputUncached: estimateInputTokens(basis.request, basis.family) };
  const outputAfter = estimateOutputTokens(basis.contentBytesSinceUsage, basis.family);
  return {
    slices: { ...seen, output: (seen.output ?? 0) + outputAfter },
    source: 'estimated',
    rule: estimateRule(basis.family),
    ...beside(observed),
    ...evidence(observed),
  };
}

function quarantined(observed: ObservedUsage, reason: string): Reading {
  return { slices: {}, source: 'provider', ...evidence(observed), quarantine: reason };
}

/** Nearly every answer has none of it. */
function beside({ counts, region, providerCost }: ObservedUsage): Pick<Reading, 'counts' | 'region' | 'providerCost'> {
  if (counts === undefined && region === undefined && providerCost === undefined) return nothingBeside;
  return {
    ...(counts === undefined ? undefined : { counts }),
    ...(region === undefined ? undefined : { region }),
    ...(providerCost === undefined ? undefined : { providerCost }),
  };
}

const nothingBeside = {};

function evidence(observed: ObservedUsage): { readonly raw?: unknown; readonly serviceTier?: string } {
  return {
    ...(observed.rawUsage === undefined ? undefined : { raw: observed.rawUsage }),
    ...(observed.serviceTier === undefined ? undefined : { serviceTier: observed.serviceTier }),
  };
}
