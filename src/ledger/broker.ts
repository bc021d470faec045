import { type AllowanceAmounts, AllowanceBook, type BudgetWindow } from './allowance-book.ts';
import type { AllowanceRequest, BrokerOptions } from './broker-port.ts';
import { recall, recallAnswered, recallMs } from './broker-recall.ts';
import {
  type CarriedLease,
  forgetShortage,
  hasNeed,
  type LedgerAnswer,
  largestNeed,
  newWindow,
  onlyAsker,
  type Shortage,
  type Waiting,
  type WindowState,
  windowKey,
  within,
  writtenStanding,
} from './broker-window.ts';
import { InTurn } from './in-turn.ts';
import { Patience } from './patience.ts';

export type { AllowanceRequest, BrokerLeases, BrokerMessage, BrokerOptions } from './broker-port.ts';

/** Questions to the ledger at once, of all windows: as many as connections are kept for. */
const questionsMax = 4;
/** How long one question to the ledger holds up the next step. */
const acquireMs = 15;
/** How long a refusal may wait for where the budget stands, which was asked for before the last step. */
const standingMs = 4;
/** The ledger is asked for so many times what workers want, so that most requests are answered from the book. */
const blocksAhead = 4n;
/** Windows that nobody asked about for so long give their free part back to the ledger. */
const idleMs = 30_000;
const waitingMax = 10_000;
/** A window that was found exhausted is not looked into again for so long, unless something of it comes free here. */
const exhaustedFreshMs = 250;
/** And is believed to be for so long where no better answer comes in time. */
const exhaustedKnownMs = 1_000;

/** The supervisor's side of hard budgets. Holds this replica's leases and deals them out to workers; answers each request
 *  in time: from the book at once, else from the ledger, else from what others have left unused. Before `exhausted`
 *  is said, every other worker and every other replica was asked once. A ledger that does not answer, or money that a dead
 *  worker may have spent, gives `unverifiable`. */
export class AllowanceBroker {
  readonly #options: BrokerOptions;
  readonly #book = new AllowanceBook();
  readonly #windows = new Map<string, WindowState>();
  readonly #patience: Patience;
  readonly #questions = new InTurn(questionsMax);
  /** What is on its way back to the ledger. */
  readonly #releasing = new Set<Promise<unknown>>();
  #closed = false;

  constructor(options: BrokerOptions) {
    this.#options = options;
    const { after, nowMs, ledgerAnswers = () => false } = options;
    this.#patience = new Patience({ after, nowMs, ledgerAnswers });
  }

  /** What is known of the ledger has changed: `ledgerAnswers` says what. */
  ledgerChanged(): void {
    this.#patience.changed();
  }

