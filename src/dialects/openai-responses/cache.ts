import type { LossLedger } from '../../completion/loss.ts';
import type { CacheControl } from '../../completion/request.ts';
import { decodeCache as decodeSharedCache } from '../openai-chat/cache.ts';
import { FieldRules, isOneOf, read, readRecord, refused, type WireRecord } from '../wire-values.ts';

/** As in chat completions, with two options more (openai-node 7.55, responses.ts, 2026-11). */
const optionFields = new FieldRules({
  mode: read,
  ttl: read,
  // It names a stored response.
  comparison_response_id: refused(),
  // An answer that nobody reads would be made and paid for elsewhere.
  prewarm: refused(isOneOf(false)),
});

export function decodeCache(wire: WireRecord, losses: LossLedger): CacheControl | undefined {
  const value = wire['prompt_cache_options'];
  if (value === undefined || value === null) return decodeSharedCache(wire, losses);
  const options = readRecord(value, 'prompt_cache_options');
  optionFields.check(options, 'prompt_cache_options', losses);
  const { mode, ttl } = options;
  return decodeSharedCache({ ...wire, prompt_cache_options: { mode, ttl } }, losses);
}
