import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { invite } from '../../src/access/invitations.ts';
import { grantRole } from '../../src/access/memberships.ts';
import { createAccountToken, createServiceAccount } from '../../src/access/service-accounts.ts';
import { type Answered, asking, done, startTenants, type Tenants } from './tenants.ts';

/** Every route of the management API, and who may: in the installation, or in their own organisation. A route without a row
 *  fails, so whoever adds one says here who it is for. */

const installationWide = {
  operator: [
    'POST /api/v1/apply',
    'POST /api/v1/organisations',
    'POST /api/v1/providers',
    'PUT /api/v1/providers/{id}',
    'PATCH /api/v1/providers/{id}',
    'DELETE /api/v1/providers/{id}',
    'POST /api/v1/deployments',
    'PUT /api/v1/deployments/{id}',
    'PATCH /api/v1/deployments/{id}',
    'DELETE /api/v1/deployments/{id}',
    'POST /api/v1/routes',
    'PUT /api/v1/routes/{id}',
    'PATCH /api/v1/routes/{id}',
    'DELETE /api/v1/routes/{id}',
    'POST /api/v1/prices/publish',
    'POST /api/v1/prices/facts/import',
    'POST /api/v1/wallets/{id}/grants',
    'POST /api/v1/grants',
    'POST /api/v1/grants/{id}/void',
    'POST /api/v1/grants/{id}/refund',
    'POST /api/v1/jobs/{id}/run',
    'POST /api/v1/usage-events',
    'POST /api/v1/usage-events/rate',
    'POST /api/v1/usage-events/rerate',
    'POST /api/v1/true-ups/responses',
    'POST /api/v1/ledger/transfers',
    'POST /api/v1/ledger/pending/{id}/post',
    'POST /api/v1/ledger/pending/{id}/void',
    'POST /api/v1/ledger/check',
    'POST /api/v1/ledger/rerate',
    'POST /api/v1/ledger/quarantine/resolve',
    'POST /api/v1/ledger/quarantine/void',
    'POST /api/v1/users/{id}/disable',
    'POST /api/v1/users/{id}/enable',
    'POST /api/v1/users/{id}/end-sessions',
    'POST /api/v1/users/{id}/reset',
    'POST /api/v1/secrets/rotate',
    'POST /api/v1/secrets/rotate-master',
  ],
  'operator inspector': [
    'GET /api/v1/export',
    'GET /api/v1/status',
    'GET /api/v1/providers',
    'GET /api/v1/providers/{id}',
    'GET /api/v1/deployments',
    'GET /api/v1/deployments/{id}',
    'GET /api/v1/routes',
    'GET /api/v1/routes/{id}',
    'GET /api/v1/prices',
    'POST /api/v1/prices/diff',
    'POST /api/v1/prices/quote',
    'GET /api/v1/prices/facts',
    'GET /api/v1/prices/facts/diff',
    'GET /api/v1/prices/facts/file',
    'GET /api/v1/decisions',
    'GET /api/v1/decisions/{id}',
    'GET /api/v1/epoch-anchors',
    'POST /api/v1/route-simulations',
    'GET /api/v1/alerts',
    'GET /api/v1/jobs',
    'GET /api/v1/ledger/accounts',
    'GET /api/v1/ledger/trial-balance',
    'GET /api/v1/ledger/transfers',
    'GET /api/v1/ledger/pending',
    'GET /api/v1/ledger/conflicts',
    'GET /api/v1/ledger/rules',
    'GET /api/v1/ledger/quarantine',
    'GET /api/v1/reports/margin',
    'GET /api/v1/reports/margin.csv',
    'GET /api/v1/users',
    'GET /api/v1/secrets',
  ],
} as const;

interface Asked {
  readonly path: string;
  readonly body?: unknown;
}

interface Row {
  /** Who may about acme and its project web. The narrow one has a role in its project api only. */
  readonly may: string;
  /** What to ask about an organisation; things that go by it are made anew. */
  readonly ask: (organisation: string, tenants: Tenants) => Asked | Promise<Asked>;
  /** What a list is told apart by: the answer is made of what the caller reaches. */
  readonly isList?: true;
}

const readers = 'operator inspector owner billing developer auditor';
const list = (may: string, path: string): Row => ({ may, ask: () => ({ path }), isList: true });
const week = 'from=2026-11-14T00:00:00Z&to=2026-11-21T00:00:00Z';
let made = 0;

