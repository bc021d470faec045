import type { LimitDemand, LimitPass, LimitShortage, LimitState, RateLimits } from '../gateway/ports.ts';
import { type Limit, limitWindow, untilNextWindowMs } from '../snapshot/limits.ts';
import {
  amountOf,
  isCurrent,
  type LimitAccount,
  type LimitWaiter,
  openLimitAccount,
  wantedBlock,
} from './limit-account.ts';
import type { LimitCount, ToSupervisor } from './messages.ts';

/** Longest wait of a request for what it counts against. */
export const limitWaitMs = 50;
/** What nobody could add is believed for so long, unless something comes back here. */
const shortFreshMs = 200;
/** Blocks grow where they last less than this, and shrink where they last longer. */
const blockDoublesBelowMs = 250;
const blockHalvesAboveMs = 5_000;
/** After a refill that was refused, none is tried for so long; who needs one asks at once. */
const refillPauseMs = 200;
/** What nobody used for so long goes back unasked. */
const idleReturnMs = 1_000;
/** Limits that nobody counted against for so long are forgotten. */
const forgottenMs = 600_000;
/** A supervisor that says nothing in time does not refuse: so large a part of a limit may be lent here, as long as much of
 *  it was left when it last spoke. */
const silentShare = 16;
/** Requests that may wait for one limit at once; beyond it they are refused by it. */
const waitersMax = 10_000;

export interface WorkerLimitsOptions {
  readonly send: (message: ToSupervisor) => void;
  /** Milliseconds of a clock that never goes back. */
  readonly monotonicMs: () => number;
  /** Calls back once after so many milliseconds; returns how to cancel it. */
  readonly after: (ms: number, run: () => void) => () => void;
  readonly observe?: LimitObserver;
}

/** What the metrics see. */
export interface LimitObserver {
  limited(limit: Limit, outcome: 'refused' | 'would-refuse' | 'waited' | 'unanswered'): void;
}

/** Worker side of limits. Requests are counted against blocks that the supervisor dealt out, mostly without waiting.
 *  Blocks are of one window: what is left of them when it ends is gone. */
export class WorkerLimits implements RateLimits {
  readonly #options: WorkerLimitsOptions;
  /** By id; of the newest window. */
  readonly #accounts = new Map<string, LimitAccount>();
  readonly #questions = new Map<number, { readonly account: LimitAccount; readonly need: number }>();
  #requests = 0;

  constructor(options: WorkerLimitsOptions) {
    this.#options = options;
  }

