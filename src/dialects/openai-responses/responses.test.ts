import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CompletionEvent } from '../../completion/event.ts';
import { Fault } from '../../completion/fault.ts';
import { LossLedger } from '../../completion/loss.ts';
import { profileOf } from '../../gateway/profiles.ts';
import type { AnswerSoFar, StreamPlace } from '../answer-so-far.ts';
import type { AnswerContext } from '../dialect.ts';
import { openaiResponses as responses } from './dialect.ts';

const plain = { targetModel: 'm', askUsage: false, outputTokensMax: undefined };

function scan(fields: object) {
  return responses.scanRequest(Buffer.from(JSON.stringify({ model: 'acme/x', input: 'Hi', ...fields })));
}

test('a request is read in one pass', () => {
  const body = Buffer.from(
    '{"stream":true, "mod\\u0065l":"acme\\/x","max_output_tokens": 7.0,"tools":[{}],"service_tier":"flex",' +
      '"prompt_cache_key":"k","input":[{"type":"reasoning","summary":[]},{"role":"user","content":[{"type":"input_image",' +
      '"image_url":"data:image/png;base64,AAAA"},{"type":"input_file","file_data":"data:application/pdf;base64,AAAA"},' +
      '{"type":"input_file","file_url":"https://example.com/a.pdf"}]}],"metadata":{"type":"input_file"}}',
  );

  const seen = responses.scanRequest(body);

  assert.equal(seen.requestedModel, 'acme/x');
  assert.equal(seen.stream, true);
  assert.equal(seen.streamUsage, true);
  assert.equal(seen.outputTokensMax, 7);
  assert.equal(seen.serviceTier, 'flex');
  assert.equal(seen.cacheKey, 'k');
  assert.equal(seen.hasTools, true);
  assert.equal(seen.thinkingBlocks, 1);
  assert.deepEqual(
    [seen.media.images, seen.media.documents, seen.media.documentsUnsized, seen.media.bytesInBody],
    [1, 1, 1, 26 + 32],
  );
});

const stored: readonly (readonly [fields: object, parameter: string])[] = [
  [{ previous_response_id: 'resp_1' }, 'previous_response_id'],
  [{ conversation: { id: 'conv_1' } }, 'conversation'],
  [{ conversation: 'conv_1' }, 'conversation'],
  [{ prompt: { id: 'pmpt_1' } }, 'prompt'],
  [{ background: true }, 'background'],
  [
    {
      input: [
        { role: 'user', content: 'Hi' },
        { type: 'item_reference', id: 'msg_1' },
      ],
    },
    'input.1',
  ],
];

for (const [fields, parameter] of stored) {
  test(`what one provider stores is refused by its name, whoever is asked: ${JSON.stringify(fields)}`, () => {
    assert.throws(
      () => scan(fields),
      (fault: unknown) => {
        assert.ok(fault instanceof Fault);
        assert.deepEqual([fault.code, fault.status, fault.parameter], ['stored_state_unsupported', 400, parameter]);
        return true;
      },
    );
  });
}

test('what says that nothing is stored is taken', () => {
  const fields = { previous_response_id: null, conversation: null, prompt: null, background: false, store: false };

  assert.equal(scan({ ...fields, input: [{ role: 'user', content: 'item_reference' }] }).requestedModel, 'acme/x');
  assert.equal(
    scan({ input: [{ type: 'reasoning', summary: [{ type: 'summary_text', text: 'item_reference' }] }] })
      .thinkingBlocks,
    1,
  );
});

test('a limit is lowered where it was named, set where it was not, and never raised', () => {
  const splice = (text: string, outputTokensMax: number) => {
    const body = Buffer.from(text);
    return responses.spliceRequest(body, responses.scanRequest(body), { ...plain, outputTokensMax }).toString();
  };

  assert.equal(
    splice('{"model":"a","input":"Hi","max_output_tokens": 9 }', 5),
    '{"model":"m","input":"Hi","max_output_tokens": 5 }',
  );
  assert.equal(
    splice('{"model":"a","input":"Hi","max_output_tokens":null}', 5),
    '{"model":"m","input":"Hi","max_output_tokens":5}',
  );
  assert.equal(splice('{"model":"a","input":"Hi"}', 5), '{"model":"m","max_output_tokens":5,"input":"Hi"}');
  assert.equal(
    splice('{"model":"a","input":"Hi","max_output_tokens":3}', 5),
    '{"model":"m","input":"Hi","max_output_tokens":3}',
  );
});

