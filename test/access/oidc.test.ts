import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { type AdminUnderTest, startAdmin } from '../support/admin.ts';
import {
  type Behaviour,
  type ObedientProvider,
  type Person,
  type RunningProvider,
  startConformant,
  startObedient,
  visitProvider,
} from './login-providers.ts';

const origin = { address: '203.0.113.9' };
const mapping = [
  { group: 'developers', role: 'developer', organisation: 'acme', projects: ['web'] },
  { group: 'platform', role: 'operator' },
];

suite('logging in by a login provider', () => {
  let admin: AdminUnderTest;
  let conformant: RunningProvider;
  let obedient: ObedientProvider;
  let aheadMs = 0;
  const people: Record<string, Person> = {
    ann: { email: 'ann@acme.example', email_verified: true, name: 'Ann', groups: ['developers'] },
    bob: { email: 'bob@acme.example', email_verified: true, groups: ['visitors'] },
    eve: { email: 'first@ops.example', email_verified: false, groups: ['developers'] },
  };
  before(async () => {
    admin = await startAdmin(() => Date.now() + aheadMs);
    [conformant, obedient] = await Promise.all([startConformant(people), startObedient()]);
  });
  after(async () => {
    await Promise.all([admin.stop(), conformant.stop(), obedient.stop()]);
  });

  async function call(method: string, path: string, body?: unknown, headers: Readonly<Record<string, string>> = {}) {
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
  const byKey = () => ({ authorization: `Bearer ${admin.adminKey}` });

  async function configure(issuer: string, groups: readonly object[] = mapping, more: object = {}) {
    const access = {
      publicUrl: 'http://127.0.0.1:8080',
      oidc: {
        issuer,
        clientId: 'carrier',
        clientSecret: 'env:ACME_KEY',
        scopes: ['openid', 'email', 'profile', 'groups'],
        groups,
        ...more,
      },
    };
    const file = JSON.stringify({ organisations: { acme: { projects: { web: {}, api: {} } }, beta: {} }, access });
    const applied = await call('POST', '/api/v1/apply', { file }, byKey());
    assert.equal(applied.status, 200, applied.text);
  }
  async function begin(returnTo?: string) {
    const begun = await call(
      'GET',
      `/api/v1/login/oidc${returnTo === undefined ? '' : `?returnTo=${encodeURIComponent(returnTo)}`}`,
    );
    assert.equal(begun.status, 303, begun.text);
    return {
      url: begun.headers.get('location')!,
      cookie: begun.headers.get('set-cookie')!.split(';')[0]!,
      setCookie: begun.headers.get('set-cookie')!,
    };
  }
  const finish = (back: string, cookie: string) =>
    call('GET', back.slice('http://127.0.0.1:8080'.length), undefined, { cookie });
  async function logIn(login: string) {
    const { url, cookie } = await begin();
    return finish(await visitProvider(url, login), cookie);
  }
  async function grantsOf(finished: Awaited<ReturnType<typeof call>>) {
    assert.equal(finished.status, 200, finished.text);
    const cookie = finished.headers.get('set-cookie')!.split(';')[0]!;
    const who = await call('GET', '/api/v1/session', undefined, { cookie });
    return who.json.grants;
  }

  test('somebody new comes in by a group, goes on where they wanted to, and has its role', async () => {
    await configure(conformant.issuer);
    const { url, cookie, setCookie } = await begin('/console/keys?of="acme"'.replaceAll('"', '%22'));
    assert.match(setCookie, /^carrier-login=\w{43}; Path=\/; Max-Age=600; HttpOnly; SameSite=Lax$/);
    const asked = new URL(url).searchParams;
    assert.equal(asked.get('code_challenge_method'), 'S256');
    assert.equal(asked.get('response_type'), 'code');
    assert.match(asked.get('nonce')!, /^\w{43}$/);

    const finished = await finish(await visitProvider(url, 'ann'), cookie);

    assert.match(finished.text, /<a href="\/console\/keys\?of=%22acme%22">Go on<\/a>/);
    assert.match(
      finished.headers.get('set-cookie')!,
      /^carrier-session=ccs_\w+; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Strict$/,
    );
    assert.deepEqual(await grantsOf(finished), [{ role: 'developer', organisation: 'acme', projects: ['web'] }]);
    const users = await call('GET', '/api/v1/users', undefined, byKey());
    assert.deepEqual(
      users.json.items.map(({ email, name, groups, hasPassword }: Record<string, unknown>) => [
        email,
        name,
        groups,
        hasPassword,
      ]),
      [['ann@acme.example', 'Ann', ['developers'], false]],
    );
  });

  test('who lists the members of an organisation sees there what its groups give, and nothing of others', async () => {
    const ofOwners = { group: 'owners', role: 'owner', organisation: 'acme' };
    const ofOthers = { group: 'others', role: 'owner', organisation: 'beta' };
    await configure(conformant.issuer, [...mapping, ofOwners, ofOthers]);
    const groupsFor = async (headers: Readonly<Record<string, string>>, query = '') => {
      const answer = await call('GET', `/api/v1/members${query}`, undefined, headers);
      assert.equal(answer.status, 200, answer.text);
      return answer.json.groups.map(({ group }: { group: string }) => group);
    };
    people['ann'] = { ...people['ann'], groups: ['owners'] };
    const owner = await logIn('ann');
    people['ann'] = { ...people['ann'], groups: ['developers'] };
    const cookie = owner.headers.get('set-cookie')!.split(';')[0]!;

    assert.deepEqual(await groupsFor(byKey()), ['developers', 'platform', 'owners', 'others']);
    assert.deepEqual(await groupsFor(byKey(), '?organisation=beta'), ['others']);
    assert.deepEqual(await groupsFor({ cookie }), ['developers', 'owners']);
    assert.deepEqual(await groupsFor({ cookie }, '?organisation=beta'), []);
    await configure(conformant.issuer);
  });

  test('groups are read anew at each login, and a changed mapping counts at once', async () => {
    people['ann'] = { ...people['ann'], groups: ['developers', 'platform'] };
    const finished = await logIn('ann');
    const both = [{ role: 'developer', organisation: 'acme', projects: ['web'] }, { role: 'operator' }];
    assert.deepEqual(await grantsOf(finished), both);

    await configure(conformant.issuer, [mapping[0]!]);
    assert.deepEqual(await grantsOf(finished), [both[0]]);

    await configure(conformant.issuer);
    people['ann'] = { ...people['ann'], groups: [] };
    const refused = await logIn('ann');
    assert.deepEqual([refused.status, refused.fault], [403, 'login_refused']);
    people['ann'] = { ...people['ann'], groups: ['developers'] };
  });

  test('an answer that is sent again, in another browser, late or never asked for is refused', async () => {
    await configure(conformant.issuer);
    const { url, cookie } = await begin();
    const back = await visitProvider(url, 'ann');
    const other = await begin();

    assert.equal((await finish(back, other.cookie)).fault, 'login_state_invalid', 'another browser');
    assert.equal((await finish(back, cookie)).fault, 'login_state_invalid', 'it was used up by the other browser');
    const again = await begin();
    const backAgain = await visitProvider(again.url, 'ann');
    assert.equal((await finish(backAgain, again.cookie)).status, 200);
    assert.equal((await finish(backAgain, again.cookie)).fault, 'login_state_invalid', 'replayed');
    const late = await begin();
    const backLate = await visitProvider(late.url, 'ann');
    aheadMs = 10 * 60_000;
    assert.equal((await finish(backLate, late.cookie)).fault, 'login_state_invalid', 'late');
    aheadMs = 0;
    for (const query of ['', '?state=', '?code=x&state=y', '?error=access_denied']) {
      const answer = await call('GET', `/api/v1/login/oidc/callback${query}`);
      assert.equal(answer.fault, 'login_state_invalid', query);
    }
    const elsewhere = await call('GET', `/api/v1/login/oidc?returnTo=${encodeURIComponent('//evil.example/')}`);
    assert.equal(elsewhere.status, 400);
  });

  test('an invitation is taken by a login of its verified address; an unverified one is nobody’s', async () => {
    await configure(conformant.issuer);
    assert.equal((await logIn('bob')).fault, 'login_refused');
    const role = { role: 'billing', organisation: 'acme' };
    await call('POST', '/api/v1/invitations', { email: 'Bob@acme.example', ...role }, byKey());
    await call('POST', '/api/v1/invitations', { email: 'first@ops.example', role: 'operator' }, byKey());

    assert.deepEqual(await grantsOf(await logIn('bob')), [role]);
    assert.deepEqual(await grantsOf(await logIn('bob')), [role], 'the role stays, the invitation is used');
    // Eve says that the operator’s address is hers; the provider does not.
    assert.deepEqual(await grantsOf(await logIn('eve')), [
      { role: 'developer', organisation: 'acme', projects: ['web'] },
    ]);
  });

  test('disabled people stay out, whatever the provider says', async () => {
    await configure(conformant.issuer);
    const users = await call('GET', '/api/v1/users', undefined, byKey());
    const ann = users.json.items.find(({ email }: { email: string }) => email === 'ann@acme.example').id;
    const open = await logIn('ann');
    await call('POST', `/api/v1/users/${ann}/disable`, {}, byKey());

    const cookie = open.headers.get('set-cookie')!.split(';')[0]!;
    assert.equal((await call('GET', '/api/v1/session', undefined, { cookie })).fault, 'session_ended');
    assert.equal((await logIn('ann')).fault, 'login_refused');
    await call('POST', `/api/v1/users/${ann}/enable`, {}, byKey());
  });

  async function logInAt(behaviour: Behaviour) {
    obedient.behaviour = {};
    const { url, cookie } = await begin();
    const asked = new URL(url).searchParams;
    obedient.nonce = asked.get('nonce')!;
    obedient.behaviour = behaviour;
    return finish(`http://127.0.0.1:8080/api/v1/login/oidc/callback?code=c&state=${asked.get('state')}`, cookie);
  }

  test('tokens that are another’s, old, unsigned, forged or not of this login let nobody in', async () => {
    await configure(obedient.issuer);
    const past = Math.floor(Date.now() / 1_000) - 3_600;
    const lies: readonly [string, Behaviour][] = [
      ['wrong issuer', { claims: { iss: 'https://evil.example' } }],
      ['wrong audience', { claims: { aud: 'another-client' } }],
      ['wrong nonce', { claims: { nonce: 'n'.repeat(43) } }],
      ['no nonce', { claims: { nonce: undefined } }],
      ['expired', { claims: { iat: past - 300, exp: past } }],
      ['no subject', { claims: { sub: undefined } }],
      ['unknown key', { header: { kid: 'unknown' }, isForged: true }],
      ['forged', { isForged: true }],
      ['alg none', { isUnsigned: true }],
      ['another algorithm', { header: { alg: 'HS256' } }],
      ['groups that are no names', { claims: { groups: [{ role: 'operator' }] } }],
      ['too many groups', { claims: { groups: Array.from({ length: 501 }, (_, index) => `g${index}`) } }],
      ['refused code', { tokenStatus: 400 }],
    ];
    for (const [name, behaviour] of lies) {
      const answer = await logInAt(behaviour);
      assert.deepEqual([answer.status, answer.fault], [502, 'login_provider_failed'], `${name}: ${answer.text}`);
      assert.equal(answer.headers.get('set-cookie'), null, name);
    }
    const honest = await logInAt({ claims: { sub: 'sub-9', email: 'new@acme.example' } });
    assert.equal(honest.status, 200, honest.text);
  });

  test('another subject with an address that somebody has here is refused', async () => {
    await configure(obedient.issuer);
    assert.equal((await logInAt({ claims: { sub: 'sub-9', email: 'new@acme.example' } })).status, 200);

    const taken = await logInAt({ claims: { sub: 'sub-10', email: 'new@acme.example' } });

    assert.equal(taken.fault, 'login_refused');
  });

  test('a provider that is down, failing, endless or says that it is another begins no login', async () => {
    const away = await startObedient();
    await configure(away.issuer);
    await away.stop();
    const down = await call('GET', '/api/v1/login/oidc');
    assert.deepEqual([down.status, down.fault], [503, 'login_provider_unavailable']);
    assert.ok(Number(down.headers.get('retry-after')) > 0);

    for (const behaviour of [{ issuerSaid: 'https://evil.example' }, { isHuge: true }]) {
      const other = await startObedient();
      other.behaviour = behaviour;
      await configure(other.issuer);
      const answer = await call('GET', '/api/v1/login/oidc');
      assert.deepEqual([answer.status, answer.fault], [502, 'login_provider_failed']);
      await other.stop();
    }
    await configure(obedient.issuer);
    assert.equal((await logInAt({ tokenStatus: 500 })).fault, 'login_provider_unavailable');
    assert.equal((await call('GET', '/api/v1/status', undefined, byKey())).status, 200);
  });

  test('what cannot work is refused where it stands, and the client’s secret is shown nowhere', async () => {
    const apply = (access: object) => call('POST', '/api/v1/apply', { file: JSON.stringify({ access }) }, byKey());
    const oidc = { issuer: 'https://login.example', clientId: 'carrier' };
    const publicUrl = 'https://carrier.example';
    const refused: readonly [object, string][] = [
      [{ oidc }, 'access.publicUrl'],
      [{ publicUrl, oidc: { ...oidc, issuer: 'http://login.example' } }, 'access.oidc.issuer'],
      [{ publicUrl, oidc: { ...oidc, clientSecret: 'in the clear' } }, 'access.oidc.clientSecret'],
      [{ publicUrl, oidc: { ...oidc, clientSecret: 'env:NOT_SET' } }, 'access.oidc.clientSecret'],
      [{ publicUrl, oidc: { ...oidc, scopes: ['email'] } }, 'access.oidc.scopes'],
      [{ publicUrl, oidc: { ...oidc, groups: [{ group: 'g', role: 'owner' }] } }, 'access.oidc.groups.0.role'],
      [
        { publicUrl, oidc: { ...oidc, groups: [{ group: 'g', role: 'owner', organisation: 'none' }] } },
        'access.oidc.groups.0.organisation',
      ],
      [{ sessions: { idleMinutes: 0 } }, 'access.sessions.idleMinutes'],
    ];
    for (const [access, path] of refused) {
      const answer = await apply(access);
      assert.equal(answer.status, 400, path);
      assert.equal(answer.json.errors[0].path, path, answer.text);
    }
    await configure(conformant.issuer);
    const exported = await call('GET', '/api/v1/export', undefined, byKey());
    assert.match(exported.text, /clientSecret: env:ACME_KEY/);
    const again = await call('POST', '/api/v1/apply', { file: exported.text }, byKey());
    assert.deepEqual(again.json.changes, []);
  });
});
