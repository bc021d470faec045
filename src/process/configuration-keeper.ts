import { type CompileContext, compileSnapshot, revokeInSnapshot } from '../control/compile.ts';
import { readConfiguration, readRevision } from '../control/configuration-store.ts';
import type { SnapshotJson } from '../snapshot/snapshot.ts';
import type { Store } from '../store/connect.ts';
import type { Log } from '../telemetry/log.ts';
import type { SnapshotFile } from './snapshot-file.ts';

/** Another replica's change, or one made here by another process, is seen after so long at most. */
const pollIntervalMs = 500;
/** The snapshot's confirmation on disk is renewed so often. */
const confirmIntervalMs = 60_000;

export interface ConfigurationKeeperOptions {
  readonly file: SnapshotFile;
  readonly sandboxBaseUrl: string;
  readonly log: Log;
  /** Ids of keys revoked on this machine while the database could not be told. */
  readonly revokedLocally: () => ReadonlySet<string>;
  /** The snapshot on disk is another one now. */
  readonly onSnapshot: (snapshot: SnapshotJson) => void;
}

/** Keeps the snapshot on disk equal to the stored configuration: compiles it at the start and at every change, whoever
 *  made it. Without the database it keeps the last one, and revokes in it what was revoked on this machine. */
export class ConfigurationKeeper {
  readonly #options: ConfigurationKeeperOptions;
  #store: Store | undefined;
  #current: SnapshotJson | undefined;
  #timer: NodeJS.Timeout | undefined;
  #refreshing: Promise<void> | undefined;
  #confirmedAtMs = Number.NEGATIVE_INFINITY;
  #revoked = '';
  #databaseUp = false;
  #stopped = false;

  constructor(options: ConfigurationKeeperOptions) {
    this.#options = options;
  }

  get current(): SnapshotJson | undefined {
    return this.#current;
  }

  /** Did the database answer when it was last asked? */
  get databaseUp(): boolean {
    return this.#databaseUp;
  }

  /** Serves with what is on disk until the database answers. */
  useFromDisk(snapshot: SnapshotJson): void {
    this.#current = snapshot;
    this.#revokeLocally();
  }

  /** The database is there: compiles what is stored, and follows it from now on. */
  async follow(store: Store): Promise<void> {
    this.#store = store;
    await this.#compile(store);
    this.#databaseUp = true;
  }

  /** Begins looking for changes, with or without a database. */
  start(): void {
    const next = () => {
      if (this.#stopped) return;
      this.#timer = setTimeout(() => void this.refresh().finally(next), pollIntervalMs);
    };
    next();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
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
    const store = this.#store;
    try {
      if (store !== undefined) {
        const revision = await readRevision(store);
        if (revision !== this.#revision || this.#revoked !== this.#revokedText()) await this.#compile(store);
        else this.#confirm();
        this.#databaseUp = true;
        return;
      }
    } catch (error) {
      if (this.#databaseUp) this.#options.log.warn('the database does not answer', { error: (error as Error).message });
      this.#databaseUp = false;
    }
    this.#revokeLocally();
  }

  get #revision(): bigint | undefined {
    return this.#current === undefined ? undefined : BigInt(this.#current.revision);
  }

  async #compile(store: Store): Promise<void> {
    const configuration = await readConfiguration(store);
    const revoked = this.#options.revokedLocally();
    const context: CompileContext = {
      compiledAt: new Date().toISOString(),
      sandboxBaseUrl: this.#options.sandboxBaseUrl,
      revokedLocally: revoked,
    };
    this.#revoked = textOf(revoked);
    this.#publish(compileSnapshot(configuration, context));
    this.#confirmedAtMs = Date.now();
  }

  #revokeLocally(): void {
    const revoked = this.#options.revokedLocally();
    const text = textOf(revoked);
    if (this.#current === undefined || text === this.#revoked) return;
    this.#revoked = text;
    this.#publish(revokeInSnapshot(this.#current, revoked));
  }

  #revokedText(): string {
    return textOf(this.#options.revokedLocally());
  }

  #publish(snapshot: SnapshotJson): void {
    if (snapshot.hash === this.#current?.hash) {
      this.#current = snapshot;
      return;
    }
    this.#options.file.write(snapshot);
    this.#current = snapshot;
    this.#options.onSnapshot(snapshot);
  }

  #confirm(): void {
    const nowMs = Date.now();
    if (nowMs - this.#confirmedAtMs < confirmIntervalMs) return;
    this.#options.file.confirm(nowMs);
    this.#confirmedAtMs = nowMs;
  }
}

function textOf(ids: ReadonlySet<string>): string {
  return [...ids].sort().join(' ');
}
