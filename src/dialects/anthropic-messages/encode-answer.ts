import type { BlockHead, CompletionEvent, Finish } from '../../completion/event.ts';
import { type FoldedBlock, foldEvents } from '../../completion/fold.ts';
import { inputTotal, outputTotal, type UsageSlices } from '../../completion/usage.ts';
import type { AnswerSoFar } from '../answer-so-far.ts';
import { AnswerCallIds } from '../call-ids.ts';
import type { AnswerContext, StreamEncoder } from '../dialect.ts';
import { parseBounded } from '../exact-json.ts';
import { servedTier } from '../served-tier.ts';
import { isRecord } from '../wire-values.ts';
import { encodeStreamFault } from './fault.ts';
import { anthropicMessagesProfile } from './profile.ts';

export function encodeAnswer(events: readonly CompletionEvent[], context: AnswerContext): Buffer {
  const answer = foldEvents(events);
  const ids = new AnswerCallIds(anthropicMessagesProfile.callIds, context.exchangeId);
  let contentBytes = 0;
  const content: unknown[] = [];
  for (const block of withoutLastState(answer.blocks, context)) {
    contentBytes += Buffer.byteLength(block.text);
    content.push(...encodeBlock(block, ids, context));
  }
  return Buffer.from(
    JSON.stringify({
      id: answerId(context),
      type: 'message',
      role: 'assistant',
      model: answer.servedModel ?? context.targetModel,
      content,
      ...stop(answer.finish, context),
      usage: encodeUsage(answer.usage ?? estimatedUsage(contentBytes, context), answer.serviceTier),
    }),
  );
}

export function encodeStream(context: AnswerContext): StreamEncoder {
  return new MessageEncoder(context);
}

interface OpenBlock {
  readonly head: BlockHead;
  /** Its index on the wire; -1 while it waits for its turn. */
  index: number;
  readonly events: CompletionEvent[];
  isClosed: boolean;
}

/** Blocks follow one another on this wire: one that opens while another is open waits for its turn. */
class MessageEncoder implements StreamEncoder {
  readonly #context: AnswerContext;
  readonly #ids: AnswerCallIds;
  #usage: UsageSlices | undefined = undefined;
  #serviceTier: string | undefined = undefined;
  #contentBytes = 0;
  #written: number;
  /** Of what the client had before: the first block goes on with it, or closes it. */
  #left: AnswerSoFar['open'];
  /** By the index of the middle. */
  readonly #blocks = new Map<number, OpenBlock>();
  #current: OpenBlock | undefined = undefined;
  readonly #waiting: OpenBlock[] = [];
  /** State behind other blocks: written when one follows it, and left out when none does. */
  #held: OpenBlock | undefined = undefined;

  constructor(context: AnswerContext) {
    this.#context = context;
    this.#ids = new AnswerCallIds(anthropicMessagesProfile.callIds, context.exchangeId);
    this.#written = context.resumes?.blocks ?? 0;
    this.#left = context.resumes?.open;
  }

  push(event: CompletionEvent): Buffer {
    const text = this.#encode(event);
    return text === '' ? nothing : Buffer.from(text);
  }

  #encode(event: CompletionEvent): string {
    switch (event.type) {
      case 'message-start':
        this.#usage = event.usage;
        // A message begins once; its end says what was used.
        return this.#context.resumes === undefined ? this.#start(event.servedModel ?? this.#context.targetModel) : '';
      case 'block-open':
        return this.#open(event);
      case 'text-delta':
      case 'arguments-delta':
        this.#contentBytes += Buffer.byteLength(event.text);
        return this.#inTurn(event);
      case 'state':
        return this.#inTurn(event);
      case 'block-close':
        return this.#close(event);
      case 'usage':
        this.#usage = event.usage;
        this.#serviceTier = event.serviceTier ?? this.#serviceTier;
        return '';
      case 'finish':
        return this.#finish(event.finish);
      case 'error':
        return encodeStreamFault(event.fault, this.#context).toString();
      case 'message-end':
        return sse('message_stop', '{"type":"message_stop"}');
    }
  }

  /** Clients count their context by the input tokens named here. A provider that tells them only at the end is
   *  preceded by an estimate, which message_delta corrects. */
  #start(model: string): string {
    const usage = this.#usage ?? { inputUncached: this.#context.inputTokensEstimate, output: 0 };
    const message = {
      id: answerId(this.#context),
      type: 'message',
      role: 'assistant',
      model,
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: encodeUsage(usage),
    };
    return sse('message_start', JSON.stringify({ type: 'message_start', message }));
  }