  /** A worker asks for allowance. The answer goes out by `send`. */
  request(worker: number, { request, budget, window, ...asked }: AllowanceRequest): void {
    const limitAtto = this.#options.limitAtto(budget);
    if (this.#closed || limitAtto === undefined) {
      this.#refuse(worker, request, 'unverifiable');
      return;
    }
    const state = this.#window({ budget, window });
    state.askedAtMs = this.#options.nowMs();
    const amounts = {
      needAtto: BigInt(asked.needAtto),
      dueAtto: BigInt(asked.dueAtto),
      wantAtto: BigInt(asked.wantAtto),
    };
    if (!state.lowered && this.#grant(state, worker, request, amounts)) {
      if (this.#book.free(state) < amounts.wantAtto * blocksAhead) void this.#replenish(state);
      return;
    }
    if (this.#isShort(state, state.exhausted, amounts.needAtto, exhaustedFreshMs)) {
      this.#refuse(worker, request, 'exhausted', state);
      return;
    }
    if (state.waiting.size >= waitingMax) {
      this.#refuse(worker, request, 'unverifiable');
      return;
    }
    const waiting: Waiting = {
      worker,
      request,
      ...amounts,
      cancelTimer: this.#patience.start(() => this.#answerLate(state, waiting)),
    };
    state.waiting.add(waiting);
    void this.#replenish(state);
  }

  /** A worker gave back what it had unused; an empty lease says that it had nothing. */
  returned(worker: number, returned: BudgetWindow & { readonly lease: string; readonly amountAtto: string }): void {
    const { budget, window, lease } = returned;
    const amountAtto = BigInt(returned.amountAtto);
    if (lease !== '' && !this.#book.giveBack(returned, worker, lease, amountAtto)) {
      this.#options.log?.('a worker returned more allowance than it was granted', { worker, budget, window, lease });
    }
    const state = this.#windows.get(windowKey({ budget, window }));
    if (state === undefined) return;
    if (amountAtto > 0n) forgetShortage(state);
    recallAnswered(state, worker);
    // What comes back to a window that is over may be needed in another.
    if (state.lowered || !this.#options.isCurrent(budget, window)) void this.#giveUp(state);
    else this.#serve(state);
  }

  /** The worker's process is gone. Call it before the shipper's markDead. */
  workerDied(worker: number): void {
    this.#book.died(worker);
    for (const state of this.#windows.values()) {
      for (const waiting of state.waiting) {
        if (waiting.worker !== worker) continue;
        waiting.cancelTimer();
        state.waiting.delete(waiting);
      }
      if (state.recalled.delete(worker) && state.recalled.size === 0) state.onRecalled?.();
    }
  }

  /** The shipper's onShipped. */
  shipped(worker: number, dead: boolean, charged: ReadonlyMap<string, bigint>): void {
    for (const [lease, atto] of charged) {
      if (this.#book.shipped(worker, dead, lease, atto)) continue;
      // What stays out can be given to nobody, so the cap holds; but it should not happen.
      this.#options.log?.('more was charged to a lease than its worker was granted', { worker, lease });
    }
  }

  /** The shipper's onSettled. */
  workerSettled(worker: number): void {
    this.#book.settled(worker);
    this.settled();
  }

  /** What the dead held is free or spent: here, or of earlier generations. */
  settled(): void {
    for (const state of this.#windows.values()) {
      forgetShortage(state);
      this.#serve(state);
      if (state.waiting.size > 0) void this.#replenish(state);
    }
  }

  /** A new snapshot. Workers give back what they hold of a lowered budget by themselves. */
  limitsChanged(): void {
    for (const state of this.#windows.values()) {
      const isOver = !this.#options.isCurrent(state.budget, state.window);
      if (isOver && this.#options.family?.(state.budget) !== undefined) void this.#giveUp(state);
      const limitAtto = this.#options.limitAtto(state.budget);
      if (limitAtto === undefined || limitAtto === state.limitAtto) continue;
      const lowered = limitAtto < state.limitAtto;
      state.limitAtto = limitAtto;
      if (!lowered) continue;
      state.lowered = true;
      void this.#giveUp(state);
    }
  }

  /** Another replica asks for what this one does not use. */
  asked(budget: string, window: string): void {
    const asked = this.#windows.get(windowKey({ budget, window }));
    for (const state of [asked, ...this.#relatives(budget)]) {
      if (state !== undefined && state.waiting.size === 0) void this.#giveAll(state);
    }
  }

  /** Renews leases, gives back what is idle and winds up windows that are over. Call it about every ten seconds. Rejects
   *  when the ledger does not answer; nothing is lost by that. */
  async sweep(): Promise<void> {
    for (const state of [...this.#windows.values()]) {
      if (state.waiting.size > 0 || state.replenishing || state.acquiring !== undefined) continue;
      const current = this.#options.isCurrent(state.budget, state.window);
      if (current && this.#options.nowMs() - state.askedAtMs < idleMs) continue;
      if (!current) await this.#recall(state, undefined);
      await this.#giveUp(state);
      if (current || state.acquiring !== undefined) continue;
      // What a worker gave back may be on its way still, and a lease that is closed takes nothing back.
      await Promise.all(this.#releasing);
      for (const lease of this.#book.takeFinished(state)) await this.#options.leases.close(lease);
      if (this.#book.windows().every(each => windowKey(each) !== windowKey(state))) {
        this.#windows.delete(windowKey(state));
      }
    }
    await this.#options.leases.renew(this.#options.holder);
  }

  /** Leases that the generation before could not give back, because the ledger did not answer: what nobody held of them. */
  carryIn(carried: readonly CarriedLease[]): void {
    for (const { budget, window, lease, amountAtto, limitAtto } of carried) {
      this.#book.addBlock({ budget, window }, lease, amountAtto);
      // Under the limit that it was granted by: a lower one by now is noticed as any change is.
      this.#window({ budget, window }).limitAtto = limitAtto;
    }
  }

  /** Takes out what nobody holds, for the generation to come; nothing of it goes back to the ledger by itself any more. */
  carryOut(): CarriedLease[] {
    return [...this.#windows.values()].flatMap(state => {
      if (state.lowered) return [];
      const { budget, window, limitAtto } = state;
      return this.#book.takeFree(state).map(block => ({ ...block, budget, window, limitAtto }));
    });
  }

  /** Refuses whoever waits and gives back what nobody holds. The leases themselves end with the generation. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const state of this.#windows.values()) {
      for (const waiting of state.waiting) this.#answer(state, waiting, 'unverifiable');
      await this.#giveUp(state);
    }
  }

  /** For metrics: what is out, by window. */
  get book(): AllowanceBook {
    return this.#book;
  }

  #grant(at: BudgetWindow, worker: number, request: number, amounts: AllowanceAmounts): boolean {
    const { needAtto, dueAtto, wantAtto } = amounts;
    const workers = this.#options.workers().length;
    const granted = this.#book.grant(at, worker, { needAtto, dueAtto, wantAtto, workers });
    if (granted === undefined) return false;
    const grant = { lease: granted.lease, amountAtto: granted.amountAtto.toString() };
    this.#options.send(worker, { type: 'grant', request, grant, refusal: undefined });
    return true;
  }

  #refuse(worker: number, request: number, refusal: 'exhausted' | 'unverifiable', state?: WindowState): void {
    const limitAtto = state === undefined ? undefined : this.#options.limitAtto(state.budget);
    const known = refusal === 'exhausted' && limitAtto !== undefined ? state?.standing : undefined;
    const standing = known === undefined ? {} : { standing: writtenStanding(known, limitAtto!) };
    if (refusal === 'exhausted' && state !== undefined) this.#options.refused?.(state, known);
    this.#options.send(worker, { type: 'grant', request, grant: undefined, refusal, ...standing });
  }

  #answer(state: WindowState, waiting: Waiting, refusal: 'exhausted' | 'unverifiable'): void {
    if (!state.waiting.delete(waiting)) return;
    waiting.cancelTimer();
    this.#refuse(waiting.worker, waiting.request, refusal, state);
  }

  /** Nobody could say in time; what was known a moment ago is the better answer. */
  #answerLate(state: WindowState, waiting: Waiting): void {
    const short = this.#isShort(state, state.exhausted, waiting.needAtto, exhaustedKnownMs);
    this.#answer(state, waiting, short ? 'exhausted' : 'unverifiable');
  }

  /** Is it known that `needAtto` cannot be had? A refill ahead needs nothing, so nothing is known of it. */
  #isShort(state: WindowState, shortage: Shortage | undefined, needAtto: bigint, knownForMs: number): boolean {
    if (shortage === undefined || needAtto === 0n) return false;
    if (this.#options.nowMs() - shortage.atMs >= knownForMs) return false;
    if (shortage.limitAtto !== this.#options.limitAtto(state.budget)) return false;
    return needAtto - this.#book.largestFree(state) >= shortage.atto;
  }

  /** First come, first served, as far as the book reaches. */
  #serve(state: WindowState): void {
    if (state.lowered) return;
    for (const waiting of state.waiting) {
      if (!this.#grant(state, waiting.worker, waiting.request, waiting)) continue;
      state.waiting.delete(waiting);
      waiting.cancelTimer();
    }
  }

  /** One at a time for a window: whoever comes meanwhile waits for the same answer, or starts the next round. */
  async #replenish(state: WindowState): Promise<void> {
    if (state.replenishing) {
      state.again = true;
      return;
    }
    state.replenishing = true;
    try {
      do {
        state.again = false;
        await this.#replenishOnce(state);
      } while (state.again && state.waiting.size > 0 && !this.#closed);
    } finally {
      state.replenishing = false;
    }
  }

  async #replenishOnce(state: WindowState): Promise<void> {
    const asking = new Set(state.waiting);
    if (state.lowered) await this.#giveUp(state);
    let answer = await this.#acquire(state);
    const freeBefore = this.#book.largestFree(state);
    let relativesGave = false;
    if (hasNeed(state.waiting)) {
      const relatives = this.#relatives(state.budget).filter(each => each !== state && each.waiting.size === 0);
      const given = Promise.all(relatives.map(each => this.#giveAll(each)));
      await this.#recall(state, onlyAsker(state));
      this.#serve(state);
      if (relatives.length > 0) relativesGave = (await within(this.#pause(recallMs), given)).some(gave => gave);
    }
    // What came back may suffice together with what the ledger has.
    const cameBack = state.lowered || relativesGave || this.#book.largestFree(state) > freeBefore;
    if (cameBack && hasNeed(state.waiting) && answer !== 'no-answer') answer = await this.#acquire(state);
    if (hasNeed(state.waiting) && answer !== 'no-answer') {
      const { leases, holder } = this.#options;
      const standing = this.#readStanding(state);
      const asked = leases.askOthers(state.budget, state.window, holder).then(async others => {
        if (others) await this.#pause(recallMs);
        return others;
      });
      const worthwhile = await Promise.race([asked, this.#pause(2 * recallMs).then(() => true)]).catch(error => {
        this.#options.log?.('other replicas cannot be asked', { error: String(error) });
        return true;
      });
      if (worthwhile) answer = await this.#acquire(state);
      if (answer !== 'granted') await Promise.race([standing, this.#pause(standingMs)]);
    }
    // Without an answer nobody knows; the timers of those who wait say so. What was granted and does not suffice was
    // asked for before the last of them came.
    if (answer === 'granted') state.again = true;
    else if (answer !== 'no-answer') this.#refuseRest(state, asking, answer);
  }

  /** For those who are to be refused: it is worth a few milliseconds, and nothing more. */
  async #readStanding(state: WindowState): Promise<void> {
    const { leases } = this.#options;
    await leases
      .standing?.(state.budget, state.window)
      .then(standing => {
        state.standing = standing;
      })
      .catch(() => {
        state.standing = undefined;
      });
  }

  /** Everybody who asked before this round began has had his chance; but what is short for the largest need may do for a
   *  smaller one, which is asked for next. */
  #refuseRest(state: WindowState, asking: ReadonlySet<Waiting>, short: Shortage): void {
    const free = this.#book.largestFree(state);
    // Also for those who could not wait so long: whoever asks next is told at once.
    const isFinal = this.#book.unsettled(state) === 0n && !this.#options.settlingEarlier();
    if (isFinal && hasNeed(asking)) state.exhausted = short;
    for (const waiting of state.waiting) {
      const smaller = waiting.needAtto > 0n && waiting.needAtto - free < short.atto;
      if (!asking.has(waiting) || smaller) {
        state.again = true;
        continue;
      }
      const isOpen = this.#isOpen(state, waiting);
      // It is known as soon as the dead are settled, and that is worth as long a wait.
      if (isOpen && this.#options.ledgerAnswers?.() === true) continue;
      this.#answer(state, waiting, isOpen ? 'unverifiable' : 'exhausted');
    }
  }

  /** What the dead held may be free in a moment: the answer is not known yet. */
  #isOpen(state: WindowState, { needAtto }: Waiting): boolean {
    if (needAtto === 0n) return false;
    const limitAtto = this.#options.limitAtto(state.budget) ?? 0n;
    if (this.#options.settlingEarlier() && needAtto <= limitAtto) return true;
    const unsettled = this.#book.unsettled(state);
    return unsettled > 0n && this.#book.largestFree(state) + unsettled >= needAtto;
  }

  /** Asks the ledger for what is missing, and more, so that the next requests find something. Waits a little; an answer
   *  that comes later is kept all the same. At most one question about a window is under way. */
  async #acquire(state: WindowState): Promise<LedgerAnswer> {
    state.acquiring ??= this.#questions
      .run(
        () => this.#rank(state),
        () => this.#acquireBlock(state),
      )
      .catch((error): LedgerAnswer => {
        this.#options.log?.('the ledger gives no allowance', { budget: state.budget, error: String(error) });
        return 'no-answer';
      })
      .finally(() => {
        state.acquiring = undefined;
        const { isLate } = state;
        state.isLate = false;
        // Whoever waits on goes on from there.
        if (isLate && state.waiting.size > 0 && !this.#closed) void this.#replenish(state);
      });
    const { acquiring } = state;
    const late = this.#pause(acquireMs).then(() => {
      if (state.acquiring === acquiring) state.isLate = true;
      const known = state.ledgerLacks;
      const short = this.#isShort(state, known, largestNeed(state), exhaustedKnownMs);
      return known !== undefined && short ? known : ('no-answer' as const);
    });
    return Promise.race([acquiring, late]);
  }

  /** Who has nothing and needs something first; who only asks ahead last. */
  #rank(state: WindowState): number {
    if (!hasNeed(state.waiting)) return 2;
    return this.#book.free(state) === 0n && this.#book.holders(state).length === 0 ? 0 : 1;
  }

  async #acquireBlock(state: WindowState): Promise<'granted' | Shortage> {
    const limitAtto = this.#options.limitAtto(state.budget);
    if (limitAtto === undefined) return { atto: 0n, limitAtto, atMs: this.#options.nowMs() };
    const need = largestNeed(state);
    let due = 0n;
    let want = 0n;
    for (const waiting of state.waiting) {
      due += waiting.dueAtto;
      want += waiting.wantAtto;
    }
    const free = this.#book.largestFree(state);
    const { leases, holder } = this.#options;
    // A window that begins is asked for while what was left of the one before is on its way.
    if (this.#options.family?.(state.budget) !== undefined) await Promise.all(this.#releasing);
    const missing = need > free ? need - free : 0n;
    const block = await leases.acquire({
      budget: state.budget,
      window: state.window,
      limitAtto,
      needAtto: missing,
      dueAtto: due > free ? due - free : 0n,
      wantAtto: (want > 0n ? want : free + 1n) * blocksAhead,
      holder,
    });
    if (block === 'exhausted') {
      state.ledgerLacks = { atto: missing, limitAtto, atMs: this.#options.nowMs() };
      return state.ledgerLacks;
    }
    forgetShortage(state);
    state.lowered = false;
    this.#book.addBlock(state, block.lease, block.amountAtto);
    this.#serve(state);
    return 'granted';
  }

  #recall(state: WindowState, except: number | undefined): Promise<void> {
    const { send, after } = this.#options;
    const workers = this.#book.holders(state).filter(worker => worker !== except);
    return recall(state, workers, { send, after });
  }

  /** Windows whose money is partly the same; none for most budgets. */
  #relatives(budget: string): WindowState[] {
    const family = this.#options.family?.(budget);
    if (family === undefined) return [];
    return [...this.#windows.values()].filter(each => this.#options.family?.(each.budget) === family);
  }

  /** Whatever nobody holds here or at a worker goes back to the ledger. False when there was nothing. */
  async #giveAll(state: WindowState): Promise<boolean> {
    const gave = await this.#giveUp(state);
    await this.#recall(state, undefined);
    return (await this.#giveUp(state)) || gave;
  }

  /** Gives the free part back to the ledger. It leaves the book first: should the answer be lost, it is spent by nobody
   *  until the generation ends. */
  async #giveUp(state: WindowState): Promise<boolean> {
    const blocks = this.#book.takeFree(state);
    for (const { lease, amountAtto } of blocks) {
      forgetShortage(state);
      const released = this.#options.leases.release(lease, amountAtto).catch(error => {
        this.#options.log?.('allowance could not be given back', { lease, error: String(error) });
      });
      this.#releasing.add(released);
      await released;
      this.#releasing.delete(released);
    }
    return blocks.length > 0;
  }

  #pause(ms: number): Promise<void> {
    return new Promise(resolve => void this.#options.after(ms, resolve));
  }

  #window(at: BudgetWindow): WindowState {
    const key = windowKey(at);
    let state = this.#windows.get(key);
    if (state === undefined) {
      state = newWindow(at, this.#options.limitAtto(at.budget) ?? 0n);
      this.#windows.set(key, state);
    }
    return state;
  }
}
