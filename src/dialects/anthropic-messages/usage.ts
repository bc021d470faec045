import { isRecord, UsageFields, type UsageReport } from '../../completion/usage-fields.ts';

/** Usage of the messages API. undefined when nothing was said.
 *
 *  input_tokens excludes what was read from and written to the cache; output_tokens includes thinking and is the
 *  authoritative total of which output_tokens_details is a part (@anthropic-ai/sdk 1.11 messages.ts, 2026-11). */
export function readAnthropicUsage(raw: unknown): UsageReport | undefined {
  if (raw === undefined || raw === null) return undefined;
  if (!isRecord(raw)) return { slices: {}, identityBroken: 'usage is not an object' };
  const fields = new UsageFields();

  const inputUncached = fields.requiredCount(raw, 'input_tokens');
  const outputTokens = fields.requiredCount(raw, 'output_tokens');
  const cacheRead = fields.count(raw, 'cache_read_input_tokens');
  const written = writtenTokens(raw, fields);
  const thinking = fields.count(fields.nested(raw, 'output_tokens_details'), 'thinking_tokens');
  const output = outputTokens - (thinking ?? 0);
  if (output < 0) fields.refuse('more thinking_tokens than output_tokens');
  refuseUnmetered(raw, fields);
  const serviceTier = servedTier(raw, fields);

  if (fields.problem !== undefined) return { slices: {}, identityBroken: fields.problem };
  return {
    slices: {
      inputUncached,
      ...(cacheRead === undefined ? undefined : { cacheRead }),
      ...written,
      output,
      ...(thinking === undefined ? undefined : { reasoning: thinking }),
    },
    ...(serviceTier === undefined ? undefined : { serviceTier }),
  };
}

/** A stream's usage so far: message_start has the whole object, each message_delta the cumulative numbers it knows.
 *  What a later event says replaces what an earlier one said; null says nothing. Unknown fields stay. A total of cache
 *  writes that grew past an earlier split without a split of its own extends it. */
export function mergeAnthropicUsage(earlier: unknown, later: unknown): unknown {
  if (!isRecord(later)) return later ?? earlier;
  if (!isRecord(earlier)) return later;
  const merged: Record<string, unknown> = { ...earlier };
  for (const [name, value] of Object.entries(later)) {
    if (value !== null) merged[name] = value;
  }
  if (isCount(later['cache_creation_input_tokens']) && !isRecord(later['cache_creation'])) extendSplit(merged);
  return merged;
}

/** Writes that only ever were for five minutes go on being so. Beside writes for an hour the rest could be either: it stays
 *  unexplained, and the reading is quarantined. */
function extendSplit(merged: Record<string, unknown>): void {
  const { cache_creation_input_tokens: total, cache_creation: split } = merged;
  if (!isRecord(split)) return;
  const { ephemeral_5m_input_tokens: short, ephemeral_1h_input_tokens: long } = split;
  if (!isCount(total) || !isCount(short) || (long ?? 0) !== 0 || total < short) return;
  merged['cache_creation'] = { ...split, ephemeral_5m_input_tokens: total };
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

/** Cache writes by lifetime. Answers without the split come from hosts and versions that only write for 5 minutes,
 *  the default (https://platform.claude.com/docs/en/build-with-claude/prompt-caching, 2026-11). */
function writtenTokens(
  raw: Readonly<Record<string, unknown>>,
  fields: UsageFields,
): { cacheWrite5m?: number; cacheWrite1h?: number } {
  const total = fields.count(raw, 'cache_creation_input_tokens');
  const byLifetime = fields.nested(raw, 'cache_creation');
  const short = fields.count(byLifetime, 'ephemeral_5m_input_tokens');
  const long = fields.count(byLifetime, 'ephemeral_1h_input_tokens');
  if (short === undefined && long === undefined) return total === undefined ? {} : { cacheWrite5m: total };
  if (total !== undefined && (short ?? 0) + (long ?? 0) !== total) {
    fields.refuse('cache writes of 5 minutes and 1 hour do not add up to cache_creation_input_tokens');
  }
  return { cacheWrite5m: short ?? 0, cacheWrite1h: long ?? 0 };
}

/** Searches are billed by the request, for which there is no meter here: an answer with some is not rated short. */
function refuseUnmetered(raw: Readonly<Record<string, unknown>>, fields: UsageFields): void {
  const searches = fields.count(fields.nested(raw, 'server_tool_use'), 'web_search_requests');
  if (searches !== undefined && searches > 0) fields.refuse(`${searches} web_search_requests have no meter`);
}

/** Speed and region change the price as the tier does, so they are part of its name: `standard+fast`, `standard+us`
 *  (https://platform.claude.com/docs/en/about-claude/pricing, data residency and fast mode, 2026-11). */
function servedTier(raw: Readonly<Record<string, unknown>>, fields: UsageFields): string | undefined {
  const tier = word(raw, 'service_tier', fields);
  const speed = word(raw, 'speed', fields);
  const region = word(raw, 'inference_geo', fields);
  let served = tier;
  if (speed !== undefined && speed !== 'standard') served = `${served ?? 'standard'}+${speed}`;
  if (region !== undefined && region !== 'global' && region !== 'not_available') {
    served = `${served ?? 'standard'}+${region}`;
  }
  return served;
}

const wordLettersMax = 64;

function word(raw: Readonly<Record<string, unknown>>, name: string, fields: UsageFields): string | undefined {
  const value = raw[name];
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value === 'string' && value.length <= wordLettersMax) return value;
  fields.refuse(`${name} is not a word`);
  return undefined;
}
