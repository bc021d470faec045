import { Fault } from '../../completion/fault.ts';
import type { LossLedger } from '../../completion/loss.ts';
import type { Block, MediaBlock, ReasoningBlock, ResultBlock, TextBlock, Turn } from '../../completion/request.ts';
import { isEnvelope } from '../opaque-state.ts';
import {
  FieldRules,
  isEmpty,
  isOneOf,
  lost,
  optionalFlag,
  optionalString,
  read,
  readFilledString,
  readRecord,
  readString,
  refused,
  unsupported,
  type WireRecord,
} from '../wire-values.ts';
import { decodeFile, decodeInline } from './decode-media.ts';
import { readMessage, readRepeated } from './proto-json.ts';
import { signatureBypass } from './signatures.ts';
import { unwrapResult } from './tool-response.ts';

const contentFields = new FieldRules({ role: read, parts: read });
/** What becomes of every documented field (@google/genai 3.1, types.ts, 2026-11). */
const partFields = new FieldRules({
  text: read,
  thought: read,
  thoughtSignature: read,
  inlineData: read,
  fileData: read,
  functionCall: read,
  functionResponse: read,
  executableCode: read,
  codeExecutionResult: read,
  mediaResolution: lost('image-detail-unsupported', isEmpty),
  partMetadata: lost('metadata-unsupported', isEmpty),
  audioTranscription: refused(isEmpty),
  mediaProcessing: refused(isEmpty),
  speechMetadata: refused(isEmpty),
  toolCall: refused(),
  toolResponse: refused(),
  videoMetadata: refused(isEmpty),
});
const callFields = new FieldRules({
  id: read,
  name: read,
  args: read,
  partialArgs: refused(isEmpty),
  willContinue: refused(isOneOf(false)),
});
const responseFields = new FieldRules({
  id: read,
  name: read,
  response: read,
  parts: read,
  scheduling: refused(isOneOf('SCHEDULING_UNSPECIFIED')),
  willContinue: refused(isOneOf(false)),
});
const responsePartFields = new FieldRules({ inlineData: read, fileData: read, mediaProcessing: refused(isEmpty) });
const codeFields = new FieldRules({ id: read, code: read, language: read });
const outcomeFields = new FieldRules({ id: read, outcome: read, output: read });

/** Instructions are texts. */
export function decodeSystem(value: unknown, losses: LossLedger): Turn[] {
  const path = 'systemInstruction';
  if (value === undefined || value === null) return [];
  // Client libraries make a content of it; a bare text is what people write.
  if (typeof value === 'string') return [{ role: 'system', blocks: [{ type: 'text', text: value }], path }];
  const content = readMessage(value, path);
  contentFields.check(content, path, losses);
  const blocks = readRepeated(content['parts']).map((entry, index): TextBlock => {
    const at = `${path}.parts.${index}`;
    const part = readMessage(entry, at);
    partFields.check(part, at, losses);
    return { type: 'text', text: readString(part['text'], `${at}.text`) };
  });
  return blocks.length === 0 ? [] : [{ role: 'system', blocks, path }];
}

export function decodeContents(value: unknown, losses: LossLedger): Turn[] {
  if (value === undefined || value === null) {
    throw new Fault('parameter_missing', 'contents is missing.', { parameter: 'contents' });
  }
  const contents = readRepeated(value);
  if (contents.length === 0) {
    throw new Fault('parameter_invalid', 'contents must be a list that is not empty.', { parameter: 'contents' });
  }
  const decoder = new ContentDecoder(losses);
  return contents.map((entry, index) => decoder.turn(entry, `contents.${index}`));
}

interface OpenCall {
  readonly id: string;
  /** As the client said it. */
  readonly wireId: string | undefined;
  readonly name: string;
}

class ContentDecoder {
  readonly #losses: LossLedger;
  /** Calls without a result so far, in order. */
  readonly #waiting: OpenCall[] = [];

  constructor(losses: LossLedger) {
    this.#losses = losses;
  }

