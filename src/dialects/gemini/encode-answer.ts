import type { BlockHead, CompletionEvent, Finish } from '../../completion/event.ts';
import { type FoldedBlock, foldEvents } from '../../completion/fold.ts';
import { inputTotal, outputTotal, type UsageSlices } from '../../completion/usage.ts';
import { AnswerCallIds } from '../call-ids.ts';
import type { AnswerContext, StreamEncoder } from '../dialect.ts';
import { servedTier } from '../served-tier.ts';
import { encodeStreamFault } from './fault.ts';
import { geminiProfile } from './profile.ts';
import { framed } from './stream-frame.ts';
import { argumentsObject } from './tool-response.ts';

export function encodeAnswer(events: readonly CompletionEvent[], context: AnswerContext): Buffer {
  const answer = foldEvents(events);
  const parts = new AnswerParts(context);
  const written = answer.blocks.flatMap(block => parts.whole(block));
  written.push(...parts.rest());
  const { usage, serviceTier, finish } = answer;
  return Buffer.from(
    JSON.stringify({
      candidates: [{ content: { parts: written, role: 'model' }, ...endOf(finish, context), index: 0 }],
      usageMetadata: usage === undefined ? undefined : encodeUsage(usage, serviceTier),
      modelVersion: answer.servedModel ?? context.targetModel,
      responseId: context.exchangeId,
    }),
  );
}

export function encodeStream(context: AnswerContext): StreamEncoder {
  return new ResponseEncoder(context);
}

/** Blocks as parts. State of thoughts goes with the part that follows them: clients keep signatures of calls and texts, and
 *  throw thoughts away (https://ai.google.dev/gemini-api/docs/thought-signatures, 2026-11). */
class AnswerParts {
  readonly #context: AnswerContext;
  readonly #ids: AnswerCallIds;
  #state: string | undefined = undefined;

  constructor(context: AnswerContext) {
    this.#context = context;
    this.#ids = new AnswerCallIds(geminiProfile.callIds, context.exchangeId);
  }

  whole({ head, text, state }: FoldedBlock): unknown[] {
    if (head.type === 'call') return [this.call(head, text)];
    if (head.type !== 'reasoning') return text === '' ? [] : [this.text(text)];
    const thoughts = text === '' ? [] : [{ text, thought: true }];
    return state === undefined ? thoughts : [...thoughts, ...this.state(state)];
  }

