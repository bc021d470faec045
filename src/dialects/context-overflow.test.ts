import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../completion/fault.ts';
import { anthropicMessages } from './anthropic-messages/dialect.ts';
import { openaiChat } from './openai-chat/dialect.ts';

/** What a host answers to a prompt that is too long, and what agents of both dialects are told. */
interface Row {
  readonly host: string;
  readonly status: number;
  readonly body: unknown;
  readonly numbers?: readonly [asked: number, limit: number];
}

const rows: readonly Row[] = [
  {
    host: 'Anthropic',
    status: 400,
    body: {
      type: 'error',
      error: { type: 'invalid_request_error', message: 'prompt is too long: 208310 tokens > 200000 maximum' },
    },
    numbers: [208310, 200000],
  },
  {
    host: 'Anthropic, with the output limit',
    status: 400,
    body: {
      type: 'error',
      error: {
        type: 'invalid_request_error',
        message:
          'input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000, decrease input length or `max_tokens` and try again',
      },
    },
    numbers: [188240, 200000],
  },
  {
    host: 'OpenAI, older models',
    status: 400,
    body: {
      error: {
        message:
          "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens. Please reduce the length of the messages.",
        type: 'invalid_request_error',
        param: 'messages',
        code: 'context_length_exceeded',
      },
    },
    numbers: [9001, 8192],
  },
  {
    host: 'OpenAI, current models',
    status: 400,
    body: {
      error: {
        message: 'Your input exceeds the context window of this model. Please adjust your input and try again.',
        type: 'invalid_request_error',
        param: 'messages',
        code: 'context_length_exceeded',
      },
    },
  },
  {
    host: 'Azure',
    status: 400,
    body: {
      error: {
        message:
          "This model's maximum context length is 128000 tokens. However, your messages resulted in 130001 tokens. Please reduce the length of the messages.",
        code: 'context_length_exceeded',
      },
    },
    numbers: [130001, 128000],
  },
  {
    host: 'DeepSeek',
    status: 400,
    body: {
      error: {
        message:
          "This model's maximum context length is 131072 tokens. However, you requested 131134 tokens (122942 in the messages, 8192 in the completion). Please reduce the length of the messages or completion.",
        type: 'invalid_request_error',
        param: null,
        code: 'invalid_request_error',
      },
    },
    numbers: [131134, 131072],
  },
  {
    host: 'Groq',
    status: 400,
    body: {
      error: {
        message: 'Please reduce the length of the messages or completion.',
        type: 'invalid_request_error',
        param: 'messages',
        code: 'context_length_exceeded',
      },
    },
  },
  {
    host: 'Mistral',
    status: 400,
    body: {
      object: 'error',
      message:
        'Prompt contains 131073 tokens and 0 draft tokens, too large for model with 131072 maximum context length',
      type: 'invalid_request_error',
      param: null,
      code: '3051',
      raw_status_code: 400,
    },
    numbers: [131073, 131072],
  },
  {
    host: 'xAI',
    status: 400,
    body: {
      code: 'Client specified an invalid argument',
      error: "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
    },
    numbers: [537812, 131072],
  },
  {
    host: 'vLLM',
    status: 400,
    body: {
      error: {
        message:
          "This model's maximum context length is 4096 tokens. However, your request has 5000 input tokens. Please reduce the length of the input messages.",
        type: 'BadRequestError',
        param: 'input_tokens',
        code: 400,
      },
    },
    numbers: [5000, 4096],
  },
  {
    host: 'vLLM, with the output limit',
    status: 400,
    body: {
      object: 'error',
      message:
        "'max_tokens' or 'max_completion_tokens' is too large: 5000. This model's maximum context length is 4096 tokens and your request has 120 input tokens (5000 > 4096 - 120).",
      type: 'BadRequestError',
      code: 400,
    },
    numbers: [120, 4096],
  },
  {
    host: 'vLLM, since 2026',
    status: 400,
    body: {
      error: {
        message:
          "You passed 202753 input tokens and requested 0 output tokens. However, the model's context length is only 202752 tokens, resulting in a maximum input length of 202752 tokens.",
        type: 'BadRequestError',
        code: 400,
      },
    },
    numbers: [202753, 202752],
  },
  {
    host: 'vLLM, engine',
    status: 400,
    body: {
      error: {
        message: 'The decoder prompt (length 5000) is longer than the maximum model length of 4096.',
        type: 'BadRequestError',
        code: 400,
      },
    },
    numbers: [5000, 4096],
  },
  {
    host: 'llama.cpp',
    status: 500,
    body: {
      error: {
        code: 400,
        message: 'the request exceeds the available context size. try increasing the context size',
        type: 'exceed_context_size_error',
        n_prompt_tokens: 5001,
        n_ctx: 4096,
      },
    },
    numbers: [5001, 4096],
  },
  {
    host: 'llama.cpp, in its message',
    status: 400,
    body: {
      error: {
        code: 400,
        message: 'request (5001 tokens) exceeds the available context size (4096 tokens), try increasing it',
        type: 'exceed_context_size_error',
      },
    },
    numbers: [5001, 4096],
  },
  { host: 'Ollama', status: 400, body: { error: 'prompt too long; exceeded max context length by 123 tokens' } },
  {
    host: 'Cohere',
    status: 400,
    body: {
      id: 'x',
      message: 'too many tokens: total number of tokens in the prompt cannot exceed 4081 - received 5000.',
      error_type: 'TOO_MANY_TOKENS',
    },
    numbers: [5000, 4081],
  },
  {
    host: 'Cohere, by how much',
    status: 400,
    body: {
      id: 'x',
      message: 'too many tokens: size limit exceeded by 123 tokens. Try using shorter or fewer inputs.',
    },
  },
  {
    host: 'Google',
    status: 400,
    body: {
      error: {
        code: 400,
        message: 'The input token count (1200000) exceeds the maximum number of tokens allowed (1048575).',
        status: 'INVALID_ARGUMENT',
      },
    },
    numbers: [1200000, 1048575],
  },
  {
    host: 'Kimi',
    status: 400,
    body: { error: { message: 'Your request exceeded model token limit: 262144 (requested: 300000)' } },
    numbers: [300000, 262144],
  },
  { host: 'MiniMax', status: 400, body: { error: { message: 'invalid params, context window exceeds limit (2013)' } } },
  {
    host: 'LM Studio',
    status: 400,
    body: { error: 'The number of tokens to keep from the initial prompt is greater than the context length.' },
  },
  { host: 'Bedrock', status: 400, body: { message: 'Input is too long for requested model.' } },
];

