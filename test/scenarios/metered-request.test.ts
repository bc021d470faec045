import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import { acmeKey, declareSupply, providerKey } from './support/declare-supply.ts';
import { type Carrier, startCarrier } from './support/start-carrier.ts';
import { until } from './support/until.ts';

let emulator: Emulator;
let carrier: Carrier;

before(async () => {
  emulator = await startEmulator({ apiKeys: [providerKey] });
  carrier = await startCarrier(declareSupply({ emulatorUrl: emulator.url }));
});
after(() => emulator.stop());
beforeEach(() => {
  emulator.clearRequests();
  emulator.replaceRules([]);
});

interface Answered {
  readonly status: number;
  readonly exchange: string;
  readonly text: string;
}

async function send(path: string, body: string): Promise<Answered> {
  const response = await fetch(carrier.url + path, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${acmeKey}`,
      'content-type': 'application/json',
      'anthropic-version': '2023-06-01',
    },
    body,
  });
  const exchange = response.headers.get('x-carrier-exchange-id') ?? '';
  return { status: response.status, exchange, text: await response.text() };
}

/** The exchange as the management API shows it, once its journal record has reached the ledger. */
function settled(exchange: string) {
  return until(`exchange ${exchange} is in the ledger`, async () => {
    const { status, json } = await carrier.api('GET', `/api/v1/exchanges/${exchange}`);
    return status === 200 ? json : undefined;
  });
}

test('a chat request goes upstream byte for byte, but for the model, and is charged to the last digit', async () => {
  emulator.script('report-input=100;cached=40;report-output=7');
  const body =
    '{ "messages": [ {"role":"user","content":"caf\\u00e9 \\/ 1"} ],\n\t"model" : "openai/gpt-5","seed":42 }';
  const { status, exchange, text } = await send('/v1/chat/completions', body);

  const [received] = emulator.requests();
  assert.equal(status, 200);
  assert.equal(received!.body.toString(), body.replace('openai/gpt-5', 'gpt-5'));
  assert.equal(received!.answer.body.toString(), text);

  // 60 × 1.25 + 40 × 0.125 + 7 × 10.00, per million.
  const shown = await settled(exchange);
  assert.equal(shown.sell.amount, '0.00015');
  assert.equal(shown.sell.currency, 'USD');
  assert.deepEqual([shown.reading.inputUncached, shown.reading.cacheRead, shown.reading.output], [60, 40, 7]);
  assert.equal(shown.reading.source, 'provider');
  assert.equal(shown.status, 'settled');
  assert.equal(shown.attempts[0].deployment, 'gpt-5-us');
});

test('a streamed message goes through byte for byte, and every slice of its usage is charged at its own rate', async () => {
  emulator.script('report-input=11;cached=1000;cache-write-5m=20;cache-write-1h=30;report-output=9');
  const body = JSON.stringify({
    model: 'anthropic/claude-sonnet-5',
    max_tokens: 50,
    stream: true,
    messages: [{ role: 'user', content: 'Answer with 9 tokens' }],
  });
  const { status, exchange, text } = await send('/v1/messages', body);

  assert.equal(status, 200);
  assert.equal(emulator.requests()[0]!.answer.body.toString(), text);

  // 11 × 3.00 + 1000 × 0.30 + 20 × 3.75 + 30 × 6.00 + 9 × 15.00, per million.
  const shown = await settled(exchange);
  assert.equal(shown.sell.amount, '0.000723');
  assert.deepEqual(
    [shown.reading.inputUncached, shown.reading.cacheRead, shown.reading.cacheWrite5m, shown.reading.cacheWrite1h],
    [11, 1000, 20, 30],
  );
});

test('a chat stream is charged although its client did not ask for usage, and does not see any', async () => {
  const body = '{"model":"openai/gpt-5","stream":true,"messages":[{"role":"user","content":"Answer with 8 tokens."}]}';
  const { exchange, text } = await send('/v1/chat/completions', body);

  assert.ok(text.endsWith('data: [DONE]\n\n'));
  assert.ok(!text.includes('"usage":{'));

  // 9 × 1.25 + 8 × 10.00, per million.
  const shown = await settled(exchange);
  assert.equal(shown.sell.amount, '0.00009125');
});

test('a refusal of the provider reaches the client as it was, and costs nothing', async () => {
  emulator.script('status=400;code=context_length_exceeded');
  const { status, exchange, text } = await send(
    '/v1/chat/completions',
    '{"model":"openai/gpt-5","messages":[{"role":"user","content":"x"}]}',
  );

  assert.equal(status, 400);
  assert.equal(text, emulator.requests()[0]!.answer.body.toString());
  const shown = await settled(exchange);
  assert.deepEqual([shown.status, shown.sell], ['void', null]);
  assert.equal(shown.attempts.length, 1);
});
