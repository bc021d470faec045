import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AccessContext } from '../../src/access/context.ts';
import { accessContextOf } from '../../src/admin/access-context.ts';
import { createAdminApp, operations } from '../../src/admin/app.ts';
import type { AdminDependencies } from '../../src/admin/dependencies.ts';
import { createWalletDesk } from '../../src/billing/wallet-desk.ts';
import { createControl } from '../../src/control/control.ts';
import { createSealer } from '../../src/control/seal.ts';
import type { Job } from '../../src/jobs/job.ts';
import { findExchange, listExchanges, readUsage } from '../../src/ledger/queries.ts';
import { jobDesk } from '../../src/process/jobs.ts';
import { connect, type Store } from '../../src/store/connect.ts';
import { designVariables, planContext, testFacts, testMasterKey, testPriceFacts } from './control.ts';
import { createTestDatabase } from './database.ts';

/** The management API over a database of its own, without a socket. */
export interface AdminUnderTest {
  readonly app: ReturnType<typeof createAdminApp>;
  readonly adminKey: string;
  readonly store: Store;
  /** Users, sessions and tokens of the same database. */
  readonly access: AccessContext;
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
  return {
    ...adminOver(store, dataDirectory, nowMs),
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
): Pick<AdminUnderTest, 'app' | 'adminKey' | 'unexpected' | 'access' | 'routes'> {
  const adminKey = 'admin-key-admin-key-admin-key-admin';
  const unexpected: unknown[] = [];
  const sealer = createSealer(testMasterKey);
  const control = createControl({
    store,
    sealer,
    references: { environment: designVariables, workingDirectory: dataDirectory, dataDirectory },
    kinds: planContext().kinds,
    facts: testFacts,
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
    jobs: jobDesk(store, testJobs, () => {}),
    wallets: createWalletDesk({ store, nowMs, changed: () => {} }),
    status: () => ({ workers: 2 }),
    release: '0.1.0',
    nowMs,
    unexpected: (error: unknown) => unexpected.push(error),
  };
  const app = createAdminApp(dependencies);
  return {
    app,
    adminKey,
    unexpected,
    access: accessContextOf({ store, sealer, nowMs }),
    routes: operations(dependencies).map(({ method, path }) => `${method.toUpperCase()} ${path}`),
  };
}
