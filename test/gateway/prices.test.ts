import assert from 'node:assert/strict';
import { after, before, beforeEach, suite, test } from 'node:test';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import type { RateCardJson } from '../../src/pricing/rate-card.ts';
import { digestOf, secret, startGateway, type TestGateway } from '../support/gateway.ts';

/** Decimal rates in whole USD per 10⁶ tokens. */
function card(version: string, input: number, output: number, more: Partial<RateCardJson> = {}): RateCardJson {
  return { version, currency: 'USD', rates: pico(input, output), tiers: [], ...more };
}

function pico(input: number, output: number) {
  return { input: `${input}000000000000`, output: `${output}000000000000` };
}

const change = Date.parse('2027-01-01T00:00:00.000Z');
const scheduled = {
  timeline: [
    { from: null, card: card('old', 1, 10) },
    { from: new Date(change).toISOString(), card: card('new', 2, 20) },
  ],
};
const ending = {
  timeline: [
    { from: null, card: card('old', 1, 10) },
    { from: new Date(change).toISOString(), card: null },
  ],
};
const tiered = card('tiered', 1, 10, { cells: [{ serviceTier: 'priority', rates: pico(3, 30), tiers: [] }] });

suite('prices that change while a worker runs', () => {
  let emulator: Emulator;
  let gateway: TestGateway;
  let nowMs = change;

  before(async () => {
    emulator = await startEmulator();
    gateway = await startGateway({
      ports: { clock: { nowMs: () => nowMs, monotonicMs: () => performance.now() } },
      budgetAtto: 10n ** 18n,
      snapshot: {
        keys: [
          { id: 'test0001', digest: digestOf(secret) },
          { id: 'test0002', digest: digestOf('other-secret') },
        ],
        budgets: [{ id: 'b1', subject: 'web' }],
        providers: [{ name: 'openai', baseUrl: `${emulator.url}/v1`, sandbox: true }],
        deployments: [
          { id: 'scheduled', model: 'v/scheduled', sell: scheduled, buy: scheduled },
          { id: 'ending', model: 'v/ending', sell: ending, buy: scheduled },
          { id: 'tiered', model: 'v/tiered', sell: tiered, buy: tiered },
          { id: 'agreed', model: 'v/agreed', sell: card('list', 5, 50), buy: card('buy', 1, 10) },
          { id: 'unpriced', model: 'v/unpriced', sell: null, buy: card('buy', 1, 10) },
          { id: 'closed', model: 'v/closed', sell: card('list', 5, 50), buy: card('buy', 1, 10) },
        ],
        contracts: [
          {
            organisation: 'acme',
            sell: { 'h-agreed': card('contract', 4, 40), 'h-unpriced': card('contract', 4, 40), 'h-closed': null },
          },
        ],
      },
    });
  });
  after(async () => {
    await gateway.stop();
    await emulator.stop();
  });
  beforeEach(() => {
    gateway.records.length = 0;
    gateway.settled.length = 0;
  });

  async function ask(model: string, body: object = {}, script?: string) {
    const response = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${secret}`,
        'content-type': 'application/json',
        ...(script === undefined ? {} : { 'x-carrier-emulate': script }),
      },
      body: JSON.stringify({
        model,
        max_tokens: 10,
        messages: [{ role: 'user', content: 'Answer with 10 tokens' }],
        ...body,
      }),
    });
    return { status: response.status, fault: response.headers.get('x-carrier-fault'), text: await response.text() };
  }

  test('the version follows the clock at dispatch, with no new snapshot', async () => {
    const versions = [];
    for (const at of [change - 1, change, change - 1]) {
      nowMs = at;
      assert.equal((await ask('v/scheduled')).status, 200);
      const end = gateway.ends().at(-1);
      versions.push([end?.sell?.version, end?.attempts[0]?.buy?.version, gateway.attempts().at(-1)?.sell.version]);
    }

    assert.deepEqual(versions, [
      ['old', 'old', 'old'],
      ['new', 'new', 'new'],
      ['old', 'old', 'old'],
    ]);
  });

  test('a hold is for the dearest price that may be in force before the exchange must have ended', async () => {
    const held: bigint[] = [];
    for (const at of [change - 1_800_001, change - 1_800_000, change]) {
      nowMs = at;
      await ask('v/scheduled');
      const admit = gateway.records.findLast(record => record.type === 'admit');
      held.push(BigInt(admit?.type === 'admit' ? admit.hold.amountAtto : 0));
    }

    assert.equal(held[1], 2n * held[0]!);
    assert.equal(held[2], held[1]);
  });

  test('a deployment is not called when its price could end before the exchange does', async () => {
    nowMs = change - 1_800_001;
    assert.equal((await ask('v/ending')).status, 200);
    for (const at of [change - 1_800_000, change, change + 1]) {
      nowMs = at;
      const refused = await ask('v/ending');
      assert.deepEqual([refused.status, refused.fault], [403, 'no_compliant_deployment']);
      assert.match(refused.text, /PRICE_UNKNOWN/);
    }
    nowMs = change - 1_800_001;
    assert.equal((await ask('v/ending')).status, 200);
  });

  test('the tier that is served is held for and charged, and one without rates is quarantined', async () => {
    nowMs = change;
    const outcomes = [];
    for (const served of ['tier=priority', 'tier=default', 'tier=flex']) {
      const answer = await ask('v/tiered', { service_tier: 'priority' }, served);
      assert.equal(answer.status, 200);
      const { state, sell } = gateway.ends().at(-1)!;
      outcomes.push([state, sell?.lines.at(-1)?.ratePico]);
    }

    assert.deepEqual(outcomes, [
      ['settled', '30000000000000'],
      ['settled', '10000000000000'],
      ['quarantined', undefined],
    ]);
    const admit = gateway.records.findLast(record => record.type === 'admit');
    assert.ok(admit?.type === 'admit' && BigInt(admit.hold.amountAtto) >= 10n * 30n * 10n ** 12n);
  });

  test('the tier asked for is charged and journaled where none was served', async () => {
    nowMs = change;
    await ask('v/tiered', { service_tier: 'priority' }, 'reset');

    assert.equal(gateway.attempts().at(-1)?.requestedTier, 'priority');
    const cut = gateway.ends().at(-1)!.attempts[0]!;
    assert.deepEqual([cut.reading.source, cut.reading.requestedTier], ['estimated', 'priority']);
    assert.equal(cut.buy?.lines[0]?.ratePico, '3000000000000');
    await ask('v/tiered', { service_tier: 'priority' }, 'tier=default');
    assert.equal('requestedTier' in gateway.ends().at(-1)!.attempts[0]!.reading, false);
  });

  test('an organisation pays what it agreed on, also where the list has nothing, and not where that is no price', async () => {
    nowMs = change;
    for (const model of ['v/agreed', 'v/unpriced']) {
      assert.equal((await ask(model)).status, 200);
      const end = gateway.ends().at(-1);
      assert.deepEqual([end?.sell?.version, end?.attempts[0]?.buy?.version], ['contract', 'buy']);
    }
    assert.equal((await ask('v/closed')).fault, 'no_compliant_deployment');
  });
});
