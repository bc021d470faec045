import type { BlockHead, CompletionEvent, Finish } from '../../completion/event.ts';
import { foldEvents } from '../../completion/fold.ts';
import type { UsageSlices } from '../../completion/usage.ts';
import type { EventPlace } from '../answer-so-far.ts';
import { AnswerCallIds } from '../call-ids.ts';
import type { AnswerContext, StreamEncoder } from '../dialect.ts';
import { servedTier } from '../served-tier.ts';
import {
  argumentsPart,
  closeItem,
  closePart,
  EventWriter,
  type ItemStatus,
  partPlace,
  wholeItem,
  wholePart,
} from './events.ts';
import { encodeStreamFault } from './fault.ts';
import { newItem, type WrittenItem } from './new-items.ts';
import { openText, type StartPlace, startPlace } from './place.ts';
import { openaiResponsesProfile } from './profile.ts';
import { ResponseObject, type ResponseState } from './response-object.ts';

export function encodeAnswer(events: readonly CompletionEvent[], context: AnswerContext): Buffer {
  const answer = foldEvents(events);
  const ids = new AnswerCallIds(openaiResponsesProfile.callIds, context.exchangeId);
  const items: WrittenItem[] = [];
  let hasRefusal = false;
  let contentBytes = 0;
  for (const { head, text, state } of answer.blocks) {
    contentBytes += Buffer.byteLength(text);
    hasRefusal ||= head.type === 'refusal';
    const last = items.at(-1);
    const item =
      isProse(head) && last?.type === 'message' ? last : newItem(head, items.length, ids, context.exchangeId);
    if (item !== last) items.push(item);
    addWhole(item, head, text, state);
  }
  const state = endOf(answer.finish, hasRefusal, context);
  const status = state.incompleteReason === null ? 'completed' : 'incomplete';
  const output = items.map((item, index) =>
    JSON.stringify(wholeItem(item, index === items.length - 1 ? status : 'completed')),
  );
  const object = new ResponseObject(context, undefined);
  const json = object.json(answer.servedModel ?? context.targetModel, {
    ...state,
    output,
    usage: answer.usage ?? estimatedUsage(contentBytes, context),
    serviceTier: servedTier(answer.serviceTier, 'openai-responses'),
  });
  return Buffer.from(json);
}

function addWhole(item: WrittenItem, head: BlockHead, text: string, state: string | undefined): void {
  if (head.type === 'call') item.parts[0]!.text = argumentsOf(item, text);
  else if (isProse(head)) item.parts.push({ type: partTypes[head.type], text, isClosed: true });
  else {
    if (text !== '') item.parts.push({ type: partTypes.reasoning, text, isClosed: true });
    if (state !== undefined) item.begun = { ...item.begun, encrypted_content: state };
  }
}

/** A call without arguments has an empty object of them; clients parse what they get. */
function argumentsOf({ type }: WrittenItem, text: string): string {
  return text === '' && type === 'function_call' ? '{}' : text;
}

export function encodeStream(context: AnswerContext): StreamEncoder {
  return new ResponseEncoder(context);
}

interface WrittenBlock {
  readonly head: BlockHead;
  readonly item: WrittenItem;
  /** Of its part; -1 while reasoning shows nothing. */
  position: number;
  /** What stands before the text of a delta, and behind its number. */
  delta: string;
}

class ResponseEncoder implements StreamEncoder {
  readonly #context: AnswerContext;
  readonly #ids: AnswerCallIds;
  readonly #writer: EventWriter;
  readonly #object: ResponseObject;
  readonly #start: StartPlace;
  #model: string;
  #usage: UsageSlices | undefined = undefined;
  #serviceTier: string | undefined = undefined;
  #contentBytes = 0;
  #hasRefusal = false;
  #nextItem: number;
  /** Items that are whole, as JSON, by their index. */
  readonly #output = new Map<number, string>();
  /** The message that a text may be added to. */
  #message: WrittenItem | undefined = undefined;
  /** Of what the client had before: the first text goes on with it, or it is closed. */
  #left: StartPlace['open'];
  readonly #blocks = new Map<number, WrittenBlock>();
  #end: Omit<ResponseState, 'output' | 'usage' | 'serviceTier'> | undefined = undefined;

  constructor(context: AnswerContext) {
    this.#context = context;
    this.#ids = new AnswerCallIds(openaiResponsesProfile.callIds, context.exchangeId);
    this.#start = startPlace(context.resumes ?? { blocks: 0, open: undefined });
    this.#writer = new EventWriter(this.#start.nextEvent);
    this.#object = new ResponseObject(context, this.#start.answerId);
    this.#model = context.targetModel;
    this.#nextItem = this.#start.nextItem;
    this.#left = this.#start.open;
  }

