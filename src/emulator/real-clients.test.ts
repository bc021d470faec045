import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { Ajv2020 } from 'ajv/dist/2020.js';
import OpenAI from 'openai';
import { type Emulator, startEmulator } from './emulator.ts';

let emulator: Emulator;
let openai: OpenAI;
let anthropic: Anthropic;
/** The same client on the API version before. */
let earlier: Anthropic;

before(async () => {
  emulator = await startEmulator({
    apiKeys: ['right-key'],
    models: [
      { id: 'known', contextTokens: 2_000, outputTokensMax: 4_096 },
      { id: 'reasoner', refusesMaxTokens: true },
    ],
  });
  const settings = { apiKey: 'right-key', maxRetries: 0 };
  openai = new OpenAI({ ...settings, baseURL: `${emulator.url}/v1` });
  anthropic = new Anthropic({ ...settings, baseURL: emulator.url });
  earlier = new Anthropic({
    ...settings,
    baseURL: emulator.url,
    defaultHeaders: { 'anthropic-version': '2023-06-01' },
  });
});
after(() => emulator.stop());

const weather = {
  type: 'object' as const,
  properties: {
    city: { type: 'string', minLength: 3 },
    unit: { enum: ['celsius', 'fahrenheit'] },
    days: { type: 'integer', minimum: 1, maximum: 7 },
  },
  required: ['city', 'unit', 'days'],
  additionalProperties: false,
};
const isWeather = new Ajv2020().compile(weather);

const asked = (content: string) => [{ role: 'user' as const, content }];
const chatTool = (name: string) => ({ type: 'function' as const, function: { name, parameters: weather } });
const messageTool = (name: string) => ({ name, input_schema: weather });

test('openai: a plain answer with usage', async () => {
  const answer = await openai.chat.completions.create({ model: 'known', messages: asked('Answer with 5 tokens') });

  assert.equal(answer.choices[0]!.finish_reason, 'stop');
  assert.equal(answer.choices[0]!.message.content!.length, 19);
  assert.deepEqual(
    [answer.usage!.prompt_tokens, answer.usage!.completion_tokens, answer.usage!.total_tokens],
    [8, 5, 13],
  );
});

test('openai: a stream folds to the plain answer', async () => {
  const body = { model: 'known', messages: asked('Tell me of the sea') };
  const whole = await openai.chat.completions.create(body);
  const folded = await openai.chat.completions
    .stream({ ...body, stream_options: { include_usage: true } })
    .finalChatCompletion();

  assert.deepEqual(folded.choices[0]!.message.content, whole.choices[0]!.message.content);
  assert.deepEqual(folded.usage, whole.usage);
});

test('openai: parallel calls carry conforming arguments, and their results are answered', async () => {
  const tools = [chatTool('weather'), chatTool('tides')];
  const messages = asked('Call the tool weather and call the tool tides');
  const called = await openai.chat.completions.create({ model: 'known', messages, tools });
  const message = called.choices[0]!.message;
  const calls = message.tool_calls!.filter(call => call.type === 'function');

  assert.equal(called.choices[0]!.finish_reason, 'tool_calls');
  assert.deepEqual(
    calls.map(call => call.function.name),
    ['weather', 'tides'],
  );
  for (const call of calls) assert.ok(isWeather(JSON.parse(call.function.arguments)), call.function.arguments);

  const results = calls.map(call => ({ role: 'tool' as const, tool_call_id: call.id, content: 'calm' }));
  const followed = await openai.chat.completions.create({
    model: 'known',
    messages: [...messages, message, ...results],
    tools,
  });
  assert.equal(followed.choices[0]!.message.content, 'The tool weather answered: calm The tool tides answered: calm');
});

test('openai: streamed calls fold to the same arguments', async () => {
  const body = {
    model: 'known',
    messages: asked('Now'),
    tools: [chatTool('weather')],
    tool_choice: 'required' as const,
  };
  const whole = await openai.chat.completions.create(body);
  const folded = await openai.chat.completions.stream(body).finalChatCompletion();

  const argumentsOf = (answer: OpenAI.ChatCompletion) => {
    const call = answer.choices[0]!.message.tool_calls![0]!;
    return [call.id, call.type === 'function' && call.function.arguments];
  };
  assert.deepEqual(argumentsOf(folded), argumentsOf(whole));
});

