import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, beforeEach, suite, test } from 'node:test';
import fc from 'fast-check';
import { type AdminUnderTest, adminOver, startAdmin } from '../../test/support/admin.ts';
import { adminCaller, type CallAdmin } from '../../test/support/admin-call.ts';
import { auditRetentionJob } from './audit-retention.ts';
import { recordAudit } from './record-audit.ts';
import { redact, redactedJson } from './redact.ts';

const design = readFileSync(new URL('../../test/support/fixtures/design.yaml', import.meta.url), 'utf8');
let admin: AdminUnderTest;
let call: CallAdmin;
/** Events before a test began: none of them can be taken away. */
let begun = 0;

// biome-ignore lint/suspicious/noExplicitAny: an answer is looked into by the assertions
async function events(query = ''): Promise<any[]> {
  const { json } = await call('GET', `/api/v1/audit?limit=500${query}`);
  return json.items.filter(({ id }: { id: string }) => Number(id) > begun).reverse();
}

suite('the audit log', () => {
  before(async () => {
    admin = await startAdmin();
    call = adminCaller(admin);
  });
  after(() => admin.stop());
  beforeEach(async () => {
    await admin.clear();
    const { rows } = await admin.store.pool.query('select coalesce(max(number), 0) as newest from audit_event');
    begun = Number(rows[0].newest);
  });

  test('every change says who, what, before, after, when and from where', async () => {
    await call('POST', '/api/v1/apply', { file: design });
    await call('PATCH', '/api/v1/projects/acme/web', { allow: ['openai/*'] });
    const { id } = (await call('POST', '/api/v1/keys', { project: 'acme/web', name: 'app' })).json;
    await call('POST', `/api/v1/keys/${id}/rotate`, {});
    await call('DELETE', `/api/v1/keys/${id}`);

    const shown = (await events()).map(
      event => `${event.organisation} ${event.action} ${event.target} ${event.outcome}`,
    );
    assert.deepEqual(shown.slice(-4), [
      'acme projects.write project:acme/web done',
      `acme keys.create key:${id} done`,
      `acme keys.rotate key:${id} done`,
      `acme keys.revoke key:${id} done`,
    ]);
    assert.ok(shown.includes('null providers.create provider:openai done'));
    const [changed] = await events('&action=projects.write');
    const { actor, requestId, address, before: was, after: is } = changed;
    assert.deepEqual([actor, requestId, address], ['admin-key', 'ex_test', '192.0.2.7']);
    assert.deepEqual([was.allow, is.allow], [['**'], ['openai/*']]);
    assert.ok(!Number.isNaN(Date.parse(changed.at)));
  });

  test('what changes nothing is no event, and what fails leaves none', async () => {
    await call('POST', '/api/v1/apply', { file: design });
    const count = (await events()).length;

    await call('POST', '/api/v1/apply', { file: design });
    await call('POST', '/api/v1/apply', { file: design, dryRun: true });
    await call('PATCH', '/api/v1/projects/acme/web', { allow: 7 });
    await call('PATCH', '/api/v1/projects/acme/web', { allow: ['a'] }, { 'if-match': '"other"' });
    await call('DELETE', '/api/v1/organisations/acme');
    assert.equal((await events()).length, count);
  });

  test('what has a transaction of its own is told before it begins, and again when it is refused', async () => {
    await call('POST', '/api/v1/apply', { file: design });
    await call('POST', '/api/v1/wallets/acme/grants', { id: 'g-1', amount: '5', currency: 'USD' });
    await call('POST', '/api/v1/wallets/nobody/grants', { id: 'g-1', amount: '5', currency: 'USD' });

    const shown = (await events('&action=wallets')).map(({ outcome, target, after: is }) => [
      outcome,
      target,
      is.id ?? is,
    ]);
    assert.deepEqual(shown, [
      ['asked', 'request:POST /api/v1/wallets/acme/grants', 'g-1'],
      ['asked', 'request:POST /api/v1/wallets/nobody/grants', 'g-1'],
      ['refused', 'request:POST /api/v1/wallets/nobody/grants', { fault: 'resource_not_found' }],
    ]);
  });

  test('refused callers are told once a minute and address, with how many were not told', async () => {
    const store = admin.store;
    let atMs = 1_790_000_000_000;
    const { app } = adminOver(store, '/tmp', () => atMs);
    const knock = (address: string, key = 'wrong') =>
      app.fetch(new Request('http://carrier/api/v1/keys', { headers: { authorization: `Bearer ${key}` } }), {
        address,
      });

    for (let count = 0; count < 5; count++) assert.equal((await knock('203.0.113.5')).status, 401);
    await knock('203.0.113.6');
    for (let other = 0; other < 100; other++) await knock(`198.51.100.${other}`);
    const first = await events('&outcome=refused');
    assert.equal(first.length, 30);
    assert.deepEqual(
      first.slice(0, 2).map(({ actor, action, address, after: is }) => [actor, action, address, is]),
      [
        ['anonymous', 'requests.authenticate', '203.0.113.5', { fault: 'admin_key_invalid' }],
        ['anonymous', 'requests.authenticate', '203.0.113.6', { fault: 'admin_key_invalid', moreRefusedBefore: 4 }],
      ],
    );
    atMs += 60_000;
    await knock('203.0.113.5');
    assert.deepEqual((await events('&outcome=refused')).at(-1).after, {
      fault: 'admin_key_invalid',
      moreRefusedBefore: 72,
    });
  });

  test('the database lets nobody change, delete or empty what is younger than a year', async () => {
    await recordAudit(admin.store.pool, {
      actor: 'system:test',
      organisation: null,
      action: 'keys.write',
      target: 'key:x',
    });
    const refuses = (statement: string) =>
      assert.rejects(admin.store.pool.query(statement), /audit_event is append-only/, statement);

    await refuses(`update audit_event set actor = 'nobody'`);
    await refuses(`delete from audit_event`);
    await refuses(`truncate audit_event`);
    await refuses(`set session_replication_role = origin; delete from audit_event where at <= now()`);
    const { rows } = await admin.store.pool.query(
      `select count(*) as kept from audit_event where actor = 'system:test'`,
    );
    assert.equal(rows[0].kept, 1n);
  });

  test('what is past its retention goes, and only that', async () => {
    const insert = (daysAgo: number) =>
      admin.store.pool.query(
        `insert into audit_event (at, actor, action, target, outcome)
         values (now() - make_interval(days => $1), 'system:old', 'keys.write', $2, 'done')`,
        [daysAgo, `key:${daysAgo}`],
      );
    for (const days of [1, 364, 366, 729, 731]) await insert(days);
    const run = async (days: number) => {
      const client = await admin.store.pool.connect();
      try {
        const context = { client: client as never, progress: () => {}, signal: new AbortController().signal };
        return await auditRetentionJob(days).run(context);
      } finally {
        client.release();
      }
    };

    assert.deepEqual(await run(730), { forgotten: 1 });
    assert.deepEqual(await run(365), { forgotten: 2 });
    await assert.rejects(run(300), /append-only/);
    assert.deepEqual(
      (await events('&actor=system:old')).map(({ target }) => target),
      ['key:1', 'key:364'],
    );
  });

  test('it is read by page and filter, and exported whole as CSV and as lines', async () => {
    for (let number = 0; number < 5; number++) {
      await recordAudit(admin.store.pool, {
        actor: 'user:u-1',
        organisation: number % 2 === 0 ? 'acme' : 'globex',
        action: 'keys.write',
        target: `key:${number}`,
        after: { text: '=1+1, "quoted"' },
      });
    }
    const targets = (page: { json: { items: { target: string }[] } }) => page.json.items.map(({ target }) => target);
    const first = await call('GET', '/api/v1/audit?actor=user:u-1&limit=2');
    const second = await call('GET', `/api/v1/audit?actor=user:u-1&limit=2&after=${first.json.next}`);
    const third = await call('GET', `/api/v1/audit?actor=user:u-1&limit=2&after=${second.json.next}`);
    assert.deepEqual(
      [targets(first), targets(second), targets(third), third.json.next],
      [['key:4', 'key:3'], ['key:2', 'key:1'], ['key:0'], undefined],
    );
    const one = await call('GET', '/api/v1/audit?actor=user:u-1&organisation=acme&action=keys&from=2026-01-01');
    assert.deepEqual(targets(one), ['key:4', 'key:2', 'key:0']);
    assert.deepEqual(targets(await call('GET', '/api/v1/audit?actor=user:u-1&action=key')), []);

    const lines = (await call('GET', '/api/v1/audit.ndjson?actor=user:u-1')).json.trimEnd().split('\n');
    assert.deepEqual(
      lines.map((line: string) => JSON.parse(line).target),
      ['key:4', 'key:3', 'key:2', 'key:1', 'key:0'],
    );
    const csv = (await call('GET', '/api/v1/audit.csv?actor=user:u-1&organisation=globex')).json.split('\r\n');
    assert.equal(csv[0], 'id,at,actor,organisation,action,target,outcome,before,after,requestId,address');
    assert.match(csv[1], /,user:u-1,globex,keys\.write,key:3,done,,"\{""text"":""=1\+1, \\""quoted\\""""\}",,$/);
    assert.equal((await call('GET', '/api/v1/audit?after=junk')).status, 400);
    assert.equal((await call('GET', '/api/v1/audit?outcome=maybe')).status, 400);
    assert.equal((await call('GET', '/api/v1/audit.ndjson?actor=user:nobody')).json, '');
  });
});

const secret = fc.constantFrom(
  `cck_Ab12Cd34_${'x'.repeat(43)}`,
  `cca_${'9'.repeat(8)}_${'y'.repeat(43)}`,
  `sk-proj-${'aB3'.repeat(8)}`,
  `sk-ant-api03-${'a1'.repeat(12)}`,
  `AIza${'Z'.repeat(35)}`,
  'AKIAABCDEFGHIJKLMNOP',
);

test('no secret is in what is recorded, whatever field or text it stands in', () => {
  const place = fc.constantFrom('secret', 'credentialValue', 'password', 'note', 'headers', 'x', 'sealed', 'apiKey');
  const tree = fc.letrec(tie => ({
    leaf: fc.oneof(fc.string(), fc.integer(), fc.constant(null)),
    node: fc.oneof(
      { maxDepth: 4 },
      tie('leaf'),
      fc.array(tie('node'), { maxLength: 3 }),
      fc.dictionary(fc.string({ maxLength: 8 }), tie('node'), { maxKeys: 3 }),
    ),
  })).node;
  fc.assert(
    fc.property(secret, place, fc.string(), tree, (planted, field, around, beside) => {
      const value = {
        beside,
        [field]: planted,
        list: [{ deep: { [field]: `${around} ${planted} ${around}` } }],
        named: { [planted]: 1 },
      };
      assert.equal((redactedJson(value) ?? '').includes(planted), false);
    }),
    { numRuns: 300 },
  );
});

test('a secret by its field is gone even where it looks like nothing, and references stay', () => {
  assert.deepEqual(
    redact({
      password: 'hunter2',
      newPassword: 'hunter3',
      digest: 'ab',
      sealed: null,
      secret: 'env:ACME_KEY',
      credential: 'stored:0123456789abcdef',
      previous: [{ digest: 'ab', until: 'x' }],
      totp: 123456,
      isSecret: true,
      outputTokensMax: 5,
      keys: ['a'],
    }),
    {
      password: '(redacted)',
      newPassword: '(redacted)',
      digest: '(redacted)',
      sealed: null,
      secret: 'env:ACME_KEY',
      credential: 'stored:0123456789abcdef',
      previous: '(redacted)',
      totp: '(redacted)',
      isSecret: true,
      outputTokensMax: 5,
      keys: ['a'],
    },
  );
  assert.equal(redactedJson(undefined), null);
  assert.equal(redactedJson(0), '0');
  assert.deepEqual(JSON.parse(redactedJson({ list: Array(5_000).fill('abcdefgh') })!), {
    tooLong: true,
    bytes: 55_010,
    sha256: 'c005939c51fde5e8055d03edae31c2413bec4dd07904c3436713b48e82dbdfdd',
  });
});
