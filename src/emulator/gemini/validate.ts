import { Refusal } from '../answer.ts';
import { typeOfFile } from '../media-bytes.ts';
import { invalid } from './errors.ts';
import { refusedThinking, rulesOf } from './model-rules.ts';
import { padded, readMessage } from './proto.ts';
import { verifyThought } from './signature.ts';
import { checkSchema, validateTools } from './validate-tools.ts';
import {
  type Content,
  type GenerateRequest,
  isObject,
  type Json,
  messages,
  type Part,
  vertexMessages,
} from './wire.ts';

/** Which of Google's two doors, and for which model. */
export interface Asked {
  readonly model: string;
  readonly vertex: boolean;
}

/** The request in camelCase. Refuses what the API refuses, where a client can notice. Throws Refusal. */
export function validateGenerate(body: unknown, asked: Asked): GenerateRequest {
  return checkRequest(readMessage(asked.vertex ? vertexMessages : messages, 'GenerateContentRequest', body), asked);
}

/** What is to be counted, as a request. */
export function validateCount(body: unknown, asked: Asked): GenerateRequest {
  const read = readMessage(asked.vertex ? vertexMessages : messages, 'CountTokensRequest', body);
  const inner = read['generateContentRequest'];
  if (inner === undefined) return checkRequest(read, asked);
  if (read['contents'] !== undefined) {
    throw invalid("Only one of 'contents' and 'generate_content_request' can be set.");
  }
  return checkRequest(inner as Json, asked);
}

function checkRequest(request: Json, asked: Asked): GenerateRequest {
  const contents = (request['contents'] ?? []) as readonly Content[];
  if (contents.length === 0) throw broken('contents', 'contents is not specified');
  for (const [position, content] of contents.entries()) checkContent(`contents[${position}]`, content, asked, true);
  const { systemInstruction } = request;
  if (isObject(systemInstruction)) checkContent('system_instruction', systemInstruction as Content, asked, false);
  if (typeof request['cachedContent'] === 'string') {
    throw new Refusal(403, 'PERMISSION_DENIED', 'CachedContent not found (or permission denied)');
  }
  checkConfig(request['generationConfig'], asked);
  validateTools(request, asked.model);
  checkCalls(contents);
  checkSignatures(contents, asked);
  // Every field that GenerateRequest names was checked above.
  return request as unknown as GenerateRequest;
}

function broken(field: string, problem: string): Refusal {
  return invalid(`* GenerateContentRequest.${field}: ${problem}\n`);
}

const dataFields = [
  'text',
  'inlineData',
  'fileData',
  'functionCall',
  'functionResponse',
  'executableCode',
  'codeExecutionResult',
  'toolCall',
  'toolResponse',
];

function checkContent(at: string, content: Content, asked: Asked, spoken: boolean): void {
  const role = content.role ?? 'user';
  // A system instruction may say any role.
  if (spoken && role !== 'user' && role !== 'model' && role !== 'function') {
    throw invalid('Please use a valid role: user, model.');
  }
  const parts = content.parts ?? [];
  if (parts.length === 0) throw broken(`${at}.parts`, 'contents.parts must not be empty.');
  for (const [position, part] of parts.entries()) checkPart(`${at}.parts[${position}]`, part, asked);
}

function checkPart(at: string, part: Part, asked: Asked): void {
  if (!dataFields.some(name => part[name] !== undefined)) {
    throw broken(`${at}.data`, "required oneof field 'data' must have one initialized field");
  }
  if (part.functionCall !== undefined && !part.functionCall.name) {
    throw broken(`${at}.function_call.name`, 'Name cannot be empty.');
  }
  if (part.functionResponse !== undefined && !part.functionResponse.name) {
    throw broken(`${at}.function_response.name`, 'Name cannot be empty.');
  }
  if (part.inlineData !== undefined) checkInline(at, part.inlineData);
  if (part.fileData !== undefined) checkFile(part.fileData, asked);
  for (const inner of (part.functionResponse?.['parts'] ?? []) as readonly Part[]) {
    if (inner.inlineData !== undefined) checkInline(at, inner.inlineData);
  }
  const signature = part.thoughtSignature;
  if (signature !== undefined && signature !== '' && !verifyThought(signature, asked.model)) {
    throw invalid('Corrupted thought signature.');
  }
}