test('openai: reasoning is spent inside the completion tokens', async () => {
  const answer = await openai.chat.completions.create({
    model: 'reasoner',
    reasoning_effort: 'low',
    max_completion_tokens: 20,
    messages: asked('Answer with 10 tokens'),
  });

  assert.equal(answer.usage!.completion_tokens, 20);
  assert.equal(answer.usage!.completion_tokens_details!.reasoning_tokens, 16);
  assert.equal(answer.choices[0]!.finish_reason, 'length');
});

test('openai: a JSON schema is answered with a conforming text', async () => {
  const answer = await openai.chat.completions.create({
    model: 'known',
    messages: asked('Weather as JSON'),
    response_format: { type: 'json_schema', json_schema: { name: 'weather', schema: weather } },
  });

  assert.ok(isWeather(JSON.parse(answer.choices[0]!.message.content!)));
});

test('openai: n choices, stop sequences and a refusal', async () => {
  const two = await openai.chat.completions.create({
    model: 'known',
    n: 2,
    messages: asked('Say exactly: one, two, three'),
    stop: ', three',
  });
  const no = await openai.chat.completions.create({ model: 'known', messages: asked('Please refuse to answer') });

  assert.deepEqual(
    two.choices.map(choice => choice.message.content),
    ['one, two', 'one, two'],
  );
  assert.equal(two.usage!.completion_tokens, 4);
  assert.equal(no.choices[0]!.message.content, null);
  assert.equal(no.choices[0]!.message.refusal, 'I cannot help with that.');
});

test('openai: errors arrive as the classes of the client', async () => {
  const messages = asked('Hello');
  const wrong = new OpenAI({ apiKey: 'wrong-key', baseURL: `${emulator.url}/v1`, maxRetries: 0 });
  const call = (body: object, script?: string) =>
    openai.chat.completions.create(
      { model: 'known', messages, ...body } as OpenAI.ChatCompletionCreateParamsNonStreaming,
      {
        ...(script === undefined ? {} : { headers: { 'x-carrier-emulate': script } }),
      },
    );

  await assert.rejects(wrong.chat.completions.create({ model: 'known', messages }), (error: unknown) => {
    return error instanceof OpenAI.AuthenticationError && error.code === 'invalid_api_key';
  });
  await assert.rejects(call({ model: 'unknown' }), (error: unknown) => {
    return error instanceof OpenAI.NotFoundError && error.code === 'model_not_found';
  });
  await assert.rejects(call({ colour: 'red' }), (error: unknown) => {
    return error instanceof OpenAI.BadRequestError && error.code === 'unknown_parameter' && error.param === 'colour';
  });
  await assert.rejects(call({ messages: asked('x'.repeat(9_000)) }), (error: unknown) => {
    return error instanceof OpenAI.BadRequestError && error.code === 'context_length_exceeded';
  });
  await assert.rejects(call({ model: 'reasoner', max_tokens: 5 }), (error: unknown) => {
    return error instanceof OpenAI.BadRequestError && error.code === 'unsupported_parameter';
  });
  await assert.rejects(call({}, 'status=429;code=insufficient_quota'), (error: unknown) => {
    return error instanceof OpenAI.RateLimitError && error.type === 'insufficient_quota';
  });
  await assert.rejects(call({}, 'status=500'), OpenAI.InternalServerError);
  await assert.rejects(call({}, 'reset'), OpenAI.APIConnectionError);
});

test('openai: an error event inside a stream is raised', async () => {
  const stream = await openai.chat.completions.create(
    { model: 'known', messages: asked('Hello'), stream: true },
    { headers: { 'x-carrier-emulate': 'error-after=2' } },
  );

  await assert.rejects(async () => {
    for await (const _ of stream);
  }, OpenAI.APIError);
});

test('openai: models are listed and looked up', async () => {
  const listed = await openai.models.list();

  assert.deepEqual(
    listed.data.map(model => model.id),
    ['known', 'reasoner'],
  );
  assert.equal((await openai.models.retrieve('known')).id, 'known');
  await assert.rejects(openai.models.retrieve('none'), OpenAI.NotFoundError);
});

