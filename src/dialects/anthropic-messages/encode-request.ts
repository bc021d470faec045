import type { LossLedger } from '../../completion/loss.ts';
import type { CompletionRequest, Sampling } from '../../completion/request.ts';
import type { RequestTarget } from '../dialect.ts';
import { encodeTool, encodeToolChoice } from './encode-tools.ts';
import { encodeTexts, encodeTurns, isText, shortest, withBody } from './encode-turns.ts';
import { anthropicMessagesProfile } from './profile.ts';
import { fitReasoning } from './reasoning.ts';
import { fitVersion } from './version.ts';

/** Temperatures reach 1 here and 2 elsewhere. */
const temperatureMax = 1;

export function encodeRequest(request: CompletionRequest, target: RequestTarget, losses: LossLedger): Buffer {
  const turns = withBody(request.turns, losses);
  const bodyAt = turns.findIndex(turn => turn.role !== 'system');
  const system = turns
    .slice(0, Math.max(bodyAt, 0))
    .flatMap(turn => encodeTexts(turn.blocks.filter(isText), turn, losses));
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
    temperature: temperature(sampling, losses),
    top_p: sampling.topP,
    top_k: sampling.topK,
    stop_sequences: encodeStop(request.stop, losses),
    tools: hasTools ? request.tools.map(encodeTool) : undefined,
    tool_choice: hasTools ? encodeToolChoice(fitted.toolChoice, request.parallelToolCalls) : undefined,
    metadata: request.endUser === undefined ? undefined : { user_id: request.endUser },
    thinking: fitted.thinking,
    output_config: fitted.effort === undefined ? undefined : { effort: fitted.effort },
    stream: request.stream ? true : undefined,
  };
  declareLostSampling(request, losses);
  return Buffer.from(JSON.stringify(wire));
}

/** Required here: without a limit of the client's, the model's own. */
function limit(request: CompletionRequest, target: RequestTarget, losses: LossLedger): number {
  const asked = request.outputTokensMax;
  if (asked === undefined || asked === target.outputTokensMax) return target.outputTokensMax;
  if (asked < target.outputTokensMax) return asked;
  losses.approximated('output-limit-lowered', 'max_tokens');
  return target.outputTokensMax;
}

function temperature(sampling: Sampling, losses: LossLedger): number | undefined {
  const asked = sampling.temperature;
  if (asked === undefined || asked <= temperatureMax) return asked;
  losses.approximated('temperature-lowered', 'temperature');
  return temperatureMax;
}

/** Penalties of zero are the default everywhere. */
function declareLostSampling(request: CompletionRequest, losses: LossLedger): void {
  const { seed, frequencyPenalty, presencePenalty } = request.sampling;
  if (seed !== undefined) losses.dropped('seed-unsupported', 'seed');
  if ((frequencyPenalty ?? 0) !== 0) losses.dropped('frequency-penalty-unsupported', 'frequency_penalty');
  if ((presencePenalty ?? 0) !== 0) losses.dropped('presence-penalty-unsupported', 'presence_penalty');
}

/** Sequences of white space only are refused by the API. */
function encodeStop(stop: readonly string[], losses: LossLedger): readonly string[] | undefined {
  const filled = stop.filter((sequence, index) => {
    if (sequence.trim() !== '') return true;
    losses.dropped('stop-blank-unsupported', stop.length === 1 ? 'stop' : `stop.${index}`);
    return false;
  });
  return filled.length === 0 ? undefined : filled;
}
