import type { UsageSlices } from '../../completion/usage.ts';
import { isRecord, UsageFields, type UsageReport } from '../../completion/usage-fields.ts';
import { CountTally } from './counts.ts';
import { costFromDecimal, costFromTicks } from './provider-cost.ts';

/** The words of one API for the same numbers. */
export interface UsageWords {
  readonly input: string;
  readonly output: string;
  readonly inputDetails: string;
  readonly outputDetails: string;
}

export const chatWords: UsageWords = {
  input: 'prompt_tokens',
  output: 'completion_tokens',
  inputDetails: 'prompt_tokens_details',
  outputDetails: 'completion_tokens_details',
};

export const responsesWords: UsageWords = {
  input: 'input_tokens',
  output: 'output_tokens',
  inputDetails: 'input_tokens_details',
  outputDetails: 'output_tokens_details',
};

/** Whether the output number includes reasoning_tokens. `by-total`: total_tokens tells, as it does for hosts that are only
 *  known by what they speak; where both sums are equal reasoning is zero and the two meanings are one. */
export type ReasoningPlace = 'inside' | 'apart' | 'by-total';

type Fields = Readonly<Record<string, unknown>>;

/** Usage in OpenAI's shape. The input number includes everything read from and written to the cache, audio, images and
 *  video; the output number includes audio, images and rejected predictions
 *  (openai-node 7.55 src/resources/completions.ts and responses.ts, 2026-11). What hosts add to that shape is read where
 *  it is there: its names say what it means, whoever sends it. */
export function readOpenAiShaped(
  raw: unknown,
  words: UsageWords,
  reasoningPlace: ReasoningPlace,
): UsageReport | undefined {
  if (raw === undefined || raw === null) return undefined;
  if (!isRecord(raw)) return { slices: {}, identityBroken: 'usage is not an object' };
  const fields = new UsageFields();

  const input = fields.requiredCount(raw, words.input);
  const output = fields.requiredCount(raw, words.output);
  const total = fields.count(raw, 'total_tokens');
  const slices: WritableSlices = {};
  readInput(raw, words, input, slices, fields);
  readOutput(raw, words, { input, output, total, reasoningPlace }, slices, fields);
  const beside = readBeside(raw, fields);

  if (fields.problem !== undefined) return { slices: {}, identityBroken: fields.problem };
  return beside === undefined ? { slices } : { slices, ...beside };
}

/** Filled member by member, in the order of slices: this runs for every answer, and a spread for each costs as much as all
 *  the rest. */
type WritableSlices = { -readonly [Name in keyof UsageSlices]: UsageSlices[Name] };

function readInput(raw: Fields, words: UsageWords, input: number, slices: WritableSlices, fields: UsageFields): void {
  const details = fields.nested(raw, words.inputDetails);
  const cached = cachedTokens(raw, details, words.input, input, fields);
  const written = fields.count(details, 'cache_write_tokens');
  const byLifetime = details['cache_write_tokens_details'];
  const split =
    byLifetime === undefined || byLifetime === null ? undefined : writtenByLifetime(details, written, fields);
  const short = split === undefined ? written : split.short;
  const long = split?.long;
  const fromCache = (cached ?? 0) + (short ?? 0) + (long ?? 0);
  if (fromCache > 0) fields.requireWithin('cached and written tokens', fromCache, words.input, input);
  const audio = fields.count(details, 'audio_tokens');
  const image = fields.count(details, 'image_tokens');
  const video = fields.count(details, 'video_tokens');
  const media = (audio ?? 0) + (image ?? 0) + (video ?? 0);
  if (media > 0) fields.requireWithin('audio, image and video tokens', media, words.input, input);

  // Cached tokens may be audio or image tokens too (xAI counts them in both, github.com/BerriAI/litellm/pull/37407,
  // 2026-11): the cache comes off first, and the modalities are capped by what is left, so that no token is in two slices
  // and all of them are in one.
  const uncached = input - fromCache;
  const inputAudio = Math.min(audio ?? 0, uncached);
  const inputImage = Math.min(image ?? 0, uncached - inputAudio);
  const inputVideo = Math.min(video ?? 0, uncached - inputAudio - inputImage);
  slices.inputUncached = uncached - inputAudio - inputImage - inputVideo;
  if (cached !== undefined) slices.cacheRead = cached;
  if (short !== undefined) slices.cacheWrite5m = short;
  if (long !== undefined) slices.cacheWrite1h = long;
  if (audio !== undefined) slices.inputAudio = inputAudio;
  if (image !== undefined) slices.inputImage = inputImage;
  if (video !== undefined) slices.inputVideo = inputVideo;
}

