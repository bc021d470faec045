import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { CompletionEvent } from '../completion/event.ts';
import { Fault } from '../completion/fault.ts';
import { foldEvents } from '../completion/fold.ts';
import { LossLedger } from '../completion/loss.ts';
import { checkStream } from '../completion/stream-laws.ts';
import { anthropicMessages } from './anthropic-messages/dialect.ts';
import type { Dialect } from './dialect.ts';
import { openaiChat } from './openai-chat/dialect.ts';

function refusal(dialect: Dialect, body: unknown): string {
  try {
    dialect.decodeRequest(Buffer.from(JSON.stringify(body)), new LossLedger());
    return 'read';
  } catch (error) {
    assert.ok(error instanceof Fault, String(error));
    return `${error.code} ${error.parameter}`;
  }
}

const ask = [{ role: 'user', content: 'Hi' }];
const wrong = [7, true, [], {}, [[]], 'x'.repeat(100)];

test('reasoning of a wrong type is refused by its place, whatever it is', () => {
  const chat = (fields: object) => ({ model: 'm', messages: [...ask, { role: 'assistant', content: 'a', ...fields }] });
  for (const value of wrong) {
    const isText = typeof value === 'string';
    if (!isText) {
      assert.equal(
        refusal(openaiChat, { model: 'm', messages: ask, reasoning_effort: value }),
        'parameter_invalid reasoning_effort',
      );
      assert.equal(
        refusal(openaiChat, chat({ reasoning_content: value })),
        'parameter_invalid messages.1.reasoning_content',
      );
      assert.equal(refusal(openaiChat, chat({ reasoning: value })), 'parameter_invalid messages.1.reasoning');
    }
    if (!Array.isArray(value)) {
      assert.equal(
        refusal(openaiChat, chat({ reasoning_details: value })),
        'parameter_invalid messages.1.reasoning_details',
      );
    }
    for (const field of ['data', 'text', 'summary', 'signature']) {
      if (isText) continue;
      const details = [{ type: 'reasoning.text', [field]: value }];
      assert.equal(
        refusal(openaiChat, chat({ reasoning_details: details })),
        `parameter_invalid messages.1.reasoning_details.0.${field}`,
      );
    }
  }
  assert.equal(
    refusal(openaiChat, chat({ reasoning_details: [7] })),
    'parameter_invalid messages.1.reasoning_details.0',
  );
  assert.equal(refusal(openaiChat, chat({ reasoning_details: null, reasoning: null, reasoning_content: '' })), 'read');
});

test('thinking of a wrong type is refused by its place, whatever it is', () => {
  const top = (fields: object) => ({ model: 'm', max_tokens: 9, messages: ask, ...fields });
  const block = (fields: object) => top({ messages: [...ask, { role: 'assistant', content: [fields] }] });
  for (const value of wrong) {
    const isRecord = typeof value === 'object' && !Array.isArray(value);
    if (!isRecord) {
      assert.equal(refusal(anthropicMessages, top({ thinking: value })), 'parameter_invalid thinking');
      assert.equal(refusal(anthropicMessages, top({ output_config: value })), 'parameter_invalid output_config');
    }
    assert.equal(refusal(anthropicMessages, top({ thinking: { type: value } })), 'parameter_invalid thinking.type');
    if (value !== 7) {
      assert.equal(
        refusal(anthropicMessages, top({ thinking: { type: 'enabled', budget_tokens: value } })),
        'parameter_invalid thinking.budget_tokens',
      );
    }
    assert.equal(
      refusal(anthropicMessages, top({ thinking: { type: 'adaptive', display: value } })),
      'parameter_invalid thinking.display',
    );
    assert.equal(
      refusal(anthropicMessages, top({ output_config: { effort: value } })),
      'parameter_invalid output_config.effort',
    );
    if (typeof value === 'string') continue;
    assert.equal(
      refusal(anthropicMessages, block({ type: 'thinking', thinking: value, signature: 's' })),
      'parameter_invalid messages.1.content.0.thinking',
    );
    assert.equal(
      refusal(anthropicMessages, block({ type: 'thinking', thinking: 'x', signature: value })),
      'parameter_invalid messages.1.content.0.signature',
    );
    assert.equal(
      refusal(anthropicMessages, block({ type: 'redacted_thinking', data: value })),
      'parameter_invalid messages.1.content.0.data',
    );
  }
  for (const budget of [-1, 0, 1023, 1024.5, 1e300]) {
    assert.equal(
      refusal(anthropicMessages, top({ thinking: { type: 'enabled', budget_tokens: budget } })),
      'parameter_invalid thinking.budget_tokens',
      `${budget}`,
    );
  }
  assert.equal(
    refusal(anthropicMessages, block({ type: 'redacted_thinking' })),
    'parameter_missing messages.1.content.0.data',
  );
  assert.equal(
    refusal(anthropicMessages, block({ type: 'redacted_thinking', data: '' })),
    'parameter_invalid messages.1.content.0.data',
  );
  assert.equal(
    refusal(anthropicMessages, block({ type: 'thinking', thinking: 'x', signature: 's', extra: 1 })),
    'translation_unsupported messages.1.content.0.extra',
  );
});

