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
import { eventFrame } from './frames.ts';
import { bedrockConverseProfile } from './profile.ts';
import { stopReasons } from './stop-reasons.ts';

export function encodeAnswer(events: readonly CompletionEvent[], context: AnswerContext): Buffer {
  const answer = foldEvents(events);
  const ids = new AnswerCallIds(bedrockConverseProfile.callIds, context.exchangeId);
  let contentBytes = 0;
  const content: unknown[] = [];
  for (const block of answer.blocks) {
    contentBytes += Buffer.byteLength(block.text);
    content.push(...encodeBlock(block, ids, context));
  }
  return Buffer.from(
    JSON.stringify({
      output: { message: { role: 'assistant', content } },
      ...encodeStop(answer.finish, context),
      ...encodeMetadata(answer.usage ?? estimatedUsage(contentBytes, context), answer.serviceTier, context),
    }),
  );
}

export function encodeStream(context: AnswerContext): StreamEncoder {
  return new ConverseEncoder(context);
}

interface OpenBlock {
  readonly head: BlockHead;
  /** Its index on the wire; -1 while it has none. */
  index: number;
  readonly events: CompletionEvent[];
  isClosed: boolean;
  hasArguments: boolean;
}

/** Blocks follow one another on this wire: one that opens while another is open waits for its turn. */
class ConverseEncoder implements StreamEncoder {
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

  constructor(context: AnswerContext) {
    this.#context = context;
    this.#ids = new AnswerCallIds(bedrockConverseProfile.callIds, context.exchangeId);
    this.#written = context.resumes?.blocks ?? 0;
    this.#left = context.resumes?.open;
  }

  push(event: CompletionEvent): Buffer {
    const frames = this.#encode(event);
    return frames.length === 1 ? frames[0]! : Buffer.concat(frames);
  }

