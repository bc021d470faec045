import { readFileSync } from 'node:fs';
import { createAdminApp } from '../admin/app.ts';
import type { DeploymentHealthView, JobDesk } from '../admin/dependencies.ts';
import { createWalletDesk } from '../billing/wallet-desk.ts';
import { readWalletStates } from '../billing/wallet-states.ts';
import { type Control, createControl } from '../control/control.ts';
import type { Keyring } from '../control/keyring.ts';
import { readPriceFacts } from '../control/price-facts.ts';
import { publicPricesAt } from '../control/public-prices.ts';
import { createSecretDesk } from '../control/secret-desk.ts';
import type { MasterKeyPlace } from '../control/secret-files.ts';
import { findExchange, listExchanges, readUsage } from '../ledger/queries.ts';
import { providers } from '../providers/registry.ts';
import type { Store } from '../store/connect.ts';
import type { Log } from '../telemetry/log.ts';
import type { WebhookContext } from '../webhooks/context.ts';
import type { AdminHandler } from './admin-server.ts';

export interface ManagementOptions {
  readonly store: Store;
  readonly keyring: Keyring;
  readonly masterKeyPlace: MasterKeyPlace;
  readonly adminKey: string;
  readonly dataPath: string;
  readonly sandboxBaseUrl: string;
  readonly status: () => Readonly<Record<string, unknown>>;
  readonly health: () => readonly DeploymentHealthView[];
  readonly replica: string;
  /** Resolves when what was committed is served. */
  readonly changed: () => Promise<void>;
  readonly jobs: JobDesk;
  readonly webhooks: WebhookContext;
  readonly log: Log;
}

export interface Management {
  readonly control: Control;
  readonly handle: AdminHandler;
}

/** What changes and shows the installation, once the database is there. */
export function openManagement(options: ManagementOptions): Management {
  const { store, keyring, log } = options;
  const { sealer } = keyring;
  const references = { environment: process.env, workingDirectory: process.cwd(), dataDirectory: options.dataPath };
  let changes = 0;
  const priceFacts = readPriceFacts(providers);
  const control = createControl({
    store,
    sealer,
    references,
    kinds: providers,
    facts: atMs => publicPricesAt(priceFacts, atMs),
    priceFacts: () => priceFacts,
    sandboxBaseUrl: options.sandboxBaseUrl,
    nowMs: Date.now,
    wallets: organisations => readWalletStates(store, organisations),
    changed: () => {
      changes += 1;
    },
  });
  const app = createAdminApp({
    adminKey: options.adminKey,
    control,
    store,
    sealer,
    secrets: createSecretDesk({
      store,
      keyring,
      place: options.masterKeyPlace,
      control,
      sources: references,
      runJob: name => options.jobs.runNow(name),
    }),
    queries: {
      findExchange: id => findExchange(store, id),
      listExchanges: (filter, page) => listExchanges(store, filter, page),
      readUsage: query => readUsage(store, query),
    },
    jobs: options.jobs,
    webhooks: options.webhooks,
    wallets: createWalletDesk({
      store,
      nowMs: Date.now,
      changed: () => {
        changes += 1;
      },
    }),
    status: options.status,
    health: options.health,
    replica: options.replica,
    release: readRelease(),
    nowMs: Date.now,
    unexpected: error => log.error('the management API failed', { error: String((error as Error)?.stack ?? error) }),
  });
  return {
    control,
    // Who changed something may use it at once: the answer comes when workers serve with it.
    handle: async (request, origin) => {
      const before = changes;
      const response = await app.fetch(request, origin);
      if (changes !== before) await options.changed();
      return response;
    },
  };
}

function readRelease(): string {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  return String(manifest.version);
}
