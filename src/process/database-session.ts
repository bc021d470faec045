import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type Store } from '../store/connect.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../store/embedded/start.ts';
import { migrate, SchemaRefusal } from '../store/migrate.ts';
import type { Log } from '../telemetry/log.ts';

/** A request that waits for an allowance must not wait for a new connection: shipping, polling and leases have theirs. */
const connectionsKept = 4;
/** A database that does not answer is tried again at least so often. */
const retryDelayMinMs = 250;
const retryDelayMaxMs = 5_000;

export interface DatabaseSessionOptions {
  /** Yours; undefined runs the embedded one in the data directory. */
  readonly databaseUrl: string | undefined;
  readonly dataDirectory: string;
  readonly log: Log;
  /** Runs once, when the database is there and migrated, before anybody sees the store. When it throws, the attempt
   *  failed and is repeated, unless `isFinal` says that repeating is useless. */
  readonly prepare: (store: Store) => Promise<void>;
  readonly isFinal: (error: unknown) => boolean;
  /** An attempt failed, and is repeated. */
  readonly failed?: () => void;
}

/** The way to the database: starts the embedded one or waits for yours, migrates it, and tries again in the background
 *  for as long as it is away. Nothing on a request's path waits for it (I7). */
export class DatabaseSession {
  readonly #options: DatabaseSessionOptions;
  readonly #stopping = new AbortController();
  #embedded: EmbeddedPostgres | undefined;
  #store: Store | undefined;
  #prepared = false;
  #lastError: string | undefined;

  constructor(options: DatabaseSessionOptions) {
    this.#options = options;
  }

  /** Resolves with the store once it is prepared. Rejects only with what repeating cannot mend, or when stopped. */
  async open(): Promise<Store> {
    let delayMs = retryDelayMinMs;
    for (;;) {
      this.#stopping.signal.throwIfAborted();
      try {
        return await this.#attempt();
      } catch (error) {
        if (this.#stopping.signal.aborted || error instanceof SchemaRefusal || this.#options.isFinal(error))
          throw error;
        this.#lastError = describe(error);
        this.#options.failed?.();
        this.#options.log.warn('the database does not answer; trying again', { error: this.#lastError, delayMs });
      }
      await sleep(delayMs, undefined, { signal: this.#stopping.signal });
      delayMs = Math.min(retryDelayMaxMs, delayMs * 2);
    }
  }

  /** The store, once the database was there; undefined before that. */
  get store(): Store | undefined {
    return this.#prepared ? this.#store : undefined;
  }

  get lastError(): string | undefined {
    return this.#lastError;
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('stopping'));
    await this.#store?.close().catch(() => {});
    await this.#embedded?.stop();
  }

  async #attempt(): Promise<Store> {
    const url = this.#options.databaseUrl ?? (await this.#startEmbedded());
    await migrate(url);
    this.#store ??= connect(url, { applicationName: 'carrier', connectionsKept });
    await this.#options.prepare(this.#store);
    this.#prepared = true;
    this.#lastError = undefined;
    return this.#store;
  }

  async #startEmbedded(): Promise<string> {
    if (this.#embedded !== undefined) return this.#embedded.url;
    const { dataDirectory, log } = this.#options;
    const embedded = await startEmbeddedPostgres({
      directory: dataDirectory,
      log: message => log.debug(message),
    });
    this.#embedded = embedded;
    void embedded.crashed.then(exit => this.#crashed(embedded, exit));
    return embedded.url;
  }

  /** The server ended by itself: it is started again, and the pool finds it at its new address. */
  async #crashed(embedded: EmbeddedPostgres, exit: unknown): Promise<void> {
    if (this.#stopping.signal.aborted || this.#embedded !== embedded) return;
    this.#options.log.error('the embedded database ended; it is started again', { exit: JSON.stringify(exit) });
    this.#embedded = undefined;
    await embedded.stop();
    let delayMs = retryDelayMinMs;
    while (!this.#stopping.signal.aborted) {
      try {
        this.#repoint(await this.#startEmbedded());
        return;
      } catch (error) {
        this.#lastError = describe(error);
        this.#options.log.error('the embedded database does not start', { error: this.#lastError, delayMs });
      }
      await sleep(delayMs, undefined, { ref: false });
      delayMs = Math.min(retryDelayMaxMs, delayMs * 2);
    }
  }

  /** A restarted server listens in a new directory. Its pool makes new connections by these options (pg-pool reads them
   *  at every connection), so everybody who holds the store goes on with it. */
  #repoint(url: string): void {
    if (this.#store === undefined) return;
    this.#store.pool.options.connectionString = url;
    Object.assign(this.#store, { url });
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.message || (error as { code?: string }).code || error.name;
}
