/** What takes turns: whose it is, and how much it takes. */
export interface Turn {
  readonly organisation: string;
  /** Whole, from 1; larger ones count as `turnWeightMax`. */
  readonly weight: number;
}

/** Weighted tokens that an organisation is given each round. */
export const turnQuantum = 16_384;
/** What waits longest for its turn is of this weight: sixty-four rounds. */
export const turnWeightMax = 64 * turnQuantum;

interface Member<Entry> {
  readonly organisation: string;
  readonly entries: Entry[];
  deficit: number;
  /** Was it given its quantum of this round? */
  isGiven: boolean;
}

/** Deficit round robin (Shreedhar and Varghese, 1995, https://dl.acm.org/doi/10.1145/217391.217453): while two
 *  organisations both have something here, what they take differs by at most a quantum and twice the heaviest entry. Entries
 *  of one organisation come in the order of their arrival. */
export class TurnRing<Entry extends Turn> {
  /** Its first member has the turn. */
  readonly #ring: Member<Entry>[] = [];
  readonly #members = new Map<string, Member<Entry>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(entry: Entry): void {
    let member = this.#members.get(entry.organisation);
    if (member === undefined) {
      member = { organisation: entry.organisation, entries: [], deficit: 0, isGiven: false };
      this.#members.set(entry.organisation, member);
      this.#ring.push(member);
    }
    member.entries.push(entry);
    this.#size += 1;
  }

  /** Takes out whose turn it is; undefined when nobody is here. */
  take(): Entry | undefined {
    // At most as many rounds as the heaviest entry needs.
    while (this.#ring.length > 0) {
      const member = this.#ring[0]!;
      if (!member.isGiven) {
        member.isGiven = true;
        member.deficit += turnQuantum;
      }
      const weight = weightOf(member.entries[0]!);
      if (weight <= member.deficit) {
        member.deficit -= weight;
        this.#size -= 1;
        const entry = member.entries.shift();
        if (member.entries.length === 0) this.#drop(member);
        return entry;
      }
      member.isGiven = false;
      this.#ring.push(this.#ring.shift()!);
    }
    return undefined;
  }

  /** Takes it out whosever turn it is. False: it is not here. */
  remove(entry: Entry): boolean {
    const member = this.#members.get(entry.organisation);
    const at = member?.entries.indexOf(entry) ?? -1;
    if (member === undefined || at === -1) return false;
    member.entries.splice(at, 1);
    this.#size -= 1;
    if (member.entries.length === 0) this.#drop(member);
    return true;
  }

  /** The next of every organisation. */
  *heads(): IterableIterator<Entry> {
    for (const { entries } of this.#ring) yield entries[0]!;
  }

  /** Who has nothing here keeps nothing for later. */
  #drop(member: Member<Entry>): void {
    this.#members.delete(member.organisation);
    this.#ring.splice(this.#ring.indexOf(member), 1);
  }
}

function weightOf({ weight }: Turn): number {
  return Math.min(Math.max(1, weight), turnWeightMax);
}
