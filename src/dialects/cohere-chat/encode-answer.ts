import type { BlockHead, CompletionEvent, Finish } from '../../completion/event.ts';
import { type FoldedBlock, foldEvents } from '../../completion/fold.ts';
import { inputTotal, outputTotal, type UsageSlices } from '../../completion/usage.ts';
import type { AnswerSoFar } from '../answer-so-far.ts';
import { type BlockEvent, BlocksInTurn } from '../blocks-in-turn.ts';
import { AnswerCallIds } from '../call-ids.ts';
import type { AnswerContext, StreamEncoder } from '../dialect.ts';
import { encodeStreamFault } from './fault.ts';
import { cohereChatProfile } from './profile.ts';

export function encodeAnswer(events: readonly CompletionEvent[], context: AnswerContext): Buffer {
  const answer = foldEvents(events);
  const ids = new AnswerCallIds(cohereChatProfile.callIds, context.exchangeId);
  const calls = answer.blocks.flatMap(block => encodeCall(block, ids));
  const contents = answer.blocks.flatMap(encodeContent);
  const hasCalls = calls.length > 0;
  const hasRefusal = answer.blocks.some(({ head }) => head.type === 'refusal');
  // Where tools are called, what is said is their plan: a message has no text beside calls here.
  const plan = hasCalls ? contents.flatMap(({ text }) => text ?? []).join('') : '';
  const shown = hasCalls ? contents.filter(({ type }) => type === 'thinking') : contents;
  // Keys that are undefined are not written.
  return Buffer.from(
    JSON.stringify({
      id: context.exchangeId,
      message: {
        role: 'assistant',
        content: shown.length === 0 && hasCalls ? undefined : shown,
        tool_plan: plan === '' ? undefined : plan,
        tool_calls: hasCalls ? calls : undefined,
      },
      ...ended(answer.finish, hasRefusal, context),
      usage: answer.usage === undefined ? undefined : encodeUsage(answer.usage),
    }),
  );
}

interface WireContentAnswer {
  readonly type: 'text' | 'thinking';
  readonly text?: string;
  readonly thinking?: string;
}

/** A refusal is a text here. Redacted thinking has nothing to show. */
function encodeContent({ head, text }: FoldedBlock): WireContentAnswer[] {
  if (head.type === 'call') return [];
  if (head.type !== 'reasoning') return [{ type: 'text', text }];
  return head.redacted === true ? [] : [{ type: 'thinking', thinking: text }];
}

function encodeCall({ head, text }: FoldedBlock, ids: AnswerCallIds): unknown[] {
  if (head.type !== 'call') return [];
  const called = { name: head.name, arguments: text === '' ? '{}' : text };
  return [{ id: ids.ofCall(head.id), type: 'function', function: called }];
}

export function encodeStream(context: AnswerContext): StreamEncoder {
  return new ChatEncoder(context);
}

/** Contents and calls follow one another on this wire. A text is a content in streams, unless its provider says that it is a
 *  plan: else that is known only when a call follows. */
class ChatEncoder implements StreamEncoder {
  readonly #context: AnswerContext;
  readonly #ids: AnswerCallIds;
  readonly #blocks: BlocksInTurn;
  #usage: UsageSlices | undefined = undefined;
  #finish: Finish | undefined = undefined;
  #hasRefusal = false;
  #contents: number;
  #calls = 0;
  /** Of what the client had before: the first content goes on with it, or closes it. */
  #left: AnswerSoFar['open'];
  /** Of the block whose turn it is. */
  #index = 0;
  #hasArguments = false;

  constructor(context: AnswerContext) {
    this.#context = context;
    this.#ids = new AnswerCallIds(cohereChatProfile.callIds, context.exchangeId);
    this.#contents = context.resumes?.blocks ?? 0;
    this.#left = context.resumes?.open;
    this.#blocks = new BlocksInTurn((head, event) => this.#write(head, event));
  }

  push(event: CompletionEvent): Buffer {
    const text = this.#encode(event);
    return text === '' ? nothing : Buffer.from(text);
  }

