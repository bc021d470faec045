import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { send } from '../../../test/support/emulator-client.ts';
import { type Emulator, startEmulator } from '../emulator.ts';

const user = { role: 'user', content: 'Hello' };
const call = { type: 'function_call', call_id: 'c1', name: 'f', arguments: '{}' };
const output = { type: 'function_call_output', call_id: 'c1', output: 'ok' };
const custom = { type: 'custom_tool_call', call_id: 'c2', name: 'g', input: 'x' };
const fn = (parameters: object, strict = false) => ({ type: 'function', name: 'f', parameters, strict });
const closed = { type: 'object', properties: {}, required: [], additionalProperties: false };
const inputs = (...items: object[]) => ({ input: [user, ...items] });
const content = (...parts: object[]) => ({ input: [{ role: 'user', content: parts }] });
const format = (more: object) => ({ text: { format: { type: 'json_schema', name: 'n', schema: closed, ...more } } });

const refusals: readonly (readonly [string, object, number, string | null, string | null])[] = [
  ['no model', { model: undefined }, 400, 'missing_required_parameter', 'model'],
  ['no input', { input: undefined }, 400, 'missing_required_parameter', 'input'],
  ['a number as input', { input: 7 }, 400, 'invalid_type', 'input'],
  ['an unknown field', { messages: [] }, 400, 'unknown_parameter', 'messages'],
  ['the limit of chat completions', { max_tokens: 5 }, 400, 'unknown_parameter', 'max_tokens'],
  ['a field of every object', { constructor: 1 }, 400, 'unknown_parameter', 'constructor'],
  ['fewer than 16 tokens', { max_output_tokens: 15 }, 400, 'integer_below_min_value', 'max_output_tokens'],
  ['a temperature of 3', { temperature: 3 }, 400, 'decimal_above_max_value', 'temperature'],
  ['text as a flag', { stream: 'yes' }, 400, 'invalid_type', 'stream'],
  ['an unknown tier', { service_tier: 'gold' }, 400, 'invalid_value', 'service_tier'],
  ['stop sequences', { stop: ['x'] }, 400, 'unknown_parameter', 'stop'],
  ['options of no stream', { stream_options: { include_obfuscation: true } }, 400, null, 'stream_options'],
  [
    'include_usage',
    { stream: true, stream_options: { include_usage: true } },
    400,
    'unknown_parameter',
    'stream_options.include_usage',
  ],
  ['an unknown include', { include: ['everything'] }, 400, 'invalid_value', 'include[0]'],
  ['an unknown effort', { reasoning: { effort: 'huge' } }, 400, 'invalid_value', 'reasoning.effort'],
  ['an unknown field of reasoning', { reasoning: { budget: 1 } }, 400, 'unknown_parameter', 'reasoning.budget'],
  [
    'a response that is not there',
    { previous_response_id: 'resp_1' },
    400,
    'previous_response_not_found',
    'previous_response_id',
  ],
  ['a conversation that is not there', { conversation: { id: 'conv_1' } }, 404, null, 'conversation'],
  ['a prompt that is not there', { prompt: { id: 'pmpt_1' } }, 404, null, 'prompt'],
  ['background work that is not stored', { background: true, store: false }, 400, null, 'background'],
  ['an item that is not there', inputs({ type: 'item_reference', id: 'rs_1' }), 404, null, 'input'],
  ['an item without a type', inputs({ text: 'x' }), 400, 'missing_required_parameter', 'input[1].type'],
  ['an item of an unknown type', inputs({ type: 'tool_use' }), 400, 'invalid_value', 'input[1].type'],
  ['an unknown field of an item', inputs({ ...call, index: 0 }), 400, 'unknown_parameter', 'input[1].index'],
  ['a tool as role', inputs({ role: 'tool', content: 'x' }), 400, 'invalid_value', 'input[1].role'],
  ['no content', inputs({ role: 'user' }), 400, 'missing_required_parameter', 'input[1].content'],
  ['a text of chat completions', content({ type: 'text', text: 'x' }), 400, 'invalid_value', 'input[0].content[0]'],
  [
    'a text without text',
    content({ type: 'input_text' }),
    400,
    'missing_required_parameter',
    'input[0].content[0].text',
  ],
  [
    "a user's text in the assistant's turn",
    inputs({ role: 'assistant', content: [{ type: 'input_text', text: 'x' }] }),
    400,
    'invalid_value',
    'input[1].content[0]',
  ],
  [
    'an image that is no address',
    content({ type: 'input_image', image_url: 'ftp://x' }),
    400,
    'invalid_value',
    'input[0].content[0].image_url',
  ],
  [
    'a broken image',
    content({ type: 'input_image', image_url: 'data:image/png;base64,AAAA' }),
    400,
    'invalid_image_format',
    null,
  ],
  [
    'an image object',
    content({ type: 'input_image', image_url: { url: 'https://x' } }),
    400,
    'missing_required_parameter',
    'input[0].content[0].image_url',
  ],
  [
    'a file without a name',
    content({ type: 'input_file', file_data: 'data:application/pdf;base64,JVBERi0=' }),
    400,
    'missing_required_parameter',
    'input[0].content[0].filename',
  ],
  ['a call without its output', inputs(call), 400, null, 'input'],
  ['an output without its call', inputs(output), 400, null, 'input'],
  ['an output before its call', inputs(output, call), 400, null, 'input'],
  ['a custom call without its output', inputs(custom), 400, null, 'input'],
  ['an output of the other kind', inputs({ ...custom, call_id: 'c1' }, output), 400, null, 'input'],
  ['no call id', inputs({ ...call, call_id: undefined }), 400, 'missing_required_parameter', 'input[1].call_id'],
  ['an empty call id', inputs({ ...call, call_id: '' }), 400, 'empty_string', 'input[1].call_id'],
  ['a long call id', inputs({ ...call, call_id: 'c'.repeat(65) }), 400, 'string_above_max_length', 'input[1].call_id'],
  ['arguments as an object', inputs({ ...call, arguments: {} }, output), 400, 'invalid_type', 'input[1].arguments'],
  ['a bad name of a call', inputs({ ...call, name: 'a b' }, output), 400, 'invalid_value', 'input[1].name'],
  ["another kind's id", inputs({ ...call, id: 'call_1' }, output), 400, 'invalid_value', 'input[1].id'],
  ['an id twice', inputs({ ...call, id: 'fc_1' }, { ...call, id: 'fc_1', call_id: 'c3' }), 400, null, 'input'],
  [
    'reasoning without a summary',
    inputs({ type: 'reasoning', id: 'rs_1' }),
    400,
    'missing_required_parameter',
    'input[1].summary',
  ],
  ['reasoning that is stored elsewhere', inputs({ type: 'reasoning', id: 'rs_1', summary: [] }), 404, null, 'input'],
  [
    'foreign reasoning',
    inputs({ type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'AAAA' }),
    400,
    'invalid_encrypted_content',
    null,
  ],
  [
    'a nested function',
    { tools: [{ type: 'function', function: { name: 'f' } }] },
    400,
    'missing_required_parameter',
    'tools[0].name',
  ],
  ['an unknown tool', { tools: [{ type: 'telepathy' }] }, 400, 'invalid_value', 'tools[0].type'],
  ['a bad name of a tool', { tools: [{ type: 'function', name: 'a.b' }] }, 400, 'invalid_value', 'tools[0].name'],
  [
    'arguments that are no object',
    { tools: [fn({ type: 'string' })] },
    400,
    'invalid_function_parameters',
    'tools[0].parameters',
  ],
  [
    'a strict tool that is open',
    { tools: [fn({ type: 'object', properties: {} }, true)] },
    400,
    'invalid_function_parameters',
    'tools[0].parameters',
  ],
  [
    'a strict tool with an optional argument',
    { tools: [fn({ ...closed, properties: { a: { type: 'string' } } }, true)] },
    400,
    'invalid_function_parameters',
    'tools[0].parameters',
  ],
  [
    'a tool of a namespace within a namespace',
    {
      tools: [{ type: 'namespace', name: 'n', description: '', tools: [{ type: 'namespace', name: 'm', tools: [] }] }],
    },
    400,
    'invalid_value',
    'tools[0].tools[0].type',
  ],
  ['a forced call without tools', { tool_choice: 'required' }, 400, null, 'tool_choice'],
  [
    'a choice of no tool',
    { tools: [fn(closed)], tool_choice: { type: 'function', name: 'g' } },
    400,
    null,
    'tool_choice',
  ],
  [
    'a choice as chat completions have it',
    { tools: [fn(closed)], tool_choice: { type: 'function', function: { name: 'f' } } },
    400,
    'missing_required_parameter',
    'tool_choice.name',
  ],
  ['a schema without a name', format({ name: undefined }), 400, 'missing_required_parameter', 'text.format.name'],
  [
    'a strict schema with allOf',
    format({ strict: true, schema: { ...closed, allOf: [] } }),
    400,
    'invalid_json_schema',
    'text.format.schema',
  ],
  ['json_object without the word', { text: { format: { type: 'json_object' } } }, 400, null, 'input'],
  ['a temperature for gpt-5', { model: 'gpt-5', temperature: 1 }, 400, 'unsupported_parameter', 'temperature'],
  [
    'a temperature for a gpt-5.2 that reasons',
    { model: 'gpt-5.2', temperature: 1, reasoning: { effort: 'low' } },
    400,
    'unsupported_parameter',
    'temperature',
  ],
  [
    'no effort for gpt-5',
    { model: 'gpt-5', reasoning: { effort: 'none' } },
    400,
    'unsupported_value',
    'reasoning.effort',
  ],
  [
    'any effort for gpt-4o',
    { model: 'gpt-4o', reasoning: { effort: 'low' } },
    400,
    'unsupported_parameter',
    'reasoning.effort',
  ],
  ['sealed reasoning of gpt-4o', { model: 'gpt-4o', include: ['reasoning.encrypted_content'] }, 400, null, 'include'],
  [
    'low verbosity of gpt-4o',
    { model: 'gpt-4o', text: { verbosity: 'low' } },
    400,
    'unsupported_value',
    'text.verbosity',
  ],
  [
    'seventeen labels',
    { metadata: Object.fromEntries(Array.from({ length: 17 }, (_, n) => [`k${n}`, 'v'])) },
    400,
    'object_above_max_properties',
    'metadata',
  ],
  ['a number as label', { metadata: { k: 1 } }, 400, 'invalid_type', 'metadata.k'],
];

