import { decide } from './decide.ts';
import type { DecisionRecord } from './decision.ts';

/** What became of replaying a record. */
export type Replay =
  | { readonly outcome: 'same' }
  /** Another engine decided it, or somebody changed it: what it says and what this engine makes of the same inputs. */
  | { readonly outcome: 'different'; readonly recorded: string; readonly replayed: string }
  /** It is no record of an engine that this one knows how to read. */
  | { readonly outcome: 'unreadable'; readonly reason: string };

/** Decides again from what the record says went in. `recorded` is the record's own bytes; the same engine gives the same
 *  bytes on every machine. Never throws. */
export function replay(recorded: string): Replay {
  let record: DecisionRecord;
  try {
    record = JSON.parse(recorded);
  } catch {
    return { outcome: 'unreadable', reason: 'it is not JSON' };
  }
  if (record?.v !== 2)
    return { outcome: 'unreadable', reason: `it is of engine ${JSON.stringify(record?.v) ?? 'none'}` };
  let replayed: string;
  try {
    replayed = JSON.stringify(decideAgain(record));
  } catch (error) {
    return { outcome: 'unreadable', reason: `its inputs are not what this engine reads: ${(error as Error).message}` };
  }
  return replayed === recorded ? { outcome: 'same' } : { outcome: 'different', recorded, replayed };
}

/** The same inputs, decided by this engine. */
export function decideAgain(record: DecisionRecord): DecisionRecord {
  return decide(
    record.candidates.map(({ h, view }) => ({ handle: h, ...view })),
    {
      atMs: record.atMs,
      health: new Map(record.candidates.flatMap(({ h, health }) => (health === undefined ? [] : [[h, health]]))),
      costs: new Map(record.candidates.flatMap(({ h, cost }) => (cost === undefined ? [] : [[h, cost]]))),
    },
    record.facts,
    { epoch: record.epoch, seed: record.seed },
  );
}
