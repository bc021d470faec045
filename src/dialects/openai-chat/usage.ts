import { isRecord, UsageFields, type UsageReport } from '../../completion/usage-fields.ts';

/** Usage of the chat completions API and of hosts that speak it.
 *  undefined when nothing was said (absent or null, as DeepSeek sends before the last chunk).
 *
 *  prompt_tokens includes everything read from and written to the cache, audio and images; completion_tokens includes
 *  reasoning, audio and rejected predictions (openai-node 7.55 src/resources/completions.ts, 2026-11).
 *  Two hosts differ, and say so in their own numbers, so that no provider's name is needed here:
 *  - xAI's completion_tokens excludes reasoning_tokens while total_tokens includes them
 *    (recorded traffic, github.com/vercel/ai packages/xai, 2026-11);
 *  - DeepSeek splits the prompt into prompt_cache_hit_tokens and prompt_cache_miss_tokens
 *    (https://api-docs.deepseek.com/guides/kv_cache, 2026-11). */
export function readOpenAiChatUsage(raw: unknown): UsageReport | undefined {
  if (raw === undefined || raw === null) return undefined;
  if (!isRecord(raw)) return { slices: {}, identityBroken: 'usage is not an object' };
  const fields = new UsageFields();

  const prompt = fields.requiredCount(raw, 'prompt_tokens');
  const completion = fields.requiredCount(raw, 'completion_tokens');
  const total = fields.count(raw, 'total_tokens');
  const promptDetails = fields.nested(raw, 'prompt_tokens_details');
  const completionDetails = fields.nested(raw, 'completion_tokens_details');

  const cached = cachedTokens(raw, promptDetails, prompt, fields);
  const written = writtenTokens(promptDetails, fields);
  const inputAudio = fields.count(promptDetails, 'audio_tokens');
  const inputImage = fields.count(promptDetails, 'image_tokens');
  const uncached = prompt - (cached ?? 0) - (written.short ?? 0) - (written.long ?? 0);
  if (uncached < 0) fields.refuse('more cached and written tokens than prompt_tokens');
  if ((inputAudio ?? 0) + (inputImage ?? 0) > prompt) fields.refuse('more audio and image tokens than prompt_tokens');

  const reasoning = fields.count(completionDetails, 'reasoning_tokens');
  const outputAudio = fields.count(completionDetails, 'audio_tokens');
  // When both sums are equal, reasoning is zero and the two meanings are the same.
  const reasoningIsApart = total !== undefined && total === prompt + completion + (reasoning ?? 0);
  if (total !== undefined && total !== prompt + completion && !reasoningIsApart) {
    fields.refuse('prompt_tokens and completion_tokens do not add up to total_tokens');
  }
  const output = completion - (reasoningIsApart ? 0 : (reasoning ?? 0)) - (outputAudio ?? 0);
  if (output < 0) fields.refuse('more reasoning and audio tokens than completion_tokens');

  // xAI bills what its server-side search reads beside the tokens (https://docs.x.ai/developers/cost-tracking, 2026-11).
  const sources = fields.count(raw, 'num_sources_used');
  if (sources !== undefined && sources > 0) fields.refuse(`${sources} num_sources_used have no meter`);

  if (fields.problem !== undefined) return { slices: {}, identityBroken: fields.problem };

  // Cached tokens may be audio or image tokens too (xAI counts them in both): the cache comes off first, and the
  // modalities are capped by what is left, so that no token is in two slices and all of them are in one.
  const audioLeft = inputAudio === undefined ? undefined : Math.min(inputAudio, uncached);
  const imageLeft = inputImage === undefined ? undefined : Math.min(inputImage, uncached - (audioLeft ?? 0));
  return {
    slices: {
      inputUncached: uncached - (audioLeft ?? 0) - (imageLeft ?? 0),
      ...(cached === undefined ? undefined : { cacheRead: cached }),
      ...(written.short === undefined ? undefined : { cacheWrite5m: written.short }),
      ...(written.long === undefined ? undefined : { cacheWrite1h: written.long }),
      ...(audioLeft === undefined ? undefined : { inputAudio: audioLeft }),
      ...(imageLeft === undefined ? undefined : { inputImage: imageLeft }),
      output,
      ...(reasoning === undefined ? undefined : { reasoning }),
      ...(outputAudio === undefined ? undefined : { outputAudio }),
    },
  };
}

function cachedTokens(
  raw: Readonly<Record<string, unknown>>,
  details: Readonly<Record<string, unknown>>,
  prompt: number,
  fields: UsageFields,
): number | undefined {
  const cached = fields.count(details, 'cached_tokens');
  const hit = fields.count(raw, 'prompt_cache_hit_tokens');
  const miss = fields.count(raw, 'prompt_cache_miss_tokens');
  if (hit === undefined && miss === undefined) return cached;
  if (hit === undefined || miss === undefined || hit + miss !== prompt) {
    fields.refuse('prompt_cache_hit_tokens and prompt_cache_miss_tokens do not add up to prompt_tokens');
  }
  if (cached !== undefined && hit !== undefined && cached !== hit) {
    fields.refuse('cached_tokens differs from prompt_cache_hit_tokens');
  }
  return hit;
}

/** Cache writes by lifetime. OpenAI sells 30 minutes and 12 hours; they are the shorter and the longer of our two
 *  slices. Without a split, everything was written for the shorter one, the default (openai-node 7.55, 2026-11). */
function writtenTokens(
  details: Readonly<Record<string, unknown>>,
  fields: UsageFields,
): { short: number | undefined; long: number | undefined } {
  const written = fields.count(details, 'cache_write_tokens');
  const byLifetime = fields.nested(details, 'cache_write_tokens_details');
  const short = fields.count(byLifetime, 'ttl_30m');
  const long = fields.count(byLifetime, 'ttl_12h');
  if (short === undefined && long === undefined) return { short: written, long: undefined };
  if (written !== undefined && (short ?? 0) + (long ?? 0) !== written) {
    fields.refuse('cache writes by lifetime do not add up to cache_write_tokens');
  }
  return { short: short ?? 0, long: long ?? 0 };
}
