/** The names under which providers report that a request was served at the price that the card holds:
 *  OpenAI `default` (https://platform.openai.com/docs/api-reference/chat/object, 2026-11), Anthropic `standard`
 *  (https://platform.claude.com/docs/en/api/service-tiers, 2026-11), Groq `on_demand`
 *  (https://console.groq.com/docs/service-tiers, 2026-11). */
const pricedTiers: ReadonlySet<string> = new Set(['default', 'standard', 'on_demand']);

/** The served tier when no card has rates for it; the tier asked for does not count. Not said is the card's own. */
export function unpricedTier(servedTier: string | undefined): string | undefined {
  return servedTier === undefined || pricedTiers.has(servedTier) ? undefined : servedTier;
}
