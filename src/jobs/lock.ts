import { crc32 } from 'node:zlib';
import type pg from 'pg';

/** Advisory locks of jobs are pairs: this, and the checksum of the job's name. */
export const jobLockClass = 0x6a_6f_62_73; // "jobs"

/** Second half of the lock's key, a signed 32-bit integer. */
export function jobLockKey(name: string): number {
  return crc32(name) | 0;
}

export async function tryLockJob(client: pg.Client, name: string): Promise<boolean> {
  const { rows } = await client.query('select pg_try_advisory_lock($1, $2) as mine', [jobLockClass, jobLockKey(name)]);
  return rows[0]?.mine === true;
}

/** Keys of jobs whose lock somebody holds, as SQL: pg_locks shows both halves unsigned. */
export const heldJobKeysSql = `
select (case when objid::bigint > 2147483647 then objid::bigint - 4294967296 else objid::bigint end)::int as key
  from pg_locks
 where locktype = 'advisory' and objsubid = 2 and granted and classid::bigint = ${jobLockClass}
   and database = (select oid from pg_database where datname = current_database())`;

/** What makes a lock end soon after its holder: Postgres looks every second whether the client of a running statement is
 *  still there, and asks a silent network for a sign of life. Where the server's system cannot, it is as it was. */
export async function noticeLoss(client: pg.Client): Promise<void> {
  for (const setting of [
    'client_connection_check_interval = 1000',
    'tcp_keepalives_idle = 30',
    'tcp_keepalives_interval = 10',
    'tcp_keepalives_count = 3',
  ]) {
    await client.query(`set ${setting}`).catch(() => {});
  }
}