  text(text: string): unknown {
    return { text, thoughtSignature: this.#takeState() };
  }

  call({ id, name }: BlockHead & { type: 'call' }, argumentsText: string): unknown {
    const args = argumentsObject(argumentsText, 'choices.0.message.tool_calls', this.#context.losses);
    return { functionCall: { id: this.#ids.ofCall(id), name, args }, thoughtSignature: this.#takeState() };
  }

  /** Keeps one for the next part; a part of its own for what waited already. */
  state(state: string): unknown[] {
    const waiting = this.#takeState();
    this.#state = state;
    return waiting === undefined ? [] : [{ text: '', thought: true, thoughtSignature: waiting }];
  }

  /** What signs an answer that is over. */
  rest(): unknown[] {
    const waiting = this.#takeState();
    return waiting === undefined ? [] : [{ text: '', thoughtSignature: waiting }];
  }

  #takeState(): string | undefined {
    const state = this.#state;
    this.#state = undefined;
    return state;
  }
}

/** Clients of this dialect take calls whole, so they wait until they are. */
class ResponseEncoder implements StreamEncoder {
  readonly #context: AnswerContext;
  readonly #parts: AnswerParts;
  readonly #heads = new Map<number, BlockHead>();
  /** Arguments so far of calls that are open. */
  readonly #arguments = new Map<number, string>();
  #isFirst: boolean;
  /** Everything of a chunk behind its candidates. */
  #tail = '';
  #usage: UsageSlices | undefined = undefined;
  #serviceTier: string | undefined = undefined;
  #finish: Finish | undefined = undefined;

  constructor(context: AnswerContext) {
    this.#context = context;
    this.#parts = new AnswerParts(context);
    this.#isFirst = context.resumes === undefined;
  }

  push(event: CompletionEvent): Buffer {
    switch (event.type) {
      case 'message-start':
        this.#usage = event.usage;
        this.#tail = this.#tailOf(event.servedModel ?? this.#context.targetModel);
        return nothing;
      case 'block-open':
        this.#heads.set(event.index, event.block);
        if (event.block.type === 'call') this.#arguments.set(event.index, '');
        return nothing;
      case 'text-delta':
        return event.text === '' ? nothing : this.#chunk([this.#prose(event)]);
      case 'arguments-delta':
        this.#arguments.set(event.index, `${this.#arguments.get(event.index) ?? ''}${event.text}`);
        return nothing;
      case 'state':
        return this.#state(event);
      case 'block-close':
        return this.#close(event.index);
      case 'usage':
        this.#usage = event.usage;
        this.#serviceTier = event.serviceTier ?? this.#serviceTier;
        return nothing;
      case 'finish':
        this.#finish = event.finish;
        return nothing;
      case 'error':
        return this.#error(event);
      case 'message-end':
        return this.#end();
    }
  }

  #tailOf(modelVersion: string): string {
    return JSON.stringify({ modelVersion, responseId: this.#context.exchangeId }).slice(1);
  }

  #prose({ index, text }: CompletionEvent & { type: 'text-delta' }): unknown {
    return this.#heads.get(index)?.type === 'reasoning' ? { text, thought: true } : this.#parts.text(text);
  }

  #state({ index, state }: CompletionEvent & { type: 'state' }): Buffer {
    if (this.#heads.get(index)?.type !== 'reasoning') return nothing;
    const parts = this.#parts.state(state);
    return parts.length === 0 ? nothing : this.#chunk(parts);
  }

  #close(index: number): Buffer {
    const head = this.#heads.get(index);
    if (head?.type !== 'call') return nothing;
    const text = this.#arguments.get(index) ?? '';
    this.#arguments.delete(index);
    return this.#chunk([this.#parts.call(head, text)]);
  }

  #chunk(parts: readonly unknown[]): Buffer {
    return this.#write(`{"candidates":[{"content":${content(parts)},"index":0}],${this.#tail}`, false);
  }

  /** The chunk that says why it ended is the terminal one. */
  #end(): Buffer {
    const rest = this.#parts.rest();
    const parts = rest.length === 0 ? [{ text: '' }] : rest;
    const end = JSON.stringify(endOf(this.#finish ?? unknownFinish, this.#context)).slice(1, -1);
    const usage =
      this.#usage === undefined
        ? ''
        : `"usageMetadata":${JSON.stringify(encodeUsage(this.#usage, this.#serviceTier))},`;
    return this.#write(`{"candidates":[{"content":${content(parts)},${end},"index":0}],${usage}${this.#tail}`, true);
  }

  #error({ fault }: CompletionEvent & { type: 'error' }): Buffer {
    const bytes = encodeStreamFault(fault, this.#context);
    if (this.#context.streamForm !== 'list' || !this.#isFirst) return bytes;
    return Buffer.concat([openList, bytes.subarray(bytes.indexOf(openObject))]);
  }

  #write(json: string, isLast: boolean): Buffer {
    const text = framed(json, { form: this.#context.streamForm, isFirst: this.#isFirst, isLast });
    this.#isFirst = false;
    return Buffer.from(text);
  }
}

function content(parts: readonly unknown[]): string {
  return JSON.stringify({ parts, role: 'model' });
}

interface WireEnd {
  readonly finishReason: string;
  /** What the provider says of it, or its own word where this dialect has none that says as much. */
  readonly finishMessage?: string;
}

function endOf({ reason, raw, detail }: Finish, context: AnswerContext): WireEnd {
  // This dialect has no word for it.
  if (reason === 'pause') context.losses.approximated('finish-reason-approximated', 'stop_reason');
  const finishReason = finishReasons[reason];
  const isPlain = reason === 'length' || finishReason === 'STOP';
  const message = detail ?? (isPlain || raw === finishReason ? undefined : raw);
  return message === undefined ? { finishReason } : { finishReason, finishMessage: message };
}

const finishReasons = {
  stop: 'STOP',
  'stop-sequence': 'STOP',
  'tool-call': 'STOP',
  length: 'MAX_TOKENS',
  'context-window': 'MAX_TOKENS',
  'content-filter': 'SAFETY',
  refusal: 'SAFETY',
  pause: 'OTHER',
  other: 'OTHER',
} as const satisfies Record<Finish['reason'], string>;

const unknownFinish: Finish = { reason: 'other', raw: undefined, stopSequence: undefined };

/** The inverse of usage.ts: what was not said is not written, and zero is. */
export function encodeUsage(usage: UsageSlices, serviceTier?: string): unknown {
  const { cacheRead, reasoning } = usage;
  const prompt = inputTotal(usage);
  const output = outputTotal(usage);
  return {
    promptTokenCount: prompt,
    cachedContentTokenCount: cacheRead,
    candidatesTokenCount: output - (reasoning ?? 0),
    thoughtsTokenCount: reasoning,
    totalTokenCount: prompt + output,
    promptTokensDetails: details(prompt, [
      ['AUDIO', usage.inputAudio],
      ['IMAGE', usage.inputImage],
      ['VIDEO', usage.inputVideo],
    ]),
    candidatesTokensDetails: details(output - (reasoning ?? 0), [
      ['AUDIO', usage.outputAudio],
      ['IMAGE', usage.outputImage],
    ]),
    serviceTier: servedTier(serviceTier, 'gemini'),
  };
}

/** Kinds of tokens that were told apart; the rest is text. */
function details(total: number, kinds: readonly (readonly [string, number | undefined])[]): unknown {
  const told = kinds.filter(([, tokens]) => tokens !== undefined && tokens > 0);
  if (told.length === 0) return undefined;
  const text = total - told.reduce((sum, [, tokens]) => sum + tokens!, 0);
  return [['TEXT', text] as const, ...told].map(([modality, tokenCount]) => ({ modality, tokenCount }));
}

const nothing = Buffer.alloc(0);
const openList = Buffer.from('[');
const openObject = 0x7b;
