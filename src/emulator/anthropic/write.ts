import type { Reply } from '../reply/reply.ts';
import { bytesPerToken, splitText } from '../reply/tokens.ts';
import type { AnthropicVersion } from './headers.ts';
import { redactThinking, signThinking } from './signature.ts';

export interface MessageHead {
  readonly id: string;
  readonly model: string;
  /** As the request named it; signatures are of that model. */
  readonly asked: string;
  readonly version: AnthropicVersion;
  /** Thinking is shown, shown as a bare signature, or replaced by opaque data. */
  readonly thinking: 'shown' | 'omitted' | 'redacted';
  /** Raw reason that a script wants, instead of the true one. */
  readonly finish: string | undefined;
}

export interface MessageUsage {
  readonly inputTokens: number;
  readonly cacheRead: number;
  readonly cacheWrite5m: number;
  readonly cacheWrite1h: number;
  readonly outputTokens: number;
  readonly thinkingTokens: number;
  readonly serviceTier: string;
}

const stopReasons: Readonly<Record<Reply['finish'], string>> = {
  stop: 'end_turn',
  'stop-sequence': 'stop_sequence',
  length: 'max_tokens',
  tool: 'tool_use',
  refusal: 'refusal',
};

/** What a streamed answer says it has written before it has written anything. */
const outputTokensAtStart = 1;
const inputBytesPerEvent = 2 * bytesPerToken;

type Json = Readonly<Record<string, unknown>>;

export function writeWholeMessage(head: MessageHead, reply: Reply, usage: MessageUsage | undefined): Buffer {
  const content: unknown[] = [];
  if (reply.reasoning !== undefined) content.push(wholeThinking(head, reply.reasoning));
  if (reply.text !== '') content.push({ type: 'text', ...citations(head), text: reply.text });
  for (const call of reply.calls) content.push({ ...openedCall(call), input: inputOf(call) });
  const ending = stopOf(head, reply);
  return Buffer.from(
    JSON.stringify(message(head, content, ending, usage && wholeUsage(head, usage, usage.outputTokens))),
  );
}

function message(head: MessageHead, content: readonly unknown[], ending: Json, usage: Json | undefined): Json {
  const later = head.version === '2026-10-21' ? { container: null, diagnostics: null } : {};
  return {
    model: head.model,
    id: head.id,
    type: 'message',
    role: 'assistant',
    content,
    ...ending,
    usage,
    ...later,
  };
}

function stopOf(head: MessageHead, reply: Reply): Json {
  const details = reply.refused ? { type: 'refusal', category: null, explanation: null } : null;
  const reason = head.finish ?? stopReasons[reply.finish];
  return { stop_reason: reason, stop_sequence: reply.stopSequence ?? null, stop_details: details };
}

function citations(head: MessageHead): Json {
  return head.version === '2026-10-21' ? { citations: null } : {};
}

function wholeThinking(head: MessageHead, thinking: string): Json {
  if (head.thinking === 'redacted') return { type: 'redacted_thinking', data: redactThinking(thinking, head.asked) };
  const shown = head.thinking === 'omitted' ? '' : thinking;
  return { type: 'thinking', thinking: shown, signature: signThinking(thinking, head.asked) };
}

function openedCall(call: Reply['calls'][number]): Json {
  return {
    type: 'tool_use',
    id: `toolu_01${call.digest.slice(0, 22)}`,
    name: call.name,
    caller: { type: 'direct' },
    input: {},
  };
}

/** A call cut by the output limit has no valid JSON; the whole answer then carries an empty input. */
function inputOf(call: Reply['calls'][number]): unknown {
  return call.complete ? JSON.parse(call.input) : {};
}