suite('what responses refuse', () => {
  let emulator: Emulator;

  before(async () => {
    emulator = await startEmulator();
  });
  after(() => emulator.stop());

  for (const [what, change, status, code, parameter] of refusals) {
    test(`responses refuse ${what}`, async () => {
      const answer = await send(emulator, '/v1/responses', { model: 'm', input: 'Hello', ...change });

      const { error } = JSON.parse(answer.text);
      assert.deepEqual(
        [answer.status, error.type, error.code, error.param],
        [status, 'invalid_request_error', code, parameter],
      );
    });
  }

  test('responses refuse thoughts that lead nowhere', async () => {
    const first = await send(emulator, '/v1/responses', {
      model: 'gpt-5',
      input: 'Hello',
      include: ['reasoning.encrypted_content'],
    });
    const [thought, said] = JSON.parse(first.text).output;
    const status = async (...items: object[]) =>
      (await send(emulator, '/v1/responses', { model: 'gpt-5', input: [user, ...items, user] })).status;

    assert.equal(await status(thought, said), 200);
    assert.equal(await status(thought), 400);
  });

  test('responses take what near misses of the refusals are', async () => {
    for (const change of [
      { max_output_tokens: 16 },
      { temperature: null, stream_options: null },
      { input: [] },
      inputs(call, output),
      inputs(custom, { type: 'custom_tool_call_output', call_id: 'c2', output: '' }),
      inputs({ ...call, id: 'fc_1', call_id: 'c'.repeat(64), namespace: 'n' }, { ...output, call_id: 'c'.repeat(64) }),
      inputs({ type: 'message', role: 'developer', content: [{ type: 'input_text', text: 'x' }] }),
      inputs({
        role: 'assistant',
        content: [{ type: 'output_text', text: 'x', annotations: [] }],
        phase: 'commentary',
      }),
      content({ type: 'input_image', image_url: 'https://x/y.png', detail: 'original' }),
      { tools: [fn({ type: 'object', properties: {} })] },
      { tools: [{ type: 'function', name: 'f', parameters: null }] },
      {
        tools: [fn(closed, true)],
        tool_choice: { type: 'allowed_tools', mode: 'auto', tools: [{ type: 'function', name: 'f' }] },
      },
      { model: 'gpt-5.2', temperature: 1 },
      { client_metadata: { version: '0.150' }, input: 'x' },
      format({ strict: false, schema: { type: 'object' } }),
    ]) {
      const { status, text } = await send(emulator, '/v1/responses', { model: 'm', input: 'Hello', ...change });
      assert.equal(status, 200, text);
    }
  });
});
