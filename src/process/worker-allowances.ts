import { Fault } from '../completion/fault.ts';
import type { BudgetHold, BudgetHolds } from '../gateway/ports.ts';
import type { HeldLease } from '../journal/record.ts';
import type { BudgetEntry } from '../snapshot/snapshot.ts';
import type { WalletWindows } from '../snapshot/wallets.ts';
import {
  type Account,
  accountKey,
  isAsking,
  largest,
  largestFree,
  leaseFor,
  type Outstanding,
  type RequestedAmounts,
  type Taker,
} from './allowance-account.ts';
import { Hold } from './allowance-hold.ts';
import { type BudgetStanding, budgetExhausted } from './budget-refusal.ts';
import { type BudgetPeriod, budgetWindow } from './budget-window.ts';
import type { Grant, GrantStanding, ToSupervisor } from './messages.ts';

/** Longest wait of a request for an allowance where the ledger may be away; then `budget_unverifiable`. */
export const allowanceWaitMs = 50;
/** The same while the ledger is known to answer: it is slow then, and not away. Within the request's own deadline. */
export const patientWaitMs = 1_000;
/** A block asked for is this many times the first amount seen, before demand is known. */
const firstBlockFactor = 16n;
/** Blocks asked for grow and shrink with demand within these factors of the amount that started them. */
const blockDoublesBelowMs = 250;
const blockHalvesAboveMs = 5_000;
/** After a refused refill ahead, none is tried for so long; a request that needs one still asks at once. */
const refillPauseMs = 200;
/** A budget that was found exhausted is not asked about again for so long, unless something of it comes free here. */
const exhaustedFreshMs = 250;
/** And is believed to be for so long where no better answer comes in time. */
const exhaustedKnownMs = 1_000;
/** Allowance that nobody used for so long goes back unasked. */
const idleReturnMs = 30_000;
/** Asked for ahead: this part of the limit. */
const prefetchShare = 1_000n;
/** Takers that may wait for one budget at once; beyond it `overloaded`. */
const waitersMax = 10_000;
/** How often `available` asks for what is left before it answers with what it has. */
const availableRoundsMax = 4;

export interface AllowanceBudget {
  readonly id: string;
  readonly period: BudgetPeriod | WalletWindows;
  /** The organisation whose wallet it is, where it is one. */
  readonly walletOf?: string | undefined;
  /** What it says, where it is a budget. */
  readonly entry?: BudgetEntry | undefined;
}

export interface AllowanceOptions {
  /** From the current snapshot; undefined when the budget is gone. */
  readonly budget: (id: string) => AllowanceBudget | undefined;
  readonly send: (message: ToSupervisor) => void;
  /** Milliseconds of a clock that never goes back. */
  readonly monotonicMs: () => number;
  /** Calls back once after so many milliseconds; returns how to cancel it. */
  readonly after: (ms: number, run: () => void) => () => void;
  readonly observe?: AllowanceObserver;
}

/** What the metrics see. */
export interface AllowanceObserver {
  waited(durationMs: number, outcome: 'granted' | 'exhausted' | 'unverifiable'): void;
}

/** Worker side of hard budgets. Holds are taken from blocks of allowance that the supervisor granted, mostly without
 *  waiting. Whatever arrives is kept: a late grant serves later requests, and nothing granted is forgotten. */
export class WorkerAllowances implements BudgetHolds {
  readonly #options: AllowanceOptions;
  readonly #accounts = new Map<string, Account>();
  readonly #outstanding = new Map<number, Outstanding>();
  readonly #arrivals = new Set<() => void>();
  #requests = 0;
  #ledgerAnswers = false;
  /** Counts changes of limits. */
  #limits = 0;

  constructor(options: AllowanceOptions) {
    this.#options = options;
  }

