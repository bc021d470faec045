import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type AdminUnderTest, startAdmin } from '../../test/support/admin.ts';
import { emptyLedger } from '../../test/support/ledger.ts';

let admin: AdminUnderTest;
before(async () => {
  admin = await startAdmin();
  await emptyLedger(admin.store);
  const file = 'organisations: { acme: { terms: prepaid, overdraft: "1.50" }, other: { creditLimit: "9" } }';
  assert.equal((await ask('POST', '/api/v1/apply', { file })).status, 200);
});
after(() => admin.stop());

async function ask(method: string, path: string, body?: unknown) {
  const response = await admin.app.request(path, {
    method,
    headers: { authorization: `Bearer ${admin.adminKey}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const json: ReturnType<typeof JSON.parse> = await response.json();
  return { status: response.status, json, paths: json.errors?.map(({ path: each }: { path: string }) => each) };
}

const grants = '/api/v1/wallets/acme/grants';

test('a grant is made once, shown, and refused with other content', async () => {
  const body = { id: 'g1', amount: '25.00', scope: { models: ['openai/*'] }, source: 'order 7' };

  const made = await ask('POST', grants, body);
  assert.deepEqual([made.status, made.json.outcome], [201, 'granted']);
  assert.deepEqual((await ask('POST', grants, { ...body, amount: '25' })).json.outcome, 'exists');
  const other = await ask('POST', grants, { ...body, amount: '25.01' });
  assert.deepEqual([other.status, other.json.code], [409, 'grant_conflict']);

  const { json } = await ask('GET', `${grants}?limit=1`);
  const { createdAt: _, ...grant } = json.items[0];
  assert.deepEqual(grant, {
    organisation: 'acme',
    id: 'g1',
    kind: 'paid',
    currency: 'USD',
    amount: '25',
    remaining: '25',
    held: '0',
    priority: 0,
    effectiveAt: '2026-09-21T14:13:20.000Z',
    expiresAt: null,
    scope: { models: ['openai/*'] },
    source: 'order 7',
    state: 'open',
  });
  const wallet = (await ask('GET', '/api/v1/wallets/acme')).json;
  assert.equal(wallet.terms, 'prepaid');
  // Scoped money is not for every request; the line is.
  const { balance, available, line, owed } = wallet.wallets[0];
  assert.deepEqual({ balance, available, line, owed }, { balance: '25', available: '1.5', line: '1.5', owed: '0' });
});

const wrong: readonly (readonly [string, object, string])[] = [
  ['an amount of zero', { amount: '0.00' }, 'body.amount'],
  ['a negative amount', { amount: '-1' }, 'body.amount'],
  ['an amount that is a number', { amount: 25 }, 'body.amount'],
  ['an exponent', { amount: '1e3' }, 'body.amount'],
  ['nineteen decimals', { amount: '0.0000000000000000001' }, 'body.amount'],
  ['nineteen digits', { amount: '1000000000000000000' }, 'body.amount'],
  ['a currency that there is not', { currency: 'USX' }, 'body.currency'],
  ['no id', { id: undefined }, 'body.id'],
  ['an id that would be two parts of an account', { id: 'a:b' }, 'body.id'],
  ['an unknown kind', { kind: 'gift' }, 'body.kind'],
  ['half a priority', { priority: 0.5 }, 'body.priority'],
  ['a day that there is not', { expiresAt: '2026-02-30' }, 'body.expiresAt'],
  ['an empty list', { scope: { models: [] } }, 'body.scope.models'],
  ['an unknown scope', { scope: { regions: ['eu'] } }, 'body.scope.regions'],
  ['an unknown field', { balance: '1' }, 'body.balance'],
];
for (const [what, change, path] of wrong) {
  test(`${what} is refused by its place, and nothing is granted`, async () => {
    const { status, json, paths } = await ask('POST', grants, { id: 'bad', amount: '1', ...change });

    assert.deepEqual([status, json.code, paths], [400, 'configuration_invalid', [path]]);
    assert.equal((await admin.store.pool.query(`select from wallet_grant where id in ('bad', 'a:b')`)).rowCount, 0);
  });
}

test('several grants are made all or none', async () => {
  const one = { organisation: 'other', id: 'o1', amount: '1' };
  const nobody = await ask('POST', '/api/v1/grants', { grants: [one, { ...one, organisation: 'nobody' }] });
  assert.deepEqual([nobody.status, nobody.paths], [400, ['body.grants.1.organisation']]);
  const twice = await ask('POST', '/api/v1/grants', { grants: [one, { ...one, amount: '2' }] });
  assert.equal(twice.json.code, 'grant_conflict');
  assert.equal((await admin.store.pool.query(`select from wallet_grant where id = 'o1'`)).rowCount, 0);

  const made = await ask('POST', '/api/v1/grants', { grants: [one, one] });
  assert.deepEqual(
    made.json.items.map(({ outcome }: { outcome: string }) => outcome),
    ['granted', 'exists'],
  );
});

test('what is not there, not ended and not past is said by name', async () => {
  assert.equal(
    (await ask('POST', '/api/v1/wallets/nobody/grants', { id: 'g', amount: '1' })).json.code,
    'resource_not_found',
  );
  assert.equal((await ask('POST', '/api/v1/grants/acme/nothing/void', {})).json.code, 'resource_not_found');
  assert.equal(
    (await ask('POST', grants, { id: 'late', amount: '1', expiresAt: '2020-01-01' })).json.code,
    'grant_expired',
  );
  assert.deepEqual((await ask('POST', '/api/v1/grants/other/o1/void', {})).json, {
    organisation: 'other',
    id: 'o1',
    outcome: 'ended',
    amount: '1',
  });
  assert.equal((await ask('POST', '/api/v1/grants/other/o1/refund', {})).json.code, 'grant_not_refundable');
});

test('a statement is of whole hours, at most a year, and goes on where its page ended', async () => {
  const of = (query: string) => ask('GET', `/api/v1/wallets/other/statement?${query}`);
  assert.match((await of('from=2026-01-01T00:30:00Z&to=2026-02-01')).json.errors[0].message, /whole hours/);
  assert.match((await of('from=2026-02-01&to=2026-01-01')).json.errors[0].message, /before/);
  assert.match((await of('from=2024-01-01&to=2026-01-01')).json.errors[0].message, /366 days/);
  assert.equal((await of('from=2026-01-01&to=2026-02-01&currency=EUR')).json.code, 'resource_not_found');

  const today = new Date(Date.now() - 86_400_000).toISOString().slice(0, 10);
  const after = new Date(Date.now() + 2 * 86_400_000).toISOString().slice(0, 10);
  const first = (await of(`from=${today}&to=${after}&limit=1`)).json;
  assert.deepEqual([first.opening, first.totals.granted, first.totals.voided, first.closing], ['0', '1', '-1', '0']);
  assert.deepEqual(
    first.movements.map(({ kind }: { kind: string }) => kind),
    ['granted'],
  );
  const second = (await of(`from=${today}&to=${after}&limit=1&after=${encodeURIComponent(first.next)}`)).json;
  assert.deepEqual(
    second.movements.map(({ kind }: { kind: string }) => kind),
    ['voided'],
  );
  assert.equal(second.next, undefined);
  assert.deepEqual((await of(`from=${today}&to=${after}&after=x`)).paths, ['query.after']);
});

test('terms that do not go together are refused where they stand', async () => {
  const problems = async (file: string) =>
    (await ask('POST', '/api/v1/apply', { file, dryRun: true })).json.errors.map(
      ({ path, code }: { path: string; code: string }) => `${path} ${code}`,
    );

  assert.deepEqual(await problems('organisations: { a: { overdraft: "1" } }'), [
    'organisations.a.overdraft configuration_invalid',
  ]);
  assert.deepEqual(await problems('organisations: { a: { terms: prepaid, creditLimit: "1" } }'), [
    'organisations.a.creditLimit configuration_invalid',
  ]);
  assert.deepEqual(await problems('organisations: { a: { wallet: { balance: "1" } } }'), [
    'organisations.a.wallet setting_not_available',
  ]);
  const exported = await admin.app.request('/api/v1/export', {
    headers: { authorization: `Bearer ${admin.adminKey}` },
  });
  const text = await exported.text();
  assert.match(text, /terms: prepaid\n\s+overdraft: "1.5"/);
  assert.match(text, /creditLimit: "9"/);
  const { json } = await ask('POST', '/api/v1/apply', { file: text, dryRun: true });
  assert.deepEqual(json.changes, []);
});
