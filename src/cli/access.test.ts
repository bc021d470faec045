import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { type AdminUnderTest, startAdmin } from '../../test/support/admin.ts';
import { runProgram } from './program.ts';

const home = mkdtempSync(join(tmpdir(), 'carrier-home-'));
const logins = join(home, '.config', 'common-carrier', 'logins.json');
const password = 'quiet river stones';
let admin: AdminUnderTest;

/** As somebody with a home directory and without the admin key, unless `environment` says otherwise. */
async function run(
  words: string,
  files: string | Record<string, string> = '',
  environment: Record<string, string> = {},
) {
  let [out, err] = ['', ''];
  const code = await runProgram(words.split(' '), {
    environment: {
      HOME: home,
      CARRIER_DATA: join(home, 'nowhere'),
      CARRIER_URL: 'https://carrier.example',
      ...environment,
    },
    out: { write: text => void (out += text), isTerminal: false },
    err: { write: text => void (err += text), isTerminal: false },
    send: async request => admin.app.request(request),
    readText: path => (typeof files === 'string' ? files : (files[path] ?? '')),
    writeText: () => {},
  });
  return { code, out, err };
}
const byKey = () => ({ CARRIER_ADMIN_KEY: admin.adminKey });

suite('who may what, from the command line', () => {
  before(async () => {
    admin = await startAdmin(Date.now);
    const file = 'organisations: { acme: { projects: { web: {} } } }';
    assert.equal((await run('apply -f -', file, byKey())).code, 0);
  });
  after(async () => {
    await admin.stop();
    rmSync(home, { recursive: true });
  });

  test('somebody who is invited takes it, logs in, is who they are, and logs out', async () => {
    const invited = await run(
      'invitations create --email ann@acme.example --role owner --organisation acme',
      '',
      byKey(),
    );
    assert.match(invited.out, /^cci_\w{52}\n$/);
    assert.match(invited.err, /^ann@acme\.example, until 20\S+: `carrier account accept`\. Not shown again\.\n$/);
    const accepted = await run('account accept --token-file token --password-file password', {
      token: invited.out,
      password: `${password}\n`,
    });
    assert.deepEqual([accepted.code, accepted.out], [0, 'Done. Log in with `carrier login --email <address>`.\n']);

    const wrong = await run('login --email ann@acme.example --password-file -', 'quiet river stonez\n');
    assert.equal(wrong.code, 4);
    assert.match(wrong.err, /do not go together/);
    const begun = await run('login --email ann@acme.example --password-file -', `${password}\n`);
    assert.match(begun.out, /^Logged in as ann@acme\.example until 20/);
    assert.equal(statSync(logins).mode & 0o777, 0o600);
    const token = JSON.parse(readFileSync(logins, 'utf8'))['https://carrier.example'].token;
    assert.ok(!`${begun.out}${begun.err}`.includes(token));

    const who = await run('whoami');
    assert.match(who.out, /^user ann@acme\.example \(u_\w{16}\), until 20\S+\n {2}owner of acme\n$/);
    assert.match((await run('keys list')).out, /No keys/);
    assert.deepEqual((await run('prices show')).code, 4);
    // The token goes to the server that it is of, and to no other.
    const elsewhere = await run('whoami', '', { CARRIER_URL: 'https://other.example' });
    assert.match(elsewhere.err, /Nobody is logged in here/);

    assert.equal((await run('logout')).out, 'Logged out.\n');
    assert.match((await run('whoami')).err, /Nobody is logged in here/);
    assert.match((await run('whoami', '', { CARRIER_TOKEN: token })).err, /has ended/);
  });

  test('a file of logins that others can read is not used', async () => {
    await run('login --email ann@acme.example --password-file -', `${password}\n`);
    chmodSync(logins, 0o644);

    const refused = await run('whoami');

    assert.equal(refused.code, 4);
    assert.match(refused.err, /can be read by others/);
    chmodSync(logins, 0o600);
  });

  test('a service account is made, given a role and a token, and works with CARRIER_TOKEN', async () => {
    const id = (await run('service-accounts create deploy --organisation acme', '', byKey())).out.trim();
    assert.match(id, /^s_\w{16}$/);
    const role = await run(
      `members add --service-account ${id} --role developer --organisation acme --project web`,
      '',
      byKey(),
    );
    assert.match(role.out, /^deploy is developer of acme\/web \(m_\w+\)\.\n$/);
    const token = (await run(`service-accounts token ${id} --days 1`, '', byKey())).out.trim();

    const made = await run('keys create --project acme/web --name ci', '', { CARRIER_TOKEN: token });
    assert.match(made.out, /^cck_/);
    assert.equal((await run('keys create --project acme/web --name ci2', '', { CARRIER_TOKEN: `${token}x` })).code, 4);
    const members = await run('members list --organisation acme', '', byKey());
    assert.match(members.out, /ann@acme\.example +user +owner of acme/);
    assert.match(members.out, /deploy +service account +developer of acme\/web/);
    await run(`service-accounts revoke ${token}`, '', byKey());
    assert.equal((await run('keys list', '', { CARRIER_TOKEN: token })).code, 4);
    assert.match((await run('service-accounts list', '', byKey())).out, /revoked/);
  });

  test('users are listed, disabled and reset', async () => {
    const list = JSON.parse((await run('users list --json', '', byKey())).out);
    const { id, email } = list.items[0];
    assert.equal(email, 'ann@acme.example');
    assert.match((await run('users list', '', byKey())).out, /ann@acme\.example +ann +active +password/);

    assert.equal((await run(`users disable ${id}`, '', byKey())).out, 'ann@acme.example may not log in any more.\n');
    assert.equal((await run(`users enable ${id}`, '', byKey())).out, 'ann@acme.example may log in again.\n');
    assert.match((await run(`users reset ${id}`, '', byKey())).out, /^cci_/);
    assert.equal((await run('users disable u_none', '', byKey())).code, 4);
  });

  test('what was said wrongly is refused before anything is asked of the server', async () => {
    assert.equal((await run('members add --user u_1 --role emperor', '', byKey())).code, 2);
    assert.equal((await run('invitations create --email a@b.example --role owner --days many', '', byKey())).code, 2);
    assert.equal((await run('service-accounts revoke short', '', byKey())).code, 2);
    assert.equal((await run('login --email ann@acme.example')).code, 2);
    const nowhere = await run('invitations create --email a@b.example --role owner', '', byKey());
    assert.match(nowhere.err, /owner is a role in an organisation; name it/);
  });
});
