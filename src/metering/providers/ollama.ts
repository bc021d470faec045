import { isRecord, UsageFields, type UsageReport } from '../../completion/usage-fields.ts';
import type { UsageSemantics } from './semantics.ts';

/** The counts of `/api/chat`, which stand in the last message itself
 *  (https://github.com/ollama/ollama/blob/main/docs/api.md, 2026-11). Timings beside them are left out. */
export function readOllamaUsage(raw: unknown): UsageReport | undefined {
  if (raw === undefined || raw === null) return undefined;
  if (!isRecord(raw)) return { slices: {}, identityBroken: 'usage is not an object' };
  if (raw['prompt_eval_count'] === undefined && raw['eval_count'] === undefined) return undefined;
  const fields = new UsageFields();
  const inputUncached = fields.requiredCount(raw, 'prompt_eval_count');
  const output = fields.requiredCount(raw, 'eval_count');
  if (fields.problem !== undefined) return { slices: {}, identityBroken: fields.problem };
  return { slices: { inputUncached, output } };
}

export const ollamaUsage: UsageSemantics = {
  provider: 'ollama',
  input: '`prompt_eval_count`',
  output: '`eval_count` includes thinking',
  identities: ['both counts, or none'],
  beside: '–',
  source: 'https://github.com/ollama/ollama/blob/main/docs/api.md, 2026-11',
  read: readOllamaUsage,
};
