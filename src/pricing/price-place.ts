/** What a price depends on besides the meter and the size of the request. Absent is the ordinary: the ordinary tier, a
 *  single request, no region or an ordinary one. */
export interface PricePlace {
  readonly serviceTier?: string;
  readonly mode?: 'batch';
  readonly region?: string;
}

/** What is known of an attempt when it is rated. */
export interface RatingContext {
  /** The instant at which the attempt was dispatched: it chooses the price version. Milliseconds since 1970. */
  readonly atMs: number;
  /** Asked for; counts only where the provider does not say what it served. */
  readonly requestedTier?: string | undefined;
  readonly mode?: 'sync' | 'batch' | undefined;
  /** Where the provider says it processed the request, when that changes the price. */
  readonly region?: string | undefined;
}

/** The names under which providers report that a request was served at the ordinary price:
 *  OpenAI `default` (https://platform.openai.com/docs/api-reference/chat/object, 2026-11), Anthropic `standard`
 *  (https://platform.claude.com/docs/en/api/service-tiers, 2026-11), Groq `on_demand`
 *  (https://console.groq.com/docs/service-tiers, 2026-11). The last two are only ever asked for: they leave it to the
 *  provider, whose answer says what came of it. */
const ordinaryTiers: ReadonlySet<string> = new Set(['default', 'standard', 'on_demand', 'auto', 'standard_only']);
const ordinaryRegions: ReadonlySet<string> = new Set(['global', 'not_available']);

export function isOrdinaryTier(name: string): boolean {
  return ordinaryTiers.has(name);
}

export function isOrdinaryRegion(name: string): boolean {
  return ordinaryRegions.has(name);
}

/** The cell of a card that prices an attempt: by the tier that was served; where that is not said, by the one asked for. */
export function servedCellKey(servedTier: string | undefined, context: Omit<RatingContext, 'atMs'>): string {
  const tier = servedTier ?? context.requestedTier;
  const { mode, region } = context;
  if (tier === undefined && mode !== 'batch' && region === undefined) return baseKey;
  // Anthropic calls a batch a tier (https://platform.claude.com/docs/en/api/service-tiers, 2026-11).
  const isBatch = mode === 'batch' || tier === 'batch';
  const priced = tier === undefined || tier === 'batch' || ordinaryTiers.has(tier) ? undefined : withoutOrdinary(tier);
  return cellKey(
    priced,
    isBatch ? 'batch' : undefined,
    region === undefined || ordinaryRegions.has(region) ? undefined : region,
  );
}

/** Of the card itself. */
export const baseKey = '||';

export function cellKey(
  serviceTier: string | undefined,
  mode: PricePlace['mode'] | undefined,
  region: string | undefined,
): string {
  return `${region ?? ''}|${mode ?? ''}|${serviceTier ?? ''}`;
}

export function placeOf(key: string): PricePlace {
  const [region = '', mode = '', serviceTier = ''] = key.split('|');
  return {
    ...(serviceTier === '' ? {} : { serviceTier }),
    ...(mode === 'batch' ? { mode } : {}),
    ...(region === '' ? {} : { region }),
  };
}

/** "service tier priority, batch, region us": for people. */
export function cellName(key: string): string {
  const { serviceTier, mode, region } = placeOf(key);
  const parts = [
    serviceTier === undefined ? [] : [`service tier ${serviceTier}`],
    mode === undefined ? [] : [mode],
    region === undefined ? [] : [`region ${region}`],
  ];
  return parts.flat().join(', ');
}

/** What makes a tier dearer is joined to its name, as in `standard+fast`; of an ordinary one only that is left. */
function withoutOrdinary(tier: string): string {
  const at = tier.indexOf('+');
  return at > 0 && ordinaryTiers.has(tier.slice(0, at)) ? tier.slice(at + 1) : tier;
}
