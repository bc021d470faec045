import type { LossLedger } from '../../completion/loss.ts';
import type { CompletionRequest, OutputFormat, TextBlock } from '../../completion/request.ts';
import type { RequestTarget } from '../dialect.ts';
import { thinks } from '../reasoning-effort.ts';
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
  const insists = form.needsState === 'current-tool-turns' && thinks(reasoning, form);
  const hasTools = request.tools.length > 0;
  // Keys that are undefined are not written.
  const wire = {
    contents: encodeTurns(conversation, profile, insists, losses),
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
      thinkingConfig: encodeReasoning(request, form, target.outputTokensMax, losses),
    }),
    serviceTier: serviceTier === undefined ? undefined : profile.serviceTiers.get(serviceTier)?.word,
    labels: encodeLabels(request.metadata, losses),
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

/** "Lowercase letters, numeric characters, underscores and dashes", at most 63 of them and 64 labels
 *  (https://cloud.google.com/resource-manager/docs/labels-overview#requirements, 2026-11). */
function encodeLabels(metadata: CompletionRequest['metadata'], losses: LossLedger): unknown {
  if (metadata === undefined) return undefined;
  const labels = Object.entries(metadata).filter(([name, value], index) => {
    const isTaken = index < labelsMax && /^[a-z][a-z0-9_-]{0,62}$/.test(name) && /^[a-z0-9_-]{0,63}$/.test(value);
    if (!isTaken) losses.dropped('metadata-unsupported', `metadata.${name.slice(0, 64)}`);
    return isTaken;
  });
  return labels.length === 0 ? undefined : Object.fromEntries(labels);
}

const labelsMax = 64;
