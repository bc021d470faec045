import type { LimitPass, LimitShortage } from '../gateway/ports.ts';
import { type Limit, limitWindow } from '../snapshot/limits.ts';

/** What one worker holds of one limit in one window. */
export interface LimitAccount {
  limit: Limit;
  readonly window: number;
  /** Unused. Below zero after more was used than expected: the next grants make up for it. */
  free: number;
  /** What the supervisor and the database had beyond it when they last said so; undefined when nobody said. */
  left: number | undefined;
  readonly waiters: Set<LimitWaiter>;
  /** The question on behalf of those who wait, and the one ahead of need. */
  asked: number | undefined;
  refill: number | undefined;
  refillAfterMs: number;
  /** Asked for at once; doubled and halved with demand. */
  block: number;
  grantedAtMs: number;
  /** Nobody could add so much to what is free here. */
  short: { readonly need: number; readonly untilMs: number } | undefined;
  usedAtMs: number;
  /** Passes that are not settled. */
  open: number;
  /** Since they were last reported. */
  used: number;
  refused: number;
  wouldRefuse: number;
}

export interface LimitWaiter {
  readonly accounts: readonly LimitAccount[];
  readonly amounts: readonly number[];
  readonly nowMs: number;
  readonly resolve: (answer: LimitPass | LimitShortage) => void;
  cancelTimer: () => void;
}

/** A block is this many times the first amount, before demand is known. */
const firstBlockFactor = 8;
/** Of a whole limit: more at once would be missing elsewhere. */
const blockShareMax = 8;

export function openLimitAccount(limit: Limit, window: number, debt: number): LimitAccount {
  return {
    limit,
    window,
    free: debt,
    left: undefined,
    waiters: new Set(),
    asked: undefined,
    refill: undefined,
    refillAfterMs: Number.NEGATIVE_INFINITY,
    block: 0,
    grantedAtMs: Number.NEGATIVE_INFINITY,
    short: undefined,
    usedAtMs: Number.NEGATIVE_INFINITY,
    open: 0,
    used: 0,
    refused: 0,
    wouldRefuse: 0,
  };
}

/** What one request counts for. A request whose answer may be longer than the whole limit takes all of it. */
export function amountOf({ counts, limit }: Limit, tokens: number): number {
  return counts === 'tokens' ? Math.min(tokens, limit) : 1;
}

export function isCurrent({ limit, window }: LimitAccount, nowMs: number): boolean {
  return limitWindow(limit, nowMs) === window;
}

/** What to ask for beside what is needed now. */
export function wantedBlock(account: LimitAccount, amount: number): number {
  const most = Math.max(1, Math.floor(account.limit.limit / blockShareMax));
  if (account.block === 0) account.block = amount * firstBlockFactor;
  account.block = Math.min(account.block, most);
  return account.block;
}
