import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { eventsOf, send } from '../../../test/support/emulator-client.ts';
import { type Emulator, startEmulator } from '../emulator.ts';

const weather = {
  type: 'object',
  properties: { city: { const: 'Kiel' }, days: { const: 2 } },
  required: ['city', 'days'],
};
const tool = (name: string, parameters: object = weather) => ({ type: 'function', function: { name, parameters } });
const user = (content: unknown) => ({ role: 'user', content });

suite('cohere chat', () => {
  let emulator: Emulator;

  before(async () => {
    emulator = await startEmulator();
  });
  after(() => emulator.stop());

  const call = (body: object, script?: string) =>
    send(emulator, '/v2/chat', { model: 'm', ...body }, script === undefined ? {} : { 'x-carrier-emulate': script });
  const whole = async (body: object, script?: string) => JSON.parse((await call(body, script)).text);
  const events = async (body: object, script?: string) =>
    eventsOf((await call({ ...body, stream: true }, script)).text);

  // biome-ignore lint/suspicious/noExplicitAny: what JSON.parse gave.
  function fold(list: readonly any[]): unknown {
    // biome-ignore lint/suspicious/noExplicitAny: put together piece by piece.
    const message: any = { role: 'assistant' };
    let ending: { id?: string; finish_reason?: string; usage?: object } = {};
    for (const { type, index, delta, id } of list) {
      const said = delta?.message;
      if (type === 'content-start') {
        message.content ??= [];
        message.content[index] = { ...said.content };
      }
      if (type === 'content-delta') {
        for (const [name, text] of Object.entries(said.content)) message.content[index][name] += text;
      }
      if (type === 'citation-start') message.citations = [said.citations];
      if (type === 'tool-plan-delta') message.tool_plan = (message.tool_plan ?? '') + said.tool_plan;
      if (type === 'tool-call-start') {
        message.tool_calls ??= [];
        const { function: opened, ...rest } = said.tool_calls;
        // Nothing said of arguments is none.
        message.tool_calls[index] = { ...rest, function: { name: opened.name, arguments: opened.arguments ?? 'null' } };
      }
      if (type === 'tool-call-delta') {
        message.tool_calls[index].function.arguments += said.tool_calls.function.arguments;
      }
      if (type === 'message-end') ending = { id, ...delta };
    }
    return { message, ...ending };
  }

  test('a plain answer has its text and its usage, what is billed apart', async () => {
    const answer = await whole({ messages: [{ role: 'system', content: 'Be kind.' }, user('Answer with 5 tokens')] });

    assert.equal(answer.message.content[0].text.length, 19);
    assert.equal(answer.finish_reason, 'COMPLETE');
    assert.match(answer.id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.deepEqual(answer.usage, {
      billed_units: { input_tokens: 7, output_tokens: 5 },
      tokens: { input_tokens: 13, output_tokens: 5 },
      cached_tokens: 0,
    });
  });

  test('a stream folds to the whole answer', async () => {
    for (const body of [
      { messages: [user('Tell me of the sea')] },
      {
        messages: [user('Call the tool weather and call the tool tides')],
        tools: [tool('weather'), tool('tides', { type: 'object' })],
      },
      { messages: [user('Call the tool weather')], tools: [tool('weather')], thinking: { type: 'enabled' } },
      { messages: [user('Hello')], thinking: { type: 'enabled', token_budget: 9 } },
      { messages: [user('Hello')], documents: ['It is calm.'] },
      { messages: [user('Answer with 90 tokens')], max_tokens: 7 },
    ]) {
      assert.deepEqual(fold(await events(body)), await whole(body), JSON.stringify(body));
    }
  });

  test('events have their names, and [DONE] ends them', async () => {
    const { text, headers } = await call({ messages: [user('Answer with 2 tokens')], stream: true });

    assert.match(headers.get('content-type')!, /^text\/event-stream/);
    assert.match(headers.get('x-debug-trace-id')!, /^[0-9a-f]{32}$/);
    assert.deepEqual(
      [...text.matchAll(/^event: (.*)$/gm)].map(match => match[1]),
      ['message-start', 'content-start', 'content-delta', 'content-delta', 'content-end', 'message-end'],
    );
    assert.ok(text.endsWith('\n\ndata: [DONE]\n\n'));
  });

  test('calls come with a plan, none of arguments as null, and results are answered', async () => {
    const messages = [user('Call the tool weather and call the tool tides')];
    const tools = [tool('weather'), tool('tides', { type: 'object' })];
    const { message, finish_reason: finish } = await whole({ messages, tools });
    const started = (await events({ messages, tools })).filter(event => event.type === 'tool-call-start');

    assert.equal(finish, 'TOOL_CALL');
    assert.equal(message.tool_plan, 'I will call weather, then tides.');
    assert.match(message.tool_calls[0].id, /^weather_[0-9a-f]{12}$/);
    assert.deepEqual(
      message.tool_calls.map((made: { function: unknown }) => made.function),
      [
        { name: 'weather', arguments: '{"city":"Kiel","days":2}' },
        { name: 'tides', arguments: 'null' },
      ],
    );
    assert.deepEqual(
      started.map(event => event.delta.message.tool_calls.function),
      [{ name: 'weather', arguments: '' }, { name: 'tides' }],
    );

    const results = [
      { role: 'tool', tool_call_id: message.tool_calls[0].id, content: 'calm' },
      {
        role: 'tool',
        tool_call_id: message.tool_calls[1].id,
        content: [{ type: 'document', document: { data: { high: 1 } } }],
      },
    ];
    const followed = await whole({ messages: [...messages, message, ...results], tools });
    assert.equal(
      followed.message.content[0].text,
      'The tool weather answered: calm The tool tides answered: {"high":1}',
    );
  });

  test('a call can be forced or forbidden', async () => {
    const body = { messages: [user('Hello. Call the tool weather')], tools: [tool('weather')] };

    assert.equal((await whole({ ...body, tool_choice: 'NONE' })).message.tool_calls, undefined);
    const forced = await whole({ ...body, messages: [user('Hello')], tool_choice: 'REQUIRED' });
    assert.equal(forced.message.tool_calls.length, 1);
  });

  test('thoughts are content of their own, on unless they are off where the model reasons', async () => {
    const thought = async (body: object) => {
      const { message } = await whole({ messages: [user('Hello')], ...body });
      return message.content[0].thinking?.length;
    };

    assert.equal(await thought({ thinking: { type: 'enabled', token_budget: 9 } }), 35);
    assert.equal(await thought({}), undefined);
    assert.equal(await thought({ model: 'command-a-reasoning-08-2025' }), 127);
    assert.equal(await thought({ model: 'command-a-reasoning-08-2025', thinking: { type: 'disabled' } }), undefined);
  });

  test('documents are cited unless that is off', async () => {
    const body = {
      messages: [user('Say exactly: It is calm today.')],
      documents: [{ id: 'log', data: { text: 'calm' } }],
    };
    const { message } = await whole(body);

    assert.deepEqual(message.citations, [
      {
        start: 0,
        end: 12,
        text: 'It is calm t',
        sources: [{ type: 'document', id: 'log', document: { id: 'log', text: 'calm' } }],
        type: 'TEXT_CONTENT',
      },
    ]);
    assert.equal((await whole({ ...body, citation_options: { mode: 'OFF' } })).message.citations, undefined);
  });

  test('a limit, a stop sequence and a script end the answer with their reasons', async () => {
    const ended = async (body: object, script?: string) => {
      const { finish_reason: reason, message } = await whole(
        { messages: [user('Say exactly: one, two, three')], ...body },
        script,
      );
      return [reason, message.content[0].text];
    };

    assert.deepEqual(await ended({ max_tokens: 1 }), ['MAX_TOKENS', 'one,']);
    assert.deepEqual(await ended({ stop_sequences: [', t'] }), ['STOP_SEQUENCE', 'one']);
    assert.deepEqual(await ended({}, 'finish=TIMEOUT'), ['TIMEOUT', 'one, two, three']);
  });

  test('a schema is answered with a conforming text, and log probabilities come when asked for', async () => {
    const body = { messages: [user('Weather')], response_format: { type: 'json_object', json_schema: weather } };
    const { message, logprobs } = await whole({ ...body, logprobs: true });

    assert.equal(message.content[0].text, '{"city":"Kiel","days":2}');
    assert.equal(logprobs.map((token: { text: string }) => token.text).join(''), message.content[0].text);
    assert.equal(
      typeof JSON.parse((await whole({ ...body, response_format: { type: 'json_object' } })).message.content[0].text),
      'object',
    );
  });

  test('scripts rule the usage', async () => {
    const { usage } = await whole({ messages: [user('Hello')] }, 'report-input=50;cached=20;report-output=3');

    assert.deepEqual(usage, {
      billed_units: { input_tokens: 2, output_tokens: 3 },
      tokens: { input_tokens: 50, output_tokens: 3 },
      cached_tokens: 20,
    });
    assert.equal('usage' in (await whole({ messages: [user('Hello')] }, 'usage=none')), false);
  });

  test('every documented status has an id and a message; too long a prompt says so by type', async () => {
    for (const status of [400, 401, 402, 404, 422, 429, 498, 499, 500, 501, 503, 504]) {
      const answer = await call({ messages: [user('x')] }, `status=${status}`);
      assert.equal(answer.status, status);
      assert.deepEqual(Object.keys(JSON.parse(answer.text)), ['id', 'message']);
    }
    const long = JSON.parse((await call({}, 'status=400;code=context_length_exceeded')).text);
    assert.equal(long.error_type, 'TOO_MANY_TOKENS');
    assert.match(long.message, /^too many tokens/);
  });

  test('a stream that fails ends with a message-end that says so', async () => {
    const body = { messages: [user('Answer with 9 tokens')] };
    const failed = (await events(body, 'error-after=3')).at(-1);
    const late = (await events(body, 'error-after=3;error-type=TIMEOUT')).at(-1);
    const inside = await whole(body, 'error-after=0');

    assert.deepEqual([failed.type, failed.delta.finish_reason], ['message-end', 'ERROR']);
    assert.match(failed.delta.error, /internal server error/);
    assert.equal(late.delta.finish_reason, 'TIMEOUT');
    assert.deepEqual(Object.keys(inside), ['id', 'message']);
  });

  test('models are listed under the prefix of the provider', async () => {
    const answer = await fetch(`${emulator.url}/cohere/v1/models`, { headers: { authorization: 'Bearer key' } });

    const { models } = JSON.parse(await answer.text());
    assert.deepEqual(models[0].endpoints, ['chat']);
    assert.equal(models.length, 2);
  });

  test('keys are checked, and models and prompts that are too long are refused', async () => {
    const strict = await startEmulator({
      apiKeys: ['right'],
      models: [{ id: 'known', contextTokens: 100, outputTokensMax: 5 }],
    });
    const ask = async (key: string | undefined, body: object) => {
      const headers: Record<string, string> = key === undefined ? {} : { authorization: `Bearer ${key}` };
      const answer = await fetch(`${strict.url}/v2/chat`, { method: 'POST', headers, body: JSON.stringify(body) });
      const { message, error_type: type, usage } = JSON.parse(await answer.text());
      return [answer.status, usage?.tokens.output_tokens ?? message, type];
    };
    const hello = [user('Hello')];
    try {
      assert.deepEqual(await ask(undefined, {}), [401, 'no api key supplied', undefined]);
      assert.deepEqual(await ask('wrong', {}), [401, 'invalid api token', undefined]);
      assert.equal((await ask('right', { model: 'other', messages: hello }))[0], 404);
      assert.deepEqual((await ask('right', { model: 'known', messages: [user('x'.repeat(500))] })).toSpliced(1, 1), [
        400,
        'TOO_MANY_TOKENS',
      ]);
      // More than the model can write is no error here.
      assert.deepEqual(await ask('right', { model: 'known', messages: hello, max_tokens: 99 }), [200, 5, undefined]);
    } finally {
      await strict.stop();
    }
  });

  test('a task in steps is followed', async () => {
    const tools = [tool('weather'), tool('tides')];
    const messages: object[] = [
      user('Do this.\nstep 1: call the tool weather\nstep 2: call the tool tides\nstep 3: say exactly: Done.'),
    ];
    const said: string[] = [];
    for (let turn = 0; turn < 3; turn += 1) {
      const { message } = await whole({ messages, tools });
      said.push(message.tool_calls?.[0].function.name ?? message.content[0].text);
      messages.push(message);
      for (const made of message.tool_calls ?? [])
        messages.push({ role: 'tool', tool_call_id: made.id, content: 'ok' });
    }

    assert.deepEqual(said, ['weather', 'tides', 'Done.']);
  });
});
