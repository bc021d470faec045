import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import * as messages from './anthropic-messages/observe.ts';
import type { StreamObserver, StreamStep } from './dialect.ts';
import * as chat from './openai-chat/observe.ts';

interface Seen {
  readonly passed: string;
  readonly held: string;
  readonly state: StreamStep['state'];
}

function run(observer: StreamObserver, chunks: readonly Buffer[]): Seen {
  const passed: Buffer[] = [];
  const held: Buffer[] = [];
  let state: StreamStep['state'] = 'nothing';
  const take = (step: StreamStep) => {
    if (step.pass !== undefined) passed.push(Buffer.from(step.pass));
    if (step.held !== undefined) held.push(Buffer.from(step.held));
    state = step.state;
  };
  for (const chunk of chunks) take(observer.push(chunk));
  take(observer.finish());
  return { passed: Buffer.concat(passed).toString(), held: Buffer.concat(held).toString(), state };
}

function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  let at = 0;
  for (let turn = 0; at < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length]!;
    // Each chunk in memory of its own, overwritten never, as sockets give them.
    chunks.push(Buffer.from(bytes.subarray(at, at + size)));
    at += size;
  }
  return chunks;
}

const chatStream = [
  'data: {"id":"c","model":"gpt-x","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null}\n\n',
  ': keep-alive\n\n',
  'data: {"id":"c","model":"gpt-x","choices":[{"index":0,"delta":{"content":"h\\u00e9 \\ud83d\\ude00"}}],"usage":null}\n\n',
  'data: {"id":"c","choices":[{"delta":{"content":"né \u{1f600}"}}]}\n\n',
  'data: {"id":"c","choices":[{"delta":{"tool_calls":[{"index":0,"function":{"name":"f","arguments":"{\\"a\\":1}"}}]}}]}\n\n',
  'data: {"id":"c","choices":[{"delta":{},"finish_reason":"tool_calls"}],"service_tier":"default"}\n\n',
  'data: {"id":"c","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13}}\n\n',
  'data: [DONE]\n\n',
];

const messageStream = [
  'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-x","content":[],"stop_reason":null,"usage":{"input_tokens":9,"cache_read_input_tokens":2,"output_tokens":1,"service_tier":"standard"}}}\n\n',
  'event: ping\ndata: {"type": "ping"}\n\n',
  'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n',
  'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"h\\u00e9"}}\n\n',
  'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n',
  'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":7}}\n\n',
  'event: message_stop\ndata: {"type":"message_stop"}\n\n',
];

test('a chat stream passes unchanged and is held from [DONE] on', () => {
  const observer = chat.observeStream({ stripUsage: false });

  const seen = run(observer, [Buffer.from(chatStream.join(''))]);

  assert.equal(seen.passed, chatStream.slice(0, -1).join(''));
  assert.equal(seen.held, 'data: [DONE]\n\n');
  assert.equal(seen.state, 'ended');
  assert.deepEqual(observer.facts, {
    servedModel: 'gpt-x',
    usage: { inputUncached: 9, output: 4 },
    rawUsage: { prompt_tokens: 9, completion_tokens: 4, total_tokens: 13 },
    serviceTier: 'default',
    identityBroken: undefined,
    counts: undefined,
    region: undefined,
    providerCost: undefined,
    finishRaw: 'tool_calls',
    contentBytes: 8 + 8 + 7,
    fault: undefined,
    malformedEvents: 0,
  });
  assert.equal(observer.contentBytesSinceUsage, 0);
});

test('a messages stream passes unchanged and is held from message_stop on', () => {
  const observer = messages.observeStream();

  const seen = run(observer, [Buffer.from(messageStream.join(''))]);

  assert.equal(seen.passed, messageStream.slice(0, -1).join(''));
  assert.equal(seen.held, messageStream.at(-1));
  assert.equal(seen.state, 'ended');
  assert.deepEqual(observer.facts, {
    servedModel: 'claude-x',
    usage: { inputUncached: 9, cacheRead: 2, output: 7 },
    rawUsage: { input_tokens: 9, cache_read_input_tokens: 2, output_tokens: 7, service_tier: 'standard' },
    serviceTier: 'standard',
    identityBroken: undefined,
    counts: undefined,
    region: undefined,
    providerCost: undefined,
    finishRaw: 'end_turn',
    contentBytes: 3,
    fault: undefined,
    malformedEvents: 0,
  });
});