  take({ limits, tokens, nowMs }: LimitDemand): LimitPass | LimitShortage | Promise<LimitPass | LimitShortage> {
    const accounts = limits.map(limit => this.#open(limit, nowMs));
    const amounts = limits.map(limit => amountOf(limit, tokens));
    if (covers(accounts, amounts)) return this.#pass(accounts, amounts);
    const short = accounts.find(
      (account, index) =>
        lacks(account, amounts[index]!) && (this.#isShort(account, amounts[index]!) || isFull(account)),
    );
    if (short !== undefined) return this.#refuse(short, nowMs);
    return new Promise(resolve => this.#wait(accounts, amounts, nowMs, resolve));
  }

  knownShort({ limits, tokens, nowMs }: LimitDemand): LimitShortage | undefined {
    for (const limit of limits) {
      const account = this.#accounts.get(limit.id);
      if (account === undefined || !isCurrent(account, nowMs)) continue;
      const amount = amountOf(limit, tokens);
      if (lacks(account, amount) && this.#isShort(account, amount)) return shortageOf(account, nowMs);
    }
    return undefined;
  }

  state(limit: Limit, nowMs: number): LimitState {
    const account = this.#accounts.get(limit.id);
    const known = account !== undefined && isCurrent(account, nowMs) ? account : undefined;
    const resetMs = limit.windowMs === undefined ? 0 : untilNextWindowMs(limit, nowMs);
    return { limit, remaining: known === undefined ? limit.limit : remainingOf(known), resetMs };
  }

  /** The supervisor answered a limit-request, in time or late. */
  granted(request: number, answer: { readonly granted: number; readonly left: number; readonly short: boolean }): void {
    const question = this.#questions.get(request);
    if (question === undefined) return;
    this.#questions.delete(request);
    const { account, need } = question;
    if (account.asked === request) account.asked = undefined;
    else account.refill = undefined;
    account.left = answer.left;
    // Of a window that is over, or a limit that is gone, nothing can be counted any more.
    if (this.#accounts.get(account.limit.id) !== account) {
      for (const waiter of account.waiters) this.#answer(waiter, this.#refuse(account, waiter.nowMs));
      return;
    }
    const monotonicMs = this.#options.monotonicMs();
    if (answer.granted > 0) {
      adaptBlock(account, monotonicMs);
      account.free += answer.granted;
    }
    if (answer.short) account.refillAfterMs = monotonicMs + refillPauseMs;
    if (answer.short && need > 0) account.short = { need, untilMs: monotonicMs + shortFreshMs };
    else if (answer.granted > 0) account.short = undefined;
    this.#serve(account);
    if (account.free < 0 && !answer.short) this.#refillAhead(account, 1);
  }

  /** Another worker or replica needs what is unused here. */
  recall(limit: string, window: number): void {
    const account = this.#accounts.get(limit);
    if (account === undefined || account.window !== window || !this.#giveBack(account)) {
      this.#options.send({ type: 'limit-return', limit, window, amount: 0 });
    }
  }

  /** Reports what was counted, gives back what is idle and forgets what is over. Call it every second. */
  sweep(nowMs: number): void {
    const monotonicMs = this.#options.monotonicMs();
    const counts: LimitCount[] = [];
    for (const account of this.#accounts.values()) {
      takeCount(account, counts);
      if (account.waiters.size > 0) continue;
      const idleMs = monotonicMs - account.usedAtMs;
      if (isCurrent(account, nowMs) && idleMs >= idleReturnMs) this.#giveBack(account);
      if (idleMs >= forgottenMs && account.open === 0) this.#accounts.delete(account.limit.id);
    }
    this.#report(counts);
  }

  /** Everything unused goes back; for draining. */
  returnAll(): void {
    const counts: LimitCount[] = [];
    for (const account of this.#accounts.values()) {
      takeCount(account, counts);
      this.#giveBack(account);
    }
    this.#report(counts);
  }

  /** Requests at once that are counted now. */
  get open(): number {
    let open = 0;
    for (const { limit, open: passes } of this.#accounts.values()) if (limit.windowMs === undefined) open += passes;
    return open;
  }

  #report(counts: readonly LimitCount[]): void {
    if (counts.length > 0) this.#options.send({ type: 'limit-counts', counts });
  }

  /** A debt follows its limit into the next window, up to a whole one. */
  #open(limit: Limit, nowMs: number): LimitAccount {
    const window = limitWindow(limit, nowMs);
    const known = this.#accounts.get(limit.id);
    if (known !== undefined && known.window >= window) {
      // A snapshot may have brought another number.
      known.limit = limit;
      return known;
    }
    const debt = known === undefined ? 0 : Math.max(-limit.limit, Math.min(0, known.free));
    const account = openLimitAccount(limit, window, debt);
    if (known !== undefined) {
      account.block = known.block;
      const counts: LimitCount[] = [];
      takeCount(known, counts);
      this.#report(counts);
    }
    this.#accounts.set(limit.id, account);
    return account;
  }

  #pass(accounts: readonly LimitAccount[], amounts: readonly number[]): LimitPass {
    const usedAtMs = this.#options.monotonicMs();
    /** By shadows that would have refused: nothing was counted there. */
    let shadowed: Set<LimitAccount> | undefined;
    for (const [index, account] of accounts.entries()) {
      const amount = amounts[index]!;
      if (account.limit.shadow === true && this.#isShadowed(account, amount)) {
        shadowed ??= new Set();
        shadowed.add(account);
        continue;
      }
      account.free -= amount;
      account.used += amount;
      account.usedAtMs = usedAtMs;
      this.#refillAhead(account, amount);
    }
    for (const account of accounts) account.open += 1;
    let settled = false;
    return {
      limits: accounts.map(({ limit }) => limit),
      settle: (tokens, nowMs, applies) => {
        if (settled) throw new Error('what was counted is settled once');
        settled = true;
        for (const [index, account] of accounts.entries()) {
          account.open -= 1;
          if (shadowed?.has(account) === true) continue;
          const counts = tokens !== undefined && (applies === undefined || applies(account.limit));
          const amount = amounts[index]!;
          const isWhole = account.limit.counts === 'tokens';
          this.#correct(account, amount, counts ? (isWhole ? tokens : 1) : 0, nowMs);
        }
      },
    };
  }

  /** A shadow goes on beyond what it has, until it is known that it would refuse. */
  #isShadowed(account: LimitAccount, amount: number): boolean {
    if (!lacksAnyway(account, amount) || !(this.#isShort(account, amount) || isFull(account))) return false;
    account.wouldRefuse += 1;
    this.#options.observe?.limited(account.limit, 'would-refuse');
    return true;
  }

  /** What was expected and what was used may differ: less is free again, as long as its window lasts; more is owed, by
   *  the window that there is. */
  #correct(account: LimitAccount, taken: number, used: number, nowMs: number): void {
    if (account.limit.windowMs === undefined) {
      account.free += taken;
      this.#serve(account);
      return;
    }
    const difference = taken - used;
    if (difference === 0) return;
    const at = isCurrent(account, nowMs) || difference > 0 ? account : this.#open(account.limit, nowMs);
    at.used -= difference;
    at.free += difference;
    // Others would be given what is used already.
    if (at.free < 0) this.#refillAhead(at, 1);
    if (difference > 0 && this.#accounts.get(account.limit.id) === account) this.#serve(account);
  }

  #refuse(account: LimitAccount, nowMs: number): LimitShortage {
    account.refused += 1;
    this.#options.observe?.limited(account.limit, 'refused');
    return shortageOf(account, nowMs);
  }

  #wait(
    accounts: readonly LimitAccount[],
    amounts: readonly number[],
    nowMs: number,
    resolve: LimitWaiter['resolve'],
  ): void {
    const waiter: LimitWaiter = { accounts, amounts, nowMs, resolve, cancelTimer: () => {} };
    waiter.cancelTimer = this.#options.after(limitWaitMs, () => this.#unanswered(waiter));
    for (const account of accounts) account.waiters.add(waiter);
    for (const [index, account] of accounts.entries()) {
      if (!lacks(account, amounts[index]!)) continue;
      this.#options.observe?.limited(account.limit, 'waited');
      this.#ask(account);
    }
  }

  #answer(waiter: LimitWaiter, answer: LimitPass | LimitShortage): void {
    for (const account of waiter.accounts) account.waiters.delete(waiter);
    waiter.cancelTimer();
    waiter.resolve(answer);
  }

