import assert from 'node:assert/strict';
import { test } from 'node:test';
import { binaryEvent } from '../../test/support/event-stream.ts';
import type { CompletionEvent } from '../completion/event.ts';
import { LossLedger, lossesMax } from '../completion/loss.ts';
import { anthropicMessages } from './anthropic-messages/dialect.ts';
import { bedrockConverse } from './bedrock-converse/dialect.ts';
import { cohereChat } from './cohere-chat/dialect.ts';
import type { Dialect } from './dialect.ts';
import { gemini } from './gemini/dialect.ts';
import { openaiChat } from './openai-chat/dialect.ts';
import { openaiResponses } from './openai-responses/dialect.ts';
import { dialects } from './registry.ts';

/** Streams that never end, each growing what a decoder has to remember in another place. */

const long = 'x'.repeat(64 * 1024);

function chat(delta: unknown): string {
  return `data: ${JSON.stringify({ id: 'c', model: 'm', choices: [{ index: 0, delta }] })}\n\n`;
}

function message(fields: object): string {
  return `data: ${JSON.stringify(fields)}\n\n`;
}

const messageStart = message({ type: 'message_start', message: { id: 'm', model: 'm', content: [] } });
const thinkingStart = message({
  type: 'content_block_start',
  index: 0,
  content_block: { type: 'thinking', thinking: '' },
});

/** A part of an item of Responses. */
function responded(type: string, index: number, fields: object): string {
  return message({ type: `response.${type}`, output_index: index, content_index: 0, ...fields });
}

function generated(part: object): string {
  return message({ candidates: [{ index: 0, content: { role: 'model', parts: [part] } }] });
}

const cohereStart = message({ type: 'message-start', id: 'm', delta: { message: { role: 'assistant' } } });
const converseStart = binaryEvent({ event: 'messageStart', payload: { role: 'assistant' } });

interface Endless {
  readonly title: string;
  readonly dialect: Dialect;
  readonly head: string | Buffer;
  readonly next: (index: number) => string | Buffer;
  /** Events until it is stopped. */
  readonly eventsMax: number;
}

const endless: readonly Endless[] = [
  { title: 'text', dialect: openaiChat, head: '', next: () => chat({ content: long }), eventsMax: 520 },
  {
    title: 'arguments of one call',
    dialect: openaiChat,
    head: chat({ tool_calls: [{ index: 0, id: 'a', function: { name: 'f', arguments: '{"a":"' } }] }),
    next: () => chat({ tool_calls: [{ index: 0, function: { arguments: long } }] }),
    eventsMax: 520,
  },
  {
    title: 'arguments of a call without a name',
    dialect: openaiChat,
    head: chat({ content: 'a' }),
    next: () => chat({ tool_calls: [{ index: 0, function: { arguments: long } }] }),
    eventsMax: 520,
  },
  {
    title: 'calls without names',
    dialect: openaiChat,
    head: '',
    next: index => chat({ tool_calls: [{ index }] }),
    eventsMax: 140_000,
  },
  {
    title: 'calls that stay open',
    dialect: openaiChat,
    head: '',
    next: index => chat({ tool_calls: [{ index, id: `c${index}`, function: { name: 'f', arguments: '{' } }] }),
    eventsMax: 140_000,
  },
  {
    title: 'signatures in pieces',
    dialect: anthropicMessages,
    head: messageStart + thinkingStart,
    next: () => message({ type: 'content_block_delta', index: 0, delta: { type: 'signature_delta', signature: long } }),
    eventsMax: 520,
  },
  {
    title: 'thinking',
    dialect: anthropicMessages,
    head: messageStart + thinkingStart,
    next: () => message({ type: 'content_block_delta', index: 0, delta: { type: 'thinking_delta', thinking: long } }),
    eventsMax: 520,
  },
  {
    title: 'blocks that are not carried',
    dialect: anthropicMessages,
    head: messageStart,
    next: index => message({ type: 'content_block_start', index, content_block: { type: `unknown_${index}` } }),
    eventsMax: 140_000,
  },
  {
    title: 'blocks that stay open',
    dialect: anthropicMessages,
    head: messageStart,
    next: index => message({ type: 'content_block_start', index, content_block: { type: 'text', text: '' } }),
    eventsMax: 140_000,
  },
  {
    title: 'text',
    dialect: openaiResponses,
    head: '',
    next: () => responded('output_text.delta', 0, { delta: long }),
    eventsMax: 520,
  },
  {
    title: 'calls that stay open',
    dialect: openaiResponses,
    head: '',
    next: index =>
      responded('output_item.added', index, { item: { type: 'function_call', call_id: `c${index}`, name: 'f' } }),
    eventsMax: 140_000,
  },
  { title: 'text', dialect: gemini, head: '', next: () => generated({ text: long }), eventsMax: 520 },
  {
    title: 'calls',
    dialect: gemini,
    head: '',
    next: () => generated({ functionCall: { name: 'f', args: {} } }),
    eventsMax: 140_000,
  },
  {
    title: 'text',
    dialect: cohereChat,
    head:
      cohereStart +
      message({ type: 'content-start', index: 0, delta: { message: { content: { type: 'text', text: '' } } } }),
    next: () => message({ type: 'content-delta', index: 0, delta: { message: { content: { text: long } } } }),
    eventsMax: 520,
  },
  {
    title: 'contents that stay open',
    dialect: cohereChat,
    head: cohereStart,
    next: index =>
      message({ type: 'content-start', index, delta: { message: { content: { type: 'text', text: '' } } } }),
    eventsMax: 140_000,
  },
  {
    title: 'text',
    dialect: bedrockConverse,
    head: converseStart,
    next: () => binaryEvent({ event: 'contentBlockDelta', payload: { contentBlockIndex: 0, delta: { text: long } } }),
    eventsMax: 520,
  },
  {
    title: 'blocks that stay open',
    dialect: bedrockConverse,
    head: converseStart,
    next: index =>
      binaryEvent({
        event: 'contentBlockStart',
        payload: { contentBlockIndex: index, start: { toolUse: { toolUseId: `t${index}`, name: 'f' } } },
      }),
    eventsMax: 140_000,
  },
];

