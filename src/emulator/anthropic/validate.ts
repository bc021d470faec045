import { Refusal } from '../answer.ts';
import type { AnthropicHeaders } from './headers.ts';
import { refusedByModel } from './model-rules.ts';
import { verifyRedacted, verifyThinking } from './signature.ts';
import { validateMedia } from './validate-media.ts';
import {
  type Block,
  betaFields,
  blocksOf,
  countFields,
  type InputMessage,
  isObject,
  type Json,
  type MessagesRequest,
  messagesFields,
  samplingFields,
} from './wire.ts';

/** Refuses what api.anthropic.com refuses, where a client can notice. Throws Refusal. */
export function validateMessages(body: unknown, headers: AnthropicHeaders): MessagesRequest {
  const request = checkFields(body, headers, messagesFields);
  if (request['max_tokens'] === undefined) throw invalid('max_tokens: Field required');
  checkInteger('max_tokens', request['max_tokens'], 1);
  checkSampling(request);
  checkStops(request['stop_sequences']);
  if (request['stream'] !== undefined && typeof request['stream'] !== 'boolean') {
    throw invalid('stream: Input should be a valid boolean');
  }
  checkThinking(request);
  const refused = refusedByModel(request);
  if (refused !== undefined) throw invalid(refused);
  return checkConversation(request, headers);
}

export function validateCount(body: unknown, headers: AnthropicHeaders): MessagesRequest {
  return checkConversation(checkFields(body, headers, countFields), headers);
}

function invalid(message: string): Refusal {
  return new Refusal(400, 'invalid_request_error', message);
}

function checkFields(body: unknown, headers: AnthropicHeaders, known: ReadonlySet<string>): Json {
  if (!isObject(body)) throw invalid('The request body is not a JSON object');
  if (body['model'] === undefined) throw invalid('model: Field required');
  if (typeof body['model'] !== 'string') throw invalid('model: Input should be a valid string');
  if (body['messages'] === undefined) throw invalid('messages: Field required');
  for (const name of Object.keys(body)) {
    if (known.has(name)) continue;
    if (samplingFields.has(name) && headers.version === '2023-06-01' && known === messagesFields) continue;
    if (betaFields.has(name) && headers.beta) continue;
    throw invalid(`${name}: Extra inputs are not permitted`);
  }
  // The emulator keeps no conversations; clients that hear it in these words send theirs whole (@anthropic-ai/sdk 1.11).
  if (isObject(body['thread'])) {
    const message = 'thread: Threads are not available for this organization';
    throw new Refusal(400, 'invalid_request_error', message, { code: 'thread_unsupported_request' });
  }
  return body;
}

function checkInteger(path: string, value: unknown, min: number): void {
  if (!Number.isInteger(value)) throw invalid(`${path}: Input should be a valid integer`);
  if ((value as number) < min) throw invalid(`${path}: Input should be greater than or equal to ${min}`);
}

function checkSampling(request: Json): void {
  for (const name of ['temperature', 'top_p']) {
    const value = request[name];
    if (value === undefined) continue;
    if (typeof value !== 'number') throw invalid(`${name}: Input should be a valid number`);
    if (value < 0) throw invalid(`${name}: Input should be greater than or equal to 0`);
    if (value > 1) throw invalid(`${name}: Input should be less than or equal to 1`);
  }
  if (request['top_k'] !== undefined) checkInteger('top_k', request['top_k'], 0);
}

function checkStops(stops: unknown): void {
  if (stops === undefined) return;
  if (!Array.isArray(stops)) throw invalid('stop_sequences: Input should be a valid list');
  for (const [position, stop] of stops.entries()) {
    if (typeof stop !== 'string') throw invalid(`stop_sequences.${position}: Input should be a valid string`);
    if (stop.trim() === '') throw invalid('stop_sequences: each stop sequence must contain non-whitespace');
  }
}

const budgetTokensMin = 1_024;

function checkThinking(request: Json): void {
  const thinking = request['thinking'];
  if (thinking === undefined) return;
  if (!isObject(thinking)) throw invalid('thinking: Input should be a valid dictionary');
  const types = ['adaptive', 'between_tools', 'disabled', 'enabled'];
  if (!types.includes(String(thinking['type']))) {
    throw invalid(
      `thinking: Input tag '${String(thinking['type'])}' found using 'type' does not match any of the expected tags: ${types.map(type => `'${type}'`).join(', ')}`,
    );
  }
  if (thinking['type'] === 'disabled') return;
  if (thinking['type'] === 'enabled') {
    if (thinking['budget_tokens'] === undefined) throw invalid('thinking.enabled.budget_tokens: Field required');
    checkInteger('thinking.enabled.budget_tokens', thinking['budget_tokens'], budgetTokensMin);
    if ((thinking['budget_tokens'] as number) >= (request['max_tokens'] as number)) {
      throw invalid('`max_tokens` must be greater than `thinking.budget_tokens`.');
    }
  }
  if (request['temperature'] !== undefined && request['temperature'] !== 1) {
    throw invalid('`temperature` may only be set to 1 when thinking is enabled.');
  }
  if (request['top_k'] !== undefined) throw invalid('`top_k` must be unset when thinking is enabled.');
  const choice = request['tool_choice'];
  if (isObject(choice) && (choice['type'] === 'any' || choice['type'] === 'tool')) {
    throw invalid('Thinking may not be enabled when tool_choice forces tool use.');
  }
}

