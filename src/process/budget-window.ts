import type { WalletWindows } from '../snapshot/wallets.ts';

/** Budget periods are UTC calendar periods; weeks start on Monday. A window is named by its first day, ISO 8601,
 *  or `total`, so that every process and replica names it alike without asking. */
export type BudgetPeriod = 'day' | 'week' | 'month' | 'total';

const dayMs = 86_400_000;

/** The window that the instant falls into. A wallet has its own, which end where one of its grants begins or expires. */
export function budgetWindow(period: BudgetPeriod | WalletWindows, atMs: number): string {
  if (typeof period === 'object') return period.at(atMs);
  const day = Math.floor(atMs / dayMs);
  const last = latest.get(period);
  if (last?.day === day) return last.window;
  const window = windowOf(period, atMs);
  latest.set(period, { day, window });
  return window;
}

/** Every request asks, nearly always for the same day as the one before: writing a date takes longer than the rest. */
const latest = new Map<BudgetPeriod, { readonly day: number; readonly window: string }>();

function windowOf(period: BudgetPeriod, atMs: number): string {
  switch (period) {
    case 'total':
      return 'total';
    case 'day':
      return isoDate(atMs);
    case 'week': {
      // 1970-01-01 was a Thursday: three days after a Monday.
      const day = Math.floor(atMs / dayMs);
      const daysSinceMonday = (((day + 3) % 7) + 7) % 7;
      return isoDate((day - daysSinceMonday) * dayMs);
    }
    case 'month':
      return `${isoDate(atMs).slice(0, 7)}-01`;
  }
}

/** First millisecond after a window of `budgetWindow`; undefined for one that never ends. */
export function windowEndsAtMs(period: BudgetPeriod, window: string): number | undefined {
  if (period === 'total') return undefined;
  const begins = new Date(`${window}T00:00:00Z`);
  if (period === 'month') return Date.UTC(begins.getUTCFullYear(), begins.getUTCMonth() + 1, 1);
  return begins.getTime() + (period === 'week' ? 7 : 1) * dayMs;
}

function isoDate(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 10);
}
