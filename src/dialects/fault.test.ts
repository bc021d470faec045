import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Fault, type FaultCode, faults } from '../completion/fault.ts';
import * as messages from './anthropic-messages/fault.ts';
import type { FaultResponse } from './dialect.ts';
import * as chat from './openai-chat/fault.ts';

const context = { exchangeId: 'ex_1' };
const nowMs = Date.UTC(2026, 10, 20, 12, 0, 0);

function response(status: number, body: unknown, headers: FaultResponse['headers'] = {}): FaultResponse {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  return { status, headers, body: bytes, nowMs };
}

function chatAnswer(code: FaultCode) {
  const answer = chat.encodeFault(new Fault(code), context);
  const { error } = JSON.parse(answer.body.toString());
  return [answer.status, error.type, error.code];
}

function messagesAnswer(code: FaultCode) {
  const answer = messages.encodeFault(new Fault(code), context);
  return [answer.status, JSON.parse(answer.body.toString()).error.type];
}

test('every class of fault has its own words in both dialects', () => {
  const rows: [FaultCode, unknown[], unknown[]][] = [
    ['key_missing', [401, 'invalid_request_error', 'invalid_api_key'], [401, 'authentication_error']],
    ['model_not_allowed', [403, 'invalid_request_error', null], [403, 'permission_error']],
    ['no_compliant_deployment', [403, 'invalid_request_error', null], [403, 'permission_error']],
    ['model_not_found', [404, 'invalid_request_error', 'model_not_found'], [404, 'not_found_error']],
    ['model_ambiguous', [404, 'invalid_request_error', 'model_ambiguous'], [404, 'not_found_error']],
    ['json_malformed', [400, 'invalid_request_error', null], [400, 'invalid_request_error']],
    ['parameter_missing', [400, 'invalid_request_error', 'missing_required_parameter'], [400, 'invalid_request_error']],
    ['context_overflow', [400, 'invalid_request_error', 'context_length_exceeded'], [400, 'invalid_request_error']],
    ['body_too_large', [413, 'invalid_request_error', null], [413, 'request_too_large']],
    ['rate_limited', [429, 'requests', 'rate_limit_exceeded'], [429, 'rate_limit_error']],
    ['upstream_rate_limited', [429, 'requests', 'rate_limit_exceeded'], [429, 'rate_limit_error']],
    ['budget_exhausted', [429, 'insufficient_quota', 'insufficient_quota'], [402, 'billing_error']],
    ['journal_full', [503, 'server_error', null], [503, 'overloaded_error']],
    ['no_healthy_deployment', [503, 'server_error', null], [529, 'overloaded_error']],
    ['upstream_overloaded', [503, 'server_error', null], [529, 'overloaded_error']],
    ['deadline_exceeded', [504, 'server_error', null], [504, 'timeout_error']],
    ['upstream_credential', [502, 'server_error', null], [502, 'api_error']],
    ['upstream_error', [502, 'server_error', null], [502, 'api_error']],
    ['internal', [500, 'server_error', null], [500, 'api_error']],
  ];

  for (const [code, openai, anthropic] of rows) {
    assert.deepEqual(chatAnswer(code), openai, code);
    assert.deepEqual(messagesAnswer(code), anthropic, code);
  }
});

test('every fault of the table has a whole body in both dialects', () => {
  for (const code of Object.keys(faults) as FaultCode[]) {
    const fault = new Fault(code, undefined, { parameter: 'n', listing: ['acme/x', 'other/x'] });
    const chatError = JSON.parse(chat.encodeFault(fault, context).body.toString()).error;
    assert.deepEqual(Object.keys(chatError), ['message', 'type', 'param', 'code']);
    assert.equal(chatError.param, 'n');
    assert.ok(chatError.message.endsWith('(acme/x; other/x)'));
    const body = JSON.parse(messages.encodeFault(fault, context).body.toString());
    assert.deepEqual(Object.keys(body), ['type', 'error', 'request_id']);
    assert.equal(body.type, 'error');
    assert.equal(body.request_id, 'ex_1');
  }
});

test('a stream fails with an error event and no end', () => {
  const fault = new Fault('upstream_truncated');

  assert.equal(
    chat.encodeStreamFault(fault, context).toString(),
    'data: {"error":{"message":"The answer ended without its terminal event.","type":"server_error","param":null,"code":null}}\n\n',
  );
  assert.equal(
    messages.encodeStreamFault(fault, context).toString(),
    'event: error\ndata: {"type":"error","error":{"type":"api_error","message":"The answer ended without its terminal event."},"request_id":"ex_1"}\n\n',
  );
});

