import { isRecord, UsageFields, type UsageReport } from '../../completion/usage-fields.ts';
import type { UsageSemantics } from './semantics.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Lifetimes there are. */
const cacheDetailsMax = 16;

/** Usage of Converse (@aws-sdk/client-bedrock-runtime 3.1162 TokenUsage, 2026-11). inputTokens excludes the cache; whether
 *  totalTokens includes it differs between models, and both sums say the same about the slices. */
export function readBedrockUsage(raw: unknown): UsageReport | undefined {
  if (raw === undefined || raw === null) return undefined;
  if (!isRecord(raw)) return { slices: {}, identityBroken: 'usage is not an object' };
  const fields = new UsageFields();

  const input = fields.requiredCount(raw, 'inputTokens');
  const output = fields.requiredCount(raw, 'outputTokens');
  const total = fields.count(raw, 'totalTokens');
  const read = fields.count(raw, 'cacheReadInputTokens');
  const written = fields.count(raw, 'cacheWriteInputTokens');
  if (total !== undefined && total !== input + output) {
    const sum = input + output + (read ?? 0) + (written ?? 0);
    fields.requireEqual('input + output + cacheRead + cacheWrite', sum, 'totalTokens', total);
  }
  const byLifetime = writtenTokens(raw, written, fields);

  if (fields.problem !== undefined) return { slices: {}, identityBroken: fields.problem };
  return {
    slices: {
      inputUncached: input,
      ...(read === undefined ? undefined : { cacheRead: read }),
      ...byLifetime,
      output,
    },
  };
}

function writtenTokens(
  raw: Fields,
  written: number | undefined,
  fields: UsageFields,
): { cacheWrite5m?: number; cacheWrite1h?: number } {
  const details = raw['cacheDetails'];
  if (details === undefined || details === null) return written === undefined ? {} : { cacheWrite5m: written };
  if (!Array.isArray(details) || details.length > cacheDetailsMax) {
    fields.refuse(`cacheDetails is not a list of at most ${cacheDetailsMax}`);
    return {};
  }
  // Empty where nothing was written, and on models that only write for five minutes.
  if (details.length === 0) return written === undefined ? {} : { cacheWrite5m: written };
  const sums = { '5m': 0, '1h': 0 };
  for (const detail of details) {
    const ttl = isRecord(detail) ? detail['ttl'] : undefined;
    if (!isRecord(detail) || (ttl !== '5m' && ttl !== '1h')) {
      fields.refuse('cacheDetails has a ttl that is not known');
      return {};
    }
    sums[ttl] += fields.requiredCount(detail, 'inputTokens');
  }
  fields.requireEqual('cacheDetails', sums['5m'] + sums['1h'], 'cacheWriteInputTokens', written ?? 0);
  return { cacheWrite5m: sums['5m'], cacheWrite1h: sums['1h'] };
}

export const bedrockUsage: UsageSemantics = {
  provider: 'bedrock',
  input: '`inputTokens` excludes cache reads and writes; `cacheDetails` splits writes by lifetime',
  output: '`outputTokens`, reasoning not told apart',
  identities: ['input + output (+ cache reads + writes) = totalTokens', 'cacheDetails = cacheWriteInputTokens'],
  beside: '–',
  source: 'https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_TokenUsage.html, 2026-11',
  read: readBedrockUsage,
};
