import type pg from 'pg';
import type { Job } from '../jobs/job.ts';
import { noticeId, writeNotice } from '../store/notice.ts';

const everyMs = 30_000;
/** Alerts of one code are told once in so long. */
const alertWindowSeconds = 600;
/** Alerts that have notices of their own. */
const noticedElsewhere = ['wallet_low', 'budget_warning'];
const deliveriesKeptDays = 30;
/** By its notice it is known what was told: longer than the windows of budgets. */
const noticesKeptDays = 400;
const rowsMax = 5_000;

/** Makes notices of alerts, and forgets what is long over. */
export function webhookUpkeepJob(): Job {
  return {
    name: 'webhook-upkeep',
    purpose: 'Makes notices of alerts, and forgets deliveries after 30 days, notices after 400',
    schedule: { everyMs },
    run: async ({ client }) => ({ alerts: await noticeAlerts(client), forgotten: await forget(client) }),
  };
}

/** Of every code the first in each window of ten minutes, and how many came until now. Those of before the last window were
 *  told. */
export async function noticeAlerts(client: pg.ClientBase): Promise<number> {
  const { rows } = await client.query(
    `select code, to_char(to_timestamp(slot * $1) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as "from",
            count(*)::int as count, (array_agg(message order by at, id))[1] as message,
            (array_agg(exchange_id order by at, id))[1] as exchange
       from (select *, floor(extract(epoch from at) / $1)::bigint as slot from alert
              where at > now() - $1 * interval '2 seconds' and code <> all ($2::text[])) as recent
      group by code, slot order by slot, code`,
    [alertWindowSeconds, noticedElsewhere],
  );
  let told = 0;
  for (const { from, code, count, message, exchange } of rows) {
    const body = { code, message, count, ...(exchange === null ? {} : { exchange }) };
    const id = noticeId('alert.raised', code, from);
    if (await writeNotice(client, { id, kind: 'alert.raised', organisation: null, body })) told += 1;
  }
  return told;
}

async function forget(client: pg.ClientBase): Promise<number> {
  let forgotten = 0;
  for (const [table, key, old, days] of [
    ['webhook_delivery', 'number', `state <> 'waiting' and created_at`, deliveriesKeptDays],
    ['notice', 'id', 'told_at is not null and at', noticesKeptDays],
  ] as const) {
    const { rowCount } = await client.query(
      `delete from ${table} where ${key} in (
         select ${key} from ${table} where ${old} < now() - interval '${days} days' limit ${rowsMax})`,
    );
    forgotten += rowCount ?? 0;
  }
  return forgotten;
}