const cacheMarksMax = 4;

function checkConversation(request: Json, headers: AnthropicHeaders): MessagesRequest {
  checkSystem(request['system']);
  const messages = request['messages'];
  if (!Array.isArray(messages)) throw invalid('messages: Input should be a valid list');
  if (messages.length === 0) throw invalid('messages: at least one message is required');
  const asked = { ...headers, model: String(request['model']) };
  for (const [position, message] of messages.entries()) checkMessage(`messages.${position}`, message, asked);
  // Every field that MessagesRequest names was checked above.
  const checked = request as unknown as MessagesRequest;
  if (checked.messages[0]!.role !== 'user') throw invalid('messages: first message must use the "user" role');
  for (const [position, message] of checked.messages.entries()) {
    checkNotEmpty(position, message, position === checked.messages.length - 1);
  }
  checkToolResults(checked.messages);
  checkThinkingKept(checked);
  checkTools(request);
  const marks = countCacheMarks(request);
  if (marks > cacheMarksMax) {
    throw invalid(`A maximum of ${cacheMarksMax} blocks with cache_control may be provided. Found ${marks}.`);
  }
  return checked;
}

function checkSystem(system: unknown): void {
  if (system === undefined || typeof system === 'string') return;
  if (!Array.isArray(system)) throw invalid('system: Input should be a valid string or list of text blocks');
  for (const [position, block] of system.entries()) {
    if (!isObject(block) || block['type'] !== 'text') throw invalid(`system.${position}.type: Input should be 'text'`);
    if (typeof block['text'] !== 'string') throw invalid(`system.${position}.text: Field required`);
    if (block['text'] === '') throw invalid('system: text content blocks must be non-empty');
  }
}

interface Asked extends AnthropicHeaders {
  readonly model: string;
}

function checkMessage(path: string, message: unknown, headers: Asked): void {
  if (!isObject(message)) throw invalid(`${path}: Input should be a valid dictionary`);
  for (const name of Object.keys(message)) {
    if (name !== 'role' && name !== 'content') throw invalid(`${path}.${name}: Extra inputs are not permitted`);
  }
  const { role, content } = message;
  if (role === undefined) throw invalid(`${path}.role: Field required`);
  if (role !== 'user' && role !== 'assistant' && role !== 'system') {
    throw invalid(
      `messages: Unexpected role "${String(role).slice(0, 100)}". Allowed roles are "user", "assistant" or "system".`,
    );
  }
  if (content === undefined) throw invalid(`${path}.content: Field required`);
  if (typeof content === 'string') return;
  if (!Array.isArray(content)) throw invalid(`${path}.content: Input should be a valid string or list of blocks`);
  for (const [position, block] of content.entries()) checkBlock(`${path}.content.${position}`, role, block, headers);
}

const blockTypes: Readonly<Record<'user' | 'assistant' | 'system', readonly string[]>> = {
  system: ['text'],
  user: ['text', 'image', 'document', 'tool_result', 'search_result', 'container_upload'],
  assistant: [
    'text',
    'image',
    'document',
    'tool_use',
    'thinking',
    'redacted_thinking',
    'server_tool_use',
    'web_search_tool_result',
    'web_fetch_tool_result',
    'code_execution_tool_result',
    'bash_code_execution_tool_result',
    'text_editor_code_execution_tool_result',
    'tool_search_tool_result',
    'container_upload',
    'compaction',
  ],
};

function checkBlock(path: string, role: 'user' | 'assistant' | 'system', block: unknown, headers: Asked): void {
  if (!isObject(block)) throw invalid(`${path}: Input should be a valid dictionary`);
  const type = block['type'];
  if (typeof type !== 'string') throw invalid(`${path}.type: Field required`);
  if (!blockTypes[role].includes(type)) {
    throw invalid(
      `${path}: Input tag '${type.slice(0, 100)}' found using 'type' does not match any of the expected tags: ${blockTypes[role].map(known => `'${known}'`).join(', ')}`,
    );
  }
  if (headers.version === '2026-10-21') checkNewVersion(path, role, block);
  switch (type) {
    case 'text':
      checkText(path, block);
      return;
    case 'image':
    case 'document':
      validateMedia(path, type, block);
      return;
    case 'tool_use':
      checkToolUse(path, block);
      return;
    case 'tool_result':
      checkToolResult(path, block);
      return;
    case 'thinking':
      checkThinkingBlock(path, block, headers.model);
      return;
    case 'redacted_thinking':
      if (typeof block['data'] !== 'string') throw invalid(`${path}.redacted_thinking.data: Field required`);
      if (!verifyRedacted(block['data'], headers.model))
        throw invalid(`${path}: Invalid \`data\` in \`redacted_thinking\` block`);
      return;
    default:
      return;
  }
}