for (const { host, status, body, numbers } of rows) {
  test(`${host}: an overflow is told in the words that agents of both dialects know`, () => {
    for (const dialect of [openaiChat, anthropicMessages]) {
      const fault = dialect.decodeFault({ status, headers: {}, body: Buffer.from(JSON.stringify(body)), nowMs: 0 });
      assert.equal(fault.code, 'context_overflow');

      const chat = openaiChat.encodeFault(fault, { exchangeId: 'x' });
      const { error } = JSON.parse(chat.body.toString());
      assert.equal(chat.status, 400);
      assert.equal(error.code, 'context_length_exceeded');
      assert.match(error.message, /context length|context window/i);

      const messages = anthropicMessages.encodeFault(fault, { exchangeId: 'x' });
      const told = JSON.parse(messages.body.toString()).error;
      assert.equal(messages.status, 400);
      assert.equal(told.type, 'invalid_request_error');
      assert.match(told.message, /^prompt is too long/);
      if (numbers === undefined) continue;
      const [asked, limit] = numbers;
      assert.equal(told.message, `prompt is too long: ${asked} tokens > ${limit} maximum`);
      assert.ok(error.message.includes(`${asked}`) && error.message.includes(`${limit}`), error.message);
    }
  });
}

test('limits of other things are no overflow', () => {
  const messages = [
    'max_tokens: 300000 > 128000, which is the maximum allowed number of output tokens for claude-x',
    "Invalid 'messages[0].content': string too long. Expected a string with maximum length 10485760.",
    'Rate limit reached for gpt-x in organization on tokens per min (TPM): Limit 30000, Used 20000, Requested 15000.',
    'The context of your question is not clear.',
  ];
  for (const message of messages) {
    const body = Buffer.from(JSON.stringify({ error: { message, type: 'invalid_request_error' } }));
    const fault = openaiChat.decodeFault({ status: 400, headers: {}, body, nowMs: 0 });
    assert.notEqual(fault.code, 'context_overflow', message);
  }
});

test('a 429 is a rate limit, whatever its words', () => {
  const body = Buffer.from(JSON.stringify({ error: { message: 'Please reduce the length of the messages' } }));
  assert.equal(openaiChat.decodeFault({ status: 429, headers: {}, body, nowMs: 0 }).code, 'upstream_rate_limited');
});

test('an overflow that names no numbers has none made up', () => {
  const fault = new Fault('context_overflow');
  const told = JSON.parse(anthropicMessages.encodeFault(fault, { exchangeId: 'x' }).body.toString()).error.message;
  assert.match(told, /^prompt is too long: \D+$/);
});
