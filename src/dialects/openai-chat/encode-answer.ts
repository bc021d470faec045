import type { CompletionEvent, Finish } from '../../completion/event.ts';
import { type FoldedBlock, foldEvents } from '../../completion/fold.ts';
import { inputTotal, outputTotal, type UsageSlices } from '../../completion/usage.ts';
import { AnswerCallIds } from '../call-ids.ts';
import type { AnswerContext, StreamEncoder } from '../dialect.ts';
import { servedTier } from '../served-tier.ts';
import { encodeStreamFault } from './fault.ts';
import { openaiChatProfile } from './profile.ts';
import { reasoningDetail } from './reasoning.ts';

export function encodeAnswer(events: readonly CompletionEvent[], context: AnswerContext): Buffer {
  const answer = foldEvents(events);
  const ids = new AnswerCallIds(openaiChatProfile.callIds, context.exchangeId);
  const calls = answer.blocks.flatMap(block => encodeCall(block, ids));
  const isLegacy = context.form?.legacyFunctions === true;
  if (isLegacy && calls.length > 1) loseCalls(context);
  const states = answer.blocks.flatMap(({ head, state }) =>
    head.type === 'reasoning' && state !== undefined ? [state] : [],
  );
  const hasRefusal = answer.blocks.some(({ head }) => head.type === 'refusal');
  // Keys that are undefined are not written.
  return Buffer.from(
    JSON.stringify({
      id: answerId(context),
      object: 'chat.completion',
      created: createdSeconds(context),
      model: answer.servedModel ?? context.targetModel,
      choices: [
        {
          index: 0,
          message: {
            role: 'assistant',
            content: prose(answer.blocks, 'text') ?? (calls.length === 0 && !hasRefusal ? '' : null),
            // A provider that keeps its reasoning to itself sends an empty one.
            reasoning_content: prose(answer.blocks, 'reasoning') || undefined,
            reasoning_details: states.length === 0 ? undefined : states.map(reasoningDetail),
            refusal: prose(answer.blocks, 'refusal') ?? null,
            tool_calls: calls.length === 0 || isLegacy ? undefined : calls,
            function_call: isLegacy ? calls[0]?.function : undefined,
          },
          logprobs: null,
          finish_reason: finishReason(answer.finish, hasRefusal, context),
          ...nativeFinish(answer.finish),
        },
      ],
      usage: answer.usage === undefined ? undefined : encodeUsage(answer.usage),
      service_tier: servedTier(answer.serviceTier, 'openai-chat'),
    }),
  );
}

export function encodeStream(context: AnswerContext): StreamEncoder {
  return new ChunkEncoder(context);
}

class ChunkEncoder implements StreamEncoder {
  readonly #context: AnswerContext;
  readonly #ids: AnswerCallIds;
  /** Everything of a chunk before its choices. */
  #head = '';
  #usage: UsageSlices | undefined = undefined;
  #hasRefusal = false;
  #serviceTier: string | undefined = undefined;
  readonly #isLegacy: boolean;
  readonly #blocks = new Map<number, OpenBlock>();
  #calls = 0;
  /** Of reasoning, until the end: some clients keep only the last list they were sent, others join all of them. */
  readonly #states: string[] = [];

  constructor(context: AnswerContext) {
    this.#context = context;
    this.#ids = new AnswerCallIds(openaiChatProfile.callIds, context.exchangeId);
    this.#isLegacy = context.form?.legacyFunctions === true;
  }

