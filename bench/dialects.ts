/** How much worker time do the dialects take: reading and splicing a request, watching a 65-chunk stream pass, and
 *  translating requests (lowering included), answers and streams, with images, tools, schemas and thinking?
 *  Run: node bench/dialects.ts. Prints machine, commit, median and p99 of batches, in µs. */
import { execFileSync } from 'node:child_process';
import { cpus } from 'node:os';
import { LossLedger } from '../src/completion/loss.ts';
import { anthropicMessages } from '../src/dialects/anthropic-messages/dialect.ts';
import type { AnswerContext, Dialect } from '../src/dialects/dialect.ts';
import { openaiChat } from '../src/dialects/openai-chat/dialect.ts';
import { translateRequest } from '../src/dialects/translate.ts';
import { inlineImage, personSchema, toolNames } from './shapes.ts';

const batches = 100;
const chunkCount = 64;
const target = { targetModel: 'served', outputTokensMax: 4096 };

function body(fields: unknown): Buffer {
  return Buffer.from(JSON.stringify(fields));
}

const ask = { role: 'user', content: 'Say hello in French, please.' };
const system = 'You are helpful.';
const prose = 'A line of prose with a "quoted" word in it.\n'.repeat(38);
const turns = Array.from({ length: 20 }, (_, index) => ({
  role: index % 2 === 0 ? 'user' : 'assistant',
  content: prose,
}));

const chatSmall = body({ model: 'acme/x', messages: [{ role: 'system', content: system }, ask], max_tokens: 100 });
const chatLarge = body({ model: 'acme/x', messages: [{ role: 'system', content: system }, ...turns], stream: true });
const messagesSmall = body({ model: 'acme/x', system, messages: [ask], max_tokens: 100 });
const messagesLarge = body({ model: 'acme/x', system, messages: turns, max_tokens: 100 });

const textPart = { type: 'text', text: ask.content };
const imageUrl = `data:image/png;base64,${inlineImage}`;
const imageBlock = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: inlineImage } };
const chatImage = body({
  model: 'acme/x',
  messages: [{ role: 'user', content: [textPart, { type: 'image_url', image_url: { url: imageUrl } }] }],
  max_tokens: 100,
});
const messagesImage = body({
  model: 'acme/x',
  messages: [{ role: 'user', content: [textPart, imageBlock] }],
  max_tokens: 100,
});
const chatTools = body({
  model: 'acme/x',
  messages: [ask],
  max_tokens: 100,
  tools: toolNames.map(name => ({ type: 'function', function: { name, parameters: personSchema } })),
});
const messagesTools = body({
  model: 'acme/x',
  messages: [ask],
  max_tokens: 100,
  tools: toolNames.map(name => ({ name, input_schema: personSchema })),
});
const chatSchema = body({
  model: 'acme/x',
  messages: [ask],
  max_tokens: 100,
  response_format: { type: 'json_schema', json_schema: { name: 'person', strict: true, schema: personSchema } },
});
const messagesSchema = body({
  model: 'acme/x',
  messages: [ask],
  max_tokens: 100,
  output_config: { format: { type: 'json_schema', schema: personSchema } },
});

const chatAnswer = body({
  id: 'c',
  object: 'chat.completion',
  model: 'm',
  choices: [{ index: 0, message: { role: 'assistant', content: 'Bonjour !' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 19, completion_tokens: 4, total_tokens: 23 },
});
const messagesAnswer = body({
  id: 'msg_1',
  type: 'message',
  model: 'm',
  content: [{ type: 'text', text: 'Bonjour !' }],
  stop_reason: 'end_turn',
  usage: { input_tokens: 19, output_tokens: 4 },
});

function chatChunk(fields: unknown): Buffer {
  const head = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1_700_000_000, model: 'm' };
  return Buffer.from(`data: ${JSON.stringify({ ...head, service_tier: 'default', ...(fields as object) })}\n\n`);
}

function messagesEvent(type: string, fields: unknown): Buffer {
  return Buffer.from(`event: ${type}\ndata: ${JSON.stringify({ type, ...(fields as object) })}\n\n`);
}

const chatStream = [
  ...Array.from({ length: chunkCount }, () =>
    chatChunk({
      choices: [{ index: 0, delta: { content: ' word' }, logprobs: null, finish_reason: null }],
      usage: null,
    }),
  ),
  Buffer.concat([
    chatChunk({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }], usage: null }),
    chatChunk({ choices: [], usage: { prompt_tokens: 19, completion_tokens: 64, total_tokens: 83 } }),
    Buffer.from('data: [DONE]\n\n'),
  ]),
];
const messagesStream = [
  Buffer.concat([
    messagesEvent('message_start', {
      message: { id: 'msg_1', model: 'm', content: [], usage: { input_tokens: 19, output_tokens: 1 } },
    }),
    messagesEvent('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
  ]),
  ...Array.from({ length: chunkCount - 1 }, () =>
    messagesEvent('content_block_delta', { index: 0, delta: { type: 'text_delta', text: ' word' } }),
  ),
  Buffer.concat([
    messagesEvent('content_block_stop', { index: 0 }),
    messagesEvent('message_delta', { delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 64 } }),
    messagesEvent('message_stop', {}),
  ]),
];

