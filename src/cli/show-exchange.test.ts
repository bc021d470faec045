import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ExchangeAnswer } from './answers.ts';
import { formatExchange } from './show-exchange.ts';

const refused: ExchangeAnswer = {
  id: 'ex_1',
  at: '2026-11-20T09:30:00.000Z',
  principal: { organisation: 'acme', project: 'web', key: 'Ab3dEf9h' },
  dialect: 'openai-chat',
  requestedModel: 'smart',
  servedModel: null,
  status: 'void',
  outcome: 'upstream_overloaded',
  sandbox: false,
  durationMs: 12,
  reading: null,
  sell: null,
  trimmed: [],
  losses: [],
  attempts: [
    {
      attempt: 1,
      deployment: 'gpt-5-us',
      targetModel: 'gpt-5',
      servedModel: null,
      outcome: 'upstream_overloaded',
      durationMs: 11,
      buy: null,
    },
  ],
};

test('an exchange that came to nothing says so', () => {
  const text = formatExchange(refused, false);

  assert.match(text, /^outcome +upstream_overloaded, void$/m);
  assert.match(text, /^reading +none$/m);
  assert.match(text, /^charged +nothing$/m);
  assert.doesNotMatch(text, /left out/);
});

test('what the record left out is named', () => {
  const text = formatExchange({ ...refused, trimmed: ['decision', 'raw'] }, false);

  assert.match(text, /^left out +decision, raw: over the record’s bound$/m);
});
