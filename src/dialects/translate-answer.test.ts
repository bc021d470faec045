import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { BlockHead, CompletionEvent, FinishReason } from '../completion/event.ts';
import { Fault } from '../completion/fault.ts';
import { type FoldedAnswer, foldEvents } from '../completion/fold.ts';
import { LossLedger } from '../completion/loss.ts';
import { checkStream } from '../completion/stream-laws.ts';
import type { UsageSlices } from '../completion/usage.ts';
import { anthropicMessages } from './anthropic-messages/dialect.ts';
import type { AnswerContext, Dialect } from './dialect.ts';
import { openaiChat } from './openai-chat/dialect.ts';

function context(losses = new LossLedger()): AnswerContext {
  return {
    exchangeId: 'ex_1',
    targetModel: 'target',
    createdAtMs: 1_700_000_000_999,
    streamUsage: true,
    inputTokensEstimate: 12,
    losses,
  };
}

function encode(dialect: Dialect, events: readonly CompletionEvent[], given = context()): Buffer {
  const encoder = dialect.encodeStream(given);
  return Buffer.concat(events.map(event => encoder.push(event)));
}

function decode(dialect: Dialect, bytes: Buffer, sizes: readonly number[] = [bytes.length + 1]): CompletionEvent[] {
  const decoder = dialect.decodeStream(new LossLedger());
  const events: CompletionEvent[] = [];
  let at = 0;
  for (let turn = 0; at < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length]!;
    events.push(...decoder.push(Buffer.from(bytes.subarray(at, at + size))));
    at += size;
  }
  return [...events, ...decoder.finish()];
}

/** Arguments as values, and without what only tells how an answer was carried. */
function essence(answer: FoldedAnswer): unknown {
  return {
    servedModel: answer.servedModel,
    reason: answer.finish.reason,
    stopSequence: answer.finish.stopSequence,
    usage: answer.usage,
    blocks: answer.blocks.map(({ head, text }) =>
      head.type === 'call' ? { ...head, input: JSON.parse(text === '' ? '{}' : text) } : { ...head, text },
    ),
  };
}

const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }).filter(value => value.isWellFormed());
const pieces = fc.array(text, { minLength: 1, maxLength: 4 });
const callId = fc.stringMatching(/^[a-zA-Z0-9_-]{1,30}$/);
const input = fc.dictionary(
  fc.string({ maxLength: 5 }),
  fc.oneof(fc.integer(), text, fc.boolean(), fc.constant(null)),
  {
    noNullPrototype: true,
    maxKeys: 3,
  },
);
const call = fc.record({ id: callId, name: fc.stringMatching(/^[a-z_]{1,12}$/), input, cut: fc.nat() });
const usage: fc.Arbitrary<UsageSlices> = fc
  .record(
    {
      inputUncached: fc.nat(),
      cacheRead: fc.nat(),
      cacheWrite5m: fc.nat(),
      cacheWrite1h: fc.nat(),
      output: fc.nat(),
      reasoning: fc.nat(),
    },
    { requiredKeys: ['inputUncached', 'output'] },
  )
  .map(slices =>
    slices.cacheWrite1h === undefined ? { ...slices } : { ...slices, cacheWrite5m: slices.cacheWrite5m ?? 0 },
  );

interface Plan {
  readonly prose: readonly (readonly [BlockHead['type'] & ('text' | 'refusal' | 'reasoning'), readonly string[]])[];
  readonly calls: readonly { id: string; name: string; input: unknown; cut: number }[];
  readonly usage: UsageSlices;
  readonly reason: FinishReason;
  readonly stopSequence: string | undefined;
}

function eventsOf(plan: Plan): CompletionEvent[] {
  const events: CompletionEvent[] = [
    { type: 'message-start', id: 'a', servedModel: 'served', createdAtMs: undefined, usage: undefined },
  ];
  let index = 0;
  for (const [type, texts] of plan.prose) {
    events.push({ type: 'block-open', index, block: { type } });
    for (const piece of texts) events.push({ type: 'text-delta', index, text: piece });
    events.push({ type: 'block-close', index });
    index += 1;
  }
  for (const { id, name, input: value, cut } of plan.calls) {
    const json = JSON.stringify(value);
    const at = cut % json.length;
    events.push({ type: 'block-open', index, block: { type: 'call', id, name } });
    for (const piece of json === '{}' ? [] : [json.slice(0, at), json.slice(at)]) {
      events.push({ type: 'arguments-delta', index, text: piece });
    }
    events.push({ type: 'block-close', index });
    index += 1;
  }
  events.push(
    { type: 'usage', usage: plan.usage, raw: undefined, serviceTier: undefined },
    { type: 'finish', finish: { reason: plan.reason, raw: undefined, stopSequence: plan.stopSequence } },
    { type: 'message-end' },
  );
  return events;
}

