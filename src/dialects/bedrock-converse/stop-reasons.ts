import type { Finish, FinishReason } from '../../completion/event.ts';

/** Why an answer ended (@aws-sdk/client-bedrock-runtime 3.1162, enums.d.ts StopReason, 2026-11), both ways. */
const reasons: ReadonlyMap<string, FinishReason> = new Map([
  ['end_turn', 'stop'],
  ['stop_sequence', 'stop-sequence'],
  ['max_tokens', 'length'],
  ['model_context_window_exceeded', 'context-window'],
  ['tool_use', 'tool-call'],
  ['content_filtered', 'content-filter'],
  ['guardrail_intervened', 'content-filter'],
]);

/** What the model made malformed, and what is not known, is `other`: the raw word stays beside it. */
export function finishReasonOf(stopReason: string | undefined): FinishReason {
  return (stopReason === undefined ? undefined : reasons.get(stopReason)) ?? 'other';
}

export const stopReasons = {
  stop: 'end_turn',
  'stop-sequence': 'stop_sequence',
  length: 'max_tokens',
  'context-window': 'model_context_window_exceeded',
  'tool-call': 'tool_use',
  'content-filter': 'content_filtered',
  refusal: 'content_filtered',
  pause: 'end_turn',
  other: 'end_turn',
} as const satisfies Record<Finish['reason'], string>;
