import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import { checkLedger } from '../../src/ledger/check.ts';
import { connect, type Store } from '../../src/store/connect.ts';
import { askChatPatiently, type ChatAnswer } from './support/ask-chat.ts';
import { type Carrier, startCarrier } from './support/start-carrier.ts';
import { until } from './support/until.ts';

const secrets = {
  CROWD_KEY: 'crowd-secret-crowd-secret-crowd-secret-',
  STEPS_KEY: 'steps-secret-steps-secret-steps-secret-',
  SCOPED_KEY: 'scoped-secret-scoped-secret-scoped-secr',
  EXPIRING_KEY: 'expiring-secret-expiring-secret-expirin',
  LINE_KEY: 'line-secret-line-secret-line-secret-lin',
  OPEN_KEY: 'open-secret-open-secret-open-secret-ope',
  CRASH_KEY: 'crash-secret-crash-secret-crash-secret-',
} as const;
type KeyName = keyof typeof secrets;

/** Ten output tokens and no input, at 10.00 per million: every answer costs 0.0001. Its hold is little more, since input
 *  costs next to nothing: of a wallet all but the last answer can be had. */
const plainAnswers = ['report-input=0;report-output=10;tokens=10;pace=2ms'];
const answer = 100_000_000_000_000n;

let emulator: Emulator;
let broken: Emulator;
let carrier: Carrier;
let store: Store;

const declared = () => `
providers:
  good: { dialect: openai-chat, baseUrl: "${emulator.url}/v1", credential: env:PROVIDER_KEY }
  bad: { dialect: openai-chat, baseUrl: "${broken.url}/v1", credential: env:PROVIDER_KEY }
deployments:
  good: { provider: good, model: openai/gpt-5 }
  other: { provider: good, model: other/gpt-5, targetModel: gpt-5 }
  bad: { provider: bad, model: broken/gpt-5, targetModel: gpt-5 }
prices:
  sell: { currency: USD, rates: { "openai/*": { input: "0.01", output: "10.00" }, "other/*": { input: "0.01", output: "10.00" }, "broken/*": { input: "0.01", output: "10.00" } } }
  buy: { currency: USD, rates: { "openai/*": { input: "1.25", output: "10.00" }, "other/*": { input: "1.25", output: "10.00" }, "broken/*": { input: "1.25", output: "10.00" } } }
routes:
  fallback: { candidates: [ { deployment: bad, priority: 1 }, { deployment: good, priority: 2 } ], retries: 3 }
organisations:
  crowd: { terms: prepaid, projects: { web: { keys: { key: { secret: env:CROWD_KEY } } } } }
  steps: { terms: prepaid, projects: { web: { keys: { key: { secret: env:STEPS_KEY } } } } }
  scoped: { terms: prepaid, projects: { web: { keys: { key: { secret: env:SCOPED_KEY } } } } }
  expiring: { terms: prepaid, projects: { web: { keys: { key: { secret: env:EXPIRING_KEY } } } } }
  line: { terms: prepaid, overdraft: "0.002", projects: { web: { keys: { key: { secret: env:LINE_KEY } } } } }
  open: { projects: { web: { keys: { key: { secret: env:OPEN_KEY } } } } }
  crash: { terms: prepaid, projects: { web: { keys: { key: { secret: env:CRASH_KEY } } } } }
`;

before(async () => {
  emulator = await startEmulator({ rules: plainAnswers, record: false });
  broken = await startEmulator({ rules: ['reset'], record: false });
  carrier = await startCarrier({ yaml: declared(), env: { ...secrets, PROVIDER_KEY: 'provider-secret' }, workers: 2 });
  store = connect(carrier.databaseUrl!);
});
after(async () => {
  await store.close();
  await emulator.stop();
  await broken.stop();
});
beforeEach(() => emulator.replaceRules(plainAnswers));

const ask = (key: KeyName, model = 'openai/gpt-5', stream = false) =>
  askChatPatiently({ url: carrier.url, key: secrets[key], model, stream });

async function grant(organisation: string, body: object): Promise<void> {
  const { status, text } = await carrier.api('POST', `/api/v1/wallets/${organisation}/grants`, body);
  assert.equal(status, 201, text);
}

function countOf(answers: readonly ChatAnswer[], outcome: string): number {
  return answers.filter(each => each.outcome === outcome).length;
}

/** Again and again until so many in all were served and a whole wave is refused. */
async function askUntilSpent(key: KeyName, atOnce: number, servedMin: number): Promise<ChatAnswer[]> {
  const answers: ChatAnswer[] = [];
  await until(
    `${servedMin} requests of ${key} are served`,
    async () => {
      const wave = await Promise.all(Array.from({ length: atOnce }, () => ask(key)));
      answers.push(...wave);
      return countOf(answers, '200') >= servedMin && countOf(wave, '200') === 0 ? true : undefined;
    },
    30_000,
  );
  return answers;
}