test('tools that the provider runs are named with the bound of all calls; tools of the client are not', () => {
  const hosted = (fields: object) => {
    const body = Buffer.from(JSON.stringify({ model: 'm', input: 'Hi', ...fields }));
    return responses.hostedTools!(body, responses.scanRequest(body));
  };
  const tools = [
    { type: 'web_search_2025_08_26' },
    { type: 'web_search_preview' },
    { type: 'image_generation' },
    { type: 'function', name: 'web_search' },
    { type: 'mcp', server_label: 'x' },
    null,
    7,
  ];

  assert.deepEqual(hosted({ tools, max_tool_calls: 3 }), [
    { meter: 'tool.webSearch', callsMax: 3 },
    { meter: 'tool.imageGeneration', callsMax: 3 },
  ]);
  assert.deepEqual(hosted({ tools: [{ type: 'file_search' }] }), [{ meter: 'tool.fileSearch', callsMax: undefined }]);
  assert.deepEqual(hosted({ tools: [{ type: 'file_search' }], max_tool_calls: 'many' }), [
    { meter: 'tool.fileSearch', callsMax: undefined },
  ]);
  assert.deepEqual(hosted({}), []);
});

const usage = { input_tokens: 9, output_tokens: 4, total_tokens: 13 };
const search = { id: 'ws_1', type: 'web_search_call', status: 'completed', action: { type: 'search', query: 'q' } };
const opened = { ...search, id: 'ws_2', action: { type: 'open_page', url: 'https://example.com' } };
const generated = { id: 'ig_1', type: 'image_generation_call', status: 'completed', result: 'AAAA' };

function countsOf(response: object) {
  return responses.observeAnswer(Buffer.from(JSON.stringify({ status: 'completed', output: [], usage, ...response })))
    .counts;
}

test('searches count once each, and pages that are opened do not; what the provider counts itself comes first', () => {
  assert.deepEqual(countsOf({ output: [search, search, opened, generated] }), {
    'tool.webSearch': 2,
    'tool.imageGeneration': 1,
  });
  assert.deepEqual(countsOf({ output: [search, generated], tool_usage: { web_search: { num_requests: 5 } } }), {
    'tool.webSearch': 5,
    'tool.imageGeneration': 1,
  });
  assert.equal(countsOf({ output: [search], tool_usage: { web_search: { num_requests: 0 } } }), undefined);
  assert.deepEqual(
    countsOf({ output: [search], usage: { ...usage, server_side_tool_usage_details: { web_search_calls: 4 } } }),
    { 'tool.webSearch': 4 },
  );
  assert.equal(countsOf({ output: [] }), undefined);
});

function stream(events: readonly object[]): Buffer {
  const text = events.map((event, number) => {
    const { type } = event as { type: string };
    return `event: ${type}\ndata: ${JSON.stringify({ sequence_number: number, ...event })}\n\n`;
  });
  return Buffer.from(text.join(''));
}

test('a stream that breaks off has the calls that ended in it; a whole one has those of its answer, once', () => {
  const begun = [
    { type: 'response.created', response: { id: 'r', model: 'x', status: 'in_progress', output: [] } },
    { type: 'response.output_item.added', output_index: 0, item: { ...search, status: 'in_progress' } },
    { type: 'response.output_item.done', output_index: 0, item: search },
  ];
  const cut = responses.observeStream({ stripUsage: false });
  cut.push(stream(begun));
  cut.finish();
  const whole = responses.observeStream({ stripUsage: false });
  const end = { type: 'response.completed', response: { id: 'r', status: 'completed', output: [search], usage } };
  whole.push(stream([...begun, end]));

  assert.deepEqual(cut.facts.counts, { 'tool.webSearch': 1 });
  assert.deepEqual(whole.facts.counts, { 'tool.webSearch': 1 });
  assert.deepEqual(whole.place, { answerId: 'r', nextEvent: 4 });
});

test('the type of an event may come behind what it is about', () => {
  const observer = responses.observeStream({ stripUsage: false });
  const { state } = observer.push(
    Buffer.from(
      `data: ${JSON.stringify({ response: { status: 'completed', output: [], usage }, type: 'response.completed' })}\n\n`,
    ),
  );

  assert.equal(state, 'ended');
  assert.deepEqual(observer.facts.usage, { inputUncached: 9, output: 4 });
  assert.equal(observer.facts.finishRaw, 'completed');
});

test('until it is over, an answer says what was asked for: neither its tier nor its end', () => {
  const observer = responses.observeStream({ stripUsage: false });
  observer.push(
    stream([
      {
        type: 'response.created',
        response: { id: 'r', status: 'in_progress', service_tier: 'auto', output: [], usage: null },
      },
    ]),
  );

  assert.equal(observer.facts.serviceTier, undefined);
  assert.equal(observer.facts.finishRaw, undefined);
});

