import type { AdmitRecord, AttemptRecord, EndRecord, ProgressRecord } from './record.ts';

/** The write side of one worker's journal. A method that returns a promise resolves when the record is as durable as
 *  `journal.fsync` promises; with `interval` and `never` the write is done when it returns undefined. */
export interface ExchangeJournal {
  /** Reserves room for the largest `end`. Throws Fault('journal_full') when there is none. The record itself may be
   *  staged in memory until the exchange's first `attempt` or `end`: before that nothing has left the process. */
  admit(record: AdmitRecord): void;
  /** The caller writes nothing to an upstream socket before this has returned and, if a promise, resolved. Throws or
   *  rejects with Fault('journal_full' | 'journal_failed'); then the attempt is not made, and the exchange is ended. */
  attempt(record: AttemptRecord): undefined | Promise<void>;
  progress(record: ProgressRecord): void;
  /** The caller lets no client see the end of the answer before this has returned and, if a promise, resolved.
   *  Called once an exchange, whatever it answers: when the disk takes nothing, the record is kept, and the promise
   *  resolves once it is written, however late. It rejects with Fault('journal_full' | 'journal_failed') when nobody can
   *  say whether the record will be read: a sync failed, or the journal was closed before the disk took it. */
  end(record: EndRecord): undefined | Promise<void>;
  /** Is there room to admit? For /readyz. */
  hasRoom(): boolean;
  /** Flushes, syncs and closes; after it, every call throws. */
  close(): Promise<void>;
}
