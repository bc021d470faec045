import type { LimitPass, LimitShortage } from '../../src/gateway/ports.ts';
import { LimitDesk } from '../../src/limits/limit-desk.ts';
import { type LimitAnswer, type LimitLeases, type LimitRequest, limitGrant } from '../../src/limits/limit-leases.ts';
import type { ToSupervisor, ToWorker } from '../../src/process/messages.ts';
import { WorkerLimits } from '../../src/process/worker-limits.ts';
import { type Limit, limitWindow, loadLimit } from '../../src/snapshot/limits.ts';
import type { VirtualTime } from './virtual-time.ts';

export const chainStartMs = Date.parse('2026-11-20T12:00:00Z');

export function testLimit(measure: Limit['measure'], limit: number, more: Partial<Limit> = {}): Limit {
  return loadLimit({
    id: `organisation:acme ${measure}`,
    scope: 'organisation',
    subject: 'acme',
    measure,
    limit,
    ...more,
  });
}

/** The arithmetic of the database, which may stop answering; replicas that are away hold what they held. */
export class LimitRows {
  answers = true;
  readonly taken = new Map<string, number>();
  readonly asked: ((limit: string, window: number) => void)[] = [];

  acquire({ limit, window, cap, claim, ...asked }: LimitRequest): LimitAnswer {
    const key = `${limit} ${window}`;
    const taken = (this.taken.get(key) ?? 0) + claim;
    const granted = limitGrant(cap - taken, asked);
    this.taken.set(key, taken + granted);
    return { granted, left: Math.max(0, cap - taken - granted) };
  }

  release(limit: string, window: number, amount: number): void {
    const key = `${limit} ${window}`;
    this.taken.set(key, (this.taken.get(key) ?? 0) - amount);
  }
}

export interface ChainPass {
  readonly worker: number;
  readonly window: number;
  readonly tokens: number;
  readonly pass: LimitPass;
}

/** One replica's desk and workers, with channels that deliver when told. */
export class LimitReplica {
  readonly desk: LimitDesk;
  readonly workers = new Map<number, WorkerLimits>();
  readonly #up: { readonly worker: number; readonly message: ToSupervisor }[] = [];
  readonly #down: { readonly worker: number; readonly message: ToWorker }[] = [];
  readonly open: ChainPass[] = [];
  readonly refused: LimitShortage[] = [];
  readonly #time: VirtualTime;
  readonly #limit: Limit;
  /** This machine's clock is off by so much. */
  readonly skewMs: number;
  /** Admitted, by window as this replica names it. */
  readonly admitted = new Map<number, number>();
  #workers = 0;

  constructor(parts: {
    readonly time: VirtualTime;
    readonly limit: Limit;
    readonly rows: LimitRows;
    readonly replicas: number;
    readonly workers: number;
    readonly skewMs: number;
  }) {
    const { time, limit, rows, replicas } = parts;
    this.#time = time;
    this.#limit = limit;
    this.skewMs = parts.skewMs;
    const answering = <Answer>(answer: () => Answer): Promise<Answer> =>
      rows.answers ? Promise.resolve(answer()) : Promise.reject(new Error('the database does not answer'));
    const leases: LimitLeases = {
      acquire: request => answering(() => rows.acquire(request)),
      release: (id, window, amount) => answering(() => rows.release(id, window, amount)),
      askOthers: (id, window) =>
        answering(() => {
          for (const ask of rows.asked) ask(id, window);
        }),
    };
    this.desk = new LimitDesk({
      leases,
      limit: id => (id === limit.id ? limit : undefined),
      replicas: () => replicas,
      workers: () => [...this.workers.keys()],
      send: (worker, message) => this.#down.push({ worker, message }),
      after: time.after,
      nowMs: () => this.nowMs(),
    });
    rows.asked.push((id, window) => this.desk.asked(id, window));
    for (let count = 0; count < parts.workers; count += 1) this.startWorker();
  }

