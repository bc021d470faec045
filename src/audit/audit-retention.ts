import type { Job } from '../jobs/job.ts';

/** The database itself keeps every event for so long (migration 0016). */
export const auditKeptDaysMin = 365;
const rowsAtOnce = 10_000;
const statementsMax = 200;

/** Forgets events that are older than the setting `retention.audit`. */
export function auditRetentionJob(retentionDays: number): Job {
  return {
    name: 'audit-retention',
    purpose: 'Forgets events of the audit log that are past their retention',
    schedule: { at: '03:40' },
    run: async ({ client, progress, signal }) => {
      let forgotten = 0;
      for (let statement = 0; statement < statementsMax; statement += 1) {
        signal.throwIfAborted();
        // The days of the trigger are counted by the database, and so are these.
        const { rowCount } = await client.query(
          `delete from audit_event
            where number = any (array(select number from audit_event where at < now() - make_interval(days => $1)
                                       order by at limit ${rowsAtOnce}))`,
          [retentionDays],
        );
        forgotten += rowCount ?? 0;
        if ((rowCount ?? 0) < rowsAtOnce) break;
        progress({ done: forgotten, note: 'events' });
      }
      return { forgotten };
    },
  };
}
