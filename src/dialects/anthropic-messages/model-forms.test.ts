import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { validateMessages } from '../../emulator/anthropic/validate.ts';
import { profileOf } from '../../gateway/profiles.ts';
import { openaiChat } from '../openai-chat/dialect.ts';
import { translateRequest } from '../translate.ts';
import { anthropicMessages } from './dialect.ts';

/** What the emulator knows of models was written without a look at our own table. */
const models = [
  'claude-3-5-haiku-20241022',
  'claude-3-7-sonnet-20250219',
  'claude-sonnet-4-20250514',
  'claude-opus-4-1-20250805',
  'claude-sonnet-4-5',
  'claude-haiku-4-5-20251001',
  'claude-opus-4-5',
  'claude-opus-4-6',
  'claude-sonnet-4-6',
  'claude-opus-4-7',
  'claude-opus-4-8',
  'claude-sonnet-5',
  'claude-opus-5',
  'claude-fable-5',
  'claude-mythos-5-2',
  'claude-opus-5-5',
  'claude-sonnet-5-5',
  'claude-haiku-5-5',
];

const tools = [{ type: 'function', function: { name: 'f', parameters: { type: 'object', properties: {} } } }];
const call = { id: 'call_1', type: 'function', function: { name: 'f', arguments: '{}' } };

const request = fc.record(
  {
    reasoning_effort: fc.constantFrom('none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'),
    max_completion_tokens: fc.constantFrom(1, 1_000, 1_280, 2_000, 8_000, 100_000),
    temperature: fc.constantFrom(0, 0.5, 1, 2),
    top_p: fc.constantFrom(0.1, 0.95, 1),
    tool_choice: fc.constantFrom('auto', 'none', 'required', { type: 'function', function: { name: 'f' } }),
    turns: fc.constantFrom('asked', 'called'),
  },
  { requiredKeys: ['turns'], noNullPrototype: true },
);

for (const model of models) {
  test(`${model} takes every way in which a chat client can ask it to think`, () => {
    fc.assert(
      fc.property(request, ({ turns, ...fields }) => {
        const asked = [{ role: 'user', content: 'Hi' }];
        const called = [
          ...asked,
          { role: 'assistant', content: null, tool_calls: [call] },
          { role: 'tool', tool_call_id: 'call_1', content: 'ok' },
        ];
        const body = { model: 'm', tools, messages: turns === 'asked' ? asked : called, ...fields };
        const profile = profileOf('anthropic', 'anthropic-messages', model);
        const target = { targetModel: model, outputTokensMax: 64_000, profile };

        const pair = { client: openaiChat, provider: anthropicMessages, target };
        const sent = translateRequest(Buffer.from(JSON.stringify(body)), pair);

        const version = sent.headers[sent.headers.indexOf('anthropic-version') + 1];
        assert.ok(version === '2023-06-01' || version === '2026-10-21');
        validateMessages(JSON.parse(sent.body.toString()), { version, beta: false });
      }),
      { numRuns: 300 },
    );
  });
}
