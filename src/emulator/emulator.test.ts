import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { eventsOf, send, sendChat, sendMessages } from '../../test/support/emulator-client.ts';
import { type Emulator, startEmulator } from './emulator.ts';

let emulator: Emulator;

before(async () => {
  emulator = await startEmulator();
});
after(() => emulator.stop());

const chat = { model: 'sandbox-small', messages: [{ role: 'user', content: 'Answer with 8 tokens.' }] };
const message = { ...chat, max_tokens: 100 };

test('the same chat request gets the same bytes, and another one other bytes', async () => {
  const first = await sendChat(emulator, chat);
  const second = await sendChat(emulator, chat);
  const other = await sendChat(emulator, { ...chat, model: 'sandbox-large' });

  assert.equal(first.status, 200);
  assert.equal(first.text, second.text);
  assert.notEqual(first.text, other.text);
});

test('chat usage counts four bytes a token', async () => {
  const answer = JSON.parse((await sendChat(emulator, chat)).text);

  // 'Answer with 8 tokens.' is 21 bytes: 6 tokens, and 3 for the message.
  assert.equal(answer.usage.prompt_tokens, 9);
  assert.equal(answer.usage.completion_tokens, 8);
  assert.equal(answer.usage.total_tokens, 17);
  assert.equal(answer.choices[0].finish_reason, 'stop');
  assert.equal(answer.choices[0].message.content.length, 31);
});

test('a chat stream carries the whole answer piece by piece', async () => {
  const whole = JSON.parse((await sendChat(emulator, chat)).text);
  const { text, headers } = await sendChat(emulator, { ...chat, stream: true });

  const chunks = eventsOf(text);
  assert.equal(headers.get('content-type'), 'text/event-stream; charset=utf-8');
  assert.ok(text.endsWith('data: [DONE]\n\n'));
  assert.equal(chunks.length, 10);
  assert.equal(chunks[0].choices[0].delta.role, 'assistant');
  assert.equal(chunks.map(chunk => chunk.choices[0].delta.content ?? '').join(''), whole.choices[0].message.content);
  assert.equal(chunks.at(-1).choices[0].finish_reason, 'stop');
  assert.ok(!text.includes('"usage"'));
});

test('include_usage adds null to every chunk and one last chunk with the usage', async () => {
  const { text } = await sendChat(emulator, { ...chat, stream: true, stream_options: { include_usage: true } });

  const chunks = eventsOf(text);
  assert.deepEqual(chunks.at(-1).choices, []);
  assert.equal(chunks.at(-1).usage.completion_tokens, 8);
  assert.ok(chunks.slice(0, -1).every(chunk => chunk.usage === null));
});

test('a message stream has every event in order and folds to the whole message', async () => {
  const whole = JSON.parse((await sendMessages(emulator, message)).text);
  const events = eventsOf((await sendMessages(emulator, { ...message, stream: true })).text);

  assert.deepEqual(
    events.map(event => event.type),
    [
      'message_start',
      'content_block_start',
      'ping',
      ...Array.from({ length: 8 }, () => 'content_block_delta'),
      'content_block_stop',
      'message_delta',
      'message_stop',
    ],
  );
  assert.equal(events[0].message.id, whole.id);
  assert.equal(events[0].message.usage.input_tokens, 9);
  assert.equal(events.map(event => event.delta?.text ?? '').join(''), whole.content[0].text);
  assert.equal(events.at(-2).delta.stop_reason, 'end_turn');
  assert.equal(events.at(-2).usage.output_tokens, 8);
});

test('a scripted status answers with the body of the provider', async () => {
  const openai = await sendChat(emulator, chat, 'status=429;retry-after=2');
  const anthropic = await sendMessages(emulator, message, 'status=529');

  assert.equal(openai.status, 429);
  assert.equal(openai.headers.get('retry-after'), '2');
  assert.equal(JSON.parse(openai.text).error.code, 'rate_limit_exceeded');
  assert.equal(anthropic.status, 529);
  assert.equal(JSON.parse(anthropic.text).error.type, 'overloaded_error');
});

test('the exact bytes that came and went are kept', async () => {
  const body = '{ "model":"sandbox-small",\n"messages":[{"role":"user","content":"caf\\u00e9"}] }';
  const { text } = await send(emulator, '/v1/chat/completions?x=1', body, { 'X-Odd': 'Yes' });

  const kept = emulator.requests().at(-1)!;
  assert.equal(kept.method, 'POST');
  assert.equal(kept.path, '/v1/chat/completions?x=1');
  assert.equal(kept.body.toString(), body);
  assert.equal(kept.answer.body.toString(), text);
  assert.equal(kept.answer.outcome, 'complete');
});

test('answers carry the headers of their provider, and a request id of their own', async () => {
  const openai = (await sendChat(emulator, chat)).headers;
  const anthropic = await sendMessages(emulator, message);
  const refused = await sendMessages(emulator, {});

  assert.match(openai.get('x-request-id')!, /^req_[0-9a-z]+$/);
  assert.notEqual((await sendChat(emulator, chat)).headers.get('x-request-id'), openai.get('x-request-id'));
  assert.equal(openai.get('x-ratelimit-reset-requests'), '6ms');
  assert.equal(openai.get('openai-processing-ms'), '1');
  assert.match(anthropic.headers.get('request-id')!, /^req_[0-9a-z]+$/);
  assert.match(anthropic.headers.get('anthropic-ratelimit-tokens-reset')!, /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/);
  assert.equal(JSON.parse(refused.text).request_id, refused.headers.get('request-id'));
});
