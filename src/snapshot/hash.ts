import { createHash } from 'node:crypto';
import type { SnapshotJson } from './snapshot.ts';

/** JSON with keys sorted by UTF-16 code units and no spaces, as RFC 8785 orders it; snapshots hold strings, booleans, null
 *  and safe integers only, for which JSON.stringify already writes RFC 8785's form. */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value !== 'object') {
    if (typeof value === 'number' && !Number.isSafeInteger(value)) throw new RangeError(`not a safe integer: ${value}`);
    const text = JSON.stringify(value);
    if (text === undefined) throw new TypeError(`not JSON: ${typeof value}`);
    return text;
  }
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  entries.sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0));
  return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${canonicalJson(inner)}`).join(',')}}`;
}

/** SHA-256, hex, of everything but `hash` and `compiledAt`. */
export function snapshotHash(snapshot: Omit<SnapshotJson, 'hash'>): string {
  const content = { ...snapshot, hash: undefined, compiledAt: undefined };
  return createHash('sha256').update(canonicalJson(content)).digest('hex');
}
