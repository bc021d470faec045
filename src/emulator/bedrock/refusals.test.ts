import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { send } from '../../../test/support/emulator-client.ts';
import { type Emulator, startEmulator } from '../emulator.ts';

const user = (...content: object[]) => ({ role: 'user', content });
const assistant = (...content: object[]) => ({ role: 'assistant', content });
const hello = user({ text: 'Hello' });
const use = (toolUseId: string, more: object = {}) => ({ toolUse: { toolUseId, name: 'f', input: {}, ...more } });
const result = (toolUseId: string, more: object = {}) => ({
  toolResult: { toolUseId, content: [{ text: 'ok' }], ...more },
});
const spec = (more: object = {}) => ({ toolSpec: { name: 'f', inputSchema: { json: { type: 'object' } }, ...more } });
const tools = (...list: object[]) => ({ toolConfig: { tools: list } });
const said = (...messages: object[]) => ({ messages, ...tools(spec()) });
const image = (source: object, format = 'png') => user({ image: { format, source } });
const pdf = (name: string) => ({ document: { format: 'pdf', name, source: { bytes: 'JVBERi0=' } } });
const format = (jsonSchema: object) => ({
  outputConfig: { textFormat: { type: 'json_schema', structure: { jsonSchema } } },
});

const refusals: readonly (readonly [string, object, RegExp])[] = [
  ['no messages', { messages: undefined }, /^A conversation must start with a user message/],
  ['an assistant first', { messages: [assistant({ text: 'x' })] }, /^A conversation must start with a user message/],
  ['two users in a row', { messages: [hello, hello] }, /must alternate between user and assistant roles/],
  [
    'an unknown role',
    { messages: [{ role: 'tool', content: [] }] },
    /^1 validation error detected: Value 'tool' at 'messages\.1\.member\.role' failed to satisfy constraint: Member must satisfy enum value set/,
  ],
  ['no content', { messages: [{ role: 'user' }] }, /'messages\.1\.member\.content' .* Member must not be null/],
  ['empty content', { messages: [user()] }, /content field in the Message object at messages\.0 is empty/],
  ['text as content', { messages: [{ role: 'user', content: 'x' }] }, /A list of structures was expected/],
  [
    'a blank text',
    { messages: [user({ text: ' ' })] },
    /^The text field in the ContentBlock object at messages\.0\.content\.0 is blank/,
  ],
  ['a blank system', { system: [{ text: ' ' }] }, /SystemContentBlock object at system\.0 is blank/],
  ['an empty system', { system: [{ text: '' }] }, /'system\.1\.member\.text' .* length greater than or equal to 1/],
  [
    'a block of Messages',
    { messages: [user({ type: 'tool_use' })] },
    /^The ContentBlock object at messages\.0\.content\.0 must set one of the following keys: text, image/,
  ],
  ['a block of two kinds', { messages: [user({ text: 'x', image: {} })] }, /sets more than one key: text, image/],
  [
    'no room',
    { inferenceConfig: { maxTokens: 0 } },
    /'inferenceConfig\.maxTokens' .* value greater than or equal to 1/,
  ],
  ['half a token', { inferenceConfig: { maxTokens: 1.5 } }, /maxTokens field is not a whole number/],
  ['a temperature of 2', { inferenceConfig: { temperature: 2 } }, /value less than or equal to 1/],
  [
    'a temperature as text',
    { inferenceConfig: { temperature: '1' } },
    /number was expected at inferenceConfig\.temperature/,
  ],
  ['an empty stop', { inferenceConfig: { stopSequences: [''] } }, /stopSequences\.1\.member/],
  [
    'history with calls and no tools',
    { messages: [hello, assistant(use('a')), user(result('a'))] },
    /^The toolConfig field must be defined when using toolUse and toolResult/,
  ],
  [
    'a call without its result',
    said(hello, assistant(use('a')), hello),
    /^Expected toolResult blocks at messages\.2\.content for the following Ids: a$/,
  ],
  ['a call at the end', said(hello, assistant(use('a'))), /^Expected toolResult blocks at messages\.2\.content/],
  ['one result of two', said(hello, assistant(use('a'), use('b')), user(result('a'))), /following Ids: b$/],
  [
    'a result without a call',
    said(user(result('a'))),
    /^The number of toolResult blocks at messages\.0\.content exceeds/,
  ],
  [
    'a call twice',
    said(hello, assistant(use('a'), use('a')), user(result('a'))),
    /toolUse blocks at messages\.1\.content contain duplicate Ids: a/,
  ],
  [
    'a result twice',
    said(hello, assistant(use('a'), use('b')), user(result('a'), result('a'))),
    /toolResult blocks at messages\.2\.content contain duplicate Ids: a/,
  ],
  ['a call of the user', said(user(use('a')), assistant({ text: 'x' }), hello), /not in an assistant message/],
  [
    'an odd call id',
    said(hello, assistant(use('a b')), user(result('a b'))),
    /2 validation errors detected: .* pattern: \[a-zA-Z0-9_\.:-\]\+/,
  ],
  [
    'a long call id',
    said(hello, assistant(use('a'.repeat(65))), user(result('a'.repeat(65)))),
    /length less than or equal to 64/,
  ],
  [
    'input as text',
    said(hello, assistant(use('a', { input: '{}' })), user(result('a'))),
    /messages\.1\.content\.0\.toolUse\.input is invalid\. Provide a json object/,
  ],
  [
    'a result that is a list',
    said(hello, assistant(use('a')), user(result('a', { content: [{ json: [] }] }))),
    /toolResult\.content\.0\.json is invalid/,
  ],
  [
    'a blank result',
    said(hello, assistant(use('a')), user(result('a', { content: [{ text: '' }] }))),
    /ToolResultContentBlock object .* is blank/,
  ],
  [
    'a failure that says nothing',
    said(hello, assistant(use('a')), user(result('a', { status: 'error', content: [] }))),
    /cannot be empty when status value is error/,
  ],
  [
    'an unknown status',
    said(hello, assistant(use('a')), user(result('a', { status: 'odd' }))),
    /enum value set: \[success, error\]/,
  ],
  [
    'no tools to choose from',
    { toolConfig: { tools: [] } },
    /'toolConfig\.tools' .* length greater than or equal to 1/,
  ],
  [
    'a bad name of a tool',
    tools(spec({ name: 'a.b' })),
    /Value 'a\.b' at 'toolConfig\.tools\.1\.member\.toolSpec\.name' .* pattern: \[a-zA-Z0-9_-\]\+/,
  ],
  ['a long name of a tool', tools(spec({ name: 'f'.repeat(65) })), /length less than or equal to 64/],
  ['an empty description', tools(spec({ description: '' })), /toolSpec\.description/],
  [
    'a tool without a schema',
    tools(spec({ inputSchema: {} })),
    /json schema definition at toolConfig\.tools\.0\.toolSpec\.inputSchema is invalid/,
  ],
  [
    'a schema of no object',
    tools(spec({ inputSchema: { json: { type: 'string' } } })),
    /inputSchema\.json\.type must be one of the following: object/,
  ],
  [
    'a strict tool that is open',
    tools(spec({ strict: true })),
    /'additionalProperties' must be explicitly set to false/,
  ],
  ['two tools of one name', tools(spec(), spec()), /must be unique/],
  [
    'a choice of none',
    { toolConfig: { ...tools(spec()).toolConfig, toolChoice: { none: {} } } },
    /ToolChoice object .* must set one of the following keys: auto, any, tool/,
  ],
  [
    'a choice of no tool',
    { toolConfig: { ...tools(spec()).toolConfig, toolChoice: { tool: { name: 'g' } } } },
    /Tool 'g' not found/,
  ],
  [
    'an unknown format',
    { messages: [image({ bytes: 'iVBORw0KGgo=' }, 'bmp')] },
    /enum value set: \[png, jpeg, gif, webp\]/,
  ],
  ['a broken image', { messages: [image({ bytes: 'AAAA' })] }, /Could not process image/],
  [
    'a PNG that is said to be a JPEG',
    { messages: [image({ bytes: 'iVBORw0KGgo=' }, 'jpeg')] },
    /does not appear to be a valid jpeg/,
  ],
  [
    'an image by its address',
    { messages: [image({ url: 'https://x' })] },
    /must set one of the following keys: bytes, s3Location/,
  ],
  ['bytes that are no base64', { messages: [image({ bytes: '%' })] }, /not valid base64/],
  ['a document alone', { messages: [user(pdf('a'))] }, /must have a text block/],
  [
    'a dot in the name of a document',
    { messages: [user(pdf('a.pdf'), { text: 'x' })] },
    /^The document file name can only contain/,
  ],
  ['two spaces in the name', { messages: [user(pdf('a  b'), { text: 'x' })] }, /more than one consecutive whitespace/],
  [
    'an image of the assistant',
    { messages: [hello, assistant({ image: { format: 'png', source: { bytes: 'iVBORw0KGgo=' } } }), hello] },
    /only permitted in messages with the user role/,
  ],
  [
    '21 images',
    {
      messages: [
        user(...Array.from({ length: 21 }, () => ({ image: { format: 'png', source: { bytes: 'iVBORw0KGgo=' } } }))),
      ],
    },
    /more than 20 images/,
  ],
  [
    'an unknown lifetime',
    { messages: [user({ text: 'x' }, { cachePoint: { type: 'default', ttl: '2h' } })] },
    /enum value set: \[5m, 1h\]/,
  ],
  [
    'five cache points',
    { messages: [user({ text: 'x' }, ...Array.from({ length: 5 }, () => ({ cachePoint: { type: 'default' } })))] },
    /Found 5/,
  ],
  ['an unknown tier', { serviceTier: { type: 'gold' } }, /serviceTier\.type/],
  ['a schema as an object', format({ schema: { type: 'object' } }), /not a JSON schema as text/],
  ['an open schema', format({ schema: '{"type":"object"}' }), /'additionalProperties' must be explicitly/],
];

