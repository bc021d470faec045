import { AllowanceBroker, type BrokerLeases } from '../../src/ledger/broker.ts';
import { budgetWindow } from '../../src/process/budget-window.ts';
import { after } from '../../src/process/late-timer.ts';
import type { ToSupervisor } from '../../src/process/messages.ts';
import { WorkerAllowances } from '../../src/process/worker-allowances.ts';
import type { BudgetEntry } from '../../src/snapshot/snapshot.ts';

/** The whole chain of hard budgets of one worker, in this process: only the ledger is arithmetic in memory. */
export function budgetsInMemory(entries: readonly BudgetEntry[]): {
  readonly budgets: WorkerAllowances;
  /** Booked of a budget; what is leased and not said here counts as reserved. */
  book(id: string, atto: bigint): void;
} {
  const byId = new Map(entries.map(entry => [entry.id, entry]));
  const leased = new Map<string, bigint>();
  const booked = new Map<string, bigint>();
  const of = (sums: Map<string, bigint>, id: string) => sums.get(id) ?? 0n;
  const leases: BrokerLeases = {
    acquire: async ({ budget, limitAtto, needAtto, wantAtto }) => {
      const free = limitAtto - of(leased, budget);
      if (free <= 0n || free < needAtto) return 'exhausted';
      const share = wantAtto < free / 2n ? wantAtto : free / 2n;
      const amountAtto = share > needAtto ? share : needAtto;
      leased.set(budget, of(leased, budget) + amountAtto);
      return { lease: `lse_${budget}`, amountAtto };
    },
    release: async (lease, amountAtto) => {
      const budget = lease.slice('lse_'.length);
      leased.set(budget, of(leased, budget) - amountAtto);
      return true;
    },
    renew: async () => {},
    close: async () => {},
    askOthers: async () => false,
    standing: async budget => ({
      spentAtto: of(booked, budget),
      reservedAtto: of(leased, budget) < of(booked, budget) ? 0n : of(leased, budget) - of(booked, budget),
    }),
  };
  const broker = new AllowanceBroker({
    leases,
    holder: 'replica:1',
    limitAtto: id => (byId.has(id) ? BigInt(byId.get(id)!.limitAtto) : undefined),
    isCurrent: (id, window) => budgetWindow(byId.get(id)!.period, Date.now()) === window,
    workers: () => [1],
    send: (_, message) =>
      queueMicrotask(() => {
        if (message.type === 'grant') {
          budgets.granted(message.request, message.grant, message.refusal, message.standing);
        } else budgets.recall(message.budget, message.window);
      }),
    settlingEarlier: () => false,
    after,
    nowMs: Date.now,
  });
  const budgets = new WorkerAllowances({
    budget: id => {
      const entry = byId.get(id);
      return entry === undefined ? undefined : { id, period: entry.period, entry };
    },
    send: (message: ToSupervisor) =>
      queueMicrotask(() => {
        if (message.type === 'lease-request') broker.request(1, message);
        else if (message.type === 'return') broker.returned(1, message);
      }),
    monotonicMs: () => performance.now(),
    after,
  });
  return { budgets, book: (id, atto) => booked.set(id, atto) };
}
