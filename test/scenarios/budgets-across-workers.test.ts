import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import { acmeKey, declareSupply } from './support/declare-supply.ts';
import { type Carrier, startCarrier } from './support/start-carrier.ts';
import { until } from './support/until.ts';

/** An answer of 100 tokens at 10.00 per million is 0.001; the prompt adds a few hundred-thousandths. */
const limit = '0.0105';
let emulator: Emulator;
let carrier: Carrier;

before(async () => {
  emulator = await startEmulator({ record: false });
  const supply = declareSupply({
    emulatorUrl: emulator.url,
    project: [`budget: { limit: "${limit}", period: month, hard: true }`],
  });
  carrier = await startCarrier({ workers: 2, yaml: supply.yaml, env: supply.env });
});
after(async () => {
  await emulator?.stop();
  await carrier?.remove();
});

interface Answered {
  readonly status: number;
  readonly fault: string | null;
}

/** A connection of its own, so that requests spread over the workers. */
async function ask(script = 'tokens=100'): Promise<Answered> {
  try {
    const response = await fetch(`${carrier.url}/v1/chat/completions`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${acmeKey}`,
        'content-type': 'application/json',
        connection: 'close',
      },
      body: JSON.stringify({
        model: 'openai/gpt-5',
        max_completion_tokens: 100,
        messages: [{ role: 'user', content: `Answer with ${script.replace('tokens=', '')} tokens` }],
      }),
    });
    await response.arrayBuffer();
    return { status: response.status, fault: response.headers.get('x-carrier-fault') };
  } catch {
    return { status: 0, fault: null };
  }
}

/** What the project was charged, in millionths, once it grows no more: what the journal has is shipped within a second. */
async function charged(): Promise<number> {
  let before = -1;
  for (;;) {
    const now = await chargedSoFar();
    if (now === before) return now;
    before = now;
    await sleep(500);
  }
}

async function chargedSoFar(): Promise<number> {
  const year = new Date().getUTCFullYear();
  const { json } = await carrier.api('GET', `/api/v1/usage?by=project&from=${year}-01-01&to=${year + 1}-01-01`);
  return Number(json.rows[0]?.sell?.amount ?? '0') * 1e6;
}

test('sixty requests at once over two workers spend a hard budget nearly whole and never pass it', async () => {
  const answers = await Promise.all(Array.from({ length: 60 }, () => ask()));

  const served = answers.filter(answer => answer.status === 200).length;
  // In a rush the ledger may not be asked often enough within 50 ms; then a client is told to come again.
  const refused = answers.filter(({ fault }) => fault === 'budget_exhausted' || fault === 'budget_unverifiable').length;
  assert.equal(served + refused, 60, JSON.stringify(answers.filter(({ status }) => status !== 200)));
  const spent = await charged();
  assert.ok(spent <= 10_500, `${spent} millionths of 10,500`);
  // Holds of requests under way may keep a small one out; once they are settled there is room again.
  let more = 0;
  for (let answer = await ask(); answer.fault !== 'budget_exhausted'; answer = await ask()) {
    if (answer.status === 200) more += 1;
  }
  assert.ok(served + more >= 9, `${served} + ${more} answers of about 1,010 millionths, held at up to 1,500`);
  assert.ok((await charged()) <= 10_500);
});

test('a crowd at an exhausted budget hears so, every one of them', async () => {
  // On a busy machine some of a crowd may hear nothing in time.
  await until('nobody hears anything else', async () => {
    const answers = await Promise.all(Array.from({ length: 100 }, () => ask()));
    return answers.every(({ fault }) => fault === 'budget_exhausted') ? true : undefined;
  });
});

test('a budget that was raised is spent by the next request, and not before', async () => {
  await until('it is exhausted', async () => ((await ask()).fault === 'budget_exhausted' ? true : undefined));

  const raised = declareSupply({
    emulatorUrl: emulator.url,
    project: ['budget: { limit: "0.0505", period: month, hard: true }'],
  });
  const applied = await carrier.api('POST', '/api/v1/apply', { file: raised.yaml });

  assert.equal(applied.status, 200, applied.text);
  // What was known of the old limit is known no more: it is served, unless a busy ledger is not heard in time.
  let answer = await ask();
  while (answer.fault === 'budget_unverifiable') answer = await ask();
  assert.equal(answer.status, 200);
});

test('killed workers lose no budget and pass none', async () => {
  const rounds: Promise<Answered>[] = [];
  for (let round = 0; round < 3; round += 1) {
    for (let i = 0; i < 12; i += 1) rounds.push(ask());
    const [victim] = carrier.workerProcessIds();
    process.kill(victim!, 'SIGKILL');
    await until('two workers serve', async () => {
      const { json } = await carrier.api('GET', '/api/v1/status').catch(() => ({ json: undefined }));
      return json?.workers?.ready === 2 ? true : undefined;
    });
  }
  await Promise.all(rounds);

  // What the dead held comes back once their journals are shipped; then all of the budget can be spent.
  for (let answer = await ask(); answer.fault !== 'budget_exhausted'; answer = await ask()) {
    assert.ok(answer.status === 200 || answer.fault === 'budget_unverifiable', answer.fault ?? 'cut');
  }
  const spent = await charged();
  assert.ok(spent <= 50_500 && spent > 48_000, `${spent} millionths of 50,500`);
});

test('after a restart a spent budget is still spent', async () => {
  assert.equal(await carrier.stop(), 0);
  await carrier.start();

  // The first question to a ledger that has just started may take longer than a request may wait.
  let answer = await ask();
  for (let i = 0; i < 20 && answer.fault === 'budget_unverifiable'; i += 1) answer = await ask();
  assert.equal(answer.fault, 'budget_exhausted');
});
