import type { Reply } from '../reply/reply.ts';
import { bytesPerToken, splitText } from '../reply/tokens.ts';
import type { ScriptContent } from '../script.ts';
import { reasoningDelta, reasoningEnd, type ShownReasoning, wholeReasoning } from './reasoning.ts';

/** What is the same for a whole answer and for every chunk of its stream. */
export interface ChatHead {
  readonly id: string;
  readonly created: number;
  readonly model: string;
  readonly serviceTier: string;
  readonly fingerprint: string;
}

export interface ChatOptions {
  readonly includeUsage: boolean;
  readonly logprobs: boolean;
  readonly topLogprobs: number;
  readonly legacyFunctions: boolean;
  readonly showReasoning: ShownReasoning | undefined;
  /** Raw reason that a script wants, instead of the true one. */
  readonly finish: string | undefined;
}

export interface ChatUsage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
  readonly prompt_tokens_details: Readonly<Record<string, number>>;
  readonly completion_tokens_details: Readonly<Record<string, number>>;
}

const finishReasons: Readonly<Record<Reply['finish'], string>> = {
  stop: 'stop',
  'stop-sequence': 'stop',
  length: 'length',
  tool: 'tool_calls',
  refusal: 'stop',
};

/** Bytes of one fragment of streamed arguments. */
const argumentBytesPerEvent = 2 * bytesPerToken;

