import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dialects } from '../dialects/registry.ts';
import { ShownAnswer } from './shown-answer.ts';

function shownOf(...events: readonly object[]): ShownAnswer {
  const shown = new ShownAnswer(dialects.get('cohere-chat')!, { keepsText: true });
  for (const event of events) shown.pass(Buffer.from(`data: ${JSON.stringify(event)}\n\n`));
  return shown;
}

const content = (fields: object) => ({ index: 0, delta: { message: { content: fields } } });
const start = { type: 'message-start', id: 'x' };
const plan = { type: 'tool-plan-delta', delta: { message: { tool_plan: 'I will look.' } } };
const text = { type: 'content-start', ...content({ type: 'text', text: '' }) };
const thinking = { type: 'content-start', ...content({ type: 'thinking', thinking: 'So.' }) };
const end = { type: 'content-end', index: 0 };

test('a plan that was shown is text, but no content that has an index or lacks an end', () => {
  assert.equal(shownOf(start, plan).level, 'text');
  assert.deepEqual(shownOf(start, plan).soFar, { blocks: 0, open: undefined, place: undefined });
  const behind = shownOf(start, thinking, end, plan);
  assert.deepEqual(behind.soFar, { blocks: 1, open: undefined, place: undefined });
});

test('a text stays open at its index, before a plan was shown and behind one', () => {
  const open = { blocks: 1, open: { index: 0, type: 'text' }, place: undefined };

  assert.deepEqual(shownOf(start, text).soFar, open);
  assert.deepEqual(shownOf(start, plan, text).soFar, open);
  assert.deepEqual(shownOf(start, text, end).soFar, { ...open, open: undefined });
});
