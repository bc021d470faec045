import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isRemoved, removeAfterTests } from './all-carriers.ts';
import { type CarrierProcess, type CommandResult, runCommand, spawnCarrier } from './carrier-process.ts';
import { claimFreePort } from './free-port.ts';
import { createTestDatabase, type TestDatabase } from './own-database.ts';
import { childProcessIds } from './process-tree.ts';

export interface CarrierOptions {
  /** A declarative file, read at start with --config. Without one the carrier starts unconfigured: the sandbox. */
  readonly yaml?: string;
  /** Default 1. */
  readonly workers?: number;
  /** For the server; nothing of the test's own environment reaches it but paths. */
  readonly env?: Readonly<Record<string, string>>;
  /** own: a fresh database on the Postgres of the test run. embedded: the carrier's own. A url: that database, migrated or
   *  not, which stays. Default own. */
  readonly database?: 'own' | 'embedded' | { readonly url: string };
  /** More flags of `serve`, such as `--journal-fsync=always`. */
  readonly flags?: readonly string[];
}

/** A carrier as users run it: `main.ts serve` as a process of its own, over a data directory that lives as long as the
 *  object, so that it can be stopped, killed and started again. */
export interface Carrier {
  /** The same over restarts. */
  readonly url: string;
  readonly port: number;
  readonly dataDirectory: string;
  /** undefined with an embedded database. */
  readonly databaseUrl: string | undefined;
  readonly adminKey: string;
  /** The first key of an unconfigured carrier. Throws when there is none. */
  readonly key: string;
  /** Of the supervisor. Throws when it does not run. */
  readonly processId: number;
  /** What it wrote to stdout and stderr, newest last, also before a restart; bounded. */
  readonly lines: readonly string[];
  /** Process ids of the workers that live now. */
  workerProcessIds(): number[];
  /** One call of the management API. */
  api(method: string, path: string, body?: unknown): Promise<ApiAnswer>;
  /** Runs the command line against this carrier. */
  command(...words: readonly string[]): Promise<CommandResult>;
  /** Applies a declarative file with the command line. Throws when that fails. */
  apply(yaml: string, ...words: readonly string[]): Promise<CommandResult>;
  /** SIGTERM, and its exit code once it has drained. */
  stop(): Promise<number | null>;
  /** SIGKILL of the supervisor. */
  kill(): Promise<void>;
  /** Starts it again after stop() or kill(), and waits until it is ready. */
  start(): Promise<void>;
  /** Ends everything and deletes everything; done by itself after the tests of the file. */
  remove(): Promise<void>;
}

export interface ApiAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** What JSON.parse returns; undefined for an empty body. */
  readonly json: ReturnType<typeof JSON.parse>;
}

const entryPath = fileURLToPath(new URL('../../../src/main.ts', import.meta.url));
const secretBytes = 32;

/** Resolves when it is ready. */
export async function startCarrier(options: CarrierOptions = {}): Promise<Carrier> {
  // Short, because sockets lie in it; open to traverse, because an embedded Postgres may run as another user.
  const home = mkdtempSync('/tmp/carrier-scenario-');
  chmodSync(home, 0o711);
  const dataDirectory = join(home, 'data');
  const database = await openDatabase(options.database ?? 'own');
  const secrets = database === undefined ? {} : ownDatabaseSecrets(database);
  const port = await claimFreePort();
  const url = `http://127.0.0.1:${port}`;
  const configPath = options.yaml === undefined ? undefined : join(home, 'carrier.yaml');
  if (configPath !== undefined) writeFileSync(configPath, options.yaml!);

  const lines: string[] = [];
  const environment: Readonly<Record<string, string>> = { ...secrets, ...options.env };
  const words = [
    'serve',
    `--port=${port}`,
    `--data=${dataDirectory}`,
    `--workers=${options.workers ?? 1}`,
    ...(configPath === undefined ? [] : [`--config=${configPath}`]),
    ...(options.flags ?? []),
  ];
  let running: CarrierProcess | undefined;
  let applied = 0;

  const carrier: Carrier = {
    url,
    port,
    dataDirectory,
    databaseUrl: database?.url,
    lines,
    get adminKey() {
      return environment['CARRIER_ADMIN_KEY'] ?? readSecret(join(dataDirectory, 'admin.key'));
    },
    get key() {
      return readSecret(join(dataDirectory, 'sandbox.key'));
    },
    get processId() {
      if (running === undefined) throw new Error('the carrier does not run');
      return running.processId;
    },
    workerProcessIds: () => childProcessIds(carrier.processId, 'worker'),
    api: (method, path, body) => callApi(url, carrier.adminKey, method, path, body),
    command: (...spoken) =>
      runCommand(entryPath, spoken, {
        CARRIER_URL: url,
        CARRIER_ADMIN_KEY: carrier.adminKey,
        CARRIER_DATA: dataDirectory,
      }),
    async apply(yaml, ...more) {
      applied += 1;
      const path = join(home, `applied-${applied}.yaml`);
      writeFileSync(path, yaml);
      const result = await carrier.command('apply', '-f', path, ...more);
      if (result.code !== 0) throw new Error(`apply ended with ${result.code}:\n${result.stdout}${result.stderr}`);
      return result;
    },
    async start() {
      if (running !== undefined) throw new Error('the carrier runs already');
      running = await spawnCarrier({ entryPath, words, environment, url, lines });
    },
    async stop() {
      const code = await running?.stop();
      running = undefined;
      return code ?? null;
    },
    async kill() {
      await running?.kill();
      running = undefined;
    },
    async remove() {
      isRemoved(carrier);
      if (running === undefined && database === undefined && existsSync(dataDirectory)) {
        // A killed supervisor leaves its Postgres behind; the next one takes it over and can stop it.
        await carrier.start().catch(() => {});
      }
      await carrier.stop();
      await database?.drop();
      rmSync(home, { recursive: true, force: true });
    },
  };

  removeAfterTests(carrier);
  try {
    await carrier.start();
  } catch (error) {
    isRemoved(carrier);
    await database?.drop();
    rmSync(home, { recursive: true, force: true });
    throw error;
  }
  return carrier;
}

async function openDatabase(choice: NonNullable<CarrierOptions['database']>): Promise<TestDatabase | undefined> {
  if (choice === 'embedded') return undefined;
  return choice === 'own' ? createTestDatabase() : { url: choice.url, drop: async () => {} };
}

function ownDatabaseSecrets(database: TestDatabase): Record<string, string> {
  return {
    DATABASE_URL: database.url,
    CARRIER_ADMIN_KEY: `cca_${randomBytes(secretBytes).toString('base64url')}`,
    CARRIER_MASTER_KEY: randomBytes(secretBytes).toString('base64url'),
  };
}

function readSecret(path: string): string {
  return readFileSync(path, 'utf8').trim();
}

async function callApi(url: string, adminKey: string, method: string, path: string, body: unknown): Promise<ApiAnswer> {
  const response = await fetch(url + path, {
    method,
    headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, json: text === '' ? undefined : JSON.parse(text) };
}
