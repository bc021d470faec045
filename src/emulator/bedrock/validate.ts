import { verifyRedacted, verifyThinking } from '../anthropic/signature.ts';
import { Constraints } from './constraints.ts';
import { invalid, refusedByTheModel } from './errors.ts';
import { checkFamily, claudeName } from './model-rules.ts';
import { checkDocument, checkDocumentMeaning, checkImage, checkImageBytes } from './validate-media.ts';
import { checkCachePoint, checkTextFormat, checkToolName, checkTools } from './validate-tools.ts';
import {
  type ContentBlock,
  type ConverseRequest,
  contentMembers,
  efforts,
  isObject,
  type Json,
  listOf,
  type Message,
  resultMembers,
  systemMembers,
  type ToolResult,
  tiers,
} from './wire.ts';

/** Refuses what Bedrock refuses, where a client can notice. Throws Refusal. */
export function validateConverse(body: unknown, model: string, streamed: boolean): ConverseRequest {
  if (!isObject(body)) throw invalid('Start of structure or map expected.');
  const constraints = new Constraints();
  checkShape(body, constraints);
  constraints.refuse();
  // Every field that ConverseRequest names was checked above.
  const request = { ...body, messages: body['messages'] ?? [] } as unknown as ConverseRequest;
  checkSystem(request['system']);
  checkConversation(request.messages);
  checkToolBlocks(request);
  for (const [position, message] of request.messages.entries()) checkMeaning(`messages.${position}`, message, model);
  checkFamily(request, model, streamed);
  checkCachePoints(request);
  return request;
}

const roles = ['user', 'assistant', 'system'];
const stopsMax = 2_500;
const metadataMax = 16;

function checkShape(body: Json, constraints: Constraints): void {
  for (const [position, message] of checkList(body['messages'], 'messages').entries()) {
    checkMessage(constraints, `messages.${position + 1}.member`, message);
  }
  for (const [position, block] of checkList(body['system'], 'system').entries()) {
    union(`SystemContentBlock object at system.${position}`, block, systemMembers);
    constraints.length(`system.${position + 1}.member.text`, block['text'], [1, Number.MAX_SAFE_INTEGER]);
  }
  const inference = isObject(body['inferenceConfig']) ? body['inferenceConfig'] : {};
  if (typeof inference['maxTokens'] === 'number' && !Number.isInteger(inference['maxTokens'])) {
    throw invalid('The maxTokens field is not a whole number.');
  }
  for (const name of ['maxTokens', 'temperature', 'topP']) {
    if (inference[name] !== undefined && inference[name] !== null && typeof inference[name] !== 'number') {
      throw invalid(`A number was expected at inferenceConfig.${name}.`);
    }
  }
  constraints.range('inferenceConfig.maxTokens', inference['maxTokens'], [1, Number.MAX_SAFE_INTEGER]);
  constraints.range('inferenceConfig.temperature', inference['temperature'], [0, 1]);
  constraints.range('inferenceConfig.topP', inference['topP'], [0, 1]);
  constraints.length('inferenceConfig.stopSequences', inference['stopSequences'], [0, stopsMax]);
  for (const [position, stop] of listOf(inference['stopSequences']).entries()) {
    constraints.length(`inferenceConfig.stopSequences.${position + 1}.member`, stop, [1, Number.MAX_SAFE_INTEGER]);
  }
  checkTools(body['toolConfig'], constraints);
  checkOthers(body, constraints);
}

function checkOthers(body: Json, constraints: Constraints): void {
  const named = (name: string): Json => (isObject(body[name]) ? body[name] : {});
  const guardrail = body['guardrailConfig'];
  if (isObject(guardrail)) {
    constraints.pattern('guardrailConfig.guardrailVersion', guardrail['guardrailVersion'], '([1-9][0-9]{0,7})|(DRAFT)');
  }
  constraints.oneOf('performanceConfig.latency', named('performanceConfig')['latency'], ['standard', 'optimized']);
  constraints.oneOf('serviceTier.type', named('serviceTier')['type'], tiers);
  const metadata = Object.entries(named('requestMetadata'));
  if (metadata.length > metadataMax) {
    throw invalid(
      `1 validation error detected: Value at 'requestMetadata' failed to satisfy constraint: Member must have length less than or equal to ${metadataMax}`,
    );
  }
  for (const [key, value] of metadata) {
    constraints.length('requestMetadata.key', key, [1, 256]);
    constraints.length('requestMetadata.value', value, [0, 256]);
  }
  constraints.oneOf('outputConfig.effort', named('outputConfig')['effort'], efforts);
  checkTextFormat(named('outputConfig')['textFormat'], constraints);
}

/** Its entries, each an object. Throws Refusal for another type. */
function checkList(value: unknown, path: string): readonly Json[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || !value.every(isObject)) throw invalid(`A list of structures was expected at ${path}.`);
  return value;
}

function union(what: string, value: Json, members: readonly string[]): void {
  const set = members.filter(name => value[name] !== undefined && value[name] !== null);
  if (set.length === 1) return;
  if (set.length > 1) throw invalid(`The ${what} sets more than one key: ${set.join(', ')}. Set one and try again.`);
  throw invalid(`The ${what} must set one of the following keys: ${members.join(', ')}.`);
}