const imageTypes = ['image/png', 'image/jpeg', 'image/webp', 'image/heic', 'image/heif'];
const otherTypes = /^(?:application\/(?:pdf|json|rtf|x-javascript)|text\/[\w.+-]+|audio\/[\w.+-]+|video\/[\w.+-]+)$/;
/** Types that the emulator can tell by their first bytes. */
const knownByBytes = ['image/png', 'image/jpeg', 'image/webp', 'application/pdf'];

function checkInline(at: string, blob: Json): void {
  const type = blob['mimeType'];
  if (typeof type !== 'string' || type === '') throw broken(`${at}.inline_data.mime_type`, 'must not be empty.');
  const bare = type.split(';')[0]!.trim();
  if (!imageTypes.includes(bare) && !otherTypes.test(bare)) throw invalid(`Unsupported MIME type: ${bare}`);
  const bytes = blob['data'];
  if (typeof bytes !== 'string' || bytes === '') throw broken(`${at}.inline_data.data`, 'must not be empty.');
  if (!knownByBytes.includes(bare)) return;
  const actual = typeOfFile(padded(bytes));
  if (bare === 'application/pdf' && actual !== bare) throw invalid('The document has no pages.');
  if (bare !== 'application/pdf' && actual?.startsWith('image/') !== true) {
    throw invalid(
      'Unable to process input image. Please retry or report in https://developers.generativeai.google/guide/troubleshooting',
    );
  }
}

function checkFile(file: Json, { vertex }: Asked): void {
  const uri = file['fileUri'];
  if (typeof uri !== 'string' || uri === '') throw invalid('Invalid or unsupported file uri: ');
  if (vertex && file['mimeType'] === undefined) {
    throw invalid('Unable to submit request because it must have a mimeType parameter in fileData.');
  }
  if (/^https?:\/\/./.test(uri) || (vertex && uri.startsWith('gs://'))) return;
  throw invalid(`Invalid or unsupported file uri: ${uri.slice(0, 200)}`);
}

const ranges: Readonly<Record<string, readonly [number, number]>> = {
  temperature: [0, 2],
  topP: [0, 1],
  topK: [1, 64],
  candidateCount: [1, 8],
  maxOutputTokens: [1, Number.MAX_SAFE_INTEGER],
  presencePenalty: [-2, 2],
  frequencyPenalty: [-2, 2],
  logprobs: [0, 20],
};
const stopsMax = 5;
const answerTypes = ['text/plain', 'application/json', 'text/x.enum'];

function checkConfig(generationConfig: unknown, { model }: Asked): void {
  if (!isObject(generationConfig)) return;
  for (const [name, [low, high]] of Object.entries(ranges)) {
    const value = generationConfig[name];
    if (typeof value !== 'number' || (value >= low && value <= high)) continue;
    throw invalid(
      `Unable to submit request because it has a ${name} value of ${value} but the supported range is from ${low} (inclusive) to ${high} (inclusive). Update the value and try again.`,
    );
  }
  const stops = (generationConfig['stopSequences'] ?? []) as readonly string[];
  if (stops.length > stopsMax) {
    throw broken(
      'generation_config.stop_sequences',
      `at most ${stopsMax} stop sequences are supported, got ${stops.length}.`,
    );
  }
  if (stops.includes('')) throw broken('generation_config.stop_sequences', 'stop sequences must not be empty.');
  if (generationConfig['logprobs'] !== undefined && generationConfig['responseLogprobs'] !== true) {
    throw invalid('Logprobs is only supported when response_logprobs is true.');
  }
  checkAnswerForm(generationConfig);
  const thinking = generationConfig['thinkingConfig'];
  const refused = refusedThinking(model, isObject(thinking) ? thinking : undefined);
  if (refused !== undefined) throw invalid(refused);
}

