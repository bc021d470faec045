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
  transfers: [],
  corrections: [],
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

test('time in the waiting line is told, and none is not', () => {
  assert.match(formatExchange({ ...refused, queuedMs: 7 }, false), /^took +12 ms, 7 ms of it waiting for a place$/m);
  assert.match(formatExchange({ ...refused, queuedMs: null }, false), /^took +12 ms$/m);
});

test('what the record left out is named', () => {
  const text = formatExchange({ ...refused, trimmed: ['decision', 'raw'] }, false);

  assert.match(text, /^left out +decision, raw: over the record’s bound$/m);
});

test('who paid is said, and every correction', () => {
  const move = (debit: string, credit: string, amount: string) => ({ debit, credit, amount, currency: 'USD' });
  const usd = (amount: string) => ({ amount, currency: 'USD', version: 'v' });
  const text = formatExchange(
    {
      ...refused,
      transfers: [
        move('cogs:openai', 'provider_accrued:openai', '0.0004'),
        move('wallet:acme:spring', 'revenue:inference', '0.0003'),
        move('wallet:acme:order-17', 'revenue:inference', '0.0002'),
        move('revenue:inference', 'wallet:acme:order-17', '0.0002'),
        move('unbilled:acme', 'revenue:inference', '0.000000000000000001'),
        move('operator:over_hold', 'revenue:inference', '0.1'),
      ],
      corrections: [
        {
          number: 1,
          at: '2026-11-21T00:00:00.000Z',
          kind: 'rerate',
          run: 'output-price',
          reason: 'mistyped',
          charges: [{ book: 'sell', attempt: 1, before: usd('0.0005'), after: usd('0.0003') }],
        },
        { number: 2, at: '2026-11-22T00:00:00.000Z', kind: 'void', run: 'r', reason: 'never used', charges: [] },
      ],
    },
    false,
  );

  assert.match(
    text,
    /^paid by +0\.0003 USD of grant spring, 0\.000000000000000001 USD owed, 0\.1 USD by the operator, above the hold$/m,
  );
  assert.match(
    text,
    /^ +1 +2026-11-21T00:00:00\.000Z +rerate +sell +1 +0\.0005 USD +0\.0003 USD +output-price +mistyped$/m,
  );
  assert.match(text, /^ +2 +2026-11-22T00:00:00\.000Z +void +r +never used$/m);
});
