import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualTime } from '../../test/support/virtual-time.ts';
import { AllowanceBroker, type BrokerMessage } from './broker.ts';
import type { LeasedBlock } from './leases.ts';

/** A broker whose ledger takes as long as the test says. */
class Harness {
  readonly time = new VirtualTime();
  readonly told: string[] = [];
  readonly asked: { readonly budget: string; readonly answer: (block: LeasedBlock | 'exhausted') => void }[] = [];
  answers = true;
  settlingEarlier = false;
  readonly broker = new AllowanceBroker({
    leases: {
      acquire: ({ budget }) => new Promise(answer => this.asked.push({ budget, answer })),
      release: async () => true,
      renew: async () => {},
      close: async () => {},
      askOthers: async () => false,
    },
    holder: 'r:1',
    limitAtto: () => 1_000n,
    isCurrent: () => true,
    workers: () => [1],
    send: (_, message) => this.#receive(message),
    settlingEarlier: () => this.settlingEarlier,
    after: this.time.after,
    nowMs: this.time.monotonicMs,
    ledgerAnswers: () => this.answers,
  });
  #requests = 0;

  ask(budget: string, needAtto: string, wantAtto = needAtto): void {
    this.#requests += 1;
    this.broker.request(1, { request: this.#requests, budget, window: 'w', needAtto, dueAtto: needAtto, wantAtto });
  }

  /** Time passes, and what is done in it is done. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 5) {
      await new Promise(resolve => setImmediate(resolve));
      this.time.advance(Math.min(5, left));
      await new Promise(resolve => setImmediate(resolve));
    }
  }

  #receive(message: BrokerMessage): void {
    if (message.type === 'recall') return;
    this.told.push(`${message.request} ${message.grant?.amountAtto ?? message.refusal} at ${this.time.monotonicMs()}`);
  }
}

test('a ledger that is known to answer and is slow is waited for: the answer that comes late is the answer', async () => {
  const harness = new Harness();
  harness.ask('b', '10');
  await harness.pass(400);
  assert.deepEqual(harness.told, []);

  harness.asked[0]!.answer({ lease: 'l', amountAtto: 10n });
  await harness.pass(5);

  assert.deepEqual(harness.told, ['1 10 at 400']);
});

test('one that says late that there is nothing is believed, after others were asked', async () => {
  const harness = new Harness();
  harness.ask('b', '10');
  await harness.pass(300);
  harness.asked[0]!.answer('exhausted');
  await harness.pass(200);
  harness.asked.at(-1)!.answer('exhausted');
  await harness.pass(100);

  assert.match(harness.told[0] ?? 'nothing', /^1 exhausted at [345]\d\d$/);
  assert.equal(harness.told.length, 1);
});

test('nobody waits longer than 950 ms, nor than 45 ms once it is known to be away', async () => {
  const patient = new Harness();
  patient.ask('b', '10');
  await patient.pass(1_500);
  assert.deepEqual(patient.told, ['1 unverifiable at 950']);

  const away = new Harness();
  away.answers = false;
  away.ask('b', '10');
  await away.pass(1_500);
  assert.deepEqual(away.told, ['1 unverifiable at 45']);

  const lost = new Harness();
  lost.ask('b', '10');
  await lost.pass(200);
  lost.answers = false;
  lost.broker.ledgerChanged();
  await lost.pass(50);
  assert.deepEqual(lost.told, ['1 unverifiable at 200']);
});

test('who has nothing yet is asked for before those who ask ahead', async () => {
  const harness = new Harness();
  for (const budget of ['a', 'b', 'c', 'd']) harness.ask(budget, '0', '10');
  for (const budget of ['e', 'f', 'g']) harness.ask(budget, '0', '10');
  harness.ask('idle', '10');
  await harness.pass(20);
  assert.deepEqual(
    harness.asked.map(({ budget }) => budget),
    ['a', 'b', 'c', 'd'],
  );

  harness.asked[0]!.answer({ lease: 'l', amountAtto: 10n });
  await harness.pass(5);

  assert.equal(harness.asked[4]!.budget, 'idle');
});

test('what the dead may have spent is waited for while the ledger answers, and is the answer once they are settled', async () => {
  const harness = new Harness();
  harness.settlingEarlier = true;
  harness.ask('b', '10');
  await harness.pass(5);
  harness.asked[0]!.answer('exhausted');
  await harness.pass(30);
  for (const { answer } of harness.asked) answer('exhausted');
  await harness.pass(100);
  assert.deepEqual(harness.told, []);

  harness.settlingEarlier = false;
  harness.broker.settled();
  await harness.pass(5);
  harness.asked.at(-1)!.answer({ lease: 'l', amountAtto: 10n });
  await harness.pass(5);

  assert.match(harness.told[0] ?? 'nothing', /^1 10 at 1\d\d$/);
});