test('envelopes of ours are left out by their bytes, and nothing else changes', () => {
  const envelope = `carrier1${'A'.repeat(40)}`;
  const text = `{"model":"m","input":[ {"role":"user","content":"a  b"}, {"type":"reasoning","summary":[],"encrypted_content":"${envelope}"},{"type":"reasoning","summary":[],"encrypted_content":"gAAAA"}]}`;
  const body = Buffer.from(text);
  const seen = responses.scanRequest(body);

  const ours = responses.withoutEnvelopes!(body, seen, () => responses.profile.reasoning);
  const sent = responses.spliceRequest(body, seen, { ...plain, more: ours!.edits }).toString();

  assert.deepEqual(ours!.losses, [{ action: 'dropped', code: 'reasoning-state-foreign', path: 'input.1' }]);
  assert.equal(
    sent,
    '{"model":"m","input":[{"role":"user","content":"a  b"},{"type":"reasoning","summary":[],"encrypted_content":"gAAAA"}]}',
  );
  const own = Buffer.from(
    `{"model":"m","input":[{"type":"reasoning","summary":[],"encrypted_content":"g"},{"role":"user","content":"${envelope}"}]}`,
  );
  assert.equal(
    responses.withoutEnvelopes!(own, responses.scanRequest(own), () => responses.profile.reasoning),
    undefined,
  );
});

function contextOf(resumes?: AnswerSoFar): AnswerContext {
  return {
    exchangeId: 'ex_1',
    targetModel: 'served',
    createdAtMs: 0,
    streamUsage: true,
    inputTokensEstimate: 7,
    losses: new LossLedger(),
    resumes,
  };
}

const start: CompletionEvent = { type: 'message-start', id: '', servedModel: 'x', createdAtMs: 0, usage: undefined };
const end: readonly CompletionEvent[] = [
  { type: 'usage', usage: { inputUncached: 9, output: 4 }, raw: {}, serviceTier: undefined },
  { type: 'finish', finish: { reason: 'stop', raw: 'stop', stopSequence: undefined } },
  { type: 'message-end' },
];
const said = (text: string): CompletionEvent[] => [
  { type: 'block-open', index: 0, block: { type: 'text' } },
  { type: 'text-delta', index: 0, text },
];
const closed: CompletionEvent = { type: 'block-close', index: 0 };

function write(events: readonly CompletionEvent[], resumes?: AnswerSoFar): Buffer {
  const encoder = responses.encodeStream(contextOf(resumes));
  return Buffer.concat(events.map(event => encoder.push(event)));
}

interface WireEvent {
  readonly type: string;
  readonly sequence_number: number;
  readonly [field: string]: unknown;
}

function eventsOf(bytes: Buffer): WireEvent[] {
  const lines = bytes.toString().split('\n');
  return lines.filter(line => line.startsWith('data: ')).map(line => JSON.parse(line.slice('data: '.length)));
}

function placeAfter(bytes: Buffer): StreamPlace {
  const reader = responses.readPlace!();
  reader.push(bytes);
  return reader.place;
}

test('events are numbered through, and items keep their ids', () => {
  const events = eventsOf(write([start, ...said('Hello'), closed, ...end]));

  assert.deepEqual(
    events.map(event => event.sequence_number),
    [0, 1, 2, 3, 4, 5, 6, 7, 8],
  );
  assert.deepEqual(
    events.map(({ type }) => type.slice('response.'.length)),
    [
      'created',
      'in_progress',
      'output_item.added',
      'content_part.added',
      'output_text.delta',
      'output_text.done',
      'content_part.done',
      'output_item.done',
      'completed',
    ],
  );
  const ids = events.flatMap(event => (event['item_id'] === undefined ? [] : [event['item_id']]));
  assert.deepEqual([...new Set(ids)], ['msg_ex_1_0']);
});

test('where a stream stands is read from its bytes, whatever their pieces', () => {
  const bytes = write([start, ...said('Hel')]);
  const reader = responses.readPlace!();
  for (const byte of bytes) reader.push(Buffer.from([byte]));

  assert.deepEqual(reader.place, placeAfter(bytes));
  const { answerId, nextEvent, nextItem, openItem, items } = reader.place;
  assert.deepEqual([answerId, nextEvent, nextItem, items], ['resp_ex_1', 5, 1, []]);
  assert.deepEqual(openItem?.parts, [{ type: 'output_text', text: 'Hel', isClosed: false }]);
});

