import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, suite, test } from 'node:test';
import { type AdminUnderTest, startAdmin } from '../../test/support/admin.ts';
import { checkDatabase } from './doctor/service.ts';
import { runProgram } from './program.ts';

let admin: AdminUnderTest;

async function run(words: string) {
  let [out, err] = ['', ''];
  const code = await runProgram(words.split(' '), {
    environment: { CARRIER_URL: 'https://carrier.example', CARRIER_ADMIN_KEY: admin.adminKey },
    out: { write: text => void (out += text), isTerminal: false },
    err: { write: text => void (err += text), isTerminal: false },
    send: async request => admin.app.request(request),
    readText: () => 'organisations: { acme: { projects: { web: { keys: { old: { secret: "env:ACME_KEY" } } } } } }',
    writeText: () => {},
  });
  return { code, out, err };
}
const doctor = async () => {
  const { vault } = await checkDatabase(admin.store.url, '/nowhere');
  return (vault ?? []).map(({ check, outcome, found }) => `${outcome} ${check}: ${found}`);
};

suite('webhooks and secrets, from the command line', () => {
  before(async () => {
    admin = await startAdmin(Date.now);
    assert.equal((await run('apply -f -')).code, 0);
  });
  after(() => admin.stop());

  test('a webhook is made, tested, changed, given another secret, and removed; its secrets are shown once', async t => {
    let status = 200;
    const server = createServer((request, response) => {
      request.resume();
      response.writeHead(status).end();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => {
      server.closeAllConnections();
      server.close();
    });
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;

    const made = await run(`webhooks create ${url} --organisation acme --events key.*,wallet.low`);
    assert.match(made.out, /^whsec_[A-Za-z0-9+/]{43}=\n$/);
    const id = /^(we_\w{16}) is told from now on/.exec(made.err)?.[1] ?? '';
    const listed = await run('webhooks');
    assert.match(listed.out, new RegExp(`^${id}\\s+acme\\s+${url}\\s+key\\.\\*, wallet\\.low\\s+active$`, 'm'));
    assert.deepEqual([(await run(`webhooks test ${id}`)).out], ['Delivered: status 200.\n']);
    status = 418;
    const failed = await run(`webhooks test ${id}`);
    assert.deepEqual([failed.code, failed.out], [1, '']);
    assert.match(failed.err, /Not delivered: answered with status 418/);
    const deliveries = await run(`webhooks deliveries --webhook ${id} --json`);
    const shown = JSON.parse(deliveries.out).items.map(({ state, kind }: Record<string, string>) => `${kind} ${state}`);
    assert.deepEqual(shown, ['webhook.test failed', 'webhook.test delivered']);
    const again = await run(`webhooks redeliver ${JSON.parse(deliveries.out).items[0].id}`);
    assert.match(again.out, /^msg_\w{24} is sent again within seconds\.\n$/);

    assert.match((await run(`webhooks change ${id} --state paused --events *`)).out, /\*\s+paused$/m);
    const rotated = await run(`webhooks rotate ${id} --overlap 60`);
    assert.match(rotated.out, /^whsec_/);
    assert.notEqual(rotated.out, made.out);
    assert.match(rotated.err, /signs, too, until 20/);
    assert.equal((await run(`webhooks rotate ${id} --overlap soon`)).code, 2);
    const everything = await Promise.all(
      ['/webhooks', `/webhooks/${id}`, '/webhook-deliveries', '/audit', '/export', '/secrets'].map(async path => {
        const headers = { authorization: `Bearer ${admin.adminKey}` };
        return (await admin.app.request(`https://carrier.example/api/v1${path}`, { headers })).text();
      }),
    );
    assert.equal(
      everything.some(text => text.includes(id)),
      true,
    );
    for (const secret of [made.out, rotated.out])
      assert.equal(everything.join().includes(secret.trim().slice(6)), false);
    assert.equal((await run(`webhooks remove ${id}`)).out, `Removed ${url}.\n`);
    assert.equal((await run(`webhooks remove ${id}`)).code, 4);
  });

  test('what is no webhook is refused with its field', async () => {
    for (const [words, expected] of [
      ['webhooks create ftp://a.example', /body\.url.*must be https/s],
      ['webhooks create https://u:p@a.example', /body\.url.*names a user/s],
      ['webhooks create https://a.example --events Key', /body\.events\.0.*must be a kind/s],
      ['webhooks create https://a.example --organisation nobody', /There is no organisation nobody/],
      ['webhooks test we_none', /There is no webhook we_none/],
      ['webhooks redeliver msg_none', /There is no delivery msg_none/],
      ['secrets rotate-master --new-key the-key-itself', /must be env:NAME or file:path/],
      ['secrets rotate-master', /is needed where the master key was given/],
    ] as const) {
      const { code, err } = await run(words);
      assert.equal(code, 4, words);
      assert.match(err, expected);
    }
    for (let made = 0; made < 50; made += 1) assert.equal((await run('webhooks create https://a.example')).code, 0);
    assert.match((await run('webhooks create https://a.example')).err, /as many webhooks here as there may be/);
    await admin.store.pool.query('delete from webhook_endpoint');
  });

  test('a rotation says which key seals, and the page shows both keys', async () => {
    const { out, err } = await run('secrets rotate');

    assert.match(out, /^The key [0-9a-f]{10} seals from now on\.\n$/);
    assert.match(err, /The job secrets-reseal/);
    const shown = await run('secrets');
    assert.match(shown.out, /^master key [0-9a-f]{8}, given, the first$/m);
    assert.match(shown.out, /^[0-9a-f]{10}\s+active\s+20\S+\s*$/m);
    assert.match(shown.out, /^[0-9a-f]{10}\s+retiring\s+20\S+\s+20\S+$/m);
  });

  test('the doctor says which master key, reference, key and webhook needs a hand, and nothing when none does', async () => {
    const { store } = admin;
    assert.deepEqual(await doctor(), [
      'ok keyring: every replica that runs has the master key of the database',
      'ok references: what credentials refer to can be read',
      'ok keys: none ends within seven days',
      'ok webhooks: 0, none fails',
    ]);

    await store.pool.query(
      `insert into sealing_replica (replica, master_key_fingerprint, keyring_revision) values ('r-2', 'f', 1)`,
    );
    await store.pool.query(
      `insert into job (name, due_at, result) values ('secret-files', now(), '{"changed":0,"unresolved":1,"first":"provider:openai"}')`,
    );
    await store.pool.query(
      `update configuration_resource set document = jsonb_set(document, '{expiresAt}', to_jsonb(to_char(now() + interval '1 day', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')))
        where kind = 'key'`,
    );
    await store.pool.query(
      `insert into webhook_endpoint (id, url, events, secret_sealed, state, failing_since) values
         ('we_1', 'https://x.example', '{*}', 'x', 'failed', now() - interval '6 days'),
         ('we_2', 'https://x.example', '{*}', 'x', 'active', now() - interval '2 hours'),
         ('we_3', 'https://x.example', '{*}', 'x', 'active', now() - interval '1 minute')`,
    );
    assert.deepEqual(await doctor(), [
      'warn keyring: replica r-2 runs with the master key of before',
      'warn references: 1 cannot be read where the server runs, first that of provider:openai',
      'warn keys: 1 end within seven days, first acme/web/old',
      'warn webhooks: 1 disabled, 1 failing, 0 deliveries of a day given up',
    ]);
  });
});