const calls = fc.uniqueArray(call, { selector: ({ id }) => id, maxLength: 3 });

const chatPlan: fc.Arbitrary<Plan> = fc
  .record({
    reasoning: fc.option(pieces),
    text: fc.option(pieces),
    refusal: fc.option(pieces),
    calls,
    usage,
    length: fc.boolean(),
  })
  .map(({ reasoning, text: said, refusal, calls: made, usage: used, length }) => ({
    prose: (
      [
        ['reasoning', reasoning],
        ['text', said],
        ['refusal', refusal],
      ] as const
    ).flatMap(([type, texts]) => (texts === null ? [] : [[type, texts] as const])),
    calls: made,
    usage: used,
    reason: length ? 'length' : made.length > 0 ? 'tool-call' : refusal === null ? 'stop' : 'refusal',
    stopSequence: undefined,
  }));

const messagesPlan: fc.Arbitrary<Plan> = fc
  .record({
    texts: fc.array(pieces, { maxLength: 3 }),
    calls,
    usage,
    reason: fc.constantFrom<FinishReason>('stop', 'stop-sequence', 'length', 'tool-call', 'refusal', 'pause'),
  })
  .map(({ texts, calls: made, usage: used, reason }) => ({
    prose: texts.map(said => ['text', said] as const),
    calls: made,
    usage: used,
    reason,
    stopSequence: reason === 'stop-sequence' ? 'STOP' : undefined,
  }));

const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 300 })), { minLength: 1 });

for (const [dialect, plans] of [
  [openaiChat, chatPlan],
  [anthropicMessages, messagesPlan],
] as const) {
  test(`${dialect.name}: what is encoded is decoded again, streamed and whole, under any chunking`, () => {
    fc.assert(
      fc.property(plans, sizes, (plan, chunkSizes) => {
        const events = eventsOf(plan);
        checkStream(events);
        const expected = essence(foldEvents(events));

        const streamed = decode(dialect, encode(dialect, events), chunkSizes);
        const whole = dialect.decodeAnswer(dialect.encodeAnswer(events, context()), new LossLedger());

        checkStream(streamed);
        checkStream(whole);
        assert.deepEqual(essence(foldEvents(streamed)), expected);
        assert.deepEqual(essence(foldEvents(whole)), expected);
      }),
    );
  });

  test(`${dialect.name}: a stream cut anywhere yields one error and no end`, () => {
    fc.assert(
      fc.property(plans, fc.double({ min: 0, max: 1, noNaN: true }), (plan, share) => {
        const bytes = encode(dialect, eventsOf(plan));
        const last = dialect === openaiChat ? bytes.lastIndexOf('data: [DONE]') + 12 : bytes.lastIndexOf('"}') + 1;
        const cut = decode(dialect, bytes.subarray(0, Math.floor(last * share)));

        if (cut.at(-1)?.type === 'error') checkStream(cut);
        else assert.equal(cut.at(-1)?.type, 'message-end');
        if (Math.floor(last * share) < last) assert.equal(cut.at(-1)?.type, 'error');
        assert.equal(cut.filter(({ type }) => type === 'error' || type === 'finish').length, 1);
      }),
    );
  });

  test(`${dialect.name}: a fault in the middle is the last event, in its own words`, () => {
    const [start] = eventsOf({ prose: [], calls: [], usage: {}, reason: 'stop', stopSequence: undefined });
    const error: CompletionEvent = { type: 'error', fault: new Fault('upstream_overloaded') };

    const decoded = decode(dialect, encode(dialect, [start!, error]));

    checkStream(decoded);
    const [, last] = decoded;
    assert.ok(last?.type === 'error');
    assert.ok(['upstream_overloaded', 'upstream_error'].includes(last.fault.code));
    assert.throws(() => dialect.encodeAnswer([start!, error], context()), { code: 'upstream_overloaded' });
    assert.throws(() => dialect.encodeAnswer([start!], context()), { code: 'upstream_truncated' });
  });
}