/** What is left of a grant, in answers, once so many exchanges of the organisation are in the ledger. */
async function leftAfter(organisation: string, exchanges: number): Promise<Record<string, number>> {
  await until(`${exchanges} exchanges of ${organisation} are in the ledger`, async () => {
    const { rows } = await store.pool.query('select count(*)::int as count from exchange where organisation = $1', [
      organisation,
    ]);
    return rows[0].count >= exchanges ? true : undefined;
  });
  const { rows } = await store.pool.query(
    `select id, remaining_atto from wallet_balance b join wallet_grant g on g.number = b.grant_number
      where organisation = $1 order by number`,
    [organisation],
  );
  return Object.fromEntries(rows.map(({ id, remaining_atto }) => [id, Number(remaining_atto) / Number(answer)]));
}

test('grant, calls, balance, exhausted, top-up, calls again, without a restart', async () => {
  const refused = await ask('STEPS_KEY');
  assert.deepEqual([refused.status, refused.outcome], [429, 'budget_exhausted']);
  assert.match(refused.text, /The wallet of steps cannot hold the cost of this request/);

  const first = await carrier.command('wallets', 'grant', 'steps', '--id', 'first', '--amount', '0.002');
  assert.equal(first.stdout, 'Granted 0.002 USD to steps as first.\n');
  const again = await carrier.command('wallets', 'grant', 'steps', '--id', 'first', '--amount', '0.0020');
  assert.equal(again.stdout, 'There already: 0.002 USD to steps as first.\n');
  const other = await carrier.command('wallets', 'grant', 'steps', '--id', 'first', '--amount', '0.003');
  assert.equal(other.code, 4);
  assert.match(other.stderr, /Grant first of steps is there with other content/);

  const served = countOf(await askUntilSpent('STEPS_KEY', 4, 19), '200');
  assert.ok(served <= 20, `${served} of 20 were served`);
  assert.deepEqual(await leftAfter('steps', served), { first: 20 - served });

  await grant('steps', { id: 'second', amount: '0.001' });
  assert.equal((await ask('STEPS_KEY')).outcome, '200');
  assert.deepEqual(
    await leftAfter('steps', served + 1),
    served === 20 ? { first: 0, second: 9 } : { first: 19 - served, second: 10 },
  );

  const shown = await carrier.command('wallets', 'show', 'steps', '--json');
  assert.equal(shown.code, 0, shown.stdout + shown.stderr);
  const view = JSON.parse(shown.stdout);
  assert.equal(view.terms, 'prepaid');
  assert.equal(view.grants.length, 2);
  assert.equal(BigInt(Math.round(Number(view.wallets[0].balance) * 1e18)), BigInt(29 - served) * answer);
});

test('two hundred callers at once on a wallet of sixty requests: never more, and nearly all of it', async () => {
  await grant('crowd', { id: 'sixty', amount: '0.006' });

  const answers = await askUntilSpent('CROWD_KEY', 200, 59);

  const served = countOf(answers, '200');
  assert.ok(served >= 59 && served <= 60, `${served} of 60 were served`);
  assert.equal(served + countOf(answers, 'budget_exhausted'), answers.length);
  const { sixty } = await leftAfter('crowd', served);
  assert.equal(sixty, 60 - served);
  const { rows } = await store.pool.query(
    `select sum(amount_atto) as atto from transfer t join account a on a.id = t.debit where name = 'wallet:crowd:sixty'`,
  );
  assert.equal(rows[0].atto, BigInt(served) * answer);
});

test('a scoped grant pays only for its models, first, and general money for the rest', async () => {
  await grant('scoped', {
    id: 'promo',
    kind: 'promotional',
    amount: '0.002',
    priority: -1,
    scope: { models: ['openai/*'] },
  });
  assert.equal((await ask('SCOPED_KEY', 'other/gpt-5')).outcome, 'budget_exhausted');
  assert.equal((await ask('SCOPED_KEY', 'openai/gpt-5')).outcome, '200');
  assert.deepEqual(await leftAfter('scoped', 1), { promo: 19 });

  await grant('scoped', { id: 'general', amount: '0.002' });
  assert.equal((await ask('SCOPED_KEY', 'other/gpt-5')).outcome, '200');
  // The first candidate breaks the connection; the hold is on both, and only the one of the answer is charged.
  assert.equal((await ask('SCOPED_KEY', 'fallback')).outcome, '200');
  assert.deepEqual(await leftAfter('scoped', 3), { promo: 18, general: 19 });
});