const text = fc.string({ unit: 'grapheme', maxLength: 8 }).filter(value => value.isWellFormed());
const thought = fc.record({
  redacted: fc.boolean(),
  pieces: fc.array(
    text.filter(value => value !== ''),
    { maxLength: 3 },
  ),
  state: fc.base64String({ minLength: 4, maxLength: 40 }),
});

function eventsOf(
  thoughts: readonly { redacted: boolean; pieces: readonly string[]; state: string }[],
): CompletionEvent[] {
  const events: CompletionEvent[] = [
    { type: 'message-start', id: 'x', servedModel: 'served', createdAtMs: undefined, usage: { inputUncached: 1 } },
  ];
  thoughts.forEach(({ redacted, pieces, state }, index) => {
    events.push({
      type: 'block-open',
      index,
      block: redacted ? { type: 'reasoning', redacted } : { type: 'reasoning' },
    });
    if (!redacted) for (const piece of pieces) events.push({ type: 'text-delta', index, text: piece });
    events.push({ type: 'state', index, state }, { type: 'block-close', index });
  });
  events.push(
    { type: 'usage', usage: { inputUncached: 1, output: 2 }, raw: undefined, serviceTier: undefined },
    { type: 'finish', finish: { reason: 'stop', raw: undefined, stopSequence: undefined } },
    { type: 'message-end' },
  );
  return events;
}

test('thinking, signed or redacted, is read from a Messages answer as it was written, streamed and whole', () => {
  fc.assert(
    fc.property(fc.array(thought, { maxLength: 4 }), fc.integer({ min: 1, max: 50 }), (thoughts, size) => {
      const events = eventsOf(thoughts);
      checkStream(events);
      const context = {
        exchangeId: 'x',
        targetModel: 't',
        createdAtMs: 0,
        streamUsage: true,
        inputTokensEstimate: 1,
        losses: new LossLedger(),
      };
      const encoder = anthropicMessages.encodeStream(context);
      const bytes = Buffer.concat(events.map(event => encoder.push(event)));
      const decoder = anthropicMessages.decodeStream(new LossLedger());
      const streamed: CompletionEvent[] = [];
      for (let at = 0; at < bytes.length; at += size)
        streamed.push(...decoder.push(Buffer.from(bytes.subarray(at, at + size))));
      streamed.push(...decoder.finish());
      const whole = anthropicMessages.decodeAnswer(anthropicMessages.encodeAnswer(events, context), new LossLedger());

      // What only its maker can read does not stand last behind others: clients take the last block for the answer.
      const isLeft = thoughts.length > 1 && thoughts.at(-1)!.redacted;
      const shown = foldEvents(eventsOf(isLeft ? thoughts.slice(0, -1) : thoughts)).blocks;
      for (const read of [streamed, whole]) {
        checkStream(read);
        assert.deepEqual(foldEvents(read).blocks, shown);
      }
    }),
  );
});

test('the laws of streams hold state to its place: one a block, while it is open, and no text where there is nothing to show', () => {
  const [start, ...rest] = eventsOf([{ redacted: true, pieces: [], state: 's' }]);
  const [open, state, ...end] = rest;

  assert.throws(() => checkStream([start!, state!, open!, ...end]), /state is of an open block/);
  assert.throws(() => checkStream([start!, open!, state!, state!, ...end]), /one state/);
  assert.throws(
    () => checkStream([start!, open!, { type: 'text-delta', index: 0, text: 'x' }, state!, ...end]),
    /shows nothing/,
  );
});

test('details of a host over their bound are given up, declared, and the text still comes', () => {
  const losses = new LossLedger();
  const huge = { type: 'reasoning.encrypted', data: 'x'.repeat(300_000), index: 0 };
  const message = { role: 'assistant', content: 'Hi', reasoning: 'hm', reasoning_details: [huge] };

  const events = openaiChat.decodeAnswer(
    Buffer.from(JSON.stringify({ model: 'm', choices: [{ message, finish_reason: 'stop' }] })),
    losses,
  );

  checkStream(events);
  assert.deepEqual(foldEvents(events).blocks, [
    { head: { type: 'reasoning' }, text: 'hm', state: '{"field":"reasoning"}' },
    { head: { type: 'text' }, text: 'Hi' },
  ]);
  assert.deepEqual(
    losses.losses.map(({ code }) => code),
    ['reasoning-state-too-large'],
  );
});
