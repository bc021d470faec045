import { isRecord, UsageFields, type UsageReport } from '../../completion/usage-fields.ts';
import { CountTally } from './counts.ts';
import type { UsageSemantics } from './semantics.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Fetches are not billed beside their tokens
 *  (https://platform.claude.com/docs/en/agents-and-tools/tool-use/web-fetch-tool, 2026-11). */
const tools = { suffix: '_requests', free: new Set(['web_fetch_requests']) };

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
  fields.requireWithin('thinking_tokens', thinking ?? 0, 'output_tokens', outputTokens);
  refuseOtherIterations(raw, fields);
  const counts = new CountTally();
  counts.addTools(fields.nested(raw, 'server_tool_use'), tools, fields);
  const serviceTier = servedTier(raw, fields);
  const region = servedRegion(raw, fields);

  if (fields.problem !== undefined) return { slices: {}, identityBroken: fields.problem };
  return {
    slices: {
      inputUncached,
      ...(cacheRead === undefined ? undefined : { cacheRead }),
      ...written,
      output: outputTokens - (thinking ?? 0),
      ...(thinking === undefined ? undefined : { reasoning: thinking }),
    },
    ...counts.part,
    ...(serviceTier === undefined ? undefined : { serviceTier }),
    ...(region === undefined ? undefined : { region }),
  };
}

/** A stream's usage so far: message_start has the whole object, each message_delta the cumulative numbers it knows.
 *  What a later event says replaces what an earlier one said; null says nothing. Unknown fields stay. A total of cache
 *  writes that grew past an earlier split without a split of its own extends it. */
export function mergeAnthropicUsage(earlier: unknown, later: unknown): unknown {
  if (!isRecord(later)) return later ?? earlier;
  if (!isRecord(earlier)) return later;
  // Not by assignment: a provider's `__proto__` would be no field then, and its fields would count as usage.
  const told = Object.fromEntries(Object.entries(later).filter(([, value]) => value !== null));
  const merged: Record<string, unknown> = { ...earlier, ...told };
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
function writtenTokens(raw: Fields, fields: UsageFields): { cacheWrite5m?: number; cacheWrite1h?: number } {
  const total = fields.count(raw, 'cache_creation_input_tokens');
  const byLifetime = fields.nested(raw, 'cache_creation');
  const short = fields.count(byLifetime, 'ephemeral_5m_input_tokens');
  const long = fields.count(byLifetime, 'ephemeral_1h_input_tokens');
  if (short === undefined && long === undefined) return total === undefined ? {} : { cacheWrite5m: total };
  if (total !== undefined) {
    const split = 'ephemeral_5m_input_tokens + ephemeral_1h_input_tokens';
    fields.requireEqual(split, (short ?? 0) + (long ?? 0), 'cache_creation_input_tokens', total);
  }
  return { cacheWrite5m: short ?? 0, cacheWrite1h: long ?? 0 };
}

/** Where the provider ran more than the answer itself (a compaction, an adviser), the totals leave that out
 *  (https://platform.claude.com/docs/en/build-with-claude/compaction, 2026-11): such an answer is not rated short. */
function refuseOtherIterations(raw: Fields, fields: UsageFields): void {
  const { iterations } = raw;
  if (!Array.isArray(iterations)) return;
  const other = iterations.filter(iteration => !isRecord(iteration) || (iteration['type'] ?? 'message') !== 'message');
  if (other.length > 0) fields.refuse(`iterations has ${other.length} that input_tokens and output_tokens leave out`);
}

/** Speed changes the price as the tier does, so it is part of its name: `fast`, `priority+fast`
 *  (https://platform.claude.com/docs/en/about-claude/pricing, fast mode, 2026-11). */
function servedTier(raw: Fields, fields: UsageFields): string | undefined {
  const tier = word(raw, 'service_tier', fields);
  const speed = word(raw, 'speed', fields);
  if (speed === undefined || speed === 'standard') return tier;
  return tier === undefined || tier === 'standard' ? speed : `${tier}+${speed}`;
}

/** Inference kept in one country costs more (https://platform.claude.com/docs/en/about-claude/pricing, data residency,
 *  2026-11); everywhere else there is one price. */
function servedRegion(raw: Fields, fields: UsageFields): string | undefined {
  const region = word(raw, 'inference_geo', fields);
  return region === 'global' || region === 'not_available' ? undefined : region;
}

const wordLettersMax = 64;

function word(raw: Fields, name: string, fields: UsageFields): string | undefined {
  const value = raw[name];
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value === 'string' && value.length <= wordLettersMax) return value;
  fields.refuse(`${name} is not a word`);
  return undefined;
}

export const anthropicUsage: UsageSemantics = {
  provider: 'anthropic',
  input: '`input_tokens` excludes cache reads and writes, which stand beside it, writes by lifetime',
  output: '`output_tokens` includes thinking; in streams the last number counts',
  identities: [
    'ephemeral_5m + ephemeral_1h = cache_creation_input_tokens',
    'thinking_tokens ≤ output_tokens',
    'no iteration is left out of the totals',
  ],
  beside: 'server tools but fetches, region (`inference_geo`), speed as a tier',
  source: 'https://platform.claude.com/docs/en/api/messages, 2026-11',
  read: readAnthropicUsage,
};