export function countChatUsage(inputTokens: number, replies: readonly Reply[], script: ScriptContent): ChatUsage {
  const spent = replies.reduce((sum, reply) => sum + reply.outputTokens, 0);
  const cached = script.cacheRead ?? 0;
  const written = (script.cacheWrite5m ?? 0) + (script.cacheWrite1h ?? 0);
  // A script's numbers are reported as they are, also when they cannot be true; else the prompt grows to fit them.
  const input = script.reportInput ?? Math.max(inputTokens, cached + written);
  const output = script.reportOutput ?? spent;
  return {
    prompt_tokens: input,
    completion_tokens: output,
    total_tokens: input + output,
    prompt_tokens_details: {
      cached_tokens: cached,
      ...(written > 0 ? { cache_write_tokens: written } : {}),
      audio_tokens: 0,
    },
    completion_tokens_details: {
      reasoning_tokens: replies.reduce((sum, reply) => sum + reply.reasoningTokens, 0),
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  };
}

export function writeWholeChat(
  head: ChatHead,
  replies: readonly Reply[],
  usage: ChatUsage | undefined,
  options: ChatOptions,
): Buffer {
  const body = {
    id: head.id,
    object: 'chat.completion',
    created: head.created,
    model: head.model,
    choices: replies.map((reply, index) => ({
      index,
      message: wholeMessage(reply, options),
      logprobs: options.logprobs ? logprobsOf(reply, options) : null,
      finish_reason: finishOf(reply, options),
    })),
    usage,
    service_tier: head.serviceTier,
    system_fingerprint: head.fingerprint,
  };
  return Buffer.from(`${JSON.stringify(body, null, 2)}\n`);
}

function wholeMessage(reply: Reply, options: ChatOptions): unknown {
  const called = reply.calls.length > 0;
  const content = called || reply.refused ? null : reply.text;
  const message = {
    role: 'assistant',
    content,
    refusal: reply.refused ? reply.text : null,
    ...thoughtOf(reply, options),
  };
  if (!called) return { ...message, annotations: [] };
  if (options.legacyFunctions) {
    const call = reply.calls[0]!;
    return { ...message, function_call: { name: call.name, arguments: call.input } };
  }
  return { ...message, tool_calls: reply.calls.map(wholeCall), annotations: [] };
}

function thoughtOf(reply: Reply, { showReasoning }: ChatOptions): object {
  if (showReasoning === undefined || reply.reasoning === undefined) return {};
  return wholeReasoning(reply.reasoning, showReasoning);
}

function wholeCall(call: Reply['calls'][number]): unknown {
  const id = callId(call.digest);
  if (call.freeText) return { id, type: 'custom', custom: { name: call.name, input: call.input } };
  return { id, type: 'function', function: { name: call.name, arguments: call.input } };
}

function callId(digest: string): string {
  return `call_${digest.slice(0, 24)}`;
}

function finishOf(reply: Reply, options: ChatOptions): string {
  if (options.finish !== undefined) return options.finish;
  if (reply.finish === 'tool' && options.legacyFunctions) return 'function_call';
  return finishReasons[reply.finish];
}

function logprobsOf(reply: Reply, options: ChatOptions): unknown {
  const tokens = splitText(reply.text, bytesPerToken).map(token => tokenLogprob(token, options.topLogprobs));
  return reply.refused ? { content: null, refusal: tokens } : { content: tokens, refusal: null };
}

/** The emulator's models are always as sure of themselves. */
export function tokenLogprob(token: string, alternatives: number): unknown {
  const bytes = [...Buffer.from(token)];
  const one = { token, logprob: -0.25, bytes };
  const others = Array.from({ length: alternatives }, (_, rank) => ({ ...one, logprob: -0.25 - rank }));
  return { ...one, top_logprobs: others };
}

/** The events of a stream, `[DONE]` included. */
export function writeChatStream(
  head: ChatHead,
  replies: readonly Reply[],
  usage: ChatUsage | undefined,
  options: ChatOptions,
): Buffer[] {
  const opening = JSON.stringify({
    id: head.id,
    object: 'chat.completion.chunk',
    created: head.created,
    model: head.model,
    service_tier: head.serviceTier,
    system_fingerprint: head.fingerprint,
  }).slice(0, -1);
  const closing = options.includeUsage ? ',"usage":null}' : '}';
  const frames: Buffer[] = [];
  for (const part of interleave(replies.map((reply, index) => writeParts(reply, index, options)))) {
    frames.push(Buffer.from(`data: ${opening},"choices":[${part}]${closing}\n\n`));
  }
  if (options.includeUsage && usage !== undefined) {
    frames.push(Buffer.from(`data: ${opening},"choices":[],"usage":${JSON.stringify(usage)}}\n\n`));
  }
  frames.push(Buffer.from('data: [DONE]\n\n'));
  return frames;
}

/** Several choices take turns, as they do on the wire. */
function interleave(lists: readonly (readonly string[])[]): string[] {
  const longest = Math.max(0, ...lists.map(list => list.length));
  const mixed: string[] = [];
  for (let position = 0; position < longest; position += 1) {
    for (const list of lists) if (position < list.length) mixed.push(list[position]!);
  }
  return mixed;
}

function writeParts(reply: Reply, index: number, options: ChatOptions): string[] {
  const parts: string[] = [];
  const add = (delta: unknown, logprobs: unknown = null, finish: string | null = null) => {
    parts.push(JSON.stringify({ index, delta, logprobs, finish_reason: finish }));
  };
  const called = reply.calls.length > 0;
  const empty = called ? null : '';
  add(
    reply.refused
      ? { role: 'assistant', content: null, refusal: '' }
      : { role: 'assistant', content: empty, refusal: null },
  );
  if (options.showReasoning !== undefined && reply.reasoning !== undefined) {
    for (const piece of splitText(reply.reasoning, bytesPerToken)) add(reasoningDelta(piece, options.showReasoning));
    const end = reasoningEnd(reply.reasoning, options.showReasoning);
    if (end !== undefined) add(end);
  }
  for (const token of splitText(reply.text, bytesPerToken)) {
    const logprob = options.logprobs ? [tokenLogprob(token, options.topLogprobs)] : null;
    if (reply.refused) add({ refusal: token }, logprob && { content: null, refusal: logprob });
    else add({ content: token }, logprob && { content: logprob, refusal: null });
  }
  for (const [position, call] of reply.calls.entries()) {
    const field = call.freeText ? 'custom' : 'function';
    const argument = call.freeText ? 'input' : 'arguments';
    if (options.legacyFunctions) add({ function_call: { name: call.name, arguments: '' } });
    else {
      const opened = { name: call.name, [argument]: '' };
      add({ tool_calls: [{ index: position, id: callId(call.digest), type: field, [field]: opened }] });
    }
    for (const fragment of splitText(call.input, argumentBytesPerEvent)) {
      if (options.legacyFunctions) add({ function_call: { arguments: fragment } });
      else add({ tool_calls: [{ index: position, [field]: { [argument]: fragment } }] });
    }
  }
  add({}, null, finishOf(reply, options));
  return parts;
}
