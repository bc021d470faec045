import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AccessContext } from '../../src/access/context.ts';
import { accessContextOf } from '../../src/admin/access-context.ts';
import { createAdminApp, operations } from '../../src/admin/app.ts';
import type { AdminDependencies } from '../../src/admin/dependencies.ts';
import { createWalletDesk } from '../../src/billing/wallet-desk.ts';
import { createControl } from '../../src/control/control.ts';
import type { Keyring } from '../../src/control/keyring.ts';
import { createSecretDesk } from '../../src/control/secret-desk.ts';
import { masterKeyPlace } from '../../src/control/secret-files.ts';
import type { Job } from '../../src/jobs/job.ts';
import { findExchange, listExchanges, readUsage } from '../../src/ledger/queries.ts';
import { AddressPolicy } from '../../src/media/address-policy.ts';
import { resolveHost } from '../../src/media/resolve-host.ts';
import { jobDesk } from '../../src/process/jobs.ts';
import { connect, type Store } from '../../src/store/connect.ts';
import { designVariables, planContext, testFacts, testMasterKey, testPriceFacts } from './control.ts';
import { createTestDatabase } from './database.ts';
import { testHealth } from './deployment-health.ts';
import { testKeyring } from './keyring.ts';

/** The management API over a database of its own, without a socket. */
export interface AdminUnderTest {
  readonly app: ReturnType<typeof createAdminApp>;
  readonly adminKey: string;
  readonly store: Store;
  /** Users, sessions and tokens of the same database. */
  readonly access: AccessContext;
  readonly keyring: Keyring;
  /** `METHOD path` of every operation. */
  readonly routes: readonly string[];
  /** Errors that had no name. */
  readonly unexpected: unknown[];
  /** Forgets the configuration. */
  clear(): Promise<void>;
  stop(): Promise<void>;
}

const testJobs: readonly Job[] = [
  { name: 'tidy', purpose: 'Tidies up', schedule: { everyMs: 60_000 }, run: () => Promise.resolve({ tidied: 1 }) },
];

const standardNowMs = () => 1_790_000_000_000;

export async function startAdmin(nowMs: () => number = standardNowMs): Promise<AdminUnderTest> {
  const database = await createTestDatabase();
  const store = connect(database.url);
  const dataDirectory = mkdtempSync(join(tmpdir(), 'carrier-admin-'));
  const admin = adminOver(store, dataDirectory, nowMs);
  await admin.keyring.load(store);
  return {
    ...admin,
    store,
    clear: async () => {
      await store.pool.query(
        'truncate configuration_resource, configuration_revision, price_version, idempotent_answer, alert cascade',
      );
    },
    stop: async () => {
      await store.close();
      await database.drop();
      rmSync(dataDirectory, { recursive: true });
    },
  };
}

/** The API over any store, also one that does not answer. */
export function adminOver(
  store: Store,
  dataDirectory: string,
  nowMs: () => number = standardNowMs,
  adminKey = 'admin-key-admin-key-admin-key-admin',
): Pick<AdminUnderTest, 'app' | 'adminKey' | 'unexpected' | 'access' | 'routes' | 'keyring'> {
  const unexpected: unknown[] = [];
  const keyring = testKeyring(dataDirectory);
  const { sealer } = keyring;
  const references = { environment: designVariables, workingDirectory: dataDirectory, dataDirectory };
  const jobs = jobDesk(store, testJobs, () => {});
  const control = createControl({
    store,
    sealer,
    references,
    kinds: planContext().kinds,
    facts: () => testFacts,
    priceFacts: () => testPriceFacts,
    sandboxBaseUrl: 'unix:/run/sandbox',
    nowMs,
    changed: () => {},
  });
  const dependencies: AdminDependencies = {
    adminKey,
    control,
    store,
    sealer,
    queries: {
      findExchange: id => findExchange(store, id),
      listExchanges: (filter, page) => listExchanges(store, filter, page),
      readUsage: query => readUsage(store, query),
    },
    jobs,
    secrets: createSecretDesk({
      store,
      keyring,
      place: masterKeyPlace(dataDirectory, testMasterKey),
      control,
      sources: references,
      runJob: name => jobs.runNow(name),
    }),
    webhooks: {
      store,
      secrets: sealer,
      policy: new AddressPolicy(['127.0.0.1/32']),
      resolve: resolveHost,
      hasAllowed: true,
      nowMs,
      random: () => 0,
    },
    wallets: createWalletDesk({ store, nowMs, changed: () => {} }),
    status: () => ({ workers: 2 }),
    health: () => testHealth,
    replica: 'replica-1',
    release: '0.1.0',
    nowMs,
    unexpected: (error: unknown) => unexpected.push(error),
  };
  const app = createAdminApp(dependencies);
  return {
    app,
    adminKey,
    unexpected,
    keyring,
    access: accessContextOf({ store, sealer, nowMs }),
    routes: operations(dependencies).map(({ method, path }) => `${method.toUpperCase()} ${path}`),
  };
}