const toolUseIdPattern = '[a-zA-Z0-9_.:-]+';

function checkMessage(constraints: Constraints, path: string, message: Json): void {
  if (constraints.present(`${path}.role`, message['role'])) constraints.oneOf(`${path}.role`, message['role'], roles);
  if (!constraints.present(`${path}.content`, message['content'])) return;
  for (const [position, block] of checkList(message['content'], `${path}.content`).entries()) {
    checkBlock(constraints, `${path}.content.${position + 1}.member`, block);
  }
}

function checkBlock(constraints: Constraints, path: string, block: Json): void {
  union(`ContentBlock object at ${counted(path)}`, block, contentMembers);
  if (block['text'] !== undefined && typeof block['text'] !== 'string')
    throw invalid(`A text was expected at ${path}.text.`);
  checkImage(constraints, `${path}.image`, block['image']);
  checkDocument(constraints, `${path}.document`, block['document']);
  checkCachePoint(constraints, `${path}.cachePoint`, block['cachePoint']);
  if (isObject(block['toolUse'])) {
    checkToolUseId(constraints, `${path}.toolUse`, block['toolUse']);
    if (constraints.present(`${path}.toolUse.name`, block['toolUse']['name'])) {
      checkToolName(constraints, `${path}.toolUse.name`, block['toolUse']['name']);
    }
    constraints.present(`${path}.toolUse.input`, block['toolUse']['input']);
  }
  if (isObject(block['toolResult'])) checkResult(constraints, `${path}.toolResult`, block['toolResult']);
}

/** As the texts that speak of blocks count: from 0, and without `member`. */
function counted(path: string): string {
  return path.replace(/\.(\d+)\.member/g, (_, position: string) => `.${Number(position) - 1}`);
}

function checkToolUseId(constraints: Constraints, path: string, block: Json): void {
  if (!constraints.present(`${path}.toolUseId`, block['toolUseId'])) return;
  constraints.pattern(`${path}.toolUseId`, block['toolUseId'], toolUseIdPattern);
  constraints.length(`${path}.toolUseId`, block['toolUseId'], [1, 64]);
}

function checkResult(constraints: Constraints, path: string, result: Json): void {
  checkToolUseId(constraints, path, result);
  constraints.oneOf(`${path}.status`, result['status'], ['success', 'error']);
  if (!constraints.present(`${path}.content`, result['content'])) return;
  for (const [position, block] of checkList(result['content'], `${path}.content`).entries()) {
    const at = `${path}.content.${position + 1}.member`;
    union(`ToolResultContentBlock object at ${counted(at)}`, block, resultMembers);
    checkImage(constraints, `${at}.image`, block['image']);
    checkDocument(constraints, `${at}.document`, block['document']);
  }
}

function checkSystem(system: unknown): void {
  for (const [position, { text }] of listOf(system).entries()) {
    if (typeof text !== 'string' || text.trim() !== '') continue;
    throw invalid(
      `The text field in the SystemContentBlock object at system.${position} is blank. Add text to the text field, and try again.`,
    );
  }
}

function checkConversation(messages: readonly Message[]): void {
  if (messages.length === 0 || messages[0]!.role !== 'user') {
    throw invalid(
      'A conversation must start with a user message. Try again with a conversation that starts with a user message.',
    );
  }
  for (const [position, message] of messages.entries()) {
    if (message.content.length === 0) {
      throw invalid(
        `The content field in the Message object at messages.${position} is empty. Add a ContentBlock object to the content field and try again.`,
      );
    }
  }
  const spoken = messages.filter(message => message.role !== 'system');
  if (spoken.some((message, position) => position > 0 && message.role === spoken[position - 1]!.role)) {
    throw invalid(
      'A conversation must alternate between user and assistant roles. Make sure the conversation alternates between user and assistant roles and try again.',
    );
  }
}

function checkToolBlocks(request: ConverseRequest): void {
  const used = request.messages.some(({ content }) =>
    content.some(block => block.toolUse !== undefined || block.toolResult !== undefined),
  );
  if (!used) return;
  if (!isObject(request['toolConfig'])) {
    throw invalid('The toolConfig field must be defined when using toolUse and toolResult content blocks.');
  }
  let open: readonly string[] = [];
  for (const [position, { role, content }] of request.messages.entries()) {
    if (role === 'system') continue;
    const path = `messages.${position}.content`;
    const called = content.flatMap(block => (block.toolUse === undefined ? [] : [block.toolUse.toolUseId]));
    const answered = content.flatMap(block => (block.toolResult === undefined ? [] : [block.toolResult.toolUseId]));
    if (role === 'user' && called.length > 0)
      throw invalid(`The toolUse blocks at ${path} are not in an assistant message.`);
    refuseTwice('toolUse', path, called);
    refuseTwice('toolResult', path, answered);
    if (answered.length > open.length) {
      throw invalid(
        `The number of toolResult blocks at ${path} exceeds the number of toolUse blocks of previous turn.`,
      );
    }
    refuseOpen(
      path,
      open.filter(id => !answered.includes(id)),
    );
    open = called;
  }
  refuseOpen(`messages.${request.messages.length}.content`, open);
}