for (const version of ['2026-10-21', '2023-06-01']) {
  const client = () => (version === '2026-10-21' ? anthropic : earlier);
  const limits = { model: 'known', max_tokens: 2_000 };

  test(`anthropic ${version}: a plain answer with usage`, async () => {
    const answer = await client().messages.create({ ...limits, messages: asked('Answer with 5 tokens') });

    assert.equal(answer.stop_reason, 'end_turn');
    assert.equal(answer.content[0]!.type, 'text');
    assert.deepEqual([answer.usage.input_tokens, answer.usage.output_tokens], [8, 5]);
    assert.equal(emulator.requests().at(-1)!.rawHeaders.includes(version), true);
  });

  test(`anthropic ${version}: a stream folds to the plain answer, thinking and calls included`, async () => {
    const body = {
      ...limits,
      messages: asked('Call the tool weather and call the tool tides'),
      tools: [messageTool('weather'), messageTool('tides')],
      thinking: { type: 'enabled' as const, budget_tokens: 1_024 },
    };
    const whole = await client().messages.create(body);
    const folded = await client().messages.stream(body).finalMessage();

    assert.deepEqual(
      whole.content.map(block => block.type),
      ['thinking', 'tool_use', 'tool_use'],
    );
    assert.deepEqual(folded.content, whole.content);
    assert.equal(folded.stop_reason, 'tool_use');
    assert.equal(folded.usage.output_tokens, whole.usage.output_tokens);
    assert.equal(whole.usage.output_tokens_details!.thinking_tokens, 32);
  });

  test(`anthropic ${version}: results of tools are answered, with the thinking sent back`, async () => {
    const messages: Anthropic.MessageParam[] = asked('Call the tool weather');
    const body = {
      ...limits,
      tools: [messageTool('weather')],
      thinking: { type: 'enabled' as const, budget_tokens: 1_024 },
    };
    const called = await client().messages.create({ ...body, messages });
    const call = called.content.find(block => block.type === 'tool_use')!;
    assert.ok(isWeather(call.input));

    const result = { type: 'tool_result' as const, tool_use_id: call.id, content: 'calm' };
    const conversation: Anthropic.MessageParam[] = [
      ...messages,
      { role: 'assistant', content: called.content },
      { role: 'user', content: [result] },
    ];
    const followed = await client().messages.create({ ...body, messages: conversation });
    const text = followed.content.find(block => block.type === 'text')!;
    assert.equal(text.text, 'The tool weather answered: calm');

    const forged = called.content.map(block => (block.type === 'thinking' ? { ...block, thinking: 'other' } : block));
    const changed = conversation.with(1, { role: 'assistant', content: forged });
    await assert.rejects(client().messages.create({ ...body, messages: changed }), /Invalid `signature`/);
    const dropped = conversation.with(1, { role: 'assistant', content: [call] });
    await assert.rejects(client().messages.create({ ...body, messages: dropped }), /Expected `thinking`/);
  });
}

test('anthropic: the newer version refuses temperature, the older one takes it', async () => {
  const body = {
    model: 'known',
    max_tokens: 200,
    messages: asked('Hello'),
    temperature: 0.5,
  } as Anthropic.MessageCreateParamsNonStreaming;

  await assert.rejects(anthropic.messages.create(body), (error: unknown) => {
    return (
      error instanceof Anthropic.BadRequestError &&
      error.message.includes('temperature: Extra inputs are not permitted')
    );
  });
  assert.equal((await earlier.messages.create(body)).stop_reason, 'end_turn');
});

test('anthropic: cache marks write, and the slices add up to the input', async () => {
  const system = [
    { type: 'text' as const, text: 'x'.repeat(400), cache_control: { type: 'ephemeral' as const, ttl: '1h' as const } },
    { type: 'text' as const, text: 'y'.repeat(200), cache_control: { type: 'ephemeral' as const } },
  ];
  const answer = await anthropic.messages.create({ model: 'known', max_tokens: 20, system, messages: asked('Hello') });

  assert.deepEqual(answer.usage.cache_creation, { ephemeral_1h_input_tokens: 100, ephemeral_5m_input_tokens: 50 });
  assert.equal(answer.usage.cache_creation_input_tokens, 150);
  assert.equal(answer.usage.input_tokens, 5);
});

