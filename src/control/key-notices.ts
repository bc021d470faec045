import { type Notice, noticeId } from '../store/notice.ts';
import type { ResourcePair } from './audit-changes.ts';
import { type KeyResource, keyName, organisationOf } from './resources.ts';

/** What happened to keys by one change, for whoever is told by webhooks. Made of the revision, so that each is told once. */
export function keyNotices(pairs: readonly ResourcePair[], revision: bigint): readonly Notice[] {
  return pairs.flatMap(({ old, now }) => {
    if ((now ?? old)?.kind !== 'key') return [];
    const [before, after] = [old as KeyResource | undefined, now as KeyResource | undefined]; // true: both are of one kind
    const kind = kindOf(before, after);
    const key = (after ?? before)!; // one side is there
    if (kind === undefined) return [];
    const id = noticeId(kind, key.id, revision.toString());
    return [{ id, kind, organisation: organisationOf(key.project), body: keyBody(key) }];
  });
}

function kindOf(before: KeyResource | undefined, after: KeyResource | undefined): string | undefined {
  if (before === undefined) return 'key.created';
  if (after === undefined) return before.revoked ? undefined : 'key.revoked';
  if (after.revoked && !before.revoked) return 'key.revoked';
  return after.digest === before.digest ? undefined : 'key.rotated';
}

/** What a notice says of a key: its names and instants, nothing by which it could be used or found. */
export function keyBody(key: KeyResource): Readonly<Record<string, unknown>> {
  return {
    key: key.id,
    name: keyName(key),
    project: key.project,
    expiresAt: key.expiresAt,
    ...(key.previous === undefined ? {} : { previousUntil: key.previous.map(({ until }) => until) }),
  };
}