async function makeKey(organisation: string, { call }: Tenants): Promise<string> {
  made += 1;
  const body = { project: `${organisation}/web`, name: `key-${made}` };
  return (await done(call('key', 'POST', '/api/v1/keys', body))).json.id;
}
async function makeProject(organisation: string, { call }: Tenants): Promise<string> {
  made += 1;
  await done(call('key', 'POST', '/api/v1/projects', { organisation, name: `project-${made}` }));
  return `${organisation}%2Fproject-${made}`;
}
function makeAccount(organisation: string, { admin }: Tenants): Promise<string> {
  made += 1;
  return createServiceAccount(admin.access, { name: `robot-${made}`, organisation }, asking);
}
async function makeWebhook(organisation: string, { call }: Tenants): Promise<string> {
  if (organisation === 'nowhere') return 'we_none';
  const body = { organisation, url: 'http://127.0.0.1:9/' };
  return (await done(call('key', 'POST', '/api/v1/webhooks', body))).json.id;
}
const webhooks = new Map<string, string>();
/** An organisation has few of them, so what does not end one takes the same. */
const onWebhook =
  (suffix: string, body?: unknown): Row['ask'] =>
  async (organisation, tenants) => {
    const id = webhooks.get(organisation) ?? (await makeWebhook(organisation, tenants));
    webhooks.set(organisation, id);
    return { path: `/api/v1/webhooks/${id}${suffix}`, body };
  };
const onKey =
  (suffix: string, body?: unknown): Row['ask'] =>
  async (organisation, tenants) => ({ path: `/api/v1/keys/${await makeKey(organisation, tenants)}${suffix}`, body });
const onProject =
  (body?: unknown): Row['ask'] =>
  async (organisation, tenants) => ({ path: `/api/v1/projects/${await makeProject(organisation, tenants)}`, body });

