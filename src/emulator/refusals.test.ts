import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { send, sendChat, sendMessages } from '../../test/support/emulator-client.ts';
import { type Emulator, startEmulator } from './emulator.ts';

let emulator: Emulator;

before(async () => {
  emulator = await startEmulator();
});
after(() => emulator.stop());

const user = { role: 'user', content: 'Hello' };
const call = { id: 'call_1', type: 'function', function: { name: 'f', arguments: '{}' } };
const called = { role: 'assistant', content: null, tool_calls: [call, { ...call, id: 'call_2' }] };
const result = { role: 'tool', tool_call_id: 'call_1', content: 'ok' };
const tools = [{ type: 'function', function: { name: 'f' } }];

const chatRefusals: readonly (readonly [string, object, string | null, string | null])[] = [
  ['no model', { model: undefined }, null, null],
  ['no messages', { messages: undefined }, 'missing_required_parameter', 'messages'],
  ['no message', { messages: [] }, 'empty_array', 'messages'],
  ['an unknown role', { messages: [{ role: 'robot', content: 'x' }] }, 'invalid_value', 'messages[0].role'],
  ['no content', { messages: [{ role: 'user' }] }, 'missing_required_parameter', 'messages[0].content'],
  ['null content', { messages: [{ role: 'user', content: null }] }, 'invalid_type', 'messages[0].content'],
  [
    'a foreign part',
    { messages: [{ role: 'user', content: [{ type: 'tool_use' }] }] },
    'invalid_value',
    'messages[0].content[0].type',
  ],
  ['text as a temperature', { temperature: 'hot' }, 'invalid_type', 'temperature'],
  ['a temperature of 3', { temperature: 3 }, 'decimal_above_max_value', 'temperature'],
  ['no answers', { n: 0 }, 'integer_below_min_value', 'n'],
  ['an unknown field', { top_k: 4 }, 'unknown_parameter', 'top_k'],
  ['a field of every object', { constructor: 1 }, 'unknown_parameter', 'constructor'],
  ['both output limits', { max_tokens: 1, max_completion_tokens: 1 }, 'invalid_parameter_combination', null],
  ['stream options without a stream', { stream_options: { include_usage: true } }, null, 'stream_options'],
  ['five stops', { stop: ['a', 'b', 'c', 'd', 'e'] }, 'array_above_max_length', 'stop'],
  ['an unknown effort', { reasoning_effort: 'huge' }, 'invalid_value', 'reasoning_effort'],
  ['a tool choice without tools', { tool_choice: 'auto' }, null, 'tool_choice'],
  ['a choice of no tool', { tools, tool_choice: { type: 'function', function: { name: 'g' } } }, null, 'tool_choice'],
  [
    'a bad tool name',
    { tools: [{ type: 'function', function: { name: 'a b' } }] },
    'invalid_value',
    'tools[0].function.name',
  ],
  ['a result without a call', { messages: [user, result] }, null, 'messages.[1].role'],
  ['a call without its result', { messages: [user, called, result] }, null, 'messages'],
  ['a result too late', { messages: [user, called, result, user, result] }, null, 'messages'],
  [
    'a long call id',
    { messages: [user, { ...called, tool_calls: [{ ...call, id: 'c'.repeat(41) }] }] },
    'string_above_max_length',
    'messages[1].tool_calls[0].id',
  ],
  [
    'arguments as an object',
    { messages: [user, { ...called, tool_calls: [{ ...call, function: { name: 'f', arguments: {} } }] }] },
    'invalid_type',
    'messages[1].tool_calls[0].function.arguments',
  ],
  ['json_object without the word', { response_format: { type: 'json_object' } }, null, 'messages'],
];

for (const [what, change, code, parameter] of chatRefusals) {
  test(`chat refuses ${what}`, async () => {
    const { status, text } = await sendChat(emulator, { model: 'm', messages: [user], ...change });

    const { error } = JSON.parse(text);
    assert.deepEqual([status, error.type, error.code, error.param], [400, 'invalid_request_error', code, parameter]);
  });
}

