import type { UsageCounts } from '../completion/usage.ts';

/** A tool that a request lets the provider run. */
export interface HostedToolCalls {
  /** As it is counted: `tool.webSearch`. */
  readonly meter: string;
  /** undefined: the request does not say. */
  readonly callsMax: number | undefined;
}

/** Calls of one tool where neither the request nor the deployment bounds them. Anthropic pauses a turn after ten rounds of
 *  its own (https://platform.claude.com/docs/en/agents-and-tools/tool-use/server-tools, 2026-11); others name no number. A
 *  reading above its hold is charged up to the hold only. */
export const toolCallsMaxDefault = 10;

/** Most calls of each of `priced`: of those that the request names, or of all of them where its dialect does not name what
 *  a provider runs by itself, as with hosts that always search. */
export function toolCallsBound(
  priced: ReadonlySet<string>,
  named: readonly HostedToolCalls[] | undefined,
  callsMaxUnsaid = toolCallsMaxDefault,
): UsageCounts | undefined {
  const counts: Record<string, number> = {};
  for (const { meter, callsMax = callsMaxUnsaid } of named ?? unnamed(priced)) {
    if (priced.has(meter)) counts[meter] = Math.min((counts[meter] ?? 0) + callsMax, Number.MAX_SAFE_INTEGER);
  }
  return Object.keys(counts).length === 0 ? undefined : counts;
}

/** Input tokens that one call brings, where the deployment does not say: a page of 40 kB. An average page is documented as
 *  2,500 tokens, a large one as 25,000 (https://platform.claude.com/docs/en/agents-and-tools/tool-use/web-fetch-tool,
 *  2026-11). What the provider reads again in later rounds is in it, too. */
export const toolTokensPerCallDefault = 10_000;

/** Most input tokens that these calls bring into the request: what a search found, what was fetched. */
export function toolTokensBound(countsMax: UsageCounts, tokensPerCall = toolTokensPerCallDefault): number {
  const calls = Object.values(countsMax).reduce((sum, count) => sum + count, 0);
  return Math.min(calls * tokensPerCall, Number.MAX_SAFE_INTEGER);
}

function unnamed(priced: ReadonlySet<string>): readonly HostedToolCalls[] {
  return [...priced].map(meter => ({ meter, callsMax: undefined }));
}