test('the state tells heads from content', () => {
  const observer = chat.observeStream({ stripUsage: true });
  assert.equal(observer.push(Buffer.from(chatStream[0]!)).state, 'nothing');
  assert.equal(observer.push(Buffer.from(chatStream[1]!)).state, 'nothing');
  assert.equal(observer.push(Buffer.from(chatStream[2]!)).state, 'content');

  const other = messages.observeStream();
  assert.equal(other.push(Buffer.from(messageStream.slice(0, 3).join(''))).state, 'nothing');
  assert.equal(other.push(Buffer.from(messageStream[3]!)).state, 'content');

  const called = messages.observeStream();
  assert.equal(
    called.push(
      Buffer.from(
        'data: {"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}\n\n',
      ),
    ).state,
    'content',
  );
});

test('only the chunk that carries usage alone is removed, and only when asked', () => {
  const stripped = run(chat.observeStream({ stripUsage: true }), [Buffer.from(chatStream.join(''))]);
  assert.equal(stripped.passed, chatStream.toSpliced(6, 2).join(''));

  const azureHead = 'data: {"choices":[],"prompt_filter_results":[]}\n\n';
  const onFinish =
    'data: {"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":0}}\n\n';
  const kept = run(chat.observeStream({ stripUsage: true }), [Buffer.from(`${azureHead}${onFinish}data: [DONE]\n\n`)]);
  assert.equal(kept.passed, azureHead + onFinish);
});

test('any chunking and any line ends give the same bytes, state and facts', () => {
  const ends = fc.constantFrom('\n', '\r\n', '\r');
  const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 400 })), { minLength: 1 });
  const streams: [string[], () => StreamObserver][] = [
    [chatStream, () => chat.observeStream({ stripUsage: true })],
    [messageStream, () => messages.observeStream()],
  ];
  for (const [events, open] of streams) {
    fc.assert(
      fc.property(ends, sizes, fc.boolean(), (end, chunkSizes, isLastOpen) => {
        const text = events.join('').replaceAll('\n', end);
        const bytes = Buffer.from(isLastOpen ? text.slice(0, -end.length) : text);
        const whole = open();
        const expected = run(whole, [bytes]);
        const pieces = open();

        const seen = run(pieces, cut(bytes, chunkSizes));

        assert.deepEqual(seen, expected);
        assert.deepEqual(pieces.facts, whole.facts);
        assert.equal(seen.state, 'ended');
        assert.equal(pieces.facts.malformedEvents, 0);
      }),
    );
  }
});

test('at any cut point the stream is not ended, and only whole events have passed', () => {
  for (const [events, open] of [
    [chatStream, () => chat.observeStream({ stripUsage: false })],
    [messageStream, () => messages.observeStream()],
  ] as const) {
    const bytes = Buffer.from(events.join(''));
    const beforeEnd = bytes.length - Buffer.byteLength(events.at(-1)!);
    for (let length = 0; length <= beforeEnd; length += 1) {
      const seen = run(open(), [bytes.subarray(0, length)]);
      assert.ok(seen.state === 'nothing' || seen.state === 'content');
      assert.equal(seen.held, '');
      assert.ok(seen.passed === '' || seen.passed.endsWith('\n\n'), `${length}`);
      assert.ok(events.join('').startsWith(seen.passed));
    }
  }
});

test('data over several lines, comments, a byte order mark and unknown fields are read', () => {
  const observer = chat.observeStream({ stripUsage: false });
  const text =
    '\ufeffid: 7\ndata: {"choices":[{"delta":\ndata:{"content":"ab"}}],\ndata\ndata: "usage":{"prompt_tokens":1,"completion_tokens":2}}\nretry: 5\n\ndata:[DONE]\n\n';

  const seen = run(observer, cut(Buffer.from(text), [1]));

  assert.equal(seen.passed + seen.held, text);
  assert.equal(seen.state, 'ended');
  assert.equal(observer.facts.contentBytes, 2);
  assert.deepEqual(observer.facts.usage, { inputUncached: 1, output: 2 });
});

test('an error event inside a 200 fails the stream and is held', () => {
  for (const text of [
    'data: {"error":{"message":"The server had an error","type":"server_error","param":null,"code":null}}\n\n',
    'event: error\ndata: {"error":{"message":"x","type":"server_error"}}\n\n',
    'event: error\ndata: oops\n\n',
  ]) {
    const observer = chat.observeStream({ stripUsage: true });
    const seen = run(observer, [Buffer.from(chatStream[2]! + text)]);
    assert.equal(seen.state, 'failed');
    assert.equal(seen.passed, chatStream[2]);
    assert.equal(seen.held, text);
    assert.equal(observer.facts.fault?.code, 'upstream_error');
  }
  const observer = messages.observeStream();
  const overloaded =
    'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n';
  const seen = run(observer, [Buffer.from(overloaded)]);
  assert.equal(seen.state, 'failed');
  assert.equal(seen.held, overloaded);
  assert.equal(observer.facts.fault?.code, 'upstream_overloaded');
});

