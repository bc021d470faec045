import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import type { StreamObserver, StreamStep } from '../dialect.ts';
import { observeAnswer, observeStream } from './observe.ts';

const fixture = (name: string) => readFileSync(new URL(`./fixtures/streams/${name}.sse`, import.meta.url), 'utf8');
const toolCalls = fixture('tool-calls');
const endAt = toolCalls.indexOf('event: message-end');

function run(observer: StreamObserver, chunks: readonly Buffer[]) {
  let passed = '';
  let held = '';
  let state: StreamStep['state'] = 'nothing';
  for (const step of [...chunks.map(chunk => observer.push(chunk)), observer.finish()]) {
    passed += step.pass?.toString('latin1') ?? '';
    held += step.held?.toString('latin1') ?? '';
    state = step.state;
  }
  return { passed, held, state };
}

test('a stream passes unchanged and is held from its message-end on, what follows it included', () => {
  const observer = observeStream();

  const seen = run(observer, [Buffer.from(toolCalls)]);

  assert.equal(seen.passed, toolCalls.slice(0, endAt));
  assert.equal(seen.held, toolCalls.slice(endAt));
  assert.equal(seen.state, 'ended');
  assert.deepEqual(observer.facts.usage, { inputUncached: 45, cacheRead: 1504, output: 95 });
  assert.equal(observer.contentBytesSinceUsage, 0);
});

test('any chunking and any line ends give the same bytes, state and facts', () => {
  const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 400 })), { minLength: 1 });
  fc.assert(
    fc.property(fc.constantFrom('\n', '\r\n', '\r'), sizes, (end, chunkSizes) => {
      const bytes = Buffer.from(toolCalls.replaceAll('\n', end));
      const whole = observeStream();
      const expected = run(whole, [bytes]);
      const pieces = observeStream();
      const chunks: Buffer[] = [];
      for (let at = 0; at < bytes.length; ) {
        const size = chunkSizes[chunks.length % chunkSizes.length]!;
        chunks.push(Buffer.from(bytes.subarray(at, at + size)));
        at += size;
      }

      assert.deepEqual(run(pieces, chunks), expected);
      assert.deepEqual(pieces.facts, whole.facts);
    }),
  );
});

test('at any cut point the stream is not ended, and only whole events have passed', () => {
  const bytes = Buffer.from(toolCalls);
  for (let length = 0; length <= endAt; length += 1) {
    const seen = run(observeStream(), [bytes.subarray(0, length)]);
    assert.ok(seen.state === 'nothing' || seen.state === 'content');
    assert.equal(seen.held, '');
    assert.ok(seen.passed === '' || seen.passed.endsWith('\n\n'));
  }
});

test('the state tells heads from content: a start is none, a plan, a call and a citation are', () => {
  const data = (fields: object) => Buffer.from(`data: ${JSON.stringify(fields)}\n\n`);
  const message = (fields: object) => ({ delta: { message: fields } });
  const rows: readonly (readonly [object, StreamStep['state']])[] = [
    [{ type: 'message-start', ...message({ content: [], tool_plan: '', tool_calls: [], citations: [] }) }, 'nothing'],
    [{ type: 'content-start', index: 0, ...message({ content: { type: 'text', text: '' } }) }, 'nothing'],
    [{ type: 'content-start', index: 0, ...message({ content: { type: 'thinking', thinking: '' } }) }, 'nothing'],
    [{ type: 'content-delta', index: 0, ...message({ content: { text: 'a' } }) }, 'content'],
    [{ type: 'content-delta', index: 0, ...message({ content: { thinking: 'a' } }) }, 'content'],
    [{ type: 'tool-plan-delta', ...message({ tool_plan: 'a' }) }, 'content'],
    [{ type: 'tool-call-start', index: 0, ...message({ tool_calls: { function: { name: 'f' } } }) }, 'content'],
    [{ type: 'citation-start', index: 0, ...message({ citations: { start: 0 } }) }, 'content'],
    [{ type: 'debug', prompt: 'a' }, 'nothing'],
  ];
  for (const [event, state] of rows)
    assert.equal(observeStream().push(data(event)).state, state, JSON.stringify(event));
});

test('an end that says ERROR or TIMEOUT fails the stream, and its own words are the message', () => {
  const rows: readonly (readonly [string, string, string])[] = [
    ['{"finish_reason":"ERROR","error":"It broke."}', 'upstream_error', 'It broke.'],
    ['{"finish_reason":"ERROR"}', 'upstream_error', 'The provider broke off (ERROR).'],
    ['{"finish_reason":"TIMEOUT"}', 'upstream_first_byte_timeout', 'The provider broke off (TIMEOUT).'],
    [
      '{"finish_reason":"COMPLETE","error":"too many tokens: size limit exceeded."}',
      'context_overflow',
      'too many tokens: size limit exceeded.',
    ],
  ];
  for (const [delta, code, message] of rows) {
    const observer = observeStream();
    const seen = run(observer, [Buffer.from(`data: {"type":"message-end","delta":${delta}}\n\n`)]);
    assert.deepEqual(
      [seen.state, observer.facts.fault?.code, observer.facts.fault?.message],
      ['failed', code, message],
    );
    assert.notEqual(seen.held, '');
  }
});

test('a whole answer without a message is none, and one that says why is that fault', () => {
  const codeOf = (text: string) => observeAnswer(Buffer.from(text)).fault?.code;
  assert.equal(codeOf('{"id":"x"}'), 'upstream_malformed');
  assert.equal(codeOf('[]'), 'upstream_malformed');
  assert.equal(codeOf('{"message":"internal server error"}'), 'upstream_error');
  assert.equal(codeOf('{"message":"too many tokens: size limit exceeded by 25836 tokens."}'), 'context_overflow');
  assert.equal(codeOf('{"message":{"content":[]},"finish_reason":"COMPLETE"}'), undefined);
});
