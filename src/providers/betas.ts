/** Betas of a dialect that an endpoint takes; hosts that refuse one they do not know (`invalid beta flag`) need them left
 *  out, and with them the fields that they open: a gated field without its beta is refused as well. */
export interface BetaFilter {
  readonly header: string;
  readonly allowed: ReadonlySet<string>;
  /** Fields of the body that a beta opens, by the beta's name without its date. */
  readonly opens: ReadonlyMap<string, readonly string[]>;
}

export interface FilteredBetas {
  /** As they go upstream; empty when none is left. */
  readonly kept: string;
  readonly dropped: readonly string[];
  /** Fields of the body that no beta opens any more. */
  readonly fields: readonly string[];
}

/** What of a header's list the endpoint takes. */
export function filterBetas(filter: BetaFilter, header: string): FilteredBetas {
  const betas = header
    .split(',')
    .map(beta => beta.trim())
    .filter(beta => beta !== '');
  const kept = betas.filter(beta => filter.allowed.has(beta));
  const dropped = betas.filter(beta => !filter.allowed.has(beta));
  const opened = new Set(kept.flatMap(beta => openedBy(filter, beta)));
  const fields = new Set(dropped.flatMap(beta => openedBy(filter, beta)).filter(field => !opened.has(field)));
  return { kept: kept.join(','), dropped, fields: [...fields] };
}

function openedBy({ opens }: BetaFilter, beta: string): readonly string[] {
  return opens.get(beta.replace(/-\d{4}-\d{2}-\d{2}$/, '')) ?? [];
}

/** Top-level fields of Messages that exist with a beta only
 *  (@anthropic-ai/sdk 1.11, resources/beta/messages/messages.ts and AnthropicBeta, 2026-11). */
export const messagesBetaFields: BetaFilter['opens'] = new Map([
  ['compact', ['compaction', 'context_management']],
  ['context-management', ['context_management']],
  ['fallback-credit', ['fallback_credit_token']],
  ['mcp-client', ['mcp_servers']],
  ['message-threads', ['thread']],
  ['server-side-fallback', ['fallbacks']],
  ['structured-outputs', ['output_format']],
]);
