import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { send } from '../../../test/support/emulator-client.ts';
import { type Emulator, startEmulator } from '../emulator.ts';

const user = { role: 'user', parts: [{ text: 'Hello' }] };
const model = (...parts: object[]) => ({ role: 'model', parts });
const call = { functionCall: { name: 'f', args: {} } };
const response = { functionResponse: { name: 'f', response: { output: 'ok' } } };
const said = (...contents: object[]) => ({ contents });
const parts = (...list: object[]) => said({ role: 'user', parts: list });
const config = (generationConfig: object) => ({ generationConfig });
const declared = (...functionDeclarations: object[]) => ({ tools: [{ functionDeclarations }] });
const schema = (more: object) => declared({ name: 'f', parameters: { type: 'OBJECT', ...more } });
const properties = { a: { type: 'STRING' } };
const mode = (functionCallingConfig: object) => ({ toolConfig: { functionCallingConfig } });

const refusals: readonly (readonly [string, object, RegExp, string?])[] = [
  ['no contents', { contents: undefined }, /contents is not specified/],
  [
    'a field of chat completions',
    { messages: [] },
    /^Invalid JSON payload received\. Unknown name "messages": Cannot find field\.$/,
  ],
  [
    'an unknown field further in',
    config({ top_a: 1 }),
    /Unknown name "top_a" at 'generation_config': Cannot find field\./,
  ],
  [
    'an unknown field of a part',
    parts({ text: 'x', cache_control: {} }),
    /Unknown name "cache_control" at 'contents\[0\]\.parts\[0\]'/,
  ],
  ['a field of every object', { constructor: 1 }, /Unknown name "constructor"/],
  [
    'text as a temperature',
    config({ temperature: 'hot' }),
    /^Invalid value at 'generation_config\.temperature' \(TYPE_FLOAT\), "hot"$/,
  ],
  ['a fraction of a token', config({ maxOutputTokens: 1.5 }), /'generation_config\.max_output_tokens' \(TYPE_INT32\)/],
  [
    'an unknown mode',
    { ...declared({ name: 'f' }), ...mode({ mode: 'auto' }) },
    /'tool_config\.function_calling_config\.mode'/,
  ],
  ['the assistant', said({ role: 'assistant', parts: [{ text: 'x' }] }), /valid role: user, model/],
  ['no parts', said({ role: 'user' }), /contents\[0\]\.parts: contents\.parts must not be empty/],
  ['an empty part', parts({}), /parts\[0\]\.data: required oneof field 'data'/],
  ['a part of two kinds', parts({ text: 'x', functionCall: { name: 'f' } }), /oneof field 'data' is already set/],
  ['bytes that are no base64', parts({ inlineData: { mimeType: 'image/png', data: '%%%' } }), /\(TYPE_BYTES\)/],
  ['a broken image', parts({ inlineData: { mimeType: 'image/png', data: 'AAAA' } }), /Unable to process input image/],
  ['a GIF', parts({ inlineData: { mimeType: 'image/gif', data: 'R0lGODlh' } }), /^Unsupported MIME type: image\/gif$/],
  ['a broken document', parts({ inlineData: { mimeType: 'application/pdf', data: 'AAAA' } }), /no pages/],
  ['an image without its type', parts({ inlineData: { data: 'AAAA' } }), /inline_data\.mime_type/],
  ['a file of nowhere', parts({ fileData: { fileUri: 'gs://x/y' } }), /unsupported file uri: gs:\/\/x\/y/],
  [
    'a result that is text',
    said(user, model(call), { role: 'user', parts: [{ functionResponse: { name: 'f', response: 'ok' } }] }),
    /google\.protobuf\.Struct/,
  ],
  [
    'a result without a name',
    said(user, model(call), { role: 'user', parts: [{ functionResponse: { response: {} } }] }),
    /function_response\.name: Name cannot be empty/,
  ],
  ['a call without its result', said(user, model(call), user), /number of function response parts is equal/],
  ['a call at the end', said(user, model(call)), /followed by a function response turn/],
  [
    'one result of two',
    said(user, model(call, call), { role: 'user', parts: [response] }),
    /number of function response parts is equal/,
  ],
  ['a result without a call', parts(response), /function response turn comes immediately after/],
  [
    'a call at the beginning',
    said(model(call), { role: 'user', parts: [response] }),
    /function call turn comes immediately after/,
  ],
  [
    'a foreign signature',
    said(user, model({ text: 'x', thoughtSignature: 'AAAA' }), user),
    /^Corrupted thought signature\.$/,
  ],
  [
    'a signature that is no base64',
    said(user, model({ text: 'x', thoughtSignature: '!' }), user),
    /thought_signature' \(TYPE_BYTES\)/,
  ],
  ['a cache that is not there', { cachedContent: 'cachedContents/x' }, /CachedContent not found/, 'PERMISSION_DENIED'],
  ['a temperature of 3', config({ temperature: 3 }), /a temperature value of 3 but/],
  ['no tokens', config({ maxOutputTokens: 0 }), /a maxOutputTokens value of 0 but/],
  ['six stops', config({ stopSequences: ['a', 'b', 'c', 'd', 'e', 'f'] }), /at most 5/],
  ['nine answers', config({ candidateCount: 9 }), /a candidateCount value of 9/],
  ['alternatives without probabilities', config({ logprobs: 2 }), /only supported when response_logprobs/],
  [
    'a schema for plain text',
    config({ responseSchema: { type: 'STRING' } }),
    /response_schema: only allowed for mimetypes/,
  ],
  [
    'two schemas',
    config({ responseMimeType: 'application/json', responseSchema: { type: 'STRING' }, responseJsonSchema: {} }),
    /exclude each other/,
  ],
  ['an unknown form of answer', config({ responseMimeType: 'text/html' }), /response_mime_type/],
  ['a bad name of a function', declared({ name: '1f' }), /Invalid function name/],
  ['a function twice', declared({ name: 'f' }, { name: 'f' }), /Duplicate function declaration found: f/],
  [
    'two forms of arguments',
    declared({ name: 'f', parameters: { type: 'OBJECT', properties }, parametersJsonSchema: {} }),
    /only one of parameters/,
  ],
  [
    'additionalProperties',
    schema({ properties, additionalProperties: false }),
    /Unknown name "additionalProperties" at 'tools\[0\]\.function_declarations\[0\]\.parameters'/,
  ],
  ['a reference', schema({ properties: { a: { $ref: '#/x' } } }), /Unknown name "\$ref"/],
  ['a constant', schema({ properties: { a: { type: 'STRING', const: 'x' } } }), /Unknown name "const"/],
  [
    'a list of types',
    schema({ properties: { a: { type: ['string', 'null'] } } }),
    /Proto field is not repeating, cannot start list/,
  ],
  ['no properties', schema({}), /parameters\.properties: should be non-empty for OBJECT type/],
  ['a list of nothing', schema({ properties: { a: { type: 'ARRAY' } } }), /properties\[a\]\.items: missing field/],
  [
    'numbers to choose from',
    schema({ properties: { a: { type: 'INTEGER', enum: ['1'] } } }),
    /enum: only allowed for STRING type/,
  ],
  ['an empty choice', schema({ properties: { a: { type: 'STRING', enum: [''] } } }), /enum\[0\]: cannot be empty/],
  [
    'a format of OpenAPI',
    schema({ properties: { a: { type: 'STRING', format: 'uri' } } }),
    /only 'enum' and 'date-time' are supported/,
  ],
  ['a requirement of nothing', schema({ properties, required: ['b'] }), /required\[0\]: property is not defined/],
  ['a forced call without functions', mode({ mode: 'ANY' }), /without function_declarations/],
  [
    'names without force',
    { ...declared({ name: 'f' }), ...mode({ allowedFunctionNames: ['f'] }) },
    /only be set when function calling mode is ANY/,
  ],
  [
    'a forced call of no function',
    { ...declared({ name: 'f' }), ...mode({ mode: 'ANY', allowedFunctionNames: ['g'] }) },
    /Allowed function name g/,
  ],
];

