import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { type Carrier, startCarrier } from './support/start-carrier.ts';

let carrier: Carrier;
let openai: OpenAI;
let anthropic: Anthropic;

before(async () => {
  carrier = await startCarrier();
  openai = new OpenAI({ apiKey: carrier.key, baseURL: `${carrier.url}/v1`, maxRetries: 0 });
  anthropic = new Anthropic({ apiKey: carrier.key, baseURL: carrier.url, maxRetries: 0 });
});

const asked = (content: string) => [{ role: 'user' as const, content }];

test('an unconfigured carrier answers the first key at once, and says that it is the sandbox', async () => {
  const response = await fetch(`${carrier.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${carrier.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'sandbox/chat-1', messages: asked('Answer with 5 tokens') }),
  });

  const answer = JSON.parse(await response.text());
  assert.equal(response.status, 200);
  assert.equal(response.headers.get('x-carrier-sandbox'), '1');
  assert.match(response.headers.get('x-carrier-exchange-id') ?? '', /^ex_[0-9A-Z]{26}$/);
  assert.equal(answer.usage.completion_tokens, 5);
});

test('the openai client is answered, whole and streamed, and hears a wrong key as its own error', async () => {
  const body = { model: 'sandbox/chat-1', messages: asked('Answer with 6 tokens') };
  const whole = await openai.chat.completions.create(body);
  const folded = await openai.chat.completions.stream(body).finalChatCompletion();
  const stranger = new OpenAI({ apiKey: 'wrong', baseURL: `${carrier.url}/v1`, maxRetries: 0 });

  assert.equal(whole.choices[0]!.message.content, folded.choices[0]!.message.content);
  await assert.rejects(stranger.chat.completions.create(body), OpenAI.AuthenticationError);
});

test('the anthropic client is answered, whole and streamed, and hears a wrong key as its own error', async () => {
  const body = { model: 'sandbox/messages-1', max_tokens: 50, messages: asked('Answer with 6 tokens') };
  const whole = await anthropic.messages.create(body);
  const folded = await anthropic.messages.stream(body).finalMessage();
  const stranger = new Anthropic({ apiKey: 'wrong', baseURL: carrier.url, maxRetries: 0 });

  assert.deepEqual(folded.content, whole.content);
  await assert.rejects(stranger.messages.create(body), Anthropic.AuthenticationError);
});

test('a stopped carrier ends with 0, and serves the same key again once started', async () => {
  assert.equal(await carrier.stop(), 0);
  await carrier.start();

  const answer = await openai.chat.completions.create({ model: 'sandbox/chat-1', messages: asked('Hello') });
  assert.equal(answer.choices[0]!.finish_reason, 'stop');
});

test('a killed worker is replaced, and a killed supervisor leaves nothing that stops the next', async () => {
  const [worker] = carrier.workerProcessIds();
  process.kill(worker!, 'SIGKILL');
  await carrier.kill();
  await carrier.start();

  const answer = await openai.chat.completions.create({ model: 'sandbox/chat-1', messages: asked('Hello') });
  assert.equal(answer.choices[0]!.finish_reason, 'stop');
  assert.notEqual(carrier.workerProcessIds()[0], worker);
});
