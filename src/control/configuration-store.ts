import { sql } from 'kysely';
import type { Author } from '../audit/author.ts';
import { recordAudits } from '../audit/record-audit.ts';
import { canonicalJson } from '../snapshot/hash.ts';
import type { Store } from '../store/connect.ts';
import { writeNotice } from '../store/notice.ts';
import { auditEvents } from './audit-changes.ts';
import type { Change } from './changes.ts';
import { keyNotices } from './key-notices.ts';
import { writeValidity } from './price-validity.ts';
import { publishVersions, readVersions } from './price-versions.ts';
import { type Configuration, entriesOf, type PriceVersion, type Resource, resourceKey } from './resources.ts';

/** Another change was committed since the configuration was read; read it again. */
export class RevisionConflict extends Error {
  override readonly name = 'RevisionConflict';
}

/** The database belongs to another master key: nothing stored in it could be opened. */
export class MasterKeyMismatch extends Error {
  override readonly name = 'MasterKeyMismatch';
}

/** Rows of one statement; Postgres allows 65,535 parameters. */
const rowsPerStatement = 5_000;

/** Keeps the master key's fingerprint at the first start and refuses another at every later one. */
export async function claimInstallation(store: Store, fingerprint: string): Promise<void> {
  await store.db
    .insertInto('installation')
    .values({ master_key_fingerprint: fingerprint })
    .onConflict(conflict => conflict.doNothing())
    .execute();
  const row = await store.db
    .selectFrom('installation')
    .select(['master_key_fingerprint', 'master_key_changed_at'])
    .executeTakeFirstOrThrow();
  if (row.master_key_fingerprint === fingerprint) return;
  const since = row.master_key_changed_at;
  const owner =
    since === null ? 'was set up with another master key' : `has had another master key since ${since.toISOString()}`;
  throw new MasterKeyMismatch(
    `the database ${owner}; start with that one (CARRIER_MASTER_KEY or master.key): its fingerprint is ` +
      `${row.master_key_fingerprint.slice(0, 8)}, that of the one given ${fingerprint.slice(0, 8)}`,
  );
}

export async function readRevision(store: Store): Promise<bigint> {
  const row = await store.db
    .selectFrom('configuration_revision')
    .select(eb => eb.fn.max('revision').as('revision'))
    .executeTakeFirst();
  return row?.revision ?? 0n;
}

/** Everything as of one moment. */
export async function readConfiguration(store: Store): Promise<Configuration> {
  return store.db
    .transaction()
    .setIsolationLevel('repeatable read')
    .setAccessMode('read only')
    .execute(async transaction => {
      const head = await transaction
        .selectFrom('configuration_revision')
        .select(eb => eb.fn.max('revision').as('revision'))
        .executeTakeFirst();
      const rows = await transaction.selectFrom('configuration_resource').select(['kind', 'id', 'document']).execute();
      // The cast is true: only commitConfiguration writes documents, each under its kind and id.
      const resources = rows.map(row => ({ ...(row.document as object), kind: row.kind, id: row.id }) as Resource);
      return {
        revision: head?.revision ?? 0n,
        resources: new Map(resources.map(resource => [resourceKey(resource), resource])),
        versions: await readVersions(transaction, versionsNamed(resources)),
      };
    });
}

/** Commits `next` as the revision after the one it was made from, with the versions it publishes, in one transaction.
 *  Throws RevisionConflict when another change came first: nothing is written then. Returns the new revision. */
export async function commitConfiguration(
  store: Store,
  commit: Author & {
    readonly before: Configuration;
    readonly next: Configuration;
    readonly publications: readonly PriceVersion[];
    readonly changes: readonly Change[];
    readonly nowMs: number;
  },
): Promise<bigint> {
  const revision = commit.before.revision + 1n;
  try {
    await store.db.transaction().execute(async transaction => {
      await transaction
        .insertInto('configuration_revision')
        .values({ revision, actor: commit.actor, changes: JSON.stringify(commit.changes) })
        .execute();
      await publishVersions(transaction, commit.publications);
      await writeValidity(transaction, commit);
      const { written, removed } = difference(commit.before, commit.next);
      const pairs = [
        ...written.map(now => ({ old: commit.before.resources.get(resourceKey(now)), now })),
        ...removed.map(key => ({ old: commit.before.resources.get(key), now: undefined })),
      ];
      await recordAudits(transaction, auditEvents(pairs, commit));
      for (const notice of keyNotices(pairs, revision)) await writeNotice(transaction, notice);
      for (let at = 0; at < removed.length; at += rowsPerStatement) {
        const keys = removed.slice(at, at + rowsPerStatement);
        await sql`
          delete from configuration_resource
          where (kind || ':' || id) = any(${keys}::text[])`.execute(transaction);
      }
      for (let at = 0; at < written.length; at += rowsPerStatement) {
        const rows = written.slice(at, at + rowsPerStatement).map(({ kind, id, ...document }) => ({
          kind,
          id,
          document: JSON.stringify(document),
          revision,
        }));
        await transaction
          .insertInto('configuration_resource')
          .values(rows)
          .onConflict(conflict =>
            conflict.columns(['kind', 'id']).doUpdateSet(eb => ({
              document: eb.ref('excluded.document'),
              revision: eb.ref('excluded.revision'),
            })),
          )
          .execute();
      }
    });
    return revision;
  } catch (error) {
    if (isRevisionTaken(error)) throw new RevisionConflict('the configuration changed meanwhile', { cause: error });
    throw error;
  }
}

function versionsNamed(resources: readonly Resource[]): readonly string[] {
  const named = resources.flatMap(resource => {
    if (resource.kind === 'book') return entriesOf(resource).map(({ version }) => version);
    return resource.kind === 'rule' && resource.version !== null ? [resource.version] : [];
  });
  return [...new Set(named)];
}

function difference(before: Configuration, next: Configuration) {
  const written = [...next.resources].flatMap(([key, resource]) => {
    const old = before.resources.get(key);
    return old !== undefined && (old === resource || canonicalJson(old) === canonicalJson(resource)) ? [] : [resource];
  });
  return { written, removed: [...before.resources.keys()].filter(key => !next.resources.has(key)) };
}

function isRevisionTaken(error: unknown): boolean {
  return (
    error instanceof Error &&
    'code' in error &&
    error.code === '23505' &&
    'constraint' in error &&
    error.constraint === 'configuration_revision_pkey'
  );
}
