import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseSnapshot } from '../snapshot/load.ts';
import type { SnapshotJson } from '../snapshot/snapshot.ts';
import { writeWholeFileSync } from './whole-file.ts';

/** A start without the database trusts a snapshot no older than this (I7). */
export const snapshotAgeMaxMs = 24 * 60 * 60 * 1000;

export function snapshotPath(dataDirectory: string): string {
  return join(dataDirectory, 'snapshot.json');
}

/** Whole or not at all, readable by the owner only: it holds digests and sealed credentials. */
export function writeSnapshotFile(path: string, snapshot: SnapshotJson): void {
  writeWholeFileSync(path, JSON.stringify(snapshot));
}

export type StoredSnapshot =
  | { readonly state: 'usable'; readonly snapshot: SnapshotJson; readonly ageMs: number }
  | { readonly state: 'absent' }
  | { readonly state: 'too-old'; readonly ageMs: number }
  | { readonly state: 'broken'; readonly reason: string };

export function readSnapshotFile(path: string, nowMs: number): StoredSnapshot {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return { state: 'absent' };
    throw error;
  }
  try {
    parseSnapshot(text);
    const snapshot = JSON.parse(text) as SnapshotJson; // true: parseSnapshot has just accepted it
    // A clock that was set back makes a negative age, which says nothing against the snapshot.
    const ageMs = Math.max(0, nowMs - Date.parse(snapshot.compiledAt));
    return ageMs <= snapshotAgeMaxMs ? { state: 'usable', snapshot, ageMs } : { state: 'too-old', ageMs };
  } catch (error) {
    return { state: 'broken', reason: error instanceof Error ? error.message : String(error) };
  }
}