  take(
    budgets: readonly string[],
    amount: bigint,
    nowMs: number,
    waitMsMax: number = Number.POSITIVE_INFINITY,
  ): BudgetHold | Fault | Promise<BudgetHold | Fault> {
    if (amount < 0n) throw new RangeError('a hold is never negative');
    // Nothing to hold needs no lease: what costs nothing cannot pass a cap.
    if (budgets.length === 0 || amount === 0n) return new Hold(amount, [], []);
    const accounts = this.#open(budgets, nowMs);
    if (accounts === undefined) return new Fault('budget_unverifiable', 'A budget of this key is not configured here.');
    const hold = this.#takeNow(accounts, amount);
    if (hold !== undefined) return hold;
    const full = accounts.find(account => this.#refusesAtOnce(account, amount));
    if (full !== undefined) return this.#exhausted(full, amount, nowMs);
    if (accounts.some(account => account.waiters.size >= waitersMax)) {
      return new Fault('overloaded', `More than ${waitersMax} requests wait for one budget.`);
    }
    return new Promise(resolve => this.#wait(accounts, { amount, nowMs, waitMsMax }, resolve));
  }

  async available(budgets: readonly string[], nowMs: number): Promise<bigint> {
    const accounts = this.#open(budgets, nowMs);
    if (accounts === undefined) return 0n;
    let least: bigint | undefined;
    const deadlineMs = this.#options.monotonicMs() + allowanceWaitMs;
    for (const account of accounts) {
      const largest = await this.#gather(account, deadlineMs);
      if (least === undefined || largest < least) least = largest;
    }
    // Others may have taken while the later budgets were asked: what counts is what is here now.
    for (const account of accounts) {
      const largest = largestFree(account);
      if (least === undefined || largest < least) least = largest;
    }
    return least ?? 0n;
  }

  /** The supervisor answered a lease-request, in time or late. */
  granted(
    request: number,
    grant: Grant | undefined,
    refusal: 'exhausted' | 'unverifiable' | undefined,
    standing?: GrantStanding,
  ): void {
    const outstanding = this.#outstanding.get(request);
    if (outstanding === undefined) return;
    this.#outstanding.delete(request);
    const { account } = outstanding;
    if (refusal === 'exhausted') account.standing = standing === undefined ? undefined : readStanding(standing);
    if (account.refill === outstanding) account.refill = undefined;
    else account.outstanding = undefined;
    if (grant !== undefined) {
      this.#keep(account, grant);
      this.#serve(account);
    } else {
      account.refillAfterMs = this.#options.monotonicMs() + refillPauseMs;
      this.#refused(outstanding, refusal ?? 'unverifiable');
    }
    this.#arrived();
  }

  /** What the supervisor knows of the ledger. Those who wait already are told, too. */
  ledgerAnswers(answers: boolean): void {
    this.#ledgerAnswers = answers;
    const waiting = new Set([...this.#accounts.values()].flatMap(({ waiters }) => [...waiters]));
    for (const taker of waiting) this.#startTimer(taker);
  }

  /** Limits may be others now: what was exhausted may not be. Call it before requests are served with them. */
  limitsChanged(): void {
    this.#limits += 1;
    for (const account of this.#accounts.values()) account.exhausted = undefined;
  }

  /** Asks ahead for a share of budgets that may be used, so that their first requests need not wait. `limitAtto` is the
   *  budget's. Whatever is not used goes back like any idle allowance. */
  prefetch(budgets: readonly { readonly id: string; readonly limitAtto: bigint }[], nowMs: number): void {
    for (const { id, limitAtto } of budgets) {
      const account = this.#open([id], nowMs)?.[0];
      if (account === undefined || isAsking(account) || account.free.size > 0) continue;
      this.#request(account, { needAtto: 0n, dueAtto: 0n, wantAtto: limitAtto / prefetchShare });
    }
  }

  /** The budget's limit was lowered, perhaps below what is out: all that is not held goes back, also what holds leave, until
   *  the supervisor grants anew. */
  limitLowered(budget: string): void {
    for (const account of this.#accounts.values()) {
      if (account.budget !== budget) continue;
      account.lowered = true;
      this.#giveBack(account);
    }
  }

  /** Gives back what is unused; an empty answer tells the supervisor that there is nothing. */
  recall(budget: string, window: string): void {
    const account = this.#accounts.get(accountKey(budget, window));
    if (account === undefined || account.free.size === 0) {
      this.#options.send({ type: 'return', budget, window, lease: '', amountAtto: '0' });
      return;
    }
    this.#giveBack(account);
  }

  /** Returns the allowance of windows that are over and of budgets that nobody uses. Call it every few seconds. */
  sweep(nowMs: number): void {
    const monotonicMs = this.#options.monotonicMs();
    for (const account of this.#accounts.values()) {
      if (account.waiters.size > 0) continue;
      const budget = this.#options.budget(account.budget);
      const over = budget === undefined || budgetWindow(budget.period, nowMs) !== account.window;
      if (!over && monotonicMs - account.usedAtMs < idleReturnMs) continue;
      this.#giveBack(account);
      if (account.openHolds === 0 && !isAsking(account)) this.#accounts.delete(account.key);
    }
  }

  /** Everything unused goes back; for draining. */
  returnAll(): void {
    for (const account of this.#accounts.values()) this.#giveBack(account);
  }

  /** Budgets of which something is held, or was a moment ago. */
  budgets(): ReadonlySet<string> {
    return new Set([...this.#accounts.values()].map(({ budget }) => budget));
  }

  get openHolds(): number {
    let open = 0;
    for (const account of this.#accounts.values()) open += account.openHolds;
    return open;
  }

  #open(budgets: readonly string[], nowMs: number): Account[] | undefined {
    const accounts: Account[] = [];
    for (const id of budgets) {
      const budget = this.#options.budget(id);
      if (budget === undefined) return undefined;
      const window = budgetWindow(budget.period, nowMs);
      const key = accountKey(id, window);
      let account = this.#accounts.get(key);
      if (account === undefined) {
        // What is left of a wallet's window is needed in the next one.
        if (budget.walletOf !== undefined) this.#windUp(id);
        account = {
          key,
          budget: id,
          window,
          free: new Map(),
          waiters: new Set(),
          outstanding: undefined,
          refill: undefined,
          lowered: false,
          over: false,
          blockAtto: 0n,
          grantedAtMs: Number.NEGATIVE_INFINITY,
          refillAfterMs: Number.NEGATIVE_INFINITY,
          exhausted: undefined,
          standing: undefined,
          usedAtMs: this.#options.monotonicMs(),
          openHolds: 0,
        };
        this.#accounts.set(key, account);
      }
      accounts.push(account);
    }
    return accounts;
  }

  /** All budgets or none: nothing is deducted before every budget was seen to suffice. */
  #takeNow(accounts: readonly Account[], amount: bigint): BudgetHold | undefined {
    const leases: HeldLease[] = [];
    for (const account of accounts) {
      const lease = leaseFor(account, amount);
      if (lease === undefined) return undefined;
      leases.push({ budget: account.budget, window: account.window, lease });
    }
    const usedAtMs = this.#options.monotonicMs();
    for (const [index, account] of accounts.entries()) {
      const lease = leases[index]!.lease;
      const left = account.free.get(lease)! - amount;
      if (left === 0n) account.free.delete(lease);
      else account.free.set(lease, left);
      account.openHolds += 1;
      account.usedAtMs = usedAtMs;
      this.#refillAhead(account, amount);
    }
    return new Hold(amount, leases, accounts, (account, lease, unused) => this.#settled(account, lease, unused));
  }

  #wait(
    accounts: readonly Account[],
    asked: Pick<Taker, 'amount' | 'nowMs' | 'waitMsMax'>,
    resolve: (answer: BudgetHold | Fault) => void,
  ): void {
    const taker: Taker = {
      accounts,
      ...asked,
      startedAtMs: this.#options.monotonicMs(),
      resolve,
      cancelTimer: () => {},
    };
    this.#startTimer(taker);
    for (const account of accounts) account.waiters.add(taker);
    for (const account of accounts) this.#requestFor(account);
  }

  #startTimer(taker: Taker): void {
    taker.cancelTimer();
    const wholeMs = Math.min(this.#ledgerAnswers ? patientWaitMs : allowanceWaitMs, taker.waitMsMax);
    const leftMs = Math.max(0, wholeMs - (this.#options.monotonicMs() - taker.startedAtMs));
    taker.cancelTimer = this.#options.after(leftMs, () => this.#refuse(taker, 'unverifiable'));
  }

  #answer(taker: Taker, answer: BudgetHold | Fault, outcome: 'granted' | 'exhausted' | 'unverifiable'): void {
    for (const account of taker.accounts) account.waiters.delete(taker);
    taker.cancelTimer();
    this.#options.observe?.waited(this.#options.monotonicMs() - taker.startedAtMs, outcome);
    taker.resolve(answer);
  }

  /** Where nobody answers in time, what was known a moment ago is the better answer. */
  #refuse(taker: Taker, refusal: 'exhausted' | 'unverifiable', by?: Account): void {
    const known = taker.accounts.find(account => this.#isExhausted(account, taker.amount, exhaustedKnownMs));
    const full = known ?? (refusal === 'exhausted' ? by : undefined);
    if (full !== undefined) this.#answer(taker, this.#exhausted(full, taker.amount, taker.nowMs), 'exhausted');
    else this.#answer(taker, new Fault('budget_unverifiable', undefined, { retryAfterMs: 1_000 }), 'unverifiable');
  }

  #exhausted({ budget: id, window, standing }: Account, amountAtto: bigint, nowMs: number): Fault {
    const budget = this.#options.budget(id);
    const { entry, walletOf } = budget ?? {};
    return budgetExhausted({ budget: id, entry, walletOf, window, amountAtto, standing, nowMs });
  }

  /** While one asks anew the others are answered by what is known: a crowd at an exhausted budget keeps nobody busy. */
  #refusesAtOnce(account: Account, amount: bigint): boolean {
    const asksAnew = (account.outstanding?.needAtto ?? 0n) > 0n;
    return this.#isExhausted(account, amount, asksAnew ? exhaustedKnownMs : exhaustedFreshMs);
  }

  #isExhausted(account: Account, amount: bigint, knownForMs: number): boolean {
    const { exhausted } = account;
    if (exhausted === undefined || this.#options.monotonicMs() - exhausted.atMs >= knownForMs) return false;
    return amount - largestFree(account) >= exhausted.needAtto;
  }

  /** Serves waiting takers first come first served; the first that still lacks something asks for it. */
  #serve(account: Account): void {
    const unserved = new Set<Account>();
    for (const taker of account.waiters) {
      const hold = this.#takeNow(taker.accounts, taker.amount);
      if (hold !== undefined) this.#answer(taker, hold, 'granted');
      else for (const waited of taker.accounts) unserved.add(waited);
    }
    for (const waited of unserved) this.#requestFor(waited);
  }

  /** Asks for what the first waiter that does not fit lacks; at most one such request a budget is on its way. A supervisor has
   *  one lease a budget and window, so that a grant adds to what is here. Should there be remainders of several leases,
   *  they go back first: together they may be what is missing. */
  #requestFor(account: Account): void {
    if (account.outstanding !== undefined) return;
    let first: bigint | undefined;
    let waiting = 0n;
    for (const taker of account.waiters) {
      waiting += taker.amount;
      if (leaseFor(account, taker.amount) === undefined) first ??= taker.amount;
    }
    if (first === undefined) return;
    if (account.free.size > 1) this.#giveBack(account);
    if (account.blockAtto === 0n) account.blockAtto = first * firstBlockFactor;
    const free = largestFree(account);
    const dueAtto = waiting - free;
    this.#request(account, { needAtto: first - free, dueAtto, wantAtto: largest(dueAtto, account.blockAtto) });
  }

  #request(account: Account, amounts: RequestedAmounts): void {
    const { needAtto, dueAtto, wantAtto } = amounts;
    this.#requests += 1;
    const outstanding: Outstanding = { request: this.#requests, account, needAtto, limits: this.#limits };
    if (needAtto === 0n) account.refill = outstanding;
    else account.outstanding = outstanding;
    this.#outstanding.set(outstanding.request, outstanding);
    this.#options.send({
      type: 'lease-request',
      request: outstanding.request,
      budget: account.budget,
      window: account.window,
      needAtto: needAtto.toString(),
      dueAtto: dueAtto.toString(),
      wantAtto: largest(needAtto, wantAtto).toString(),
    });
  }

  #refillAhead(account: Account, amount: bigint): void {
    if (account.blockAtto === 0n) account.blockAtto = amount * firstBlockFactor;
    if (isAsking(account) || largestFree(account) * 2n >= account.blockAtto) return;
    if (this.#options.monotonicMs() < account.refillAfterMs) return;
    this.#request(account, { needAtto: 0n, dueAtto: 0n, wantAtto: account.blockAtto });
  }

  #keep(account: Account, grant: Grant): void {
    const amount = BigInt(grant.amountAtto);
    account.lowered = false;
    account.free.set(grant.lease, (account.free.get(grant.lease) ?? 0n) + amount);
    const nowMs = this.#options.monotonicMs();
    const sinceMs = nowMs - account.grantedAtMs;
    if (sinceMs < blockDoublesBelowMs) account.blockAtto *= 2n;
    else if (sinceMs > blockHalvesAboveMs && Number.isFinite(sinceMs)) account.blockAtto /= 2n;
    account.grantedAtMs = nowMs;
    account.exhausted = undefined;
    account.usedAtMs = nowMs;
    // The supervisor shrinks blocks near the cap: asking for much more than it gives would only ask too early.
    if (account.blockAtto > amount * 4n) account.blockAtto = amount * 4n;
  }

  #refused(outstanding: Outstanding, refusal: 'exhausted' | 'unverifiable'): void {
    const { account, needAtto } = outstanding;
    // A refused refill harms nobody; whoever began to wait meanwhile has asked for himself.
    if (needAtto === 0n) return;
    if (refusal === 'exhausted' && outstanding.limits === this.#limits) {
      account.exhausted = { needAtto, atMs: this.#options.monotonicMs() };
    }
    for (const taker of account.waiters) {
      if (leaseFor(account, taker.amount) !== undefined) continue;
      // A smaller one, or one that lacks less since something was settled, asks for itself.
      if (refusal === 'exhausted' && taker.amount - largestFree(account) < needAtto) continue;
      this.#refuse(taker, refusal, account);
    }
    this.#serve(account);
  }

  #settled(account: Account, lease: string, unused: bigint): void {
    account.openHolds -= 1;
    if (unused === 0n) return;
    const current = this.#accounts.get(account.key);
    if (current !== account) throw new Error('an allowance account was closed while a hold was open');
    account.free.set(lease, (account.free.get(lease) ?? 0n) + unused);
    if (account.lowered || account.over) this.#giveBack(account);
    else if (account.waiters.size > 0) this.#serve(account);
  }