function readOutput(raw: Fields, words: UsageWords, sums: Sums, slices: WritableSlices, fields: UsageFields): void {
  const { input, output, total } = sums;
  const details = fields.nested(raw, words.outputDetails);
  const reasoning = fields.count(details, 'reasoning_tokens');
  const outputAudio = fields.count(details, 'audio_tokens');
  const outputImage = fields.count(details, 'image_tokens');
  const isApart = reasoningIsApart(sums, reasoning ?? 0);
  const beside = isApart ? (reasoning ?? 0) : 0;
  if (total !== undefined && total !== input + output + beside) {
    const parts = `${words.input} + ${words.output}${isApart ? ' + reasoning_tokens' : ''}`;
    fields.requireEqual(parts, input + output + beside, 'total_tokens', total);
  }
  const apart = (isApart ? 0 : (reasoning ?? 0)) + (outputAudio ?? 0) + (outputImage ?? 0);
  if (apart > 0) fields.requireWithin('reasoning, audio and image tokens', apart, words.output, output);
  slices.output = output - apart;
  if (reasoning !== undefined) slices.reasoning = reasoning;
  if (outputAudio !== undefined) slices.outputAudio = outputAudio;
  if (outputImage !== undefined) slices.outputImage = outputImage;
}

interface Sums {
  readonly input: number;
  readonly output: number;
  readonly total: number | undefined;
  readonly reasoningPlace: ReasoningPlace;
}

function reasoningIsApart(sums: Sums, reasoning: number): boolean {
  if (sums.reasoningPlace !== 'by-total') return sums.reasoningPlace === 'apart';
  return reasoning > 0 && sums.total === sums.input + sums.output + reasoning;
}

/** Cached tokens under the names that hosts have for them; where two are there, they must agree.
 *  DeepSeek splits the prompt into hits and misses (https://api-docs.deepseek.com/guides/kv_cache, 2026-11); Mistral has
 *  num_cached_tokens (https://docs.mistral.ai/api, 2026-11). */
function cachedTokens(
  raw: Fields,
  details: Fields,
  inputWord: string,
  input: number,
  fields: UsageFields,
): number | undefined {
  const cached = fields.count(details, 'cached_tokens');
  const hit = fields.count(raw, 'prompt_cache_hit_tokens');
  const miss = fields.count(raw, 'prompt_cache_miss_tokens');
  const alsoCached = fields.count(raw, 'num_cached_tokens');
  if (cached !== undefined && alsoCached !== undefined) {
    fields.requireEqual('num_cached_tokens', alsoCached, 'cached_tokens', cached);
  }
  if (hit === undefined && miss === undefined) return cached ?? alsoCached;
  if (hit === undefined) fields.refuse('prompt_cache_hit_tokens is missing beside prompt_cache_miss_tokens');
  else if (miss === undefined) fields.refuse('prompt_cache_miss_tokens is missing beside prompt_cache_hit_tokens');
  else fields.requireEqual('prompt_cache_hit_tokens + prompt_cache_miss_tokens', hit + miss, inputWord, input);
  if (cached !== undefined && hit !== undefined) {
    fields.requireEqual('prompt_cache_hit_tokens', hit, 'cached_tokens', cached);
  }
  return hit;
}

/** Cache writes by lifetime. OpenAI sells 30 minutes and 12 hours; they are the shorter and the longer of our two
 *  slices. Without a split, everything was written for the shorter one, the default (openai-node 7.55, 2026-11). */