  get place(): EventPlace {
    return { answerId: this.#object.id, nextEvent: this.#writer.nextEvent };
  }

  push(event: CompletionEvent): Buffer {
    const text = this.#encode(event);
    return text === '' ? nothing : Buffer.from(text);
  }

  #encode(event: CompletionEvent): string {
    switch (event.type) {
      case 'message-start':
        this.#usage = event.usage;
        this.#model = event.servedModel ?? this.#model;
        return this.#begin();
      case 'block-open':
        return this.#open(event.index, event.block);
      case 'text-delta':
      case 'arguments-delta':
        return this.#delta(this.#blocks.get(event.index)!, event.text);
      case 'state': {
        const { item } = this.#blocks.get(event.index)!;
        if (item.type === 'reasoning') item.begun = { ...item.begun, encrypted_content: event.state };
        return '';
      }
      case 'block-close':
        return this.#close(this.#blocks.get(event.index)!);
      case 'usage':
        this.#usage = event.usage;
        this.#serviceTier = event.serviceTier ?? this.#serviceTier;
        return '';
      case 'finish':
        return this.#finish(event.finish);
      case 'error':
        return encodeStreamFault(event.fault, { ...this.#context, place: this.place }).toString();
      case 'message-end':
        return this.#terminal();
    }
  }

  /** An answer begins once; its end says what was used. */
  #begin(): string {
    if (this.#start.answerId !== undefined) return '';
    const response = this.#object.json(this.#model, {
      status: 'in_progress',
      incompleteReason: null,
      output: [],
      usage: undefined,
      serviceTier: 'auto',
    });
    const fields = `"response":${response}`;
    return this.#writer.writeJson('response.created', fields) + this.#writer.writeJson('response.in_progress', fields);
  }

  #open(index: number, head: BlockHead): string {
    if (head.type === 'refusal') this.#hasRefusal = true;
    if (isProse(head)) return this.#openProse(index, head);
    const before = this.#closeLeft() + this.#seal('completed');
    const item = newItem(head, this.#nextItem, this.#ids, this.#context.exchangeId);
    const added = this.#addItem(item);
    const position = head.type === 'call' ? 0 : -1;
    this.#blocks.set(index, { head, item, position, delta: position === 0 ? deltaOf(item, 0) : '' });
    return before + added;
  }

  #openProse(index: number, head: BlockHead & { type: 'text' | 'refusal' }): string {
    const left = this.#left;
    if (left?.type === 'message') {
      this.#left = undefined;
      const item: WrittenItem = {
        ...left,
        parts: left.parts.map(part => ({ ...part })),
        openParts: 0,
        isSealed: false,
      };
      const goesOn = head.type === 'text' && openText(left) !== undefined;
      this.#message = item;
      const position = item.parts.length - 1;
      if (goesOn) {
        item.openParts += 1;
        this.#blocks.set(index, { head, item, position, delta: deltaOf(item, position) });
        return '';
      }
      const last = item.parts.at(-1);
      const isOpen = last !== undefined && !last.isClosed;
      if (isOpen) last.isClosed = true;
      return (isOpen ? closePart(this.#writer, item, position) : '') + this.#addPart(index, head, item);
    }
    const before = this.#closeLeft();
    if (this.#message !== undefined) return before + this.#addPart(index, head, this.#message);
    const item = newItem(head, this.#nextItem, this.#ids, this.#context.exchangeId);
    this.#message = item;
    return before + this.#addItem(item) + this.#addPart(index, head, item);
  }

  #addItem(item: WrittenItem): string {
    this.#nextItem += 1;
    const fields = { output_index: item.index, item: { ...item.begun, ...emptyMembers[item.type] } };
    return this.#writer.write('response.output_item.added', fields);
  }

  #addPart(index: number, head: BlockHead & { type: 'text' | 'refusal' }, item: WrittenItem): string {
    const part = { type: partTypes[head.type], text: '', isClosed: false };
    const position = item.parts.push(part) - 1;
    item.openParts += 1;
    this.#blocks.set(index, { head, item, position, delta: deltaOf(item, position) });
    return this.#writer.write('response.content_part.added', { ...partPlace(item, position), part: wholePart(part) });
  }

  #delta(block: WrittenBlock, text: string): string {
    if (text === '') return '';
    this.#contentBytes += Buffer.byteLength(text);
    const { item } = block;
    const before = block.position === -1 ? this.#showThought(block) : '';
    item.parts[block.position]!.text += text;
    const logprobs = block.head.type === 'text' ? ',"logprobs":[]' : '';
    return (
      before + this.#writer.writeJson(deltaTypes(item, block.head), `${block.delta}${JSON.stringify(text)}${logprobs}`)
    );
  }

