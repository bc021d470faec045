import assert from 'node:assert/strict';
import { connect } from 'node:http2';
import { after, before, suite, test } from 'node:test';
import { crc32 } from 'node:zlib';
import { type Emulator, startEmulator } from '../emulator.ts';

const weather = {
  type: 'object',
  properties: { city: { const: 'Kiel' }, days: { const: 2 } },
  required: ['city', 'days'],
};
const toolConfig = {
  tools: [
    { toolSpec: { name: 'weather', inputSchema: { json: weather } } },
    { toolSpec: { name: 'tides', inputSchema: { json: { type: 'object' } } } },
  ],
};
const user = (...content: (string | object)[]) => ({
  role: 'user',
  content: content.map(part => (typeof part === 'string' ? { text: part } : part)),
});
const claude = 'us.anthropic.claude-sonnet-4-5-20250929-v1:0';

interface Frame {
  readonly headers: Record<string, string>;
  readonly text: string;
  /** As the stream says it, and as the bytes have it. */
  readonly checksums: readonly [number, number];
}

/** A reader of its own, of what the encoding's specification says. */
function readFrames(bytes: Buffer): Frame[] {
  const frames: Frame[] = [];
  for (let at = 0; at < bytes.length; ) {
    const total = bytes.readUInt32BE(at);
    const headBytes = bytes.readUInt32BE(at + 4);
    assert.equal(bytes.readUInt32BE(at + 8), crc32(bytes.subarray(at, at + 8)), 'prelude');
    const headers: Record<string, string> = {};
    for (let head = at + 12; head < at + 12 + headBytes; ) {
      const nameBytes = bytes[head]!;
      const name = bytes.toString('utf8', head + 1, head + 1 + nameBytes);
      assert.equal(bytes[head + 1 + nameBytes], 7);
      const valueBytes = bytes.readUInt16BE(head + 2 + nameBytes);
      const value = head + 4 + nameBytes;
      headers[name] = bytes.toString('utf8', value, value + valueBytes);
      head = value + valueBytes;
    }
    const end = at + total - 4;
    const checksums = [bytes.readUInt32BE(end), crc32(bytes.subarray(at, end))] as const;
    frames.push({ headers, text: bytes.toString('utf8', at + 12 + headBytes, end), checksums });
    at += total;
  }
  return frames;
}

