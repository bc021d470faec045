import { redactThinking, signThinking } from '../anthropic/signature.ts';
import type { Reply } from '../reply/reply.ts';
import { bytesPerToken, splitText } from '../reply/tokens.ts';
import { eventFrame } from './frames.ts';
import type { Json } from './wire.ts';

export interface ConverseHead {
  /** As the request named it; signatures are of that model. */
  readonly model: string;
  readonly redacted: boolean;
  readonly serviceTier: string | undefined;
  readonly latency: string | undefined;
  /** Raw reason that a script wants, instead of the true one. */
  readonly finish: string | undefined;
}

export interface ConverseUsage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheRead: number;
  readonly cacheWrite5m: number;
  readonly cacheWrite1h: number;
}

const stopReasons: Readonly<Record<Reply['finish'], string>> = {
  stop: 'end_turn',
  'stop-sequence': 'stop_sequence',
  length: 'max_tokens',
  tool: 'tool_use',
  refusal: 'content_filtered',
};

const latencyMs = 100;
const inputBytesPerEvent = 2 * bytesPerToken;

export function writeWholeConverse(head: ConverseHead, reply: Reply, usage: ConverseUsage | undefined): Buffer {
  const content: Json[] = [];
  if (reply.reasoning !== undefined) content.push({ reasoningContent: wholeReasoning(head, reply.reasoning) });
  if (reply.text !== '') content.push({ text: reply.text });
  for (const call of reply.calls) {
    // A call cut by the output limit has no valid JSON; the whole answer then carries an empty input.
    content.push({ toolUse: { ...openedCall(call), input: call.complete ? JSON.parse(call.input) : {} } });
  }
  const body = {
    output: { message: { role: 'assistant', content } },
    stopReason: reasonOf(head, reply),
    usage: usage && usageOf(usage),
    metrics: { latencyMs },
    ...settingsOf(head),
  };
  return Buffer.from(JSON.stringify(body));
}

function reasonOf(head: ConverseHead, reply: Reply): string {
  return head.finish ?? stopReasons[reply.finish];
}

function wholeReasoning(head: ConverseHead, text: string): Json {
  if (head.redacted) return { redactedContent: redacted(head, text) };
  return { reasoningText: { text, signature: signThinking(text, head.model) } };
}

/** Bytes in JSON: base64 once more. */
function redacted(head: ConverseHead, text: string): string {
  return Buffer.from(redactThinking(text, head.model)).toString('base64');
}

function openedCall(call: Reply['calls'][number]): { toolUseId: string; name: string } {
  return { toolUseId: `tooluse_${call.digest.slice(0, 22)}`, name: call.name };
}

function usageOf(usage: ConverseUsage): Json {
  const { inputTokens, outputTokens, cacheRead, cacheWrite5m, cacheWrite1h } = usage;
  const written = cacheWrite5m + cacheWrite1h;
  const details = [
    { inputTokens: cacheWrite5m, ttl: '5m' },
    { inputTokens: cacheWrite1h, ttl: '1h' },
  ].filter(detail => detail.inputTokens > 0);
  return {
    inputTokens,
    outputTokens,
    totalTokens: inputTokens + outputTokens + cacheRead + written,
    cacheReadInputTokens: cacheRead,
    cacheWriteInputTokens: written,
    ...(details.length === 0 ? {} : { cacheDetails: details }),
  };
}

function settingsOf(head: ConverseHead): Json {
  return {
    ...(head.latency === undefined ? {} : { performanceConfig: { latency: head.latency } }),
    ...(head.serviceTier === undefined ? {} : { serviceTier: { type: head.serviceTier } }),
  };
}

const padding = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';

/** The frames of a stream, from messageStart to metadata. Texts begin without a start, as Bedrock has it; every event is
 *  padded, so that its length says less. */
export function writeConverseStream(head: ConverseHead, reply: Reply, usage: ConverseUsage | undefined): Buffer[] {
  const frames: Buffer[] = [];
  const add = (type: string, event: Json) => {
    frames.push(eventFrame(type, { ...event, p: padding.slice(0, 4 + ((frames.length * 7) % 50)) }));
  };
  let contentBlockIndex = 0;
  const addBlock = (start: Json | undefined, deltas: readonly Json[]) => {
    if (start !== undefined) add('contentBlockStart', { contentBlockIndex, start });
    for (const delta of deltas) add('contentBlockDelta', { contentBlockIndex, delta });
    add('contentBlockStop', { contentBlockIndex });
    contentBlockIndex += 1;
  };

  add('messageStart', { role: 'assistant' });
  if (reply.reasoning !== undefined) addBlock(undefined, reasoningDeltas(head, reply.reasoning));
  if (reply.text !== '')
    addBlock(
      undefined,
      splitText(reply.text, bytesPerToken).map(text => ({ text })),
    );
  for (const call of reply.calls) addBlock({ toolUse: openedCall(call) }, inputDeltas(call));
  add('messageStop', { stopReason: reasonOf(head, reply) });
  add('metadata', { usage: usage && usageOf(usage), metrics: { latencyMs }, ...settingsOf(head) });
  return frames;
}

function reasoningDeltas(head: ConverseHead, text: string): Json[] {
  if (head.redacted) return [{ reasoningContent: { redactedContent: redacted(head, text) } }];
  return [
    ...splitText(text, bytesPerToken).map(piece => ({ reasoningContent: { text: piece } })),
    { reasoningContent: { signature: signThinking(text, head.model) } },
  ];
}

/** A call without arguments has one empty fragment. */
function inputDeltas(call: Reply['calls'][number]): Json[] {
  const fragments = call.input === '{}' ? [''] : splitText(call.input, inputBytesPerEvent);
  return fragments.map(input => ({ toolUse: { input } }));
}