  turn(entry: unknown, path: string): Turn {
    const content = readMessage(entry, path);
    contentFields.check(content, path, this.#losses);
    const role = roleOf(content['role'], path);
    const blocks: Block[] = [];
    for (const [index, part] of readRepeated(content['parts']).entries()) {
      this.#part(part, `${path}.parts.${index}`, role, blocks);
    }
    return { role, blocks, path };
  }

  #part(entry: unknown, path: string, role: Turn['role'], into: Block[]): void {
    const part = readMessage(entry, path);
    partFields.check(part, path, this.#losses);
    const isThought = optionalFlag(part['thought'], `${path}.thought`) === true;
    const signature = optionalString(part['thoughtSignature'], `${path}.thoughtSignature`);
    const state = signature === undefined || signature === '' || isBypass(signature) ? undefined : signature;
    if ((isThought || state !== undefined) && role !== 'assistant') {
      throw unsupported(path, 'only models think.');
    }
    if (isThought) {
      const text = optionalString(part['text'], `${path}.text`) ?? '';
      if (text !== '' || state !== undefined) into.push(reasoning(text, text === '', state, path));
      return;
    }
    if (state !== undefined) this.#sign(state, path, into);
    into.push(...this.#blocks(part, path, role));
  }

  /** An envelope of ours holds the thoughts that stand before it, too. */
  #sign(state: string, path: string, into: Block[]): void {
    if (isEnvelope(state)) {
      while (isThoughtOnly(into.at(-1))) into.pop();
    }
    into.push(reasoning('', true, state, path));
  }

  #blocks(part: WireRecord, path: string, role: Turn['role']): readonly Block[] {
    const losses = this.#losses;
    const [kind, ...others] = kinds.filter(name => part[name] !== undefined && part[name] !== null);
    if (others.length > 0) {
      throw new Fault('parameter_invalid', `${path} must be of one kind.`, { parameter: path });
    }
    switch (kind) {
      case undefined:
        return [];
      case 'text': {
        const text = readString(part['text'], `${path}.text`);
        return text === '' ? [] : [{ type: 'text', text }];
      }
      case 'inlineData':
        return [decodeInline(part['inlineData'], path, losses)];
      case 'fileData':
        return [decodeFile(part['fileData'], path, losses)];
      case 'functionCall':
        if (role !== 'assistant') throw unsupported(path, 'only models call functions.');
        return [this.#call(part['functionCall'], path)];
      case 'functionResponse':
        return [this.#result(part['functionResponse'], path, role)];
      default:
        return [this.#executed(part, kind, path)];
    }
  }

  #call(value: unknown, path: string): Block {
    const at = `${path}.functionCall`;
    const call = readMessage(value, at);
    callFields.check(call, at, this.#losses);
    const name = readFilledString(call['name'], `${at}.name`);
    const said = optionalString(call['id'], `${at}.id`);
    const wireId = said === '' ? undefined : said;
    const args = call['args'] ?? {};
    // Without an id the place names the call: always the same one for the same conversation.
    const id = wireId ?? path.replaceAll(/[^0-9]+/g, '_').replace(/^_/, 'call_');
    this.#waiting.push({ id, wireId, name });
    return { type: 'call', id, name, argumentsText: JSON.stringify(readRecord(args, `${at}.args`)) };
  }

  #result(value: unknown, path: string, role: Turn['role']): ResultBlock {
    if (role === 'assistant') throw unsupported(path, 'models answer no calls.');
    const at = `${path}.functionResponse`;
    const wire = readMessage(value, at);
    responseFields.check(wire, at, this.#losses);
    const response = readRecord(wire['response'] ?? {}, `${at}.response`);
    const { blocks, isError } = unwrapResult(response);
    const media = readRepeated(wire['parts']).map((entry, index) => this.#media(entry, `${at}.parts.${index}`));
    const callId = this.#answered(
      optionalString(wire['id'], `${at}.id`),
      optionalString(wire['name'], `${at}.name`),
      at,
    );
    return { type: 'result', callId, blocks: [...blocks, ...media], isError };
  }

  #media(entry: unknown, path: string): MediaBlock {
    const part = readMessage(entry, path);
    responsePartFields.check(part, path, this.#losses);
    if (part['inlineData'] != null) return decodeInline(part['inlineData'], path, this.#losses);
    return decodeFile(part['fileData'], path, this.#losses);
  }

  /** By id where one is said, else by name and order. What answers nothing keeps its own name. */
  #answered(id: string | undefined, name: string | undefined, path: string): string {
    const byId = id === undefined || id === '' ? -1 : this.#waiting.findIndex(call => call.wireId === id);
    const byName = byId === -1 ? this.#waiting.findIndex(call => call.name === name) : byId;
    const [call] = byName === -1 ? [] : this.#waiting.splice(byName, 1);
    if (call !== undefined) return call.id;
    return (id === '' ? undefined : id) ?? readFilledString(name, `${path}.name`);
  }

  /** Code that the model ran at Google, and what came of it, in the words that any model reads. */
  #executed(part: WireRecord, kind: 'executableCode' | 'codeExecutionResult', path: string): TextBlock {
    const at = `${path}.${kind}`;
    const wire = readMessage(part[kind], at);
    (kind === 'executableCode' ? codeFields : outcomeFields).check(wire, at, this.#losses);
    this.#losses.approximated('code-execution-as-text', path);
    if (kind === 'executableCode') {
      const language = optionalString(wire['language'], `${at}.language`) ?? '';
      const code = readString(wire['code'], `${at}.code`);
      return { type: 'text', text: `\`\`\`${language === 'PYTHON' ? 'python' : ''}\n${code}\n\`\`\`` };
    }
    const outcome = optionalString(wire['outcome'], `${at}.outcome`) ?? 'OUTCOME_OK';
    const output = optionalString(wire['output'], `${at}.output`) ?? '';
    const head = outcome === 'OUTCOME_OK' ? 'Output of the code' : 'The code failed';
    return { type: 'text', text: `${head}:\n${output}` };
  }
}

const kinds = [
  'text',
  'inlineData',
  'fileData',
  'functionCall',
  'functionResponse',
  'executableCode',
  'codeExecutionResult',
] as const;

/** Older clients give results in a role of their own; a role that is not said is the user's. */
function roleOf(value: unknown, path: string): 'user' | 'assistant' {
  const role = (optionalString(value, `${path}.role`) ?? '').toLowerCase();
  if (role === 'model') return 'assistant';
  if (role === 'user' || role === 'function' || role === '') return 'user';
  throw new Fault('parameter_invalid', `${path}.role is not a role of this API.`, { parameter: `${path}.role` });
}

/** Values that say that there is no signature (https://ai.google.dev/gemini-api/docs/thought-signatures, 2026-11); some
 *  clients write every signature in base64. */
function isBypass(signature: string): boolean {
  return bypasses.has(signature) || bypasses.has(Buffer.from(signature.slice(0, 64), 'base64').toString('latin1'));
}

const bypasses: ReadonlySet<string> = new Set([signatureBypass, 'context_engineering_is_the_way_to_go']);

function reasoning(text: string, redacted: boolean, state: string | undefined, path: string): ReasoningBlock {
  return { type: 'reasoning', text, redacted, state, path };
}

function isThoughtOnly(block: Block | undefined): boolean {
  return block?.type === 'reasoning' && block.state === undefined;
}
