import { LossLedger } from '../../completion/loss.ts';
import type { CompletionRequest, Sampling } from '../../completion/request.ts';
import type { RequestTarget } from '../dialect.ts';
import { anthropicMessagesProfile } from './profile.ts';
import { fitReasoning } from './reasoning.ts';

/** 2026-10-21 refuses temperature, top_p and top_k at any value, documents in assistant messages, and citations on texts of
 *  users; of these our encoder writes the first alone (https://platform.claude.com/docs/en/api/versioning, 2026-11). */
const withSampling: readonly string[] = ['2023-06-01'];

/** The version that a request written for another dialect's client goes by: the newest that its fields allow. */
export function requestHeaders(request: CompletionRequest, target: RequestTarget): readonly string[] {
  return ['anthropic-version', versionOf(keptSampling(request, target), target)];
}

/** Drops what no version of the provider takes. */
export function fitVersion(sampling: Sampling, target: RequestTarget, losses: LossLedger): Sampling {
  if (!hasSampling(sampling) || withSampling.includes(versionOf(sampling, target))) return sampling;
  const { temperature, topP, topK, ...others } = sampling;
  if (temperature !== undefined && temperature !== 1) losses.dropped('temperature-unsupported', 'temperature');
  if (topP !== undefined && topP !== 1) losses.dropped('top-p-unsupported', 'top_p');
  if (topK !== undefined) losses.dropped('top-k-unsupported', 'top_k');
  return others;
}

function versionOf(sampling: Sampling, target: RequestTarget): string {
  const { versions } = target.profile ?? anthropicMessagesProfile;
  const newest = versions.at(-1) ?? withSampling[0]!;
  if (!hasSampling(sampling)) return newest;
  return versions.findLast(version => withSampling.includes(version)) ?? newest;
}

/** The sampling that is left once the model's own rules are kept; their losses are declared where the request is written. */
function keptSampling(request: CompletionRequest, target: RequestTarget): Sampling {
  if (!hasSampling(request.sampling)) return request.sampling;
  const outputTokensMax = Math.min(request.outputTokensMax ?? target.outputTokensMax, target.outputTokensMax);
  return fitReasoning(
    request,
    (target.profile ?? anthropicMessagesProfile).reasoning,
    outputTokensMax,
    new LossLedger(),
  ).sampling;
}

function hasSampling({ temperature, topP, topK }: Sampling): boolean {
  return temperature !== undefined || topP !== undefined || topK !== undefined;
}