function refuseTwice(kind: string, path: string, ids: readonly string[]): void {
  const twice = ids.find((id, position) => ids.indexOf(id) !== position);
  if (twice !== undefined) throw invalid(`The ${kind} blocks at ${path} contain duplicate Ids: ${twice}`);
}

function refuseOpen(path: string, ids: readonly string[]): void {
  if (ids.length > 0) throw invalid(`Expected toolResult blocks at ${path} for the following Ids: ${ids.join(', ')}`);
}

const imagesMax = 20;
const documentsMax = 5;

function checkMeaning(path: string, { role, content }: Message, model: string): void {
  const images = content.filter(block => block['image'] !== undefined);
  const documents = content.filter(block => block['document'] !== undefined);
  if (role !== 'user' && images.length + documents.length > 0) {
    throw invalid(`Images and documents at ${path} are only permitted in messages with the user role.`);
  }
  if (images.length > imagesMax) throw invalid(`The message at ${path} has more than ${imagesMax} images.`);
  if (documents.length > documentsMax) throw invalid(`The message at ${path} has more than ${documentsMax} documents.`);
  if (documents.length > 0 && !content.some(block => block.text !== undefined)) {
    throw invalid(`The content field in the Message object at ${path} must have a text block beside its documents.`);
  }
  for (const [position, block] of content.entries()) checkBlockMeaning(`${path}.content.${position}`, block, model);
}

function checkBlockMeaning(path: string, block: ContentBlock, model: string): void {
  if (block.text !== undefined && block.text.trim() === '') {
    throw invalid(
      `The text field in the ContentBlock object at ${path} is blank. Add text to the text field, and try again.`,
    );
  }
  if (isObject(block['image'])) checkImageBytes(block['image']);
  if (isObject(block['document'])) checkDocumentMeaning(block['document']);
  const claude = claudeName(model);
  if (block.toolUse !== undefined) {
    if (!isObject(block.toolUse.input)) {
      throw invalid(
        `The format of the value at ${path}.toolUse.input is invalid. Provide a json object for the field and try again.`,
      );
    }
    if (claude !== undefined && !/^[a-zA-Z0-9_-]+$/.test(block.toolUse.toolUseId)) {
      throw refusedByTheModel(`${path}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'`);
    }
  }
  if (block.toolResult !== undefined) checkResultMeaning(path, block.toolResult);
  if (block.reasoningContent !== undefined) checkReasoning(path, block.reasoningContent, model);
}

function checkResultMeaning(path: string, result: ToolResult): void {
  if (result.status === 'error' && result.content.length === 0) {
    throw invalid(`The content field at ${path}.toolResult cannot be empty when status value is error.`);
  }
  for (const [position, part] of result.content.entries()) {
    const at = `${path}.toolResult.content.${position}`;
    if (typeof part['text'] === 'string' && part['text'].trim() === '') {
      throw invalid(
        `The text field in the ToolResultContentBlock object at ${at} is blank. Add text to the text field, and try again.`,
      );
    }
    if (part['json'] !== undefined && !isObject(part['json'])) {
      throw invalid(
        `The format of the value at ${at}.json is invalid. Provide a json object for the field and try again.`,
      );
    }
    if (isObject(part['image'])) checkImageBytes(part['image']);
    if (isObject(part['document'])) checkDocumentMeaning(part['document']);
  }
}

/** Reasoning is tied to its model by a signature; what Anthropic's models think must carry it. */
function checkReasoning(path: string, reasoning: Json, model: string): void {
  const { reasoningText, redactedContent } = reasoning;
  if (redactedContent !== undefined) {
    if (verifyRedacted(Buffer.from(String(redactedContent), 'base64').toString(), model)) return;
    throw refusedByTheModel(`${path}: Invalid \`data\` in \`redacted_thinking\` block`);
  }
  if (!isObject(reasoningText) || typeof reasoningText['text'] !== 'string') {
    throw invalid(`The reasoningText at ${path}.reasoningContent has no text.`);
  }
  const { signature } = reasoningText;
  if (signature === undefined || signature === null) {
    if (claudeName(model) === undefined) return;
    throw refusedByTheModel(`${path}.thinking.signature: Field required`);
  }
  if (verifyThinking(reasoningText['text'], String(signature), model)) return;
  throw refusedByTheModel(`${path}: Invalid \`signature\` in \`thinking\` block`);
}

const cachePointsMax = 4;

function checkCachePoints(request: ConverseRequest): void {
  const blocks = [
    ...listOf(isObject(request['toolConfig']) ? request['toolConfig']['tools'] : undefined),
    ...listOf(request['system']),
    ...request.messages.flatMap(message => message.content),
  ];
  const found = blocks.filter(block => block['cachePoint'] !== undefined).length;
  if (found <= cachePointsMax) return;
  throw refusedByTheModel(`A maximum of ${cachePointsMax} blocks with cache_control may be provided. Found ${found}.`);
}
