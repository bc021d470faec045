import { readWalletChanges } from '../billing/wallet-states.ts';
import { revokeInSnapshot } from '../control/compile.ts';
import { readRevision } from '../control/configuration-store.ts';
import type { Control } from '../control/control.ts';
import { readLocalRevocations, storeLocalRevocations } from '../control/local-revocation.ts';
import { readSnapshotFile, snapshotPath, writeSnapshotFile } from '../control/snapshot-file.ts';
import type { SnapshotJson } from '../snapshot/snapshot.ts';
import type { Store } from '../store/connect.ts';
import type { Log } from '../telemetry/log.ts';

/** Another replica's change, or one made here by another process, is seen after so long at most. */
const pollIntervalMs = 500;
/** A start without the database trusts what was confirmed within 24 hours; the confirmation is renewed so often. */
const confirmIntervalMs = 600_000;

export interface ConfigurationKeeperOptions {
  readonly dataPath: string;
  readonly log: Log;
  /** Awaited before a snapshot is published: the keys of what is sealed in it are to be here by then. */
  readonly beforePublish: (store: Store) => Promise<void>;
  /** The snapshot on disk is another one now. */
  readonly onSnapshot: (snapshot: SnapshotJson) => void;
}

/** Keeps the snapshot on disk equal to the stored configuration and to what wallets have: compiles it at the start and at
 *  every change, whoever made it. Without the database it keeps the last one, and revokes in it what was revoked on this machine. */
export class ConfigurationKeeper {
  readonly #options: ConfigurationKeeperOptions;
  readonly #path: string;
  #stored: { readonly store: Store; readonly control: Control } | undefined;
  #current: SnapshotJson | undefined;
  #timer: NodeJS.Timeout | undefined;
  #refreshing: Promise<void> | undefined;
  #confirmedAtMs = Number.NEGATIVE_INFINITY;
  #databaseUp = false;
  /** As of the last snapshot that was compiled. */
  #walletChanges: bigint | undefined;

  constructor(options: ConfigurationKeeperOptions) {
    this.#options = options;
    this.#path = snapshotPath(options.dataPath);
  }

  /** What workers read. */
  get path(): string {
    return this.#path;
  }

  get current(): SnapshotJson | undefined {
    return this.#current;
  }

  /** Did the database answer when it was last asked? */
  get databaseUp(): boolean {
    return this.#databaseUp;
  }

  /** Serves with what is on disk until the database answers; false when there is nothing fresh enough. */
  useDisk(): boolean {
    const onDisk = readSnapshotFile(this.#path, Date.now());
    if (onDisk.state !== 'usable') {
      if (onDisk.state !== 'absent') this.#options.log.info('the snapshot on disk is not used', { why: onDisk.state });
      return false;
    }
    this.#current = onDisk.snapshot;
    this.#revokeLocally();
    return true;
  }

  /** The database is there: compiles what is stored, and follows it from now on. */
  async follow(store: Store, control: Control): Promise<void> {
    await storeLocalRevocations(this.#options.dataPath, control);
    await this.#compile({ store, control }, await readWalletChanges(store));
    this.#stored = { store, control };
    this.#databaseUp = true;
  }

  /** Begins looking for changes, with or without a database. */
  start(): void {
    this.#timer = setInterval(() => {
      // First, and whatever the database does: a revoked key stops working now.
      this.#revokeLocally();
      if (this.#refreshing === undefined) void this.refresh();
    }, pollIntervalMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#refreshing?.catch(() => {});
  }

  /** Looks for a change now; resolves when the snapshot on disk is that of a revision not older than this call. */
  async refresh(): Promise<void> {
    // One that runs already may have read before the caller's change was committed.
    await this.#refreshing;
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
    });
    await this.#refreshing;
  }

  async #refresh(): Promise<void> {
    const stored = this.#stored;
    try {
      if (stored !== undefined) {
        if (readLocalRevocations(this.#options.dataPath).size > 0)
          await storeLocalRevocations(this.#options.dataPath, stored.control);
        const revision = await readRevision(stored.store);
        const walletChanges = await readWalletChanges(stored.store);
        this.#databaseUp = true;
        const changed = revision !== this.#revision || walletChanges !== this.#walletChanges;
        if (changed) await this.#compile(stored, walletChanges);
        else this.#confirm();
        return;
      }
    } catch (error) {
      if (this.#databaseUp) this.#options.log.warn('the database does not answer', { error: (error as Error).message });
      this.#databaseUp = false;
    }
  }

  get #revision(): bigint | undefined {
    return this.#current === undefined ? undefined : BigInt(this.#current.revision);
  }

  /** `walletChanges` was read before, so that what comes between is seen at the next look. */
  async #compile(
    { store, control }: { readonly store: Store; readonly control: Control },
    walletChanges: bigint,
  ): Promise<void> {
    const snapshot = await control.compile(readLocalRevocations(this.#options.dataPath));
    await this.#options.beforePublish(store);
    this.#walletChanges = walletChanges;
    this.#publish(snapshot);
    this.#confirmedAtMs = Date.now();
  }

  /** Revoking what is revoked already changes nothing, so it needs no memory of what was done. */
  #revokeLocally(): void {
    const revoked = readLocalRevocations(this.#options.dataPath);
    if (this.#current === undefined || revoked.size === 0) return;
    const next = revokeInSnapshot(this.#current, revoked);
    if (next.hash !== this.#current.hash) this.#publish(next);
  }

  #publish(snapshot: SnapshotJson): void {
    const changed = snapshot.hash !== this.#current?.hash;
    writeSnapshotFile(this.#path, snapshot);
    this.#current = snapshot;
    if (changed) this.#options.onSnapshot(snapshot);
  }

  #confirm(): void {
    const nowMs = Date.now();
    if (this.#current === undefined || nowMs - this.#confirmedAtMs < confirmIntervalMs) return;
    this.#confirmedAtMs = nowMs;
    // The hash is not of the instant: workers need not hear of it.
    this.#publish({ ...this.#current, compiledAt: new Date(nowMs).toISOString() });
  }
}
