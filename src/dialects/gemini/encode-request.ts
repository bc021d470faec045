import type { LossLedger } from '../../completion/loss.ts';
import type { CompletionRequest, OutputFormat, TextBlock } from '../../completion/request.ts';
import type { RequestTarget } from '../dialect.ts';
import { thinks, turnsWithoutState } from '../reasoning-effort.ts';
import { writeJson } from '../write-json.ts';
import { encodeToolChoice, encodeTools } from './encode-tools.ts';
import { encodeTurns } from './encode-turns.ts';
import { geminiProfile } from './profile.ts';
import { encodeReasoning } from './reasoning.ts';

/** The model and whether it is a stream are in the path. */
export function encodeRequest(request: CompletionRequest, target: RequestTarget, losses: LossLedger): Buffer {
  const { turns, serviceTier, reasoning } = request;
  const profile = target.profile ?? geminiProfile;
  const bodyAt = turns.findIndex(turn => turn.role !== 'system');
  const system = turns.slice(0, bodyAt === -1 ? turns.length : bodyAt).flatMap(({ blocks }) => blocks.filter(isSaid));
  const conversation = bodyAt === -1 ? [] : turns.slice(bodyAt);
  const { reasoning: form } = profile;
  const bypassed = thinks(reasoning, form) ? turnsWithoutState(conversation, form) : [];
  const hasTools = request.tools.length > 0;
  // Keys that are undefined are not written.
  const wire = {
    contents: encodeTurns(conversation, profile, bypassed, losses),
    systemInstruction: system.length === 0 ? undefined : { parts: system.map(({ text }) => ({ text })) },
    tools: encodeTools(request.tools),
    toolConfig: hasTools ? encodeToolChoice(request.toolChoice) : undefined,
    generationConfig: unlessEmpty({
      maxOutputTokens: limit(request, target, losses),
      temperature: request.sampling.temperature,
      topP: request.sampling.topP,
      topK: request.sampling.topK,
      seed: request.sampling.seed,
      frequencyPenalty: request.sampling.frequencyPenalty,
      presencePenalty: request.sampling.presencePenalty,
      stopSequences: request.stop.length === 0 ? undefined : request.stop,
      ...encodeOutput(request.output),
      thinkingConfig: encodeReasoning(request, form, losses),
    }),
    serviceTier: serviceTier === undefined ? undefined : profile.serviceTiers.get(serviceTier)?.word,
  };
  return writeJson(wire);
}

function isSaid(block: CompletionRequest['turns'][number]['blocks'][number]): block is TextBlock {
  return block.type === 'text' && block.text !== '';
}

function limit(request: CompletionRequest, target: RequestTarget, losses: LossLedger): number | undefined {
  const asked = request.outputTokensMax;
  if (asked === undefined || asked <= target.outputTokensMax) return asked;
  losses.approximated('output-limit-lowered', 'max_tokens');
  return target.outputTokensMax;
}

function encodeOutput(output: OutputFormat | undefined): Readonly<Record<string, unknown>> {
  if (output === undefined) return {};
  const responseMimeType = 'application/json';
  return output.type === 'json-object' ? { responseMimeType } : { responseMimeType, responseJsonSchema: output.schema };
}

function unlessEmpty(fields: Readonly<Record<string, unknown>>): unknown {
  return Object.values(fields).every(value => value === undefined) ? undefined : fields;
}
