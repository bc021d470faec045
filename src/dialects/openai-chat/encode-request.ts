import type { LossLedger } from '../../completion/loss.ts';
import type {
  Block,
  CompletionRequest,
  ResultBlock,
  TextBlock,
  ToolChoice,
  ToolDefinition,
  Turn,
} from '../../completion/request.ts';
import { chatCallIds, RequestCallIds } from '../call-ids.ts';
import type { RequestTarget } from '../dialect.ts';

/** At most this many stop sequences (https://platform.openai.com/docs/api-reference/chat/create, 2026-11). */
const stopsMax = 4;

export function encodeRequest(request: CompletionRequest, target: RequestTarget, losses: LossLedger): Buffer {
  const ids = new RequestCallIds(chatCallIds);
  const hasTools = request.tools.length > 0;
  // Keys that are undefined are not written.
  const wire = {
    model: target.targetModel,
    messages: request.turns.flatMap(turn => encodeTurn(turn, ids, losses)),
    [target.outputLimitField ?? 'max_completion_tokens']: limit(request, target, losses),
    temperature: request.sampling.temperature,
    top_p: request.sampling.topP,
    seed: request.sampling.seed,
    frequency_penalty: request.sampling.frequencyPenalty,
    presence_penalty: request.sampling.presencePenalty,
    stop: encodeStop(request.stop, losses),
    tools: hasTools ? request.tools.map(encodeTool) : undefined,
    tool_choice: hasTools ? encodeToolChoice(request.toolChoice) : undefined,
    parallel_tool_calls: hasTools ? request.parallelToolCalls : undefined,
    user: request.endUser,
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

function encodeTurn(turn: Turn, ids: RequestCallIds, losses: LossLedger): unknown[] {
  if (turn.role === 'assistant') return [encodeAssistant(turn, ids, losses)];
  const results = turn.blocks.filter(isResult);
  const texts = turn.blocks.filter(isText);
  if (turn.role === 'system' || results.length === 0) return [{ role: turn.role, content: encodeTexts(texts) }];
  const isMixed = turn.blocks.findLastIndex(isResult) > turn.blocks.findIndex(isText) && texts.length > 0;
  if (isMixed) losses.moved('tool-result-moved', turn.path);
  const messages: unknown[] = results.map(result => encodeResult(result, turn.path, ids, losses));
  if (texts.length > 0) messages.push({ role: 'user', content: encodeTexts(texts) });
  return messages;
}

function encodeAssistant(turn: Turn, ids: RequestCallIds, losses: LossLedger): unknown {
  const texts = turn.blocks.filter(isText);
  const calls = turn.blocks.filter(block => block.type === 'call');
  const isMixed = turn.blocks.findLastIndex(isText) > turn.blocks.findIndex(block => block.type === 'call');
  if (isMixed && calls.length > 0) losses.moved('text-after-call-moved', turn.path);
  return {
    role: 'assistant',
    content: texts.length === 0 ? (calls.length === 0 ? '' : null) : encodeTexts(texts),
    tool_calls:
      calls.length === 0
        ? undefined
        : calls.map(call => ({
            id: ids.ofCall(call.id),
            type: 'function',
            function: { name: call.name, arguments: call.argumentsText === '' ? '{}' : call.argumentsText },
          })),
  };
}

/** This dialect has no mark for a failed call: its text says so instead. */
function encodeResult(result: ResultBlock, path: string, ids: RequestCallIds, losses: LossLedger): unknown {
  if (result.isError) losses.approximated('tool-error-as-text', path);
  const content = encodeTexts(result.blocks);
  const failed = typeof content === 'string' ? `Error: ${content}` : [{ type: 'text', text: 'Error:' }, ...content];
  return { role: 'tool', tool_call_id: ids.ofResult(result.callId), content: result.isError ? failed : content };
}

/** One text goes as a string, which every host of this dialect takes. */
function encodeTexts(texts: readonly TextBlock[]): string | { type: string; text: string }[] {
  if (texts.length === 0) return '';
  if (texts.length === 1) return texts[0]!.text;
  return texts.map(({ text }) => ({ type: 'text', text }));
}

function encodeTool(tool: ToolDefinition): unknown {
  return {
    type: 'function',
    function: {
      name: tool.name,
      description: tool.description,
      parameters: tool.parameters,
      strict: tool.strict,
    },
  };
}

function encodeToolChoice(choice: ToolChoice | undefined): unknown {
  if (choice === undefined) return undefined;
  if (choice.type === 'any') return 'required';
  if (choice.type === 'tool') return { type: 'function', function: { name: choice.name } };
  return choice.type;
}

function isText(block: Block): block is TextBlock {
  return block.type === 'text';
}

function isResult(block: Block): block is ResultBlock {
  return block.type === 'result';
}
