import { type Limit, limitWindow, untilNextWindowMs } from '../snapshot/limits.ts';
import type { LimitLeases } from './limit-leases.ts';
import { type Asked, LimitPool } from './limit-pool.ts';

/** A worker waits 50 ms; ours leaves time for the way back. */
const answerMs = 40;
/** How long one question to the database holds up the next step, and other workers or replicas to give back. */
const acquireMs = 15;
const recallMs = 10;
/** The database is asked for so many times what workers want. */
const blocksAhead = 4;
/** What nobody could add is believed for so long. */
const shortFreshMs = 100;
/** Other replicas are asked at most so often for the same limit and window. */
const askOthersEveryMs = 100;
/** A database that failed is asked again after so long; until then this replica goes on with its part at once. */
const downMs = 1_000;
/** One that has said nothing for so long is not waited for by those who come now. */
const silentMs = 250;
/** While nobody knows that it failed, nothing is lent once so small a part of a limit is left. */
const farShare = 4;
/** What nobody asked about for so long goes back to the database. */
const idleMs = 2_000;
/** So long before a window begins, limits that were asked about for so long get a first block of it. */
const aheadMs = 3_000;
const busyMs = 10_000;
/** Of what the last window took here, so large a part. */
const aheadShare = 4;
/** A window that is over is kept for so long, for clocks that differ and for what was lent. */
const graceMs = 5_000;
const waitingMax = 10_000;

export interface LimitDeskOptions {
  readonly leases: LimitLeases;
  /** From the current snapshot; undefined when it is gone. */
  readonly limit: (id: string) => Limit | undefined;
  /** Replicas that were alive when the database last answered. */
  readonly replicas: () => number;
  readonly workers: () => readonly number[];
  readonly send: (worker: number, message: DeskMessage) => void;
  readonly after: (ms: number, run: () => void) => () => void;
  readonly nowMs: () => number;
  readonly log?: (message: string, details: Readonly<Record<string, unknown>>) => void;
}

/** As process/messages.ts has them. */
export type DeskMessage =
  | {
      readonly type: 'limit-grant';
      readonly request: number;
      readonly granted: number;
      readonly left: number;
      readonly short: boolean;
    }
  | { readonly type: 'limit-recall'; readonly limit: string; readonly window: number };

export interface DeskRequest extends Asked {
  readonly request: number;
  readonly limit: string;
  readonly window: number;
}

interface Waiting extends Asked {
  readonly worker: number;
  readonly request: number;
  cancelTimer: () => void;
}

interface Window {
  readonly pool: LimitPool;
  /** Under which it was granted last. */
  cap: number;
  readonly endsAtMs: number;
  readonly waiting: Set<Waiting>;
  acquiring: Promise<boolean> | undefined;
  acquiringSinceMs: number;
  replenishing: boolean;
  again: boolean;
  short: { readonly need: number; readonly atMs: number } | undefined;
  readonly recalled: Set<number>;
  onRecalled: (() => void) | undefined;
  askedOthersAtMs: number;
  askedAtMs: number;
}

/** Supervisor side of limits: holds this replica's blocks and deals them out to workers, within 40 ms: from what is here,
 *  else from the database, else from what other workers and replicas have left. Without the database the replica goes on
 *  with its part. */
