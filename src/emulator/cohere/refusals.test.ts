import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { send } from '../../../test/support/emulator-client.ts';
import { type Emulator, startEmulator } from '../emulator.ts';

const hello = { role: 'user', content: 'Hello' };
const call = (id: string, more: object = {}) => ({
  id,
  type: 'function',
  function: { name: 'f', arguments: '{}', ...more },
});
const called = (...calls: object[]) => ({ role: 'assistant', tool_calls: calls });
const result = (id: string) => ({ role: 'tool', tool_call_id: id, content: 'ok' });
const said = (...messages: object[]) => ({ messages });
const parts = (...content: object[]) => said({ role: 'user', content });
const schema = { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] };
const tool = (more: object = {}) => ({ type: 'function', function: { name: 'f', parameters: schema, ...more } });
const json = (more: object = {}) => ({ response_format: { type: 'json_object', json_schema: schema, ...more } });

const refusals: readonly (readonly [string, object, number, RegExp])[] = [
  ['no model', { model: undefined }, 400, /model is required/],
  ['no messages', { messages: undefined }, 400, /messages must be a list/],
  ['an empty list', said(), 400, /must not be empty/],
  ['a field of chat completions', { top_p: 1 }, 422, /^unknown field: parameter 'top_p' is not a valid field/],
  ['several answers', { n: 2 }, 422, /'n' is not a valid field/],
  ['an unknown role', said({ role: 'developer', content: 'x' }), 400, /messages\[0\]\.role must be one of/],
  ['an unknown field of a message', said({ ...hello, name: 'x' }), 422, /'messages\[0\]\.name'/],
  ['no content', said({ role: 'user' }), 400, /content is required/],
  ['empty content', said({ role: 'user', content: '' }), 400, /content must not be empty/],
  [
    'an assistant that says nothing',
    said(hello, { role: 'assistant' }, hello),
    400,
    /messages\[1\]\.content is required/,
  ],
  ['a file', parts({ type: 'file' }), 400, /content\[0\]\.type must be one of text, image_url/],
  ['a text without text', parts({ type: 'text' }), 400, /content\[0\]\.text is required/],
  ['an image without an address', parts({ type: 'image_url', image_url: {} }), 400, /image_url\.url is required/],
  [
    'an image of nowhere',
    parts({ type: 'image_url', image_url: { url: 'ftp://x' } }),
    400,
    /web address or a base64 data URI/,
  ],
  [
    'a broken image',
    parts({ type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } }),
    400,
    /no image that can be read/,
  ],
  ['a temperature below zero', { temperature: -1 }, 400, /temperature must be between 0/],
  ['all of the mass', { p: 1 }, 400, /p must be between 0\.01 and 0\.99/],
  ['a penalty of two', { frequency_penalty: 2 }, 400, /between 0 and 1/],
  ['half a token', { max_tokens: 1.5 }, 400, /whole number/],
  ['text as a number', { k: '3' }, 400, /k must be a number/],
  ['text as a flag', { stream: 'yes' }, 400, /stream must be a boolean/],
  ['six stops', { stop_sequences: ['a', 'b', 'c', 'd', 'e', 'f'] }, 400, /at most 5/],
  ['one stop as text', { stop_sequences: 'a' }, 400, /list of strings/],
  ['a choice in lower case', { tool_choice: 'required' }, 400, /tool_choice must be one of REQUIRED, NONE/],
  [
    'a named choice',
    { tools: [tool()], tool_choice: { type: 'function', function: { name: 'f' } } },
    400,
    /tool_choice must be one of/,
  ],
  ['a forced call without tools', { tool_choice: 'REQUIRED' }, 400, /needs the tools parameter/],
  ['a call without its result', said(hello, called(call('a')), hello), 400, /missing are a\./],
  ['one result of two', said(hello, called(call('a'), call('b')), result('a')), 400, /missing are b\./],
  [
    'a result without a call',
    said(hello, result('a')),
    400,
    /messages\[1\]\.tool_call_id a was not found in the previous tool calls/,
  ],
  [
    'a result without an id',
    said(hello, called(call('a')), { role: 'tool', content: 'x' }),
    400,
    /tool_call_id is required/,
  ],
  [
    'arguments as an object',
    said(hello, called(call('a', { arguments: {} })), result('a')),
    400,
    /must be a JSON object as a string/,
  ],
  [
    'arguments that are no JSON',
    said(hello, called(call('a', { arguments: '{' })), result('a')),
    400,
    /must be a JSON object as a string/,
  ],
  [
    'a call without an id',
    said(hello, called({ type: 'function', function: { name: 'f' } })),
    400,
    /tool_calls\[0\]\.id is required/,
  ],
  ['a tool without arguments', { tools: [tool({ parameters: undefined })] }, 400, /parameters is required/],
  ['strict as OpenAI has it', { tools: [tool({ strict: true })] }, 422, /'strict' is not a valid field/],
  ['a bad name of a tool', { tools: [tool({ name: 'a.b' })] }, 400, /function\.name is required/],
  ['two tools of one name', { tools: [tool(), tool()] }, 400, /not unique/],
  [
    'strict tools with nothing required',
    { strict_tools: true, tools: [tool({ parameters: { type: 'object' } })] },
    400,
    /at least one required parameter/,
  ],
  ['JSON beside tools', { ...json(), tools: [tool()] }, 400, /not supported in combination with tools or documents/],
  ['json_schema as OpenAI has it', json({ type: 'json_schema' }), 400, /one of text, json_object/],
  ['a schema for text', json({ type: 'text' }), 400, /must not be given when the type is text/],
  ['a schema with nothing required', json({ json_schema: { type: 'object' } }), 400, /at least one required property/],
  ['a budget of zero', { thinking: { type: 'enabled', token_budget: 0 } }, 400, /positive integer/],
  [
    'thinking as Anthropic has it',
    { thinking: { type: 'enabled', budget_tokens: 9 } },
    422,
    /'thinking\.budget_tokens'/,
  ],
  ['a document without data', { documents: [{ text: 'x' }] }, 400, /documents\[0\]\.data is required/],
  [
    'thinking of a model that does not',
    { model: 'command-a-03-2025', thinking: { type: 'enabled' } },
    400,
    /thinking is not supported by model command-a-03-2025/,
  ],
  [
    'images for a model that sees none',
    { model: 'command-r-08-2024', ...parts({ type: 'image_url', image_url: { url: 'https://x' } }) },
    400,
    /image input is not supported/,
  ],
  [
    'a forced call of an older model',
    { model: 'command-r-08-2024', tools: [tool()], tool_choice: 'REQUIRED' },
    400,
    /tool_choice is not supported/,
  ],
  [
    'safety off for a newer model',
    { model: 'command-a-03-2025', safety_mode: 'OFF' },
    400,
    /safety_mode OFF is not supported/,
  ],
];