const openaiError = (type: string | null, code: unknown, message = 'm', param: string | null = null) => ({
  error: { message, type, param, code },
});
const anthropicError = (type: string, message = 'm') => ({ type: 'error', error: { type, message } });

test('errors of providers are named, whatever their shape', () => {
  const rows: [number, unknown, FaultCode][] = [
    [400, openaiError('invalid_request_error', null), 'upstream_invalid'],
    [400, openaiError('invalid_request_error', 'context_length_exceeded'), 'context_overflow'],
    [
      400,
      openaiError('invalid_request_error', null, 'Your input exceeds the context window of this model.'),
      'context_overflow',
    ],
    [
      400,
      openaiError(
        'invalid_request_error',
        'invalid_request_error',
        "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens",
      ),
      'context_overflow',
    ],
    [
      400,
      openaiError(
        'invalid_request_error',
        null,
        'max_tokens is too large: 100000. This model supports at most 16384 completion tokens',
      ),
      'upstream_invalid',
    ],
    [400, openaiError(null, 'content_filter', 'The response was filtered'), 'content_filtered'],
    [401, openaiError('invalid_request_error', 'invalid_api_key'), 'upstream_credential'],
    [401, { error: { code: '401', message: 'Access denied' } }, 'upstream_credential'],
    [403, openaiError('invalid_request_error', 'model_not_found'), 'upstream_credential'],
    [404, openaiError('invalid_request_error', 'model_not_found'), 'upstream_not_found'],
    [429, openaiError('requests', 'rate_limit_exceeded'), 'upstream_rate_limited'],
    [429, openaiError('insufficient_quota', 'insufficient_quota'), 'upstream_quota'],
    [
      402,
      { error: { message: 'Insufficient Balance', type: 'unknown_error', code: 'invalid_request_error' } },
      'upstream_quota',
    ],
    [500, openaiError('server_error', null), 'upstream_error'],
    [503, openaiError('server_error', null, 'Overloaded'), 'upstream_overloaded'],
    [
      400,
      { code: 'Client specified an invalid argument', error: 'Incorrect API key provided: xa***yz' },
      'upstream_credential',
    ],
    [400, { code: 'invalid', error: 'boom' }, 'upstream_invalid'],
    [422, { detail: [{ loc: ['body', 'x'], msg: 'field required', type: 'missing' }] }, 'upstream_invalid'],
    [404, { detail: 'Not Found' }, 'upstream_not_found'],
    [400, { object: 'error', message: 'bad', type: 'BadRequestError', code: 400 }, 'upstream_invalid'],
    [400, [{ error: { code: 400, message: 'bad', status: 'INVALID_ARGUMENT' } }], 'upstream_invalid'],
    [
      400,
      anthropicError('invalid_request_error', 'prompt is too long: 210000 tokens > 200000 maximum'),
      'context_overflow',
    ],
    [
      400,
      anthropicError('invalid_request_error', 'input length and `max_tokens` exceed context limit: 1 + 2 > 2'),
      'context_overflow',
    ],
    [
      400,
      anthropicError('invalid_request_error', 'Your credit balance is too low to access the Anthropic API.'),
      'upstream_quota',
    ],
    [401, anthropicError('authentication_error', 'invalid x-api-key'), 'upstream_credential'],
    [402, anthropicError('billing_error'), 'upstream_quota'],
    [403, anthropicError('permission_error'), 'upstream_credential'],
    [404, anthropicError('not_found_error'), 'upstream_not_found'],
    [409, anthropicError('conflict_error'), 'upstream_error'],
    [413, anthropicError('request_too_large'), 'upstream_too_large'],
    [429, anthropicError('rate_limit_error'), 'upstream_rate_limited'],
    [500, anthropicError('api_error'), 'upstream_error'],
    [504, anthropicError('timeout_error'), 'upstream_first_byte_timeout'],
    [529, anthropicError('overloaded_error'), 'upstream_overloaded'],
    [
      400,
      { error: { code: 400, message: 'API key not valid. Please pass a valid API key.', status: 'INVALID_ARGUMENT' } },
      'upstream_credential',
    ],
    [401, { detail: 'Invalid API Key' }, 'upstream_credential'],
    [401, { error: { message: 'Missing Authentication header', code: 401 } }, 'upstream_credential'],
    [403, { message: 'The security token included in the request is invalid.' }, 'upstream_credential'],
    [
      429,
      {
        error: {
          code: 429,
          message: 'You exceeded your current quota, please check your plan',
          status: 'RESOURCE_EXHAUSTED',
        },
      },
      'upstream_rate_limited',
    ],
    [
      429,
      { error: { code: 'RateLimitReached', message: 'Your requests have exceeded rate limit' } },
      'upstream_rate_limited',
    ],
    [
      400,
      {
        message:
          'The model returned the following errors: Input Tokens Exceeded: Number of input tokens exceeds maximum length.',
      },
      'context_overflow',
    ],
    [
      400,
      { error_type: 'TOO_MANY_TOKENS', message: 'too many tokens: size limit exceeded by 25836 tokens.' },
      'context_overflow',
    ],
    [
      400,
      {
        error: {
          message: 'prompt too long; exceeded max context length by 1119046 tokens',
          type: 'invalid_request_error',
        },
      },
      'context_overflow',
    ],
    [
      400,
      {
        error: { message: 'The total length of all messages is too long.', type: 'too_many_prompt_tokens', code: 400 },
      },
      'context_overflow',
    ],
    [
      400,
      [
        {
          error: {
            code: 400,
            message: 'The input token count (1250074) exceeds the maximum number of tokens allowed (1048576).',
          },
        },
      ],
      'context_overflow',
    ],
    [502, '<html><body>Bad Gateway at 10.0.0.7</body></html>', 'upstream_error'],
    [500, '', 'upstream_error'],
    [400, 'null', 'upstream_invalid'],
    [400, '{"error":null}', 'upstream_invalid'],
    [418, '"teapot"', 'upstream_invalid'],
    [500, Buffer.alloc(300_000, 0x61), 'upstream_error'],
    [500, Buffer.from([0xff, 0xfe, 0x00]), 'upstream_error'],
  ];

  for (const [status, body, code] of rows) {
    for (const decode of [chat.decodeFault, messages.decodeFault]) {
      const fault = decode(response(status, body));
      assert.equal(fault.code, code, `${status} ${JSON.stringify(body)?.slice(0, 200)}`);
      assert.equal(fault.upstreamStatus, status);
    }
  }
});

