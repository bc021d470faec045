import type pg from 'pg';
import type { Job } from '../jobs/job.ts';
import { type Notice, noticeId, writeNotice } from '../store/notice.ts';
import { keyBody } from './key-notices.ts';
import { type KeyResource, organisationOf } from './resources.ts';

const dayMs = 86_400_000;
/** Told once each, when so much is left. The nearest comes last: a key that is made to end tomorrow is told of once. */
const stages = [
  { kind: 'key.expiring', withinMs: 7 * dayMs, days: 7 },
  { kind: 'key.expiring', withinMs: dayMs, days: 1 },
  { kind: 'key.expired', withinMs: 0, days: 0 },
] as const;
/** An end that is longer ago was told of, or was past when the key was made. */
const expiredWithinMs = 7 * dayMs;
const everyMs = 600_000;

/** Says of keys that they end in seven days, in one, and that they ended. */
export function keyExpiryJob(nowMs: () => number = Date.now): Job {
  return {
    name: 'key-expiry',
    purpose: 'Tells of keys that expire in seven days, in one, and now',
    schedule: { everyMs },
    run: async ({ client }) => {
      const now = nowMs();
      let told = 0;
      for (const key of await readEndingKeys(client, now)) {
        const notice = expiryNotice(key, now);
        if (notice !== undefined && (await writeNotice(client, notice))) told += 1;
      }
      return { told };
    },
  };
}

/** The nearest stage that a key has reached; undefined when it has reached none. */
export function expiryNotice(key: KeyResource, nowMs: number): Notice | undefined {
  if (key.revoked || key.expiresAt === null) return undefined;
  const leftMs = Date.parse(key.expiresAt) - nowMs;
  const stage = stages.findLast(({ withinMs }) => leftMs <= withinMs);
  if (stage === undefined || leftMs < -expiredWithinMs) return undefined;
  return {
    id: noticeId(stage.kind, key.id, key.expiresAt, String(stage.days)),
    kind: stage.kind,
    organisation: organisationOf(key.project),
    body: { ...keyBody(key), daysLeft: stage.days },
  };
}

async function readEndingKeys(client: pg.ClientBase, nowMs: number): Promise<KeyResource[]> {
  const { rows } = await client.query(
    `select id, document from configuration_resource
      where kind = 'key' and document ->> 'expiresAt' is not null
        and (document ->> 'expiresAt')::timestamptz between $1 and $2
        and document ->> 'revoked' = 'false'
      order by id`,
    [new Date(nowMs - expiredWithinMs), new Date(nowMs + 7 * dayMs)],
  );
  // The cast is true: only commitConfiguration writes documents, each under its kind.
  return rows.map(({ id, document }) => ({ ...document, kind: 'key', id }) as KeyResource);
}