  #open(event: CompletionEvent & { type: 'block-open' }): string {
    const block: OpenBlock = { head: event.block, index: -1, events: [event], isClosed: false };
    this.#blocks.set(event.index, block);
    if (this.#current !== undefined) {
      this.#waiting.push(block);
      return '';
    }
    return this.#take(block);
  }

  #take(block: OpenBlock): string {
    const held = this.#held;
    this.#held = undefined;
    const before = held === undefined ? '' : this.#beginTurn(held);
    // Half a state is behind nothing: what follows waits for the rest.
    if (held?.isClosed === false) {
      this.#waiting.unshift(block);
      return before;
    }
    this.#current = undefined;
    if (isRedacted(block.head) && this.#written > 0) {
      this.#held = block;
      return before;
    }
    return before + this.#beginTurn(block);
  }

  #beginTurn(block: OpenBlock): string {
    this.#current = block;
    const goesOn = this.#left !== undefined && this.#left.type === block.head.type && !isRedacted(block.head);
    const left = goesOn ? '' : this.#closeLeft();
    if (goesOn) {
      block.index = this.#left!.index;
      this.#left = undefined;
      block.events.shift();
    } else {
      block.index = this.#written;
      this.#written += 1;
    }
    const text = block.events.map(event => this.#write(block, event)).join('');
    block.events.length = 0;
    return left + text;
  }

  #closeLeft(): string {
    if (this.#left === undefined) return '';
    const { index } = this.#left;
    this.#left = undefined;
    return blockStop(index);
  }

  #inTurn(event: CompletionEvent & { index: number }): string {
    const block = this.#blocks.get(event.index);
    if (block === undefined) return '';
    if (block.index !== -1) return this.#write(block, event);
    block.events.push(event);
    return '';
  }

  #close(event: CompletionEvent & { type: 'block-close' }): string {
    const block = this.#blocks.get(event.index);
    if (block === undefined) return '';
    block.isClosed = true;
    let text = this.#inTurn(event);
    // A state that is held is nobody's turn: the next one's has come.
    while (this.#current === undefined || this.#current.isClosed) {
      this.#current = undefined;
      const next = this.#waiting.shift();
      if (next === undefined) break;
      text += this.#take(next);
    }
    return text;
  }

  #write({ head, index }: OpenBlock, event: CompletionEvent): string {
    switch (event.type) {
      case 'block-open':
        return isRedacted(head) ? '' : blockStart(index, this.#emptyBlock(head));
      case 'text-delta': {
        const text = JSON.stringify(event.text);
        if (head.type === 'reasoning') return blockDelta(index, `{"type":"thinking_delta","thinking":${text}}`);
        return blockDelta(index, `{"type":"text_delta","text":${text}}`);
      }
      case 'arguments-delta':
        return blockDelta(index, `{"type":"input_json_delta","partial_json":${JSON.stringify(event.text)}}`);
      case 'state':
        if (head.type !== 'reasoning') return '';
        // All of a redacted block is in its start.
        if (isRedacted(head)) return blockStart(index, { type: 'redacted_thinking', data: event.state });
        return blockDelta(index, `{"type":"signature_delta","signature":${JSON.stringify(event.state)}}`);
      case 'block-close':
        return blockStop(index);
      default:
        return '';
    }
  }

  #emptyBlock(head: BlockHead): unknown {
    if (head.type === 'call') return { type: 'tool_use', id: this.#ids.ofCall(head.id), name: head.name, input: {} };
    return head.type === 'reasoning' ? { type: 'thinking', thinking: '', signature: '' } : { type: 'text', text: '' };
  }

  #finish(finish: Finish): string {
    if (this.#held !== undefined) leaveLastState(this.#context);
    const usage = encodeUsage(this.#usage ?? estimatedUsage(this.#contentBytes, this.#context), this.#serviceTier);
    const delta = JSON.stringify({ type: 'message_delta', delta: stop(finish, this.#context), usage });
    return this.#closeLeft() + sse('message_delta', delta);
  }
}

/** "The final block in an assistant message cannot be `thinking`", says the API of what it is given back (2026-11), and
 *  programs take the last block for the answer. Only Gemini ends so; it does without a state that has no call behind it. */
function leaveLastState(context: AnswerContext): void {
  context.losses.dropped('reasoning-state-last', 'reasoning');
}

function withoutLastState(blocks: readonly FoldedBlock[], context: AnswerContext): readonly FoldedBlock[] {
  const last = blocks.at(-1);
  if (last === undefined || blocks.length === 1 || !isRedacted(last.head)) return blocks;
  leaveLastState(context);
  return blocks.slice(0, -1);
}

function sse(name: string, json: string): string {
  return `event: ${name}\ndata: ${json}\n\n`;
}

function isRedacted(head: BlockHead): boolean {
  return head.type === 'reasoning' && head.redacted === true;
}

function blockStart(index: number, block: unknown): string {
  return sse('content_block_start', JSON.stringify({ type: 'content_block_start', index, content_block: block }));
}

function blockDelta(index: number, delta: string): string {
  return sse('content_block_delta', `{"type":"content_block_delta","index":${index},"delta":${delta}}`);
}

export function blockStop(index: number): string {
  return sse('content_block_stop', `{"type":"content_block_stop","index":${index}}`);
}

function answerId(context: AnswerContext): string {
  return `msg_${context.exchangeId}`;
}

function encodeBlock({ head, text, state }: FoldedBlock, ids: AnswerCallIds, context: AnswerContext): unknown[] {
  switch (head.type) {
    case 'reasoning':
      if (head.redacted === true) return [{ type: 'redacted_thinking', data: state ?? '' }];
      return [{ type: 'thinking', thinking: text, signature: state ?? '' }];
    case 'call':
      return [{ type: 'tool_use', id: ids.ofCall(head.id), name: head.name, input: argumentsObject(text, context) }];
    default:
      return [{ type: 'text', text }];
  }
}

/** Streams carry arguments as text, whole answers as an object: text that is none travels wrapped. */
function argumentsObject(text: string, context: AnswerContext): unknown {
  if (text.trim() === '') return {};
  try {
    const input = parseBounded(text);
    if (isRecord(input)) return input;
  } catch {
    // The model wrote no JSON, or its answer was cut short.
  }
  context.losses.approximated('arguments-wrapped', 'choices.0.message.tool_calls');
  return { INVALID_JSON: text };
}

interface WireStopAnswer {
  readonly stop_reason: string;
  readonly stop_sequence: string | null;
  readonly stop_details?: unknown;
  /** The provider's own word where this dialect has none that says as much, by the name that OpenRouter has for it
   *  (https://openrouter.ai/docs/api/reference/overview, 2026-11). */
  readonly native_finish_reason?: string;
}

function stop(finish: Finish, context: AnswerContext): WireStopAnswer {
  // This dialect has no word for it, and a client would take the answer for whole.
  if (finish.reason === 'other') context.losses.approximated('finish-reason-approximated', 'choices.0.finish_reason');
  const reason = stopReasons[finish.reason];
  return {
    stop_reason: reason,
    stop_sequence: finish.stopSequence ?? null,
    ...(reason === 'refusal' ? { stop_details: refusalDetails(finish) } : undefined),
    ...(finish.raw === undefined || !vagueReasons.has(finish.reason)
      ? undefined
      : { native_finish_reason: finish.raw }),
  };
}

const vagueReasons: ReadonlySet<Finish['reason']> = new Set<Finish['reason']>(['content-filter', 'other']);

function refusalDetails({ detail }: Finish): unknown {
  return { type: 'refusal', category: null, explanation: detail ?? null };
}

const stopReasons = {
  stop: 'end_turn',
  'stop-sequence': 'stop_sequence',
  length: 'max_tokens',
  'context-window': 'model_context_window_exceeded',
  'tool-call': 'tool_use',
  'content-filter': 'refusal',
  refusal: 'refusal',
  pause: 'pause_turn',
  other: 'end_turn',
} as const satisfies Record<Finish['reason'], string>;

/** This API promises usage. A provider that tells none is answered for by a declared estimate; the ledger has its own. */
function estimatedUsage(contentBytes: number, context: AnswerContext): UsageSlices {
  context.losses.approximated('usage-estimated', 'usage');
  return { inputUncached: context.inputTokensEstimate, output: Math.ceil(contentBytes / 4) };
}

/** The inverse of usage.ts: what was not said is not written, and zero is. Kinds of tokens that this API does not tell
 *  apart are part of the totals. */
export function encodeUsage(usage: UsageSlices, serviceTier?: string): unknown {
  const { cacheRead, cacheWrite5m, cacheWrite1h, reasoning } = usage;
  const isWritten = cacheWrite5m !== undefined || cacheWrite1h !== undefined;
  const written = (cacheWrite5m ?? 0) + (cacheWrite1h ?? 0);
  return {
    input_tokens: inputTotal(usage) - (cacheRead ?? 0) - written,
    cache_creation_input_tokens: isWritten ? written : undefined,
    cache_read_input_tokens: cacheRead,
    cache_creation:
      cacheWrite1h === undefined
        ? undefined
        : { ephemeral_5m_input_tokens: cacheWrite5m ?? 0, ephemeral_1h_input_tokens: cacheWrite1h },
    output_tokens: outputTotal(usage),
    output_tokens_details: reasoning === undefined ? undefined : { thinking_tokens: reasoning },
    service_tier: servedTier(serviceTier, 'anthropic-messages'),
  };
}

const nothing = Buffer.alloc(0);
