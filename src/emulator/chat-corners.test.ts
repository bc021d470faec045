import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { eventsOf, sendChat } from '../../test/support/emulator-client.ts';
import { type Emulator, startEmulator } from './emulator.ts';

let emulator: Emulator;

before(async () => {
  emulator = await startEmulator();
});
after(() => emulator.stop());

const asking = (content: string, more: object = {}) => ({ model: 'm', messages: [{ role: 'user', content }], ...more });
const send = async (body: object) => JSON.parse((await sendChat(emulator, body)).text).choices[0];
const schema = { type: 'object', properties: {}, additionalProperties: false };
const tool = (name: string) => ({ type: 'function', function: { name, parameters: schema } });

test('log probabilities come for every token', async () => {
  const body = asking('Say exactly: tide up', { logprobs: true, top_logprobs: 2 });
  const whole = await send(body);
  const chunks = eventsOf((await sendChat(emulator, { ...body, stream: true })).text);

  assert.deepEqual(
    whole.logprobs.content.map((entry: { token: string }) => entry.token),
    ['tide', ' up'],
  );
  assert.equal(whole.logprobs.content[0].top_logprobs.length, 2);
  assert.deepEqual(
    chunks.flatMap(chunk => chunk.choices[0].logprobs?.content ?? []),
    whole.logprobs.content,
  );
});

test('the older functions answer as the older field', async () => {
  const functions = [{ name: 'f', parameters: schema }];
  const choice = await send(asking('Now', { functions, function_call: { name: 'f' } }));

  assert.equal(choice.finish_reason, 'function_call');
  assert.deepEqual(choice.message.function_call, { name: 'f', arguments: '{}' });
});

test('a custom tool is called with free text', async () => {
  const tools = [{ type: 'custom', custom: { name: 'note' } }];
  const choice = await send(asking('Call the tool note', { tools }));

  const [call] = choice.message.tool_calls;
  assert.equal(call.type, 'custom');
  assert.equal(call.custom.name, 'note');
  assert.equal(call.custom.input.length, 23);
});

test('allowed tools, a named tool, none and no parallel calls are kept to', async () => {
  const tools = [tool('a'), tool('b'), tool('c')];
  const names = (choice: { message: { tool_calls?: { function: { name: string } }[] } }) =>
    (choice.message.tool_calls ?? []).map(call => call.function.name);
  const allowed = { type: 'allowed_tools', allowed_tools: { mode: 'required', tools: [tool('b'), tool('c')] } };
  const named = { type: 'function', function: { name: 'c' } };
  const both = 'Call the tool a and call the tool b';

  assert.deepEqual(names(await send(asking('Now', { tools, tool_choice: allowed }))), ['b']);
  assert.deepEqual(names(await send(asking('Now', { tools, tool_choice: named }))), ['c']);
  assert.deepEqual(names(await send(asking(both, { tools, tool_choice: 'none' }))), []);
  assert.deepEqual(names(await send(asking(both, { tools, parallel_tool_calls: false }))), ['a']);
  assert.deepEqual(names(await send(asking(both, { tools }))), ['a', 'b']);
});

test('a call cut by the output limit is cut in its arguments', async () => {
  const wide = { type: 'object', properties: { text: { type: 'string', minLength: 200 } }, required: ['text'] };
  const tools = [{ type: 'function', function: { name: 'long', parameters: wide } }];
  const choice = await send(asking('Call the tool long', { tools, max_tokens: 10 }));

  assert.equal(choice.finish_reason, 'length');
  assert.equal(choice.message.tool_calls[0].function.arguments.length, 36);
  assert.throws(() => JSON.parse(choice.message.tool_calls[0].function.arguments), SyntaxError);
});

test('characters of several bytes are never split between events', async () => {
  const body = asking('Say exactly: naïve 日本語 👩‍🚀 ok', { stream: true });
  const chunks = eventsOf((await sendChat(emulator, body)).text);

  const pieces = chunks.map(chunk => chunk.choices[0].delta.content ?? '');
  assert.equal(pieces.join(''), 'naïve 日本語 👩‍🚀 ok');
  assert.ok(pieces.every(piece => piece.isWellFormed()));
});

test('several choices take turns in a stream', async () => {
  const chunks = eventsOf((await sendChat(emulator, asking('Answer with 3 tokens', { n: 2, stream: true }))).text);

  assert.deepEqual(
    chunks.map(chunk => chunk.choices[0].index),
    [0, 1, 0, 1, 0, 1, 0, 1, 0, 1],
  );
});

test('the served model, tier and length are what the script says', async () => {
  const { text } = await sendChat(emulator, asking('Hello'), 'served-model=m-2026-01-01;tier=flex;tokens=2');
  const answer = JSON.parse(text);

  assert.equal(answer.model, 'm-2026-01-01');
  assert.equal(answer.service_tier, 'flex');
  assert.equal(answer.usage.completion_tokens, 2);
});
