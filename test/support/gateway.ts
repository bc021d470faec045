import { createHash } from 'node:crypto';
import { Fault } from '../../src/completion/fault.ts';
import { createGateway, type Gateway } from '../../src/gateway/create-gateway.ts';
import type { EndedExchange, GatewayPorts, WalkStep } from '../../src/gateway/ports.ts';
import { type DataPlaneLimits, dataPlaneLimitsDefault, type GatewaySettings } from '../../src/gateway/settings.ts';
import type { AttemptRecord, EndRecord, JournalRecord } from '../../src/journal/record.ts';
import { after } from '../../src/process/late-timer.ts';
import { WorkerHealth } from '../../src/process/worker-health.ts';
import { loadSnapshot } from '../../src/snapshot/load.ts';
import { unlimited } from './limits.ts';
import { reasoningStates } from './reasoning.ts';
import { type SnapshotParts, snapshotJson } from './snapshot.ts';

/** The secret of the key that `startGateway` knows, and its digest in snapshots. */
export const secret = 'cck_test0001_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG';

export function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

export interface TestGateway {
  readonly url: string;
  readonly port: number;
  readonly gateway: Gateway;
  /** In the order written. */
  readonly records: JournalRecord[];
  readonly ended: EndedExchange[];
  readonly refused: { readonly code: string; readonly path: string }[];
  readonly alerts: string[];
  /** What the walks did beside asking one deployment once. */
  readonly steps: WalkStep[];
  /** Amounts settled, in order. */
  readonly settled: bigint[];
  attempts(): AttemptRecord[];
  ends(): EndRecord[];
  /** Resolves when so many exchanges have ended. */
  untilEnded(count: number): Promise<void>;
  stop(): Promise<void>;
}

export interface TestGatewayOptions {
  readonly snapshot?: SnapshotParts;
  readonly ports?: Partial<GatewayPorts>;
  readonly limits?: Partial<DataPlaneLimits>;
  readonly settings?: Partial<GatewaySettings>;
  /** What the hard budgets hold; unbounded unless given. */
  readonly budgetAtto?: bigint;
}

/** A gateway on loopback with journal and budgets in memory; everything else is real. */
export async function startGateway(options: TestGatewayOptions = {}): Promise<TestGateway> {
  const snapshot = loadSnapshot(
    snapshotJson({ keys: [{ id: 'test0001', digest: digestOf(secret) }], ...options.snapshot }),
  );
  const records: JournalRecord[] = [];
  const ended: EndedExchange[] = [];
  const refused: { code: string; path: string }[] = [];
  const alerts: string[] = [];
  const steps: WalkStep[] = [];
  const settled: bigint[] = [];
  const waiting: { count: number; resolve: () => void }[] = [];
  let left = options.budgetAtto;
  let draining = false;

  const ports: GatewayPorts = {
    snapshot: () => snapshot,
    journal: {
      admit: record => void records.push(record),
      attempt: record => void records.push(record),
      progress: record => void records.push(record),
      end: record => void records.push(record),
      hasRoom: () => true,
      close: async () => {},
    },
    budgets: {
      take: (budgets, amount) => {
        if (left !== undefined && amount > left) return new Fault('budget_exhausted');
        if (left !== undefined) left -= amount;
        return {
          amount,
          leases: budgets.map(budget => ({ budget, window: 'total', lease: 'lease-1' })),
          settle: charged => {
            if (left !== undefined) left += amount - charged;
            settled.push(charged);
          },
        };
      },
      available: async () => left ?? 10n ** 30n,
    },
    permits: { acquire: () => true, release: () => {} },
    limits: unlimited,
    health: new WorkerHealth({ send: () => {}, nowMs: Date.now, after }),
    draw: () => ({ epoch: 1, seed: 'ab'.repeat(32) }),
    reasoning: reasoningStates(),
    credential: () => 'sk-provider-credential',
    digestSecret: digestOf,
    // In snapshots of tests a secret is sealed by saying so.
    openKeySecret: ({ sealed }) => sealed.slice('sealed:'.length),
    observe: {
      exchangeEnded: exchange => {
        ended.push(exchange);
        for (const { count, resolve } of waiting) if (ended.length >= count) resolve();
      },
      refused: ({ fault, path }) => void refused.push({ code: fault.code, path }),
      alert: ({ code }) => void alerts.push(code),
      walked: step => void steps.push(step),
    },
    clock: { nowMs: Date.now, monotonicMs: () => performance.now() },
    draining: () => draining,
    ...options.ports,
  };
  const gateway = createGateway(ports, {
    host: '127.0.0.1',
    port: 0,
    tls: undefined,
    adminSocket: undefined,
    proxy: { httpsProxy: undefined, noProxy: undefined },
    limits: { ...dataPlaneLimitsDefault, ...options.limits },
    ...options.settings,
  });
  const port = await gateway.listen();
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    gateway,
    records,
    ended,
    refused,
    alerts,
    steps,
    settled,
    attempts: () => records.filter(record => record.type === 'attempt'),
    ends: () => records.filter(record => record.type === 'end'),
    untilEnded: count =>
      ended.length >= count ? Promise.resolve() : new Promise(resolve => waiting.push({ count, resolve })),
    stop: async () => {
      draining = true;
      await gateway.drain(0);
    },
  };
}