export class LimitDesk {
  readonly #options: LimitDeskOptions;
  readonly #windows = new Map<string, Window>();
  #downUntilMs = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor(options: LimitDeskOptions) {
    this.#options = options;
  }

  request(worker: number, asked: DeskRequest): void {
    const limit = this.#options.limit(asked.limit);
    // A limit that is gone binds nobody.
    if (limit === undefined) {
      this.#send(worker, { request: asked.request, granted: Math.max(asked.need, asked.due), left: 0, short: false });
      return;
    }
    const window = this.#window(limit, asked.window);
    window.askedAtMs = this.#options.nowMs();
    if (this.#grant(window, worker, asked)) {
      if (window.pool.free < asked.want * blocksAhead) void this.#replenish(window, asked.want);
      return;
    }
    if (this.#isShort(window, asked.need) || this.#closed || window.waiting.size >= waitingMax) {
      this.#refuse(window, worker, asked.request);
      return;
    }
    if (this.#isDown || this.#isSilent(window)) {
      this.#lendOrRefuse(window, worker, asked);
      return;
    }
    const waiting: Waiting = { worker, ...asked, cancelTimer: () => {} };
    waiting.cancelTimer = this.#options.after(answerMs, () => {
      window.waiting.delete(waiting);
      this.#lendOrRefuse(window, worker, waiting);
    });
    window.waiting.add(waiting);
    void this.#replenish(window, asked.want);
  }

  returned(worker: number, { limit, window: at, amount }: { limit: string; window: number; amount: number }): void {
    const window = this.#windows.get(windowKey(limit, at));
    if (window === undefined) return;
    if (!window.pool.giveBack(worker, amount)) {
      this.#options.log?.('a worker returned more of a limit than it was granted', { worker, limit, amount });
    }
    if (amount > 0) window.short = undefined;
    if (window.recalled.delete(worker) && window.recalled.size === 0) window.onRecalled?.();
    this.#serve(window);
  }

  workerDied(worker: number): void {
    for (const window of this.#windows.values()) {
      for (const waiting of window.waiting) {
        if (waiting.worker !== worker) continue;
        waiting.cancelTimer();
        window.waiting.delete(waiting);
      }
      window.pool.died(worker);
      if (window.recalled.delete(worker) && window.recalled.size === 0) window.onRecalled?.();
      this.#serve(window);
    }
  }

  /** Another replica asks for what this one does not use. */
  asked(limit: string, at: number): void {
    const window = this.#windows.get(windowKey(limit, at));
    if (window === undefined || window.waiting.size > 0) return;
    void this.#recall(window, undefined).then(() => this.#release(window));
  }

  /** A new snapshot: of a limit that was lowered, what nobody uses goes back. */
  limitsChanged(): void {
    for (const window of this.#windows.values()) {
      const cap = this.#options.limit(window.pool.limit)?.limit;
      if (cap === undefined || cap === window.cap) continue;
      const isLowered = cap < window.cap;
      window.cap = cap;
      window.short = undefined;
      window.pool.left = undefined;
      if (isLowered) void this.#recall(window, undefined).then(() => this.#release(window));
    }
  }

  /** Tells the database what was lent, gives back what is idle, forgets what is over and looks ahead. Call it every second. */
  sweep(): void {
    const nowMs = this.#options.nowMs();
    for (const [key, window] of this.#windows) {
      if (window.waiting.size > 0 || window.replenishing) continue;
      const { pool } = window;
      const isOver = nowMs >= window.endsAtMs;
      if (isOver && nowMs >= window.endsAtMs + graceMs) {
        this.#windows.delete(key);
        continue;
      }
      const isIdle = nowMs - window.askedAtMs >= idleMs;
      if (pool.lent > 0 && !this.#isDown) void this.#acquire(window, nothing);
      else if (isIdle && !isOver) void this.#release(window);
      if (pool.comesBack && isIdle && pool.isEmpty) this.#windows.delete(key);
      this.#lookAhead(window, nowMs);
    }
  }

  /** Refuses whoever waits and gives back what nobody holds. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const window of this.#windows.values()) {
      for (const waiting of window.waiting) {
        waiting.cancelTimer();
        this.#refuse(window, waiting.worker, waiting.request);
      }
      window.waiting.clear();
    }
    await Promise.all([...this.#windows.values()].map(window => this.#release(window)));
  }

  /** What is held and comes back, by limit: for renewing. */
  held(): readonly { readonly limit: string; readonly amount: number }[] {
    return [...this.#windows.values()].flatMap(({ pool }) =>
      pool.comesBack && pool.granted > 0 ? [{ limit: pool.limit, amount: pool.granted }] : [],
    );
  }

  /** Of all limits: given out and not yet told to the database. */
  get lent(): number {
    let lent = 0;
    for (const { pool } of this.#windows.values()) lent += pool.lent;
    return lent;
  }

  get isDown(): boolean {
    return this.#isDown;
  }

  get #isDown(): boolean {
    return this.#options.nowMs() < this.#downUntilMs;
  }

  #window(limit: Limit, at: number): Window {
    const key = windowKey(limit.id, at);
    const known = this.#windows.get(key);
    if (known !== undefined) return known;
    const comesBack = limit.windowMs === undefined;
    const window: Window = {
      pool: new LimitPool(limit.id, at, comesBack),
      cap: limit.limit,
      endsAtMs: limit.windowMs === undefined ? Number.POSITIVE_INFINITY : at + limit.windowMs,
      waiting: new Set(),
      acquiring: undefined,
      acquiringSinceMs: Number.POSITIVE_INFINITY,
      replenishing: false,
      again: false,
      short: undefined,
      recalled: new Set(),
      onRecalled: undefined,
      askedOthersAtMs: Number.NEGATIVE_INFINITY,
      askedAtMs: this.#options.nowMs(),
    };
    this.#windows.set(key, window);
    return window;
  }

  #send(worker: number, answer: Omit<Extract<DeskMessage, { type: 'limit-grant' }>, 'type'>): void {
    this.#options.send(worker, { type: 'limit-grant', ...answer });
  }

  #grant({ pool }: Window, worker: number, asked: Asked & { readonly request: number }): boolean {
    const granted = pool.grant(worker, asked, this.#options.workers().length);
    if (granted === 0) return false;
    this.#send(worker, { request: asked.request, granted, left: pool.free + (pool.left ?? 0), short: false });
    return true;
  }

  #refuse({ pool }: Window, worker: number, request: number): void {
    this.#send(worker, { request, granted: 0, left: pool.free + Math.max(0, pool.left ?? 0), short: true });
  }

  #lendOrRefuse(window: Window, worker: number, asked: Asked & { readonly request: number }): void {
    const { pool, cap } = window;
    const isFar = pool.left === undefined || pool.left * farShare > cap;
    // What is held at once is exact as long as the database is only slow: it comes back, so who is refused is not for long.
    const isGone = this.#isDown || (pool.comesBack && this.#isSilent(window));
    const mayLend = asked.need > 0 && (isGone || (isFar && !pool.comesBack));
    const lent = mayLend ? pool.lend(worker, asked, cap, Math.max(1, this.#options.replicas())) : 0;
    if (lent === 0) {
      this.#refuse(window, worker, asked.request);
      return;
    }
    this.#send(worker, { request: asked.request, granted: lent, left: pool.left ?? cap, short: false });
  }

  #isSilent({ acquiringSinceMs }: Window): boolean {
    return this.#options.nowMs() - acquiringSinceMs >= silentMs;
  }

  #isShort({ short, pool }: Window, need: number): boolean {
    if (short === undefined || need === 0) return false;
    return this.#options.nowMs() - short.atMs < shortFreshMs && need - pool.free >= short.need;
  }

  #serve(window: Window): void {
    for (const waiting of window.waiting) {
      if (!this.#grant(window, waiting.worker, waiting)) continue;
      window.waiting.delete(waiting);
      waiting.cancelTimer();
    }
  }

  /** One at a time for a window: who comes meanwhile waits for the same answer or starts the next round. */
  async #replenish(window: Window, want: number): Promise<void> {
    if (window.replenishing) {
      window.again = true;
      return;
    }
    if (this.#isDown) return;
    window.replenishing = true;
    try {
      do {
        window.again = false;
        await this.#replenishOnce(window, want);
      } while (window.again && window.waiting.size > 0 && !this.#closed);
    } finally {
      window.replenishing = false;
    }
  }

  async #replenishOnce(window: Window, want: number): Promise<void> {
    const asking = new Set(window.waiting);
    const asked = () => askedOf(window, want);
    if (!(await this.#acquire(window, asked()))) return this.#lendWaiting(window);
    if (!needs(window)) return;
    const needy = onlyWorker(window);
    await this.#recall(window, needy);
    this.#serve(window);
    if (!needs(window)) return;
    if (this.#options.replicas() > 1 && this.#mayAskOthers(window)) {
      const { limit, window: at } = window.pool;
      await Promise.race([this.#options.leases.askOthers(limit, at).catch(() => {}), this.#pause(acquireMs)]);
      await this.#pause(recallMs);
    }
    // What came back may do together with what the database has.
    if (!(await this.#acquire(window, asked()))) return this.#lendWaiting(window);
    for (const waiting of window.waiting) {
      if (!asking.has(waiting)) {
        window.again = true;
        continue;
      }
      if (waiting.need > 0) window.short = { need: waiting.need - window.pool.free, atMs: this.#options.nowMs() };
      window.waiting.delete(waiting);
      waiting.cancelTimer();
      this.#refuse(window, waiting.worker, waiting.request);
    }
  }

  /** The database failed, so that nobody need wait for it; where it is only slow, the timers of those who wait speak. */
  #lendWaiting(window: Window): void {
    if (!this.#isDown) return;
    for (const waiting of window.waiting) {
      window.waiting.delete(waiting);
      waiting.cancelTimer();
      this.#lendOrRefuse(window, waiting.worker, waiting);
    }
  }

  #mayAskOthers(window: Window): boolean {
    const nowMs = this.#options.nowMs();
    if (nowMs - window.askedOthersAtMs < askOthersEveryMs) return false;
    window.askedOthersAtMs = nowMs;
    return true;
  }

  /** False when the database fails, or does not answer for now; what it answers later is kept all the same. At most one
   *  question about a window is under way. */
  async #acquire(window: Window, asked: Asked): Promise<boolean> {
    window.acquiring ??= this.#acquireBlock(window, asked).finally(() => {
      window.acquiring = undefined;
      window.acquiringSinceMs = Number.POSITIVE_INFINITY;
    });
    return Promise.race([window.acquiring, this.#pause(acquireMs).then(() => false)]);
  }

  async #acquireBlock(window: Window, asked: Asked): Promise<boolean> {
    const { pool, cap, endsAtMs } = window;
    const claim = pool.lent;
    window.acquiringSinceMs = this.#options.nowMs();
    try {
      const { limit, window: at } = pool;
      const answer = await this.#options.leases.acquire({ limit, window: at, endsAtMs, cap, claim, ...asked });
      pool.answered(answer, claim);
    } catch (error) {
      if (!this.#isDown) this.#options.log?.('limits go on without the database', { error: String(error) });
      this.#downUntilMs = this.#options.nowMs() + downMs;
      return false;
    }
    this.#serve(window);
    return true;
  }

  /** Asks the other workers for what they have unused, and waits a little. */
  async #recall(window: Window, except: number | undefined): Promise<void> {
    const { pool } = window;
    const holders = [...pool.out.keys()].filter(worker => worker !== except);
    if (holders.length === 0) return;
    for (const worker of holders) {
      window.recalled.add(worker);
      this.#options.send(worker, { type: 'limit-recall', limit: pool.limit, window: pool.window });
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    window.onRecalled = resolve;
    await Promise.race([promise, this.#pause(recallMs)]);
  }

  async #release(window: Window): Promise<void> {
    const { pool } = window;
    if (pool.free === 0 || window.waiting.size > 0 || this.#isDown) return;
    const amount = pool.takeFree();
    await this.#options.leases.release(pool.limit, pool.window, amount).catch(() => pool.putBack(amount));
  }

  /** So that a window does not begin with everybody waiting. */
  #lookAhead(window: Window, nowMs: number): void {
    const { pool } = window;
    const limit = this.#options.limit(pool.limit);
    if (limit?.windowMs === undefined || this.#isDown || nowMs - window.askedAtMs > busyMs) return;
    if (limitWindow(limit, nowMs) !== pool.window || untilNextWindowMs(limit, nowMs) > aheadMs) return;
    const at = pool.window + limit.windowMs;
    if (this.#windows.has(windowKey(limit.id, at))) return;
    const want = Math.max(1, Math.floor(pool.granted / aheadShare));
    void this.#acquire(this.#window(limit, at), { need: 0, due: 0, want });
  }

  #pause(ms: number): Promise<void> {
    return new Promise(resolve => {
      this.#options.after(ms, resolve);
    });
  }
}

const nothing: Asked = { need: 0, due: 0, want: 0 };

function askedOf({ waiting, pool }: Window, want: number): Asked {
  let need = 0;
  let due = 0;
  let wanted = want;
  for (const each of waiting) {
    need = Math.max(need, each.need);
    due += Math.max(each.need, each.due);
    wanted = Math.max(wanted, each.want);
  }
  return {
    need: Math.max(0, need - pool.free),
    due: Math.max(0, due - pool.free),
    // Of what comes back, little is taken ahead: elsewhere it may be needed.
    want: pool.comesBack ? due : wanted * blocksAhead,
  };
}

/** A refill ahead needs nothing: nobody is asked to give something up for it. */
function needs({ waiting }: Window): boolean {
  for (const { need } of waiting) if (need > 0) return true;
  return false;
}

/** When one worker alone waits, it need not be asked what it has. */
function onlyWorker({ waiting }: Window): number | undefined {
  const workers = new Set([...waiting].map(({ worker }) => worker));
  return workers.size === 1 ? workers.values().next().value : undefined;
}

function windowKey(limit: string, window: number): string {
  return `${window} ${limit}`;
}
