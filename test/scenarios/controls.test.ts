import assert from 'node:assert/strict';
import { after, before, beforeEach, suite, test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { Ajv2020 } from 'ajv/dist/2020.js';
import OpenAI from 'openai';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import { acmeKey, declareSupply, providerKey } from './support/declare-supply.ts';
import { type Carrier, startCarrier } from './support/start-carrier.ts';

// Controls across dialects, by the public clients: output forms, cache marks, tools of every kind, what is refused by name.

const gpt = 'openai/gpt-5.6';
const claude = 'anthropic/claude-haiku-4-5';

let emulator: Emulator;
let carrier: Carrier;
let openai: OpenAI;
let anthropic: Anthropic;
let losses: string[] = [];

before(async () => {
  emulator = await startEmulator({ apiKeys: [providerKey] });
  const rates = `${gpt}: { input: "1", output: "2" }, ${claude}: { input: "1", output: "2" }`;
  const { yaml, env } = declareSupply({ emulatorUrl: emulator.url });
  carrier = await startCarrier({ yaml, env });
  await carrier.apply(`
providers:
  maker: { kind: openai, dialect: openai-chat, baseUrl: "${emulator.url}/v1", credential: env:OPENAI_API_KEY }
deployments:
  gpt: { provider: maker, model: ${gpt}, targetModel: gpt-5.6 }
  haiku: { provider: anthropic, model: ${claude}, targetModel: claude-haiku-4-5 }
prices:
  sell: { currency: USD, rates: { ${rates} } }
  buy: { currency: USD, rates: { ${rates} } }
`);
  const options = { apiKey: acmeKey, maxRetries: 0, fetch: listening };
  openai = new OpenAI({ ...options, baseURL: `${carrier.url}/v1` });
  anthropic = new Anthropic({ ...options, baseURL: carrier.url });
});
after(() => emulator?.stop());
beforeEach(() => emulator.clearRequests());

async function listening(url: string | URL | Request, init?: RequestInit): Promise<Response> {
  const response = await fetch(url, init);
  losses = response.headers.get('x-carrier-loss')?.split(', ') ?? [];
  return response;
}

/** The body of the one request that a provider got. */
function sent(): Record<string, unknown> {
  const requests = emulator.requests();
  assert.equal(requests.length, 1);
  return JSON.parse(String(requests[0]!.body));
}

const user = (content: string) => [{ role: 'user' as const, content }];
const person = {
  type: 'object' as const,
  properties: { name: { type: 'string' }, age: { type: 'integer' } },
  required: ['name', 'age'],
  additionalProperties: false,
};
const isPerson = new Ajv2020().compile(person);
const longName = `mcp__${'server_'.repeat(10)}__read`;

suite('openai asking a provider of anthropic-messages', () => {
  test('gets an answer that its schema holds, whole and streamed', async () => {
    const body = {
      model: claude,
      messages: user('Who?'),
      response_format: {
        type: 'json_schema' as const,
        json_schema: { name: 'person', strict: true, schema: person },
      },
    };

    const whole = await openai.chat.completions.create(body);
    const streamed = await openai.chat.completions.stream(body).finalChatCompletion();

    for (const answer of [whole, streamed]) assert.ok(isPerson(JSON.parse(answer.choices[0]!.message.content!)));
    assert.deepEqual(losses, []);
  });

  test('gets one function call in the old way', async () => {
    const answer = await openai.chat.completions.create({
      model: claude,
      messages: user('call the tool weather'),
      functions: [{ name: 'weather', parameters: person }],
    });

    const [choice] = answer.choices;
    assert.equal(choice?.finish_reason, 'function_call');
    assert.equal(choice?.message.function_call?.name, 'weather');
    assert.ok(isPerson(JSON.parse(choice!.message.function_call!.arguments)));
    assert.equal(choice?.message.tool_calls, undefined);
  });

  test('gets the free text of a custom tool', async () => {
    const answer = await openai.chat.completions.create({
      model: claude,
      messages: user('call the tool code'),
      tools: [{ type: 'custom', custom: { name: 'code' } }],
    });

    const [call] = answer.choices[0]!.message.tool_calls!;
    assert.ok(call?.type === 'custom');
    assert.equal(typeof call.custom.input, 'string');
    assert.deepEqual(losses, ['custom-tool-as-function;tools.0']);
  });

  test('has its breakpoints and instructions where the provider takes them', async () => {
    await openai.chat.completions.create({
      model: claude,
      messages: [
        {
          role: 'developer',
          content: [{ type: 'text', text: 'Be brief.', prompt_cache_breakpoint: { mode: 'explicit' } }],
        },
        { role: 'user', content: 'Hi' },
        { role: 'system', content: 'In French.' },
      ],
      service_tier: 'default',
      safety_identifier: 'u-1',
    });

    const { system, messages, service_tier: tier, metadata } = sent();
    assert.deepEqual(system, [{ type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral' } }]);
    assert.deepEqual(messages, [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Hi' },
          { type: 'text', text: 'In French.' },
        ],
      },
    ]);
    assert.equal(tier, 'standard_only');
    assert.deepEqual(metadata, { user_id: 'u-1' });
    assert.deepEqual(losses, ['system-as-user;messages.2']);
  });

  test('is refused by name what an answer would be wrong without, and with strict also what would be lost', async () => {
    const asked = { model: claude, messages: user('Hi') };
    const strict = { headers: { 'x-carrier-strict': '1' } };

    for (const [body, options, parameter] of [
      [{ ...asked, n: 2 }, {}, 'n'],
      [{ ...asked, logprobs: true }, {}, 'logprobs'],
      [{ ...asked, seed: 1 }, strict, 'seed'],
      [{ ...asked, response_format: { type: 'json_object' as const } }, strict, 'response_format'],
    ] as const) {
      await assert.rejects(openai.chat.completions.create(body, options), (error: unknown) => {
        assert.ok(error instanceof OpenAI.BadRequestError);
        assert.equal(error.param, parameter);
        return true;
      });
    }
    assert.equal(emulator.requests().length, 0);
  });

  test('is told which stop sequence matched', async () => {
    const answer = await openai.chat.completions.create({ model: claude, messages: user('Say stop here'), stop: 'e' });

    const [choice] = answer.choices as unknown as Record<string, unknown>[];
    assert.equal(choice?.['finish_reason'], 'stop');
    assert.equal(choice?.['native_finish_reason'], 'stop_sequence');
    assert.equal(choice?.['stop_reason'], 'e');
  });
});

suite('anthropic asking a provider of openai-chat', () => {
  test('gets an answer that its schema holds, whole and streamed', async () => {
    const body = {
      model: gpt,
      max_tokens: 500,
      messages: user('Who?'),
      output_config: { format: { type: 'json_schema' as const, schema: person } },
    };

    const whole = await anthropic.messages.create(body);
    const streamed = await anthropic.messages.stream(body).finalMessage();

    for (const answer of [whole, streamed]) {
      const [block] = answer.content;
      assert.ok(block?.type === 'text' && isPerson(JSON.parse(block.text)));
    }
    assert.deepEqual(losses, []);
  });

  test('gets the name of its tool back, whole and streamed, and may answer by it', async () => {
    const tools = [{ name: longName, input_schema: person }];
    const asked = { model: gpt, max_tokens: 500, tools, messages: user(`call the tool ${longName}`) };

    const whole = await anthropic.messages.create({ ...asked, tool_choice: { type: 'tool', name: longName } });
    const streamed = await anthropic.messages
      .stream({ ...asked, tool_choice: { type: 'tool', name: longName } })
      .finalMessage();

    for (const { content } of [whole, streamed]) {
      assert.ok(content[0]?.type === 'tool_use');
      assert.equal(content[0].name, longName);
    }
    assert.deepEqual(losses, ['tool-name-changed;tools.0']);

    const [use] = whole.content as [Anthropic.ToolUseBlock];
    const done = await anthropic.messages.create({
      model: gpt,
      max_tokens: 500,
      tools,
      messages: [
        ...asked.messages,
        { role: 'assistant', content: whole.content },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: use.id, content: 'done' }] },
      ],
    });
    assert.equal(done.stop_reason, 'end_turn');
  });

  test('has its marks where the provider takes them', async () => {
    await anthropic.messages.create({
      model: gpt,
      max_tokens: 500,
      system: [{ type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral', ttl: '1h' } }],
      messages: user('Hi'),
      service_tier: 'standard_only',
      metadata: { user_id: 'u-1' },
    });

    const { messages, prompt_cache_options: options, service_tier: tier, safety_identifier: id } = sent();
    assert.deepEqual(messages, [
      {
        role: 'system',
        content: [{ type: 'text', text: 'Be brief.', prompt_cache_breakpoint: { mode: 'explicit', ttl: '12h' } }],
      },
      { role: 'user', content: 'Hi' },
    ]);
    assert.deepEqual([options, tier, id], [{ mode: 'explicit' }, 'default', 'u-1']);
    assert.deepEqual(losses, ['cache-lifetime-changed;system.0']);
  });

  test('is refused by name what belongs to one provider alone', async () => {
    const asked = { model: gpt, max_tokens: 10, messages: user('Hi') };

    for (const body of [
      { ...asked, container: 'c' },
      { ...asked, tools: [{ type: 'web_search_20250305' as const, name: 'web_search' as const }] },
    ]) {
      await assert.rejects(anthropic.messages.create(body), Anthropic.BadRequestError);
    }
    assert.equal(emulator.requests().length, 0);
  });
});