  nowMs(): number {
    return chainStartMs + this.#time.monotonicMs() + this.skewMs;
  }

  startWorker(): void {
    this.#workers += 1;
    const worker = this.#workers;
    const send = (message: ToSupervisor) => this.#up.push({ worker, message });
    this.workers.set(worker, new WorkerLimits({ send, monotonicMs: this.#time.monotonicMs, after: this.#time.after }));
  }

  take(index: number, tokens: number): void {
    const [worker, limits] = [...this.workers][index % this.workers.size]!;
    const nowMs = this.nowMs();
    const answer = limits.take({ limits: [this.#limit], tokens, nowMs });
    const took = (result: LimitPass | LimitShortage) => {
      if ('short' in result) {
        this.refused.push(result);
        return;
      }
      const window = limitWindow(this.#limit, nowMs);
      this.open.push({ worker, window, tokens, pass: result });
      this.admitted.set(window, (this.admitted.get(window) ?? 0) + (this.#limit.counts === 'tokens' ? tokens : 1));
    };
    if (answer instanceof Promise) void answer.then(took);
    else took(answer);
  }

  end(index: number, tokens: number | undefined): void {
    const [ended] = this.open.splice(index % Math.max(1, this.open.length), 1);
    if (ended === undefined) return;
    if (tokens === undefined) {
      const amount = this.#limit.counts === 'tokens' ? ended.tokens : 1;
      this.admitted.set(ended.window, this.admitted.get(ended.window)! - amount);
    }
    ended.pass.settle(tokens, this.nowMs());
  }

  /** One message, of any worker: within a channel they keep their order. */
  deliver(choice: number): void {
    const queue = choice % 2 === 0 ? this.#up : this.#down;
    const worker = queue[choice % Math.max(1, queue.length)]?.worker;
    const at = queue.findIndex(each => each.worker === worker);
    if (at === -1) return;
    if (queue === this.#up) {
      const [sent] = this.#up.splice(at, 1);
      this.#toDesk(sent!.worker, sent!.message);
    } else {
      const [sent] = this.#down.splice(at, 1);
      this.#toWorker(sent!.worker, sent!.message);
    }
  }

  deliverAll(): boolean {
    if (this.#up.length + this.#down.length === 0) return false;
    for (const { worker, message } of this.#up.splice(0)) this.#toDesk(worker, message);
    for (const { worker, message } of this.#down.splice(0)) this.#toWorker(worker, message);
    return true;
  }

  crash(index: number): void {
    const worker = [...this.workers.keys()][index % this.workers.size]!;
    this.workers.delete(worker);
    for (let at = this.open.length - 1; at >= 0; at -= 1) if (this.open[at]!.worker === worker) this.open.splice(at, 1);
    this.startWorker();
    // What it sent is read before it is known to be dead.
    while (this.#up.some(sent => sent.worker === worker)) {
      const [sent] = this.#up.splice(
        this.#up.findIndex(each => each.worker === worker),
        1,
      );
      this.#toDesk(worker, sent!.message);
    }
    this.desk.workerDied(worker);
  }

  sweep(): void {
    for (const limits of this.workers.values()) limits.sweep(this.nowMs());
    this.desk.sweep();
  }

  #toDesk(worker: number, message: ToSupervisor): void {
    if (message.type === 'limit-request') this.desk.request(worker, message);
    if (message.type === 'limit-return') this.desk.returned(worker, message);
  }

  #toWorker(worker: number, message: ToWorker): void {
    const limits = this.workers.get(worker);
    if (message.type === 'limit-grant') limits?.granted(message.request, message);
    if (message.type === 'limit-recall') limits?.recall(message.limit, message.window);
  }
}

/** Delivers whatever is on its way, until nothing is. */
export async function quiet(replicas: readonly LimitReplica[]): Promise<void> {
  for (;;) {
    await new Promise(resolve => setImmediate(resolve));
    if (!replicas.map(replica => replica.deliverAll()).some(moved => moved)) return;
  }
}