test('no bytes make a decoder throw or break the laws', () => {
  const line = fc.oneof(
    fc.json().map(json => `data: ${json}\n\n`),
    fc.constantFrom(
      'data: [DONE]\n\n',
      'data: {"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{"}}]}}]}\n\n',
      'data: {"choices":[{"delta":{"tool_calls":[{"index":1,"function":{"name":"g"}}]}}]}\n\n',
      'data: {"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"}"}}]}}]}\n\n',
      'data: {"choices":[{"delta":{"content":"x"},"finish_reason":"stop"}],"usage":{"prompt_tokens":"x"}}\n\n',
      'data: {"choices":[{"message":null}],"usage":7}\n\n',
      'data: {"type":"message_start","message":{"usage":{"input_tokens":1}}}\n\n',
      'data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":"a"}}\n\n',
      'data: {"type":"content_block_start","index":0,"content_block":{"type":"tool_use","name":"f"}}\n\n',
      'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}\n\n',
      'data: {"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{"}}\n\n',
      'data: {"type":"content_block_stop","index":0}\n\n',
      'event: message_stop\ndata: {}\n\n',
      'event: error\ndata: {}\n\n',
    ),
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 10 }), lines => {
      for (const dialect of [openaiChat, anthropicMessages]) checkStream(decode(dialect, Buffer.from(lines.join(''))));
    }),
    { numRuns: 500 },
  );
  fc.assert(
    fc.property(fc.json(), json => {
      for (const dialect of [openaiChat, anthropicMessages]) {
        checkStream(dialect.decodeAnswer(Buffer.from(json), new LossLedger()));
      }
    }),
  );
});

test('interleaved calls of a chat stream become blocks one after the other', () => {
  const delta = (calls: unknown) =>
    `data: ${JSON.stringify({ model: 'm', choices: [{ index: 0, delta: { tool_calls: calls } }] })}\n\n`;
  const wire =
    delta([{ index: 0, id: 'a', type: 'function', function: { name: 'f', arguments: '{"x"' } }]) +
    delta([{ index: 1, id: 'b', type: 'function', function: { name: 'g', arguments: '' } }]) +
    delta([{ index: 0, function: { arguments: ':1}' } }]) +
    delta([{ index: 1, function: { arguments: '{"y":2}' } }]) +
    'data: {"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}\n\ndata: [DONE]\n\n';

  const events = decode(openaiChat, Buffer.from(wire));
  const written = encode(anthropicMessages, events).toString();

  checkStream(events);
  const order = [...written.matchAll(/"type":"content_block_(start|stop)","index":(\d)/g)].map(
    ([, what, at]) => `${what}${at}`,
  );
  assert.deepEqual(order, ['start0', 'stop0', 'start1', 'stop1']);
  const folded = foldEvents(decode(anthropicMessages, Buffer.from(written)));
  assert.deepEqual(
    folded.blocks.map(({ text: args }) => args),
    ['{"x":1}', '{"y":2}'],
  );
});

test('a host that numbers every call 0 is understood by its ids', () => {
  const wire = ['a', 'b']
    .map(
      id =>
        `data: {"choices":[{"delta":{"tool_calls":[{"index":0,"id":"${id}","function":{"name":"f","arguments":"{}"}}]}}]}\n\n`,
    )
    .join('');

  const folded = foldEvents(
    decode(
      openaiChat,
      Buffer.from(`${wire}data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n`),
    ),
  );

  assert.deepEqual(folded.blocks, [
    { head: { type: 'call', id: 'a', name: 'f' }, text: '{}' },
    { head: { type: 'call', id: 'b', name: 'f' }, text: '{}' },
  ]);
  assert.equal(folded.finish.reason, 'tool-call');
  assert.equal(folded.finish.raw, 'stop');
});

