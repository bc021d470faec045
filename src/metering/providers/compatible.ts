import type { UsageReport } from '../../completion/usage-fields.ts';
import { chatWords, readOpenAiShaped } from './openai-shaped.ts';
import type { UsageSemantics } from './semantics.ts';

/** Usage of the chat completions API and of every host that speaks it. Where hosts differ their own numbers say so, so that
 *  no provider's name is needed here. */
export function readCompatibleUsage(raw: unknown): UsageReport | undefined {
  return readOpenAiShaped(raw, chatWords, 'by-total');
}

export const compatibleUsage: UsageSemantics = {
  provider: 'openai-compatible',
  input: '`prompt_tokens` includes cached, written, audio, image and video tokens',
  output: '`completion_tokens` includes reasoning, unless `total_tokens` says that it does not',
  identities: ['prompt + completion (+ reasoning) = total_tokens', 'cached + written ≤ prompt'],
  beside: 'whatever of the fields below is there',
  source: 'https://platform.openai.com/docs/api-reference/chat/object, 2026-11',
  read: readCompatibleUsage,
};