function wholeUsage(head: MessageHead, usage: MessageUsage, outputTokens: number): Json {
  return {
    input_tokens: usage.inputTokens,
    cache_creation_input_tokens: usage.cacheWrite5m + usage.cacheWrite1h,
    cache_read_input_tokens: usage.cacheRead,
    cache_creation: {
      ephemeral_5m_input_tokens: usage.cacheWrite5m,
      ephemeral_1h_input_tokens: usage.cacheWrite1h,
    },
    output_tokens: outputTokens,
    ...outputDetails(head, usage),
    service_tier: usage.serviceTier,
    inference_geo: 'not_available',
    ...(head.version === '2026-10-21' ? { server_tool_use: null, speed: 'standard' } : {}),
  };
}

function outputDetails(head: MessageHead, usage: MessageUsage): Json {
  if (usage.thinkingTokens > 0) return { output_tokens_details: { thinking_tokens: usage.thinkingTokens } };
  return head.version === '2026-10-21' ? { output_tokens_details: null } : {};
}

/** Cumulative, and final: the last word on the whole answer. */
function deltaUsage(head: MessageHead, usage: MessageUsage): Json {
  return {
    input_tokens: usage.inputTokens,
    cache_creation_input_tokens: usage.cacheWrite5m + usage.cacheWrite1h,
    cache_read_input_tokens: usage.cacheRead,
    output_tokens: usage.outputTokens,
    ...outputDetails(head, usage),
    ...(head.version === '2026-10-21' ? { server_tool_use: null } : {}),
  };
}

/** The events of a stream, from message_start to message_stop. */
export function writeMessageStream(head: MessageHead, reply: Reply, usage: MessageUsage | undefined): Buffer[] {
  const frames: Buffer[] = [];
  const add = (event: Json) =>
    frames.push(Buffer.from(`event: ${String(event['type'])}\ndata: ${JSON.stringify(event)}\n\n`));
  let index = 0;
  let pinged = false;
  const addBlock = (opened: Json, deltas: readonly Json[]) => {
    add({ type: 'content_block_start', index, content_block: opened });
    if (!pinged) add({ type: 'ping' });
    pinged = true;
    for (const delta of deltas) add({ type: 'content_block_delta', index, delta });
    add({ type: 'content_block_stop', index });
    index += 1;
  };

  const opening = { stop_reason: null, stop_sequence: null, stop_details: null };
  const began = usage && wholeUsage(head, { ...usage, thinkingTokens: 0 }, outputTokensAtStart);
  add({ type: 'message_start', message: message(head, [], opening, began) });
  if (reply.reasoning !== undefined) addThinking(head, reply.reasoning, addBlock);
  if (reply.text !== '') {
    const deltas = splitText(reply.text, bytesPerToken).map(text => ({ type: 'text_delta', text }));
    addBlock({ type: 'text', ...citations(head), text: '' }, deltas);
  }
  for (const call of reply.calls) addBlock(openedCall(call), inputDeltas(call));
  add({ type: 'message_delta', delta: stopOf(head, reply), usage: usage && deltaUsage(head, usage) });
  add({ type: 'message_stop' });
  return frames;
}

function addThinking(
  head: MessageHead,
  thinking: string,
  addBlock: (opened: Json, deltas: readonly Json[]) => void,
): void {
  if (head.thinking === 'redacted') {
    addBlock(wholeThinking(head, thinking), []);
    return;
  }
  const shown = head.thinking === 'omitted' ? [] : splitText(thinking, bytesPerToken);
  addBlock({ type: 'thinking', thinking: '', signature: '' }, [
    ...shown.map(piece => ({ type: 'thinking_delta', thinking: piece })),
    { type: 'signature_delta', signature: signThinking(thinking, head.asked) },
  ]);
}

/** The first fragment is always empty; a call without arguments has no other. */
function inputDeltas(call: Reply['calls'][number]): Json[] {
  const fragments = call.input === '{}' ? [] : splitText(call.input, inputBytesPerEvent);
  return ['', ...fragments].map(fragment => ({ type: 'input_json_delta', partial_json: fragment }));
}
