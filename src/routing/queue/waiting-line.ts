import { TurnRing } from './turn-ring.ts';

/** Whose turn comes first where requests wait for room, in this order. */
export const queueClasses = ['interactive', 'standard', 'flex', 'batch'] as const;
export type QueueClass = (typeof queueClasses)[number];

/** One request that waits until any of several deployments has room. */
export interface Waiting {
  /** Handles of deployments, any of which will do. */
  readonly handles: readonly string[];
  readonly class: QueueClass;
  readonly organisation: string;
  /** Weighted tokens: how much of a deployment it will take. */
  readonly weight: number;
  /** Another deployment failed it; such requests may take only a part of each deployment's room. */
  readonly isInflow: boolean;
  readonly sinceMs: number;
  /** How long it may wait at most; the caller sees to that. */
  readonly waitMsMax: number;
}

/** Requests that wait for the same set of deployments; more are not taken. */
export const queueLengthMax = 1_000;
/** Who has waited for so long, or half of what it may wait, is served ahead of better classes. */
export const starvingMs = 5_000;

/** Requests that wait for the same deployments. */
interface Queue {
  readonly key: string;
  readonly isInflow: boolean;
  readonly handles: readonly string[];
  readonly rings: Map<QueueClass, TurnRing<Waiting>>;
  length: number;
  /** When it was served last, in turns; what was served longest ago comes first. */
  servedAt: number;
}

/** All that waits in one process. Queues are kept by the set of deployments that will do, never by who runs these. When a
 *  place comes free at a deployment, the best class among the queues for it is served; inside a class the queue that was
 *  served longest ago, inside a queue organisations in turn by weighted tokens. Every second turn goes to who has
 *  waited too long in a worse class, so that nobody starves. Pure: time comes in, and no name is compared with another. */
export class WaitingLine<Entry extends Waiting> {
  readonly #queues = new Map<string, Queue>();
  readonly #byHandle = new Map<string, Set<Queue>>();
  #turn = 0;
  #size = 0;
  #rescuedLast = false;

  get size(): number {
    return this.#size;
  }

  /** Handles that somebody waits for. */
  get handles(): IterableIterator<string> {
    return this.#byHandle.keys();
  }

  /** False: as many wait for these deployments as may. */
  join(entry: Entry): boolean {
    const queue = this.#queueOf(entry);
    if (queue.length >= queueLengthMax) return false;
    let ring = queue.rings.get(entry.class);
    if (ring === undefined) {
      ring = new TurnRing<Waiting>();
      queue.rings.set(entry.class, ring);
    }
    ring.add(entry);
    queue.length += 1;
    this.#size += 1;
    return true;
  }

  /** It waits no longer. */
  leave(entry: Entry): void {
    const queue = this.#queues.get(keyOf(entry));
    if (queue?.rings.get(entry.class)?.remove(entry) === true) this.#left(queue);
  }

  /** How many wait for this deployment; without those whom the failure of others brings unless these may come. */
  waitingFor(handle: string, mayFlowIn: boolean): number {
    let count = 0;
    for (const { length, isInflow } of this.#byHandle.get(handle) ?? none) if (mayFlowIn || !isInflow) count += length;
    return count;
  }

  /** How many wait in the same queue. */
  lengthOf(entry: Entry): number {
    return this.#queues.get(keyOf(entry))?.length ?? 0;
  }

  /** A place came free: whose it is. That one waits no longer. */
  next(handle: string, nowMs: number, mayFlowIn: boolean): Entry | undefined {
    const queues: Queue[] = [];
    for (const queue of this.#byHandle.get(handle) ?? none) if (mayFlowIn || !queue.isInflow) queues.push(queue);
    if (queues.length === 0) return undefined;
    const best = queueClasses.find(name => queues.some(({ rings }) => rings.has(name)))!;
    const starving = this.#rescuedLast ? undefined : longestStarving(queues, best, nowMs);
    this.#rescuedLast = starving !== undefined;
    if (starving !== undefined) {
      starving.queue.rings.get(starving.entry.class)!.remove(starving.entry);
      this.#left(starving.queue);
      // Entries go in by join() alone.
      return starving.entry as Entry;
    }
    let chosen: Queue | undefined;
    for (const queue of queues) {
      if (queue.rings.has(best) && (chosen === undefined || queue.servedAt < chosen.servedAt)) chosen = queue;
    }
    const entry = chosen!.rings.get(best)!.take();
    chosen!.servedAt = ++this.#turn;
    this.#left(chosen!);
    return entry as Entry; // As above.
  }

  #queueOf(entry: Entry): Queue {
    const key = keyOf(entry);
    const known = this.#queues.get(key);
    if (known !== undefined) return known;
    const { handles, isInflow } = entry;
    const queue: Queue = { key, isInflow, handles, rings: new Map(), length: 0, servedAt: ++this.#turn };
    this.#queues.set(key, queue);
    for (const handle of handles) {
      const beside = this.#byHandle.get(handle);
      if (beside === undefined) this.#byHandle.set(handle, new Set([queue]));
      else beside.add(queue);
    }
    return queue;
  }

  #left(queue: Queue): void {
    this.#size -= 1;
    queue.length -= 1;
    for (const [name, ring] of queue.rings) if (ring.size === 0) queue.rings.delete(name);
    if (queue.length > 0) return;
    this.#queues.delete(queue.key);
    for (const handle of queue.handles) {
      const beside = this.#byHandle.get(handle)!;
      beside.delete(queue);
      if (beside.size === 0) this.#byHandle.delete(handle);
    }
  }
}

function keyOf({ handles, isInflow }: Waiting): string {
  return `${isInflow ? 'inflow' : 'own'} ${handles.toSorted().join(' ')}`;
}

/** Of the classes behind the best one. */
function longestStarving(queues: readonly Queue[], best: QueueClass, nowMs: number) {
  let found: { readonly queue: Queue; readonly entry: Waiting } | undefined;
  for (const queue of queues) {
    for (const [name, ring] of queue.rings) {
      if (name === best) continue;
      for (const entry of ring.heads()) {
        const isStarving = nowMs - entry.sinceMs >= Math.min(starvingMs, entry.waitMsMax / 2);
        if (isStarving && (found === undefined || entry.sinceMs < found.entry.sinceMs)) found = { queue, entry };
      }
    }
  }
  return found;
}

const none: ReadonlySet<Queue> = new Set();