function checkNewVersion(path: string, role: string, block: Json): void {
  if (role === 'assistant' && block['type'] === 'document') {
    throw invalid(`${path}: \`document\` blocks are not permitted in assistant messages`);
  }
  if (
    role === 'user' &&
    block['type'] === 'text' &&
    Array.isArray(block['citations']) &&
    block['citations'].length > 0
  ) {
    throw invalid(`${path}.text.citations: must be empty in user messages`);
  }
}

function checkText(path: string, block: Json): void {
  if (typeof block['text'] !== 'string') throw invalid(`${path}.text.text: Field required`);
  if (block['text'] === '') throw invalid('messages: text content blocks must be non-empty');
  if (block['text'].trim() === '') throw invalid('messages: text content blocks must contain non-whitespace text');
}

const toolIdPattern = /^[a-zA-Z0-9_-]+$/;

function checkToolUse(path: string, block: Json): void {
  if (typeof block['id'] !== 'string') throw invalid(`${path}.tool_use.id: Field required`);
  if (!toolIdPattern.test(block['id'])) {
    throw invalid(`${path}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'`);
  }
  if (typeof block['name'] !== 'string') throw invalid(`${path}.tool_use.name: Field required`);
  if (block['input'] === undefined) throw invalid(`${path}.tool_use.input: Field required`);
  if (!isObject(block['input'])) throw invalid(`${path}.tool_use.input: Input should be a valid dictionary`);
}

function checkToolResult(path: string, block: Json): void {
  if (typeof block['tool_use_id'] !== 'string') throw invalid(`${path}.tool_result.tool_use_id: Field required`);
  const content = block['content'];
  if (content === undefined || typeof content === 'string') return;
  if (!Array.isArray(content)) throw invalid(`${path}.tool_result.content: Input should be a valid string or list`);
  for (const [position, part] of content.entries()) {
    const at = `${path}.tool_result.content.${position}`;
    if (!isObject(part) || typeof part['type'] !== 'string') throw invalid(`${at}.type: Field required`);
    if (part['type'] === 'text' && typeof part['text'] !== 'string') throw invalid(`${at}.text.text: Field required`);
    if (part['type'] === 'image' || part['type'] === 'document') validateMedia(at, part['type'], part);
  }
}

function checkThinkingBlock(path: string, block: Json, model: string): void {
  if (typeof block['thinking'] !== 'string') throw invalid(`${path}.thinking.thinking: Field required`);
  if (typeof block['signature'] !== 'string') throw invalid(`${path}.thinking.signature: Field required`);
  if (!verifyThinking(block['thinking'], block['signature'], model)) {
    throw invalid(`${path}: Invalid \`signature\` in \`thinking\` block`);
  }
}

function checkNotEmpty(position: number, message: InputMessage, last: boolean): void {
  const isEmpty = message.content.length === 0;
  if (isEmpty && !(last && message.role === 'assistant')) {
    throw invalid(
      `messages.${position}: all messages must have non-empty content except for the optional final assistant message`,
    );
  }
  if (!last || message.role !== 'assistant') return;
  const final = blocksOf(message.content).at(-1);
  if (final?.type === 'text' && /\s$/.test(String(final['text']))) {
    throw invalid('messages: final assistant content cannot end with trailing whitespace');
  }
}

/** Results come first in the next user turn, and answer every call of the assistant turn before; consecutive messages
 *  of one role are one turn. */
function checkToolResults(messages: readonly InputMessage[]): void {
  let open: readonly string[] = [];
  let calledAt = -1;
  for (const turn of turnsOf(messages)) {
    if (turn.role === 'system') continue;
    const results = turn.blocks.filter(({ block }) => block.type === 'tool_result');
    for (const { path, block } of results) {
      const id = String(block['tool_use_id']);
      if (turn.role === 'user' && open.includes(id)) continue;
      throw invalid(
        `${path}: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${id}. Each \`tool_result\` block must have a corresponding \`tool_use\` block in the previous message.`,
      );
    }
    const leading = turn.blocks.findIndex(({ block }) => block.type !== 'tool_result');
    const first = leading === -1 ? turn.blocks : turn.blocks.slice(0, leading);
    const answered = new Set(first.map(({ block }) => String(block['tool_use_id'])));
    refuseOpen(
      calledAt,
      open.filter(id => !answered.has(id)),
    );
    open =
      turn.role === 'assistant'
        ? turn.blocks.flatMap(({ block }) => (block.type === 'tool_use' ? [String(block['id'])] : []))
        : [];
    calledAt = turn.at;
  }
  refuseOpen(calledAt, open);
}