test('a messages answer is shown to a chat client', () => {
  const message = {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'claude-x',
    content: [
      { type: 'thinking', thinking: 'hm', signature: 's' },
      { type: 'redacted_thinking', data: 'x' },
      { type: 'text', text: 'Hello' },
      { type: 'tool_use', id: 'toolu_1', name: 'f', input: { n: 1 } },
      { type: 'tool_use', id: 'toolu_2', name: 'g', input: {} },
    ],
    stop_reason: 'tool_use',
    stop_sequence: null,
    usage: { input_tokens: 10, cache_read_input_tokens: 5, cache_creation_input_tokens: 0, output_tokens: 7 },
  };
  const losses = new LossLedger();

  const events = anthropicMessages.decodeAnswer(Buffer.from(JSON.stringify(message)), losses);
  const answer = JSON.parse(openaiChat.encodeAnswer(events, context(losses)).toString());

  assert.deepEqual(answer, {
    id: 'chatcmpl-ex_1',
    object: 'chat.completion',
    created: 1_700_000_000,
    model: 'claude-x',
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: 'Hello',
          reasoning_content: 'hm',
          reasoning_details: [
            { type: 'reasoning.encrypted', data: 's', index: 0 },
            { type: 'reasoning.encrypted', data: 'x', index: 1 },
          ],
          refusal: null,
          tool_calls: [
            { id: 'toolu_1', type: 'function', function: { name: 'f', arguments: '{"n":1}' } },
            { id: 'toolu_2', type: 'function', function: { name: 'g', arguments: '{}' } },
          ],
        },
        logprobs: null,
        finish_reason: 'tool_calls',
      },
    ],
    usage: {
      prompt_tokens: 15,
      completion_tokens: 7,
      total_tokens: 22,
      prompt_tokens_details: { cached_tokens: 5, cache_write_tokens: 0 },
    },
  });
  assert.deepEqual(losses.losses, []);
});

test('a chat answer is shown to a messages client', () => {
  const completion = {
    id: 'c',
    model: 'gpt-x',
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: 'Hello',
          refusal: null,
          reasoning_content: 'hm',
          tool_calls: [
            { id: 'functions.f:0', type: 'function', function: { name: 'f', arguments: '{"n":9007199254740993}' } },
          ],
        },
        finish_reason: 'tool_calls',
      },
    ],
    usage: {
      prompt_tokens: 15,
      completion_tokens: 7,
      total_tokens: 22,
      prompt_tokens_details: { cached_tokens: 5 },
      completion_tokens_details: { reasoning_tokens: 3 },
    },
  };
  const losses = new LossLedger();

  const events = openaiChat.decodeAnswer(Buffer.from(JSON.stringify(completion)), losses);
  const answer = anthropicMessages.encodeAnswer(events, context(losses)).toString();

  assert.equal(
    answer,
    '{"id":"msg_ex_1","type":"message","role":"assistant","model":"gpt-x","content":[{"type":"thinking","thinking":"hm",' +
      '"signature":"{\\"field\\":\\"reasoning_content\\"}"},{"type":"text","text":"Hello"},' +
      '{"type":"tool_use","id":"toolu_d6bdd4de328a22edd610f9548b4f419f37","name":"f","input":{"n":9007199254740993}}],' +
      '"stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":10,"cache_read_input_tokens":5,' +
      '"output_tokens":7,"output_tokens_details":{"thinking_tokens":3}}}',
  );
  assert.deepEqual(losses.losses, []);
});

test('a messages stream begins with an estimate of its input and ends with the count', () => {
  const events = eventsOf({
    prose: [['text', ['Hi']]],
    calls: [],
    usage: { inputUncached: 9, output: 2 },
    reason: 'stop-sequence',
    stopSequence: 'END',
  });

  assert.equal(
    encode(anthropicMessages, events).toString(),
    'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_ex_1","type":"message","role":"assistant","model":"served","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":12,"output_tokens":0}}}\n\n' +
      'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n' +
      'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}}\n\n' +
      'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n' +
      'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"stop_sequence","stop_sequence":"END"},"usage":{"input_tokens":9,"output_tokens":2}}\n\n' +
      'event: message_stop\ndata: {"type":"message_stop"}\n\n',
  );
});