const half = chunkCount / 2;
const messagesThinking = [
  Buffer.concat([
    messagesStream[0]!.subarray(0, messagesStream[0]!.indexOf('event: content_block_start')),
    messagesEvent('content_block_start', {
      index: 0,
      content_block: { type: 'thinking', thinking: '', signature: '' },
    }),
  ]),
  ...Array.from({ length: half }, () =>
    messagesEvent('content_block_delta', { index: 0, delta: { type: 'thinking_delta', thinking: ' thought' } }),
  ),
  Buffer.concat([
    messagesEvent('content_block_delta', { index: 0, delta: { type: 'signature_delta', signature: 's'.repeat(600) } }),
    messagesEvent('content_block_stop', { index: 0 }),
    messagesEvent('content_block_start', { index: 1, content_block: { type: 'text', text: '' } }),
  ]),
  ...Array.from({ length: half - 2 }, () =>
    messagesEvent('content_block_delta', { index: 1, delta: { type: 'text_delta', text: ' word' } }),
  ),
  Buffer.concat([
    messagesEvent('content_block_stop', { index: 1 }),
    messagesEvent('message_delta', { delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 64 } }),
    messagesEvent('message_stop', {}),
  ]),
];
const chatThinking = [
  ...Array.from({ length: half }, () =>
    chatChunk({ choices: [{ index: 0, delta: { reasoning_content: ' thought' }, finish_reason: null }], usage: null }),
  ),
  ...chatStream.slice(half),
];

function context(): AnswerContext {
  return {
    exchangeId: 'ex_1',
    targetModel: 'served',
    createdAtMs: 1_700_000_000_000,
    streamUsage: true,
    inputTokensEstimate: 19,
    losses: new LossLedger(),
  };
}

function scanAndSplice(dialect: Dialect, given: Buffer): void {
  const scan = dialect.scanRequest(given);
  dialect.spliceRequest(given, scan, { targetModel: 'served', askUsage: true, outputTokensMax: undefined });
}

function observe(dialect: Dialect, chunks: readonly Buffer[]): void {
  const observer = dialect.observeStream({ stripUsage: true });
  for (const chunk of chunks) observer.push(chunk);
  observer.finish();
}

function carryRequest(client: Dialect, provider: Dialect, given: Buffer): void {
  translateRequest(given, { client, provider, target });
}

function carryAnswer(from: Dialect, to: Dialect, given: Buffer): void {
  const answer = context();
  to.encodeAnswer(from.decodeAnswer(given, answer.losses), answer);
}

function carryStream(from: Dialect, to: Dialect, chunks: readonly Buffer[]): void {
  const answer = context();
  const decoder = from.decodeStream(answer.losses);
  const encoder = to.encodeStream(answer);
  for (const chunk of chunks) for (const event of decoder.push(chunk)) encoder.push(event);
}

const questions: readonly (readonly [string, number, () => void])[] = [
  ['scan and splice, chat, small', 200, () => scanAndSplice(openaiChat, chatSmall)],
  [`scan and splice, chat, ${chatLarge.length} B`, 20, () => scanAndSplice(openaiChat, chatLarge)],
  ['scan and splice, messages, small', 200, () => scanAndSplice(anthropicMessages, messagesSmall)],
  [`scan and splice, messages, ${messagesLarge.length} B`, 20, () => scanAndSplice(anthropicMessages, messagesLarge)],
  ['observe 65 chunks, chat', 10, () => observe(openaiChat, chatStream)],
  ['observe 65 chunks, messages', 10, () => observe(anthropicMessages, messagesStream)],
  ['request, chat to messages', 100, () => carryRequest(openaiChat, anthropicMessages, chatSmall)],
  ['request, messages to chat', 100, () => carryRequest(anthropicMessages, openaiChat, messagesSmall)],
  ['request, image of 200 kB, chat to messages', 10, () => carryRequest(openaiChat, anthropicMessages, chatImage)],
  ['request, image of 200 kB, messages to chat', 10, () => carryRequest(anthropicMessages, openaiChat, messagesImage)],
  ['request, 12 tools, chat to messages', 50, () => carryRequest(openaiChat, anthropicMessages, chatTools)],
  ['request, 12 tools, messages to chat', 50, () => carryRequest(anthropicMessages, openaiChat, messagesTools)],
  ['request, schema, chat to messages', 50, () => carryRequest(openaiChat, anthropicMessages, chatSchema)],
  ['request, schema, messages to chat', 50, () => carryRequest(anthropicMessages, openaiChat, messagesSchema)],
  ['answer, chat to messages', 100, () => carryAnswer(openaiChat, anthropicMessages, chatAnswer)],
  ['answer, messages to chat', 100, () => carryAnswer(anthropicMessages, openaiChat, messagesAnswer)],
  ['65 chunks, chat to messages', 10, () => carryStream(openaiChat, anthropicMessages, chatStream)],
  ['65 chunks, messages to chat', 10, () => carryStream(anthropicMessages, openaiChat, messagesStream)],
  ['65 chunks that think, chat to messages', 10, () => carryStream(openaiChat, anthropicMessages, chatThinking)],
  ['65 chunks that think, messages to chat', 10, () => carryStream(anthropicMessages, openaiChat, messagesThinking)],
];

console.log(`machine: ${cpus()[0]?.model} × ${cpus().length}, node ${process.version}`);
console.log(`commit: ${execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()}`);
console.log(`${'µs'.padEnd(46)}   median      p99`);
for (const [question, batch, run] of questions) {
  const took: number[] = [];
  for (let round = -batches; round < batches; round += 1) {
    const startedMs = performance.now();
    for (let turn = 0; turn < batch; turn += 1) run();
    if (round >= 0) took.push(((performance.now() - startedMs) * 1_000) / batch);
  }
  took.sort((left, right) => left - right);
  const [median, p99] = [0.5, 0.99].map(share => took[Math.floor(batches * share)]!.toFixed(1).padStart(9));
  console.log(`${question.padEnd(46)}${median}${p99}`);
}