const inOrganisations: Readonly<Record<string, Row>> = {
  'GET /api/v1/organisations': list(`${readers} narrow`, '/api/v1/organisations'),
  'GET /api/v1/organisations/{id}': { may: readers, ask: id => ({ path: `/api/v1/organisations/${id}` }) },
  'PUT /api/v1/organisations/{id}': {
    may: 'operator owner',
    ask: id => ({ path: `/api/v1/organisations/${id}`, body: {} }),
  },
  'PATCH /api/v1/organisations/{id}': {
    may: 'operator owner',
    ask: id => ({ path: `/api/v1/organisations/${id}`, body: {} }),
  },
  'DELETE /api/v1/organisations/{id}': { may: 'operator', ask: id => ({ path: `/api/v1/organisations/${id}` }) },
  'GET /api/v1/projects': list(`${readers} narrow`, '/api/v1/projects'),
  'POST /api/v1/projects': {
    may: 'operator owner',
    ask: organisation => ({ path: '/api/v1/projects', body: { organisation, name: `project-${++made}` } }),
  },
  'GET /api/v1/projects/{id}': { may: readers, ask: id => ({ path: `/api/v1/projects/${id}%2Fweb` }) },
  'PUT /api/v1/projects/{id}': { may: 'operator owner', ask: onProject({}) },
  'PATCH /api/v1/projects/{id}': { may: 'operator owner', ask: onProject({}) },
  'DELETE /api/v1/projects/{id}': { may: 'operator owner', ask: onProject() },
  'GET /api/v1/keys': list(`${readers} narrow`, '/api/v1/keys'),
  'POST /api/v1/keys': {
    may: 'operator owner developer',
    ask: organisation => ({ path: '/api/v1/keys', body: { project: `${organisation}/web`, name: `new-${++made}` } }),
  },
  'GET /api/v1/keys/{id}': { may: readers, ask: onKey('') },
  'PUT /api/v1/keys/{id}': { may: 'operator owner developer', ask: onKey('', {}) },
  'PATCH /api/v1/keys/{id}': { may: 'operator owner developer', ask: onKey('', { tags: { a: 'b' } }) },
  'POST /api/v1/keys/{id}/rotate': { may: 'operator owner developer', ask: onKey('/rotate', {}) },
  'DELETE /api/v1/keys/{id}': { may: 'operator owner developer', ask: onKey('') },
  'GET /api/v1/audit': list('operator inspector owner auditor narrow', '/api/v1/audit?limit=500'),
  'GET /api/v1/audit.csv': list('operator inspector owner auditor narrow', '/api/v1/audit.csv'),
  'GET /api/v1/audit.ndjson': list('operator inspector owner auditor narrow', '/api/v1/audit.ndjson'),
  'GET /api/v1/models': list(`${readers} narrow`, '/api/v1/models'),
  'GET /api/v1/exchanges': list('operator inspector owner developer auditor narrow', '/api/v1/exchanges'),
  'GET /api/v1/exchanges/{id}': {
    may: 'operator inspector owner developer auditor',
    ask: (organisation, { things }) => ({ path: `/api/v1/exchanges/${things[organisation]?.exchange ?? 'ex_none'}` }),
  },
  'GET /api/v1/usage': list(`${readers} narrow`, `/api/v1/usage?by=organisation&${week}`),
  'GET /api/v1/usage-events': list(`${readers} narrow`, '/api/v1/usage-events'),
  'GET /api/v1/usage-events/{id}': {
    may: readers,
    ask: (organisation, { things }) => ({ path: `/api/v1/usage-events/${things[organisation]?.event ?? 'none'}` }),
  },
  'GET /api/v1/usage-months': {
    may: readers,
    ask: organisation => ({ path: `/api/v1/usage-months?book=sell&subject=${organisation}` }),
  },
  'GET /api/v1/budgets': list(`${readers} narrow`, '/api/v1/budgets'),
  'GET /api/v1/limits': list(`${readers} narrow`, '/api/v1/limits'),
  'GET /api/v1/wallets': list('operator inspector owner billing auditor narrow', '/api/v1/wallets'),
  'GET /api/v1/wallets/{id}': {
    may: 'operator inspector owner billing auditor',
    ask: id => ({ path: `/api/v1/wallets/${id}` }),
  },
  'GET /api/v1/wallets/{id}/grants': {
    may: 'operator inspector owner billing auditor',
    ask: id => ({ path: `/api/v1/wallets/${id}/grants` }),
  },
  'GET /api/v1/wallets/{id}/statement': {
    may: 'operator inspector owner billing auditor',
    ask: id => ({ path: `/api/v1/wallets/${id}/statement?${week}` }),
  },
  'GET /api/v1/reports/usage': list(`${readers} narrow`, `/api/v1/reports/usage?by=organisation&${week}`),
  'GET /api/v1/reports/usage.csv': list(`${readers} narrow`, `/api/v1/reports/usage.csv?by=organisation&${week}`),
  'GET /api/v1/reports/spend': list(`${readers} narrow`, `/api/v1/reports/spend?by=project&${week}`),
  'GET /api/v1/reports/spend.csv': list(`${readers} narrow`, `/api/v1/reports/spend.csv?by=project&${week}`),
  'GET /api/v1/members': list('operator inspector owner auditor narrow', '/api/v1/members'),
  'POST /api/v1/members': {
    may: 'operator owner',
    ask: (organisation, { things }) => ({
      path: '/api/v1/members',
      body: { user: things[organisation]?.user ?? 'u_none', role: 'developer', organisation },
    }),
  },
  'DELETE /api/v1/members/{id}': {
    may: 'operator owner',
    ask: async (organisation, { admin, things }) => {
      const user = things[organisation]?.user;
      if (user === undefined) return { path: '/api/v1/members/m_none' };
      const grant = { at: 'organisation', role: 'auditor', organisation } as const;
      return { path: `/api/v1/members/${await grantRole(admin.access, { member: { user }, grant }, asking)}` };
    },
  },
  'GET /api/v1/invitations': list('operator inspector owner auditor narrow', '/api/v1/invitations'),
  'POST /api/v1/invitations': {
    may: 'operator owner',
    ask: organisation => ({
      path: '/api/v1/invitations',
      body: { email: `new-${++made}@people.example`, role: 'developer', organisation },
    }),
  },
  'DELETE /api/v1/invitations/{id}': {
    may: 'operator owner',
    ask: async (organisation, { admin }) => {
      const grant = { at: 'organisation', role: 'billing', organisation } as const;
      const { invitation } = await invite(
        admin.access,
        { email: `gone-${++made}@people.example`, grant, days: 1 },
        asking,
      );
      return { path: `/api/v1/invitations/${organisation === 'nowhere' ? 'none' : invitation.id}` };
    },
  },
  'GET /api/v1/webhooks': list('operator inspector owner auditor narrow', '/api/v1/webhooks'),
  'POST /api/v1/webhooks': {
    may: 'operator owner',
    ask: organisation => ({ path: '/api/v1/webhooks', body: { organisation, url: 'http://127.0.0.1:9/' } }),
  },
  'GET /api/v1/webhooks/{id}': { may: 'operator inspector owner auditor', ask: onWebhook('') },
  'PATCH /api/v1/webhooks/{id}': { may: 'operator owner', ask: onWebhook('', { description: 'x' }) },
  'DELETE /api/v1/webhooks/{id}': {
    may: 'operator owner',
    ask: async (organisation, tenants) => ({ path: `/api/v1/webhooks/${await makeWebhook(organisation, tenants)}` }),
  },
  'POST /api/v1/webhooks/{id}/rotate': { may: 'operator owner', ask: onWebhook('/rotate', {}) },
  'POST /api/v1/webhooks/{id}/test': { may: 'operator owner', ask: onWebhook('/test', {}) },
  'GET /api/v1/webhook-deliveries': list('operator inspector owner auditor narrow', '/api/v1/webhook-deliveries'),
  'POST /api/v1/webhook-deliveries/{id}/redeliver': {
    may: 'operator owner',
    ask: async (organisation, tenants) => {
      const { path } = await onWebhook('/test')(organisation, tenants);
      const { json } = await tenants.call('key', 'POST', path, {});
      return { path: `/api/v1/webhook-deliveries/${json.id ?? 'msg_none'}/redeliver`, body: {} };
    },
  },
  'GET /api/v1/service-accounts': list('operator inspector owner developer auditor narrow', '/api/v1/service-accounts'),
  'POST /api/v1/service-accounts': {
    may: 'operator owner',
    ask: organisation => ({ path: '/api/v1/service-accounts', body: { name: `robot-${++made}`, organisation } }),
  },
  'DELETE /api/v1/service-accounts/{id}': {
    may: 'operator owner',
    ask: async (organisation, tenants) => ({
      path: `/api/v1/service-accounts/${await makeAccount(organisation, tenants)}`,
    }),
  },
  'POST /api/v1/service-accounts/{id}/tokens': {
    may: 'operator owner',
    ask: async (organisation, tenants) => ({
      path: `/api/v1/service-accounts/${await makeAccount(organisation, tenants)}/tokens`,
      body: {},
    }),
  },
  'DELETE /api/v1/service-account-tokens/{id}': {
    may: 'operator owner',
    ask: async (organisation, tenants) => {
      const account = await makeAccount(organisation, tenants);
      const { id } = await createAccountToken(tenants.admin.access, { account, days: 1 }, asking);
      return { path: `/api/v1/service-account-tokens/${id}` };
    },
  },
};