  /** Reasoning that shows nothing has no part. */
  #showThought(block: WrittenBlock): string {
    const part = { type: partTypes.reasoning, text: '', isClosed: false };
    block.position = block.item.parts.push(part) - 1;
    block.delta = deltaOf(block.item, block.position);
    return this.#writer.write('response.reasoning_summary_part.added', {
      ...partPlace(block.item, block.position),
      part: wholePart(part),
    });
  }

  #close(block: WrittenBlock): string {
    const { item, position, head } = block;
    let text = '';
    if (head.type === 'call' && item.parts[0]!.text === '') text += this.#delta(block, argumentsOf(item, ''));
    if (position !== -1 || block.position !== -1) {
      const at = block.position;
      item.parts[at]!.isClosed = true;
      text += closePart(this.#writer, item, at);
    }
    if (!isProse(head)) return text + this.#itemDone(item, 'completed');
    item.openParts -= 1;
    return item.isSealed && item.openParts === 0 ? text + this.#itemDone(item, 'completed') : text;
  }

  /** Nothing is added to the message any more. */
  #seal(status: ItemStatus): string {
    const item = this.#message;
    if (item === undefined) return '';
    this.#message = undefined;
    item.isSealed = true;
    return item.openParts === 0 ? this.#itemDone(item, status) : '';
  }

  #itemDone(item: WrittenItem, status: ItemStatus): string {
    const json = JSON.stringify(wholeItem(item, status));
    this.#output.set(item.index, json);
    return this.#writer.writeJson('response.output_item.done', `"output_index":${item.index},"item":${json}`);
  }

  #closeLeft(): string {
    const left = this.#left;
    if (left === undefined) return '';
    this.#left = undefined;
    this.#output.set(left.index, JSON.stringify(wholeItem(left, 'completed')));
    return closeItem(this.#writer, left, 'completed');
  }

  #finish(finish: Finish): string {
    this.#end = endOf(finish, this.#hasRefusal, this.#context);
    return this.#closeLeft() + this.#seal(this.#end.incompleteReason === null ? 'completed' : 'incomplete');
  }

  #terminal(): string {
    const end = this.#end!; // A finish comes before.
    const items = [...this.#output].sort(([one], [other]) => one - other).map(([, json]) => json);
    const response = this.#object.json(this.#model, {
      ...end,
      output: [...this.#start.items.map(item => JSON.stringify(item)), ...items],
      usage: this.#usage ?? estimatedUsage(this.#contentBytes, this.#context),
      serviceTier: servedTier(this.#serviceTier, 'openai-responses'),
    });
    return this.#writer.writeJson(`response.${end.status}`, `"response":${response}`);
  }
}

function isProse(head: BlockHead): head is BlockHead & { type: 'text' | 'refusal' } {
  return head.type === 'text' || head.type === 'refusal';
}

/** What was thought is told as a summary: that is what clients show. */
const partTypes = { text: 'output_text', refusal: 'refusal', reasoning: 'summary_text' } as const;

/** Of items that begin: members that their end fills. */
const emptyMembers: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  message: { content: [], status: 'in_progress' },
  reasoning: { summary: [] },
  function_call: { [argumentsPart]: '', status: 'in_progress' },
  custom_tool_call: { input: '', status: 'in_progress' },
};

function deltaTypes({ type }: WrittenItem, head: BlockHead): string {
  if (head.type === 'reasoning') return 'response.reasoning_summary_text.delta';
  if (head.type === 'refusal') return 'response.refusal.delta';
  if (head.type === 'text') return 'response.output_text.delta';
  return type === 'function_call' ? 'response.function_call_arguments.delta' : 'response.custom_tool_call_input.delta';
}

function deltaOf(item: WrittenItem, position: number): string {
  return `${JSON.stringify(partPlace(item, position)).slice(1, -1)},"delta":`;
}

/** How an answer ends here: completed, or why it is not. */
function endOf(
  finish: Finish,
  hasRefusal: boolean,
  context: AnswerContext,
): Omit<ResponseState, 'output' | 'usage' | 'serviceTier'> {
  const { reason, raw } = finish;
  // This dialect has no word for these, and a client would take the answer for whole.
  if (reason === 'pause' || reason === 'other') {
    context.losses.approximated('finish-reason-approximated', 'finish_reason');
  }
  const incompleteReason = incompleteReasonOf(reason, hasRefusal);
  const isToldOtherwise = raw === incompleteReason || plainReasons.has(reason) || (reason === 'refusal' && hasRefusal);
  return {
    status: incompleteReason === null ? 'completed' : 'incomplete',
    incompleteReason,
    // The provider's own word where this dialect has none that says as much, by the name that OpenRouter has for it
    // (https://openrouter.ai/docs/api/reference/overview, 2026-11).
    beside: { native_finish_reason: isToldOtherwise ? undefined : raw },
  };
}

const plainReasons: ReadonlySet<Finish['reason']> = new Set<Finish['reason']>([
  'stop',
  'stop-sequence',
  'length',
  'tool-call',
]);

function incompleteReasonOf(reason: Finish['reason'], hasRefusal: boolean): string | null {
  switch (reason) {
    case 'length':
    case 'context-window':
      return 'max_output_tokens';
    case 'content-filter':
      return 'content_filter';
    case 'refusal':
      // A refusal in words of its own is an answer; one that only ended it is what a filter does.
      return hasRefusal ? null : 'content_filter';
    default:
      return null;
  }
}

/** This API tells usage with every answer. A provider that tells none is answered for by a declared estimate; the ledger has
 *  its own. */
function estimatedUsage(contentBytes: number, context: AnswerContext): UsageSlices {
  context.losses.approximated('usage-estimated', 'usage');
  return { inputUncached: context.inputTokensEstimate, output: Math.ceil(contentBytes / 4) };
}

const nothing = Buffer.alloc(0);
