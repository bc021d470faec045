import assert from 'node:assert/strict';
import { after, before, beforeEach, suite, test } from 'node:test';
import { type AdminUnderTest, startAdmin } from '../../test/support/admin.ts';
import { type ExchangeSketch, exchangeId, recordsOf } from '../../test/support/exchanges.ts';
import { completeExchange, emptyLedger } from '../../test/support/ledger.ts';
import type { EndRecord } from '../journal/record.ts';
import { LedgerShipping } from '../ledger/shipping.ts';
import { runProgram } from './program.ts';

/** The management API's clock in tests is 1,790,000,000,000. */
const atMs = 1_790_000_000_000 - 3_600_000;
const span = '--from 2026-09-21 --to 2026-09-22';
const configuration = `
providers: { openai: { dialect: openai-chat, baseUrl: "https://api.openai.com/v1" } }
deployments: { gpt-5-1: { provider: openai, model: openai/gpt-5, targetModel: gpt-5 } }
prices:
  sell: { currency: USD, rates: { openai/gpt-5: { input: "1", output: "20" } } }
  buy: { currency: USD, rates: { openai/gpt-5: { input: "1", output: "4" } } }
organisations: { acme: {} }
`;
let admin: AdminUnderTest;
let files: Record<string, string> = {};

async function run(words: string, more: readonly string[] = []): Promise<{ code: number; out: string; err: string }> {
  let out = '';
  let err = '';
  const code = await runProgram([...words.split(' '), ...more], {
    environment: { CARRIER_ADMIN_KEY: admin.adminKey },
    out: { write: text => void (out += text), isTerminal: false },
    err: { write: text => void (err += text), isTerminal: false },
    send: async request => admin.app.request(request),
    readText: path => files[path] ?? '',
    writeText: () => {},
  });
  return { code, out, err };
}

const json = async (words: string, more: readonly string[] = []) => {
  const { code, out } = await run(`${words} --json`, more);
  return { code, answer: JSON.parse(out) };
};

const ship = (...exchanges: readonly { readonly sketch: ExchangeSketch; readonly end?: Partial<EndRecord> }[]) =>
  new LedgerShipping(admin.store, 'j1').ship({
    exchanges: exchanges.map(({ sketch, end }) =>
      completeExchange(recordsOf(sketch).map(record => (record.type === 'end' ? { ...record, ...end } : record))),
    ),
    positions: [],
    alerts: [],
  });
interface Answered {
  readonly status: number;
  readonly fault: string | null;
  // biome-ignore lint/suspicious/noExplicitAny: an answer is looked into by the assertions
  readonly answer: any;
}

