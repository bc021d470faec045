import { Fault, type FaultCode } from '../../completion/fault.ts';
import type { LossLedger } from '../../completion/loss.ts';
import type {
  Block,
  CallBlock,
  MediaBlock,
  ReasoningBlock,
  ResultBlock,
  TextBlock,
  Turn,
} from '../../completion/request.ts';
import { decodeCacheMark } from '../openai-chat/cache.ts';
import {
  FieldRules,
  isEmpty,
  isOneOf,
  isRecord,
  lost,
  optionalString,
  read,
  readFilledList,
  readFilledString,
  readList,
  readRecord,
  readString,
  refused,
  unsupported,
  type WireRecord,
} from '../wire-values.ts';
import { decodeFile, decodeImage } from './decode-media.ts';

/** Ids and states of items say nothing elsewhere. */
const common = { type: read, id: read, status: read };
const messageFields = new FieldRules({
  ...common,
  role: read,
  content: read,
  phase: lost('message-phase-unsupported'),
});
const textFields = new FieldRules({ type: read, text: read, prompt_cache_breakpoint: read });
const outputTextFields = new FieldRules({
  type: read,
  text: read,
  annotations: lost('annotations-unsupported', isEmpty),
  // Of an answer's tokens; as history they say nothing.
  logprobs: read,
  // The stream helper of openai-node 7.55 adds what it parsed out of `text`, and sends it back.
  parsed: read,
});
const refusalFields = new FieldRules({ type: read, refusal: read });
/** Who made a call: the model itself, or a program that it wrote. */
const caller = refused(value => isRecord(value) && value['type'] === 'direct');
const calledFields = { ...common, call_id: read, name: read, namespace: read, caller, async: refused(isOneOf(false)) };
const functionCallFields = new FieldRules({ ...calledFields, arguments: read, parsed_arguments: read });
const customCallFields = new FieldRules({ ...calledFields, input: read });
const outputFields = new FieldRules({ ...common, call_id: read, output: read, name: read, namespace: read, caller });
const reasoningFields = new FieldRules({ ...common, summary: read, content: read, encrypted_content: read });

/** Of tools that the provider ran: what came of them stands in the answers that followed. */
const hostedItems: ReadonlySet<unknown> = new Set([
  'web_search_call',
  'file_search_call',
  'code_interpreter_call',
  'image_generation_call',
  'mcp_list_tools',
]);

export function decodeInput(value: unknown, losses: LossLedger): Turn[] {
  if (typeof value === 'string') return [{ role: 'user', blocks: [{ type: 'text', text: value }], path: 'input' }];
  const reader = new InputReader(losses);
  readFilledList(value, 'input').forEach((entry, index) => {
    reader.read(readRecord(entry, `input.${index}`), `input.${index}`);
  });
  return reader.finish();
}

/** What the assistant thought, said and called in a row is one turn of it. */
class InputReader {
  readonly #losses: LossLedger;
  readonly #turns: Turn[] = [];
  #assistant: { readonly blocks: Block[]; readonly path: string } | undefined = undefined;
  /** Calls without an output so far: where they stand, by their ids. */
  readonly #waiting = new Map<string, string[]>();

  constructor(losses: LossLedger) {
    this.#losses = losses;
  }

  read(item: WireRecord, path: string): undefined {
    // A message need not say that it is one.
    const isUnsaid = item['type'] == null && item['role'] !== undefined;
    const type = isUnsaid ? 'message' : readString(item['type'] ?? undefined, `${path}.type`);
    switch (type) {
      case 'message':
        return this.#message(item, path);
      case 'reasoning':
        return this.#add(decodeReasoning(item, path, this.#losses), path);
      case 'function_call':
      case 'custom_tool_call': {
        const call = decodeCall(item, type === 'custom_tool_call', path, this.#losses);
        this.#waiting.set(call.id, [...(this.#waiting.get(call.id) ?? []), path]);
        return this.#add([call], path);
      }
      case 'function_call_output':
      case 'custom_tool_call_output':
        return this.#result(decodeResult(item, path, this.#losses), path);
    }
    if (hostedItems.has(type)) {
      this.#losses.dropped('hosted-tool-history-unsupported', path);
      return;
    }
    throw unsupported(`${path}.type`, `items of type ${type.slice(0, 40)} cannot be carried to another dialect.`);
  }

  finish(): Turn[] {
    this.#endAssistant();
    const [unanswered] = this.#waiting;
    if (unanswered === undefined) return this.#turns;
    const [id, [path]] = unanswered;
    throw pairing('tool_output_missing', `No tool output found for the call ${id.slice(0, idLettersMax)}.`, path!);
  }

  #message(item: WireRecord, path: string): undefined {
    messageFields.check(item, path, this.#losses);
    const blocks = decodeContent(item['content'], path, this.#losses);
    switch (item['role']) {
      case 'assistant':
        return this.#say(textsOnly(blocks), path);
      case 'user':
        return this.#turn({ role: 'user', blocks, path });
      case 'system':
      case 'developer':
        return this.#turn({ role: 'system', blocks: textsOnly(blocks), path });
    }
    throw new Fault('parameter_invalid', `${path}.role is not a role of this API.`, { parameter: `${path}.role` });
  }

  #result(result: ResultBlock, path: string): undefined {
    const waiting = this.#waiting.get(result.callId);
    if (waiting === undefined) {
      const message = `No tool call found for the output with call_id ${result.callId.slice(0, idLettersMax)}.`;
      throw pairing('tool_call_missing', message, path);
    }
    waiting.shift();
    if (waiting.length === 0) this.#waiting.delete(result.callId);
    this.#turn({ role: 'user', blocks: [result], path });
  }

  /** Two messages in a row are two turns. */
  #say(blocks: readonly TextBlock[], path: string): undefined {
    if (this.#assistant?.blocks.at(-1)?.type === 'text') this.#endAssistant();
    this.#add(blocks, path);
    // A message without content is one all the same.
    this.#assistant ??= { blocks: [], path };
  }

  #add(blocks: readonly Block[], path: string): undefined {
    if (blocks.length === 0) return;
    this.#assistant ??= { blocks: [], path };
    this.#assistant.blocks.push(...blocks);
  }