  /** The supervisor is too busy to answer. Far from the limit that is no reason to refuse. */
  #unanswered(waiter: LimitWaiter): void {
    const { accounts, amounts } = waiter;
    const near = accounts.find(
      (account, index) => lacks(account, amounts[index]!) && !mayLend(account, amounts[index]!),
    );
    if (near !== undefined) {
      this.#answer(waiter, this.#refuse(near, waiter.nowMs));
      return;
    }
    for (const account of accounts) this.#options.observe?.limited(account.limit, 'unanswered');
    this.#answer(waiter, this.#pass(accounts, amounts));
  }

  #isShort(account: LimitAccount, amount: number): boolean {
    const { short } = account;
    if (short === undefined || this.#options.monotonicMs() >= short.untilMs) return false;
    return amount - account.free >= short.need;
  }

  /** First come, first served. Who needs what is known to be missing is refused. */
  #serve(account: LimitAccount): void {
    for (const waiter of account.waiters) {
      const { accounts, amounts } = waiter;
      if (covers(accounts, amounts)) {
        this.#answer(waiter, this.#pass(accounts, amounts));
        continue;
      }
      const short = accounts.find(
        (each, index) => lacks(each, amounts[index]!) && this.#isShort(each, amounts[index]!),
      );
      if (short !== undefined) this.#answer(waiter, this.#refuse(short, waiter.nowMs));
    }
    if (account.waiters.size > 0) this.#ask(account);
  }

  /** Asks for what the first lacks that does not fit; one such question at a time. */
  #ask(account: LimitAccount): void {
    if (account.asked !== undefined) return;
    let first: number | undefined;
    let waiting = 0;
    for (const { accounts, amounts } of account.waiters) {
      const amount = amounts[accounts.indexOf(account)]!;
      waiting += amount;
      if (account.free < amount) first ??= amount;
    }
    if (first === undefined) return;
    const due = waiting - account.free;
    const want = Math.max(due, wantedBlock(account, first));
    // What is owed comes first, and any part of it will do: together with it a request might never fit.
    const need = account.free < 0 ? 1 : first - account.free;
    account.asked = this.#send(account, { need, due, want });
  }

  #refillAhead(account: LimitAccount, amount: number): void {
    const block = wantedBlock(account, amount);
    if (account.free * 2 >= block || account.asked !== undefined || account.refill !== undefined) return;
    // Of requests at once, none is taken ahead: others would miss it for as long as it lies here.
    if (account.limit.windowMs === undefined) return;
    if (this.#options.monotonicMs() < account.refillAfterMs) return;
    const debt = Math.max(0, -account.free);
    // For a debt others are asked, too, and any part of it will do.
    account.refill = this.#send(account, { need: Math.min(1, debt), due: debt, want: block + debt });
  }

  #send(account: LimitAccount, asked: { readonly need: number; readonly due: number; readonly want: number }): number {
    this.#requests += 1;
    this.#questions.set(this.#requests, { account, need: asked.need });
    const { limit, window } = account;
    this.#options.send({ type: 'limit-request', request: this.#requests, limit: limit.id, window, ...asked });
    return this.#requests;
  }

  #giveBack(account: LimitAccount): boolean {
    if (account.free <= 0) return false;
    const { limit, window, free } = account;
    account.free = 0;
    account.short = undefined;
    this.#options.send({ type: 'limit-return', limit: limit.id, window, amount: free });
    return true;
  }
}

