import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import { secret, startGateway, type TestGateway } from '../support/gateway.ts';

const weather = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] } as const;

suite('the official clients through the gateway', () => {
  let emulator: Emulator;
  let gateway: TestGateway;
  let openai: OpenAI;
  let anthropic: Anthropic;

  before(async () => {
    emulator = await startEmulator();
    gateway = await startGateway({
      snapshot: {
        providers: [
          { name: 'openai', kind: 'openai', baseUrl: `${emulator.url}/v1` },
          { name: 'anthropic', kind: 'anthropic', dialects: ['anthropic-messages'], baseUrl: emulator.url },
        ],
        deployments: [
          { id: 'gpt', provider: 'openai', model: 'openai/gpt' },
          { id: 'claude', provider: 'anthropic', model: 'anthropic/claude' },
        ],
      },
    });
    openai = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: secret, maxRetries: 0 });
    anthropic = new Anthropic({ baseURL: gateway.url, apiKey: secret, maxRetries: 0 });
  });
  after(async () => {
    await gateway.stop();
    await emulator.stop();
  });

  // The first is the same dialect, the second is across.
  for (const model of ['openai/gpt', 'anthropic/claude']) {
    test(`openai: a whole answer of ${model}, with usage`, async () => {
      const answer = await openai.chat.completions.create({
        model,
        messages: [{ role: 'user', content: 'say exactly: good day' }],
      });

      assert.equal(answer.choices[0]?.message.content, 'good day');
      assert.equal(answer.choices[0]?.finish_reason, 'stop');
      assert.ok(answer.usage!.total_tokens === answer.usage!.prompt_tokens + answer.usage!.completion_tokens);
      assert.ok(answer.usage!.completion_tokens > 0);
    });

    test(`openai: a stream of ${model}, with usage when it asks for it`, async () => {
      const stream = await openai.chat.completions.create({
        model,
        stream: true,
        stream_options: { include_usage: true },
        messages: [{ role: 'user', content: 'say exactly: good day' }],
      });

      let text = '';
      let usage = 0;
      for await (const chunk of stream) {
        text += chunk.choices[0]?.delta.content ?? '';
        if (chunk.usage) usage = chunk.usage.total_tokens;
      }
      assert.equal(text, 'good day');
      assert.ok(usage > 0);
    });

    test(`openai: a call of a tool by ${model}, and the answer to its result`, async () => {
      const tools = [{ type: 'function' as const, function: { name: 'weather', parameters: weather } }];
      const asked = [{ role: 'user' as const, content: 'what is it like in Bern?' }];
      const first = await openai.chat.completions.create({ model, tools, tool_choice: 'required', messages: asked });

      const message = first.choices[0]!.message;
      const call = message.tool_calls![0]!;
      assert.equal(first.choices[0]?.finish_reason, 'tool_calls');
      assert.ok(call.type === 'function' && call.function.name === 'weather');
      assert.equal(typeof JSON.parse(call.function.arguments).city, 'string');
      const second = await openai.chat.completions.create({
        model,
        tools,
        messages: [...asked, message, { role: 'tool', tool_call_id: call.id, content: 'snow' }],
      });
      assert.equal(second.choices[0]?.finish_reason, 'stop');
    });
  }

  for (const model of ['anthropic/claude', 'openai/gpt']) {
    test(`anthropic: a whole answer of ${model}, with usage`, async () => {
      const answer = await anthropic.messages.create({
        model,
        max_tokens: 50,
        messages: [{ role: 'user', content: 'say exactly: good day' }],
      });

      assert.deepEqual(
        answer.content.map(block => (block.type === 'text' ? block.text : block.type)),
        ['good day'],
      );
      assert.equal(answer.stop_reason, 'end_turn');
      assert.ok(answer.usage.input_tokens > 0 && answer.usage.output_tokens > 0);
    });

    test(`anthropic: a stream of ${model}, folded by the client`, async () => {
      const message = await anthropic.messages
        .stream({ model, max_tokens: 50, messages: [{ role: 'user', content: 'say exactly: good day' }] })
        .finalMessage();

      assert.equal(message.content[0]?.type === 'text' ? message.content[0].text : '', 'good day');
      assert.ok(message.usage.output_tokens > 0);
    });

    test(`anthropic: a call of a tool by ${model}, streamed`, async () => {
      const message = await anthropic.messages
        .stream({
          model,
          max_tokens: 200,
          tools: [{ name: 'weather', input_schema: { ...weather, required: ['city'] } }],
          tool_choice: { type: 'any' },
          messages: [{ role: 'user', content: 'what is it like in Bern?' }],
        })
        .finalMessage();

      const call = message.content.find(block => block.type === 'tool_use');
      assert.ok(call !== undefined && call.name === 'weather');
      // The cast is true when the assertion holds: the client leaves the input untyped.
      assert.equal(typeof (call.input as { city?: unknown }).city, 'string');
      assert.equal(message.stop_reason, 'tool_use');
    });
  }

  test('refusals have each client’s own classes', async () => {
    const strangers = { openai: new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: 'x', maxRetries: 0 }) };
    const stranger = new Anthropic({ baseURL: gateway.url, apiKey: 'x', maxRetries: 0 });
    const chat = { model: 'openai/gpt', messages: [{ role: 'user' as const, content: 'hello' }] };
    const message = { model: 'anthropic/claude', max_tokens: 9, messages: chat.messages };

    await assert.rejects(strangers.openai.chat.completions.create(chat), OpenAI.AuthenticationError);
    await assert.rejects(openai.chat.completions.create({ ...chat, model: 'nobody/none' }), OpenAI.NotFoundError);
    await assert.rejects(stranger.messages.create(message), Anthropic.AuthenticationError);
    await assert.rejects(anthropic.messages.create({ ...message, model: 'nobody/none' }), Anthropic.NotFoundError);
    emulator.replaceRules(['status=429;retry-after=1']);
    await assert.rejects(openai.chat.completions.create(chat), OpenAI.RateLimitError);
    await assert.rejects(anthropic.messages.create(message), Anthropic.RateLimitError);
    await assert.rejects(openai.chat.completions.create({ ...chat, model: 'anthropic/claude' }), OpenAI.RateLimitError);
    emulator.replaceRules(['error-after=3']);
    const stream = await openai.chat.completions.create({ ...chat, stream: true });
    await assert.rejects(async () => {
      for await (const _ of stream);
    }, OpenAI.APIError);
    await assert.rejects(anthropic.messages.stream(message).finalMessage(), Anthropic.APIError);
    emulator.replaceRules([]);
  });

  test('both clients list models in their own shapes', async () => {
    const chatModels = (await openai.models.list()).data.map(model => model.id);
    const messageModels = (await anthropic.models.list()).data.map(model => model.id);

    assert.deepEqual(chatModels, ['anthropic/claude', 'openai/gpt']);
    assert.deepEqual(messageModels, ['anthropic/claude', 'openai/gpt']);
  });
});
