import type { Job } from '../jobs/job.ts';

/** How long what has ended is kept: long enough to be looked at, for who was where. */
const endedDays = 90;
const throttleDays = 1;

/** Forgets logins, invitations and tokens that ended long ago. The audit log keeps what was done. */
export function accessUpkeepJob(): Job {
  return {
    name: 'access-upkeep',
    purpose: 'Forgets sessions, invitations, tokens and counts of failed logins that ended long ago',
    schedule: { at: '03:50' },
    run: async ({ client }) => {
      const forget = async (table: string, condition: string) =>
        (await client.query(`delete from ${table} where ${condition}`)).rowCount ?? 0;
      const ended = `now() - interval '${endedDays} days'`;
      return {
        sessions: await forget('access_session', `expires_at < ${ended}`),
        keySessions: await forget('access_key_session', `expires_at < ${ended}`),
        invitations: await forget('access_invitation', `expires_at < ${ended}`),
        tokens: await forget('access_token', `expires_at < ${ended}`),
        failures: await forget('access_throttle', `since < now() - interval '${throttleDays} days'`),
        logins: await forget('access_oidc_login', 'expires_at < now()'),
      };
    },
  };
}