test('a chat stream shows usage only to a client that asked', () => {
  const events = eventsOf({
    prose: [
      ['reasoning', ['hm']],
      ['text', ['Hi']],
    ],
    calls: [{ id: 'a', name: 'f', input: {}, cut: 0 }],
    usage: { inputUncached: 9, output: 2, reasoning: 0 },
    reason: 'tool-call',
    stopSequence: undefined,
  });
  const head = '{"id":"chatcmpl-ex_1","object":"chat.completion.chunk","created":1700000000,"model":"served"';
  const chunk = (delta: string, finish = 'null') =>
    `data: ${head},"choices":[{"index":0,"delta":${delta},"logprobs":null,"finish_reason":${finish}}]}\n\n`;
  const plain =
    chunk('{"role":"assistant"}') +
    chunk('{"reasoning_content":"hm"}') +
    chunk('{"content":"Hi"}') +
    chunk('{"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}}]}') +
    chunk('{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}') +
    chunk('{}', '"tool_calls"');

  assert.equal(encode(openaiChat, events, { ...context(), streamUsage: false }).toString(), `${plain}data: [DONE]\n\n`);
  assert.equal(
    encode(openaiChat, events).toString(),
    `${plain.replaceAll('"choices"', '"usage":null,"choices"')}data: ${head},"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11,"completion_tokens_details":{"reasoning_tokens":0}}}\n\ndata: [DONE]\n\n`,
  );
});

test('answers of a provider that tells no usage are estimated for a messages client, and say so', () => {
  const losses = new LossLedger();
  const events = openaiChat.decodeAnswer(
    Buffer.from('{"model":"m","choices":[{"message":{"content":"12345"},"finish_reason":"stop"}]}'),
    losses,
  );

  const answer = JSON.parse(anthropicMessages.encodeAnswer(events, context(losses)).toString());

  assert.deepEqual(answer.usage, { input_tokens: 12, output_tokens: 2 });
  assert.deepEqual(losses.losses, [{ action: 'approximated', code: 'usage-estimated', path: 'usage' }]);
});

test('arguments that are not an object travel wrapped in a whole messages answer', () => {
  const losses = new LossLedger();
  const events = openaiChat.decodeAnswer(
    Buffer.from(
      '{"model":"m","choices":[{"message":{"content":null,"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{\\"a\\":"}}]},"finish_reason":"length"}],"usage":{"prompt_tokens":1,"completion_tokens":1}}',
    ),
    losses,
  );

  const answer = JSON.parse(anthropicMessages.encodeAnswer(events, context(losses)).toString());

  assert.deepEqual(answer.content, [{ type: 'tool_use', id: 'a', name: 'f', input: { INVALID_JSON: '{"a":' } }]);
  assert.deepEqual(losses.losses, [
    { action: 'approximated', code: 'arguments-wrapped', path: 'choices.0.message.tool_calls' },
  ]);
});

test('answers nested too deep to be written again are malformed', () => {
  const deep = `{"a":${'['.repeat(20_000)}${']'.repeat(20_000)}}`;
  const rows: [Dialect, string][] = [
    [anthropicMessages, `{"content":[{"type":"tool_use","id":"a","name":"f","input":${deep}}],"usage":${deep}}`],
    [
      openaiChat,
      `{"choices":[{"message":{"tool_calls":[{"function":{"name":"f","arguments":${deep}}}]}}],"usage":${deep}}`,
    ],
  ];

  for (const [dialect, body] of rows) {
    const [event, ...more] = dialect.decodeAnswer(Buffer.from(body), new LossLedger());
    assert.ok(event?.type === 'error' && event.fault.code === 'upstream_malformed');
    assert.deepEqual(more, []);
    assert.equal(dialect.observeAnswer(Buffer.from(body)).fault?.code, 'upstream_malformed');
  }
});

test('many brackets that are not deep are no obstacle', () => {
  const input = { list: Array.from({ length: 500 }, () => [{}]), text: '['.repeat(1000) };
  const body = { content: [{ type: 'tool_use', id: 'a', name: 'f', input }], stop_reason: 'tool_use' };

  const folded = foldEvents(anthropicMessages.decodeAnswer(Buffer.from(JSON.stringify(body)), new LossLedger()));

  assert.equal(folded.blocks[0]?.text, JSON.stringify(input));
});