test('a text is gone on with in its own part: numbers go on, and its end has all of it', () => {
  const before = write([start, ...said('Hel')]);
  const soFar = { blocks: 1, open: { index: 0, type: 'text' }, place: placeAfter(before) } as const;
  const notice = responses.encodeNotice(
    { type: 'seam', attempt: 2, deployment: 'd', model: 'm', offsetBytes: 3, overlap: 0 },
    soFar,
    { exchangeId: 'ex_1', createdAtMs: 0 },
  );
  const after = write([start, ...said('lo'), closed, ...end], { ...soFar, noticed: 'seam' });

  const events = eventsOf(Buffer.concat([before, notice, after]));

  assert.deepEqual(
    events.map(event => event.sequence_number),
    events.map((_, number) => number),
  );
  const done = events.find(({ type }) => type === 'response.output_text.done');
  assert.equal(done?.['text'], 'Hello');
  const response = events.at(-1)!['response'] as { id: string; output: { content: { text: string }[] }[] };
  assert.equal(response.id, 'resp_ex_1');
  assert.deepEqual(
    response.output.map(({ content }) => content.map(({ text }) => text)),
    [['Hello']],
  );
});

test('a restart ends what was open and leaves it out of the answer, numbers going on', () => {
  const before = write([start, ...said('Wrong')]);
  const soFar: AnswerSoFar = { blocks: 1, open: { index: 0, type: 'text' }, place: placeAfter(before) };
  const notice = responses.encodeNotice({ type: 'restart', attempt: 2, deployment: 'd', model: 'm' }, soFar, {
    exchangeId: 'ex_1',
    createdAtMs: 0,
  });
  const after = write([start, ...said('Right'), closed, ...end], { ...soFar, open: undefined, noticed: 'restart' });

  const events = eventsOf(Buffer.concat([before, notice, after]));

  assert.deepEqual(
    events.map(event => event.sequence_number),
    events.map((_, number) => number),
  );
  const added = events.filter(({ type }) => type === 'response.output_item.added').length;
  const done = events.filter(({ type }) => type === 'response.output_item.done');
  assert.deepEqual([added, done.length], [2, 2]);
  assert.equal((done[0]!['item'] as { status: string }).status, 'incomplete');
  const response = events.at(-1)!['response'] as { output: { id: string; content: { text: string }[] }[] };
  assert.deepEqual(
    response.output.map(({ id, content }) => [id, content[0]!.text]),
    [['msg_ex_1_1', 'Right']],
  );
});

test('another provider’s events go on with an answer that was begun: one beginning, one id, one item', () => {
  const head = write([start, { type: 'block-open', index: 0, block: { type: 'text' } }]);
  const other = stream([
    { type: 'response.created', response: { id: 'other', status: 'in_progress', output: [] } },
    { type: 'response.in_progress', response: { id: 'other', status: 'in_progress', output: [] } },
    { type: 'response.output_item.added', output_index: 0, item: { id: 'msg_o', type: 'message', content: [] } },
    {
      type: 'response.content_part.added',
      item_id: 'msg_o',
      output_index: 0,
      content_index: 0,
      part: { type: 'output_text', text: '' },
    },
    { type: 'response.output_text.delta', item_id: 'msg_o', output_index: 0, content_index: 0, delta: 'Hello' },
    {
      type: 'response.output_item.done',
      output_index: 0,
      item: { id: 'msg_o', type: 'message', content: [{ type: 'output_text', text: 'Hello' }] },
    },
    {
      type: 'response.completed',
      response: {
        id: 'other',
        status: 'completed',
        output: [{ id: 'msg_o', type: 'message', content: [{ type: 'output_text', text: 'Hello' }] }],
        usage,
      },
    },
  ]);
  let placed: unknown;
  const resume = responses.resumeStream!(
    { blocks: 1, open: { index: 0, type: 'text' }, place: placeAfter(head) },
    place => {
      placed = place;
    },
  );

  const events = eventsOf(Buffer.concat([head, resume(other)]));

  assert.deepEqual(
    events.map(event => event.sequence_number),
    [0, 1, 2, 3, 4, 5, 6],
  );
  assert.deepEqual(placed, { answerId: 'resp_ex_1', nextEvent: 7 });
  assert.equal(events[4]!['item_id'], 'msg_ex_1_0');
  const response = events.at(-1)!['response'] as { id: string; output: { id: string }[] };
  assert.deepEqual([response.id, response.output.map(({ id }) => id)], ['resp_ex_1', ['msg_ex_1_0']]);
});