  #windUp(budget: string): void {
    for (const account of this.#accounts.values()) {
      if (account.budget !== budget || account.over) continue;
      account.over = true;
      if (account.waiters.size === 0) this.#giveBack(account);
    }
  }

  #giveBack(account: Account): void {
    // What goes back can be had again.
    if (account.free.size > 0) account.exhausted = undefined;
    for (const [lease, amount] of account.free) {
      const { budget, window } = account;
      this.#options.send({ type: 'return', budget, window, lease, amountAtto: amount.toString() });
    }
    account.free.clear();
  }

  /** Asks for as much as is left, a few times, since each answer is only a share of it. */
  async #gather(account: Account, deadlineMs: number): Promise<bigint> {
    for (let round = 0; round < availableRoundsMax; round += 1) {
      const before = largestFree(account);
      const remainingMs = deadlineMs - this.#options.monotonicMs();
      if (remainingMs <= 0) break;
      if (account.outstanding === undefined) {
        this.#request(account, { needAtto: 1n, dueAtto: 1n, wantAtto: account.blockAtto });
      }
      const { request } = account.outstanding!;
      await this.#arrival(request, remainingMs);
      if (largestFree(account) <= before) break;
    }
    return largestFree(account);
  }

  #arrival(request: number, waitMs: number): Promise<void> {
    return new Promise(resolve => {
      const done = () => {
        this.#arrivals.delete(check);
        cancel();
        resolve();
      };
      const check = () => {
        if (!this.#outstanding.has(request)) done();
      };
      const cancel = this.#options.after(waitMs, done);
      this.#arrivals.add(check);
    });
  }

  #arrived(): void {
    for (const check of [...this.#arrivals]) check();
  }
}

function readStanding({ limitAtto, spentAtto, reservedAtto }: GrantStanding): BudgetStanding {
  return { limitAtto: BigInt(limitAtto), spentAtto: BigInt(spentAtto), reservedAtto: BigInt(reservedAtto) };
}