  push(event: CompletionEvent): Buffer {
    switch (event.type) {
      case 'message-start':
        this.#usage = event.usage;
        this.#head = this.#headOf(event.servedModel ?? this.#context.targetModel);
        return this.#context.resumes === undefined ? this.#delta('{"role":"assistant"}') : nothing;
      case 'block-open':
        return this.#open(event);
      case 'text-delta':
        return this.#delta(`{"${this.#blocks.get(event.index)!.key}":${JSON.stringify(event.text)}}`);
      case 'arguments-delta': {
        const block = this.#blocks.get(event.index)!;
        if (event.text === '') return nothing;
        block.hasArguments = true;
        return this.#arguments(block, event.text);
      }
      case 'state':
        if (this.#blocks.get(event.index)!.key === keys.reasoning) this.#states.push(event.state);
        return nothing;
      case 'block-close': {
        const block = this.#blocks.get(event.index)!;
        // A call without arguments has an empty object of them; clients parse what they get.
        return block.call === -1 || block.hasArguments ? nothing : this.#arguments(block, block.custom ? '' : '{}');
      }
      case 'usage':
        this.#usage = event.usage;
        this.#serviceTier = event.serviceTier ?? this.#serviceTier;
        return nothing;
      case 'finish':
        return this.#finish(event.finish);
      case 'error':
        return encodeStreamFault(event.fault, this.#context);
      case 'message-end':
        return done;
    }
  }

  #headOf(model: string): string {
    const head = {
      id: answerId(this.#context),
      object: 'chat.completion.chunk',
      created: createdSeconds(this.#context),
      model,
    };
    // Chunks before the last say that usage is to come, where the client asked for it.
    const usage = this.#context.streamUsage ? '"usage":null,' : '';
    return `data: ${JSON.stringify(head).slice(0, -1)},${usage}"choices":[`;
  }

  #delta(delta: string): Buffer {
    return Buffer.from(this.#deltaText(delta));
  }

  #deltaText(delta: string): string {
    return `${this.#head}{"index":0,"delta":${delta},"logprobs":null,"finish_reason":null}]}\n\n`;
  }

  #open({ index, block }: CompletionEvent & { type: 'block-open' }): Buffer {
    if (block.type !== 'call') {
      if (block.type === 'refusal') this.#hasRefusal = true;
      this.#blocks.set(index, { key: keys[block.type], call: -1, custom: false, hasArguments: false });
      return nothing;
    }
    const call = this.#calls;
    this.#calls += 1;
    const custom = block.custom === true;
    this.#blocks.set(index, { key: '', call, custom, hasArguments: false });
    const { name } = block;
    if (this.#isLegacy) {
      if (call === 0) return this.#delta(JSON.stringify({ function_call: { name, arguments: '' } }));
      loseCalls(this.#context);
      return nothing;
    }
    const id = this.#ids.ofCall(block.id);
    const called = custom
      ? { type: 'custom', custom: { name, input: '' } }
      : { type: 'function', function: { name, arguments: '' } };
    return this.#delta(`{"tool_calls":[${JSON.stringify({ index: call, id, ...called })}]}`);
  }

  #arguments({ call, custom }: OpenBlock, text: string): Buffer {
    const json = JSON.stringify(text);
    if (this.#isLegacy) return call === 0 ? this.#delta(`{"function_call":{"arguments":${json}}}`) : nothing;
    const called = custom ? `"custom":{"input":${json}}` : `"function":{"arguments":${json}}`;
    return this.#delta(`{"tool_calls":[{"index":${call},${called}}]}`);
  }

  #finish(finish: Finish): Buffer {
    const reason = JSON.stringify(finishReason(finish, this.#hasRefusal, this.#context));
    const states = this.#states.length === 0 ? '' : this.#deltaText(stateDelta(this.#states));
    const native = inside(nativeFinish(finish));
    const tier = inside({ service_tier: servedTier(this.#serviceTier, 'openai-chat') });
    const choice = `{"index":0,"delta":{},"logprobs":null,"finish_reason":${reason}${native}}`;
    const last = `${states}${this.#head}${choice}]${tier}}\n\n`;
    if (!this.#context.streamUsage || this.#usage === undefined) return Buffer.from(last);
    const usage = JSON.stringify(encodeUsage(this.#usage));
    return Buffer.from(
      `${last}${this.#head.replace('"usage":null,"choices":[', '"choices":[')}],"usage":${usage}}\n\n`,
    );
  }
}

interface OpenBlock {
  /** The field of its text. */
  readonly key: string;
  /** Its number among the calls; -1 for text. */
  readonly call: number;
  readonly custom: boolean;
  hasArguments: boolean;
}

/** The fields of an object, to stand behind others. */
function inside(fields: Readonly<Record<string, string | undefined>>): string {
  const json = JSON.stringify(fields).slice(1, -1);
  return json === '' ? '' : `,${json}`;
}

function loseCalls(context: AnswerContext): void {
  if (context.losses.losses.some(({ code }) => code === 'calls-over-limit')) return;
  context.losses.dropped('calls-over-limit', 'content');
}

/** The provider's own word for the end where this dialect has none that says as much, by the name that OpenRouter has for
 *  it, and the stop sequence that matched, by vLLM's: https://openrouter.ai/docs/api/reference/overview,
 *  https://docs.vllm.ai/en/latest/serving (2026-11). */
function nativeFinish(finish: Finish): { native_finish_reason?: string; stop_reason?: string } {
  const { reason, raw, stopSequence } = finish;
  return {
    ...(raw === undefined || raw === 'content_filter' || plainReasons.has(reason)
      ? undefined
      : { native_finish_reason: raw }),
    ...(stopSequence === undefined ? undefined : { stop_reason: stopSequence }),
  };
}

const plainReasons: ReadonlySet<Finish['reason']> = new Set<Finish['reason']>(['stop', 'length', 'tool-call']);

function stateDelta(states: readonly string[]): string {
  return JSON.stringify({ reasoning_details: states.map(reasoningDetail) });
}

const keys = { text: 'content', refusal: 'refusal', reasoning: 'reasoning_content' } as const;

function answerId(context: AnswerContext): string {
  return `chatcmpl-${context.exchangeId}`;
}

function createdSeconds(context: AnswerContext): number {
  return Math.floor(context.createdAtMs / 1000);
}

/** All texts of a kind, in order; undefined when there is none. */
function prose(blocks: readonly FoldedBlock[], type: 'text' | 'refusal' | 'reasoning'): string | undefined {
  const texts = blocks.filter(({ head }) => head.type === type).map(({ text }) => text);
  return texts.length === 0 ? undefined : texts.join('');
}

interface WireCallAnswer {
  readonly id: string;
  readonly type: string;
  readonly function?: { readonly name: string; readonly arguments: string };
  readonly custom?: { readonly name: string; readonly input: string };
}

function encodeCall({ head, text }: FoldedBlock, ids: AnswerCallIds): WireCallAnswer[] {
  if (head.type !== 'call') return [];
  const { name } = head;
  const id = ids.ofCall(head.id);
  if (head.custom === true) return [{ id, type: 'custom', custom: { name, input: text } }];
  return [{ id, type: 'function', function: { name, arguments: text === '' ? '{}' : text } }];
}

function finishReason(finish: Finish, hasRefusal: boolean, context: AnswerContext): string {
  switch (finish.reason) {
    case 'length':
    case 'context-window':
      return 'length';
    case 'tool-call':
      return context.form?.legacyFunctions === true ? 'function_call' : 'tool_calls';
    case 'content-filter':
      return 'content_filter';
    case 'refusal':
      // A refusal in words of its own is a stop; one that only ended the answer is what a filter does.
      return hasRefusal ? 'stop' : 'content_filter';
    case 'pause':
    case 'other':
      // This dialect has no word for it, and a client would take the answer for whole.
      context.losses.approximated('finish-reason-approximated', 'stop_reason');
      return 'stop';
    default:
      return 'stop';
  }
}

/** The inverse of usage.ts: what was not said is not written, and zero is. */
export function encodeUsage(usage: UsageSlices): unknown {
  const prompt = inputTotal(usage);
  const completion = outputTotal(usage);
  const { cacheRead, cacheWrite5m, cacheWrite1h, inputAudio, inputImage, reasoning, outputAudio } = usage;
  const written =
    cacheWrite5m === undefined && cacheWrite1h === undefined ? undefined : (cacheWrite5m ?? 0) + (cacheWrite1h ?? 0);
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: unlessEmpty({
      cached_tokens: cacheRead,
      cache_write_tokens: written,
      cache_write_tokens_details:
        cacheWrite1h === undefined ? undefined : { ttl_30m: cacheWrite5m ?? 0, ttl_12h: cacheWrite1h },
      audio_tokens: inputAudio,
      image_tokens: inputImage,
    }),
    completion_tokens_details: unlessEmpty({ reasoning_tokens: reasoning, audio_tokens: outputAudio }),
  };
}

function unlessEmpty(details: Readonly<Record<string, unknown>>): unknown {
  return Object.values(details).every(value => value === undefined) ? undefined : details;
}

const nothing = Buffer.alloc(0);
const done = Buffer.from('data: [DONE]\n\n');