for (const { title, dialect, head, next, eventsMax } of endless) {
  test(`${dialect.name}: ${title} without end is stopped by name`, () => {
    const losses = new LossLedger();
    const decoder = dialect.decodeStream(losses);
    let last: CompletionEvent | undefined = decoder.push(Buffer.from(head)).at(-1);

    let index = 0;
    for (; last?.type !== 'error' && index <= eventsMax; index += 1) {
      last = decoder.push(Buffer.from(next(index))).at(-1) ?? last;
    }

    assert.equal(last?.type === 'error' ? last.fault.code : last?.type, 'upstream_response_too_large');
    assert.deepEqual(decoder.push(Buffer.from(next(index))), []);
    assert.ok(losses.losses.length <= lossesMax);
  });
}

test('an event that never ends is stopped at its own bound', () => {
  for (const dialect of dialects.values()) {
    const decoder = dialect.decodeStream(new LossLedger(), 1024 * 1024);
    let last: CompletionEvent | undefined;
    for (let chunks = 0; chunks < 20 && last === undefined; chunks += 1) {
      last = decoder.push(Buffer.from(`${chunks === 0 ? 'data: ' : ''}${long}`)).at(-1);
    }
    assert.equal(last?.type === 'error' ? last.fault.code : last?.type, 'upstream_malformed');
  }
});

test('calls that interrupt a long one cost what they are long, not what it is', () => {
  const decoder = openaiChat.decodeStream(new LossLedger());
  const piece = (index: number, fields: object) => chat({ tool_calls: [{ index, ...fields }] });
  decoder.push(Buffer.from(piece(0, { id: 'a', function: { name: 'f', arguments: `{"a":"${long.repeat(32)}` } })));
  const startedMs = performance.now();

  let events: CompletionEvent[] = [];
  for (let index = 1; index <= 20_000; index += 1) {
    const other = piece(index, { id: `c${index}`, function: { name: 'g', arguments: '{}' } });
    events = decoder.push(Buffer.from(piece(0, { function: { arguments: ' ' } }) + other));
  }

  // Looked at each time, 2 MiB would be parsed 20,000 times.
  assert.ok(performance.now() - startedMs < 10_000);
  assert.deepEqual(events.at(-1), { type: 'arguments-delta', index: 20_000, text: '{}' });
});
