import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { sql, type Transaction } from 'kysely';
import type { Author } from '../audit/author.ts';
import { recordAudit } from '../audit/record-audit.ts';
import { Fault } from '../completion/fault.ts';
import type { Store } from '../store/connect.ts';
import type { Tables } from '../store/tables.ts';
import { claimInstallation, MasterKeyMismatch } from './configuration-store.ts';
import { createSealer, masterKeyFingerprint, type OpenKeys, rootOf, type Sealer, unwrapKey, wrapKey } from './seal.ts';
import type { MasterKeyPlace } from './secret-files.ts';
import { writeWholeFileSync } from './whole-file.ts';

/** Keys that open and no longer seal, at once: each is a rotation whose day is not over. */
export const retiringKeysMax = 8;
/** A replica that was not seen for so long does not run. */
const replicaSilentSeconds = 60;

export interface KeyringOptions {
  /** Where the master key is, and may be replaced. */
  readonly place: MasterKeyPlace;
  /** The wrapped keys, for a start without the database. */
  readonly path: string;
  readonly replica: string;
  readonly onKeys?: (keys: OpenKeys) => void;
  /** Called once, when another replica has replaced the master key. */
  readonly onOutdated?: () => void;
}

interface StoredKeys {
  readonly fingerprint: string;
  readonly revision: bigint;
  readonly keys: readonly { readonly id: string; readonly state: string; readonly wrapped: string }[];
}

/** The keys under which secrets are sealed. The database has them wrapped by the master key, a file beside the snapshot has a
 *  copy, and only memory has them open: a replica whose master key was replaced elsewhere goes on until its next start. */
export class Keyring {
  readonly #options: KeyringOptions;
  #masterKey: string;
  #keys: OpenKeys;
  #revision: bigint | undefined;
  #isOpen = false;
  #isOutdated = false;
  readonly sealer: Sealer;