test('anthropic: stop sequences, output limit, refusal and omitted or redacted thinking', async () => {
  const create = (body: object) =>
    anthropic.messages.create({
      model: 'known',
      max_tokens: 2_000,
      ...body,
    } as Anthropic.MessageCreateParamsNonStreaming);
  const stopped = await create({ messages: asked('Say exactly: one STOP two'), stop_sequences: ['STOP'] });
  const cut = await create({ messages: asked('Answer with 50 tokens'), max_tokens: 7 });
  const no = await create({ messages: asked('refuse to answer') });
  const omitted = await create({ messages: asked('Hi'), thinking: { type: 'adaptive', display: 'omitted' } });
  const redacted = await create({ messages: asked('Redact your thinking'), thinking: { type: 'adaptive' } });

  assert.deepEqual([stopped.stop_reason, stopped.stop_sequence], ['stop_sequence', 'STOP']);
  assert.deepEqual([cut.stop_reason, cut.usage.output_tokens], ['max_tokens', 7]);
  assert.equal(no.stop_reason, 'refusal');
  assert.deepEqual(
    omitted.content.map(block => block.type === 'thinking' && block.thinking),
    ['', false],
  );
  assert.equal(redacted.content[0]!.type, 'redacted_thinking');
});

test('anthropic: errors arrive as the classes of the client', async () => {
  const wrong = new Anthropic({ apiKey: 'wrong-key', baseURL: emulator.url, maxRetries: 0 });
  const body = { model: 'known', max_tokens: 20, messages: asked('Hello') };
  const call = (changes: object, script?: string) =>
    anthropic.messages.create({ ...body, ...changes } as Anthropic.MessageCreateParamsNonStreaming, {
      ...(script === undefined ? {} : { headers: { 'x-carrier-emulate': script } }),
    });

  await assert.rejects(wrong.messages.create(body), Anthropic.AuthenticationError);
  await assert.rejects(call({ model: 'unknown' }), Anthropic.NotFoundError);
  await assert.rejects(call({ max_tokens: undefined }), /max_tokens: Field required/);
  await assert.rejects(call({ colour: 'red' }), /colour: Extra inputs are not permitted/);
  await assert.rejects(call({ messages: asked('x'.repeat(9_000)) }), /prompt is too long: 2253 tokens > 2000 maximum/);
  await assert.rejects(call({}, 'status=429;retry-after=1'), Anthropic.RateLimitError);
  await assert.rejects(call({}, 'status=529'), Anthropic.InternalServerError);
  await assert.rejects(call({}, 'reset'), Anthropic.APIConnectionError);
});

test('anthropic: an error event inside a stream is raised', async () => {
  const stream = anthropic.messages.stream(
    { model: 'known', max_tokens: 20, messages: asked('Hello') },
    { headers: { 'x-carrier-emulate': 'error-after=3' } },
  );

  await assert.rejects(stream.finalMessage(), Anthropic.APIError);
});

test('anthropic: tokens are counted as the answer will say, and models are listed', async () => {
  const body = { model: 'known', system: 'Be brief.', messages: asked('Hello there') };
  const counted = await anthropic.messages.countTokens(body);
  const answer = await anthropic.messages.create({ ...body, max_tokens: 10 });
  const listed = await anthropic.models.list();

  assert.equal(counted.input_tokens, 9);
  assert.equal(answer.usage.input_tokens, 9);
  assert.deepEqual(
    listed.data.map(model => [model.id, model.max_input_tokens]),
    [
      ['known', 2_000],
      ['reasoner', 1_000_000],
    ],
  );
});

test('anthropic: the older clients send x-api-key, and a missing version is refused', async () => {
  const send = (headers: Record<string, string>) =>
    fetch(`${emulator.url}/v1/messages`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ model: 'known', max_tokens: 5, messages: asked('Hello') }),
    });

  assert.equal((await send({ 'x-api-key': 'right-key', 'anthropic-version': '2023-06-01' })).status, 200);
  assert.equal((await send({ 'x-api-key': 'right-key' })).status, 400);
  assert.equal((await send({ 'x-api-key': 'right-key', 'anthropic-version': '2020-01-01' })).status, 400);
  assert.equal((await send({ 'anthropic-version': '2023-06-01' })).status, 401);
});
