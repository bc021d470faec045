import type { LossLedger } from '../../completion/loss.ts';
import type { CompletionRequest, OutputFormat, Sampling } from '../../completion/request.ts';
import type { RequestTarget } from '../dialect.ts';
import { writeJson } from '../write-json.ts';
import { encodeTool, encodeToolChoice, strictTools } from './encode-tools.ts';
import { encodeTurns } from './encode-turns.ts';
import { cohereChatProfile } from './profile.ts';
import { fitThinking } from './reasoning.ts';

export function encodeRequest(request: CompletionRequest, target: RequestTarget, losses: LossLedger): Buffer {
  const profile = target.profile ?? cohereChatProfile;
  const { stop, tools } = request;
  const hasTools = tools.length > 0;
  const sampling = onePenalty(request.sampling, losses);
  // Keys that are undefined are not written.
  const wire = {
    model: target.targetModel,
    messages: encodeTurns(request.turns, profile, losses),
    max_tokens: limit(request, target, losses),
    temperature: sampling.temperature,
    p: sampling.topP,
    k: sampling.topK,
    seed: sampling.seed,
    frequency_penalty: sampling.frequencyPenalty,
    presence_penalty: sampling.presencePenalty,
    stop_sequences: stop.length === 0 ? undefined : stop,
    tools: hasTools ? tools.map(encodeTool) : undefined,
    strict_tools: strictTools(tools, losses),
    tool_choice: hasTools ? encodeToolChoice(request.toolChoice, profile.reasoning, losses) : undefined,
    response_format: encodeOutput(request.output),
    thinking: fitThinking(request, profile.reasoning, losses),
    stream: request.stream,
  };
  return writeJson(wire);
}

function limit(request: CompletionRequest, target: RequestTarget, losses: LossLedger): number | undefined {
  const asked = request.outputTokensMax;
  if (asked === undefined || asked <= target.outputTokensMax) return asked;
  losses.approximated('output-limit-lowered', 'max_tokens');
  return target.outputTokensMax;
}

/** "cannot specify both frequency_penalty and presence_penalty" (https://docs.cohere.com/reference/errors, 2026-11). */
function onePenalty(sampling: Sampling, losses: LossLedger): Sampling {
  const { frequencyPenalty = 0, presencePenalty = 0 } = sampling;
  if (frequencyPenalty === 0 || presencePenalty === 0) return sampling;
  losses.dropped('presence-penalty-unsupported', 'presence_penalty');
  const { presencePenalty: _, ...others } = sampling;
  return others;
}

function encodeOutput(output: OutputFormat | undefined): unknown {
  if (output === undefined) return undefined;
  return output.type === 'json-object' ? { type: 'json_object' } : { type: 'json_object', json_schema: output.schema };
}
