/** Where limits are counted for all replicas. Fulfilled by limit-store.ts; a test may have its own. */
export interface LimitLeases {
  /** Rejects when the database does not answer; then nothing is known of what it did. */
  acquire(request: LimitRequest): Promise<LimitAnswer>;
  /** Gives back what certainly nobody uses. */
  release(limit: string, window: number, amount: number): Promise<void>;
  /** Asks other replicas for what they hold unused. */
  askOthers(limit: string, window: number): Promise<void>;
}

export interface LimitRequest {
  readonly limit: string;
  /** First millisecond of the window; 0 for what is held and comes back. */
  readonly window: number;
  /** The window is of no use to anybody after it. */
  readonly endsAtMs: number;
  /** The number now. When it was lowered below what is out, nothing is granted. */
  readonly cap: number;
  /** What was used without having been granted: counted in any case. */
  readonly claim: number;
  /** Less is of no use; 0 for whatever can be spared. */
  readonly need: number;
  /** What requests wait for: given whole if there is as much. */
  readonly due: number;
  readonly want: number;
}

export interface LimitAnswer {
  readonly granted: number;
  /** What nobody has after that. */
  readonly left: number;
}

/** Between need and want, and at most half of what is free unless more waits: blocks shrink as the cap nears, so that
 *  other replicas find something, too. The database computes the same (`rate_grant`). */
export function limitGrant(free: number, { need, due, want }: Pick<LimitRequest, 'need' | 'due' | 'want'>): number {
  if (free <= 0 || free < need) return 0;
  return Math.min(free, Math.max(need, due, Math.min(want, Math.floor(free / 2))));
}