  constructor(options: KeyringOptions) {
    this.#options = options;
    const onDisk = readKeyringFile(options.path);
    const fitting = options.place.candidates.find(key => masterKeyFingerprint(key) === onDisk?.fingerprint);
    this.#masterKey = fitting ?? options.place.candidates[0]!; // there is one
    this.#keys = { root: rootOf(this.#masterKey), active: null, data: {} };
    const keys = onDisk === undefined || fitting === undefined ? undefined : tryOpenKeys(fitting, onDisk);
    if (keys !== undefined) {
      this.#keys = keys;
      this.#isOpen = true;
    }
    this.sealer = createSealer(this.#keys);
  }

  /** Is what lies on this machine enough to open what the snapshot beside it holds? */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  get keys(): OpenKeys {
    return this.#keys;
  }

  /** The master key was replaced by another replica: this one cannot be started again with the one it has. */
  get isOutdated(): boolean {
    return this.#isOutdated;
  }

  /** The database is there. Makes the keys of an installation that has none. Throws MasterKeyMismatch. */
  async load(store: Store): Promise<void> {
    this.#masterKey = await this.#fitting(store);
    await store.db.transaction().execute(async transaction => {
      await this.#lock(transaction);
      await this.#ensureKeys(transaction);
    });
    await this.#read(store);
    this.#options.place.settle(this.#masterKey);
  }

  /** Takes over what another replica changed. Cheap where nothing is new. */
  async refresh(store: Store): Promise<void> {
    const row = await readInstallation(store);
    if (row.keyring_revision !== this.#revision) await this.#read(store);
  }

  /** Says that this replica runs, and with which master key. */
  async present(store: Store): Promise<void> {
    await this.refresh(store);
    await store.pool.query(
      `with gone as (delete from sealing_replica where seen_at < now() - interval '1 day')
       insert into sealing_replica (replica, master_key_fingerprint, keyring_revision) values ($1, $2, $3)
       on conflict (replica) do update set master_key_fingerprint = excluded.master_key_fingerprint,
         keyring_revision = excluded.keyring_revision, seen_at = now()`,
      [this.#options.replica, masterKeyFingerprint(this.#masterKey), this.#revision ?? 0n],
    );
  }

  /** A new key seals from now on; the one before opens until the job has sealed everything anew, and a day longer.
   *  Throws Fault('master_key_outdated', 'secrets_rotating'). */
  async rotate(store: Store, author: Author): Promise<string> {
    const id = randomBytes(5).toString('hex');
    await store.db.transaction().execute(async transaction => {
      await this.#lock(transaction);
      await refuseStragglers(transaction, masterKeyFingerprint(this.#masterKey));
      const rows = await transaction.selectFrom('sealing_key').select(['id', 'state']).execute();
      if (rows.filter(({ state }) => state === 'retiring').length >= retiringKeysMax)
        throw new Fault('secrets_rotating');
      await transaction
        .updateTable('sealing_key')
        .set({ state: 'retiring', retired_at: sql<Date>`now()` })
        .where('state', '=', 'active')
        .execute();
      await this.#insertKey(transaction, { id, state: 'active' });
      await raiseRevision(transaction);
      const before = rows.find(({ state }) => state === 'active')?.id;
      await recordAudit(transaction, {
        ...author,
        organisation: null,
        action: 'secrets.rotate',
        target: `sealing-key:${id}`,
        before: before === undefined ? undefined : { seals: before },
        after: { seals: id },
      });
    });
    await this.#read(store);
    return id;
  }

  /** Wraps every key anew. One transaction makes the old master key useless and the new one good: whatever breaks off,
   *  exactly one of both starts the installation. Throws Fault('master_key_outdated', 'master_key_same'). */
  async rotateMaster(
    store: Store,
    next: string,
    author: Author,
  ): Promise<{ readonly before: string; readonly after: string }> {
    const [before, after] = [masterKeyFingerprint(this.#masterKey), masterKeyFingerprint(next)];
    if (before === after) throw new Fault('master_key_same');
    this.#options.place.prepare(next);
    await store.db.transaction().execute(async transaction => {
      await this.#lock(transaction);
      for (const { id, wrapped } of await transaction.selectFrom('sealing_key').select(['id', 'wrapped']).execute()) {
        await transaction
          .updateTable('sealing_key')
          .set({ wrapped: wrapKey(next, unwrapKey(this.#masterKey, wrapped, id), id) })
          .where('id', '=', id)
          .execute();
      }
      await transaction
        .updateTable('installation')
        .set({ master_key_fingerprint: after, master_key_changed_at: sql<Date>`now()` })
        .execute();
      await raiseRevision(transaction);
      await recordAudit(transaction, {
        ...author,
        organisation: null,
        action: 'secrets.rotate',
        target: 'master-key',
        before: { fingerprint: before },
        after: { fingerprint: after },
      });
    });
    this.#masterKey = next;
    await this.#read(store);
    this.#options.place.settle(next);
    return { before, after };
  }

  async #fitting(store: Store): Promise<string> {
    const candidates = [this.#masterKey, ...this.#options.place.candidates];
    const row = await store.db.selectFrom('installation').select('master_key_fingerprint').executeTakeFirst();
    const fitting = candidates.find(key => masterKeyFingerprint(key) === row?.master_key_fingerprint);
    const chosen = fitting ?? this.#masterKey;
    await claimInstallation(store, masterKeyFingerprint(chosen));
    return chosen;
  }

  /** Nobody else changes keys meanwhile, and the master key here is the one they are wrapped by. */
  async #lock(transaction: Transaction<Tables>): Promise<void> {
    const row = await transaction.selectFrom('installation').selectAll().forUpdate().executeTakeFirstOrThrow();
    if (row.master_key_fingerprint !== masterKeyFingerprint(this.#masterKey)) throw new Fault('master_key_outdated');
  }

  /** An installation of before keeps sealing under its root until it rotates: replicas of an older release, which run beside
   *  this one while it is rolled out, open nothing else. */
  async #ensureKeys(transaction: Transaction<Tables>): Promise<void> {
    const root = await transaction
      .selectFrom('sealing_key')
      .select('id')
      .where('state', '=', 'root')
      .executeTakeFirst();
    if (root !== undefined) return;
    const wrapped = wrapKey(this.#masterKey, rootOf(this.#masterKey), 'root');
    await transaction
      .insertInto('sealing_key')
      .values({ id: 'root', state: 'root', wrapped, retired_at: null })
      .execute();
    const used = await transaction.selectFrom('configuration_revision').select('revision').limit(1).executeTakeFirst();
    if (used === undefined) await this.#insertKey(transaction, { id: randomBytes(5).toString('hex'), state: 'active' });
    await raiseRevision(transaction);
  }

  async #insertKey(
    transaction: Transaction<Tables>,
    { id, state }: { readonly id: string; readonly state: 'active' },
  ): Promise<void> {
    const wrapped = wrapKey(this.#masterKey, randomBytes(32).toString('base64url'), id);
    await transaction.insertInto('sealing_key').values({ id, state, wrapped, retired_at: null }).execute();
  }

  /** Both in one look: a rotation in between would pair keys with another revision. */
  async #read(store: Store): Promise<void> {
    const stored = await store.db
      .transaction()
      .setIsolationLevel('repeatable read')
      .setAccessMode('read only')
      .execute(async transaction => {
        const row = await transaction.selectFrom('installation').selectAll().executeTakeFirstOrThrow();
        const keys = await transaction
          .selectFrom('sealing_key')
          .select(['id', 'state', 'wrapped'])
          .orderBy('id')
          .execute();
        return { fingerprint: row.master_key_fingerprint, revision: row.keyring_revision, keys };
      });
    const wasOutdated = this.#isOutdated;
    this.#isOutdated = stored.fingerprint !== masterKeyFingerprint(this.#masterKey);
    if (this.#isOutdated && !wasOutdated) this.#options.onOutdated?.();
    // Nothing of it opens here; what is open in memory goes on.
    if (this.#isOutdated) return;
    this.#keys = openKeys(this.#masterKey, stored);
    // Before anything that is sealed under them is written beside it.
    writeKeyringFile(this.#options.path, stored);
    this.sealer.useKeys(this.#keys);
    this.#revision = stored.revision;
    this.#isOpen = true;
    this.#options.onKeys?.(this.#keys);
  }
}

/** What it would not see, it could not open. */
async function refuseStragglers(transaction: Transaction<Tables>, fingerprint: string): Promise<void> {
  const straggler = await transaction
    .selectFrom('sealing_replica')
    .select('replica')
    .where('master_key_fingerprint', '<>', fingerprint)
    .where('seen_at', '>', sql<Date>`now() - ${replicaSilentSeconds} * interval '1 second'`)
    .limit(1)
    .executeTakeFirst();
  if (straggler === undefined) return;
  throw new Fault('master_key_outdated', `The replica ${straggler.replica} runs with the master key of before.`);
}

async function raiseRevision(transaction: Transaction<Tables>): Promise<void> {
  await transaction
    .updateTable('installation')
    .set(eb => ({ keyring_revision: eb('keyring_revision', '+', 1n) }))
    .execute();
}

function readInstallation(store: Store) {
  return store.db.selectFrom('installation').selectAll().executeTakeFirstOrThrow();
}

function openKeys(masterKey: string, { keys }: Pick<StoredKeys, 'keys'>): OpenKeys {
  const open = new Map(keys.map(({ id, wrapped }) => [id, unwrapKey(masterKey, wrapped, id)]));
  const root = open.get('root');
  if (root === undefined) throw new MasterKeyMismatch('the keyring has no root; restore it from a backup');
  open.delete('root');
  return { root, active: keys.find(({ state }) => state === 'active')?.id ?? null, data: Object.fromEntries(open) };
}

/** A file that is damaged is none: the database has what was in it. */
function tryOpenKeys(masterKey: string, stored: StoredKeys): OpenKeys | undefined {
  try {
    return openKeys(masterKey, stored);
  } catch {
    return undefined;
  }
}

function writeKeyringFile(path: string, stored: StoredKeys): void {
  writeWholeFileSync(path, JSON.stringify({ ...stored, revision: stored.revision.toString() }));
}

/** undefined: there is none, or none that can be read; the database has it. */
function readKeyringFile(path: string): StoredKeys | undefined {
  try {
    const stored = JSON.parse(readFileSync(path, 'utf8'));
    return typeof stored.fingerprint === 'string' && Array.isArray(stored.keys) ? stored : undefined;
  } catch {
    return undefined;
  }
}
