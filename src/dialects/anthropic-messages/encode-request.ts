import type { LossLedger } from '../../completion/loss.ts';
import type { CompletionRequest, OutputFormat, ReasoningEffort } from '../../completion/request.ts';
import type { RequestTarget } from '../dialect.ts';
import { writeJson } from '../write-json.ts';
import { encodeCacheMark } from './cache.ts';
import { encodeTool, encodeToolChoice } from './encode-tools.ts';
import { encodeText, encodeTurns, isText, shortest } from './encode-turns.ts';
import { anthropicMessagesProfile } from './profile.ts';
import { fitReasoning } from './reasoning.ts';
import { fitVersion } from './version.ts';

export function encodeRequest(request: CompletionRequest, target: RequestTarget, losses: LossLedger): Buffer {
  const { turns, serviceTier } = request;
  const bodyAt = turns.findIndex(turn => turn.role !== 'system');
  const system: unknown[] = [];
  for (const { blocks } of turns.slice(0, Math.max(bodyAt, 0))) {
    for (const block of blocks) if (isText(block)) system.push(encodeText(block));
  }
  const profile = target.profile ?? anthropicMessagesProfile;
  const hasTools = request.tools.length > 0;
  const outputTokensMax = limit(request, target, losses);
  const fitted = fitReasoning(request, profile.reasoning, outputTokensMax, losses);
  const sampling = fitVersion(fitted.sampling, target, losses);
  // Keys that are undefined are not written.
  const wire = {
    model: target.targetModel,
    max_tokens: outputTokensMax,
    system: system.length === 0 ? undefined : shortest(system),
    messages: encodeTurns(bodyAt === -1 ? [] : turns.slice(bodyAt), profile, losses),
    temperature: sampling.temperature,
    top_p: sampling.topP,
    top_k: sampling.topK,
    stop_sequences: request.stop.length === 0 ? undefined : request.stop,
    tools: hasTools ? request.tools.map(encodeTool) : undefined,
    tool_choice: hasTools ? encodeToolChoice(fitted.toolChoice, request.parallelToolCalls) : undefined,
    metadata: request.endUser === undefined ? undefined : { user_id: request.endUser },
    thinking: fitted.thinking,
    output_config: encodeConfig(fitted.effort, request.output),
    cache_control: encodeCacheMark(request.cache?.automatic),
    service_tier: serviceTier === undefined ? undefined : profile.serviceTiers.get(serviceTier)?.word,
    stream: request.stream ? true : undefined,
  };
  return writeJson(wire);
}

/** Required here: without a limit of the client's, the model's own. */
function limit(request: CompletionRequest, target: RequestTarget, losses: LossLedger): number {
  const asked = request.outputTokensMax;
  if (asked === undefined || asked === target.outputTokensMax) return target.outputTokensMax;
  if (asked < target.outputTokensMax) return asked;
  losses.approximated('output-limit-lowered', 'max_tokens');
  return target.outputTokensMax;
}

function encodeConfig(effort: ReasoningEffort | undefined, output: OutputFormat | undefined): unknown {
  const format = output?.type === 'json-schema' ? { type: 'json_schema', schema: output.schema } : undefined;
  return effort === undefined && format === undefined ? undefined : { effort, format };
}