test('errors inside streams are named by their words or their number', () => {
  const rows: [unknown, FaultCode][] = [
    [anthropicError('overloaded_error'), 'upstream_overloaded'],
    [anthropicError('rate_limit_error'), 'upstream_rate_limited'],
    [anthropicError('api_error'), 'upstream_error'],
    [anthropicError('invalid_request_error'), 'upstream_invalid'],
    [{ error: { message: 'x', code: 429 } }, 'upstream_rate_limited'],
    [{ error: { message: 'x', code: 502 } }, 'upstream_error'],
    [{ error: { message: 'x', type: 'server_error' } }, 'upstream_error'],
    [{ error: 'x' }, 'upstream_error'],
    [undefined, 'upstream_error'],
    [7, 'upstream_error'],
  ];

  for (const [body, code] of rows) assert.equal(chat.decodeStreamFault(body).code, code, JSON.stringify(body));
});

test('no error body makes decoding throw or shows more than a bounded message', () => {
  const status = fc.integer({ min: 400, max: 599 });
  const body = fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map(bytes => Buffer.from(bytes)),
    fc.json().map(text => Buffer.from(text)),
    fc.json().map(text => Buffer.from(`{"error":${text}}`)),
    fc.string({ maxLength: 3000 }).map(text => Buffer.from(JSON.stringify({ error: { message: text } }))),
  );
  fc.assert(
    fc.property(status, body, (code, bytes) => {
      const fault = chat.decodeFault(response(code, bytes));

      assert.ok(fault instanceof Fault);
      assert.ok(fault.message.length > 0 && fault.message.length <= 600);
    }),
  );
});

