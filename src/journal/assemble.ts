import { hash } from 'node:crypto';
import { chargedAtto } from './charged.ts';
import { settleOrphan } from './orphan.ts';
import type { AdmitRecord, AttemptRecord, EndRecord, HeldLease, JournalRecord, ProgressRecord } from './record.ts';

/** One exchange with everything the journal says of it, ready to be shipped. */
export interface CompletedExchange {
  readonly admit: AdmitRecord;
  readonly end: EndRecord;
  /** No end was journaled; `end` is settled by rule. */
  readonly orphan: boolean;
  /** SHA-256, hex, of the journaled facts, not of what was made of them: settling an orphan again under another policy
   *  is the same exchange, another record under the same id is a conflict. */
  readonly digest: string;
}

/** Where a record begins in the journal of one worker. */
export interface JournalPlace {
  readonly sequence: number;
  readonly offset: number;
}

interface OpenExchange {
  readonly admit: AdmitRecord;
  readonly admitDigest: Buffer;
  readonly place: JournalPlace;
  readonly attempts: AttemptRecord[];
  progress: ProgressRecord | undefined;
}

/** Puts the records of one worker's journal together, in their order. Holds only open exchanges, which the worker's own
 *  bound on exchanges limits.
 *  Records without an `admit` are passed over: reading begins at the oldest open admit, so they are of exchanges that
 *  were shipped before. */
export class ExchangeAssembler {
  readonly #open = new Map<string, OpenExchange>();

  /** The exchange, when this record ends it. `conflict` when an open exchange is admitted a second time, differently.
   *  `json` is the record as it was written: to digest that costs a fraction of what writing it again would. */
  accept(
    record: JournalRecord,
    place: JournalPlace,
    json: Buffer = Buffer.from(JSON.stringify(record)),
  ): CompletedExchange | 'conflict' | undefined {
    if (record.type === 'admit') {
      const admitDigest = hash('sha256', json, 'buffer');
      const open = this.#open.get(record.id);
      // A write that broke off behind a whole admit is repeated whole in the next segment, because nobody knows whether
      // what it left will still be there later. The first place counts: nothing of the exchange is before it.
      if (open !== undefined) return open.admitDigest.equals(admitDigest) ? undefined : 'conflict';
      this.#open.set(record.id, { admit: record, admitDigest, place, attempts: [], progress: undefined });
      return undefined;
    }
    const open = this.#open.get(record.id);
    if (open === undefined) return undefined;
    if (record.type === 'attempt') {
      open.attempts.push(record);
      open.progress = undefined;
      return undefined;
    }
    if (record.type === 'progress') {
      open.progress = record;
      return undefined;
    }
    this.#open.delete(record.id);
    const digest = hash('sha256', Buffer.concat([open.admitDigest, json]), 'hex');
    return { admit: open.admit, end: record, orphan: false, digest };
  }

  /** The journal's writer is dead: everything open ends now, by rule. */
  settleAll(orphans: 'delivered' | 'free'): CompletedExchange[] {
    const settled = [...this.#open.values()].map(({ admit, attempts, progress }) => ({
      admit,
      end: settleOrphan({ admit, attempts, progress, orphans }),
      orphan: true,
      digest: hash('sha256', JSON.stringify([admit, attempts, progress ?? null]), 'hex'),
    }));
    this.#open.clear();
    return settled;
  }

  get openCount(): number {
    return this.#open.size;
  }

  /** Where the oldest open exchange was admitted; below it nothing is needed any more. */
  oldestOpen(): JournalPlace | undefined {
    // A map keeps the order of insertion, which is the journal's.
    for (const open of this.#open.values()) return open.place;
    return undefined;
  }
}

/** The leases that an exchange takes `leaseCharge` from: of several pools of a wallet only the one that is for the
 *  deployment that answered, or that was tried last. */
export function chargedLeases({ admit, end }: Pick<CompletedExchange, 'admit' | 'end'>): readonly HeldLease[] {
  return leasesFor(admit.hold.leases, end.attempts.at(-1)?.deployment);
}

/** Those of the leases that are for the deployment. */
export function leasesFor(leases: readonly HeldLease[], deployment: string | undefined): readonly HeldLease[] {
  if (leases.every(({ deployments }) => deployments === undefined)) return leases;
  return leases.filter(
    ({ deployments }) => deployments === undefined || (deployment !== undefined && deployments.includes(deployment)),
  );
}

/** What an exchange takes from each lease its hold was taken from. A quarantined one keeps its whole hold, because what
 *  it will cost is not known yet. */
export function leaseCharge({ admit, end }: Pick<CompletedExchange, 'admit' | 'end'>): bigint {
  if (end.state === 'quarantined') return BigInt(admit.hold.amountAtto);
  return end.sell === undefined ? 0n : chargedAtto(end.sell);
}