function covers(accounts: readonly LimitAccount[], amounts: readonly number[]): boolean {
  for (let index = 0; index < accounts.length; index += 1) {
    if (lacks(accounts[index]!, amounts[index]!)) return false;
  }
  return true;
}

function lacks(account: LimitAccount, amount: number): boolean {
  return account.limit.shadow !== true && account.free < amount;
}

function lacksAnyway(account: LimitAccount, amount: number): boolean {
  return account.free < amount;
}

function isFull(account: LimitAccount): boolean {
  return account.waiters.size >= waitersMax;
}

function mayLend(account: LimitAccount, amount: number): boolean {
  const { limit, free, left } = account;
  // What is open at once comes back within a moment.
  if (limit.windowMs === undefined) return false;
  const isFar = left === undefined || left * 4 > limit.limit;
  return isFar && free - amount >= -Math.max(1, Math.floor(limit.limit / silentShare));
}

function adaptBlock(account: LimitAccount, monotonicMs: number): void {
  const lastedMs = monotonicMs - account.grantedAtMs;
  if (lastedMs < blockDoublesBelowMs) account.block *= 2;
  else if (lastedMs > blockHalvesAboveMs) account.block = Math.ceil(account.block / 2);
  account.grantedAtMs = monotonicMs;
}

function remainingOf({ limit, free, left }: LimitAccount): number {
  return Math.max(0, Math.min(limit.limit, free + (left ?? limit.limit)));
}

function shortageOf(account: LimitAccount, nowMs: number): LimitShortage {
  const { limit } = account;
  return {
    short: limit,
    used: limit.limit - remainingOf(account),
    retryAfterMs: untilNextWindowMs(limit, nowMs),
  };
}

function takeCount(account: LimitAccount, counts: LimitCount[]): void {
  const { limit, window, used, refused, wouldRefuse } = account;
  if (used === 0 && refused === 0 && wouldRefuse === 0) return;
  counts.push({ limit: limit.id, window, used, refused, wouldRefuse });
  account.used = 0;
  account.refused = 0;
  account.wouldRefuse = 0;
}
