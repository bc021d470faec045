import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CompletionEvent } from '../../completion/event.ts';
import { LossLedger } from '../../completion/loss.ts';
import type { AnswerContext } from '../dialect.ts';
import { decodeStream } from './decode-answer.ts';
import { encodeStream } from './encode-answer.ts';

function contextOf(more: Partial<AnswerContext> = {}): AnswerContext {
  return {
    exchangeId: 'ex_1',
    targetModel: 'm',
    createdAtMs: 0,
    streamUsage: true,
    inputTokensEstimate: 1,
    losses: new LossLedger(),
    ...more,
  };
}

const start: CompletionEvent = {
  type: 'message-start',
  id: 'a',
  servedModel: undefined,
  createdAtMs: undefined,
  usage: undefined,
};
const end: readonly CompletionEvent[] = [
  { type: 'finish', finish: { reason: 'tool-call', raw: undefined, stopSequence: undefined } },
  { type: 'message-end' },
];

function typesOf(events: readonly CompletionEvent[], more: Partial<AnswerContext> = {}): string[] {
  const encoder = encodeStream(contextOf(more));
  const text = Buffer.concat(events.map(event => encoder.push(event))).toString();
  return [...text.matchAll(/^data: (?:\{(?:"id":"\w+",)?"type":"([\w-]+)"(?:,"index":(\d+))?|(\[DONE\]))/gm)].map(
    ([, type, index, done]) => done ?? (index === undefined ? type! : `${type} ${index}`),
  );
}

test('calls that come interleaved leave one behind the other, each from its start to its end', () => {
  const types = typesOf([
    start,
    { type: 'block-open', index: 0, block: { type: 'text' } },
    { type: 'block-open', index: 1, block: { type: 'call', id: 'a', name: 'f' } },
    { type: 'text-delta', index: 0, text: 'Hi' },
    { type: 'block-open', index: 2, block: { type: 'call', id: 'b', name: 'g' } },
    { type: 'arguments-delta', index: 2, text: '{}' },
    { type: 'arguments-delta', index: 1, text: '{"a":' },
    { type: 'block-close', index: 0 },
    { type: 'block-close', index: 2 },
    { type: 'arguments-delta', index: 1, text: '1}' },
    { type: 'block-close', index: 1 },
    ...end,
  ]);

  assert.deepEqual(types, [
    'message-start',
    ...['content-start 0', 'content-delta 0', 'content-end 0'],
    ...['tool-call-start 0', 'tool-call-delta 0', 'tool-call-delta 0', 'tool-call-end 0'],
    ...['tool-call-start 1', 'tool-call-delta 1', 'tool-call-end 1'],
    ...['message-end', '[DONE]'],
  ]);
});

test('thinking that shows nothing has no event, and its state no field', () => {
  const types = typesOf([
    start,
    { type: 'block-open', index: 0, block: { type: 'reasoning', redacted: true } },
    { type: 'state', index: 0, state: 'opaque' },
    { type: 'block-close', index: 0 },
    ...end,
  ]);

  assert.deepEqual(types, ['message-start', 'message-end', '[DONE]']);
});

test('an answer that goes on with another has no second start, and goes on in the open text', () => {
  const events: readonly CompletionEvent[] = [
    start,
    { type: 'block-open', index: 0, block: { type: 'text' } },
    { type: 'text-delta', index: 0, text: 'b' },
    { type: 'block-close', index: 0 },
    ...end,
  ];

  assert.deepEqual(typesOf(events, { resumes: { blocks: 1, open: { index: 0, type: 'text' } } }), [
    ...['content-delta 0', 'content-end 0', 'message-end', '[DONE]'],
  ]);
  assert.deepEqual(typesOf(events, { resumes: { blocks: 1, open: { index: 0, type: 'reasoning' } } }), [
    ...['content-end 0', 'content-start 1', 'content-delta 1', 'content-end 1', 'message-end', '[DONE]'],
  ]);
});

test('a plan is told as one, without an index, and closes the text that was left open', () => {
  const events: readonly CompletionEvent[] = [
    start,
    { type: 'block-open', index: 0, block: { type: 'text', plan: true } },
    { type: 'text-delta', index: 0, text: 'I will look.' },
    { type: 'block-close', index: 0 },
    { type: 'block-open', index: 1, block: { type: 'call', id: 'a', name: 'f' } },
    { type: 'block-close', index: 1 },
    ...end,
  ];
  const call = ['tool-call-start 0', 'tool-call-delta 0', 'tool-call-end 0', 'message-end', '[DONE]'];

  assert.deepEqual(typesOf(events), ['message-start', 'tool-plan-delta', ...call]);
  const left = { resumes: { blocks: 1, open: { index: 0, type: 'text' } } } as const;
  assert.deepEqual(typesOf(events, left), ['content-end 0', 'tool-plan-delta', ...call]);
});

test('streams that never end are stopped by name, whatever grows', () => {
  const event = (fields: object) => Buffer.from(`data: ${JSON.stringify(fields)}\n\n`);
  const message = (fields: object) => ({ delta: { message: fields } });
  const long = 'x'.repeat(64 * 1024);
  const open = { function: { name: 'f', arguments: '' } };
  const rows: readonly (readonly [string, (index: number) => object, number])[] = [
    ['a plan', () => ({ type: 'tool-plan-delta', ...message({ tool_plan: long }) }), 520],
    ['calls', index => ({ type: 'tool-call-start', index, ...message({ tool_calls: open }) }), 140_000],
    ['contents', index => ({ type: 'content-start', index, ...message({ content: { type: 'text' } }) }), 140_000],
    ['unknown contents', index => ({ type: 'content-start', index, ...message({ content: { type: 'x' } }) }), 140_000],
  ];
  for (const [what, next, eventsMax] of rows) {
    const decoder = decodeStream(new LossLedger());
    let last = decoder.push(event({ type: 'message-start' })).at(-1);
    for (let index = 0; last?.type !== 'error' && index <= eventsMax; index += 1) {
      last = decoder.push(event(next(index))).at(-1) ?? last;
    }
    assert.equal(last?.type === 'error' ? last.fault.code : last?.type, 'upstream_response_too_large', what);
  }
});

test('what is no stream of this API is malformed, by name', () => {
  const rows: readonly (readonly [string, string])[] = [
    ['data: {"type":"content-start","index":0}\n\n', 'upstream_malformed'],
    ['data: []\n\n', 'upstream_malformed'],
    ['data: {"type":"message-start"}\n\ndata: {"type":"content-start","index":0}\n\n', 'upstream_malformed'],
    ['data: {"type":"message-start"}\n\ndata: {"type":"content-delta","index":0,"delta":{}}\n\n', 'upstream_malformed'],
    [
      'data: {"type":"message-start"}\n\ndata: {"type":"tool-call-start","index":0,"delta":{}}\n\n',
      'upstream_malformed',
    ],
    [
      'data: {"type":"message-start"}\n\ndata: {"type":"tool-call-delta","index":0,"delta":{}}\n\n',
      'upstream_malformed',
    ],
    ['data: {"type":"message-end","delta":{"finish_reason":"COMPLETE"}}\n\n', 'upstream_malformed'],
    ['data: {"message":"no"}\n\n', 'upstream_error'],
    ['data: [DONE]\n\n', 'upstream_truncated'],
  ];
  for (const [text, code] of rows) {
    const last = decodeStream(new LossLedger()).push(Buffer.from(text)).at(-1);
    assert.equal(last?.type === 'error' ? last.fault.code : last?.type, code, text);
  }
});