function refuseOpen(at: number, ids: readonly string[]): void {
  if (ids.length === 0) return;
  throw invalid(
    `messages.${at}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${ids.join(', ')}. Each \`tool_use\` block must have a corresponding \`tool_result\` block in the next message.`,
  );
}

interface Turn {
  readonly role: InputMessage['role'];
  readonly at: number;
  readonly blocks: { readonly path: string; readonly block: Block }[];
}

function turnsOf(messages: readonly InputMessage[]): Turn[] {
  const turns: Turn[] = [];
  for (const [at, message] of messages.entries()) {
    const blocks = blocksOf(message.content).map((block, position) => ({
      path: `messages.${at}.content.${position}`,
      block,
    }));
    const last = turns.at(-1);
    if (last?.role === message.role) last.blocks.push(...blocks);
    else turns.push({ role: message.role, at, blocks });
  }
  return turns;
}

/** With thinking on, the turn that called the tools now answered must still begin with its thinking. */
function checkThinkingKept(request: MessagesRequest): void {
  const thinking = request['thinking'];
  if (!isObject(thinking) || thinking['type'] !== 'enabled') return;
  const last = request.messages.findLastIndex(message => message.role === 'assistant');
  if (last === -1) return;
  const blocks = blocksOf(request.messages[last]!.content);
  if (!blocks.some(block => block.type === 'tool_use')) return;
  const found = blocks[0]!.type;
  if (found === 'thinking' || found === 'redacted_thinking') return;
  throw invalid(
    `messages.${last}.content.0.type: Expected \`thinking\` or \`redacted_thinking\`, but found \`${found}\`. When \`thinking\` is enabled, a final \`assistant\` message must start with a thinking block.`,
  );
}

const toolNamePattern = /^[a-zA-Z0-9_-]{1,128}$/;

function checkTools(request: Json): void {
  const tools = request['tools'];
  if (tools !== undefined && !Array.isArray(tools)) throw invalid('tools: Input should be a valid list');
  const names = new Set<string>();
  for (const [position, tool] of ((tools ?? []) as readonly unknown[]).entries()) {
    if (!isObject(tool)) throw invalid(`tools.${position}: Input should be a valid dictionary`);
    if (typeof tool['name'] !== 'string') throw invalid(`tools.${position}.name: Field required`);
    if (names.has(tool['name'])) throw invalid('tools: Tool names must be unique.');
    names.add(tool['name']);
    if (tool['type'] !== undefined && tool['type'] !== null && tool['type'] !== 'custom') continue;
    checkCustomTool(`tools.${position}.custom`, tool);
  }
  checkToolChoice(request['tool_choice'], names);
}

function checkCustomTool(path: string, tool: Json): void {
  if (!toolNamePattern.test(String(tool['name']))) {
    throw invalid(`${path}.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'`);
  }
  const schema = tool['input_schema'];
  if (schema === undefined) throw invalid(`${path}.input_schema: Field required`);
  if (!isObject(schema)) throw invalid(`${path}.input_schema: Input should be a valid dictionary`);
  if (schema['type'] === undefined) throw invalid(`${path}.input_schema.type: Field required`);
  if (schema['type'] !== 'object') throw invalid(`${path}.input_schema.type: Input should be 'object'`);
}

function checkToolChoice(choice: unknown, names: ReadonlySet<string>): void {
  if (choice === undefined) return;
  if (!isObject(choice)) throw invalid('tool_choice: Input should be a valid dictionary');
  const types = ['any', 'auto', 'none', 'tool'];
  if (!types.includes(String(choice['type']))) {
    throw invalid(
      `tool_choice: Input tag '${String(choice['type'])}' found using 'type' does not match any of the expected tags: ${types.map(type => `'${type}'`).join(', ')}`,
    );
  }
  if (names.size === 0) throw invalid('tool_choice: may only be specified while providing tools');
  if (choice['type'] === 'tool' && !names.has(String(choice['name']))) {
    throw invalid(`Tool '${String(choice['name'])}' not found in provided tools`);
  }
}

function countCacheMarks(request: Json): number {
  let marks = isObject(request['cache_control']) ? 1 : 0;
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) {
      for (const item of value) visit(item);
    } else if (isObject(value)) {
      if (isObject(value['cache_control'])) marks += 1;
      visit(value['content']);
    }
  };
  visit(request['system']);
  visit(request['tools']);
  visit(request['messages']);
  return marks;
}
