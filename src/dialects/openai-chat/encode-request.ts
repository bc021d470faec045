import type { LossLedger } from '../../completion/loss.ts';
import type { DialectProfile } from '../../completion/profile.ts';
import type { CompletionRequest } from '../../completion/request.ts';
import type { RequestTarget } from '../dialect.ts';
import { isRecord } from '../wire-values.ts';
import { writeJson } from '../write-json.ts';
import { encodeCache } from './cache.ts';
import { encodeTool, encodeToolChoice } from './encode-tools.ts';
import { encodeTurns } from './encode-turns.ts';
import { encodeOutput } from './output-form.ts';
import { openaiChatProfile } from './profile.ts';
import { fitReasoning } from './reasoning.ts';

export function encodeRequest(request: CompletionRequest, target: RequestTarget, losses: LossLedger): Buffer {
  const profile = target.profile ?? openaiChatProfile;
  const hasTools = request.tools.length > 0;
  const fitted = fitReasoning(request, profile.reasoning, losses);
  const { serviceTier, logprobs, stop } = request;
  // Keys that are undefined are not written.
  const wire = {
    model: target.targetModel,
    messages: encodeMessages(request, profile, losses),
    [target.outputLimitField ?? 'max_completion_tokens']: limit(request, target, losses),
    temperature: fitted.sampling.temperature,
    top_p: fitted.sampling.topP,
    [profile.seedField]: request.sampling.seed,
    frequency_penalty: request.sampling.frequencyPenalty,
    presence_penalty: request.sampling.presencePenalty,
    stop: stop.length === 0 ? undefined : stop,
    n: request.answers,
    logprobs: logprobs === undefined ? undefined : true,
    top_logprobs: logprobs === undefined || logprobs.alternatives === 0 ? undefined : logprobs.alternatives,
    tools: hasTools ? request.tools.map(encodeTool) : undefined,
    tool_choice: hasTools ? encodeToolChoice(request.toolChoice, request.tools) : undefined,
    parallel_tool_calls: hasTools ? request.parallelToolCalls : undefined,
    response_format: encodeOutput(request.output),
    verbosity: request.verbosity,
    [profile.endUser.field]: request.endUser,
    metadata: request.metadata,
    service_tier: serviceTier === undefined ? undefined : profile.serviceTiers.get(serviceTier)?.word,
    ...encodeCache(request.cache),
    reasoning_effort: fitted.effort,
    thinking: fitted.thinking,
    stream: request.stream ? true : undefined,
    // Asked for whatever the client wants: the exchange is metered by it.
    stream_options: request.stream && target.streamOptions !== false ? { include_usage: true } : undefined,
  };
  return writeJson(wire);
}

/** A host that goes on with the assistant's last message only where it is marked gets the mark. */
function encodeMessages(request: CompletionRequest, profile: DialectProfile, losses: LossLedger): readonly unknown[] {
  const messages = encodeTurns(request.turns, profile, losses);
  const last = messages.at(-1);
  const isMarked = request.continuesAssistant === true && profile.roles.assistantLast === 'continued-if-marked';
  if (!isMarked || !isRecord(last) || last['role'] !== 'assistant') return messages;
  return [...messages.slice(0, -1), { ...last, prefix: true }];
}

function limit(request: CompletionRequest, target: RequestTarget, losses: LossLedger): number | undefined {
  const asked = request.outputTokensMax;
  if (asked === undefined || asked <= target.outputTokensMax) return asked;
  losses.approximated('output-limit-lowered', 'max_tokens');
  return target.outputTokensMax;
}