  #turn(turn: Turn): undefined {
    this.#endAssistant();
    this.#turns.push(turn);
  }

  #endAssistant(): void {
    if (this.#assistant === undefined) return;
    this.#turns.push({ role: 'assistant', ...this.#assistant });
    this.#assistant = undefined;
  }
}

/** Of an id in a message: clients choose it. */
const idLettersMax = 64;

function pairing(code: FaultCode, message: string, parameter: string): Fault {
  return new Fault(code, message, { parameter });
}

function decodeContent(content: unknown, path: string, losses: LossLedger): (TextBlock | MediaBlock)[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  const at = `${path}.content`;
  return readList(content, at).map((entry, index) => decodePart(entry, `${at}.${index}`, losses));
}

function decodePart(entry: unknown, path: string, losses: LossLedger): TextBlock | MediaBlock {
  const part = readRecord(entry, path);
  const block = decodeUnmarked(part, path, losses);
  const cache = decodeCacheMark(part['prompt_cache_breakpoint'], path, losses);
  return cache === undefined ? block : { ...block, cache };
}

function decodeUnmarked(part: WireRecord, path: string, losses: LossLedger): TextBlock | MediaBlock {
  const type = readString(part['type'], `${path}.type`);
  switch (type) {
    case 'input_text':
      textFields.check(part, path, losses);
      return { type: 'text', text: readString(part['text'], `${path}.text`) };
    case 'output_text':
      outputTextFields.check(part, path, losses);
      return { type: 'text', text: readString(part['text'], `${path}.text`) };
    case 'refusal':
      refusalFields.check(part, path, losses);
      losses.approximated('refusal-as-text', path);
      return { type: 'text', text: readString(part['refusal'], `${path}.refusal`) };
    case 'input_image':
      return decodeImage(part, path, losses);
    case 'input_file':
      return decodeFile(part, path, losses);
  }
  throw unsupported(path, `parts of type ${type.slice(0, 40)} cannot be carried to another dialect yet.`);
}

/** Of messages that take text only: instructions, and what the assistant said. */
function textsOnly(blocks: readonly (TextBlock | MediaBlock)[]): TextBlock[] {
  return blocks.map(block => {
    if (block.type === 'text') return block;
    throw new Fault('parameter_invalid', `${block.path} must be a text: the role of its message takes no other part.`, {
      parameter: block.path,
    });
  });
}

function decodeCall(item: WireRecord, isCustom: boolean, path: string, losses: LossLedger): CallBlock {
  (isCustom ? customCallFields : functionCallFields).check(item, path, losses);
  const namespace = optionalString(item['namespace'], `${path}.namespace`);
  return {
    type: 'call',
    id: readFilledString(item['call_id'], `${path}.call_id`),
    name: readFilledString(item['name'], `${path}.name`),
    argumentsText: isCustom
      ? readString(item['input'], `${path}.input`)
      : (optionalString(item['arguments'], `${path}.arguments`) ?? ''),
    ...(isCustom ? { custom: true } : undefined),
    ...(namespace === undefined || namespace === '' ? undefined : { namespace }),
  };
}

function decodeResult(item: WireRecord, path: string, losses: LossLedger): ResultBlock {
  outputFields.check(item, path, losses);
  const { output } = item;
  const at = `${path}.output`;
  const blocks: (TextBlock | MediaBlock)[] =
    typeof output === 'string'
      ? [{ type: 'text', text: output }]
      : readList(output, at).map((entry, index) => decodePart(entry, `${at}.${index}`, losses));
  return { type: 'result', callId: readFilledString(item['call_id'], `${path}.call_id`), blocks, isError: false };
}

/** An item without its content is one that its provider stores. */
function decodeReasoning(item: WireRecord, path: string, losses: LossLedger): readonly ReasoningBlock[] {
  reasoningFields.check(item, path, losses);
  const texts = [
    ...decodeThoughts(item['summary'], `${path}.summary`, losses),
    ...decodeThoughts(item['content'], `${path}.content`, losses),
  ];
  const encrypted = optionalString(item['encrypted_content'], `${path}.encrypted_content`);
  const state = encrypted === '' ? undefined : encrypted;
  const text = texts.join('\n\n');
  if (state === undefined && text === '') {
    losses.dropped('reasoning-history-unsupported', path);
    return [];
  }
  return [{ type: 'reasoning', text, redacted: text === '', state, path }];
}

const thoughtFields = new FieldRules({ type: read, text: read });

function decodeThoughts(value: unknown, path: string, losses: LossLedger): readonly string[] {
  if (value === undefined || value === null) return [];
  return readList(value, path).map((entry, index) => {
    const at = `${path}.${index}`;
    const part = readRecord(entry, at);
    thoughtFields.check(part, at, losses);
    return readString(part['text'], `${at}.text`);
  });
}