test('a malformed event passes as it is and is counted', () => {
  const observer = chat.observeStream({ stripUsage: true });
  const text = 'data: {"choices":[{"delta":{"content":"a"}}]\n\ndata: nonsense\n\ndata: [DONE]\n\n';

  const seen = run(observer, [Buffer.from(text)]);

  assert.equal(seen.passed + seen.held, text);
  assert.equal(observer.facts.malformedEvents, 2);
});

test('an event over 8 MiB fails the stream', () => {
  const observer = chat.observeStream({ stripUsage: true });
  const mebibyte = Buffer.alloc(1024 * 1024, 'x');
  let state: StreamStep['state'] = 'nothing';

  for (let count = 0; count < 9; count += 1) {
    const step = observer.push(mebibyte);
    assert.equal(step.pass, undefined);
    state = step.state;
  }

  assert.equal(state, 'failed');
  assert.equal(observer.facts.fault?.code, 'upstream_malformed');
  assert.equal(observer.push(mebibyte).held, undefined);
});

test('content after the last usage report is counted for estimates', () => {
  const observer = messages.observeStream();
  observer.push(Buffer.from(messageStream.slice(0, 4).join('')));

  assert.equal(observer.contentBytesSinceUsage, 3);
  assert.deepEqual(observer.facts.usage, { inputUncached: 9, cacheRead: 2, output: 1 });
});

test('usage that does not add up is named and says nothing else', () => {
  const observer = chat.observeStream({ stripUsage: false });
  observer.push(Buffer.from('data: {"choices":[],"usage":{"prompt_tokens":-1,"completion_tokens":2}}\n\n'));

  assert.equal(observer.facts.usage, undefined);
  assert.equal(typeof observer.facts.identityBroken, 'string');
});

test('whole answers are observed', () => {
  const answer = chat.observeAnswer(
    Buffer.from(
      '{"id":"c","object":"chat.completion","model":"gpt-x","service_tier":"custom","choices":[{"message":{"role":"assistant","content":"hé","reasoning":"abc","reasoning_content":"abc"},"finish_reason":"stop"}],"usage":{"prompt_tokens":0,"completion_tokens":0}}',
    ),
  );
  assert.equal(answer.servedModel, 'gpt-x');
  assert.equal(answer.serviceTier, 'custom');
  assert.equal(answer.contentBytes, 6);
  assert.equal(answer.finishRaw, 'stop');
  assert.deepEqual(answer.usage, { inputUncached: 0, output: 0 });
  assert.equal(answer.fault, undefined);

  const message = messages.observeAnswer(
    Buffer.from(
      '{"id":"msg_1","type":"message","model":"claude-x","content":[{"type":"thinking","thinking":"abc","signature":"s"},{"type":"text","text":"hé"},{"type":"tool_use","id":"t","name":"f","input":{"a":1}}],"stop_reason":"tool_use","usage":{"input_tokens":1,"output_tokens":2}}',
    ),
  );
  assert.equal(message.contentBytes, 3 + 3 + 7);
  assert.equal(message.finishRaw, 'tool_use');
  assert.deepEqual(message.usage, { inputUncached: 1, output: 2 });
});

test('an answer that is none has a fault', () => {
  for (const observe of [chat.observeAnswer, messages.observeAnswer]) {
    for (const text of ['', '<html>', '[]', '{}', '{"choices":', 'null']) {
      assert.equal(observe(Buffer.from(text)).fault?.code, 'upstream_malformed', text);
    }
    assert.equal(observe(Buffer.from('{"error":{"type":"overloaded_error"}}')).fault?.code, 'upstream_overloaded');
    assert.equal(observe(Buffer.from('{"error":"boom"}')).fault?.code, 'upstream_error');
  }
});

test('an event of a great many lines is read without a buffer for each', () => {
  const observer = chat.observeStream({ stripUsage: false });
  const lines = `data: {"choices":[{"delta":{"content":"ab"}}]\n${'data:\n'.repeat(200_000)}data: }\n\n`;

  const seen = run(observer, [Buffer.from(`${lines}data: [DONE]\n\n`)]);

  assert.equal(seen.state, 'ended');
  assert.equal(observer.facts.contentBytes, 2);
  assert.equal(observer.facts.malformedEvents, 0);
});
