import assert from 'node:assert/strict';
import { after, before, beforeEach, suite, test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { Ajv2020 } from 'ajv/dist/2020.js';
import OpenAI from 'openai';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import { acmeKey, declareSupply, providerKey } from './support/declare-supply.ts';
import { anthropicClient, openAiClient, type RealClient, type Told, type Tool } from './support/real-clients.ts';
import { type Carrier, startCarrier } from './support/start-carrier.ts';
import { until } from './support/until.ts';

const poorKey = 'poor-secret-poor-secret-poor-secret-poor-0';
const narrowKey = 'narrow-secret-narrow-secret-narrow-secret-0';

let emulator: Emulator;
let carrier: Carrier;

before(async () => {
  emulator = await startEmulator({ apiKeys: [providerKey] });
  const { yaml, env } = declareSupply({ emulatorUrl: emulator.url });
  carrier = await startCarrier({ yaml, env: { ...env, POOR_KEY: poorKey, NARROW_KEY: narrowKey } });
  // A tenth of a cent is less than either model's longest answer costs, and more than a short one.
  await carrier.apply(
    [
      'organisations:',
      '  acme:',
      '    projects:',
      '      poor:',
      '        keys: { only: { secret: env:POOR_KEY } }',
      '        allow: [ "openai/gpt-5", "anthropic/claude-sonnet-5" ]',
      '        budget: { limit: "0.001", period: total, hard: true }',
      '      narrow:',
      '        keys: { only: { secret: env:NARROW_KEY } }',
      '        allow: [ "acme/*" ]',
      '',
    ].join('\n'),
  );
});
after(() => emulator.stop());
beforeEach(() => {
  emulator.clearRequests();
  emulator.replaceRules([]);
});

const models = { 'openai-chat': 'openai/gpt-5', 'anthropic-messages': 'anthropic/claude-sonnet-5' } as const;
const deployments = { 'openai-chat': 'gpt-5-us', 'anthropic-messages': 'sonnet-eu' } as const;
type Dialect = keyof typeof models;

const weather: Tool = {
  name: 'weather',
  schema: {
    type: 'object',
    properties: {
      city: { type: 'string', minLength: 3 },
      unit: { enum: ['celsius', 'fahrenheit'] },
      days: { type: 'integer', minimum: 1, maximum: 7 },
    },
    required: ['city', 'unit', 'days'],
    additionalProperties: false,
  },
};
const tides: Tool = { ...weather, name: 'tides' };
const now: Tool = { name: 'now', schema: { type: 'object', properties: {} } };
const isWeather = new Ajv2020().compile(weather.schema);

const finishes = {
  'openai-chat': { end: 'stop', length: 'length', calls: 'tool_calls', stop: 'stop' },
  'anthropic-messages': { end: 'end_turn', length: 'max_tokens', calls: 'tool_use', stop: 'stop_sequence' },
} as const;

/** Without the id, which is new for each answer across dialects where the provider's own does not fit. */
function callOf(call: Told['calls'][number]) {
  return [call.name, call.input];
}

/** The exchange as the management API shows it, once its journal record has reached the ledger. */
function booked(exchange: string) {
  return until(`exchange ${exchange} is in the ledger`, async () => {
    const { status, json } = await carrier.api('GET', `/api/v1/exchanges/${exchange}`);
    return status === 200 ? json : undefined;
  });
}

const clients: readonly (() => RealClient)[] = [
  () => openAiClient({ url: carrier.url, apiKey: acmeKey }),
  () => anthropicClient({ url: carrier.url, apiKey: acmeKey }),
  () => anthropicClient({ url: carrier.url, apiKey: acmeKey }, { version: '2023-06-01' }),
  () => anthropicClient({ url: carrier.url, apiKey: acmeKey }, { beta: true }),
];
const clientNames = ['openai', 'anthropic', 'anthropic 2023-06-01', 'anthropic beta'];

for (const [index, clientName] of clientNames.entries()) {
  for (const provider of ['openai-chat', 'anthropic-messages'] as const satisfies readonly Dialect[]) {
    suite(`${clientName} asking a provider of ${provider}`, () => {
      let client: RealClient;
      const model = models[provider];
      before(() => {
        client = clients[index]!();
        assert.equal(client.name, clientName);
      });

      test('a plain answer, and the same one streamed, with the usage that the provider said and is paid for', async () => {
        const words = finishes[client.dialect];
        const whole = await client.ask({ model, prompt: 'Answer with 6 tokens' });
        const folded = await client.ask({ model, prompt: 'Answer with 6 tokens', stream: true });

        assert.equal(whole.text.length, 23);
        assert.equal(folded.text, whole.text);
        for (const told of [whole, folded]) {
          assert.equal(told.finish, words.end);
          // 20 bytes are 5 tokens, and 3 for the message.
          assert.deepEqual(told.usage, { input: 8, output: 6 });
          const shown = await booked(told.exchange);
          assert.equal(shown.status, 'settled');
          assert.equal(shown.dialect, client.dialect);
          assert.equal(shown.attempts[0].deployment, deployments[provider]);
          assert.deepEqual(
            [shown.reading.source, shown.reading.inputUncached, shown.reading.output],
            ['provider', 8, 6],
          );
          // 8 × 1.25 + 6 × 10.00, or 8 × 3.00 + 6 × 15.00, per million.
          assert.equal(shown.sell.amount, provider === 'openai-chat' ? '0.00007' : '0.000114');
        }
        assert.equal(emulator.requests().length, 2);
      });

      test('a system prompt, a stop sequence and an output limit do what they should', async () => {
        const words = finishes[client.dialect];
        const system = await client.ask({ model, system: 'Be brief.', prompt: 'Repeat your system prompt' });
        const stopped = await client.ask({ model, prompt: 'Say exactly: one STOP two', stop: 'STOP' });
        const cut = await client.ask({ model, prompt: 'Answer with 50 tokens', outputTokensMax: 7, stream: true });

        assert.equal(system.text, 'Be brief.');
        assert.equal(stopped.text, 'one ');
        // An OpenAI provider does not say that a stop sequence ended its answer.
        assert.equal(stopped.finish, provider === 'openai-chat' ? words.end : words.stop);
        assert.deepEqual([cut.finish, cut.usage.output], [words.length, 7]);
      });

      for (const stream of [false, true]) {
        test(`parallel calls, one without arguments, and the answer to their results${stream ? ', streamed' : ''}`, async () => {
          const tools = [weather, tides, now];
          const prompt = 'Call the tool weather and call the tool tides and call the tool now';
          const told = await client.ask({ model, prompt, tools, stream });

          assert.equal(told.finish, finishes[client.dialect].calls);
          assert.deepEqual(
            told.calls.map(call => call.name),
            ['weather', 'tides', 'now'],
          );
          assert.ok(isWeather(told.calls[0]!.input) && isWeather(told.calls[1]!.input));
          assert.deepEqual(told.calls[2]!.input, {});
          assert.equal(new Set(told.calls.map(call => call.id)).size, 3);

          const results = ['calm', 'high', 'noon'];
          const answered = await client.ask({ model, prompt: '', tools, stream, before: { told, results } });
          assert.equal(
            answered.text,
            'The tool weather answered: calm The tool tides answered: high The tool now answered: noon',
          );
          const shown = await booked(answered.exchange);
          assert.deepEqual(
            [shown.reading.inputUncached, shown.reading.output],
            [answered.usage.input, answered.usage.output],
          );
        });
      }

      test('whatever the answer, its stream folds to the whole of it', async () => {
        const tools = [weather, now];
        for (const question of [
          { prompt: 'Say exactly: naïve \u{1f600} 日本語 "quoted" \\\\ tab\\there' },
          { prompt: 'Answer with 0 tokens' },
          { prompt: 'Please refuse to answer' },
          { prompt: 'Answer with 700 tokens', outputTokensMax: 1_000 },
          { prompt: 'Answer with 40 tokens', outputTokensMax: 3 },
          { prompt: 'Call the tool now', tools },
          { prompt: 'Call the tool weather and call the tool weather', tools },
        ]) {
          const whole = await client.ask({ model, ...question });
          const folded = await client.ask({ model, ...question, stream: true });

          assert.deepEqual(
            [folded.text, folded.calls.map(callOf), folded.finish, folded.usage],
            [whole.text, whole.calls.map(callOf), whole.finish, whole.usage],
            question.prompt,
          );
        }
      });

      test('what the provider read from its cache is part of the input, at its own rate', async () => {
        emulator.script('report-input=100;cached=40;report-output=7');
        const told = await client.ask({ model, prompt: 'Hello', stream: true });

        const shown = await booked(told.exchange);
        const { reading, sell } = shown;
        if (provider === 'openai-chat') {
          // OpenAI's 100 include the cached 40: 60 × 1.25 + 40 × 0.125 + 7 × 10.00, per million.
          assert.deepEqual(told.usage, { input: 100, output: 7 });
          assert.deepEqual([reading.inputUncached, reading.cacheRead, reading.output], [60, 40, 7]);
          assert.equal(sell.amount, '0.00015');
        } else {
          // Anthropic's 100 do not: 100 × 3.00 + 40 × 0.30 + 7 × 15.00, per million.
          assert.deepEqual(told.usage, { input: 140, output: 7 });
          assert.deepEqual([reading.inputUncached, reading.cacheRead, reading.output], [100, 40, 7]);
          assert.equal(sell.amount, '0.000417');
        }
      });
    });
  }
}

/** What the provider does, and what each client raises for it, whichever dialect the provider speaks. A provider of the
 *  client's dialect is heard in its own words and with its own status. */
const providerErrors = [
  {
    script: 'status=400;message=temperature is out of range',
    own: 400,
    // What exactly is invalid is said by a word of the provider's, which means nothing elsewhere.
    openai: { error: OpenAI.BadRequestError, status: 400, code: null, ownCode: 'invalid_value' },
    anthropic: { error: Anthropic.BadRequestError, status: 400, type: 'invalid_request_error' },
  },
  {
    script: 'status=400;code=context_length_exceeded',
    own: 400,
    openai: { error: OpenAI.BadRequestError, status: 400, code: 'context_length_exceeded' },
    anthropic: { error: Anthropic.BadRequestError, status: 400, type: 'invalid_request_error' },
  },
  {
    script: 'status=429;retry-after=1',
    own: 429,
    openai: { error: OpenAI.RateLimitError, status: 429, code: 'rate_limit_exceeded' },
    anthropic: { error: Anthropic.RateLimitError, status: 429, type: 'rate_limit_error' },
  },
  {
    script: 'status=500',
    own: 500,
    openai: { error: OpenAI.InternalServerError, status: 502, code: null },
    anthropic: { error: Anthropic.InternalServerError, status: 502, type: 'api_error' },
  },
  {
    script: 'status=529',
    own: 529,
    openai: { error: OpenAI.InternalServerError, status: 503, code: null },
    anthropic: { error: Anthropic.OverloadedError, status: 529, type: 'overloaded_error' },
  },
  {
    // Our key is refused, not the client's.
    script: 'status=401',
    own: 502,
    openai: { error: OpenAI.InternalServerError, status: 502, code: null },
    anthropic: { error: Anthropic.InternalServerError, status: 502, type: 'api_error' },
  },
  {
    script: 'reset',
    own: 502,
    openai: { error: OpenAI.InternalServerError, status: 502, code: null },
    anthropic: { error: Anthropic.InternalServerError, status: 502, type: 'api_error' },
  },
] as const;

for (const provider of ['openai-chat', 'anthropic-messages'] as const) {
  for (const client of ['openai', 'anthropic'] as const) {
    for (const expected of providerErrors) {
      test(`${client} raises its own error when a provider of ${provider} does "${expected.script}"`, async () => {
        emulator.script(expected.script);

        const raised = await failure(askWith(client, acmeKey, models[provider]));

        const { error, status } = expected[client];
        const isOwn = (client === 'openai') === (provider === 'openai-chat');
        assert.ok(raised instanceof error, String(raised));
        assert.equal(raised.status, isOwn ? expected.own : status);
        const { code, ownCode = code }: { code: string | null; ownCode?: string | null } = expected.openai;
        if (client === 'openai') assert.equal(raised.code, isOwn ? ownCode : code);
        else assert.equal(raised.type, expected.anthropic.type);
        assert.equal(raised.headers.get('retry-after'), expected.script.includes('retry-after') ? '1' : null);
        if (expected.script.includes('code=context'))
          assert.match(raised.message, /exceeds the context|too long|maximum context length/);
      });
    }
  }
}

const plainQuestion = { key: acmeKey, model: 'openai/gpt-5', changes: {} };

/** What this carrier refuses itself, by what is not plain about the question. */
const ownErrors = [
  {
    what: 'a wrong key',
    key: 'wrong',
    fault: 'key_invalid',
    openai: { error: OpenAI.AuthenticationError, status: 401, code: 'invalid_api_key' },
    anthropic: { error: Anthropic.AuthenticationError, status: 401, type: 'authentication_error' },
  },
  {
    what: 'a model that the key may not use',
    key: narrowKey,
    fault: 'model_not_allowed',
    openai: { error: OpenAI.PermissionDeniedError, status: 403, code: null },
    anthropic: { error: Anthropic.PermissionDeniedError, status: 403, type: 'permission_error' },
  },
  {
    what: 'a model that nobody knows',
    model: 'acme/none',
    fault: 'model_not_found',
    openai: { error: OpenAI.NotFoundError, status: 404, code: 'model_not_found' },
    anthropic: { error: Anthropic.NotFoundError, status: 404, type: 'not_found_error' },
  },
  {
    what: 'a field of the wrong type',
    changes: { max_tokens: 'many' },
    fault: 'parameter_invalid',
    openai: { error: OpenAI.BadRequestError, status: 400, code: 'invalid_value' },
    anthropic: { error: Anthropic.BadRequestError, status: 400, type: 'invalid_request_error' },
  },
  {
    what: 'more output than the budget holds',
    key: poorKey,
    changes: { max_tokens: 5_000 },
    fault: 'budget_exhausted',
    openai: { error: OpenAI.RateLimitError, status: 429, code: 'insufficient_quota' },
    anthropic: { error: Anthropic.APIError, status: 402, type: 'billing_error' },
  },
] as const;

for (const client of ['openai', 'anthropic'] as const) {
  for (const { what, fault, ...expected } of ownErrors) {
    test(`${client} raises its own error for ${what}, and no provider is asked`, async () => {
      const { key, model, changes } = { ...plainQuestion, ...expected };
      const raised = await failure(askWith(client, key, model, changes));

      const { error, status } = expected[client];
      assert.ok(raised instanceof error, String(raised));
      assert.equal(raised.status, status);
      assert.equal(raised.headers.get('x-carrier-fault'), fault);
      if (client === 'openai') assert.equal(raised.code, expected.openai.code);
      else assert.equal(raised.type, expected.anthropic.type);
      assert.equal(emulator.requests().length, 0);
    });
  }
}

test('a client that retries by itself does not ask again what the budget has refused', async () => {
  let asked = 0;
  const counting: typeof fetch = (url, init) => {
    asked += 1;
    return fetch(url, init);
  };
  const openai = new OpenAI({ apiKey: poorKey, baseURL: `${carrier.url}/v1`, fetch: counting });
  const messages = [{ role: 'user' as const, content: 'Hello' }];

  const refused = openai.chat.completions.create({ model: 'openai/gpt-5', max_completion_tokens: 5_000, messages });

  await assert.rejects(refused, OpenAI.RateLimitError);
  assert.equal(asked, 1);
});

for (const provider of ['openai-chat', 'anthropic-messages'] as const) {
  for (const client of ['openai', 'anthropic'] as const) {
    test(`${client} raises an error in the middle of a stream from ${provider}, and what came is charged by estimate`, async () => {
      emulator.script('error-after=6;pace=5ms');
      const heard: string[] = [];

      const { exchange, texts } = await openStream(client, models[provider]);
      const raised = await failure(
        (async () => {
          for await (const text of texts) heard.push(text);
        })(),
      );

      assert.ok(raised instanceof (client === 'openai' ? OpenAI.APIError : Anthropic.APIError), String(raised));
      assert.ok(heard.length >= 2);
      const shown = await booked(exchange);
      assert.deepEqual([shown.status, shown.reading.source], ['estimated', 'estimated']);
      assert.ok(shown.reading.output >= 1);
    });

    test(`${client} aborts a stream from ${provider}: the provider is left at once, and what came is charged by estimate`, async () => {
      emulator.script('pace=20ms;tokens=400');
      const abort = new AbortController();
      const heard: string[] = [];

      const { exchange, texts } = await openStream(client, models[provider], abort.signal);
      for await (const text of texts) {
        heard.push(text);
        if (heard.length === 5) break;
      }
      abort.abort();

      const shown = await booked(exchange);
      assert.equal(shown.outcome, 'client_aborted');
      assert.deepEqual([shown.status, shown.reading.source], ['estimated', 'estimated']);
      assert.equal(shown.reading.rule, `bytes-per-token/1:${provider === 'openai-chat' ? 'openai' : 'anthropic'}`);
      // Five pieces of four bytes were heard; a few more may have been on their way.
      assert.ok(shown.reading.output >= 5 && shown.reading.output < 60, `${shown.reading.output} tokens`);
      assert.ok(Number(shown.sell.amount) > 0 && shown.sell.amount === shown.attempts[0].buy.amount);
      await until('the provider knows', () => emulator.requests()[0]!.answer.outcome === 'client-aborted' || undefined);
    });
  }
}

test('a stream from another dialect shows its usage only where the client asked for it', async () => {
  const openai = new OpenAI({ apiKey: acmeKey, baseURL: `${carrier.url}/v1`, maxRetries: 0 });
  const messages = [{ role: 'user' as const, content: 'Answer with 3 tokens' }];
  const body = { model: 'anthropic/claude-sonnet-5', messages, stream: true as const };
  const chunksOf = async (stream: AsyncIterable<OpenAI.ChatCompletionChunk>) => {
    const chunks: OpenAI.ChatCompletionChunk[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    return chunks;
  };
  const quiet = await chunksOf(await openai.chat.completions.create(body));
  const told = await chunksOf(
    await openai.chat.completions.create({ ...body, stream_options: { include_usage: true } }),
  );

  assert.ok(quiet.every(chunk => chunk.usage === undefined && chunk.choices.length === 1));
  assert.ok(told.slice(0, -1).every(chunk => chunk.usage === null && chunk.choices.length === 1));
  assert.deepEqual(told.at(-1)!.choices, []);
  assert.equal(told.at(-1)!.usage!.completion_tokens, 3);
});

test('what cannot be carried to another dialect is declared, refused when strict, and refused by name when it matters', async () => {
  const anthropic = new Anthropic({
    apiKey: acmeKey,
    baseURL: carrier.url,
    maxRetries: 0,
    defaultHeaders: { 'anthropic-version': '2023-06-01' },
  });
  const messages = [{ role: 'user' as const, content: 'Hello' }];
  const body = {
    model: 'openai/gpt-5',
    max_tokens: 20,
    messages,
    top_k: 5,
  } as Anthropic.MessageCreateParamsNonStreaming;

  const { response } = await anthropic.messages.create(body).withResponse();
  const strict = await failure(anthropic.messages.create(body, { headers: { 'x-carrier-strict': '1' } }));
  const upload = { type: 'container_upload' as const, file_id: 'file_1' };
  const unsupported = await failure(
    anthropic.messages.create({ ...body, messages: [{ role: 'user', content: [upload] }] }),
  );

  assert.equal(response.headers.get('x-carrier-loss'), 'top-k-unsupported;top_k');
  const shown = await booked(response.headers.get('x-carrier-exchange-id')!);
  assert.deepEqual(shown.losses, [{ action: 'dropped', code: 'top-k-unsupported', path: 'top_k' }]);
  assert.ok(strict instanceof Anthropic.BadRequestError, String(strict));
  assert.ok(unsupported instanceof Anthropic.BadRequestError, String(unsupported));
  assert.equal(strict.headers.get('x-carrier-fault'), 'loss_refused');
  assert.equal(unsupported.headers.get('x-carrier-fault'), 'translation_unsupported');
  assert.match(unsupported.message, /messages\.0\.content\.0/);
  assert.equal(emulator.requests().length, 1);
});

test('anthropic counts tokens with a provider that can, and is given an estimate when none can', async () => {
  const anthropic = new Anthropic({ apiKey: acmeKey, baseURL: carrier.url, maxRetries: 0 });
  const messages = [{ role: 'user' as const, content: 'Hello there' }];

  const counted = await anthropic.messages.countTokens({
    model: 'anthropic/claude-sonnet-5',
    system: 'Be brief.',
    messages,
  });

  assert.equal(counted.input_tokens, 9);
  const { data, response } = await anthropic.messages.countTokens({ model: 'openai/gpt-5', messages }).withResponse();
  // 77 bytes of JSON, four a token.
  assert.deepEqual(data, { input_tokens: 20 });
  assert.equal(response.headers.get('x-carrier-estimate'), 'bytes-per-token/1:openai');
});

test('both clients list the models that their key may use, and look one up', async () => {
  const openai = new OpenAI({ apiKey: acmeKey, baseURL: `${carrier.url}/v1`, maxRetries: 0 });
  const anthropic = new Anthropic({ apiKey: acmeKey, baseURL: carrier.url, maxRetries: 0 });
  const narrow = new OpenAI({ apiKey: narrowKey, baseURL: `${carrier.url}/v1`, maxRetries: 0 });
  const listed: string[] = [];
  for await (const model of openai.models.list()) listed.push(model.id);
  const paged: string[] = [];
  for await (const model of anthropic.models.list({ limit: 1 })) paged.push(model.id);

  assert.ok(listed.includes('openai/gpt-5') && listed.includes('anthropic/claude-sonnet-5'), listed.join());
  assert.deepEqual(paged.sort(), listed.sort());
  assert.equal((await openai.models.retrieve('openai/gpt-5')).id, 'openai/gpt-5');
  assert.equal((await anthropic.models.retrieve('openai/gpt-5')).id, 'openai/gpt-5');
  assert.deepEqual((await narrow.models.list()).data, []);
  await assert.rejects(openai.models.retrieve('acme/none'), OpenAI.NotFoundError);
  await assert.rejects(anthropic.models.retrieve('acme/none'), Anthropic.NotFoundError);
});

function askWith(client: 'openai' | 'anthropic', apiKey: string, model: string, changes: object = {}) {
  const messages = [{ role: 'user' as const, content: 'Hello' }];
  // The casts let wrong requests through.
  if (client === 'openai') {
    const openai = new OpenAI({ apiKey, baseURL: `${carrier.url}/v1`, maxRetries: 0 });
    return openai.chat.completions.create({ model, messages, ...changes } as OpenAI.ChatCompletionCreateParams);
  }
  const anthropic = new Anthropic({ apiKey, baseURL: carrier.url, maxRetries: 0 });
  return anthropic.messages.create({ model, max_tokens: 20, messages, ...changes } as Anthropic.MessageCreateParams);
}

interface OpenStream {
  readonly exchange: string;
  readonly texts: AsyncIterable<string>;
}

async function openStream(client: 'openai' | 'anthropic', model: string, signal?: AbortSignal): Promise<OpenStream> {
  const messages = [{ role: 'user' as const, content: 'Hello' }];
  const options = signal === undefined ? {} : { signal };
  if (client === 'openai') {
    const openai = new OpenAI({ apiKey: acmeKey, baseURL: `${carrier.url}/v1`, maxRetries: 0 });
    const { data, response } = await openai.chat.completions
      .create({ model, messages, stream: true }, options)
      .withResponse();
    const texts = (async function* () {
      for await (const chunk of data) {
        const text = chunk.choices[0]?.delta.content ?? '';
        if (text !== '') yield text;
      }
    })();
    return { exchange: response.headers.get('x-carrier-exchange-id')!, texts };
  }
  const anthropic = new Anthropic({ apiKey: acmeKey, baseURL: carrier.url, maxRetries: 0 });
  const { data, response } = await anthropic.messages
    .create({ model, max_tokens: 2_000, messages, stream: true }, options)
    .withResponse();
  const texts = (async function* () {
    for await (const event of data) {
      if (event.type === 'content_block_delta' && event.delta.type === 'text_delta') yield event.delta.text;
    }
  })();
  return { exchange: response.headers.get('x-carrier-exchange-id')!, texts };
}

// The classes of the two clients have these in common.
type Raised = Error & {
  readonly status: number;
  readonly headers: Headers;
  readonly code?: string | null;
  readonly type?: string;
};

async function failure(asked: Promise<unknown>): Promise<Raised> {
  try {
    await asked;
  } catch (error) {
    // The clients raise nothing but errors.
    return error as Raised;
  }
  return assert.fail('the call went well');
}