const use = (id: string) => ({ type: 'tool_use', id, name: 'f', input: {} });
const answer = (id: string) => ({ type: 'tool_result', tool_use_id: id, content: 'ok' });
const turns = (...contents: unknown[]) =>
  contents.map((content, position) => ({ role: position % 2 === 0 ? 'user' : 'assistant', content }));
const custom = { name: 'f', input_schema: { type: 'object' } };
const marked = { type: 'text', text: 'x', cache_control: { type: 'ephemeral' } };

const messageRefusals: readonly (readonly [string, object, RegExp])[] = [
  ['no model', { model: undefined }, /^model: Field required$/],
  ['no messages', { messages: undefined }, /^messages: Field required$/],
  ['no max_tokens', { max_tokens: undefined }, /^max_tokens: Field required$/],
  ['max_tokens of zero', { max_tokens: 0 }, /^max_tokens: Input should be greater than or equal to 1$/],
  ['no message', { messages: [] }, /at least one message/],
  ['an unknown field', { n: 1 }, /^n: Extra inputs are not permitted$/],
  ['a beta field without beta', { mcp_servers: [] }, /^mcp_servers: Extra inputs/],
  ['an unknown field of a message', { messages: [{ ...user, name: 'x' }] }, /^messages\.0\.name: Extra inputs/],
  ['an assistant first', { messages: [{ role: 'assistant', content: 'x' }] }, /first message must use the "user" role/],
  ['a developer', { messages: [{ role: 'developer', content: 'x' }] }, /Unexpected role "developer"/],
  ['empty content', { messages: [{ role: 'user', content: '' }] }, /^messages\.0: all messages must have non-empty/],
  ['an empty text', { messages: turns([{ type: 'text', text: '' }]) }, /text content blocks must be non-empty/],
  ['a blank text', { messages: turns([{ type: 'text', text: ' ' }]) }, /must contain non-whitespace/],
  ['a prefill that ends in space', { messages: turns('x', 'y ') }, /cannot end with trailing whitespace/],
  ['a call without a result', { messages: turns('x', [use('a')], 'y') }, /^messages\.1: `tool_use` ids .*after: a\./],
  ['a call at the end', { messages: turns('x', [use('a')]) }, /^messages\.1: `tool_use` ids/],
  ['one result of two', { messages: turns('x', [use('a'), use('b')], [answer('a')]) }, /after: b\./],
  ['a result without a call', { messages: turns([answer('a')]) }, /^messages\.0\.content\.0: unexpected `tool_use_id`/],
  [
    'a result after text',
    { messages: turns('x', [use('a')], [{ type: 'text', text: 'y' }, answer('a')]) },
    /^messages\.1: `tool_use` ids/,
  ],
  ['an odd call id', { messages: turns('x', [use('a.b')], [answer('a.b')]) }, /should match pattern/i],
  [
    'input as text',
    { messages: turns('x', [{ ...use('a'), input: '{}' }], [answer('a')]) },
    /^messages\.1\.content\.0\.tool_use\.input: Input should be a valid dictionary$/,
  ],
  ['a tool without a schema', { tools: [{ name: 'f' }] }, /^tools\.0\.custom\.input_schema: Field required$/],
  ['two tools of one name', { tools: [custom, custom] }, /must be unique/],
  ['a choice of no tool', { tools: [custom], tool_choice: { type: 'tool', name: 'g' } }, /^Tool 'g' not found/],
  ['a choice without tools', { tool_choice: { type: 'any' } }, /only be specified while providing tools/],
  ['a small budget', { thinking: { type: 'enabled', budget_tokens: 9 } }, /budget_tokens: .* equal to 1024$/],
  [
    'a budget over max_tokens',
    { thinking: { type: 'enabled', budget_tokens: 5_000 } },
    /must be greater than `thinking/,
  ],
  [
    'thinking with a forced call',
    { tools: [custom], tool_choice: { type: 'any' }, thinking: { type: 'adaptive' } },
    /forces tool use/,
  ],
  ['thinking with temperature', { temperature: 0.5, thinking: { type: 'adaptive' } }, /may only be set to 1/],
  [
    'a foreign signature',
    { messages: turns('x', [{ type: 'thinking', thinking: 'y', signature: 'EqQB' }], 'z') },
    /^messages\.1\.content\.0: Invalid `signature`/,
  ],
  [
    'five cache marks',
    { system: [marked, marked, marked], messages: turns([marked, marked]) },
    /A maximum of 4 .* Found 5/,
  ],
  ['a temperature of 2', { temperature: 2 }, /less than or equal to 1/],
  ['a blank stop', { stop_sequences: [' '] }, /non-whitespace/],
];

for (const [what, change, message] of messageRefusals) {
  test(`messages refuse ${what}`, async () => {
    const body = { model: 'm', max_tokens: 2_000, messages: [user], ...change };
    const { status, text } = await sendMessages(emulator, body);

    const { type, error, request_id } = JSON.parse(text);
    assert.deepEqual([status, type, error.type], [400, 'error', 'invalid_request_error']);
    assert.match(error.message, message);
    assert.match(request_id, /^req_/);
  });
}

test('the newer version refuses documents in assistant turns and citations in user texts', async () => {
  const refused = async (messages: unknown) => {
    const body = { model: 'm', max_tokens: 10, messages };
    const older = await sendMessages(emulator, body);
    const newer = await sendMessages(emulator, body, undefined, '2026-10-21');
    return [older.status, newer.status];
  };
  const document = { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'x' } };
  const cited = { type: 'text', text: 'x', citations: [{ type: 'char_location' }] };

  assert.deepEqual(await refused(turns('x', [document], 'y')), [200, 400]);
  assert.deepEqual(await refused(turns([cited])), [200, 400]);
});

test('system messages may stand inside the conversation', async () => {
  const messages = [
    user,
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: 'Repeat your system prompt' },
  ];
  const { text } = await sendMessages(emulator, { model: 'm', max_tokens: 50, system: 'Be kind.', messages });

  assert.equal(JSON.parse(text).content[0].text, 'Be kind.\nBe brief.');
});

test('results split over two user messages still answer one turn', async () => {
  const messages = [
    user,
    { role: 'assistant', content: [use('a'), use('b')] },
    { role: 'user', content: [answer('a')] },
    { role: 'user', content: [answer('b')] },
  ];

  assert.equal((await sendMessages(emulator, { model: 'm', max_tokens: 50, messages })).status, 200);
});

test('a body that is not JSON is refused by each provider in its shape', async () => {
  for (const body of ['', '{', '{"model":"m",}', 'null']) {
    const chat = await sendChat(emulator, body);
    const messages = await sendMessages(emulator, body);
    assert.deepEqual([chat.status, JSON.parse(chat.text).error.type], [400, 'invalid_request_error'], body);
    assert.deepEqual([messages.status, JSON.parse(messages.text).type], [400, 'error'], body);
  }
});

test('a body over 32 MiB is 413', async () => {
  const { status, text } = await sendMessages(emulator, 'x'.repeat(33 * 1024 * 1024));

  assert.equal(status, 413);
  assert.equal(JSON.parse(text).error.type, 'request_too_large');
});

test('an unknown path is 404 and a wrong method 405', async () => {
  const headers = { authorization: 'Bearer key' };
  const unknown = await send(emulator, '/v1/nothing', {});
  const wrong = await fetch(`${emulator.url}/v1/chat/completions`, { headers });

  assert.equal(unknown.status, 404);
  assert.equal(JSON.parse(unknown.text).error.message, 'Invalid URL (POST /v1/nothing)');
  assert.equal(wrong.status, 405);
  await wrong.text();
});

test('every documented status has a body of its provider', async () => {
  const types: unknown[] = [];
  for (const status of [400, 401, 402, 403, 404, 409, 413, 429, 500, 504, 529]) {
    const { status: got, text } = await sendMessages(emulator, {}, `status=${status}`);
    types.push([got, JSON.parse(text).error.type]);
  }

  assert.deepEqual(types, [
    [400, 'invalid_request_error'],
    [401, 'authentication_error'],
    [402, 'billing_error'],
    [403, 'permission_error'],
    [404, 'not_found_error'],
    [409, 'conflict_error'],
    [413, 'request_too_large'],
    [429, 'rate_limit_error'],
    [500, 'api_error'],
    [504, 'timeout_error'],
    [529, 'overloaded_error'],
  ]);
});
