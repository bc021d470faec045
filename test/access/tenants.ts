import type { Grant } from '../../src/access/caller.ts';
import type { Asking } from '../../src/access/context.ts';
import { grantRole } from '../../src/access/memberships.ts';
import { beginSession } from '../../src/access/sessions.ts';
import { addUser } from '../../src/access/users.ts';
import { LedgerShipping } from '../../src/ledger/shipping.ts';
import { type AdminUnderTest, startAdmin } from '../support/admin.ts';
import { exchangeId, recordsOf } from '../support/exchanges.ts';
import { completeExchange } from '../support/ledger.ts';

/** Two organisations with the same things in them, and one person of each role in the first. */

export const asking: Asking = { actor: 'admin-key', address: '203.0.113.9', agent: 'test' };
export const nowMs = Date.UTC(2026, 10, 20, 12);
const configuration = (organisation: string) => `
  ${organisation}:
    projects:
      web: { keys: {}, budget: { limit: "100.00", period: month, hard: true }, limits: { requestsPerMinute: 600 } }
      api: { keys: {} }`;

export interface Answered {
  readonly status: number;
  readonly fault: string | null;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: an answer is looked into by the assertions
  readonly json: any;
}

export interface Tenants {
  readonly admin: AdminUnderTest;
  /** Tokens by who they are. */
  readonly tokens: Readonly<Record<string, string>>;
  /** By organisation: an exchange, a usage event and a user of it. */
  readonly things: Readonly<Record<string, { exchange: string; event: string; user: string }>>;
  call(who: string, method: string, path: string, body?: unknown): Promise<Answered>;
  person(email: string, grants: readonly Grant[]): Promise<{ readonly id: string; readonly token: string }>;
  stop(): Promise<void>;
}

/** Who asks, by the roles they have. */
export const people: Readonly<Record<string, readonly Grant[]>> = {
  operator: [{ at: 'installation', role: 'operator' }],
  inspector: [{ at: 'installation', role: 'auditor' }],
  owner: [{ at: 'organisation', role: 'owner', organisation: 'acme' }],
  billing: [{ at: 'organisation', role: 'billing', organisation: 'acme' }],
  developer: [{ at: 'organisation', role: 'developer', organisation: 'acme' }],
  auditor: [{ at: 'organisation', role: 'auditor', organisation: 'acme' }],
  narrow: [{ at: 'organisation', role: 'owner', organisation: 'acme', projects: ['api'] }],
  provider: [{ at: 'provider', role: 'provider', providers: ['openai'] }],
  nobody: [],
};

export async function startTenants(): Promise<Tenants> {
  const admin = await startAdmin(() => nowMs);
  const tokens: Record<string, string> = { key: admin.adminKey };
  const call = async (who: string, method: string, path: string, body?: unknown): Promise<Answered> => {
    const response = await admin.app.request(path, {
      method,
      headers: {
        ...(who === 'anonymous' ? {} : { authorization: `Bearer ${tokens[who] ?? who}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.includes('json') === true && text !== '';
    return {
      status: response.status,
      fault: response.headers.get('x-carrier-fault'),
      text,
      json: isJson && !response.headers.get('content-type')?.includes('ndjson') ? JSON.parse(text) : undefined,
    };
  };
  const person = async (email: string, grants: readonly Grant[]) => {
    const { access } = admin;
    const begun = await access.store.db.transaction().execute(async transaction => {
      const id = await addUser(access, transaction, { email, name: email.split('@')[0]!, passwordHash: null }, asking);
      const { token } = await beginSession(access, transaction, { userId: id, way: 'password' }, asking);
      return { id, token };
    });
    for (const grant of grants) await grantRole(access, { member: { user: begun.id }, grant }, asking);
    return begun;
  };

  await done(
    call('key', 'POST', '/api/v1/apply', {
      file: `
providers:
  openai:    { dialect: openai-chat, baseUrl: https://api.openai.com/v1, credential: env:OPENAI_API_KEY }
  anthropic: { dialect: anthropic-messages, baseUrl: https://api.anthropic.com, credential: env:ANTHROPIC_API_KEY }
deployments:
  gpt-5-us: { provider: openai, model: openai/gpt-5 }
prices:
  sell: { currency: USD, rates: { carrier/storage: { storage: { amount: "0.01", per: 1 } } } }
  buy: { currency: USD, rates: { carrier/storage: { storage: { amount: "0.01", per: 1 } } } }
organisations:${configuration('acme')}${configuration('zeta')}`,
    }),
  );
  for (const [who, grants] of Object.entries(people))
    tokens[who] = (await person(`${who}@people.example`, grants)).token;
  const things: Record<string, { exchange: string; event: string; user: string }> = {};
  for (const [index, organisation] of ['acme', 'zeta'].entries()) {
    const user = await person(`member@${organisation}.example`, [
      { at: 'organisation', role: 'billing', organisation },
    ]);
    await done(
      call('key', 'POST', `/api/v1/wallets/${organisation}/grants`, {
        id: `order-${organisation}`,
        amount: '25.00',
        currency: 'USD',
      }),
    );
    const told = await done(
      call('key', 'POST', '/api/v1/usage-events', {
        specversion: '1.0',
        type: 'ai.gateway.usage.v1',
        source: '/storage',
        id: `disk-${organisation}`,
        time: new Date(nowMs - 3_600_000).toISOString(),
        data: { organisation, meter: 'storage', quantity: 512, product: 'carrier/storage' },
      }),
    );
    things[organisation] = { exchange: exchangeId(index + 1), event: told.json.items[0].ref, user: user.id };
  }
  await new LedgerShipping(admin.store, 'j1').ship({
    exchanges: ['acme', 'zeta'].map((organisation, index) =>
      completeExchange(
        recordsOf({
          id: exchangeId(index + 1),
          atMs: nowMs - 3_600_000,
          organisation,
          project: `${organisation}/web`,
          key: `key${organisation}`,
          provider: organisation === 'acme' ? 'openai' : 'anthropic',
        }),
      ),
    ),
    positions: [],
    alerts: [],
  });
  return { admin, tokens, things, call, person, stop: () => admin.stop() };
}

/** What prepares must succeed. */
export async function done(answered: Promise<Answered>): Promise<Answered> {
  const answer = await answered;
  if (answer.status >= 300) throw new Error(`${answer.status} ${answer.text}`);
  return answer;
}
