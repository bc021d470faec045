import type { LossLedger } from '../../completion/loss.ts';
import type { CompletionRequest } from '../../completion/request.ts';
import type { RequestTarget } from '../dialect.ts';
import { encodeTool, encodeToolChoice } from './encode-tools.ts';
import { encodeTurns } from './encode-turns.ts';
import { openaiChatProfile } from './profile.ts';
import { fitReasoning } from './reasoning.ts';

/** At most this many stop sequences (https://platform.openai.com/docs/api-reference/chat/create, 2026-11). */
const stopsMax = 4;

export function encodeRequest(request: CompletionRequest, target: RequestTarget, losses: LossLedger): Buffer {
  const hasTools = request.tools.length > 0;
  const fitted = fitReasoning(request, (target.profile ?? openaiChatProfile).reasoning, losses);
  // Keys that are undefined are not written.
  const wire = {
    model: target.targetModel,
    messages: encodeTurns(request.turns, target.profile ?? openaiChatProfile, losses),
    [target.outputLimitField ?? 'max_completion_tokens']: limit(request, target, losses),
    temperature: fitted.sampling.temperature,
    top_p: fitted.sampling.topP,
    seed: request.sampling.seed,
    frequency_penalty: request.sampling.frequencyPenalty,
    presence_penalty: request.sampling.presencePenalty,
    stop: encodeStop(request.stop, losses),
    tools: hasTools ? request.tools.map(encodeTool) : undefined,
    tool_choice: hasTools ? encodeToolChoice(request.toolChoice) : undefined,
    parallel_tool_calls: hasTools ? request.parallelToolCalls : undefined,
    user: request.endUser,
    reasoning_effort: fitted.effort,
    thinking: fitted.thinking,
    stream: request.stream ? true : undefined,
    // Asked for whatever the client wants: the exchange is metered by it.
    stream_options: request.stream && target.streamOptions !== false ? { include_usage: true } : undefined,
  };
  if (request.sampling.topK !== undefined) losses.dropped('top-k-unsupported', 'top_k');
  return Buffer.from(JSON.stringify(wire));
}

function limit(request: CompletionRequest, target: RequestTarget, losses: LossLedger): number | undefined {
  const asked = request.outputTokensMax;
  if (asked === undefined || asked <= target.outputTokensMax) return asked;
  losses.approximated('output-limit-lowered', 'max_tokens');
  return target.outputTokensMax;
}

function encodeStop(stop: readonly string[], losses: LossLedger): readonly string[] | undefined {
  if (stop.length === 0) return undefined;
  for (let index = stopsMax; index < stop.length; index += 1) {
    losses.dropped('stop-count-unsupported', `stop_sequences.${index}`);
  }
  return stop.slice(0, stopsMax);
}