const claude = 'anthropic.claude-sonnet-4-5-20250929-v1:0';
const thinking = (budget_tokens: number) => ({
  additionalModelRequestFields: { thinking: { type: 'enabled', budget_tokens } },
});
const choice = (toolChoice: object) => ({ toolConfig: { tools: [spec()], toolChoice } });

const modelRefusals: readonly (readonly [string, string, string, object, RegExp])[] = [
  [
    'system for Titan',
    'amazon.titan-text-express-v1',
    'converse',
    { system: [{ text: 'x' }] },
    /doesn't support the system field/,
  ],
  ['tools for R1', 'us.deepseek.r1-v1:0', 'converse', tools(spec()), /doesn't support tool use\.$/],
  [
    'streamed tools for Llama',
    'meta.llama3-1-70b-instruct-v1:0',
    'converse-stream',
    tools(spec()),
    /tool use in streaming mode/,
  ],
  [
    'a named tool for Mistral',
    'mistral.mistral-large-2402-v1:0',
    'converse',
    choice({ tool: { name: 'f' } }),
    /toolConfig\.toolChoice\.tool field/,
  ],
  ['a small budget', claude, 'converse', thinking(10), /budget_tokens: Input should be greater than or equal to 1024/],
  [
    'a budget over the limit',
    claude,
    'converse',
    { ...thinking(2_000), inferenceConfig: { maxTokens: 2_000 } },
    /must be greater than `thinking/,
  ],
  [
    'thinking with a temperature',
    claude,
    'converse',
    { ...thinking(2_000), inferenceConfig: { temperature: 0.5 } },
    /may only be set to 1/,
  ],
  [
    'a field that Claude does not know',
    claude,
    'converse',
    { additionalModelRequestFields: { n: 2 } },
    /extraneous key \[n\] is not permitted/,
  ],
  [
    'budgets for Opus 5',
    'anthropic.claude-opus-5-v1:0',
    'converse',
    thinking(2_000),
    /"thinking\.type\.enabled" is not supported/,
  ],
  [
    'a temperature for Opus 5',
    'anthropic.claude-opus-5-v1:0',
    'converse',
    { inferenceConfig: { temperature: 1 } },
    /temperature: is not supported/,
  ],
  [
    'a call id with a dot for Claude',
    claude,
    'converse',
    said(hello, assistant(use('a.b')), user(result('a.b'))),
    /should match pattern/,
  ],
];

suite('what converse refuses', () => {
  let emulator: Emulator;

  before(async () => {
    emulator = await startEmulator();
  });
  after(() => emulator.stop());

  const converse = (model: string, operation: string, change: object) =>
    send(emulator, `/model/${encodeURIComponent(model)}/${operation}`, { messages: [hello], ...change });

  for (const [what, change, message] of refusals) {
    test(`converse refuses ${what}`, async () => {
      const { status, headers, text } = await converse('m', 'converse', change);

      assert.equal(status, 400);
      assert.match(headers.get('x-amzn-errortype')!, /^ValidationException:/);
      assert.match(JSON.parse(text).message, message);
    });
  }

  for (const [what, model, operation, change, message] of modelRefusals) {
    test(`the model refuses ${what}`, async () => {
      const { status, text } = await converse(model, operation, change);

      assert.equal(status, 400);
      assert.match(JSON.parse(text).message, message);
      assert.equal((await converse(model, operation, {})).status, 200);
    });
  }

  test('models without prompt caching deny cache points', async () => {
    const { status, headers } = await converse('meta.llama3-1-70b-instruct-v1:0', 'converse', {
      messages: [user({ text: 'x' }, { cachePoint: { type: 'default' } })],
    });

    assert.deepEqual([status, headers.get('x-amzn-errortype')!.split(':')[0]], [403, 'AccessDeniedException']);
  });

  test('converse takes what near misses of the refusals are', async () => {
    for (const change of [
      { somethingNew: true, inferenceConfig: { maxTokens: 1, temperature: 1, topP: 0, topK: 3 } },
      said(hello, assistant({ text: 'x' }, use('a:b.c')), user(result('a:b.c', { status: 'error' }), { text: 'y' })),
      said(hello, assistant(use('a'), use('b')), user(result('b'), result('a', { content: [] }))),
      { messages: [hello, { role: 'system', content: [{ text: 'Be brief.' }] }] },
      { messages: [user(pdf('a [1] (b)-c'), { text: 'x' })] },
      { messages: [image({ s3Location: { uri: 's3://b/k' } }, 'webp')] },
      choice({ any: {} }),
      format({
        schema:
          '{"type":"object","additionalProperties":false,"properties":{"a":{"type":"array","items":{"type":"string"}}}}',
      }),
    ]) {
      const { status, text } = await converse('m', 'converse', change);
      assert.equal(status, 200, text);
    }
  });

  test('other models, longer prompts and no JSON are refused in the same form', async () => {
    const bounded = await startEmulator({
      models: [
        { id: 'known', contextTokens: 100, outputTokensMax: 50 },
        { id: claude, contextTokens: 100 },
      ],
    });
    const ask = async (model: string, body: unknown) => {
      const { headers, text } = await send(bounded, `/model/${encodeURIComponent(model)}/converse`, body);
      return `${headers.get('x-amzn-errortype')!.split(':')[0]}: ${JSON.parse(text).message}`;
    };
    const long = { messages: [user({ text: 'x'.repeat(500) })] };
    try {
      assert.equal(
        await ask('other', { messages: [hello] }),
        'ValidationException: The provided model identifier is invalid.',
      );
      assert.equal(await ask('known', long), 'ValidationException: Input is too long for requested model.');
      assert.match(await ask(claude, long), /prompt is too long: 128 tokens > 100 maximum$/);
      assert.match(
        await ask('known', { messages: [hello], inferenceConfig: { maxTokens: 51 } }),
        /exceeds the model limit of 50/,
      );
      assert.match(await ask('known', '{'), /^SerializationException/);
      assert.match(await ask('known', '[]'), /^ValidationException/);
    } finally {
      await bounded.stop();
    }
  });
});