function checkAnswerForm(config: Json): void {
  const type = config['responseMimeType'] ?? 'text/plain';
  if (!answerTypes.includes(String(type))) {
    throw broken(
      'generation_config.response_mime_type',
      `allowed mimetypes are \`text/plain\`, \`application/json\`, \`application/xml\`, \`application/yaml\` and \`text/x.enum\`.`,
    );
  }
  const { responseSchema, responseJsonSchema } = config;
  if (responseSchema === undefined && responseJsonSchema === undefined) return;
  if (responseSchema !== undefined && responseJsonSchema !== undefined) {
    throw broken(
      'generation_config.response_json_schema',
      'response_schema and response_json_schema exclude each other.',
    );
  }
  if (type === 'text/plain') {
    throw broken(
      'generation_config.response_schema',
      'only allowed for mimetypes `application/json` and `text/x.enum`.',
    );
  }
  if (isObject(responseSchema)) checkSchema('GenerateContentRequest.generation_config.response_schema', responseSchema);
  if (responseJsonSchema !== undefined && !isObject(responseJsonSchema)) {
    throw broken('generation_config.response_json_schema', 'must be a JSON Schema object');
  }
}

interface Turn {
  readonly role: string;
  readonly calls: number;
  readonly responses: number;
}

/** Consecutive contents of one role are one turn. */
function turnsOf(contents: readonly Content[]): Turn[] {
  const turns: Turn[] = [];
  for (const { role, parts } of contents) {
    const speaker = role === 'model' ? 'model' : 'user';
    const calls = parts.filter(part => part.functionCall !== undefined).length;
    const responses = parts.filter(part => part.functionResponse !== undefined).length;
    const last = turns.at(-1);
    if (last?.role !== speaker) turns.push({ role: speaker, calls, responses });
    else turns[turns.length - 1] = { role: speaker, calls: last.calls + calls, responses: last.responses + responses };
  }
  return turns;
}

/** Every turn with calls is answered by the turn after it, with as many responses. */
function checkCalls(contents: readonly Content[]): void {
  const turns = turnsOf(contents);
  for (const [position, { role, calls, responses }] of turns.entries()) {
    if (calls > 0 && (role !== 'model' || position === 0)) {
      throw invalid(
        'Please ensure that function call turn comes immediately after a user turn or after a function response turn.',
      );
    }
    const called = turns[position - 1]?.calls ?? 0;
    if (responses > 0 && called === 0) {
      throw invalid('Please ensure that function response turn comes immediately after a function call turn.');
    }
    if (responses !== called) {
      throw invalid(
        'Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.',
      );
    }
  }
  if ((turns.at(-1)?.calls ?? 0) > 0) {
    throw invalid('Please ensure that function call turn is followed by a function response turn.');
  }
}

/** Of the current turn, that is since the user last said something, the first call of each step is signed. */
function checkSignatures(contents: readonly Content[], { model }: Asked): void {
  if (!rulesOf(model).signatures) return;
  const began = contents.findLastIndex(
    ({ role, parts }) => role !== 'model' && parts.some(part => part.functionResponse === undefined),
  );
  for (const [offset, { role, parts }] of contents.slice(began + 1).entries()) {
    const call = role === 'model' ? parts.find(part => part.functionCall !== undefined) : undefined;
    if (call === undefined || (call.thoughtSignature ?? '') !== '') continue;
    throw invalid(
      `Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly, and missing thought_signature may lead to degraded model performance. Additional data, function call \`default_api:${call.functionCall!.name}\` , position ${began + 1 + offset + 1}. Please refer to https://ai.google.dev/gemini-api/docs/thought-signatures for more details.`,
    );
  }
}
