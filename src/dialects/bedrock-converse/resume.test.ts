import assert from 'node:assert/strict';
import { test } from 'node:test';
import { binaryEvent, readBinaryEvents } from '../../../test/support/event-stream.ts';
import { bedrockStreams } from '../../../test/support/write-bedrock-streams.ts';
import type { AnswerSoFar } from '../answer-so-far.ts';
import { encodeNotice } from './notice.ts';
import { resumeStream } from './resume.ts';

const streams = bedrockStreams();

function resumed(name: string, soFar: AnswerSoFar): Record<string, unknown>[] {
  return readBinaryEvents(resumeStream(soFar)(streams.get(`${name}.bin`)!));
}

test('a text goes on in its block, and a message begins once', () => {
  assert.deepEqual(resumed('text', { blocks: 2, open: { index: 1, type: 'text' } }), [
    { event: 'contentBlockDelta', payload: { contentBlockIndex: 1, delta: { text: 'Hel' } } },
    { event: 'contentBlockDelta', payload: { contentBlockIndex: 1, delta: { text: 'lo' } } },
    { event: 'contentBlockStop', payload: { contentBlockIndex: 1 } },
    { event: 'messageStop', payload: { stopReason: 'end_turn' } },
    {
      event: 'metadata',
      payload: { usage: { inputTokens: 12, outputTokens: 5, totalTokens: 17 }, metrics: { latencyMs: 420 } },
    },
  ]);
});

test('a block of another kind is closed first, and those that follow have places of their own', () => {
  const events = resumed('tool-use', { blocks: 1, open: { index: 0, type: 'reasoning' } });

  assert.deepEqual(events[0], { event: 'contentBlockStop', payload: { contentBlockIndex: 0 } });
  assert.deepEqual(
    events
      .map(({ payload }) => (payload as { contentBlockIndex?: number }).contentBlockIndex)
      .filter(index => index !== undefined),
    [0, 1, 1, 2, 2, 2, 2, 2],
  );
});

test('a block that is left open is closed before the end, where nothing goes on with it', () => {
  const events = resumed('no-content', { blocks: 1, open: { index: 0, type: 'text' } });

  assert.deepEqual(
    events.map(({ event }) => event),
    ['contentBlockStop', 'messageStop', 'metadata'],
  );
});

test('with nothing open, and nothing that is known, frames stay as they are', () => {
  const strange = Buffer.concat([
    binaryEvent({ event: 'somethingNew', payload: { contentBlockIndex: 0 } }),
    binaryEvent({ exception: 'throttlingException', payload: { message: 'x' } }),
    Buffer.from([0, 0, 0]),
  ]);

  assert.deepEqual(resumeStream({ blocks: 3, open: undefined })(strange), strange);
});

test('a restart closes the open block and says from which block on its answer is', () => {
  const notice = encodeNotice(
    { type: 'restart', attempt: 2, deployment: 'second', model: 'm' },
    { blocks: 3, open: { index: 2, type: 'text' } },
    { exchangeId: 'ex', createdAtMs: 0 },
  );

  assert.deepEqual(readBinaryEvents(notice), [
    { event: 'contentBlockStop', payload: { contentBlockIndex: 2 } },
    {
      event: 'carrier.restart',
      payload: { attempt: 2, deployment: 'second', model: 'm', blocksFrom: 3, exchange: 'ex' },
    },
  ]);
});