suite('converse', () => {
  let emulator: Emulator;

  before(async () => {
    emulator = await startEmulator();
  });
  after(() => emulator.stop());

  async function call(operation: string, body: unknown, { model = 'm', script = '' } = {}) {
    const response = await fetch(`${emulator.url}/model/${encodeURIComponent(model)}/${operation}`, {
      method: 'POST',
      headers: { authorization: 'Bearer key', ...(script === '' ? {} : { 'x-carrier-emulate': script }) },
      body: JSON.stringify(body),
    });
    return { status: response.status, headers: response.headers, bytes: Buffer.from(await response.arrayBuffer()) };
  }

  const whole = async (body: unknown, options?: { model?: string; script?: string }) =>
    JSON.parse((await call('converse', body, options)).bytes.toString());

  const events = async (body: unknown, options?: { model?: string; script?: string }) =>
    readFrames((await call('converse-stream', body, options)).bytes).map(({ headers, text, checksums }) => {
      assert.equal(checksums[0], checksums[1]);
      return { type: headers[':event-type'] ?? headers[':exception-type'], headers, ...JSON.parse(text || '{}') };
    });

  // biome-ignore lint/suspicious/noExplicitAny: what JSON.parse gave.
  function fold(list: readonly any[]): unknown {
    // biome-ignore lint/suspicious/noExplicitAny: blocks of several kinds.
    const content: any[] = [];
    let stopReason: unknown;
    let ending: object = {};
    for (const { type, contentBlockIndex: index, start, delta, p, headers, ...rest } of list) {
      if (type === 'contentBlockStart') content[index] = { toolUse: { ...start.toolUse, input: '' } };
      if (type === 'messageStop') stopReason = rest.stopReason;
      if (type === 'metadata') ending = rest;
      if (delta?.text !== undefined) content[index] = { text: (content[index]?.text ?? '') + delta.text };
      if (delta?.toolUse !== undefined) content[index].toolUse.input += delta.toolUse.input;
      const thought = delta?.reasoningContent;
      if (thought?.redactedContent !== undefined) content[index] = { reasoningContent: thought };
      else if (thought !== undefined) {
        const known = content[index]?.reasoningContent.reasoningText ?? { text: '' };
        const reasoningText =
          thought.text === undefined ? { ...known, ...thought } : { ...known, text: known.text + thought.text };
        content[index] = { reasoningContent: { reasoningText } };
      }
    }
    for (const { toolUse } of content.filter(block => block.toolUse !== undefined)) {
      toolUse.input = JSON.parse(toolUse.input || '{}');
    }
    return { output: { message: { role: 'assistant', content } }, stopReason, ...ending };
  }

  test('a plain answer has its text, its reason and its usage', async () => {
    const answer = await whole({ messages: [user('Answer with 5 tokens')], system: [{ text: 'Be kind.' }] });

    assert.equal(answer.output.message.content[0].text.length, 19);
    assert.deepEqual(
      { ...answer, output: undefined },
      {
        output: undefined,
        stopReason: 'end_turn',
        usage: {
          inputTokens: 10,
          outputTokens: 5,
          totalTokens: 15,
          cacheReadInputTokens: 0,
          cacheWriteInputTokens: 0,
        },
        metrics: { latencyMs: 100 },
      },
    );
  });

  test('a stream of frames folds to the whole answer', async () => {
    const thinking = { additionalModelRequestFields: { thinking: { type: 'enabled', budget_tokens: 1_024 } } };
    for (const body of [
      { messages: [user('Tell me of the sea')] },
      { messages: [user('Please refuse to answer')] },
      { messages: [user('Call the tool weather and call the tool tides')], toolConfig },
      { messages: [user('Think for 9 tokens')], ...thinking },
      { messages: [user('Think for 9 tokens. Redact your thinking')], ...thinking },
      { messages: [user('Answer with 90 tokens')], inferenceConfig: { maxTokens: 7 } },
    ]) {
      assert.deepEqual(fold(await events(body, { model: claude })), await whole(body, { model: claude }));
    }
  });

  test('frames have their types, and events are padded', async () => {
    const list = await events({ messages: [user('Answer with 2 tokens')] });
    const { headers } = await call('converse-stream', { messages: [user('Hello')] });

    assert.equal(headers.get('content-type'), 'application/vnd.amazon.eventstream');
    assert.match(headers.get('x-amzn-requestid')!, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.deepEqual(
      list.map(event => event.type),
      ['messageStart', 'contentBlockDelta', 'contentBlockDelta', 'contentBlockStop', 'messageStop', 'metadata'],
    );
    assert.deepEqual(list[0].headers, {
      ':event-type': 'messageStart',
      ':content-type': 'application/json',
      ':message-type': 'event',
    });
    assert.ok(list.every(event => /^[a-zA-Z0-9]{4,53}$/.test(event.p)));
  });

  test('calls carry conforming input, an empty one as an empty fragment', async () => {
    const body = { messages: [user('Call the tool weather and call the tool tides')], toolConfig };
    const { output, stopReason } = await whole(body);
    const list = await events(body);

    const calls = output.message.content.map((block: { toolUse: Record<string, unknown> }) => block.toolUse);
    assert.equal(stopReason, 'tool_use');
    assert.match(calls[0].toolUseId, /^tooluse_[0-9a-f]{22}$/);
    assert.deepEqual(
      calls.map(({ name, input }: Record<string, unknown>) => [name, input]),
      [
        ['weather', { city: 'Kiel', days: 2 }],
        ['tides', {}],
      ],
    );
    assert.deepEqual(list.at(-4).delta, { toolUse: { input: '' } });

    const results = calls.map(({ toolUseId }: { toolUseId: string }, position: number) => ({
      toolResult: { toolUseId, content: [position === 0 ? { text: 'calm' } : { json: { high: 1 } }] },
    }));
    const followed = await whole({ messages: [...body.messages, output.message, user(...results)], toolConfig });
    assert.equal(
      followed.output.message.content[0].text,
      'The tool weather answered: calm The tool tides answered: {"high":1}',
    );
  });

  test('reasoning comes back signed, of this model and unchanged', async () => {
    const settings = {
      additionalModelRequestFields: { thinking: { type: 'enabled', budget_tokens: 1_024 } },
      inferenceConfig: { maxTokens: 2_000 },
    };
    const first = await whole({ messages: [user('Think for 8 tokens')], ...settings }, { model: claude });
    const [thought, said] = first.output.message.content;
    const replay = async (reasoningContent: object, model = claude) => {
      const message = { role: 'assistant', content: [{ reasoningContent }, said] };
      const { status, bytes } = await call(
        'converse',
        { messages: [user('Hello'), message, user('Go on')], ...settings },
        { model },
      );
      return status === 200 ? status : JSON.parse(bytes.toString()).message;
    };
    const { reasoningText } = thought.reasoningContent;

    assert.equal(reasoningText.text.length, 31);
    assert.equal(await replay({ reasoningText }), 200);
    assert.match(await replay({ reasoningText: { ...reasoningText, text: 'other' } }), /Invalid `signature`/);
    assert.match(await replay({ reasoningText }, 'anthropic.claude-opus-4-5-20251101-v1:0'), /Invalid `signature`/);
    assert.match(await replay({ reasoningText: { text: 'x' } }), /signature: Field required/);
    assert.match(await replay({ redactedContent: 'AAAA' }), /Invalid `data` in `redacted_thinking`/);
  });

  test('cache points write, scripts rule the usage and the tier', async () => {
    const point = (ttl?: string) => ({ cachePoint: { type: 'default', ...(ttl === undefined ? {} : { ttl }) } });
    const body = { messages: [user('abcd', point(), 'efgh')], system: [{ text: 'x'.repeat(40) }, point('1h')] };
    const { usage } = await whole(body, { model: claude });
    const scripted = await whole(body, {
      script:
        'report-input=5;cached=1000;cache-write-5m=20;cache-write-1h=30;report-output=7;tier=flex;finish=guardrail_intervened',
    });

    assert.deepEqual(usage, {
      inputTokens: 1,
      outputTokens: usage.outputTokens,
      totalTokens: 15 + usage.outputTokens,
      cacheReadInputTokens: 0,
      cacheWriteInputTokens: 14,
      cacheDetails: [
        { inputTokens: 4, ttl: '5m' },
        { inputTokens: 10, ttl: '1h' },
      ],
    });
    assert.deepEqual(scripted.usage, {
      inputTokens: 5,
      outputTokens: 7,
      totalTokens: 1_062,
      cacheReadInputTokens: 1_000,
      cacheWriteInputTokens: 50,
      cacheDetails: [
        { inputTokens: 20, ttl: '5m' },
        { inputTokens: 30, ttl: '1h' },
      ],
    });
    assert.deepEqual([scripted.serviceTier, scripted.stopReason], [{ type: 'flex' }, 'guardrail_intervened']);
    assert.equal('usage' in (await whole(body, { script: 'usage=none' })), false);
  });

  test('a schema is answered with a conforming text', async () => {
    const schema = JSON.stringify({ ...weather, additionalProperties: false });
    const textFormat = { type: 'json_schema', structure: { jsonSchema: { name: 'weather', schema } } };
    const { output } = await whole({ messages: [user('Weather')], outputConfig: { textFormat } });

    assert.equal(output.message.content[0].text, '{"city":"Kiel","days":2}');
  });

  test('a prefill is gone on with, where the model takes one', async () => {
    const messages = [user('Say exactly: one, two'), { role: 'assistant', content: [{ text: 'one,' }] }];

    assert.equal((await whole({ messages }, { model: claude })).output.message.content[0].text, ' two');
    assert.match((await whole({ messages }, { model: 'anthropic.claude-opus-5-v1:0' })).message, /prefill/);
  });

  test('tokens are counted', async () => {
    const counted = await call('count-tokens', { input: { converse: { messages: [user('Answer with 5 tokens')] } } });

    assert.equal(counted.bytes.toString(), '{"inputTokens":8}');
    assert.equal((await call('count-tokens', { input: {} })).status, 400);
  });

  test('every documented status has its exception, in a header', async () => {
    const seen: unknown[] = [];
    for (const status of [400, 403, 404, 408, 424, 429, 500, 503]) {
      const { headers, bytes, status: got } = await call('converse', {}, { script: `status=${status}` });
      seen.push([got, headers.get('x-amzn-errortype')!.split(':')[0], Object.keys(JSON.parse(bytes.toString()))]);
      assert.equal(headers.get('retry-after'), null);
    }

    assert.deepEqual(seen, [
      [400, 'ValidationException', ['message']],
      [403, 'AccessDeniedException', ['message']],
      [404, 'ResourceNotFoundException', ['message']],
      [408, 'ModelTimeoutException', ['message']],
      [424, 'ModelErrorException', ['message']],
      [429, 'ThrottlingException', ['message']],
      [500, 'InternalServerException', ['message']],
      [503, 'ServiceUnavailableException', ['message']],
    ]);
    const ready = await call('converse', {}, { script: 'status=429;code=ModelNotReadyException' });
    assert.match(ready.headers.get('x-amzn-errortype')!, /^ModelNotReadyException/);
  });

  test('a stream fails by an exception frame, or by an error that nobody models', async () => {
    const body = { messages: [user('Answer with 9 tokens')] };
    const exception = (await events(body, { script: 'error-after=2' })).at(-1);
    const throttled = (await events(body, { script: 'error-after=0;error-type=throttlingException' }))[0];
    const error = (await events(body, { script: 'error-after=1;error-type=error:Lost' })).at(-1);
    const inside = await whole(body, { script: 'error-after=0' });

    assert.deepEqual(exception.headers[':message-type'], 'exception');
    assert.deepEqual([exception.type, exception.originalStatusCode], ['modelStreamErrorException', 500]);
    assert.deepEqual(
      [throttled.type, throttled.message],
      ['throttlingException', 'Too many requests, please wait before trying again.'],
    );
    assert.deepEqual(
      [error.headers[':message-type'], error.headers[':error-code'], error.headers[':error-message']],
      ['error', 'Lost', 'The connection to the model was lost.'],
    );
    assert.match(inside.Output.__type, /modelStreamErrorException/);
  });

  test('frames are spoiled: half a payload under good checksums, one byte under a bad one', async () => {
    const body = { messages: [user('Answer with 9 tokens')] };
    const frames = async (script: string) => readFrames((await call('converse-stream', body, { script })).bytes);
    const good = await frames('chunks=7');
    const malformed = await frames('malformed-after=3');
    const corrupt = await frames('corrupt-after=3');

    assert.equal(malformed.length, good.length);
    assert.throws(() => JSON.parse(malformed[3]!.text), SyntaxError);
    assert.equal(malformed[3]!.checksums[0], malformed[3]!.checksums[1]);
    assert.deepEqual(malformed.toSpliced(3, 1), good.toSpliced(3, 1));
    assert.notEqual(corrupt[3]!.checksums[0], corrupt[3]!.checksums[1]);
    assert.deepEqual(corrupt.toSpliced(3, 1), good.toSpliced(3, 1));
  });

  test('a task in steps is followed', async () => {
    const messages: object[] = [
      user('Do this.\nstep 1: call the tool weather\nstep 2: call the tool tides\nstep 3: say exactly: Done.'),
    ];
    const said: string[] = [];
    for (let turn = 0; turn < 3; turn += 1) {
      const { message } = (await whole({ messages, toolConfig })).output;
      const [{ toolUse, text }] = message.content;
      said.push(toolUse?.name ?? text);
      messages.push(message);
      if (toolUse === undefined) continue;
      const toolResult = { toolUseId: toolUse.toolUseId, content: [{ text: 'ok' }] };
      messages.push(user({ toolResult }, 'A reminder.'));
    }

    assert.deepEqual(said, ['weather', 'tides', 'Done.']);
  });

  test('keys are bearer keys or signatures, and each is checked', async () => {
    const strict = await startEmulator({
      apiKeys: ['bearer-key', 'AKIDEXAMPLE:secret'],
      nowMs: () => Date.UTC(2026, 10, 20, 20, 33, 20),
    });
    const ask = async (headers: Record<string, string>) => {
      const body = '{"messages":[{"role":"user","content":[{"text":"Hello"}]}]}';
      const response = await fetch(`${strict.url}/model/m/converse`, { method: 'POST', body, headers });
      await response.text();
      return [response.status, response.headers.get('x-amzn-errortype')?.split(':')[0]];
    };
    const signed = (service: string, date = '20261120T203300Z') => ({
      authorization: `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261120/us-east-1/${service}/aws4_request, SignedHeaders=host;x-amz-date, Signature=${'0'.repeat(64)}`,
      'x-amz-date': date,
    });
    try {
      assert.deepEqual(await ask({}), [403, 'MissingAuthenticationTokenException']);
      assert.deepEqual(await ask({ authorization: 'Bearer no' }), [403, 'AccessDeniedException']);
      assert.deepEqual(await ask({ authorization: 'Bearer bearer-key' }), [200, undefined]);
      assert.deepEqual(await ask({ authorization: 'AWS4-HMAC-SHA256 nothing' }), [403, 'IncompleteSignatureException']);
      assert.deepEqual(await ask(signed('s3')), [403, 'InvalidSignatureException']);
      assert.deepEqual(await ask(signed('bedrock')), [403, 'InvalidSignatureException']);
      assert.deepEqual(await ask(signed('bedrock', '20261120T202000Z')), [403, 'InvalidSignatureException']);
      const other = {
        ...signed('bedrock'),
        authorization: signed('bedrock').authorization.replace('AKIDEXAMPLE', 'OTHER'),
      };
      assert.deepEqual(await ask(other), [403, 'UnrecognizedClientException']);
    } finally {
      await strict.stop();
    }
  });

  test('HTTP/2 is spoken to who begins with it, faults included', async () => {
    const session = connect(emulator.url);
    // The reset is the connection's, too.
    session.on('error', () => {});
    const ask = (script: string) =>
      new Promise<{ status: number; bytes: Buffer; failed: string | undefined }>(resolve => {
        const stream = session.request({
          ':method': 'POST',
          ':path': '/model/m/converse-stream',
          authorization: 'Bearer key',
          ...(script === '' ? {} : { 'x-carrier-emulate': script }),
        });
        let status = 0;
        let failed: string | undefined;
        const chunks: Buffer[] = [];
        stream.on('response', headers => {
          status = Number(headers[':status']);
        });
        stream.on('data', (chunk: Buffer) => chunks.push(chunk));
        stream.on('error', error => {
          failed = error.message;
        });
        stream.on('close', () => resolve({ status, bytes: Buffer.concat(chunks), failed }));
        stream.end(JSON.stringify({ messages: [user('Answer with 9 tokens')] }));
      });
    try {
      const good = await ask('');
      const slow = await ask('pace=1ms;chunks=7');
      const cut = await ask('cut-after=2');
      const refused = await ask('status=503');
      const reset = await ask('reset-after=2');

      assert.deepEqual([good.status, readFrames(good.bytes).length, good.failed], [200, 13, undefined]);
      assert.deepEqual(slow.bytes, good.bytes);
      assert.deepEqual(
        [readFrames(cut.bytes).length, cut.failed],
        [2, 'Stream closed with error code NGHTTP2_INTERNAL_ERROR'],
      );
      assert.equal(refused.status, 503);
      assert.match(reset.failed!, /ECONNRESET/);
      assert.equal(emulator.requests().at(-1)!.httpVersion, '2.0');
      assert.equal(emulator.requests().at(-1)!.answer.outcome, 'broken');
    } finally {
      session.destroy();
    }
  });
});