test('a reason to stop that the client has no word for is declared', () => {
  const chatLosses = new LossLedger();
  const paused = anthropicMessages.decodeAnswer(Buffer.from('{"content":[],"stop_reason":"pause_turn"}'), chatLosses);
  const chat = JSON.parse(openaiChat.encodeAnswer(paused, context(chatLosses)).toString());
  assert.equal(chat.choices[0].finish_reason, 'stop');
  assert.deepEqual(chatLosses.losses, [
    { action: 'approximated', code: 'finish-reason-approximated', path: 'stop_reason' },
  ]);

  const losses = new LossLedger();
  const wire =
    'data: {"choices":[{"delta":{"content":"a"},"finish_reason":"bored"}],"usage":{"prompt_tokens":1,"completion_tokens":1}}\n\ndata: [DONE]\n\n';
  const written = encode(anthropicMessages, decode(openaiChat, Buffer.from(wire)), context(losses)).toString();
  assert.ok(written.includes('"stop_reason":"end_turn"'));
  assert.deepEqual(losses.losses, [
    { action: 'approximated', code: 'finish-reason-approximated', path: 'choices.0.finish_reason' },
  ]);
});

test('why a model declined is told to chat clients as the refusal', () => {
  const declined = {
    content: [],
    stop_reason: 'refusal',
    stop_details: { type: 'refusal', category: 'cyber', explanation: 'Not that.' },
  };

  const events = anthropicMessages.decodeAnswer(Buffer.from(JSON.stringify(declined)), new LossLedger());
  const { message, finish_reason: reason } = JSON.parse(openaiChat.encodeAnswer(events, context()).toString())
    .choices[0];

  checkStream(events);
  assert.equal(message.content, null);
  assert.equal(message.refusal, 'Not that.');
  assert.equal(reason, 'stop');
});

test('a repeated message_start before any content is passed over, and a delta of no block is malformed', () => {
  const start =
    'data: {"type":"message_start","message":{"id":"a","model":"m","usage":{"input_tokens":1,"output_tokens":1}}}\n\n';
  const stop = 'data: {"type":"message_delta","delta":{"stop_reason":"end_turn"}}\n\ndata: {"type":"message_stop"}\n\n';
  const stray = 'data: {"type":"content_block_delta","index":3,"delta":{"type":"text_delta","text":"a"}}\n\n';

  const repeated = decode(anthropicMessages, Buffer.from(start + start + stop));
  const strayed = decode(anthropicMessages, Buffer.from(start + stray + stop));

  assert.deepEqual(
    repeated.map(({ type }) => type),
    ['message-start', 'usage', 'finish', 'message-end'],
  );
  assert.deepEqual(
    strayed.map(({ type }) => type),
    ['message-start', 'error'],
  );
});

test('what waits behind a call is told to a Messages client though a state of reasoning comes between', () => {
  const events: CompletionEvent[] = [
    { type: 'message-start', id: 'c', servedModel: 'm', createdAtMs: undefined, usage: undefined },
    { type: 'block-open', index: 0, block: { type: 'call', id: 'call_1', name: 'f' } },
    { type: 'arguments-delta', index: 0, text: '{}' },
    { type: 'block-open', index: 1, block: { type: 'reasoning', redacted: true } },
    { type: 'state', index: 1, state: 'EqQB' },
    { type: 'block-close', index: 1 },
    { type: 'block-open', index: 2, block: { type: 'text' } },
    { type: 'text-delta', index: 2, text: 'A dot.' },
    { type: 'block-close', index: 2 },
    { type: 'block-open', index: 3, block: { type: 'text' } },
    { type: 'text-delta', index: 3, text: 'And a line.' },
    { type: 'block-close', index: 3 },
    { type: 'block-close', index: 0 },
    { type: 'finish', finish: { reason: 'tool-call', raw: undefined, stopSequence: undefined } },
    { type: 'message-end' },
  ];

  const { blocks } = foldEvents(decode(anthropicMessages, encode(anthropicMessages, events)));

  assert.deepEqual(
    blocks.map(({ head, text, state }) => [head.type, text, state]),
    [
      ['call', '{}', undefined],
      ['reasoning', '', 'EqQB'],
      ['text', 'A dot.', undefined],
      ['text', 'And a line.', undefined],
    ],
  );
});
