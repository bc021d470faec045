import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { eventsOf, send } from '../../../test/support/emulator-client.ts';
import { type Emulator, startEmulator } from '../emulator.ts';

const weather = {
  type: 'object',
  properties: { city: { const: 'Kiel' }, days: { const: 2 }, notes: { const: ['wind'] }, dry: { const: false } },
  required: ['city', 'days', 'notes', 'dry'],
};
const schema = { type: 'OBJECT', properties: { city: { type: 'STRING', enum: ['Kiel'] } }, required: ['city'] };
const tools = [
  {
    functionDeclarations: [
      { name: 'weather', parametersJsonSchema: weather },
      { name: 'tides', parameters: schema },
    ],
  },
];
const user = (text: string) => ({ role: 'user', parts: [{ text }] });

suite('generateContent', () => {
  let emulator: Emulator;

  before(async () => {
    emulator = await startEmulator({ models: undefined });
  });
  after(() => emulator.stop());

  interface Generated {
    readonly status: number;
    readonly headers: Headers;
    readonly text: string;
  }

  function call(model: string, method: string, body: unknown, script?: string): Promise<Generated> {
    const headers: Record<string, string> = { 'x-goog-api-key': 'key' };
    if (script !== undefined) headers['x-carrier-emulate'] = script;
    return send(emulator, `/v1beta/models/${model}:${method}`, body, headers);
  }

  const whole = async (model: string, body: unknown, script?: string) =>
    JSON.parse((await call(model, 'generateContent', body, script)).text);
  const events = async (model: string, body: unknown, script?: string) =>
    eventsOf((await call(model, 'streamGenerateContent?alt=sse', body, script)).text);
  const list = async (model: string, body: unknown, script?: string) =>
    JSON.parse((await call(model, 'streamGenerateContent', body, script)).text);

  interface Candidate {
    readonly index: number;
    // biome-ignore lint/suspicious/noExplicitAny: what JSON.parse gave.
    readonly parts: any[];
    rest: object;
  }

  /** The whole answer of a stream: neighbouring texts of one kind are one part. */
  // biome-ignore lint/suspicious/noExplicitAny: what JSON.parse gave.
  function fold(chunks: readonly any[]): unknown {
    const last = chunks.at(-1);
    const candidates = new Map<number, Candidate>();
    for (const { candidates: said } of chunks) {
      for (const { content, index, ...rest } of said ?? []) {
        const known: Candidate = candidates.get(index) ?? { index, parts: [], rest: {} };
        candidates.set(index, known);
        known.rest = { ...known.rest, ...rest };
        for (const part of content?.parts ?? []) {
          const before = known.parts.at(-1);
          const joins = before?.['text'] !== undefined && part.text !== undefined && before['thought'] === part.thought;
          if (joins)
            known.parts[known.parts.length - 1] = { ...before, ...part, text: `${before['text']}${part.text}` };
          else known.parts.push(part);
        }
      }
    }
    const folded = [...candidates.values()].map(({ index, parts, rest }) => ({
      ...(parts.length === 0 ? {} : { content: { parts, role: 'model' } }),
      ...rest,
      index,
    }));
    return { ...last, ...(folded.length === 0 ? {} : { candidates: folded }) };
  }

  test('a plain answer has its text and its usage, thoughts apart', async () => {
    const answer = await whole('gemini-2.5-flash', {
      contents: [user('Answer with 5 tokens')],
      systemInstruction: { parts: [{ text: 'Be kind.' }] },
    });

    assert.equal(answer.candidates[0].content.parts[0].text.length, 19);
    assert.deepEqual(
      [answer.candidates[0].finishReason, answer.candidates[0].content.role, answer.modelVersion],
      ['STOP', 'model', 'gemini-2.5-flash'],
    );
    assert.deepEqual(answer.usageMetadata, {
      promptTokenCount: 10,
      candidatesTokenCount: 5,
      totalTokenCount: 47,
      promptTokensDetails: [{ modality: 'TEXT', tokenCount: 10 }],
      thoughtsTokenCount: 32,
    });
  });

  test('both forms of a stream fold to the whole answer', async () => {
    const png = { inlineData: { mimeType: 'image/png', data: 'iVBORw0KGgo=' } };
    for (const body of [
      { contents: [user('Tell me of the sea')] },
      { contents: [user('Please refuse to answer')] },
      { contents: [user('Call the tool weather and call the tool tides')], tools },
      { contents: [user('Think of it')], generationConfig: { thinkingConfig: { includeThoughts: true } } },
      { contents: [user('Answer with 90 tokens')], generationConfig: { maxOutputTokens: 70, candidateCount: 2 } },
      { contents: [{ parts: [png, { text: 'What is it?' }] }] },
    ]) {
      for (const model of ['gemini-3.1-pro', 'gemini-2.5-flash', 'sandbox']) {
        const answer = await whole(model, body);
        assert.deepEqual(fold(await events(model, body)), answer, `${model} ${JSON.stringify(body)}`);
        assert.deepEqual(await list(model, body), await events(model, body));
      }
    }
  });

  test('names may be in snake_case, and numbers text', async () => {
    const camel = { contents: [user('Hello')], generationConfig: { maxOutputTokens: 40, topK: 3 } };
    const snake = { contents: [user('Hello')], generation_config: { max_output_tokens: '40', top_k: '3' } };

    assert.deepEqual(await whole('m', snake), await whole('m', camel));
  });

  test('SSE ends its events with CRLF; the list is chunked JSON', async () => {
    const body = { contents: [user('Answer with 9 tokens')] };
    const sse = await call('m', 'streamGenerateContent?alt=sse', body);
    const array = await call('m', 'streamGenerateContent', body);

    assert.equal(sse.headers.get('content-type'), 'text/event-stream');
    assert.match(sse.text, /^(?:data: \{.*\}\r\n\r\n)+$/);
    assert.equal(array.headers.get('content-type'), 'application/json; charset=UTF-8');
    assert.equal(array.headers.get('content-length'), null);
    assert.equal(JSON.parse(array.text).length, 3);
    assert.equal(sse.headers.get('x-request-id'), null);
  });

  test('calls carry conforming arguments, and ids with Gemini 3 alone', async () => {
    const body = { contents: [user('Call the tool weather and call the tool tides')], tools };
    const newer = (await whole('gemini-3-flash', body)).candidates[0];
    const older = (await whole('gemini-2.5-flash', body)).candidates[0];

    const calls = newer.content.parts.map((part: Record<string, Record<string, unknown>>) => part['functionCall']);
    assert.deepEqual(
      calls.map(({ name, args }: Record<string, unknown>) => [name, args]),
      [
        ['weather', { city: 'Kiel', days: 2, notes: ['wind'], dry: false }],
        ['tides', { city: 'Kiel' }],
      ],
    );
    assert.match(calls[0].id, /^[0-9a-f]{8}$/);
    assert.equal(older.content.parts[0].functionCall.id, undefined);
    assert.equal(newer.finishReason, 'STOP');
    assert.deepEqual(
      newer.content.parts.map((part: { thoughtSignature?: string }) => part.thoughtSignature !== undefined),
      [true, false],
    );
  });

  const response = (name: string, value: object) => ({ functionResponse: { name, response: value } });

  test('results are answered, and signatures of this turn must come back with Gemini 3', async () => {
    const model = 'gemini-3-flash';
    const asked = user('Call the tool weather and call the tool tides');
    const { content } = (await whole(model, { contents: [asked], tools })).candidates[0];
    const results = { role: 'user', parts: [response('weather', { output: 'calm' }), response('tides', { high: 1 })] };
    const replay = (parts: unknown, more: object[] = [results], of = model) =>
      call(of, 'generateContent', { contents: [asked, { role: 'model', parts }, ...more], tools });

    const answered = JSON.parse((await replay(content.parts)).text);
    assert.equal(
      answered.candidates[0].content.parts[0].text,
      'The tool weather answered: calm The tool tides answered: {"high":1}',
    );
    const bare = content.parts.map(({ functionCall }: { functionCall: object }) => ({ functionCall }));
    const missing = await replay(bare);
    assert.equal(missing.status, 400);
    assert.match(
      JSON.parse(missing.text).error.message,
      /is missing a thought_signature .* `default_api:weather` , position 2/s,
    );
    // Earlier turns need none, nor does an earlier generation.
    assert.equal((await replay(bare, [results, user('Go on')])).status, 200);
    assert.equal((await replay(bare, [results], 'gemini-2.5-flash')).status, 200);
    assert.equal(
      (await replay([{ ...bare[0], thoughtSignature: 'skip_thought_signature_validator' }, bare[1]])).status,
      200,
    );
    // Another model's is no good, nor is a changed one.
    assert.match((await replay(content.parts, [results], 'gemini-3-pro')).text, /Corrupted thought signature/);
    assert.match(
      (await replay([{ ...bare[0], thoughtSignature: 'AAAA' }, bare[1]])).text,
      /Corrupted thought signature/,
    );
  });

  test('a JSON schema is answered with a conforming text, in either spelling', async () => {
    const json = { responseMimeType: 'application/json' };
    const said = async (config: object) =>
      (await whole('m', { contents: [user('Weather')], generationConfig: { ...json, ...config } })).candidates[0]
        .content.parts[0].text;

    assert.equal(await said({ responseSchema: schema }), '{"city":"Kiel"}');
    assert.deepEqual(JSON.parse(await said({ responseJsonSchema: weather })).city, 'Kiel');
    assert.equal(typeof JSON.parse(await said({})), 'object');
  });

  test('thoughts are shown when asked for, and off where the model lets them', async () => {
    const think = async (model: string, thinkingConfig: object) => {
      const answer = await whole(model, { contents: [user('Hello')], generationConfig: { thinkingConfig } });
      const shown = answer.candidates[0].content.parts.some((part: { thought?: boolean }) => part.thought === true);
      return [shown, answer.usageMetadata.thoughtsTokenCount];
    };

    assert.deepEqual(await think('gemini-3-flash', { thinkingLevel: 'LOW', includeThoughts: true }), [true, 16]);
    assert.deepEqual(await think('gemini-2.5-flash', { thinkingBudget: 0 }), [false, undefined]);
    assert.deepEqual(await think('gemini-2.5-pro', { thinkingBudget: -1 }), [false, 32]);
    assert.deepEqual(await think('sandbox', { thinkingBudget: 9, includeThoughts: true }), [true, 9]);
  });

  test('a limit, a stop sequence and a script end the answer with their reasons', async () => {
    const reason = async (generationConfig: object, script?: string) => {
      const body = { contents: [user('Say exactly: one, two, three')], generationConfig };
      const { candidates } = await whole('m', body, script);
      return [candidates[0].finishReason, candidates[0].content?.parts[0].text];
    };

    assert.deepEqual(await reason({ maxOutputTokens: 1 }), ['MAX_TOKENS', 'one,']);
    assert.deepEqual(await reason({ stopSequences: [', t'] }), ['STOP', 'one']);
    assert.deepEqual(await reason({}, 'finish=RECITATION'), ['RECITATION', 'one, two, three']);
    const refused = (await whole('m', { contents: [user('Please refuse to answer')] })).candidates[0];
    assert.deepEqual([refused.finishReason, refused.content], ['SAFETY', undefined]);
  });

  test('a blocked prompt has no candidates', async () => {
    const body = { contents: [user('Hello')] };
    const answer = await whole('gemini-2.5-flash', body, 'blocked=PROHIBITED_CONTENT');

    assert.equal(answer.promptFeedback.blockReason, 'PROHIBITED_CONTENT');
    assert.equal('candidates' in answer, false);
    assert.deepEqual([answer.usageMetadata.promptTokenCount, answer.usageMetadata.totalTokenCount], [5, 5]);
    assert.deepEqual(await events('gemini-2.5-flash', body, 'blocked=PROHIBITED_CONTENT'), [answer]);
  });

  test('usage tells modalities and the cache apart; scripts rule it', async () => {
    const png = { inlineData: { mimeType: 'image/png', data: 'iVBORw0KGgo=' } };
    const body = { contents: [{ parts: [png, { text: 'Read 7 tokens from cache' }] }] };
    const { usageMetadata } = await whole('m', body);
    const scripted = await whole('m', body, 'report-input=50;cached=20;report-output=3;tier=ON_DEMAND_FLEX');

    assert.deepEqual(usageMetadata.promptTokensDetails, [
      { modality: 'TEXT', tokenCount: 9 },
      { modality: 'IMAGE', tokenCount: 85 },
    ]);
    assert.deepEqual([usageMetadata.promptTokenCount, usageMetadata.cachedContentTokenCount], [94, 7]);
    const { promptTokenCount, cachedContentTokenCount, candidatesTokenCount, trafficType } = scripted.usageMetadata;
    assert.deepEqual(
      [promptTokenCount, cachedContentTokenCount, candidatesTokenCount, trafficType],
      [50, 20, 3, 'ON_DEMAND_FLEX'],
    );
    assert.equal('usageMetadata' in (await whole('m', body, 'usage=none')), false);
  });

  test('log probabilities come when asked for', async () => {
    const answer = await whole('m', {
      contents: [user('Answer with 2 tokens')],
      generationConfig: { responseLogprobs: true, logprobs: 2 },
    });

    const { chosenCandidates, topCandidates } = answer.candidates[0].logprobsResult;
    assert.equal(
      chosenCandidates.map((token: { token: string }) => token.token).join(''),
      answer.candidates[0].content.parts[0].text,
    );
    assert.deepEqual(topCandidates[0].candidates.length, 2);
  });

  test('tokens are counted, in both forms of the question', async () => {
    const contents = [user('Answer with 5 tokens')];
    const asked = { generateContentRequest: { model: 'models/m', contents, systemInstruction: user('abcd') } };

    assert.equal(JSON.parse((await call('m', 'countTokens', { contents })).text).totalTokens, 8);
    assert.equal(JSON.parse((await call('m', 'countTokens', asked)).text).totalTokens, 9);
  });

  test('models are listed and looked up', async () => {
    const get = async (path: string) => {
      const answer = await fetch(emulator.url + path, { headers: { 'x-goog-api-key': 'key' } });
      return JSON.parse(await answer.text());
    };

    const listed = (await get('/v1beta/models')).models;
    assert.deepEqual(
      listed.map((model: { name: string }) => model.name),
      ['models/sandbox-small', 'models/sandbox-large'],
    );
    assert.equal((await get('/v1beta/models/gemini-3-pro')).thinking, true);
    assert.equal((await get('/v1/models')).models.length, 2);
  });

  test('Vertex has other paths, tokens for keys, traffic types and calls in pieces', async () => {
    const path = '/v1/projects/p/locations/eu/publishers/google/models/gemini-3-flash';
    const body = {
      contents: [user('Call the tool weather')],
      tools,
      toolConfig: { functionCallingConfig: { streamFunctionCallArguments: true } },
    };
    const answer = JSON.parse((await send(emulator, `${path}:generateContent`, body)).text);
    const chunks = eventsOf((await send(emulator, `${path}:streamGenerateContent?alt=sse`, body)).text);
    const refused = await call('gemini-3-flash', 'generateContent', body);

    assert.equal(answer.usageMetadata.trafficType, 'ON_DEMAND');
    assert.equal(answer.candidates[0].content.parts[0].functionCall.id, undefined);
    const parts = chunks.map(chunk => chunk.candidates[0].content.parts[0].functionCall);
    assert.deepEqual(parts, [
      { name: 'weather', willContinue: true },
      { partialArgs: [{ jsonPath: '$.city', stringValue: 'Kiel' }], willContinue: true },
      { partialArgs: [{ jsonPath: '$.days', numberValue: 2 }], willContinue: true },
      { partialArgs: [{ jsonPath: '$.notes[0]', stringValue: 'wind' }], willContinue: true },
      { partialArgs: [{ jsonPath: '$.dry', boolValue: false }], willContinue: true },
      {},
    ]);
    assert.match(JSON.parse(refused.text).error.message, /Unknown name "streamFunctionCallArguments"/);
  });

  test('keys are refused in the words of their door', async () => {
    const strict = await startEmulator({ apiKeys: ['right'] });
    const body = JSON.stringify({ contents: [user('Hello')] });
    const ask = async (path: string, headers: Record<string, string> = {}) => {
      const answer = await fetch(strict.url + path, { method: 'POST', body, headers });
      const { error } = JSON.parse(await answer.text());
      return [answer.status, error?.status, error?.details?.[0].reason];
    };
    const gemini = '/v1beta/models/m:generateContent';
    const vertex = '/v1/projects/p/locations/l/publishers/google/models/m:generateContent';
    try {
      assert.deepEqual(await ask(gemini), [403, 'PERMISSION_DENIED', undefined]);
      assert.deepEqual(await ask(vertex), [401, 'UNAUTHENTICATED', undefined]);
      assert.deepEqual(await ask(gemini, { 'x-goog-api-key': 'no' }), [400, 'INVALID_ARGUMENT', 'API_KEY_INVALID']);
      assert.deepEqual(await ask(`${gemini}?key=no`), [400, 'INVALID_ARGUMENT', 'API_KEY_INVALID']);
      assert.deepEqual(await ask(vertex, { authorization: 'Bearer no' }), [401, 'UNAUTHENTICATED', undefined]);
      assert.deepEqual(await ask(`${gemini}?key=right`), [200, undefined, undefined]);
      assert.deepEqual(await ask(gemini, { 'x-goog-api-key': 'right' }), [200, undefined, undefined]);
      assert.deepEqual(await ask(vertex, { authorization: 'Bearer right' }), [200, undefined, undefined]);
    } finally {
      await strict.stop();
    }
  });

  test('every documented status has its name, and 429 says when to try again in the body alone', async () => {
    const seen: unknown[] = [];
    for (const status of [400, 401, 403, 404, 429, 500, 503, 504]) {
      const answer = await call('m', 'generateContent', { contents: [user('x')] }, `status=${status}`);
      const { error } = JSON.parse(answer.text);
      seen.push([answer.status, error.code, error.status]);
      assert.equal(answer.headers.get('retry-after'), null);
    }
    const limited = JSON.parse((await call('m', 'generateContent', {}, 'status=429')).text).error;

    assert.deepEqual(seen, [
      [400, 400, 'INVALID_ARGUMENT'],
      [401, 401, 'UNAUTHENTICATED'],
      [403, 403, 'PERMISSION_DENIED'],
      [404, 404, 'NOT_FOUND'],
      [429, 429, 'RESOURCE_EXHAUSTED'],
      [500, 500, 'INTERNAL'],
      [503, 503, 'UNAVAILABLE'],
      [504, 504, 'DEADLINE_EXCEEDED'],
    ]);
    assert.deepEqual(limited.details.at(-1), {
      '@type': 'type.googleapis.com/google.rpc.RetryInfo',
      retryDelay: '34.4s',
    });
  });

  test('a stream breaks in either form: an error, half an event, an event twice, a cut', async () => {
    const body = { contents: [user('Answer with 40 tokens')] };
    const sse = (await events('m', body, 'error-after=2')).at(-1);
    const entries = await list('m', body, 'error-after=2;error-type=INTERNAL');
    const first = await list('m', body, 'error-after=0');
    const halves = (await call('m', 'streamGenerateContent', body, 'malformed-after=1')).text;
    const twice = await list('m', body, 'duplicate-after=1');

    assert.deepEqual([sse.error.code, sse.error.status], [503, 'UNAVAILABLE']);
    assert.deepEqual([entries.length, entries[2].error.code, entries[2].error.status], [3, 500, 'INTERNAL']);
    assert.deepEqual([first.length, first[0].error.code], [1, 503]);
    assert.throws(() => JSON.parse(halves), SyntaxError);
    assert.deepEqual(twice[1], twice[2]);
    await assert.rejects(call('m', 'streamGenerateContent', body, 'cut-after=2'));
  });

  test('a task in steps goes on over results that come with reminders', async () => {
    const ask = user(
      'Do this.\nstep 1: call the tool weather\nstep 2: call the tool tides\nstep 3: say exactly: Done.',
    );
    const contents: object[] = [ask];
    const said: string[] = [];
    for (let turn = 0; turn < 3; turn += 1) {
      const { content } = (await whole('gemini-3-flash', { contents, tools })).candidates[0];
      const [part] = content.parts;
      said.push(part.functionCall?.name ?? part.text);
      contents.push(content);
      if (part.functionCall === undefined) continue;
      contents.push({
        role: 'user',
        parts: [response(part.functionCall.name, { output: 'ok' }), { text: 'A reminder.' }],
      });
    }

    assert.deepEqual(said, ['weather', 'tides', 'Done.']);
  });
});
