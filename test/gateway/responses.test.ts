import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import OpenAI from 'openai';
import type { DialectName } from '../../src/completion/request.ts';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import { secret, startGateway, type TestGateway } from '../support/gateway.ts';

/** Clients of Responses, and providers that speak it, on the whole way through a gateway. */

const look = {
  type: 'function',
  name: 'look',
  description: 'Looks',
  strict: false,
  parameters: { type: 'object', properties: { at: { type: 'string' } }, required: ['at'], additionalProperties: false },
} as const;

suite('Responses through the gateway', () => {
  let emulator: Emulator;
  let gateway: TestGateway;
  let client: OpenAI;

  before(async () => {
    emulator = await startEmulator();
    const provider = (name: string, dialect: DialectName) => ({
      name,
      kind: 'emulated',
      dialects: [dialect],
      baseUrl: emulator.url,
    });
    gateway = await startGateway({
      snapshot: {
        providers: [
          provider('responses', 'openai-responses'),
          provider('chat', 'openai-chat'),
          provider('messages', 'anthropic-messages'),
        ],
        deployments: [
          { id: 'native', provider: 'responses', model: 'openai/gpt-5.6', targetModel: 'gpt-5.6' },
          { id: 'chat', provider: 'chat', model: 'other/chat', targetModel: 'gpt-5.6' },
          { id: 'claude', provider: 'messages', model: 'anthropic/claude', targetModel: 'claude-sonnet-4-5' },
        ],
      },
    });
    client = new OpenAI({ apiKey: secret, baseURL: `${gateway.url}/v1`, maxRetries: 0 });
  });
  after(async () => {
    await gateway.stop();
    await emulator.stop();
  });

  async function post(path: string, body: object | string, headers: Readonly<Record<string, string>> = {}) {
    const response = await fetch(gateway.url + path, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
    return { response, text: await response.text() };
  }

  test('a provider of the dialect gets the client’s bytes, and its bytes come back', async () => {
    const body =
      '{ "input":"say exactly: Hi" ,"model":"native","max_output_tokens":64,"store":false,"metadata":{"k":"1.0"}}';
    const { response, text } = await post('/v1/responses', body);

    const seen = emulator.requests().at(-1)!;
    assert.equal(response.status, 200);
    assert.equal(seen.path, '/v1/responses');
    assert.equal(Buffer.from(seen.body).toString(), body.replace('"native"', '"gpt-5.6"'));
    assert.equal(JSON.parse(text).output.at(-1).content[0].text, 'Hi');
    const { usage } = JSON.parse(text);
    const { slices = {} } = gateway.ends().at(-1)!.reading ?? {};
    assert.equal(slices.inputUncached, usage.input_tokens);
    assert.equal((slices.output ?? 0) + (slices.reasoning ?? 0), usage.output_tokens);
  });

  for (const model of ['native', 'chat', 'claude']) {
    test(`the stream helper of openai-node puts an answer of ${model} together`, async () => {
      const numbers: number[] = [];
      const stream = client.responses.stream({
        model,
        instructions: 'Be brief.',
        input: [{ role: 'user', content: 'say exactly: Every model, carried on equal terms' }],
        store: false,
      });
      stream.on('event', event => numbers.push(event.sequence_number));

      const response = await stream.finalResponse();

      assert.equal(response.output_text, 'Every model, carried on equal terms');
      assert.equal(response.status, 'completed');
      assert.ok(response.usage!.total_tokens > 0);
      assert.deepEqual(
        numbers,
        numbers.map((_, number) => number),
      );
    });

    test(`a tool of a namespace is called by ${model} and answered`, async () => {
      const tools = [{ type: 'namespace', name: 'eyes', description: 'Eyes', tools: [look] }];
      const name = model === 'native' ? 'look' : 'eyes__look';
      const asked = { role: 'user', content: `call the tool ${name} with {"at":"it"}` };
      const first = await post('/v1/responses', { model, input: [asked], tools, store: false });
      const answer = JSON.parse(first.text);
      const call = answer.output.find((item: { type: string }) => item.type === 'function_call');
      assert.equal(call?.name, 'look', first.text);
      assert.equal(call.namespace, 'eyes');
      assert.deepEqual(JSON.parse(call.arguments), { at: 'it' });

      const output = { type: 'function_call_output', call_id: call.call_id, output: 'seen' };
      const input = [asked, ...answer.output, output];
      const second = await post('/v1/responses', { model, input, tools, store: false });

      assert.equal(second.response.status, 200, second.text);
      assert.equal(JSON.parse(second.text).status, 'completed');
    });
  }

  test('thinking of another dialect comes back to its maker with the call that it led to', async () => {
    const asked = { role: 'user', content: 'think for 20 tokens. call the tool look with {"at":"it"}' };
    const request = { model: 'claude', tools: [look], reasoning: { effort: 'low', summary: 'auto' }, store: false };
    const first = await post('/v1/responses', { ...request, input: [asked], include: ['reasoning.encrypted_content'] });
    const { output } = JSON.parse(first.text);
    const [thought] = output;
    assert.equal(thought.type, 'reasoning', first.text);
    assert.match(thought.encrypted_content, /^carrier1/);
    assert.ok(thought.summary[0].text.length > 0);

    const call = output.find((item: { type: string }) => item.type === 'function_call');
    const result = { type: 'function_call_output', call_id: call.call_id, output: 'seen' };
    const second = await post('/v1/responses', { ...request, input: [asked, ...output, result] });

    assert.equal(second.response.status, 200, second.text);
    const sent = JSON.parse(Buffer.from(emulator.requests().at(-1)!.body).toString());
    const said = sent.messages.find((message: { role: string }) => message.role === 'assistant');
    assert.deepEqual(
      said.content.map((block: { type: string }) => block.type),
      ['thinking', 'tool_use'],
    );
    assert.doesNotMatch(said.content[0].signature, /^carrier1/);
  });

  test('clients of other dialects reach a provider that speaks Responses only, streamed and whole', async () => {
    const messages = [{ role: 'user', content: 'think for 20 tokens. call the tool look with {"at":"it"}' }];
    const { parameters, name, description } = look;
    const chatTools = [{ type: 'function', function: { name, description, parameters } }];
    const chat = await post('/v1/chat/completions', { model: 'native', messages, tools: chatTools });
    const streamed = await post('/v1/chat/completions', { model: 'native', messages, tools: chatTools, stream: true });
    const anthropic = await post(
      '/v1/messages',
      {
        model: 'native',
        max_tokens: 4_000,
        messages,
        tools: [{ name, description, input_schema: parameters }],
        thinking: { type: 'adaptive', display: 'summarized' },
        output_config: { effort: 'low' },
      },
      { 'anthropic-version': '2023-06-01' },
    );

    const [call] = JSON.parse(chat.text).choices[0].message.tool_calls;
    assert.deepEqual(JSON.parse(call.function.arguments), { at: 'it' });
    assert.match(streamed.text, /"finish_reason":"tool_calls"/);
    assert.match(streamed.text, /data: \[DONE\]\n\n$/);
    const { content, stop_reason: reason } = JSON.parse(anthropic.text);
    assert.equal(reason, 'tool_use', anthropic.text);
    assert.deepEqual(
      content.map((block: { type: string }) => block.type),
      ['thinking', 'tool_use'],
    );
    assert.match(content[0].signature, /^carrier1/);
    const sent = JSON.parse(Buffer.from(emulator.requests().at(-1)!.body).toString());
    assert.deepEqual([sent.store, sent.include], [false, ['reasoning.encrypted_content']]);
  });

  test('what is stored is refused by its name, before anybody is asked', async () => {
    const before = emulator.requests().length;
    for (const model of ['native', 'claude']) {
      const { response, text } = await post('/v1/responses', { model, input: 'Hi', previous_response_id: 'resp_1' });
      assert.deepEqual([response.status, response.headers.get('x-carrier-fault')], [400, 'stored_state_unsupported']);
      assert.equal(JSON.parse(text).error.param, 'previous_response_id');
    }
    for (const method of ['GET', 'DELETE', 'POST']) {
      const response = await fetch(`${gateway.url}/v1/responses/resp_1`, {
        method,
        headers: { authorization: `Bearer ${secret}` },
      });
      assert.equal(response.headers.get('x-carrier-fault'), 'stored_state_unsupported');
      assert.match(JSON.parse(await response.text()).error.message, /not stored here/);
    }
    assert.equal(emulator.requests().length, before);
  });

  test('an orphan is refused as the API refuses it; within the dialect that is the provider’s to do', async () => {
    const output = { type: 'function_call_output', call_id: 'call_1', output: 'x' };
    const across = await post('/v1/responses', { model: 'claude', input: [{ role: 'user', content: 'Hi' }, output] });
    const within = await post('/v1/responses', { model: 'native', input: [{ role: 'user', content: 'Hi' }, output] });

    assert.equal(across.response.headers.get('x-carrier-fault'), 'tool_call_missing');
    assert.equal(within.response.headers.get('x-carrier-fault'), 'upstream_invalid');
    assert.deepEqual([across.response.status, within.response.status], [400, 400]);
  });

  test('a strict client refuses what would be lost', async () => {
    const request = { model: 'claude', input: 'Hi', tools: [{ type: 'web_search' }] };
    const strict = await post('/v1/responses', request, { 'x-carrier-strict': '1' });
    const plain = await post('/v1/responses', request);

    assert.equal(strict.response.headers.get('x-carrier-fault'), 'loss_refused');
    assert.match(plain.response.headers.get('x-carrier-loss') ?? '', /hosted-tool-unsupported;tools\.0/);
    assert.equal(plain.response.status, 200);
  });

  for (const model of ['native', 'chat', 'claude']) {
    test(`a stream of ${model} that breaks off raises in openai-node, and is never a tidy end`, async () => {
      emulator.replaceRules(['cut-after=9']);
      const input = 'say exactly: Every model, carried on equal terms, by any host';
      const stream = await client.responses.create({ model, input, store: false, stream: true });

      await assert.rejects(async () => {
        for await (const event of stream) assert.notEqual(event.type, 'response.completed');
      }, OpenAI.APIError);
      emulator.replaceRules([]);
    });
  }
});
