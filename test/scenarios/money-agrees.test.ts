import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import { after, before, suite, test } from 'node:test';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import { formatAtto, parseAtto } from '../../src/pricing/money.ts';
import { sendBytes } from './support/send-bytes.ts';
import { type Carrier, startCarrier } from './support/start-carrier.ts';
import { until } from './support/until.ts';

const key = 'acme-secret-acme-secret-acme-secret-0';
let emulator: Emulator;
let broken: Emulator;
let provider: Server;
let carrier: Carrier;

const prices = (turbo = '') => `
prices:
  sell: { currency: USD, rates: { v/odd: { input: "2", output: "10"${turbo} }, "w/*": { input: "2", output: "10" } } }
  buy: { currency: USD, rates: { v/odd: { input: "1", output: "5"${turbo} }, "w/*": { input: "1", output: "5" } } }
`;

before(async () => {
  emulator = await startEmulator({ rules: ['report-input=100;report-output=10;tokens=10;pace=20ms'], record: false });
  broken = await startEmulator({ rules: ['report-input=100;report-output=10;tokens=10;cut-after=0'], record: false });
  // Serves a tier that nobody asked for and that has no price.
  provider = createServer((request, response) => {
    request.resume();
    response.setHeader('content-type', 'application/json');
    response.end(
      JSON.stringify({
        id: 'c',
        object: 'chat.completion',
        created: 1,
        model: 'm',
        service_tier: 'turbo',
        choices: [{ index: 0, message: { role: 'assistant', content: 'hi' }, finish_reason: 'stop' }],
        usage: { prompt_tokens: 100, completion_tokens: 10, total_tokens: 110 },
      }),
    );
  });
  await new Promise<void>(resolve => provider.listen(0, '127.0.0.1', resolve));
  const { port } = provider.address() as { port: number }; // true: it listens on TCP
  carrier = await startCarrier({
    yaml: `
providers:
  odd: { dialect: openai-chat, baseUrl: "http://127.0.0.1:${port}/v1", credential: env:PLANT_KEY }
  good: { dialect: openai-chat, baseUrl: "${emulator.url}/v1", credential: env:PLANT_KEY }
  bad: { dialect: openai-chat, baseUrl: "${broken.url}/v1", credential: env:PLANT_KEY }
deployments:
  odd: { provider: odd, model: v/odd }
  good: { provider: good, model: w/good }
  bad: { provider: bad, model: w/bad }
routes:
  falling-back: { candidates: [ { deployment: bad }, { deployment: good, priority: 2 } ], retries: 1 }
organisations:
  acme:
    terms: prepaid
    projects: { web: { keys: { ci: { secret: env:ACME_KEY } }, budget: { limit: "1.00", period: total, hard: true } } }
${prices()}`,
    env: { PLANT_KEY: 'plant', ACME_KEY: key },
  });
  const granted = await carrier.api('POST', '/api/v1/wallets/acme/grants', { id: 'first', amount: '1' });
  assert.equal(granted.status, 201, granted.text);
});
after(async () => {
  provider.close();
  await emulator.stop();
  await broken.stop();
});

