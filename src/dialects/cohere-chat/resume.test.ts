import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resumeStream } from './resume.ts';

function event(type: string, fields: object = {}): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
}

const content = (fields: object) => ({ delta: { message: { content: fields } } });
const start = event('message-start', { id: 'x' });
const textStart = (index: number) => event('content-start', { index, ...content({ type: 'text', text: '' }) });
const text = (index: number, said: string) => event('content-delta', { index, ...content({ text: said }) });
const textEnd = (index: number) => event('content-end', { index });
const end = event('message-end', { delta: { finish_reason: 'COMPLETE' } });

test('a text that was open is gone on with: no second start, and the indexes go on', () => {
  const resume = resumeStream({ blocks: 2, open: { index: 1, type: 'text' } });

  const seen = resume(
    Buffer.from(start + textStart(0) + text(0, 'b') + textEnd(0) + textStart(1) + text(1, 'c') + end),
  );

  assert.equal(seen.toString(), text(1, 'b') + textEnd(1) + textStart(2) + text(2, 'c') + end);
});

test('what was open is closed before anything else begins, and before the end', () => {
  const open = { blocks: 1, open: { index: 0, type: 'reasoning' } } as const;

  assert.equal(resumeStream(open)(Buffer.from(start + textStart(0))).toString(), textEnd(0) + textStart(1));
  assert.equal(resumeStream(open)(Buffer.from(start + end)).toString(), textEnd(0) + end);
  const call = event('tool-call-start', { index: 0 });
  assert.equal(resumeStream(open)(Buffer.from(start + call)).toString(), textEnd(0) + call);
});

test('nothing shown before: only the start is left out, and other bytes stay as they came', () => {
  const resume = resumeStream({ blocks: 0, open: undefined });
  const odd = 'event:content-delta\r\ndata:{"type":"content-delta",  "index":0}\r\n\r\n: hello\n\ndata: nonsense\n\n';

  assert.equal(resume(Buffer.from(start)).toString(), '');
  assert.equal(resume(Buffer.from(textStart(0) + odd + end)).toString(), textStart(0) + odd + end);
});
