import assert from 'node:assert/strict';
import { test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import type { CompletionEvent } from '../completion/event.ts';
import { Fault, type FaultCode } from '../completion/fault.ts';
import { LossLedger } from '../completion/loss.ts';
import { anthropicMessages } from './anthropic-messages/dialect.ts';
import type { AnswerContext, Dialect } from './dialect.ts';
import { openaiChat } from './openai-chat/dialect.ts';

/** The public clients read what is written here. */

const context: AnswerContext = {
  exchangeId: 'ex_1',
  targetModel: 'target',
  createdAtMs: 1_700_000_000_000,
  streamUsage: true,
  inputTokensEstimate: 12,
  losses: new LossLedger(),
};

function openai(answer: () => Response): OpenAI {
  return new OpenAI({ apiKey: 'none', baseURL: 'http://127.0.0.1:1/v1', maxRetries: 0, fetch: async () => answer() });
}

function anthropic(answer: () => Response): Anthropic {
  return new Anthropic({ apiKey: 'none', baseURL: 'http://127.0.0.1:1', maxRetries: 0, fetch: async () => answer() });
}

const events: readonly CompletionEvent[] = [
  { type: 'message-start', id: 'a', servedModel: 'served', createdAtMs: undefined, usage: undefined },
  { type: 'block-open', index: 0, block: { type: 'text' } },
  { type: 'text-delta', index: 0, text: 'Look' },
  { type: 'text-delta', index: 0, text: 'ing.' },
  { type: 'block-close', index: 0 },
  { type: 'block-open', index: 1, block: { type: 'call', id: 'call_1', name: 'weather' } },
  { type: 'arguments-delta', index: 1, text: '{"city":' },
  { type: 'block-open', index: 2, block: { type: 'call', id: 'call_2', name: 'now' } },
  { type: 'arguments-delta', index: 1, text: '"Oslo"}' },
  { type: 'block-close', index: 1 },
  { type: 'block-close', index: 2 },
  { type: 'usage', usage: { inputUncached: 4, cacheRead: 5, output: 3 }, raw: undefined, serviceTier: undefined },
  { type: 'finish', finish: { reason: 'tool-call', raw: undefined, stopSequence: undefined } },
  { type: 'message-end' },
];

function streamed(dialect: Dialect, given: readonly CompletionEvent[]): () => Response {
  const encoder = dialect.encodeStream(context);
  const bytes = Buffer.concat(given.map(event => encoder.push(event)));
  return () => new Response(bytes, { headers: { 'content-type': 'text/event-stream' } });
}

function whole(dialect: Dialect): () => Response {
  const bytes = Buffer.from(dialect.encodeAnswer(events, context));
  return () => new Response(bytes, { headers: { 'content-type': 'application/json' } });
}

const ask = { model: 'm', messages: [{ role: 'user' as const, content: 'Weather?' }] };

test('the OpenAI client reads a stream and a whole answer alike', async () => {
  const stream = openai(streamed(openaiChat, events)).chat.completions.stream({
    ...ask,
    stream: true,
    stream_options: { include_usage: true },
  });
  const fromStream = await stream.finalChatCompletion();
  const fromWhole = await openai(whole(openaiChat)).chat.completions.create(ask);

  for (const answer of [fromStream, fromWhole]) {
    assert.equal(answer.id, 'chatcmpl-ex_1');
    assert.equal(answer.model, 'served');
    assert.equal(answer.choices[0]?.message.content, 'Looking.');
    assert.equal(answer.choices[0]?.finish_reason, 'tool_calls');
    const calls = answer.choices[0]?.message.tool_calls?.map(
      call => call.type === 'function' && [call.id, call.function.name, call.function.arguments],
    );
    assert.deepEqual(calls, [
      ['call_1', 'weather', '{"city":"Oslo"}'],
      ['call_2', 'now', '{}'],
    ]);
    assert.equal(answer.usage?.prompt_tokens, 9);
    assert.equal(answer.usage?.prompt_tokens_details?.cached_tokens, 5);
    assert.equal(answer.usage?.total_tokens, 12);
  }
});

test('the Anthropic client reads a stream and a whole answer alike', async () => {
  const asked = { ...ask, max_tokens: 10 };
  const stream = anthropic(streamed(anthropicMessages, events)).messages.stream(asked);
  const opened: string[] = [];
  stream.on('contentBlock', block => opened.push(block.type));
  const fromStream = await stream.finalMessage();
  const fromWhole = await anthropic(whole(anthropicMessages)).messages.create(asked);

  assert.deepEqual(opened, ['text', 'tool_use', 'tool_use']);
  for (const answer of [fromStream, fromWhole]) {
    assert.equal(answer.id, 'msg_ex_1');
    assert.equal(answer.model, 'served');
    assert.equal(answer.stop_reason, 'tool_use');
    assert.deepEqual(
      answer.content.map(block =>
        block.type === 'tool_use' ? [block.id, block.name, block.input] : block.type === 'text' && block.text,
      ),
      ['Looking.', ['call_1', 'weather', { city: 'Oslo' }], ['call_2', 'now', {}]],
    );
    assert.equal(answer.usage.input_tokens, 4);
    assert.equal(answer.usage.cache_read_input_tokens, 5);
    assert.equal(answer.usage.output_tokens, 3);
  }
});

test('both clients raise on a stream that fails', async () => {
  const failing = [...events.slice(0, 3), { type: 'error', fault: new Fault('upstream_truncated') } as const];

  await assert.rejects(
    openai(streamed(openaiChat, failing))
      .chat.completions.stream({ ...ask, stream: true })
      .finalChatCompletion(),
    (error: unknown) => error instanceof OpenAI.APIError && error.message.includes('terminal event'),
  );
  await assert.rejects(
    anthropic(streamed(anthropicMessages, failing))
      .messages.stream({ ...ask, max_tokens: 10 })
      .finalMessage(),
    (error: unknown) => error instanceof Anthropic.APIError && error.message.includes('terminal event'),
  );
});

test('both clients raise their own class for each class of fault', async () => {
  const rows: [FaultCode, new (...given: never[]) => Error, new (...given: never[]) => Error][] = [
    ['key_invalid', OpenAI.AuthenticationError, Anthropic.AuthenticationError],
    ['model_not_allowed', OpenAI.PermissionDeniedError, Anthropic.PermissionDeniedError],
    ['model_not_found', OpenAI.NotFoundError, Anthropic.NotFoundError],
    ['parameter_invalid', OpenAI.BadRequestError, Anthropic.BadRequestError],
    ['rate_limited', OpenAI.RateLimitError, Anthropic.RateLimitError],
    ['budget_exhausted', OpenAI.RateLimitError, Anthropic.APIError],
    ['no_healthy_deployment', OpenAI.InternalServerError, Anthropic.InternalServerError],
    ['internal', OpenAI.InternalServerError, Anthropic.InternalServerError],
  ];

  for (const [code, ofOpenai, ofAnthropic] of rows) {
    const failing = (dialect: Dialect) => () => {
      const { status, contentType, body } = dialect.encodeFault(new Fault(code), { exchangeId: 'ex_1' });
      return new Response(Buffer.from(body), { status, headers: { 'content-type': contentType } });
    };
    await assert.rejects(openai(failing(openaiChat)).chat.completions.create(ask), ofOpenai, code);
    await assert.rejects(
      anthropic(failing(anthropicMessages)).messages.create({ ...ask, max_tokens: 10 }),
      ofAnthropic,
      code,
    );
  }
});