  #encode(event: CompletionEvent): readonly Buffer[] {
    switch (event.type) {
      case 'message-start':
        this.#usage = event.usage;
        // A message begins once.
        return this.#context.resumes === undefined ? [messageStart] : [];
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
        return [];
      case 'finish':
        return [...this.#closeLeft(), frame('messageStop', encodeStop(event.finish, this.#context))];
      case 'error':
        return [encodeStreamFault(event.fault, this.#context)];
      case 'message-end': {
        const usage = this.#usage ?? estimatedUsage(this.#contentBytes, this.#context);
        return [frame('metadata', encodeMetadata(usage, this.#serviceTier, this.#context))];
      }
    }
  }

  #open(event: CompletionEvent & { type: 'block-open' }): readonly Buffer[] {
    const block: OpenBlock = { head: event.block, index: -1, events: [event], isClosed: false, hasArguments: false };
    this.#blocks.set(event.index, block);
    if (this.#current !== undefined) {
      this.#waiting.push(block);
      return [];
    }
    return this.#beginTurn(block);
  }

  #beginTurn(block: OpenBlock): readonly Buffer[] {
    this.#current = block;
    const frames = block.events.flatMap(event => this.#write(block, event));
    block.events.length = 0;
    return frames;
  }

  /** Gives a block its place on the wire, with its first frame. */
  #begin(block: OpenBlock): readonly Buffer[] {
    const { head } = block;
    if (this.#left !== undefined && this.#left.type === head.type && !isRedacted(head)) {
      block.index = this.#left.index;
      this.#left = undefined;
      return [];
    }
    block.index = this.#written;
    this.#written += 1;
    return this.#closeLeft();
  }

  #closeLeft(): readonly Buffer[] {
    if (this.#left === undefined) return [];
    const { index } = this.#left;
    this.#left = undefined;
    return [blockStop(index)];
  }

  #inTurn(event: CompletionEvent & { index: number }): readonly Buffer[] {
    const block = this.#blocks.get(event.index);
    if (block === undefined) return [];
    if (block === this.#current) return this.#write(block, event);
    block.events.push(event);
    return [];
  }

  #close(event: CompletionEvent & { type: 'block-close' }): readonly Buffer[] {
    const block = this.#blocks.get(event.index);
    if (block === undefined) return [];
    block.isClosed = true;
    const frames = [...this.#inTurn(event)];
    while (this.#current?.isClosed === true) {
      this.#current = undefined;
      const next = this.#waiting.shift();
      if (next !== undefined) frames.push(...this.#beginTurn(next));
    }
    return frames;
  }

  /** Only calls have a start: a text begins with its first delta, and one that has none is not there. */
  #write(block: OpenBlock, event: CompletionEvent): readonly Buffer[] {
    if (event.type === 'block-close') return this.#end(block);
    if (event.type === 'block-open') {
      const { head } = block;
      if (head.type !== 'call') return [];
      const left = this.#begin(block);
      const start = { toolUse: { toolUseId: this.#ids.ofCall(head.id), name: head.name } };
      return [...left, frame('contentBlockStart', { start, contentBlockIndex: block.index })];
    }
    const delta = deltaOf(block.head, event);
    if (delta === undefined) return [];
    block.hasArguments ||= event.type === 'arguments-delta' && event.text !== '';
    const left = block.index === -1 ? this.#begin(block) : [];
    return [...left, frame('contentBlockDelta', { delta, contentBlockIndex: block.index })];
  }

  /** A call without arguments has an empty object of them; clients parse what they get. */
  #end({ head, index, hasArguments }: OpenBlock): readonly Buffer[] {
    if (index === -1) return [];
    if (head.type !== 'call' || hasArguments) return [blockStop(index)];
    const none = frame('contentBlockDelta', { delta: { toolUse: { input: '{}' } }, contentBlockIndex: index });
    return [none, blockStop(index)];
  }
}

/** undefined when the event says nothing here. */
function deltaOf(head: BlockHead, event: CompletionEvent): unknown {
  switch (event.type) {
    case 'text-delta':
      return head.type === 'reasoning' ? { reasoningContent: { text: event.text } } : { text: event.text };
    case 'arguments-delta':
      return { toolUse: { input: event.text } };
    case 'state':
      if (head.type !== 'reasoning') return undefined;
      if (isRedacted(head)) return { reasoningContent: { redactedContent: asBase64(event.state) } };
      return { reasoningContent: { signature: event.state } };
    default:
      return undefined;
  }
}

function frame(type: string, payload: unknown): Buffer {
  return eventFrame(type, JSON.stringify(payload));
}

const messageStart = frame('messageStart', { role: 'assistant' });

export function blockStop(contentBlockIndex: number): Buffer {
  return frame('contentBlockStop', { contentBlockIndex });
}

function isRedacted(head: BlockHead): boolean {
  return head.type === 'reasoning' && head.redacted === true;
}

function encodeBlock({ head, text, state }: FoldedBlock, ids: AnswerCallIds, context: AnswerContext): unknown[] {
  switch (head.type) {
    case 'reasoning':
      if (head.redacted === true) return [{ reasoningContent: { redactedContent: asBase64(state ?? '') } }];
      return [{ reasoningContent: { reasoningText: { text, signature: state } } }];
    case 'call': {
      const input = argumentsObject(text, context);
      return [{ toolUse: { toolUseId: ids.ofCall(head.id), name: head.name, input } }];
    }
    default:
      return [{ text }];
  }
}

/** Blobs are base64 on this wire, as our envelopes are; a client decodes them and gives the same bytes back. */
function asBase64(state: string): string {
  return Buffer.from(state, 'base64').toString('base64') === state ? state : Buffer.from(state).toString('base64');
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

/** Where the dialect has no word that says as much, the provider's own stands among the fields that models add; so does the
 *  stop sequence, by the name that Claude has for it. */
function encodeStop(finish: Finish, context: AnswerContext): unknown & object {
  const { reason, raw, stopSequence, detail } = finish;
  if (reason === 'other' || reason === 'pause') {
    context.losses.approximated('finish-reason-approximated', 'choices.0.finish_reason');
  }
  const more = {
    ...(stopSequence === undefined ? undefined : { stop_sequence: stopSequence }),
    ...(raw === undefined || !vagueReasons.has(reason) ? undefined : { native_finish_reason: raw }),
    ...(detail === undefined ? undefined : { explanation: detail }),
  };
  return {
    stopReason: stopReasons[reason],
    ...(Object.keys(more).length === 0 ? undefined : { additionalModelResponseFields: more }),
  };
}

const vagueReasons: ReadonlySet<Finish['reason']> = new Set<Finish['reason']>(['pause', 'other']);

function encodeMetadata(usage: UsageSlices, serviceTier: string | undefined, context: AnswerContext): object {
  const type = servedTier(serviceTier, 'bedrock-converse');
  const { nowMs, createdAtMs } = context;
  return {
    usage: encodeUsage(usage),
    metrics: { latencyMs: nowMs === undefined ? 0 : Math.max(0, nowMs() - createdAtMs) },
    serviceTier: type === undefined ? undefined : { type },
  };
}

/** This API promises usage. A provider that tells none is answered for by a declared estimate; the ledger has its own. */
function estimatedUsage(contentBytes: number, context: AnswerContext): UsageSlices {
  context.losses.approximated('usage-estimated', 'usage');
  return { inputUncached: context.inputTokensEstimate, output: Math.ceil(contentBytes / 4) };
}

/** The inverse of usage.ts: what was not said is not written, and zero is. Kinds of tokens that this API does not tell
 *  apart are part of the totals. */
function encodeUsage(usage: UsageSlices): unknown {
  const { cacheRead, cacheWrite5m, cacheWrite1h } = usage;
  const isWritten = cacheWrite5m !== undefined || cacheWrite1h !== undefined;
  const written = (cacheWrite5m ?? 0) + (cacheWrite1h ?? 0);
  const details = [
    { ttl: '1h', inputTokens: cacheWrite1h ?? 0 },
    { ttl: '5m', inputTokens: cacheWrite5m ?? 0 },
  ];
  return {
    inputTokens: inputTotal(usage) - (cacheRead ?? 0) - written,
    outputTokens: outputTotal(usage),
    totalTokens: inputTotal(usage) + outputTotal(usage),
    cacheReadInputTokens: cacheRead,
    cacheWriteInputTokens: isWritten ? written : undefined,
    cacheDetails: cacheWrite1h === undefined ? undefined : details,
  };
}
