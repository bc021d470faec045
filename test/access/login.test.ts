import assert from 'node:assert/strict';
import { argon2Sync } from 'node:crypto';
import { after, before, suite, test } from 'node:test';
import { invite } from '../../src/access/invitations.ts';
import { addMembership } from '../../src/access/memberships.ts';
import { totpCode } from '../../src/access/totp.ts';
import { addUser } from '../../src/access/users.ts';
import { type AdminUnderTest, adminOver, startAdmin } from '../support/admin.ts';

const startMs = Date.UTC(2026, 10, 20, 12);
const minuteMs = 60_000;
const password = 'quiet river stones';
const asking = { actor: 'admin-key', address: '', agent: '' };
const salt = Buffer.alloc(16, 7);
const cheap = { message: password, nonce: salt, parallelism: 1, tagLength: 32, memory: 64, passes: 1 };
const cheapHash = `argon2id$64$1$1$${salt.toString('base64')}$${Buffer.from(argon2Sync('argon2id', cheap)).toString('base64')}`;
const from = { address: '203.0.113.9', secure: true };

/** Logging in with a password, through the whole management API but its sockets. */
suite('logging in', () => {
  let nowMs = startMs;
  let admin: AdminUnderTest;
  before(async () => {
    admin = await startAdmin(() => nowMs);
  });
  after(() => admin.stop());

  type Headers = Readonly<Record<string, string>>;
  async function call(method: string, path: string, body?: unknown, headers: Headers = {}, origin: object = from) {
    const init = {
      method,
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    };
    const response = await admin.app.request(path, init, origin);
    const text = await response.text();
    return {
      status: response.status,
      fault: response.headers.get('x-carrier-fault'),
      headers: response.headers,
      text,
      // biome-ignore lint/suspicious/noExplicitAny: an answer is looked into by the assertions
      json: (text.startsWith('{') ? JSON.parse(text) : undefined) as any,
    };
  }
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
  const byKey = () => bearer(admin.adminKey);
  const logIn = (email: string, more: object = {}) => call('POST', '/api/v1/login', { email, password, ...more });

  /** An operator with the password. Its hash is a cheap one: verifying takes what the hash says. */
  function join(email: string): Promise<string> {
    const { access } = admin;
    return access.store.db.transaction().execute(async transaction => {
      const user = await addUser(access, transaction, { email, name: 'Somebody', passwordHash: cheapHash }, asking);
      const grant = { at: 'installation', role: 'operator' } as const;
      await addMembership(transaction, { member: { user }, grant }, asking);
      return user;
    });
  }

  test('the admin key invites the first operator, who chooses a password and logs in', async () => {
    const invited = await call(
      'POST',
      '/api/v1/invitations',
      { email: 'First@Ops.example', role: 'operator' },
      byKey(),
    );
    assert.equal(invited.status, 201);
    assert.match(invited.json.token, /^cci_/);
    const short = await call('POST', '/api/v1/invitations/accept', { token: invited.json.token, password: 'short' });
    assert.deepEqual([short.status, short.fault], [400, 'password_refused']);

    const accepted = await call('POST', '/api/v1/invitations/accept', {
      token: invited.json.token,
      password,
      name: 'First',
    });
    assert.equal(accepted.json.purpose, 'join');
    const begun = await call('POST', '/api/v1/login', { email: 'first@ops.example', password });
    assert.match(begun.json.token, /^ccs_/);
    assert.equal(begun.json.expiresAt, '2026-11-21T00:00:00.000Z');
    const who = await call('GET', '/api/v1/session', undefined, bearer(begun.json.token));
    assert.equal(who.json.actor.name, 'first@ops.example');
    assert.deepEqual(who.json.grants, [{ role: 'operator' }]);
    const audit = await call('GET', '/api/v1/audit', undefined, byKey());
    assert.deepEqual(
      audit.json.items.map(({ action, actor }: { action: string; actor: string }) => [action, actor.split(':')[0]]),
      [
        ['sessions.begin', 'user'],
        ['members.grant', 'admin-key'],
        ['users.create', 'anonymous'],
        ['members.invite', 'admin-key'],
      ],
    );
    for (const secret of [invited.json.token, begun.json.token, password]) assert.ok(!audit.text.includes(secret));
  });

  test('an invitation is taken once, in its time, and not after it was withdrawn', async () => {
    const email = 'once@ops.example';
    await join(email);
    const { access } = admin;
    const grant = { at: 'installation', role: 'auditor' } as const;
    const used = await invite(access, { email, grant, days: 1 }, asking);
    const late = await invite(access, { email: 'late@ops.example', grant, days: 1 }, asking);
    const gone = await invite(access, { email: 'gone@ops.example', grant, days: 1 }, asking);
    const accept = (token: string, secret = password) =>
      call('POST', '/api/v1/invitations/accept', { token, password: secret });

    // Somebody who is here already proves to be the one: the link alone is not enough.
    assert.equal((await accept(used.token, 'quiet river stonez')).fault, 'login_failed');
    assert.equal((await accept(used.token)).status, 200);
    assert.equal((await accept(used.token)).fault, 'invitation_invalid');
    await call('DELETE', `/api/v1/invitations/${gone.invitation.id}`, undefined, byKey());
    assert.equal((await accept(gone.token)).fault, 'invitation_invalid');
    nowMs += 86_400_000;
    assert.equal((await accept(late.token)).fault, 'invitation_invalid');
    nowMs = startMs;
    for (const token of ['', 'cci_', late.token.replace(/.$/, '!'), `ccs${late.token.slice(3)}`]) {
      assert.equal((await accept(token)).fault, 'invitation_invalid');
    }
  });

  test('of two who take one invitation at once, one gets in', async () => {
    const invited = await call('POST', '/api/v1/invitations', { email: 'race@ops.example', role: 'auditor' }, byKey());
    const accept = () => call('POST', '/api/v1/invitations/accept', { token: invited.json.token, password });

    const statuses = (await Promise.all([accept(), accept()])).map(({ status }) => status).sort();

    assert.equal(statuses[0], 200);
    assert.ok(statuses[1]! >= 400);
    const { rows } = await admin.store.pool.query(`select id from access_user where email = 'race@ops.example'`);
    assert.equal(rows.length, 1);
  });

  test('a wrong password, somebody unknown and somebody disabled are answered alike', async () => {
    const user = await join('known@ops.example');

    const wrong = await logIn('known@ops.example', { password: 'quiet river stonez' });
    const unknown = await logIn('unknown@ops.example');
    await call('POST', `/api/v1/users/${user}/disable`, {}, byKey());
    const disabled = await logIn('known@ops.example');

    assert.deepEqual([wrong.status, wrong.fault], [401, 'login_failed']);
    assert.deepEqual([unknown.status, unknown.text], [wrong.status, wrong.text]);
    assert.deepEqual([disabled.status, disabled.text], [wrong.status, wrong.text]);
    await call('POST', `/api/v1/users/${user}/enable`, {}, byKey());
    assert.equal((await logIn('known@ops.example')).status, 200);
  });

  test('ten failures close an account to everybody until the window ends, known or not', async () => {
    await join('closed@ops.example');
    for (const email of ['closed@ops.example', 'nobody-at-all@ops.example']) {
      await logIn(email, { password: 'quiet river stonez' });
      await admin.store.pool.query('update access_throttle set failures = 10 where failures between 1 and 9');
      const closed = await logIn(email);
      assert.deepEqual([closed.status, closed.fault], [429, 'login_throttled']);
    }
    nowMs += 15 * minuteMs;
    assert.equal((await logIn('closed@ops.example')).status, 200);
    nowMs = startMs;
    await admin.store.pool.query('delete from access_throttle');
  });

  test('a hundred failures close an address, whichever accounts they were of', async () => {
    await join('far@ops.example');
    await logIn('guess@ops.example', { password: 'quiet river stonez' });
    await admin.store.pool.query('update access_throttle set failures = failures + 99');
    await admin.store.pool.query(
      `delete from access_throttle where subject <> (
      select subject from access_throttle order by subject = $1 desc limit 1)`,
      [admin.access.secrets.digest('throttle:address:203.0.113.9')],
    );

    assert.equal((await logIn('far@ops.example')).fault, 'login_throttled');
    const elsewhere = { address: '198.51.100.7', secure: true };
    const other = await call('POST', '/api/v1/login', { email: 'far@ops.example', password }, {}, elsewhere);
    assert.equal(other.status, 200);
    await admin.store.pool.query('delete from access_throttle');
  });

  test('with a second factor a login takes a code, each code once, or a recovery code, each once', async () => {
    const email = 'second@ops.example';
    await join(email);
    const { token } = (await logIn(email)).json;
    const setUp = (await call('POST', '/api/v1/account/totp', { password }, bearer(token))).json;
    assert.match(setUp.uri, /^otpauth:\/\/totp\/Common%20Carrier:second%40ops\.example\?secret=/);
    const wrong = await call(
      'POST',
      '/api/v1/account/totp/confirm',
      { setUp: setUp.setUp, code: '000000' },
      bearer(token),
    );
    assert.equal(wrong.fault, 'code_invalid');
    const code = () => totpCode(setUp.secret, nowMs);
    const confirmed = await call(
      'POST',
      '/api/v1/account/totp/confirm',
      { setUp: setUp.setUp, code: code() },
      bearer(token),
    );
    const [recovery] = confirmed.json.recoveryCodes;
    assert.equal(confirmed.json.recoveryCodes.length, 10);

    assert.deepEqual([(await logIn(email)).status, (await logIn(email)).fault], [401, 'code_required']);
    assert.equal((await logIn(email, { code: code() })).fault, 'login_failed', 'the code that confirmed it is used');
    nowMs += 30_000;
    assert.equal((await logIn(email, { code: code() })).status, 200);
    assert.equal((await logIn(email, { code: code() })).fault, 'login_failed');
    assert.equal((await logIn(email, { code: recovery })).status, 200);
    assert.equal((await logIn(email, { code: recovery })).fault, 'login_failed');
    const { rows } = await admin.store.pool.query('select totp_sealed from access_user where email = $1', [email]);
    assert.ok(!rows[0].totp_sealed.includes(setUp.secret));
    nowMs = startMs;
  });

  test('a page’s session is in a cookie that no script reads, and changes need what only a page of ours knows', async () => {
    await join('page@ops.example');
    const begun = await logIn('page@ops.example', { cookie: true });
    const setCookie = begun.headers.get('set-cookie')!;
    assert.match(
      setCookie,
      /^__Host-carrier-session=ccs_\w+; Path=\/; Max-Age=43200; HttpOnly; SameSite=Strict; Secure$/,
    );
    assert.equal(begun.json.token, undefined);
    const cookie = setCookie.split(';')[0]!;
    const { csrf } = (await call('GET', '/api/v1/session', undefined, { cookie })).json;
    assert.equal(csrf, begun.json.csrf);
    const change = (headers: Headers) =>
      call('DELETE', '/api/v1/account/sessions/others', undefined, { cookie, ...headers });

    assert.equal((await change({})).fault, 'csrf_invalid');
    assert.equal((await change({ 'x-carrier-csrf': 'x'.repeat(43) })).fault, 'csrf_invalid');
    assert.equal((await change({ 'x-carrier-csrf': csrf, 'sec-fetch-site': 'cross-site' })).fault, 'csrf_invalid');
    assert.equal((await change({ 'x-carrier-csrf': csrf, 'sec-fetch-site': 'same-site' })).fault, 'csrf_invalid');
    assert.equal((await change({ 'x-carrier-csrf': csrf, 'sec-fetch-site': 'same-origin' })).status, 200);
    const others = (await logIn('page@ops.example')).json.csrf;
    assert.equal((await change({ 'x-carrier-csrf': others })).fault, 'csrf_invalid');
  });

  test('a page that shows the admin key gets a session, and keeps nothing of the key', async () => {
    const begun = await call('POST', '/api/v1/login/admin-key', { key: admin.adminKey });

    const setCookie = begun.headers.get('set-cookie')!;
    assert.match(
      setCookie,
      /^__Host-carrier-session=cco_\w+; Path=\/; Max-Age=43200; HttpOnly; SameSite=Strict; Secure$/,
    );
    assert.deepEqual(Object.keys(begun.json).sort(), ['csrf', 'expiresAt']);
    const cookie = setCookie.split(';')[0]!;
    const who = (await call('GET', '/api/v1/session', undefined, { cookie })).json;
    assert.deepEqual(who.actor, { kind: 'admin-key', id: '', name: 'admin key' });
    assert.equal(who.session.way, 'admin-key');
    assert.equal(who.csrf, begun.json.csrf);
    assert.equal((await call('DELETE', '/api/v1/session', undefined, { cookie })).fault, 'csrf_invalid');
    const csrf = { cookie, 'x-carrier-csrf': who.csrf };
    assert.equal((await call('DELETE', '/api/v1/session', undefined, csrf)).json.ended, true);
    assert.equal((await call('GET', '/api/v1/session', undefined, { cookie })).fault, 'session_ended');
    const told = await admin.store.pool.query(
      "select action, actor from audit_event where target = 'session:' || $1 order by number",
      [who.session.id],
    );
    assert.deepEqual(told.rows, [
      { action: 'sessions.begin', actor: 'admin-key' },
      { action: 'sessions.end', actor: 'admin-key' },
    ]);
  });

  test('no other key begins one, and it is no bearer', async () => {
    for (const key of [`${admin.adminKey}x`, admin.adminKey.slice(0, -1), 'admin']) {
      assert.equal((await call('POST', '/api/v1/login/admin-key', { key })).fault, 'admin_key_invalid', key);
    }
    assert.equal((await call('POST', '/api/v1/login/admin-key', { key: '' })).status, 400);
    assert.equal((await call('POST', '/api/v1/login/admin-key', { key: 'x'.repeat(513) })).status, 400);

    const { headers } = await call('POST', '/api/v1/login/admin-key', { key: admin.adminKey });
    const token = headers.get('set-cookie')!.split(/[=;]/)[1]!;
    assert.equal((await call('GET', '/api/v1/session', undefined, bearer(token))).fault, 'admin_key_invalid');
  });

  test('it ends unused, in the end, and when the admin key is another one', async () => {
    const begin = async () => {
      const { headers } = await call('POST', '/api/v1/login/admin-key', { key: admin.adminKey });
      return { cookie: headers.get('set-cookie')!.split(';')[0]! };
    };
    const asked = async (headers: Headers) => (await call('GET', '/api/v1/session', undefined, headers)).status;
    const startedMs = nowMs;
    const [idle, used] = [await begin(), await begin()];
    const other = adminOver(admin.store, '/', () => nowMs, 'another-key-another-key-another-key');
    assert.equal((await other.app.request('/api/v1/session', { headers: idle }, from)).status, 401);
    for (let minutes = 45; minutes <= 12 * 60 - 45; minutes += 45) {
      nowMs = startedMs + minutes * minuteMs;
      assert.equal(await asked(used), 200, `${minutes} minutes`);
    }
    assert.equal(await asked(idle), 401);
    nowMs = startedMs + 12 * 60 * minuteMs;
    assert.equal(await asked(used), 401);
    nowMs = startedMs;
  });

  test('a session that was planted, stolen to a plain page or forged is none', async () => {
    await join('victim@ops.example');
    const planted = (await logIn('victim@ops.example')).json.token;

    const fresh = await call(
      'POST',
      '/api/v1/login',
      { email: 'victim@ops.example', password, cookie: true },
      { cookie: `__Host-carrier-session=${planted}` },
    );
    assert.ok(!fresh.headers.get('set-cookie')!.includes(planted), 'a login never goes on with a session it was sent');
    // Over TLS only the name counts that no plain page and no other host can set.
    const plain = await call('GET', '/api/v1/session', undefined, { cookie: `carrier-session=${planted}` });
    assert.equal(plain.status, 401);
    const twice = await call('GET', '/api/v1/session', undefined, {
      cookie: `__Host-carrier-session=ccs_00000000_${'0'.repeat(43)}`,
    });
    assert.equal(twice.fault, 'session_ended');
    const wrongBearer = { cookie: `__Host-carrier-session=${planted}`, authorization: 'Bearer wrong' };
    assert.equal((await call('GET', '/api/v1/session', undefined, wrongBearer)).status, 401);
    assert.equal(
      (await call('GET', '/api/v1/session', undefined, bearer(planted.replace('ccs_', 'cca_')))).status,
      401,
    );
  });

  test('a session ends by logging out, unused for an hour, after twelve, and when the bounds are made shorter', async () => {
    await join('ends@ops.example');
    const open = async () => (await logIn('ends@ops.example')).json.token as string;
    const status = async (token: string) => (await call('GET', '/api/v1/session', undefined, bearer(token))).status;

    const left = await open();
    assert.equal((await call('DELETE', '/api/v1/session', undefined, bearer(left))).json.ended, true);
    assert.equal(await status(left), 401);

    const idle = await open();
    nowMs = startMs + 60 * minuteMs - 1;
    assert.equal(await status(idle), 200);
    nowMs += 60 * minuteMs;
    assert.equal(await status(idle), 401);

    nowMs = startMs;
    const used = await open();
    for (let half = 1; half < 24; half++) {
      nowMs = startMs + half * 30 * minuteMs;
      assert.equal(await status(used), 200);
    }
    nowMs = startMs + 12 * 60 * minuteMs;
    assert.equal(await status(used), 401);

    nowMs = startMs;
    const shortened = await open();
    await call('POST', '/api/v1/apply', { file: 'access: { sessions: { idleMinutes: 5 } }' }, byKey());
    nowMs += 5 * minuteMs;
    assert.equal(await status(shortened), 401);
    await admin.clear();
    nowMs = startMs;
  });

  test('another password ends every session, also the one that asked for it', async () => {
    await join('changes@ops.example');
    const [first, second] = [
      (await logIn('changes@ops.example')).json.token,
      (await logIn('changes@ops.example')).json.token,
    ];
    const change = (current: string) =>
      call('POST', '/api/v1/account/password', { current, next: 'louder river stones' }, bearer(first));
    const listed = await call('GET', '/api/v1/account/sessions', undefined, bearer(first));
    assert.deepEqual(
      listed.json.items.map(({ address }: { address: string }) => address),
      ['203.0.113.9', '203.0.113.9'],
    );

    assert.equal((await change('wrong river stones')).fault, 'login_failed');
    assert.equal((await change(password)).status, 200);
    for (const token of [first, second]) {
      assert.equal((await call('GET', '/api/v1/session', undefined, bearer(token))).fault, 'session_ended');
    }
    assert.equal((await logIn('changes@ops.example')).fault, 'login_failed');
    assert.equal((await logIn('changes@ops.example', { password: 'louder river stones' })).status, 200);
  });

  test('a reset gives a new password once and takes the second factor and every session', async () => {
    const user = await join('lost@ops.example');
    const { token } = (await logIn('lost@ops.example')).json;
    const first = (await call('POST', `/api/v1/users/${user}/reset`, {}, byKey())).json.token;
    const second = (await call('POST', `/api/v1/users/${user}/reset`, {}, byKey())).json.token;
    const accept = (reset: string) =>
      call('POST', '/api/v1/invitations/accept', { token: reset, password: 'louder river stones' });

    assert.equal((await accept(first)).fault, 'invitation_invalid', 'the later one replaces it');
    assert.equal((await accept(second)).json.purpose, 'reset');
    assert.equal((await accept(second)).fault, 'invitation_invalid');
    assert.equal((await call('GET', '/api/v1/session', undefined, bearer(token))).fault, 'session_ended');
    assert.equal((await logIn('lost@ops.example', { password: 'louder river stones' })).status, 200);
  });

  test('where passwords are closed nobody logs in by one, and the admin key still works', async () => {
    await join('late@ops.example');
    await call('POST', '/api/v1/apply', { file: 'access: { passwords: false }' }, byKey());

    assert.equal((await logIn('late@ops.example')).fault, 'login_way_closed');
    assert.deepEqual((await call('GET', '/api/v1/login/ways')).json, { passwords: false, oidc: false });
    assert.equal((await call('GET', '/api/v1/status', undefined, byKey())).status, 200);
    assert.equal((await call('GET', '/api/v1/login/oidc')).fault, 'login_way_closed');
    await admin.clear();
  });

  test('nothing that opens anything is kept in the clear', async () => {
    const { token } = (await logIn('late@ops.example')).json;
    for (const table of ['access_user', 'access_session', 'access_invitation', 'access_throttle', 'audit_event']) {
      const { rows } = await admin.store.pool.query(`select * from ${table}`);
      const text = JSON.stringify(rows, (_key, value) => (typeof value === 'bigint' ? String(value) : value));
      assert.ok(!text.includes(password) && !text.includes(token), table);
      assert.ok(!/cc[ais]_[0-9A-Za-z]{8}_[0-9A-Za-z]{43}/.test(text), table);
    }
  });
});
