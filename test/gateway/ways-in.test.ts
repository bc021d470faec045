import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, suite, test } from 'node:test';
import { digestOf, secret, startGateway, type TestGateway } from '../support/gateway.ts';

const narrow = 'cck_narrow01_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG';

const awsCredential = JSON.stringify({
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: 'secret-of-aws',
  region: 'eu-central-1',
});

interface Told {
  readonly error?: { readonly code?: unknown; readonly type?: unknown; readonly status?: unknown };
  readonly message?: unknown;
}

interface Asked {
  readonly url: string;
  readonly body: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

suite('the ways in', () => {
  let gateway: TestGateway;
  const asked: Asked[] = [];
  let counted: { readonly status: number; readonly body: string };
  const provider = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray()).toString();
    asked.push({ url: request.url ?? '', body, headers: request.headers });
    response.writeHead(counted.status, { 'content-type': 'application/json' }).end(counted.body);
  });

  before(async () => {
    await new Promise<void>(resolve => provider.listen(0, '127.0.0.1', resolve));
    const baseUrl = `http://127.0.0.1:${(provider.address() as AddressInfo).port}`;
    gateway = await startGateway({
      snapshot: {
        keys: [
          { id: 'test0001', digest: digestOf(secret) },
          { id: 'narrow01', digest: digestOf(narrow), allow: ['google/*'] },
        ],
        providers: [
          { name: 'google', kind: 'gemini', dialects: ['gemini'], baseUrl },
          { name: 'openai', kind: 'openai', dialects: ['openai-chat', 'openai-responses'], baseUrl: `${baseUrl}/v1` },
          { name: 'aws', kind: 'bedrock', dialects: ['bedrock-converse'], baseUrl },
          { name: 'claude', kind: 'anthropic', dialects: ['anthropic-messages'], baseUrl },
        ],
        deployments: [
          {
            id: 'gem',
            provider: 'google',
            model: 'google/gemini-3',
            contextTokensMax: 1_000_000,
            outputTokensMax: 65_536,
          },
          { id: 'gpt', provider: 'openai', model: 'openai/gpt-5' },
          { id: 'nova', provider: 'aws', model: 'amazon/nova' },
          { id: 'claude', provider: 'claude', model: 'anthropic/claude' },
        ],
        routes: [{ name: 'smart', candidates: [{ deployment: 'gem' }, { deployment: 'gpt' }] }],
      },
      ports: { credential: name => (name === 'aws' ? awsCredential : 'sk-provider-credential') },
    });
  });
  after(async () => {
    await gateway.stop();
    provider.closeAllConnections();
    provider.close();
  });

  async function ask(path: string, headers: Record<string, string>, body?: object) {
    const answer = await fetch(`${gateway.url}${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    const header = (name: string) => answer.headers.get(`x-carrier-${name}`);
    return {
      status: answer.status,
      fault: header('fault'),
      estimate: header('estimate'),
      json: JSON.parse(text),
      text,
    };
  }
  const key = { 'x-api-key': secret };

  test('a key is found wherever an SDK puts it, and the first of these places counts', async () => {
    const status = async (headers: Record<string, string>, query = '') =>
      (await ask(`/v1/models${query}`, headers)).status;
    const bearer = (text: string) => ({ authorization: `Bearer ${text}` });

    assert.equal(await status(bearer(secret)), 200);
    assert.equal(await status({ authorization: `bearer   ${secret} ` }), 200);
    assert.equal(await status(key), 200);
    assert.equal(await status({ 'x-goog-api-key': secret }), 200);
    assert.equal(await status({}, `?key=${secret}`), 200);
    assert.equal(await status({ authorization: 'Basic abc', ...key }), 200);

    const order: readonly Record<string, string>[] = [
      bearer('wrong'),
      { 'x-api-key': 'wrong' },
      { 'x-goog-api-key': 'wrong' },
    ];
    const right: readonly Record<string, string>[] = [bearer(secret), key, { 'x-goog-api-key': secret }];
    for (const [first, headers] of right.entries()) {
      for (const [second, wrong] of order.entries()) {
        if (first === second) continue;
        assert.equal(await status({ ...wrong, ...headers }), first < second ? 200 : 401, `${first} and ${second}`);
      }
      assert.equal(await status(order[first]!, `?key=${secret}`), 401);
      assert.equal(await status(headers, '?key=wrong'), 200);
    }
  });

  test('a wrong key is refused in the form and with the status of each API', async () => {
    const cases: readonly (readonly [string, number, (json: Told) => unknown])[] = [
      ['/v1/chat/completions', 401, json => json.error?.code],
      ['/v1/responses', 401, json => json.error?.code],
      ['/v1/messages', 401, json => json.error?.type],
      ['/v1beta/models/gemini-3:generateContent', 400, json => json.error?.status],
      ['/v1beta/models/gemini-3:countTokens', 400, json => json.error?.status],
      ['/v2/chat', 401, json => typeof json.message],
      ['/model/nova/converse', 401, json => typeof json.message],
    ];
    const words: unknown[] = [];
    for (const [path, status, word] of cases) {
      const answer = await ask(path, { authorization: 'Bearer wrong' }, {});
      assert.deepEqual([answer.status, answer.fault], [status, 'key_invalid'], path);
      words.push(word(answer.json));
    }
    assert.deepEqual(words, [
      'invalid_api_key',
      'invalid_api_key',
      'authentication_error',
      'INVALID_ARGUMENT',
      'INVALID_ARGUMENT',
      'string',
      'string',
    ]);
  });

  test('models are listed in the shape of the API, as far as the key may use them', async () => {
    const names = async (path: string, headers: Record<string, string>, of: (json: never) => string[]) =>
      of((await ask(path, headers)).json as never);
    const openAi = (json: { data: { id: string }[] }) => json.data.map(({ id }) => id);
    const google = (json: { models: { name: string }[] }) => json.models.map(({ name }) => name);
    const all = ['amazon/nova', 'anthropic/claude', 'google/gemini-3', 'openai/gpt-5', 'smart'];

    assert.deepEqual(await names('/v1/models', key, openAi), all);
    assert.deepEqual(await names('/v1/models', { ...key, 'anthropic-version': '2023-06-01' }, openAi), all);
    assert.deepEqual(await names('/v1/models', { ...key, 'x-fern-sdk-name': 'cohere-ai' }, google), all);
    for (const path of ['/v1beta/models', '/v1beta/models?pageSize=1000&pageToken=']) {
      assert.deepEqual(
        await names(path, key, google),
        all.map(name => `models/${name}`),
      );
    }
    assert.deepEqual(await names('/v1/models', { ...key, 'x-goog-api-client': 'genai-js/3' }, google), [
      ...all.map(name => `models/${name}`),
    ]);
    assert.deepEqual(await names('/v1beta/models', { 'x-goog-api-key': narrow }, google), ['models/google/gemini-3']);
    assert.deepEqual(await names('/v1/models?endpoint=embed', { ...key, 'x-fern-sdk-name': 'cohere' }, google), []);
  });

  test('Gemini’s list comes in pages, and a model says what it takes where that is known', async () => {
    const first = await ask('/v1beta/models?pageSize=2', key);
    const second = await ask(`/v1beta/models?pageSize=2&pageToken=${first.json.nextPageToken}`, key);
    const third = await ask(`/v1beta/models?pageSize=2&pageToken=${second.json.nextPageToken}`, key);

    const pages = [first, second, third].map(({ json }) => json.models.map(({ name }: { name: string }) => name));
    assert.deepEqual(pages, [
      ['models/amazon/nova', 'models/anthropic/claude'],
      ['models/google/gemini-3', 'models/openai/gpt-5'],
      ['models/smart'],
    ]);
    assert.equal(third.json.nextPageToken, undefined);
    for (const query of ['pageSize=0', 'pageSize=x', 'pageSize=1001', 'pageToken=%25%25']) {
      assert.deepEqual([(await ask(`/v1beta/models?${query}`, key)).fault], ['parameter_invalid'], query);
    }
    assert.deepEqual((await ask('/v1beta/models/models%2Fgemini-3', key)).json, {
      name: 'models/google/gemini-3',
      baseModelId: 'google/gemini-3',
      version: '1',
      displayName: 'google/gemini-3',
      inputTokenLimit: 1_000_000,
      outputTokenLimit: 65_536,
      supportedGenerationMethods: ['generateContent', 'streamGenerateContent', 'countTokens'],
    });
    const route = (await ask('/v1beta/models/smart', key)).json;
    assert.deepEqual([route.inputTokenLimit, route.outputTokenLimit], [undefined, 16_384]);
    const missing = await ask('/v1beta/models/nothing', key);
    assert.deepEqual([missing.status, missing.fault, missing.json.error.status], [404, 'model_not_found', 'NOT_FOUND']);
    assert.equal((await ask('/v1beta/models/openai/gpt-5', { 'x-goog-api-key': narrow })).fault, 'model_not_found');
  });

  const geminiBody = { contents: [{ role: 'user', parts: [{ text: 'hello' }] }] };
  const converse = { messages: [{ role: 'user', content: [{ text: 'hello' }] }] };

  test('tokens are counted by a deployment of the client’s dialect, at its own path and with its own credential', async () => {
    asked.length = 0;
    counted = { status: 200, body: '{"totalTokens":7,"cachedContentTokenCount":1}' };
    const goog = { 'x-goog-api-key': secret };
    const plain = await ask(`/v1beta/models/gemini-3:countTokens?key=${secret}`, {}, geminiBody);
    const generateContentRequest = {
      model: 'models/gemini-3',
      ...geminiBody,
      systemInstruction: { parts: [{ text: 's' }] },
    };
    const whole = await ask('/v1beta/models/gemini-3:countTokens', goog, { generateContentRequest });
    counted = { status: 200, body: '{"object":"response.input_tokens","input_tokens":9}' };
    const responses = await ask('/v1/responses/input_tokens', key, { model: 'openai/gpt-5', input: 'hello' });
    counted = { status: 200, body: '{"inputTokens":5}' };
    const nova = await ask(
      '/model/amazon%2Fnova/count-tokens',
      { authorization: `Bearer ${secret}` },
      { input: { converse } },
    );

    assert.deepEqual(
      [plain.text, whole.text, responses.text, nova.text],
      [
        '{"totalTokens":7,"cachedContentTokenCount":1}',
        '{"totalTokens":7,"cachedContentTokenCount":1}',
        '{"object":"response.input_tokens","input_tokens":9}',
        '{"inputTokens":5}',
      ],
    );
    assert.deepEqual(
      asked.map(({ url, body }) => [url, JSON.parse(body)]),
      [
        ['/v1beta/models/gemini-3:countTokens', geminiBody],
        ['/v1beta/models/gemini-3:countTokens', { generateContentRequest }],
        ['/v1/responses/input_tokens', { model: 'gpt-5', input: 'hello' }],
        ['/model/nova/count-tokens', { input: { converse } }],
      ],
    );
    assert.equal(asked[0]?.headers['x-goog-api-key'], 'sk-provider-credential');
    assert.match(String(asked[3]?.headers['authorization']), /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\//);
    assert.doesNotMatch(JSON.stringify([asked, gateway.refused]), /cck_/);
    assert.equal(gateway.records.length, 0, 'counting costs nothing');
  });

  test('where nobody of the dialect counts, the answer is an estimate that says so, and never a 404', async () => {
    asked.length = 0;
    const others = [
      await ask('/v1beta/models/openai%2Fgpt-5:countTokens', key, geminiBody),
      await ask('/v1/responses/input_tokens', key, { model: 'google/gemini-3', input: 'hello' }),
      await ask('/model/anthropic%2Fclaude/count-tokens', key, { input: { converse } }),
    ];
    assert.deepEqual(asked, []);
    for (const { status, estimate } of others) {
      assert.equal(status, 200);
      assert.match(estimate ?? '', /^[a-z]/);
    }
    assert.deepEqual(
      others.map(({ json }) => Object.keys(json)),
      [['totalTokens'], ['object', 'input_tokens'], ['inputTokens']],
    );

    counted = { status: 404, body: '{"error":{"code":404,"message":"no such path","status":"NOT_FOUND"}}' };
    const gone = await ask('/v1beta/models/gemini-3:countTokens', key, geminiBody);
    assert.deepEqual([gone.status, typeof gone.json.totalTokens, gone.estimate !== null], [200, 'number', true]);
    counted = { status: 400, body: '{"message":"The provided model doesn\'t support counting tokens."}' };
    const unable = await ask('/model/amazon%2Fnova/count-tokens', key, { input: { converse } });
    assert.deepEqual([unable.status, typeof unable.json.inputTokens, unable.estimate !== null], [200, 'number', true]);
    counted = { status: 400, body: '{"message":"messages: must alternate"}' };
    assert.equal((await ask('/model/amazon%2Fnova/count-tokens', key, { input: { converse } })).status, 400);
  });

  test('a count that is asked for wrongly is refused by name', async () => {
    const cases: readonly (readonly [string, object, string])[] = [
      ['/model/amazon%2Fnova/count-tokens', {}, 'parameter_missing'],
      ['/model/amazon%2Fnova/count-tokens', { input: {} }, 'parameter_missing'],
      ['/model/amazon%2Fnova/count-tokens', { input: { invokeModel: { body: 'e30=' } } }, 'parameter_invalid'],
      ['/model/nothing/count-tokens', { input: { converse } }, 'model_not_found'],
      ['/v1beta/models/gemini-3:countTokens', { generateContentRequest: 7 }, 'parameter_invalid'],
      ['/v1/responses/input_tokens', { input: 'hello' }, 'parameter_missing'],
    ];
    for (const [path, body, fault] of cases) {
      assert.equal((await ask(path, key, body)).fault, fault, `${path} ${JSON.stringify(body)}`);
    }
    const get = await ask('/v1beta/models/gemini-3:countTokens', key);
    assert.deepEqual([get.status, get.fault], [405, 'method_not_allowed']);
  });
});
