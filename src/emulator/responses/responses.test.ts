import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import OpenAI from 'openai';
import { eventsOf, send } from '../../../test/support/emulator-client.ts';
import { type Emulator, startEmulator } from '../emulator.ts';

// The API as its own client sees it.

const weather = {
  type: 'object',
  properties: { city: { const: 'Kiel' }, days: { type: 'integer', minimum: 2, maximum: 2 } },
  required: ['city', 'days'],
  additionalProperties: false,
};
const tool = (name: string) => ({ type: 'function' as const, name, parameters: weather, strict: true });

suite('responses, as the openai package sees them', () => {
  let emulator: Emulator;
  let client: OpenAI;

  before(async () => {
    emulator = await startEmulator({
      apiKeys: ['right-key'],
      models: [{ id: 'known', contextTokens: 2_000, outputTokensMax: 4_096 }, { id: 'gpt-5' }, { id: 'gpt-4o' }],
    });
    client = new OpenAI({ apiKey: 'right-key', baseURL: `${emulator.url}/v1`, maxRetries: 0 });
  });
  after(() => emulator.stop());

  const ask = (input: string, more: object = {}) => client.responses.create({ model: 'known', input, ...more });

  test('a plain answer has its text, its usage and what was asked', async () => {
    const answer = await ask('Answer with 5 tokens', { instructions: 'Be kind.', metadata: { team: 'sea' } });

    assert.equal(answer.output_text.length, 19);
    assert.deepEqual(answer.usage, {
      input_tokens: 10,
      input_tokens_details: { cached_tokens: 0, cache_write_tokens: 0 },
      output_tokens: 5,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: 15,
    });
    assert.deepEqual([answer.status, answer.instructions, answer.metadata], ['completed', 'Be kind.', { team: 'sea' }]);
    assert.match(answer.id, /^resp_[0-9a-f]{48}$/);
  });

  test('a stream folds to the plain answer, whatever it carries', async () => {
    for (const [input, more] of [
      ['Tell me of the sea', {}],
      ['Please refuse to answer', {}],
      ['Call the tool weather and call the tool tides', { tools: [tool('weather'), tool('tides')] }],
      ['Call the tool patch', { tools: [{ type: 'custom', name: 'patch' }] }],
      [
        'Think for 9 tokens',
        { reasoning: { effort: 'low', summary: 'auto' }, include: ['reasoning.encrypted_content'] },
      ],
      ['Answer with 90 tokens', { max_output_tokens: 16 }],
      ['Answer with 3 tokens', { include: ['message.output_text.logprobs'], top_logprobs: 1 }],
    ] as const) {
      const whole = await ask(input, more);
      const folded = await client.responses.stream({ model: 'known', input, ...more } as never).finalResponse();

      const { output_text: _, ...response } = whole;
      const { output_text: __, ...final } = folded;
      const seen = JSON.parse(JSON.stringify(final), (key, value) => {
        // The helper adds what it parsed.
        return key === 'parsed' || key === 'parsed_arguments' || key === 'output_parsed' ? undefined : value;
      });
      assert.deepEqual(seen, JSON.parse(JSON.stringify(response)), input);
    }
  });

  test('every event is numbered, and deltas are padded unless that is off', async () => {
    const stream = { model: 'known', input: 'Answer with 4 tokens', stream: true };
    const headers = { authorization: 'Bearer right-key' };
    const { text } = await send(emulator, '/v1/responses', stream, headers);
    const bare = await send(
      emulator,
      '/v1/responses',
      { ...stream, stream_options: { include_obfuscation: false } },
      headers,
    );

    const events = eventsOf(text);
    assert.deepEqual(
      events.map(event => event.type),
      [
        'response.created',
        'response.in_progress',
        'response.output_item.added',
        'response.content_part.added',
        ...Array.from({ length: 4 }, () => 'response.output_text.delta'),
        'response.output_text.done',
        'response.content_part.done',
        'response.output_item.done',
        'response.completed',
      ],
    );
    assert.deepEqual(
      events.map(event => event.sequence_number),
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
    );
    assert.ok(events.slice(4, 8).every(event => /^[0-9a-f]{4,15}$/.test(event.obfuscation)));
    assert.ok(text.endsWith('\n\n') && !text.includes('[DONE]'));
    assert.ok(!bare.text.includes('"obfuscation"'));
  });

  test('parallel calls carry conforming arguments, and their results are answered', async () => {
    const input = [{ role: 'user' as const, content: 'Call the tool weather and call the tool tides' }];
    const tools = [tool('weather'), tool('tides')];
    const called = await client.responses.create({ model: 'known', input, tools });
    const calls = called.output.filter(item => item.type === 'function_call');

    assert.deepEqual(
      calls.map(({ name, arguments: args, status }) => [name, args, status]),
      [
        ['weather', '{"city":"Kiel","days":2}', 'completed'],
        ['tides', '{"city":"Kiel","days":2}', 'completed'],
      ],
    );

    const results = calls.map(({ call_id }) => ({
      type: 'function_call_output' as const,
      call_id,
      output: [{ type: 'input_text' as const, text: 'calm' }],
    }));
    const followed = await client.responses.create({
      model: 'known',
      input: [...input, ...called.output, ...results] as never,
      tools,
    });
    assert.equal(followed.output_text, 'The tool weather answered: calm The tool tides answered: calm');

    const one = await client.responses.create({ model: 'known', input, tools, parallel_tool_calls: false });
    assert.equal(one.output.length, 1);
  });

  test('custom tools take text, and tools of a namespace say so', async () => {
    const tools = [
      { type: 'custom', name: 'patch', format: { type: 'grammar', syntax: 'lark', definition: 'start: "x"' } },
      { type: 'namespace', name: 'files', description: 'of files', tools: [{ type: 'function', name: 'list' }] },
      { type: 'web_search' },
    ];
    const { output } = await ask('Call the tool patch and call the tool list', { tools });

    const [patch, list] = output as never as readonly Record<string, unknown>[];
    assert.deepEqual([patch!['type'], patch!['name'], typeof patch!['input']], ['custom_tool_call', 'patch', 'string']);
    assert.deepEqual(
      [list!['type'], list!['name'], list!['namespace'], list!['arguments']],
      ['function_call', 'list', 'files', '{}'],
    );
    const results = [
      { type: 'custom_tool_call_output', call_id: patch!['call_id'], output: 'done' },
      { type: 'function_call_output', call_id: list!['call_id'], output: 'a b' },
    ];
    const input = [{ role: 'user', content: 'Go' }, ...output, ...results];
    assert.equal(
      (await client.responses.create({ model: 'known', input: input as never, tools: tools as never })).output_text,
      'The tool patch answered: done The tool list answered: a b',
    );
  });

  test('reasoning that comes back must be what was sent, with the item it was sent for', async () => {
    const input = [{ role: 'user' as const, content: 'Call the tool weather' }];
    const settings = {
      model: 'gpt-5',
      store: false,
      include: ['reasoning.encrypted_content' as const],
      reasoning: { effort: 'low' as const, summary: 'auto' as const },
      tools: [tool('weather')],
    };
    const { output, usage } = await client.responses.create({ ...settings, input });
    const [thought, call] = output;
    assert.ok(thought?.type === 'reasoning' && call?.type === 'function_call');
    const result = { type: 'function_call_output' as const, call_id: call.call_id, output: 'calm' };
    const replay = (item: object) =>
      client.responses.create({ ...settings, input: [...input, item, call, result] as never });

    assert.equal(usage!.output_tokens_details.reasoning_tokens, 16);
    assert.equal(thought.summary[0]!.text.length, 63);
    assert.equal((await replay(thought)).status, 'completed');
    const { id: _, ...nameless } = thought;
    assert.equal((await replay(nameless)).status, 'completed');
    await assert.rejects(replay({ ...thought, encrypted_content: 'gAAAAAForeign' }), {
      status: 400,
      code: 'invalid_encrypted_content',
    });
    await assert.rejects(replay({ ...thought, id: 'rs_another' }), /item_id did not match/);
    await assert.rejects(replay({ ...thought, encrypted_content: null }), { status: 404 });
  });

  test('models that reason do so unasked, and say nothing of it', async () => {
    const { output, usage } = await ask('Hello', { model: 'gpt-5' });

    assert.deepEqual(
      output.map(item => item.type),
      ['reasoning', 'message'],
    );
    assert.deepEqual((output[0] as { summary: unknown }).summary, []);
    assert.equal(usage!.output_tokens_details.reasoning_tokens, 32);
  });

  test('an answer that does not fit is incomplete', async () => {
    const answer = await ask('Answer with 90 tokens', { max_output_tokens: 16 });

    assert.deepEqual([answer.status, answer.incomplete_details], ['incomplete', { reason: 'max_output_tokens' }]);
    assert.equal((answer.output[0] as { status: unknown }).status, 'incomplete');
    assert.equal(answer.usage!.output_tokens, 16);
  });

  test('a JSON schema is answered with a conforming text', async () => {
    const format = { type: 'json_schema', name: 'weather', strict: true, schema: weather };

    assert.equal((await ask('Weather', { text: { format } })).output_text, '{"city":"Kiel","days":2}');
  });

  test('input is counted without being answered', async () => {
    const counted = await client.responses.inputTokens.count({ model: 'known', input: 'Answer with 5 tokens' });

    assert.deepEqual(counted, { object: 'response.input_tokens', input_tokens: 8 });
  });

  test('scripts rule usage, tier and served model', async () => {
    const headers = {
      'x-carrier-emulate':
        'cached=3;cache-write-5m=2;cache-write-1h=1;tier=flex;served-model=known-2026;report-output=7',
    };
    const answer = await client.responses.create({ model: 'known', input: 'Hello there' }, { headers });

    assert.deepEqual([answer.model, answer.service_tier], ['known-2026', 'flex']);
    assert.deepEqual(answer.usage, {
      input_tokens: 6,
      input_tokens_details: {
        cached_tokens: 3,
        cache_write_tokens: 3,
        cache_write_tokens_details: { ttl_30m_tokens: 2, ttl_12h_tokens: 1 },
      },
      output_tokens: 7,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: 13,
    });
  });

  test('a stream fails by an error event or by response.failed, and the client hears both', async () => {
    const failing = (script: string) =>
      client.responses.create(
        { model: 'known', input: 'Hello', stream: true },
        { headers: { 'x-carrier-emulate': script } },
      );
    const events: { type: string }[] = [];
    await assert.rejects(async () => {
      for await (const event of await failing('error-after=4;error-type=rate_limit_exceeded')) events.push(event);
      const last = events.at(-1);
      if (last?.type === 'error') throw new Error(JSON.stringify(last));
    }, /Rate limit reached/);
    const failed = [];
    for await (const event of await failing('error-after=4;error-type=response.failed:server_error'))
      failed.push(event);

    const last = failed.at(-1)!;
    assert.ok(last.type === 'response.failed');
    assert.deepEqual([last.sequence_number, last.response.error!.code], [4, 'server_error']);
  });

  test('errors arrive as the classes of the client', async () => {
    await assert.rejects(ask('x'.repeat(9_000)), { status: 400, code: 'context_length_exceeded', param: 'input' });
    await assert.rejects(ask('Hello', { model: 'unknown' }), { status: 404, code: 'model_not_found' });
    await assert.rejects(ask('Hello', { max_output_tokens: 5_000 }), { param: 'max_output_tokens' });
    const wrong = new OpenAI({ apiKey: 'wrong', baseURL: `${emulator.url}/v1`, maxRetries: 0 });
    await assert.rejects(wrong.responses.create({ model: 'known', input: 'x' }), OpenAI.AuthenticationError);
    await assert.rejects(client.responses.retrieve('resp_1'), /Response with id 'resp_1' not found/);
    await assert.rejects(client.responses.delete('resp_1'), OpenAI.NotFoundError);
    await assert.rejects(
      client.responses.create({ model: 'known', input: 'x' }, { headers: { 'x-carrier-emulate': 'status=429' } }),
      OpenAI.RateLimitError,
    );
  });

  test('a task in steps is one turn each, however many items a turn has', async () => {
    const input: object[] = [
      {
        role: 'user',
        content:
          'Do this.\nstep 1: call the tool weather and call the tool tides\nstep 2: call the tool tides\nstep 3: say exactly: Done.',
      },
    ];
    const said: string[] = [];
    for (let turn = 0; turn < 3; turn += 1) {
      const { output } = await client.responses.create({
        model: 'gpt-5',
        include: ['reasoning.encrypted_content'],
        input: input as never,
        tools: [tool('weather'), tool('tides')],
      });
      said.push(
        output
          .filter(item => item.type !== 'reasoning')
          .map(item => ('name' in item ? item.name : 'text'))
          .join(' '),
      );
      input.push(...output);
      for (const item of output) {
        if (item.type !== 'function_call') continue;
        input.push({ type: 'function_call_output', call_id: item.call_id, output: 'ok' });
      }
    }

    assert.deepEqual(said, ['weather tides', 'tides', 'text']);
  });
});