const modelRefusals: readonly (readonly [string, string, object, RegExp])[] = [
  [
    'a level for 2.5',
    'gemini-2.5-flash',
    config({ thinkingConfig: { thinkingLevel: 'LOW' } }),
    /Thinking level is not supported/,
  ],
  [
    'no thinking for 2.5 Pro',
    'gemini-2.5-pro',
    config({ thinkingConfig: { thinkingBudget: 0 } }),
    /only works in thinking mode/,
  ],
  [
    'too much thinking',
    'gemini-2.5-flash',
    config({ thinkingConfig: { thinkingBudget: 24_577 } }),
    /between 1 and 24576/,
  ],
  [
    'level and budget',
    'gemini-3-flash',
    config({ thinkingConfig: { thinkingBudget: 5, thinkingLevel: 'LOW' } }),
    /only set only one/,
  ],
  [
    'minimal thinking for 3 Pro',
    'gemini-3-pro',
    config({ thinkingConfig: { thinkingLevel: 'MINIMAL' } }),
    /level MINIMAL is not supported/,
  ],
  [
    'thinking for 2.0',
    'gemini-2.0-flash',
    config({ thinkingConfig: { thinkingBudget: 5 } }),
    /thinking is not supported/,
  ],
  [
    'JSON beside functions before 3',
    'gemini-2.5-flash',
    { ...declared({ name: 'f' }), ...config({ responseMimeType: 'application/json' }) },
    /response mime type: 'application\/json' is unsupported/,
  ],
  [
    'search beside functions before 3',
    'gemini-2.5-flash',
    { tools: [{ googleSearch: {} }, { functionDeclarations: [{ name: 'f' }] }] },
    /Tool use with function calling is unsupported/,
  ],
];