test('what expires is held for nobody after, and what begins is there at its instant', async () => {
  const boundaryMs = Date.now() + 1_500;
  const boundary = new Date(boundaryMs).toISOString();
  await grant('expiring', { id: 'old', amount: '0.002', expiresAt: boundary });
  await grant('expiring', { id: 'new', amount: '0.001', effectiveAt: boundary });
  assert.equal((await ask('EXPIRING_KEY')).outcome, '200');

  await until('the old one is over', () => (Date.now() > boundaryMs + 50 ? true : undefined));
  assert.equal((await ask('EXPIRING_KEY')).outcome, '200');

  assert.deepEqual(await leftAfter('expiring', 2), { old: 19, new: 9 });
  const served = countOf(await askUntilSpent('EXPIRING_KEY', 4, 8), '200');
  assert.ok(served <= 9, `${served} of 9 were served`);
  assert.deepEqual(await leftAfter('expiring', 2 + served), { old: 19, new: 9 - served });
});

test('an overdraft is used last, bounded, and paid back by the next purchase', async () => {
  const served = countOf(await askUntilSpent('LINE_KEY', 4, 19), '200');
  assert.ok(served <= 20, `${served} of 20 were served`);
  await leftAfter('line', served);

  await grant('line', { id: 'top-up', amount: '0.005' });
  assert.deepEqual(await leftAfter('line', served), { 'top-up': 50 - served });
});

test('a postpaid organisation uses its grants and goes on without them', async () => {
  await grant('open', { id: 'welcome', kind: 'promotional', amount: '0.0003' });

  for (let i = 0; i < 5; i += 1) assert.equal((await ask('OPEN_KEY')).outcome, '200');

  assert.deepEqual(await leftAfter('open', 5), { welcome: 0 });
  const { json } = await carrier.api('GET', '/api/v1/wallets/open');
  assert.equal(json.wallets[0].balance, '0');
  assert.equal(json.wallets[0].used[0].amount, '0.0003');
});

test('an idle wallet is voided though workers had set it aside', async () => {
  await grant('crash', { id: 'mistake', amount: '1' });
  // It costs nothing, and what its worker was given for it stays there for the next.
  const failed = await ask('CRASH_KEY', 'broken/gpt-5');
  assert.notEqual(failed.outcome, 'budget_exhausted');
  const held = await store.pool.query(
    `select from wallet_reserve r join wallet_grant g on g.number = r.grant_number where g.id = 'mistake'`,
  );
  assert.equal(held.rows.length, 1);

  const { status, json } = await carrier.api('POST', '/api/v1/grants/crash/mistake/void', {});

  assert.equal(status, 200, JSON.stringify(json));
  assert.deepEqual(json, { organisation: 'crash', id: 'mistake', outcome: 'ended', amount: '1' });
});

test('killed supervisors and workers neither lose nor double what a wallet pays', async () => {
  await grant('crash', { id: 'sixty', amount: '0.006' });
  // Long enough that whoever is killed leaves answers half-way.
  emulator.replaceRules(['report-input=0;report-output=10;tokens=10;pace=20ms']);
  let served = 0;
  for (const victim of ['nobody', 'a worker', 'the supervisor'] as const) {
    const wave = Promise.all(Array.from({ length: 12 }, () => ask('CRASH_KEY', 'openai/gpt-5', true)));
    await until('answers are under way', () => (emulator.stats().answersOpen > 0 ? true : undefined)).catch(
      async error => {
        throw new Error(`${error.message}: ${(await wave).map(({ outcome }) => outcome).join()}`);
      },
    );
    if (victim === 'a worker') process.kill(carrier.workerProcessIds()[0]!, 'SIGKILL');
    if (victim === 'the supervisor') await carrier.kill();
    served += countOf(await wave, '200');
    if (victim === 'the supervisor') await carrier.start();
  }
  emulator.replaceRules(plainAnswers);
  const last = countOf(await askUntilSpent('CRASH_KEY', 6, 1), '200');
  served += last;

  assert.ok(served <= 60);
  // Who was killed half-way is in the ledger, too, so their number does not say that everybody is.
  const sixty = await until(`all of ${served} are paid for`, async () => {
    const left = (await leftAfter('crash', served))['sixty']!;
    return left <= 60 - served ? left : undefined;
  });
  assert.ok(sixty >= 0, `${sixty} left after ${served}`);
  await until('the books are in order', async () => ((await checkLedger(store)).length === 0 ? true : undefined));
});

test('the books are in order after all of it', async () => {
  assert.deepEqual(await checkLedger(store), []);
  const { rows } = await store.pool.query(
    `select code from alert where code in ('wallet_short', 'charge_over_hold', 'exchange_refused')`,
  );
  assert.deepEqual(rows, []);
});