const ofProviders: Readonly<Record<string, string>> = {
  'GET /api/v1/health/deployments': '/api/v1/health/deployments?limit=500',
  'GET /api/v1/provider-usage': `/api/v1/provider-usage?by=provider&${week}`,
  'GET /api/v1/provider-performance': `/api/v1/provider-performance?from=2026-11-19T12:00:00Z&to=2026-11-20T12:00:00Z`,
};
const ofOneself = [
  'GET /api/v1/session',
  'DELETE /api/v1/session',
  'GET /api/v1/account/sessions',
  'DELETE /api/v1/account/sessions/{id}',
  'POST /api/v1/account/password',
  'POST /api/v1/account/totp',
  'POST /api/v1/account/totp/confirm',
  'POST /api/v1/account/totp/remove',
];
const ofAnybody = [
  'GET /api/v1/login/ways',
  'POST /api/v1/login',
  'POST /api/v1/login/admin-key',
  'GET /api/v1/login/oidc',
  'GET /api/v1/login/oidc/callback',
  'POST /api/v1/invitations/accept',
];

const everybody = ['operator', 'inspector', 'owner', 'billing', 'developer', 'auditor', 'narrow', 'provider', 'nobody'];
const tenantsOnly = ['owner', 'billing', 'developer', 'auditor', 'narrow'];

