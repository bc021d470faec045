import type { Reply } from '../reply/reply.ts';
import { bytesPerToken, splitText } from '../reply/tokens.ts';
import type { Json } from './wire.ts';

export interface CohereHead {
  readonly id: string;
  /** Said before the calls, where nothing was thought; empty for none. */
  readonly plan: string;
  readonly logprobs: boolean;
  /** What the answer cites, where it cites at all. */
  readonly document: Json | undefined;
  /** Raw reason that a script wants, instead of the true one. */
  readonly finish: string | undefined;
}

export interface CohereUsage {
  readonly billedInput: number;
  readonly input: number;
  readonly output: number;
  readonly cached: number;
}

const finishReasons: Readonly<Record<Reply['finish'], string>> = {
  stop: 'COMPLETE',
  'stop-sequence': 'STOP_SEQUENCE',
  length: 'MAX_TOKENS',
  tool: 'TOOL_CALL',
  refusal: 'COMPLETE',
};

const inputBytesPerEvent = 2 * bytesPerToken;

export function writeWholeCohere(head: CohereHead, reply: Reply, usage: CohereUsage | undefined): Buffer {
  const content = contentOf(reply).map(({ type, text }) => ({ type, [type]: text }));
  const citation = citationOf(head, reply);
  const message = {
    role: 'assistant',
    ...(reply.calls.length === 0 ? {} : { tool_calls: reply.calls.map(wholeCall) }),
    ...(head.plan === '' ? {} : { tool_plan: head.plan }),
    ...(content.length === 0 ? {} : { content }),
    ...(citation === undefined ? {} : { citations: [citation] }),
  };
  const body = {
    id: head.id,
    message,
    finish_reason: head.finish ?? finishReasons[reply.finish],
    usage: usage && usageOf(usage),
    ...(head.logprobs ? { logprobs: splitText(reply.text, bytesPerToken).map(tokenLogprob) } : {}),
  };
  return Buffer.from(JSON.stringify(body));
}

function contentOf(reply: Reply): { readonly type: 'thinking' | 'text'; readonly text: string }[] {
  const blocks: { readonly type: 'thinking' | 'text'; readonly text: string }[] = [];
  if (reply.reasoning !== undefined) blocks.push({ type: 'thinking', text: reply.reasoning });
  if (reply.text !== '') blocks.push({ type: 'text', text: reply.text });
  return blocks;
}

/** No arguments are the text `null`, as the API writes them. */
function wholeCall(call: Reply['calls'][number]): Json {
  const { input: args } = call;
  return { ...openedCall(call), function: { name: call.name, arguments: args === '{}' ? 'null' : args } };
}

function openedCall(call: Reply['calls'][number]): Json {
  return { id: `${call.name}_${call.digest.slice(0, 12)}`, type: 'function' };
}

const citedCharacters = 12;

function citationOf(head: CohereHead, reply: Reply): Json | undefined {
  if (head.document === undefined || reply.text === '') return undefined;
  const text = reply.text.slice(0, citedCharacters);
  return {
    start: 0,
    end: text.length,
    text,
    sources: [{ type: 'document', ...head.document }],
    type: 'TEXT_CONTENT',
  };
}

function usageOf(usage: CohereUsage): Json {
  return {
    billed_units: { input_tokens: usage.billedInput, output_tokens: usage.output },
    tokens: { input_tokens: usage.input, output_tokens: usage.output },
    cached_tokens: usage.cached,
  };
}

function tokenLogprob(text: string): Json {
  return { text, token_ids: [text.length], logprobs: [-0.25] };
}

/** The events of a stream, from message-start to `[DONE]`. */
export function writeCohereStream(head: CohereHead, reply: Reply, usage: CohereUsage | undefined): Buffer[] {
  const frames: Buffer[] = [];
  const add = (type: string, event: Json) => {
    frames.push(Buffer.from(`event: ${type}\ndata: ${JSON.stringify({ ...event, type })}\n\n`));
  };
  const addMessage = (type: string, index: number, message: Json, more: Json = {}) => {
    add(type, { index, delta: { message }, ...more });
  };

  add('message-start', {
    id: head.id,
    delta: { message: { role: 'assistant', content: [], tool_plan: '', tool_calls: [], citations: [] } },
  });
  for (const [index, { type, text }] of contentOf(reply).entries()) {
    addMessage('content-start', index, { content: { type, [type]: '' } });
    for (const piece of splitText(text, bytesPerToken)) {
      const sure = head.logprobs && type === 'text' ? { logprobs: tokenLogprob(piece) } : {};
      addMessage('content-delta', index, { content: { [type]: piece } }, sure);
    }
    const citation = type === 'text' ? citationOf(head, reply) : undefined;
    if (citation !== undefined) {
      addMessage('citation-start', 0, { citations: citation });
      add('citation-end', { index: 0 });
    }
    add('content-end', { index });
  }
  for (const piece of splitText(head.plan, bytesPerToken)) {
    add('tool-plan-delta', { delta: { message: { tool_plan: piece } } });
  }
  for (const [index, call] of reply.calls.entries()) {
    addMessage('tool-call-start', index, { tool_calls: { ...openedCall(call), function: startOf(call) } });
    for (const piece of call.input === '{}' ? [] : splitText(call.input, inputBytesPerEvent)) {
      addMessage('tool-call-delta', index, { tool_calls: { function: { arguments: piece } } });
    }
    add('tool-call-end', { index });
  }
  const finish = head.finish ?? finishReasons[reply.finish];
  add('message-end', { id: head.id, delta: { finish_reason: finish, usage: usage && usageOf(usage) } });
  frames.push(Buffer.from('data: [DONE]\n\n'));
  return frames;
}

/** A call without arguments never speaks of them. */
function startOf(call: Reply['calls'][number]): Json {
  return call.input === '{}' ? { name: call.name } : { name: call.name, arguments: '' };
}
