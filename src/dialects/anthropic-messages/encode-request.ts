import type { LossLedger } from '../../completion/loss.ts';
import type {
  Block,
  CallBlock,
  CompletionRequest,
  ResultBlock,
  TextBlock,
  ToolChoice,
  ToolDefinition,
  Turn,
} from '../../completion/request.ts';
import { messagesCallIds, RequestCallIds } from '../call-ids.ts';
import type { RequestTarget } from '../dialect.ts';
import { parseBounded } from '../exact-json.ts';
import { isRecord } from '../wire-values.ts';

/** Temperatures reach 1 here and 2 elsewhere. */
const temperatureMax = 1;

export function encodeRequest(request: CompletionRequest, target: RequestTarget, losses: LossLedger): Buffer {
  const turns = withBody(request.turns, losses);
  const bodyAt = turns.findIndex(turn => turn.role !== 'system');
  const system = turns
    .slice(0, Math.max(bodyAt, 0))
    .flatMap(turn => encodeTexts(turn.blocks.filter(isText), turn, losses));
  const hasTools = request.tools.length > 0;
  // Keys that are undefined are not written.
  const wire = {
    model: target.targetModel,
    max_tokens: limit(request, target, losses),
    system: system.length === 0 ? undefined : shortest(system),
    messages: encodeTurns(bodyAt === -1 ? [] : turns.slice(bodyAt), losses),
    temperature: temperature(request, losses),
    top_p: request.sampling.topP,
    top_k: request.sampling.topK,
    stop_sequences: encodeStop(request.stop, losses),
    tools: hasTools ? request.tools.map(encodeTool) : undefined,
    tool_choice: hasTools ? encodeToolChoice(request.toolChoice, request.parallelToolCalls) : undefined,
    metadata: request.endUser === undefined ? undefined : { user_id: request.endUser },
    stream: request.stream ? true : undefined,
  };
  declareLostSampling(request, losses);
  return Buffer.from(JSON.stringify(wire));
}

/** This API wants a message beside the system prompt: when there is none, the last instruction is said as the user. */
function withBody(turns: readonly Turn[], losses: LossLedger): readonly Turn[] {
  const last = turns.at(-1);
  if (last === undefined || turns.some(turn => turn.role !== 'system')) return turns;
  losses.moved('system-as-user', last.path);
  return turns.with(-1, { ...last, role: 'user' });
}

/** Required here: without a limit of the client's, the model's own. */
function limit(request: CompletionRequest, target: RequestTarget, losses: LossLedger): number {
  const asked = request.outputTokensMax;
  if (asked === undefined || asked === target.outputTokensMax) return target.outputTokensMax;
  if (asked < target.outputTokensMax) return asked;
  losses.approximated('output-limit-lowered', 'max_tokens');
  return target.outputTokensMax;
}

function temperature(request: CompletionRequest, losses: LossLedger): number | undefined {
  const asked = request.sampling.temperature;
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

interface WireMessage {
  readonly role: string;
  content: unknown;
}

/** Turns of one role in a row become one message: the results of parallel calls belong into one user message. */
function encodeTurns(turns: readonly Turn[], losses: LossLedger): WireMessage[] {
  const ids = new RequestCallIds(messagesCallIds);
  const messages: { role: Turn['role']; blocks: unknown[]; hasText: boolean }[] = [];
  for (const turn of turns) {
    const last = messages.at(-1);
    const message = last?.role === turn.role ? last : { role: turn.role, blocks: [], hasText: false };
    const results: unknown[] = [];
    const others: unknown[] = [];
    for (const block of turn.blocks) {
      if (block.type === 'result') results.push(encodeResult(block, ids));
      else if (block.type === 'call') others.push(encodeCall(block, turn.path, ids, losses));
      else others.push(...encodeTexts([block], turn, losses));
    }
    if (results.length > 0 && (message.hasText || isMixed(turn))) losses.moved('tool-result-moved', turn.path);
    if (results.length > 0) message.blocks.splice(leadingResults(message.blocks), 0, ...results);
    message.blocks.push(...others);
    message.hasText ||= others.length > 0;
    if (message.blocks.length === 0) losses.dropped('empty-message-unsupported', turn.path);
    else if (message !== last) messages.push(message);
  }
  return messages.map(({ role, blocks }) => ({ role, content: shortest(blocks) }));
}

/** Does a result stand after something else? */
function isMixed(turn: Turn): boolean {
  const firstOther = turn.blocks.findIndex(block => block.type !== 'result');
  return firstOther !== -1 && turn.blocks.findLastIndex(block => block.type === 'result') > firstOther;
}

function leadingResults(blocks: readonly unknown[]): number {
  const other = blocks.findIndex(block => !isRecord(block) || block['type'] !== 'tool_result');
  return other === -1 ? blocks.length : other;
}

/** Empty texts say nothing and are refused by the API, blank ones as well. */
function encodeTexts(texts: readonly TextBlock[], turn: Turn, losses: LossLedger): unknown[] {
  return texts.flatMap(({ text }) => {
    if (text.trim() !== '') return [{ type: 'text', text }];
    if (text !== '') losses.dropped('blank-text-unsupported', turn.path);
    return [];
  });
}

/** One text goes as a string. */
function shortest(blocks: readonly unknown[]): unknown {
  const [first] = blocks;
  return blocks.length === 1 && isRecord(first) && first['type'] === 'text' ? first['text'] : blocks;
}

function encodeCall(call: CallBlock, path: string, ids: RequestCallIds, losses: LossLedger): unknown {
  return { type: 'tool_use', id: ids.ofCall(call.id), name: call.name, input: argumentsObject(call, path, losses) };
}

/** Arguments that are no object travel wrapped, as the API's own documentation advises
 *  (https://platform.claude.com/docs/en/agents-and-tools/tool-use/fine-grained-tool-streaming, 2026-11). */
function argumentsObject(call: CallBlock, path: string, losses: LossLedger): unknown {
  if (call.argumentsText.trim() === '') return {};
  try {
    const parsed = parseBounded(call.argumentsText);
    if (isRecord(parsed)) return parsed;
  } catch {
    // The model wrote no JSON; the next one may see that.
  }
  losses.approximated('arguments-wrapped', path);
  return { INVALID_JSON: call.argumentsText };
}

function encodeResult(result: ResultBlock, ids: RequestCallIds): unknown {
  const texts = result.blocks.filter(({ text }) => text !== '').map(({ text }) => ({ type: 'text', text }));
  return {
    type: 'tool_result',
    tool_use_id: ids.ofResult(result.callId),
    content: texts.length === 0 ? undefined : shortest(texts),
    is_error: result.isError ? true : undefined,
  };
}

function encodeTool(tool: ToolDefinition): unknown {
  return {
    name: tool.name,
    description: tool.description,
    input_schema: tool.parameters ?? { type: 'object', properties: {} },
    strict: tool.strict,
  };
}

function encodeToolChoice(choice: ToolChoice | undefined, parallel: boolean | undefined): unknown {
  const isSerial = parallel === false;
  if (choice === undefined) return isSerial ? { type: 'auto', disable_parallel_tool_use: true } : undefined;
  if (choice.type === 'none') return { type: 'none' };
  return { ...choice, disable_parallel_tool_use: isSerial ? true : undefined };
}

function isText(block: Block): block is TextBlock {
  return block.type === 'text';
}
