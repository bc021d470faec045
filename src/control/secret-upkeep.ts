import type pg from 'pg';
import type { Job } from '../jobs/job.ts';
import type { Store } from '../store/connect.ts';
import type { Control } from './control.ts';
import type { Keyring } from './keyring.ts';

export const resealJobName = 'secrets-reseal';
const resealEveryMs = 3_600_000;
const filesEveryMs = 60_000;
/** How long a key opens after it sealed for the last time: answers to repeated requests, and snapshots with which a replica
 *  starts without the database, are a day old at most. An hour for clocks. */
export const keyKeptMs = 25 * 3_600_000;
const author = { actor: 'system:secrets' };
/** Rows of one statement. */
const rowsMax = 500;

/** Columns beside the configuration that hold sealed text for longer than a key is kept, with the context of each row. */
const sealedColumns = [
  { table: 'access_user', id: 'id', column: 'totp_sealed', context: (id: string) => `access:totp:${id}` },
  { table: 'webhook_endpoint', id: 'id', column: 'secret_sealed', context: (id: string) => `webhook:${id}` },
  { table: 'webhook_endpoint', id: 'id', column: 'previous_sealed', context: (id: string) => `webhook:${id}` },
] as const;

interface UpkeepParts {
  readonly store: Store;
  readonly keyring: Keyring;
  readonly control: () => Pick<Control, 'resealSecrets' | 'followFiles' | 'references'>;
  readonly nowMs?: () => number;
}

/** Seals everything under the key that seals now, and ends keys that nothing needs any more. Cut off anywhere it goes on
 *  where it was: what is sealed anew is not looked at again. */
export function resealJob({ store, keyring, control, nowMs = Date.now }: UpkeepParts): Job {
  return {
    name: resealJobName,
    purpose: 'Seals stored secrets under the newest key, and ends keys that nothing is sealed under',
    schedule: { everyMs: resealEveryMs },
    run: async ({ client, progress }) => {
      await keyring.refresh(store);
      let resealed = await control().resealSecrets(author);
      progress({ done: resealed, note: 'configuration' });
      for (const place of sealedColumns) {
        resealed += await resealColumn(client, place, keyring, done =>
          progress({ done: resealed + done, note: `${place.table}.${place.column}` }),
        );
      }
      const ended = await endKeys(client, keyring, nowMs());
      if (ended > 0) await keyring.refresh(store);
      return { resealed, ended };
    },
  };
}

/** What credentials refer to as `file:` is read again. */
export function followFilesJob({ control }: Pick<UpkeepParts, 'control'>): Job {
  return {
    name: 'secret-files',
    purpose: 'Reads again the files that credentials refer to, and takes over what changed',
    schedule: { everyMs: filesEveryMs },
    run: async () => {
      const changed = await control().followFiles({ actor: 'system:secret-files' });
      const unread = (await control().references()).filter(({ problem }) => problem !== null);
      return { changed, unresolved: unread.length, first: unread[0]?.usedBy ?? null };
    },
  };
}

async function resealColumn(
  client: pg.ClientBase,
  { table, id, column, context }: (typeof sealedColumns)[number],
  { sealer, keys }: Keyring,
  progress: (done: number) => void,
): Promise<number> {
  const prefix = keys.active === null ? 'v1.' : `v2.${keys.active}.`;
  for (let done = 0; ; ) {
    const { rows } = await client.query(
      `select ${id} as id, ${column} as sealed from ${table}
        where ${column} is not null and not starts_with(${column}, $1) order by ${id} limit ${rowsMax}`,
      [prefix],
    );
    for (const { id: row, sealed } of rows) {
      const anew = sealer.seal(sealer.open(sealed, context(row)), context(row));
      // Only what was read: whoever replaced it meanwhile has sealed it anew.
      await client.query(`update ${table} set ${column} = $3 where ${id} = $1 and ${column} = $2`, [row, sealed, anew]);
      done += 1;
      progress(done);
    }
    if (rows.length < rowsMax) return done;
  }
}

/** In one statement: a key goes only where nothing names it. */
async function endKeys(client: pg.ClientBase, { keys }: Keyring, nowMs: number): Promise<number> {
  const isUsed = [
    `exists (select from configuration_resource c where strpos(c.document::text, '"v2.' || k.id || '.') > 0)`,
    ...sealedColumns.map(
      ({ table, column }) => `exists (select from ${table} s where starts_with(s.${column}, 'v2.' || k.id || '.'))`,
    ),
  ];
  const { rows } = await client.query(
    `with ended as (
       delete from sealing_key k
        where k.state = 'retiring' and k.id <> $2 and k.retired_at < $1 and not (${isUsed.join(' or ')})
       returning k.id
     ), told as (
       insert into audit_event (actor, action, target, outcome)
       select 'system:secrets', 'secrets.end', 'sealing-key:' || id, 'done' from ended
     ), raised as (
       update installation set keyring_revision = keyring_revision + 1 where exists (select from ended)
     )
     select count(*)::int as ended from ended`,
    [new Date(nowMs - keyKeptMs), keys.active ?? ''],
  );
  return rows[0].ended;
}