test('what looks like a key or an account is removed from a message', () => {
  const rows: [string, string][] = [
    ['bad sk-proj-abc123DEF456 here', 'bad [removed] here'],
    ['key sk-ab***********xyz1 is wrong', 'key [removed] is wrong'],
    ['limit for org-Ab12Cd34Ef56 reached', 'limit for [removed] reached'],
    ['sent Authorization: Bearer abcdef.ghi', 'sent Authorization: [removed]'],
    ['token eyJhbGciOiJI.eyJzdWIiOiIx.sig done', 'token [removed] done'],
    ['id 0123456789abcdef0123456789abcdef!', 'id [removed]!'],
    ['id Ab3_Ab3-Ab3_Ab3-Ab3_Ab3-Ab3_Ab3-Ab3_Ab3-!', 'id [removed]!'],
    ['gpt-4o-mini-2024-07-18-with-a-long-name-of-its-own', 'gpt-4o-mini-2024-07-18-with-a-long-name-of-its-own'],
    ['see https://user:pw@host/x now', 'see [removed] now'],
    [
      "Unsupported parameter: 'user_location_type' and max_tokens",
      "Unsupported parameter: 'user_location_type' and max_tokens",
    ],
    ['two\nlines\u0000and more', 'two lines and more'],
  ];

  for (const [given, expected] of rows) {
    assert.equal(chat.decodeFault(response(400, openaiError('invalid_request_error', null, given))).message, expected);
  }
});

test("a refused credential of ours is never the client's 401, and says nothing of the provider's", () => {
  const fault = chat.decodeFault(
    response(401, openaiError('x', 'invalid_api_key', 'Incorrect API key: sk-a1b2c3d4e5')),
  );

  assert.equal(fault.message, 'The provider refused our credential.');
  assert.equal(chat.encodeFault(fault, context).status, 502);
  assert.equal(messages.encodeFault(fault, context).status, 502);
});

test('the time to wait is read from every form and never invented', () => {
  const rows: [number, FaultResponse['headers'], number | undefined][] = [
    [429, { 'retry-after': '7' }, 7000],
    [429, { 'retry-after': '0.5' }, 500],
    [429, { 'retry-after-ms': '1250.5', 'retry-after': '9' }, 1251],
    [429, { 'x-ms-retry-after-ms': '40' }, 40],
    [503, { 'retry-after': 'Fri, 20 Nov 2026 12:00:30 GMT' }, 30_000],
    [503, { 'retry-after': 'Fri, 20 Nov 2026 11:00:00 GMT' }, 0],
    [503, { 'retry-after': ['3', '4'] }, 3000],
    [429, { 'retry-after': '999999999' }, 86_400_000],
    [429, { 'retry-after': '-1' }, undefined],
    [429, { 'retry-after': 'soon' }, undefined],
    [429, { 'retry-after': '' }, undefined],
    [429, { 'x-ratelimit-remaining-tokens': '0', 'x-ratelimit-reset-tokens': '6m0s' }, 360_000],
    [429, { 'x-ratelimit-remaining-requests': '0', 'x-ratelimit-reset-requests': '6ms' }, 6],
    [429, { 'x-ratelimit-remaining-requests': '5', 'x-ratelimit-reset-requests': '6s' }, undefined],
    [
      429,
      { 'anthropic-ratelimit-tokens-remaining': '0', 'anthropic-ratelimit-tokens-reset': '2026-11-20T12:00:10Z' },
      10_000,
    ],
    [529, { 'x-ratelimit-remaining-tokens': '0', 'x-ratelimit-reset-tokens': '6s' }, undefined],
    [529, {}, undefined],
  ];

  for (const [status, headers, expected] of rows) {
    assert.equal(chat.decodeFault(response(status, '{}', headers)).retryAfterMs, expected, JSON.stringify(headers));
  }
});

test('clients of messages know an overflow by its words', () => {
  const shown = (message: string) => {
    const fault = chat.decodeFault(
      response(400, openaiError('invalid_request_error', 'context_length_exceeded', message)),
    );
    return JSON.parse(messages.encodeFault(fault, context).body.toString()).error.message;
  };

  assert.equal(
    shown("This model's maximum context length is 8192 tokens. However, your messages resulted in 10000 tokens."),
    'prompt is too long: 10000 tokens > 8192 maximum',
  );
  assert.equal(
    shown('Your input exceeds the context window of this model.'),
    'prompt is too long: Your input exceeds the context window of this model.',
  );
  assert.equal(shown('prompt is too long: 5 tokens > 4 maximum'), 'prompt is too long: 5 tokens > 4 maximum');
});