suite('what generateContent refuses', () => {
  let emulator: Emulator;

  before(async () => {
    emulator = await startEmulator();
  });
  after(() => emulator.stop());

  const generate = (name: string, change: object) =>
    send(emulator, `/v1beta/models/${name}:generateContent`, { contents: [user], ...change });

  for (const [what, change, message, status] of refusals) {
    test(`generateContent refuses ${what}`, async () => {
      const { error } = JSON.parse((await generate('m', change)).text);

      assert.equal(error.status, status ?? 'INVALID_ARGUMENT');
      assert.match(error.message, message);
    });
  }

  for (const [what, name, change, message] of modelRefusals) {
    test(`the model refuses ${what}`, async () => {
      const { error } = JSON.parse((await generate(name, change)).text);

      assert.deepEqual([error.code, error.status], [400, 'INVALID_ARGUMENT']);
      assert.match(error.message, message);
      assert.equal((await generate('gemini-3-flash', { contents: [user] })).status, 200);
    });
  }

  test('all that does not fit is told at once, by field', async () => {
    const { error } = JSON.parse((await generate('m', { a: 1, generationConfig: { b: 2, topK: [] } })).text);

    assert.deepEqual(
      error.details[0].fieldViolations.map((violation: { field?: string }) => violation.field),
      [undefined, 'generation_config', 'generation_config.top_k'],
    );
    assert.equal(error.message.split('\n').length, 3);
  });

  test('generateContent takes what near misses of the refusals are', async () => {
    for (const change of [
      { contents: { parts: { text: 'one content, one part' } } },
      { contents: [{ parts: [{ text: 'no role' }] }, model({ text: 'x' }), model({ text: 'y' })] },
      said(user, model(call, call), { role: 'user', parts: [response] }, { role: 'function', parts: [response] }),
      { systemInstruction: { role: 'system', parts: [{ text: 'x' }] }, safetySettings: null },
      config({ thinkingConfig: null, temperature: 2, stopSequences: ['a', 'b', 'c', 'd', 'e'] }),
      declared({ name: '_f.g:h-1' }),
      schema({
        properties: { a: { type: 'string', nullable: true, minLength: '1' }, b: { anyOf: [{ type: 'NULL' }] } },
      }),
      {
        ...declared({ name: 'f', parametersJsonSchema: { type: 'object', additionalProperties: false } }),
        ...mode({ mode: 'VALIDATED' }),
      },
      parts({ inlineData: { mimeType: 'image/png', data: 'iVBORw0KGgo' } }, { fileData: { fileUri: 'https://x/y' } }),
    ]) {
      const { status, text } = await generate('m', change);
      assert.equal(status, 200, text);
    }
  });

  test('other models, longer prompts and no JSON are refused in the same form', async () => {
    const bounded = await startEmulator({ models: [{ id: 'known', contextTokens: 100, outputTokensMax: 50 }] });
    const ask = async (name: string, body: unknown) => {
      const { text } = await send(bounded, `/v1beta/models/${name}:generateContent`, body);
      const { error } = JSON.parse(text);
      return [error?.code, error?.message];
    };
    try {
      assert.match(
        String(await ask('other', { contents: [user] })),
        /^404,models\/other is not found for API version v1beta/,
      );
      assert.deepEqual(await ask('known', parts({ text: 'x'.repeat(500) })), [
        400,
        'The input token count (128) exceeds the maximum number of tokens allowed (100).',
      ]);
      assert.match(
        String(await ask('known', { contents: [user], ...config({ maxOutputTokens: 51 }) })),
        /^400,.*value of 51/,
      );
      assert.match(String(await ask('known', '{')), /^400,Invalid JSON payload received/);
      assert.match(String(await ask('known', '[]')), /^400,Root element must be a message/);
    } finally {
      await bounded.stop();
    }
  });
});
