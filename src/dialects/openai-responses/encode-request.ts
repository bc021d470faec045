import type { LossLedger } from '../../completion/loss.ts';
import type { CompletionRequest, Turn } from '../../completion/request.ts';
import type { RequestTarget } from '../dialect.ts';
import { encodeCache } from '../openai-chat/cache.ts';
import { fitReasoning } from '../openai-chat/reasoning.ts';
import { writeJson } from '../write-json.ts';
import { encodeToolChoice, encodeTools } from './encode-tools.ts';
import { encodeTurns } from './encode-turns.ts';
import { encodeText } from './output-form.ts';
import { openaiResponsesProfile } from './profile.ts';

export function encodeRequest(request: CompletionRequest, target: RequestTarget, losses: LossLedger): Buffer {
  const profile = target.profile ?? openaiResponsesProfile;
  const hasTools = request.tools.length > 0;
  const { instructions, turns } = withInstructions(request.turns);
  const fitted = fitReasoning(request, profile.reasoning, losses);
  const { serviceTier, reasoning } = request;
  const thinks = profile.reasoning.style !== 'none' && fitted.effort !== 'none';
  // A summary is asked for only by who wants one: some models refuse it to accounts that are not verified
  // (https://developers.openai.com/api/docs/guides/reasoning#reasoning-summaries, 2026-11).
  const summary = thinks && reasoning?.display === 'summarized' ? 'auto' : undefined;
  // Keys that are undefined are not written.
  const wire = {
    model: target.targetModel,
    instructions,
    input: encodeTurns(turns, profile, losses),
    max_output_tokens: limit(request, target, losses),
    temperature: fitted.sampling.temperature,
    top_p: fitted.sampling.topP,
    tools: hasTools ? encodeTools(request.tools) : undefined,
    tool_choice: hasTools ? encodeToolChoice(request.toolChoice, request.tools) : undefined,
    parallel_tool_calls: hasTools ? request.parallelToolCalls : undefined,
    text: encodeText(request),
    reasoning: fitted.effort === undefined && summary === undefined ? undefined : { effort: fitted.effort, summary },
    // Nothing is stored at the provider, so what it thought comes with the answer.
    store: false,
    include: thinks ? ['reasoning.encrypted_content'] : undefined,
    [profile.endUser.field]: request.endUser,
    metadata: request.metadata,
    service_tier: serviceTier === undefined ? undefined : profile.serviceTiers.get(serviceTier)?.word,
    ...encodeCache(request.cache),
    stream: request.stream ? true : undefined,
  };
  return writeJson(wire);
}

/** What is said before the conversation has a field of its own; what is marked or in parts stays an item. */
function withInstructions(turns: readonly Turn[]): { readonly instructions?: string; readonly turns: readonly Turn[] } {
  const [first, ...rest] = turns;
  const [text, ...more] = first?.blocks ?? [];
  const isPlain = first?.role === 'system' && text?.type === 'text' && text.cache === undefined && more.length === 0;
  if (!isPlain || text.text === '' || rest.length === 0) return { turns };
  return { instructions: text.text, turns: rest };
}

function limit(request: CompletionRequest, target: RequestTarget, losses: LossLedger): number | undefined {
  const asked = request.outputTokensMax;
  if (asked === undefined || asked <= target.outputTokensMax) return asked;
  losses.approximated('output-limit-lowered', 'max_tokens');
  return target.outputTokensMax;
}