test('another provider’s call behind an empty message closes the message first', () => {
  const head = write([start, { type: 'block-open', index: 0, block: { type: 'text' } }]);
  const call = { id: 'fc_o', type: 'function_call', call_id: 'c', name: 'f', arguments: '{}' };
  const other = stream([
    { type: 'response.created', response: { id: 'other', status: 'in_progress', output: [] } },
    { type: 'response.output_item.added', output_index: 0, item: call },
    { type: 'response.output_item.done', output_index: 0, item: call },
    { type: 'response.completed', response: { id: 'other', status: 'completed', output: [call], usage } },
  ]);
  const resume = responses.resumeStream!({ blocks: 1, open: { index: 0, type: 'text' }, place: placeAfter(head) });

  const events = eventsOf(resume(other));

  assert.deepEqual(
    events.map(({ type, output_index: index }) => [type, index]),
    [
      ['response.output_text.done', 0],
      ['response.content_part.done', 0],
      ['response.output_item.done', 0],
      ['response.output_item.added', 1],
      ['response.output_item.done', 1],
      ['response.completed', undefined],
    ],
  );
  const response = events.at(-1)!['response'] as { output: { id: string }[] };
  assert.deepEqual(
    response.output.map(({ id }) => id),
    ['msg_ex_1_0', 'fc_o'],
  );
});

test('a stream fails as the API’s do: an error, then the answer that failed, with the next numbers', () => {
  const fault = new Fault('context_overflow', 'Too long.');
  const place = { answerId: 'resp_1', nextEvent: 7 };
  const salvage = [{ id: 'call_1', name: 'f', argumentsText: '{}', custom: false }];

  const [error, failed] = eventsOf(responses.encodeStreamFault(fault, { exchangeId: 'ex_1', place, salvage }));

  assert.deepEqual([error!.type, error!.sequence_number, error!['code']], ['error', 7, 'context_length_exceeded']);
  assert.deepEqual((error!['error'] as { salvageable_tool_calls: unknown }).salvageable_tool_calls, [
    { type: 'function_call', call_id: 'call_1', name: 'f', arguments: '{}' },
  ]);
  assert.deepEqual([failed!.type, failed!.sequence_number], ['response.failed', 8]);
  const response = failed!['response'] as { id: string; status: string; error: { code: string } };
  assert.deepEqual(
    [response.id, response.status, response.error.code],
    ['resp_1', 'failed', 'context_length_exceeded'],
  );
});

test('blocks that are open at once each have an item; a message that text may still come for ends when it has', () => {
  const open = (index: number, block: Extract<CompletionEvent, { type: 'block-open' }>['block']): CompletionEvent => ({
    type: 'block-open',
    index,
    block,
  });
  const events = eventsOf(
    write([
      start,
      open(0, { type: 'text' }),
      { type: 'text-delta', index: 0, text: 'a' },
      open(1, { type: 'call', id: 'c', name: 'f' }),
      { type: 'text-delta', index: 0, text: 'b' },
      { type: 'arguments-delta', index: 1, text: '{}' },
      { type: 'block-close', index: 0 },
      { type: 'block-close', index: 1 },
      ...end,
    ]),
  );

  const response = events.at(-1)!['response'] as { output: { type: string; content?: { text: string }[] }[] };
  assert.deepEqual(
    response.output.map(({ type, content }) => [type, content?.[0]?.text]),
    [
      ['message', 'ab'],
      ['function_call', undefined],
    ],
  );
  assert.equal(events.filter(({ type }) => type === 'response.output_item.done').length, 2);
});

test('models of a provider are told what they take in this dialect as in chat completions', () => {
  const current = profileOf('openai', 'openai-responses', 'gpt-5.6');
  const older = profileOf('openai', 'openai-responses', 'gpt-4.1');
  const host = profileOf('openai-compatible', 'openai-responses', 'llama');

  assert.deepEqual([current.reasoning.style, older.reasoning.style], ['effort', 'none']);
  assert.deepEqual([current.cacheMarks?.marksMax, older.cacheMarks], [4, undefined]);
  assert.deepEqual(
    [current.namespaces, current.customTools, host.namespaces, host.customTools],
    [true, true, false, false],
  );
  assert.deepEqual([...current.unsupported].sort(), [
    'answers',
    'frequencyPenalty',
    'logprobs',
    'presencePenalty',
    'seed',
    'stop',
    'topK',
  ]);
  assert.ok(host.unsupported.has('stop') && host.unsupported.has('metadata'));
});