const call = async (path: string, body?: object): Promise<Answered> => {
  const answer = await admin.app.request(path, {
    headers: { authorization: `Bearer ${admin.adminKey}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
  });
  return { status: answer.status, fault: answer.headers.get('x-carrier-fault'), answer: await answer.json() };
};

suite('carrier ledger', () => {
  before(async () => {
    admin = await startAdmin();
    files = { 'carrier.yaml': configuration };
    const { code, err } = await run('apply -f carrier.yaml');
    assert.equal(code, 0, err);
  });
  after(() => admin.stop());
  beforeEach(() => emptyLedger(admin.store));

  test('accounts, one balance, transfers and the trial balance of one exchange', async () => {
    await ship({ sketch: sketch(1) });

    assert.equal(
      (await run('ledger accounts')).out,
      [
        'account                  kind       balance  currency   debit  credit  transfers',
        'cogs:openai              expense     0.0003  USD       0.0003       0          1',
        'provider_accrued:openai  liability   0.0003  USD            0  0.0003          1',
        'revenue:inference        income      0.0007  USD            0  0.0007          1',
        'unbilled:org_acme        asset       0.0007  USD       0.0007       0          1',
        '',
      ].join('\n'),
    );
    assert.equal((await run('ledger balance unbilled:org_acme')).out, '0.0007 USD\n');
    assert.equal((await run('ledger balance unbilled:org_b')).out, 'Nothing is booked on unbilled:org_b.\n');
    assert.equal(
      (await run('ledger balance unbilled:org_acme --to 2026-09-20')).out,
      'Nothing is booked on unbilled:org_acme.\n',
    );
    const { answer } = await json('ledger transfers --account unbilled:org_acme');
    assert.deepEqual(answer.items, [
      {
        id: `${exchangeId(1)}/1/sell`,
        at: '2026-09-21T13:13:20.001Z',
        kind: 'sell',
        debit: 'unbilled:org_acme',
        credit: 'revenue:inference',
        amount: '0.0007',
        currency: 'USD',
        reference: exchangeId(1),
        batch: null,
      },
    ]);
    const trial = await run('ledger trial-balance');
    assert.match(trial.out, /total +0\.001 +0\.001\nBoth sides are equal\.\n/);
  });

  test('a check that finds nothing ends with 0, one that finds something with 1, and says what to do', async () => {
    await ship({ sketch: sketch(1) });

    assert.deepEqual(await run('ledger check --full'), { code: 0, out: 'The ledger keeps all its rules.\n', err: '' });
    await admin.store.pool.query(
      `begin; set local session_replication_role = replica; update transfer set amount_atto = 1 where kind = 'sell'; commit`,
    );
    const { code, answer } = await json('ledger check');
    assert.equal(code, 1);
    assert.deepEqual(
      [...new Set(answer.violations.map(({ rule }: { rule: string }) => rule))],
      ['balance_is_the_fold', 'sell_is_booked', 'usage_is_the_ledger'],
    );
    const said = await run('ledger check');
    assert.match(said.out, new RegExp(`sell_is_booked: ${exchangeId(1)}: charged 700000000000000, booked 1\n {4}\\w`));
    assert.match(said.err, /The ledger breaks rules \d+ times/);
    const alerts = await json('alerts');
    assert.equal(alerts.answer.items[0].code, 'ledger_violation');
  });

  test('rating again shows the difference first, then books it; again there is none', async () => {
    await ship({ sketch: sketch(1) }, { sketch: sketch(2) });

    const dry = await run(`ledger rerate ${span} --dry-run`);
    assert.match(dry.out, /sell +openai\/gpt-5 +sell-1 +sell-\w+ +2 +0\.0014 +0\.0022 +0\.0008 +USD\n/);
    assert.match(dry.out, /2 exchanges looked at, 2 to correct\. Nothing was changed: this is a dry run\.\n$/);
    const done = await json(`ledger rerate ${span}`, [
      '--run',
      'prices-of-september',
      '--reason',
      'wrong output price',
    ]);
    assert.deepEqual([done.answer.examined, done.answer.corrected, done.answer.run], [2, 2, 'prices-of-september']);

    const again = await run(`ledger rerate ${span}`);
    assert.match(again.out, /^Every charge comes out as it was booked\.\n2 exchanges looked at, 0 corrected/);
    const shown = (await json(`exchanges show ${exchangeId(1)}`)).answer;
    assert.equal(shown.sell.amount, '0.0011');
    assert.deepEqual(
      shown.corrections.map(
        ({ kind, reason, charges }: { kind: string; reason: string; charges: { before: object }[] }) => [
          kind,
          reason,
          charges[0]?.before,
        ],
      ),
      [['rerate', 'wrong output price', { amount: '0.0007', currency: 'USD', version: 'sell-1', overHold: '0' }]],
    );
    assert.equal((await run('ledger balance unbilled:org_acme')).out, '0.0022 USD\n');
    assert.equal((await run('ledger check')).code, 0);
  });

  test('an unknown version, a period that ends before it begins and a foreign cursor are refused', async () => {
    const refused = async (words: string) => {
      const { code, err } = await run(words);
      return [code, err];
    };

    assert.deepEqual(await refused(`ledger rerate ${span} --price-version none`), [
      4,
      'carrier: version: no deployment has prices of version none\nCorrect what is named here; the listing is complete.\n',
    ]);
    for (const [option, what] of [
      ['--organisation org_acem', 'organisation org_acem'],
      ['--project org_acme/wbe', 'project org_acme/wbe'],
    ]) {
      const [refusal, why] = await refused(`ledger rerate ${span} ${option}`);
      assert.equal(refusal, 4);
      assert.match(String(why), new RegExp(`there is no ${what}, and nothing was ever charged to one`));
    }
    assert.deepEqual(await refused('ledger rerate --from 2026-09-22 --to 2026-09-21'), [
      4,
      'carrier: `from` must lie before `to`.\nCorrect what is named here; the listing is complete.\n',
    ]);
    const [code, message] = await refused(`ledger rerate ${span} --after xyz`);
    assert.equal(code, 4);
    assert.match(String(message), /not a cursor that was given here/);
    assert.equal((await run('ledger rerate')).code, 2);
  });

  test('what is in quarantine is listed, resolved by the prices in force, or voided', async () => {
    await ship({ sketch: sketch(1), end: quarantined(1) }, { sketch: sketch(2), end: quarantined(2) });

    const listed = await run('ledger quarantine list');
    assert.match(listed.out, /gpt-5-1 +0 USD +the service tier flex has no rates\n/);
    const resolved = await run(`ledger quarantine resolve ${exchangeId(1)} --reason`, ['price was published']);
    assert.match(resolved.out, /resolved +0\.0011 USD\n/);
    assert.equal(resolved.code, 0);
    const voided = await run('ledger quarantine void --all --because flex --reason goodwill');
    assert.match(voided.out, /voided\n/);

    assert.equal((await run('ledger quarantine list')).out, 'Nothing is in quarantine.\n');
    const again = await run(`ledger quarantine resolve ${exchangeId(1)} --reason again`);
    assert.deepEqual([again.code, /not-quarantined/.test(again.out)], [1, true]);
    assert.equal((await run('ledger quarantine resolve --reason x')).code, 2);
    assert.equal((await run(`ledger quarantine resolve ${exchangeId(1)} --all --reason x`)).code, 2);
    assert.equal((await run(`ledger quarantine resolve ${exchangeId(1)} --slices {x --reason x`)).code, 2);
    const bad = await run(`ledger quarantine resolve ${exchangeId(1)} --slices {"output":-1} --reason x`);
    assert.equal(bad.code, 4);
    assert.equal((await run('ledger check --full')).code, 0);
  });

  test('a payment is booked once, in the words of its account; the same id with another amount is a conflict', async () => {
    const payment = {
      id: 'payment-1',
      kind: 'payment',
      debit: 'cash',
      credit: 'receivable:acme',
      amount: '12.5',
      currency: 'USD',
    };
    const outcomeOf = async (order: object) =>
      (await call('/api/v1/ledger/transfers', { transfers: [order] })).answer.results[0].outcome;

    assert.equal(await outcomeOf(payment), 'booked');
    assert.equal(await outcomeOf(payment), 'exists');
    assert.equal(await outcomeOf({ ...payment, amount: '12.50' }), 'exists');
    assert.equal(await outcomeOf({ ...payment, amount: '13' }), 'conflict');

    assert.equal((await run('ledger balance cash')).out, '12.5 USD\n');
    const conflicts = await call('/api/v1/ledger/conflicts');
    assert.equal(conflicts.answer.items[0].second.amountAtto, '13000000000000000000');
  });

  test('everything wrong with an order is said at once, and nothing of the call is booked', async () => {
    const good = { id: 'p1', kind: 'payment', debit: 'cash', credit: 'rounding', amount: '1', currency: 'USD' };
    const { status, answer } = await call('/api/v1/ledger/transfers', {
      transfers: [good, { ...good, id: 'ex_1', amount: '1e3', debit: 'petty' }, { ...good, id: 'p3', amount: '0' }],
    });

    assert.equal(status, 400);
    assert.deepEqual(
      answer.errors.map(({ path }: { path: string }) => path),
      ['body.transfers[1].amount', 'body.transfers[1].debit', 'body.transfers[2].amount'],
    );
    const late = await call('/api/v1/ledger/transfers', { transfers: [good, { ...good, id: 'ex_1' }] });
    assert.deepEqual(
      late.answer.errors.map(({ path }: { path: string }) => path),
      ['body.transfers[1].id'],
    );
    const huge = await call('/api/v1/ledger/transfers', { transfers: [{ ...good, amount: '100000000000000000000' }] });
    assert.equal(huge.status, 400);
    assert.equal((await run('ledger accounts')).out, 'Nothing is booked on any such account.\n');
  });

  test('an order on accounts of nobody, or on a wallet, is refused; who is gone may still be settled with', async () => {
    const order = (id: string, credit: string, more: object = {}) => ({
      transfers: [{ id, kind: 'payment', debit: 'cash', credit, amount: '1', currency: 'USD', ...more }],
    });
    for (const [credit, message] of [
      ['receivable:nobody', 'there is no organisation nobody'],
      ['unbilled:Acme', 'there is no organisation Acme'],
      ['provider_payable:nobody', 'there is no provider nobody'],
      ['wallet:acme:g1', 'is moved by grants: `carrier wallets grant`, `void` and `refund`'],
    ] as const) {
      const { status, answer } = await call('/api/v1/ledger/transfers', order('p1', credit));
      assert.deepEqual([status, answer.errors[0].path], [400, 'body.transfers[0].credit']);
      assert.equal(answer.errors[0].message, message);
    }
    for (const wrong of [{ currency: 'XYZ' }, { currency: 'XTS' }, { at: '2026-02-30' }, { reference: 'a\0b' }]) {
      const { status } = await call('/api/v1/ledger/transfers', order('p1', 'rounding', wrong));
      assert.equal(status, 400, JSON.stringify(wrong));
    }
    assert.equal((await run('ledger accounts')).out, 'Nothing is booked on any such account.\n');

    await ship({ sketch: sketch(1) });
    const { answer } = await call('/api/v1/ledger/transfers', order('p2', 'unbilled:org_acme'));
    assert.equal(answer.results[0].outcome, 'booked');
  });

  test('a pending transfer is posted in part, or voided, once', async () => {
    const order = {
      kind: 'adjustment',
      debit: 'cash',
      credit: 'rounding',
      amount: '10',
      currency: 'USD',
      pending: true,
    };
    await call('/api/v1/ledger/transfers', {
      transfers: [
        { ...order, id: 'a' },
        { ...order, id: 'b' },
      ],
    });
    assert.match((await run('ledger balance rounding')).out, /^0 USD, available -20 USD\n/);

    const over = await call('/api/v1/ledger/pending/a/post', { amount: '11' });
    assert.deepEqual([over.status, over.fault], [409, 'exceeds_pending']);
    assert.equal((await call('/api/v1/ledger/pending/a/post', { amount: '4' })).answer.outcome, 'posted');
    assert.equal((await call('/api/v1/ledger/pending/a/post', { amount: '4' })).answer.outcome, 'exists');
    assert.equal((await call('/api/v1/ledger/pending/a/void', {})).fault, 'pending_resolved');
    assert.equal((await call('/api/v1/ledger/pending/b/void', {})).answer.outcome, 'voided');
    assert.equal((await call('/api/v1/ledger/pending/c/void', {})).status, 404);
    assert.equal((await call('/api/v1/ledger/pending/b/post', { amount: '-1' })).status, 400);

    assert.equal((await run('ledger balance cash')).out, '4 USD\n');
    assert.equal((await run('ledger check --full')).code, 0);
  });

  test('lists come by pages, and their cursors are checked', async () => {
    await ship(...Array.from({ length: 5 }, (_, number) => ({ sketch: sketch(number) })));
    const seen: string[] = [];
    for (let next: string | undefined = ''; next !== undefined; ) {
      const { answer } = await call(`/api/v1/ledger/transfers?limit=3${next === '' ? '' : `&after=${next}`}`);
      seen.push(...answer.items.map(({ id }: { id: string }) => id));
      next = answer.next;
    }
    assert.equal(new Set(seen).size, 10);
    const accounts = await call('/api/v1/ledger/accounts?limit=3');
    const rest = await call(`/api/v1/ledger/accounts?limit=3&after=${encodeURIComponent(accounts.answer.next)}`);
    assert.deepEqual(
      [...accounts.answer.items, ...rest.answer.items].map(({ account }) => account),
      ['cogs:openai', 'provider_accrued:openai', 'revenue:inference', 'unbilled:org_acme'],
    );
    assert.equal((await call('/api/v1/ledger/transfers?after=x')).status, 400);
    assert.equal((await call('/api/v1/ledger/accounts?after=x')).status, 400);
    assert.equal((await call('/api/v1/ledger/quarantine?after=x')).status, 400);
    assert.equal((await call('/api/v1/ledger/check', { after: 'x' })).status, 400);
  });
});

function sketch(number: number): ExchangeSketch {
  return { id: exchangeId(number), atMs: atMs + number };
}

function quarantined(number: number): Partial<EndRecord> {
  const end = recordsOf(sketch(number)).find(record => record.type === 'end')!;
  const reading = {
    slices: { inputUncached: 100, output: 50 },
    source: 'provider' as const,
    quarantine: 'the service tier flex has no rates',
  };
  const { buy: _buy, ...attempt } = end.attempts.at(-1)!;
  return { state: 'quarantined', sell: undefined as never, reading, attempts: [{ ...attempt, reading }] };
}
