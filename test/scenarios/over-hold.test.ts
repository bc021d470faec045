import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import { acmeKey, declareSupply } from './support/declare-supply.ts';
import { type Carrier, startCarrier } from './support/start-carrier.ts';
import { until } from './support/until.ts';

let emulator: Emulator;
let carrier: Carrier;

before(async () => {
  // Far more than the ten tokens that were asked for: 1 USD.
  emulator = await startEmulator({ rules: ['report-input=0;report-output=100000'] });
  const project = ['budget: { limit: "1.00", period: month, hard: true }'];
  carrier = await startCarrier({ ...declareSupply({ emulatorUrl: emulator.url, project }), workers: 1 });
});
after(() => emulator.stop());

test('a reading above its hold is booked: the hold to the customer, the rest to the operator, with an alert', async () => {
  const response = await fetch(`${carrier.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${acmeKey}`, 'content-type': 'application/json' },
    body: '{"model":"openai/gpt-5","max_tokens":10,"messages":[{"role":"user","content":"x"}]}',
  });
  const id = response.headers.get('x-carrier-exchange-id');
  await response.arrayBuffer();
  const exchange = await until('it is in the ledger', async () => {
    const { status, json } = await carrier.api('GET', `/api/v1/exchanges/${id}`);
    return status === 200 ? json : undefined;
  });
  const { json: alerts } = await carrier.api('GET', '/api/v1/alerts');
  const { json: usage } = await carrier.api('GET', '/api/v1/usage?by=project');

  // The hold: 10 tokens of output, and as many of input as the body has bytes, and 256.
  assert.equal(exchange.hold.amount, '0.00052375');
  assert.equal(response.headers.get('x-carrier-cost'), '0.00052375 USD');
  assert.deepEqual([exchange.sell.amount, exchange.sell.overHold], ['0.00052375', '0.99947625']);
  assert.deepEqual(
    exchange.transfers.map(({ debit, amount }: { debit: string; amount: string }) => [debit, amount]).sort(),
    [
      ['cogs:openai', '1'],
      ['operator:over_hold', '0.99947625'],
      ['unbilled:acme', '0.00052375'],
    ],
  );
  assert.equal(usage.rows[0].sell.amount, '0.00052375');
  assert.ok(alerts.items.some((alert: { code: string }) => alert.code === 'charge_over_hold'));
});