suite('whoever is asked about money, the answer is the same', () => {
  test('what cannot be rated is charged nowhere, then resolved to one amount everywhere, or voided to none', async () => {
    const resolved = await ask('v/odd');
    const voided = await ask('v/odd');
    let held = 0n;
    for (const id of [resolved, voided]) {
      const shown = await exchange(id);
      held += parseAtto(shown.hold.amount);
      assert.deepEqual([shown.status, shown.sell], ['quarantined', null]);
    }
    // The budget keeps what was held: nobody knows yet what will be charged.
    const before = { usage: '0', report: '0', revenue: '0', wallet: '1', budget: formatAtto(held) };
    assert.deepEqual(await everybody(), before);
    const listed = await carrier.api('GET', '/api/v1/ledger/quarantine');
    assert.deepEqual(listed.json.items.map(({ id }: { id: string }) => id).sort(), [resolved, voided].sort());

    const early = await carrier.api('POST', '/api/v1/ledger/quarantine/resolve', {
      ids: [resolved],
      reason: 'too early',
    });
    assert.equal(early.json.results[0].outcome, 'not-rated');
    await carrier.apply(prices(', serviceTiers: { turbo: { multiplier: "2" } }'));
    const done = await carrier.command(
      'ledger',
      'quarantine',
      'resolve',
      resolved,
      '--reason',
      'turbo has a price now',
    );
    assert.equal(done.code, 0, done.stdout + done.stderr);
    const given = await carrier.command('ledger', 'quarantine', 'void', voided, '--reason', 'ours to bear');
    assert.equal(given.code, 0, given.stdout + given.stderr);

    // 100 × 2 + 10 × 10 millionths, twice for turbo.
    const shown = await exchange(resolved);
    assert.deepEqual([shown.status, shown.sell.amount, shown.attempts[0].buy.amount], ['settled', '0.0006', '0.0003']);
    assert.deepEqual(
      shown.corrections.map(({ kind }: { kind: string }) => kind),
      ['resolve'],
    );
    const gone = await exchange(voided);
    assert.deepEqual([gone.status, gone.sell], ['void', null]);
    assert.deepEqual(await everybody(), {
      usage: '0.0006',
      report: '0.0006',
      revenue: '0.0006',
      wallet: '0.9994',
      budget: '0.0006',
    });
    const printed = await carrier.command('exchanges', 'show', resolved);
    assert.match(printed.stdout, /^paid by +0\.0006 USD of grant first$/m);
    assert.match(printed.stdout, /resolve .*sell .*0\.0006 USD/);

    const again = await carrier.command('ledger', 'quarantine', 'resolve', resolved, voided, '--reason', 'again');
    assert.equal(again.code, 1, again.stdout);
    assert.equal((await everybody()).revenue, '0.0006');
  });

  test('failed attempts, and answers cut by a killed process, cost the same in the ledger and in the margin', async () => {
    await exchange(await ask('falling-back', true));
    const cut = Promise.allSettled(Array.from({ length: 3 }, () => ask('w/good', true)));
    await until('answers are under way', () => (emulator.stats().answersOpen > 2 ? true : undefined));
    process.kill(carrier.workerProcessIds()[0]!, 'SIGKILL');
    await cut;
    await until('all six exchanges are in the ledger', async () => {
      // The only worker is away for a moment, and with it the way to the management API.
      const answer = await carrier.api('GET', '/api/v1/exchanges').catch(() => undefined);
      return answer !== undefined && answer.json.items.length === 6 ? true : undefined;
    });

    const { json } = await carrier.api('GET', '/api/v1/ledger/accounts');
    const accounts = new Map<string, string>(
      json.items.map(({ account, balance }: { account: string; balance: string }) => [account, balance]),
    );
    const sum = (...prefixes: readonly string[]) =>
      formatAtto(
        [...accounts]
          .filter(([name]) => prefixes.some(prefix => name.startsWith(prefix)))
          .reduce((all, [, amount]) => all + parseAtto(amount), 0n),
      );
    const report = await carrier.api('GET', '/api/v1/reports/margin');
    const [total] = report.json.totals;
    const own = [...accounts.keys()].filter(name => /^cogs:(odd|good|bad)$/.test(name));
    assert.equal(total.revenue, sum('revenue:'));
    assert.equal(total.cogs, sum(...own));
    assert.equal(total.failedAttempts, sum('cogs:failed_attempt', 'cogs:orphan'));
    assert.notEqual(sum('cogs:orphan'), '0');
    assert.equal(sum('cogs:'), sum('provider_accrued:'));
    const { revenue, wallet } = await everybody();
    assert.equal(formatAtto(parseAtto(wallet) + parseAtto(revenue)), '1');
    assert.equal((await carrier.command('ledger', 'check', '--full')).code, 0);
  });
});

/** What each of those who can be asked says that acme was charged; of the wallet, what is left of one dollar. */
async function everybody() {
  const usage = await carrier.api('GET', '/api/v1/usage?by=organisation');
  const report = await carrier.api('GET', '/api/v1/reports/spend');
  const accounts = await carrier.api('GET', '/api/v1/ledger/accounts?account=revenue:inference');
  const wallet = await carrier.api('GET', '/api/v1/wallets/acme');
  const budgets = await carrier.api('GET', '/api/v1/budgets');
  return {
    usage: usage.json.rows[0]?.sell?.amount ?? '0',
    report: report.json.totals[0]?.sell ?? '0',
    revenue: accounts.json.items[0]?.balance ?? '0',
    wallet: wallet.json.wallets[0].balance as string,
    budget:
      budgets.json.items.find(({ subject }: { subject: string }) => subject === 'acme/web')?.windows.at(-1)?.spent ??
      '0',
  };
}

async function ask(model: string, stream = false): Promise<string> {
  const answer = await sendBytes(carrier.url, {
    path: '/v1/chat/completions',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model, max_tokens: 100, stream, messages: [{ role: 'user', content: 'Hello' }] }),
  });
  assert.equal(answer.status, 200, answer.body.toString());
  return String(answer.headers['x-carrier-exchange-id']);
}

function exchange(id: string) {
  return until(`exchange ${id} is in the ledger`, async () => {
    const { status, json } = await carrier.api('GET', `/api/v1/exchanges/${id}`);
    return status === 200 ? json : undefined;
  });
}