suite('who may what', () => {
  let tenants: Tenants;
  before(async () => {
    tenants = await startTenants();
  });
  after(() => tenants.stop());

  const ask = (who: string, route: string, asked: Asked): Promise<Answered> =>
    tenants.call(who, route.split(' ')[0]!, asked.path, asked.body);

  test('every route has a row, and every row a route', () => {
    const rows = [
      ...Object.values(installationWide).flat(),
      ...Object.keys(inOrganisations),
      ...Object.keys(ofProviders),
      ...ofOneself,
      ...ofAnybody,
    ];

    assert.deepEqual([...tenants.admin.routes].sort(), rows.sort());
  });

  test('the description says which permission each path takes, and which take none', async () => {
    const { paths } = (await tenants.call('anonymous', 'GET', '/api/v1/openapi.json')).json;

    assert.equal(paths['/api/v1/keys'].post['x-permission'], 'keys.create');
    assert.deepEqual(paths['/api/v1/keys'].post.security, [{ bearer: [] }, { session: [] }]);
    assert.deepEqual(paths['/api/v1/login'].post.security, []);
    assert.equal(paths['/api/v1/session'].get['x-permission'], undefined);
  });

  test('what is of the installation is refused to everybody without a role in it', async () => {
    for (const [may, routes] of Object.entries(installationWide)) {
      for (const route of routes) {
        const [method = '', path = ''] = route.split(' ');
        const asked = {
          path: path.replace('{id}', 'none'),
          ...(method === 'GET' || method === 'DELETE' ? {} : { body: {} }),
        };
        for (const who of everybody) {
          if (may.split(' ').includes(who)) continue;
          const { status, fault } = await ask(who, route, asked);
          assert.deepEqual([status, fault], [403, 'permission_denied'], `${who} ${route}`);
        }
        for (const who of may.split(' ')) {
          const { status } = await ask(who, route, asked);
          assert.ok(status !== 401 && status !== 403 && status < 500, `${who} ${route} ${status}`);
        }
      }
    }
  });

  test('in their own organisation people may what their role says, and no more', async () => {
    for (const [route, { may, ask: toAsk, isList }] of Object.entries(inOrganisations)) {
      // Whoever is refused leaves it as it is.
      const refused = await toAsk('acme', tenants);
      for (const who of everybody) {
        const isAllowed = may.split(' ').includes(who);
        const answer = await ask(who, route, isAllowed ? await toAsk('acme', tenants) : refused);
        const label = `${who} ${route} ${answer.status} ${answer.text.slice(0, 300)}`;
        if (isAllowed) {
          const isFine = answer.status < 300 || answer.fault === 'resource_in_use';
          assert.ok(isFine, label);
        } else assert.ok([403, 404].includes(answer.status), label);
        // The narrow one's organisation has much that is not of its project; nothing of web may show.
        if (isList && who === 'narrow') assert.ok(!answer.text.includes('acme/web'), label);
        if (!['operator', 'inspector'].includes(who)) assert.ok(!answer.text.includes('zeta'), label);
      }
    }
  });

  test('another organisation is answered exactly as one that is not there', async () => {
    for (const [route, { ask: toAsk, isList }] of Object.entries(inOrganisations)) {
      if (isList) continue;
      const asked = await toAsk('zeta', tenants);
      for (const who of tenantsOnly) {
        const others = await ask(who, route, asked);
        assert.ok([403, 404].includes(others.status), `${who} ${route} ${others.status}`);
        const nobodys = await ask(who, route, nowhere(asked));
        assert.deepEqual([others.status, others.text], [nobodys.status, nobodys.text], `${who} ${route}`);
      }
    }
  });

  test('lists that are asked for another organisation by name show nothing of it', async () => {
    const filtered = [
      '/api/v1/exchanges?organisation=zeta',
      '/api/v1/exchanges?project=zeta/web',
      '/api/v1/exchanges?key=keyzeta',
      `/api/v1/usage?by=key&organisation=zeta&${week}`,
      `/api/v1/usage?by=key&project=zeta/web&${week}`,
      `/api/v1/reports/spend?by=key&organisation=zeta&${week}`,
      '/api/v1/usage-events?organisation=zeta',
      '/api/v1/members?organisation=zeta',
      '/api/v1/invitations?organisation=zeta',
      '/api/v1/service-accounts?organisation=zeta',
      '/api/v1/webhooks?organisation=zeta',
      '/api/v1/audit?organisation=zeta',
      '/api/v1/keys?project=zeta/web',
      '/api/v1/projects?organisation=zeta',
    ];
    for (const path of filtered) {
      const seen = await tenants.call('operator', 'GET', path);
      const { status, text, json } = await tenants.call('owner', 'GET', path);
      assert.equal(seen.status, 200, path);
      assert.equal(status, 200, path);
      assert.ok(!text.includes('zeta'), `${path} ${text}`);
      assert.deepEqual(json.items ?? json.rows, [], path);
    }
  });

  test('who answers for money sets budgets without being able to change anything else', async () => {
    const project = `/api/v1/projects/${await makeProject('acme', tenants)}`;
    const key = `/api/v1/keys/${await makeKey('acme', tenants)}`;
    const budget = { limit: '5.00', period: 'day', hard: true };

    for (const path of ['/api/v1/organisations/acme', project, key]) {
      const set = await tenants.call('billing', 'PATCH', path, { budget });
      assert.deepEqual([set.status, set.json.document?.budget?.limit], [200, '5'], set.text);
      assert.equal((await tenants.call('billing', 'PATCH', path, { budget: null })).status, 200);
      for (const body of [{ budget, limits: { requestsPerDay: 1 } }, { budget, zones: ['EU'] }, {}]) {
        assert.equal((await tenants.call('billing', 'PATCH', path, body)).fault, 'permission_denied');
      }
      assert.equal((await tenants.call('billing', 'PUT', path, { budget })).fault, 'permission_denied');
      assert.equal((await tenants.call('developer', 'PATCH', path, { budget })).fault, 'permission_denied');
    }
    const others = await tenants.call('billing', 'PATCH', '/api/v1/organisations/zeta', { budget });
    assert.deepEqual([others.status, others.fault], [404, 'resource_not_found']);
  });

  test('what attempts cost is shown to the operator, not to customers', async () => {
    const path = `/api/v1/exchanges/${tenants.things['acme']!.exchange}`;
    const operators = (await tenants.call('operator', 'GET', path)).json;
    const customers = (await tenants.call('developer', 'GET', path)).json;

    assert.equal(operators.attempts[0].buy.version, 'buy-1');
    assert.equal(customers.attempts[0].buy, null);
    assert.deepEqual(customers.sell, operators.sell);
    assert.ok(!JSON.stringify(customers).includes('buy-1'));
    const usage = await tenants.call('billing', 'GET', `/api/v1/usage?by=project&${week}`);
    assert.deepEqual(
      usage.json.rows.map((row: { by: string; buy: unknown }) => [row.by, row.buy]),
      [
        ['', null],
        ['acme/web', null],
      ],
    );
  });

  test('a provider sees its own accounts: no customer, no sell price, no other provider', async () => {
    for (const [route, path] of Object.entries(ofProviders)) {
      for (const who of everybody) {
        const { status } = await tenants.call(who, 'GET', path);
        assert.equal(status, ['operator', 'inspector', 'provider'].includes(who) ? 200 : 403, `${who} ${route}`);
      }
      const { text } = await tenants.call('provider', 'GET', path);
      for (const hidden of ['acme', 'zeta', 'sell', 'anthropic', 'key'])
        assert.ok(!text.includes(hidden), `${route} ${text}`);
      const others = await tenants.call('provider', 'GET', `${path}&provider=anthropic`);
      assert.deepEqual(others.json.rows ?? others.json.items, []);
    }
    const usage = await tenants.call('provider', 'GET', ofProviders['GET /api/v1/provider-usage']!);
    assert.deepEqual(
      usage.json.rows.map((row: { by: string; requests: number; buy: unknown }) => [row.by, row.requests, row.buy]),
      [['openai', 1, { amount: '0.0003', currency: 'USD' }]],
    );
    const performance = await tenants.call('provider', 'GET', ofProviders['GET /api/v1/provider-performance']!);
    assert.deepEqual(performance.json.rows, [
      {
        provider: 'openai',
        deployment: 'gpt-5-1',
        targetModel: 'gpt-5',
        attempts: 1,
        outcomes: { ok: 1 },
        firstByteMs: { p50: 240, p95: 240 },
        durationMs: { p50: 1190, p95: 1190 },
      },
    ]);
  });

  test('nobody in particular gets in: without a token, with a wrong one, with a token of no kind', async () => {
    const [wrong, key] = [tenants.tokens['owner']!.replace(/.$/, 'x'), `cck_Ab12Cd34_${'x'.repeat(43)}`];
    for (const who of ['anonymous', wrong, key, 'cca_', `ccs_Ab12Cd34_${'0'.repeat(43)}`]) {
      for (const route of [...Object.values(installationWide).flat(), ...ofOneself]) {
        const [method = '', path = ''] = route.split(' ');
        const { status } = await tenants.call(who, method, path.replace('{id}', 'none'));
        assert.equal(status, 401, `${who} ${route}`);
      }
    }
  });

  test('nobody gives what is beyond them', async () => {
    const user = tenants.things['acme']!.user;
    const refused: [string, unknown, number][] = [
      ['owner', { user, role: 'operator' }, 403],
      ['owner', { user, role: 'auditor' }, 403],
      ['owner', { user, role: 'provider', providers: ['openai'] }, 403],
      ['owner', { user, role: 'owner', organisation: 'zeta' }, 404],
      ['narrow', { user, role: 'owner', organisation: 'acme' }, 403],
      ['narrow', { user, role: 'owner', organisation: 'acme', projects: ['api', 'web'] }, 403],
      ['developer', { user, role: 'developer', organisation: 'acme' }, 403],
      ['owner', { user: tenants.things['zeta']!.user, role: 'billing', organisation: 'acme' }, 404],
      ['owner', { user, role: 'owner' }, 403],
      ['owner', { user, role: 'emperor', organisation: 'acme' }, 400],
    ];
    for (const [who, body, status] of refused) {
      const answer = await tenants.call(who, 'POST', '/api/v1/members', body);
      assert.equal(answer.status, status, `${who} ${JSON.stringify(body)} ${answer.text}`);
    }
    const within = { user, role: 'owner', organisation: 'acme', projects: ['api'] };
    assert.equal((await tenants.call('narrow', 'POST', '/api/v1/members', within)).status, 201);
  });

  test('a service account acts with its roles until its token is revoked, expired or it is removed', async () => {
    const { admin, call } = tenants;
    const account = await makeAccount('acme', tenants);
    await done(
      call('owner', 'POST', '/api/v1/members', { serviceAccount: account, role: 'developer', organisation: 'acme' }),
    );
    const [first, second] = [
      (await done(call('owner', 'POST', `/api/v1/service-accounts/${account}/tokens`, {}))).json,
      (await done(call('owner', 'POST', `/api/v1/service-accounts/${account}/tokens`, { days: 1 }))).json,
    ];

    const who = (await call(first.token, 'GET', '/api/v1/session')).json;
    assert.deepEqual(who.actor.kind, 'service-account');
    assert.deepEqual(who.grants, [{ role: 'developer', organisation: 'acme' }]);
    assert.equal((await call(first.token, 'GET', '/api/v1/keys')).status, 200);
    assert.equal((await call(first.token, 'GET', '/api/v1/wallets/acme')).status, 403);
    assert.equal(
      (await call(first.token, 'POST', '/api/v1/account/password', { current: 'x', next: 'y' })).status,
      409,
    );
    const elsewhere = { serviceAccount: account, role: 'developer', organisation: 'zeta' };
    assert.equal((await call('operator', 'POST', '/api/v1/members', elsewhere)).status, 409);

    await done(call('owner', 'DELETE', `/api/v1/service-account-tokens/${first.id}`));
    assert.equal((await call(first.token, 'GET', '/api/v1/keys')).fault, 'session_ended');
    await admin.store.pool.query('update access_token set expires_at = $1 where id = $2', [new Date(0), second.id]);
    assert.equal((await call(second.token, 'GET', '/api/v1/keys')).fault, 'session_ended');
    const third = (await done(call('owner', 'POST', `/api/v1/service-accounts/${account}/tokens`, {}))).json;
    await done(call('owner', 'DELETE', `/api/v1/service-accounts/${account}`));
    assert.equal((await call(third.token, 'GET', '/api/v1/keys')).fault, 'session_ended');
    const { rows } = await admin.store.pool.query('select digest from access_token');
    assert.ok(rows.every(({ digest }) => /^[0-9a-f]{64}$/.test(digest)));
  });

  test('roles go with the organisation, project or provider account that they were for', async () => {
    const { admin, call, person } = tenants;
    await done(call('key', 'POST', '/api/v1/organisations', { name: 'brief' }));
    await done(call('key', 'POST', '/api/v1/projects', { organisation: 'brief', name: 'one' }));
    await done(call('key', 'POST', '/api/v1/projects', { organisation: 'brief', name: 'two' }));
    const whole = await person('whole@brief.example', [{ at: 'organisation', role: 'owner', organisation: 'brief' }]);
    const some = await person('some@brief.example', [
      { at: 'organisation', role: 'developer', organisation: 'brief', projects: ['one', 'two'] },
    ]);
    const account = await makeAccount('brief', tenants);

    await done(call('key', 'DELETE', '/api/v1/projects/brief%2Fone'));
    assert.deepEqual((await call(some.token, 'GET', '/api/v1/session')).json.grants, [
      { role: 'developer', organisation: 'brief', projects: ['two'] },
    ]);
    await done(call('key', 'DELETE', '/api/v1/projects/brief%2Ftwo'));
    assert.deepEqual((await call(some.token, 'GET', '/api/v1/session')).json.grants, []);
    await done(call('key', 'DELETE', '/api/v1/organisations/brief'));
    await done(call('key', 'POST', '/api/v1/organisations', { name: 'brief' }));
    assert.equal((await call(whole.token, 'GET', '/api/v1/organisations/brief')).status, 403);
    const { rows } = await admin.store.pool.query('select id from access_service_account where id = $1', [account]);
    assert.deepEqual(rows, []);
  });

  test('ids that are guessed, cut, joined or climbing never show another’s things', async () => {
    const { exchange, event } = tenants.things['zeta']!;
    const key = await makeKey('zeta', tenants);
    const ids = [
      exchange,
      event,
      key,
      'zeta',
      'zeta/web',
      'zeta%2Fweb',
      'acme%2F..%2Fzeta',
      'acme/../zeta',
      '../zeta',
      'ZETA',
      'zeta%00',
      "' or 1=1 --",
      'acme%2Fweb%2F..%2F..%2Fzeta',
      '%E2%80%8Bzeta',
      'acme,zeta',
      '*',
      '%25',
    ];
    const places = [
      'exchanges',
      'usage-events',
      'keys',
      'organisations',
      'projects',
      'wallets',
      'members',
      'invitations',
      'service-accounts',
      'decisions',
    ];
    for (const place of places) {
      for (const id of ids) {
        const { status, text } = await tenants.call('owner', 'GET', `/api/v1/${place}/${id}`);
        assert.ok(status >= 300 || !text.includes('zeta'), `${place}/${id} ${status} ${text}`);
      }
    }
  });

  test('one caller’s idempotency key gives another caller nothing', async () => {
    const { admin, tokens } = tenants;
    const post = (who: string) =>
      admin.app.request('/api/v1/keys', {
        method: 'POST',
        headers: {
          authorization: `Bearer ${tokens[who]}`,
          'content-type': 'application/json',
          'idempotency-key': 'the-same',
        },
        body: JSON.stringify({ project: 'acme/web', name: `shared-${made}` }),
      });

    const [first, again, others, auditors] = [
      await post('owner'),
      await post('owner'),
      await post('developer'),
      await post('auditor'),
    ];
    assert.deepEqual([first.status, again.status], [201, 201]);
    assert.equal(again.headers.get('idempotent-replayed'), 'true');
    assert.equal(others.status, 409);
    assert.equal(others.headers.get('x-carrier-fault'), 'resource_exists');
    assert.equal(auditors.status, 403);
  });
});

/** The same about an organisation, or a thing, that nobody has. */
function nowhere({ path, body }: Asked): Asked {
  const text = JSON.stringify(body)?.replaceAll('zeta', 'nowhere');
  const [front, ...rest] = path.replaceAll('zeta', 'nowhere').split('?');
  const isNamed = path.includes('zeta') || text?.includes('nowhere');
  const parts = front!.split('/');
  // /api/v1/<resource>/<id>…
  if (!isNamed && parts.length > 4) parts[4] = 'none0000';
  return { path: [parts.join('/'), ...rest].join('?'), ...(text === undefined ? {} : { body: JSON.parse(text) }) };
}
