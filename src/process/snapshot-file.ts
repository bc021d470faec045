import { readFileSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { writeWholeFileSync } from '../control/whole-file.ts';
import { loadSnapshot } from '../snapshot/load.ts';
import type { SnapshotJson } from '../snapshot/snapshot.ts';

/** A snapshot that nobody could confirm for longer is not served with: keys may have been revoked meanwhile. */
export const snapshotAgeMaxMs = 24 * 60 * 60 * 1_000;

/** The snapshot on disk: what workers read, and what a start without the database serves with. Its modification time is
 *  the last moment at which the database confirmed it. */
export class SnapshotFile {
  readonly path: string;

  constructor(dataDirectory: string) {
    this.path = join(dataDirectory, 'snapshot.json');
  }

  /** undefined when there is none, or none that may be served with; `why` says which. */
  read(nowMs: number): { readonly snapshot: SnapshotJson } | { readonly snapshot: undefined; readonly why: string } {
    const confirmedAtMs = statSync(this.path, { throwIfNoEntry: false })?.mtimeMs;
    if (confirmedAtMs === undefined) return { snapshot: undefined, why: 'there is no snapshot on disk yet' };
    if (nowMs - confirmedAtMs > snapshotAgeMaxMs) {
      return { snapshot: undefined, why: 'the snapshot on disk was last confirmed more than 24 hours ago' };
    }
    try {
      // The cast is true when loading succeeds: it checks the format and the hash.
      const snapshot = JSON.parse(readFileSync(this.path, 'utf8')) as SnapshotJson;
      loadSnapshot(snapshot);
      return { snapshot };
    } catch (error) {
      return { snapshot: undefined, why: `the snapshot on disk cannot be used: ${(error as Error).message}` };
    }
  }

  /** Whole or not at all, for its owner alone. */
  write(snapshot: SnapshotJson): void {
    writeWholeFileSync(this.path, JSON.stringify(snapshot));
  }

  /** The database was asked and has nothing newer. */
  confirm(nowMs: number): void {
    utimesSync(this.path, nowMs / 1_000, nowMs / 1_000);
  }
}