  #encode(event: CompletionEvent): string {
    switch (event.type) {
      case 'message-start':
        this.#usage = event.usage;
        // A message begins once.
        return this.#context.resumes === undefined ? this.#start() : '';
      case 'block-open':
        if (event.block.type === 'refusal') this.#hasRefusal = true;
        return this.#blocks.push(event);
      case 'text-delta':
      case 'arguments-delta':
      case 'state':
      case 'block-close':
        return this.#blocks.push(event);
      case 'usage':
        this.#usage = event.usage;
        return '';
      case 'finish':
        this.#finish = event.finish;
        return this.#closeLeft();
      case 'error':
        return this.#closeLeft() + encodeStreamFault(event.fault, this.#context).toString();
      case 'message-end':
        return this.#end(this.#finish!) + done; // A message ends behind its finish.
    }
  }

  #start(): string {
    const message = { role: 'assistant', content: [], tool_plan: '', tool_calls: [], citations: [] };
    return sse(
      'message-start',
      JSON.stringify({ id: this.#context.exchangeId, type: 'message-start', delta: { message } }),
    );
  }

  #write(head: BlockHead, event: BlockEvent): string {
    if (head.type === 'call') return this.#writeCall(head, event);
    if (head.type === 'text' && head.plan === true) return this.#writePlan(event);
    // There is nothing to show of it, and no field for its state.
    if (head.type === 'reasoning' && head.redacted === true) return '';
    const key = head.type === 'reasoning' ? 'thinking' : 'text';
    switch (event.type) {
      case 'block-open': {
        if (this.#left !== undefined && this.#left.type === head.type) {
          this.#index = this.#left.index;
          this.#left = undefined;
          return '';
        }
        const left = this.#closeLeft();
        this.#index = this.#contents;
        this.#contents += 1;
        const content = `{"type":"${key}","${key}":""}`;
        return left + wired('content-start', this.#index, `{"content":${content}}`);
      }
      case 'text-delta':
        return wired('content-delta', this.#index, `{"content":{"${key}":${JSON.stringify(event.text)}}}`);
      case 'block-close':
        return contentEnd(this.#index);
      default:
        return '';
    }
  }

  /** Deltas alone, without an index. */
  #writePlan(event: BlockEvent): string {
    if (event.type === 'block-open') return this.#closeLeft();
    if (event.type !== 'text-delta') return '';
    const delta = { message: { tool_plan: event.text } };
    return sse('tool-plan-delta', JSON.stringify({ type: 'tool-plan-delta', delta }));
  }

  #writeCall(head: BlockHead & { readonly type: 'call' }, event: BlockEvent): string {
    switch (event.type) {
      case 'block-open': {
        const left = this.#closeLeft();
        this.#index = this.#calls;
        this.#calls += 1;
        this.#hasArguments = false;
        const id = this.#ids.ofCall(head.id);
        const call = { id, type: 'function', function: { name: head.name, arguments: '' } };
        return left + wired('tool-call-start', this.#index, JSON.stringify({ tool_calls: call }));
      }
      case 'arguments-delta':
        if (event.text === '') return '';
        this.#hasArguments = true;
        return this.#arguments(event.text);
      case 'block-close':
        // Clients parse what they get.
        return `${this.#hasArguments ? '' : this.#arguments('{}')}${indexed('tool-call-end', this.#index)}`;
      default:
        return '';
    }
  }

  #arguments(text: string): string {
    return wired('tool-call-delta', this.#index, `{"tool_calls":{"function":{"arguments":${JSON.stringify(text)}}}}`);
  }

  #closeLeft(): string {
    if (this.#left === undefined) return '';
    const { index } = this.#left;
    this.#left = undefined;
    return contentEnd(index);
  }

  #end(finish: Finish): string {
    const usage = this.#usage === undefined ? undefined : encodeUsage(this.#usage);
    const delta = { ...ended(finish, this.#hasRefusal, this.#context), usage };
    return sse('message-end', JSON.stringify({ type: 'message-end', delta }));
  }
}

function sse(name: string, json: string): string {
  return `event: ${name}\ndata: ${json}\n\n`;
}

function wired(type: string, index: number, message: string): string {
  return sse(type, `{"type":"${type}","index":${index},"delta":{"message":${message}}}`);
}

function indexed(type: string, index: number): string {
  return sse(type, `{"type":"${type}","index":${index}}`);
}

export function contentEnd(index: number): string {
  return indexed('content-end', index);
}

/** Where this dialect has no word that says as much, the provider's own stands beside it, by the name that the other
 *  dialects have for it. */
function ended(
  { reason, raw }: Finish,
  hasRefusal: boolean,
  context: AnswerContext,
): { readonly finish_reason: string; readonly native_finish_reason?: string } {
  const word = reason === 'refusal' && hasRefusal ? 'COMPLETE' : words[reason];
  if (!wordless.has(reason) || (reason === 'refusal' && hasRefusal)) return { finish_reason: word };
  context.losses.approximated('finish-reason-approximated', 'stop_reason');
  return { finish_reason: word, ...(raw === undefined ? undefined : { native_finish_reason: raw }) };
}

/** cohere-ai 8.1.0, ChatFinishReason.d.ts (2026-11): "exceeded the model's context length or the value specified via
 *  `max_tokens`" is one word. The word for a filter is of the first version (ChatStreamEndEventFinishReason.d.ts), since an
 *  answer that was cut is not complete; so does a refusal end that is not said in words. */
const words: Readonly<Record<Finish['reason'], string>> = {
  stop: 'COMPLETE',
  'stop-sequence': 'STOP_SEQUENCE',
  length: 'MAX_TOKENS',
  'context-window': 'MAX_TOKENS',
  'tool-call': 'TOOL_CALL',
  'content-filter': 'ERROR_TOXIC',
  refusal: 'ERROR_TOXIC',
  pause: 'COMPLETE',
  other: 'COMPLETE',
};

const wordless: ReadonlySet<Finish['reason']> = new Set<Finish['reason']>(['refusal', 'pause', 'other']);

/** The inverse of usage.ts. Nothing was put into the prompt here, so all of it is billed. */
export function encodeUsage(usage: UsageSlices): unknown {
  const tokens = { input_tokens: inputTotal(usage), output_tokens: outputTotal(usage) };
  return { billed_units: tokens, tokens, cached_tokens: usage.cacheRead };
}

const nothing = Buffer.alloc(0);
const done = 'data: [DONE]\n\n';