suite('what cohere refuses', () => {
  let emulator: Emulator;

  before(async () => {
    emulator = await startEmulator();
  });
  after(() => emulator.stop());

  const chat = (change: object) => send(emulator, '/v2/chat', { model: 'm', messages: [hello], ...change });

  for (const [what, change, status, message] of refusals) {
    test(`cohere refuses ${what}`, async () => {
      const answer = await chat(change);

      assert.equal(answer.status, status);
      assert.match(JSON.parse(answer.text).message, message);
    });
  }

  test('cohere refuses what is no JSON, another method and another path', async () => {
    const text = async (path: string, body: unknown) => JSON.parse((await send(emulator, path, body)).text).message;

    assert.match(await text('/v2/chat', '{'), /not valid JSON/);
    assert.match(await text('/v2/chat', '[]'), /must be a JSON object/);
    assert.match(await text('/v2/embed', {}), /unknown path: POST \/v2\/embed/);
    assert.equal((await fetch(`${emulator.url}/v2/chat`, { headers: { authorization: 'Bearer key' } })).status, 405);
  });

  test('cohere takes what near misses of the refusals are', async () => {
    for (const change of [
      { p: 0.99, k: 500, temperature: 2, max_tokens: 1, seed: 0, priority: 999 },
      said(
        hello,
        { ...called(call('a', { arguments: 'null' }), call('b')), tool_plan: 'x' },
        result('b'),
        result('a'),
        result('a'),
      ),
      said(hello, called(call('a')), { role: 'tool', tool_call_id: 'a', content: '' }),
      said(
        {
          role: 'assistant',
          content: [
            { type: 'thinking', thinking: 'x' },
            { type: 'text', text: 'y' },
          ],
        },
        hello,
      ),
      { tools: [tool({ name: '1-a_b', description: 'x' })], tool_choice: 'REQUIRED' },
      { ...json(), stream: false },
      { documents: ['x', { data: { a: 1 } }], citation_options: { mode: 'FAST' } },
      {
        model: 'command-a-vision-07-2025',
        ...parts({ type: 'image_url', image_url: { url: 'https://x/y.png', detail: 'low' } }),
      },
    ]) {
      const { status, text } = await chat(change);
      assert.equal(status, 200, text);
    }
  });
});