function writtenByLifetime(
  details: Fields,
  written: number | undefined,
  fields: UsageFields,
): { readonly short: number | undefined; readonly long: number | undefined } {
  const byLifetime = fields.nested(details, 'cache_write_tokens_details');
  // The Responses API has the longer names (openai-node 7.55, responses.ts, 2026-11).
  const short = fields.count(byLifetime, 'ttl_30m_tokens') ?? fields.count(byLifetime, 'ttl_30m');
  const long = fields.count(byLifetime, 'ttl_12h_tokens') ?? fields.count(byLifetime, 'ttl_12h');
  if (short === undefined && long === undefined) return { short: written, long: undefined };
  if (written !== undefined) {
    fields.requireEqual('ttl_30m + ttl_12h', (short ?? 0) + (long ?? 0), 'cache_write_tokens', written);
  }
  return { short: short ?? 0, long: long ?? 0 };
}

/** MCP servers are the caller's own: xAI bills only the tokens they cause (https://docs.x.ai/developers/tools, 2026-11). */
const xaiTools = { suffix: '_calls', free: new Set(['mcp_calls']) };

/** What hosts bill beside the tokens, and what they say it all cost; undefined when nothing of it is there, as nearly
 *  always. */
function readBeside(raw: Fields, fields: UsageFields): Pick<UsageReport, 'counts' | 'providerCost'> | undefined {
  const hasCounts =
    raw['prompt_audio_seconds'] != null ||
    raw['num_sources_used'] != null ||
    raw['server_side_tool_usage_details'] != null ||
    raw['num_search_queries'] != null ||
    raw['citation_tokens'] != null;
  const hasCost = raw['cost_in_usd_ticks'] != null || raw['cost'] != null;
  if (!hasCounts && !hasCost) return undefined;
  const counts = hasCounts ? readCounts(raw, fields) : undefined;
  const providerCost = costFromTicks(fields.count(raw, 'cost_in_usd_ticks'), fields) ?? statedCost(raw, fields);
  return { ...counts, ...(providerCost === undefined ? undefined : { providerCost }) };
}

function readCounts(raw: Fields, fields: UsageFields): CountTally['part'] {
  const counts = new CountTally();
  // Mistral: seconds of audio in the prompt; null, or an empty object, when there was none.
  if (!isRecord(raw['prompt_audio_seconds'])) {
    counts.add('audioSecond', fields.count(raw, 'prompt_audio_seconds'), fields);
  }
  // xAI: what its live search read, and which of its own tools ran (https://docs.x.ai/developers/cost-tracking, 2026-11).
  counts.add('tool.searchSource', positive(fields.count(raw, 'num_sources_used')), fields);
  counts.addTools(fields.nested(raw, 'server_side_tool_usage_details'), xaiTools, fields);
  // Perplexity: searches made for an answer; what it cites is billed by a token price that has no slice here
  // (https://docs.perplexity.ai/getting-started/pricing, 2026-11).
  counts.add('tool.searchQuery', positive(fields.count(raw, 'num_search_queries')), fields);
  const cited = positive(fields.count(raw, 'citation_tokens'));
  if (cited !== undefined) fields.refuse(`citation_tokens = ${cited} have no meter`);
  return counts.part;
}

/** OpenRouter: what it charged (https://openrouter.ai/docs/use-cases/usage-accounting, 2026-11). Under a key of one's own
 *  that is only its fee, and what the host behind it charges is not in it: the sum is not known from here.
 *  Perplexity: an object with the total. */
function statedCost(raw: Fields, fields: UsageFields): UsageReport['providerCost'] {
  const { cost } = raw;
  if (isRecord(cost)) return costFromDecimal(cost['total_cost'], 'cost.total_cost', fields);
  return raw['is_byok'] === true ? undefined : costFromDecimal(cost, 'cost', fields);
}

function positive(count: number | undefined): number | undefined {
  return count === 0 ? undefined : count;
}
