import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import type { Tables } from './tables.ts';

/** A pool of connections to one Postgres, typed for Kysely and bare for statements that read better as SQL. */
export interface Store {
  readonly url: string;
  readonly pool: pg.Pool;
  readonly db: Kysely<Tables>;
  close(): Promise<void>;
}

export interface ConnectOptions {
  /** Shown in pg_stat_activity. */
  readonly applicationName?: string;
  /** Default 10. */
  readonly connectionsMax?: number;
  /** Idle connections that stay open once they were made; default 0. Others are closed after ten seconds. */
  readonly connectionsKept?: number;
  /** Default 30 s. A statement that runs longer is ended by the server. */
  readonly statementTimeoutMs?: number;
}

const connectionsMaxDefault = 10;
const statementTimeoutMsDefault = 30_000;
/** Beyond the server's own bound on a statement: a server or network that says nothing any more is not waited for. */
const silenceMs = 5_000;
/** How long to wait for a connection, free or new, before the caller is told that the database does not answer. */
const connectTimeoutMs = 5_000;
/** A transaction that its process has forgotten must not keep others from their rows. */
const idleInTransactionTimeoutMs = 60_000;

/** Opens nothing yet: connections are made when first asked for. Works with every form of DATABASE_URL that libpq reads,
 *  `sslmode` with libpq's meaning, and PGSSLROOTCERT. */
export function connect(url: string, options: ConnectOptions = {}): Store {
  const pool = new pg.Pool(clientSettings(url, options));
  // Without a listener, a connection that breaks while idle would end the process. The next query tells its caller.
  pool.on('error', () => {});
  // The same for one that breaks while checked out: its query rejects, too, and that is where it is dealt with.
  pool.on('connect', client => client.on('error', () => {}));
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
  return { url, pool, db, close: () => db.destroy() };
}

/** One connection of its own, for what needs a session: locks, notifications, copies. The caller connects and ends it. */
export function connectSession(url: string, options: ConnectOptions = {}): pg.Client {
  const { max: _max, min: _min, ...settings } = clientSettings(url, options);
  const client = new pg.Client(settings);
  client.on('error', () => {});
  return client;
}

function clientSettings(url: string, options: ConnectOptions): pg.PoolConfig {
  const statementTimeoutMs = options.statementTimeoutMs ?? statementTimeoutMsDefault;
  return {
    connectionString: connectionString(url, process.env['PGSSLROOTCERT']),
    application_name: options.applicationName ?? 'common-carrier',
    max: options.connectionsMax ?? connectionsMaxDefault,
    min: options.connectionsKept ?? 0,
    connectionTimeoutMillis: connectTimeoutMs,
    statement_timeout: statementTimeoutMs,
    query_timeout: statementTimeoutMs === 0 ? 0 : statementTimeoutMs + silenceMs,
    idle_in_transaction_session_timeout: idleInTransactionTimeoutMs,
    keepAlive: true,
    types: { getTypeParser },
  };
}

/** pg reads `sslmode` in its own way unless told to follow libpq, and does not look at PGSSLROOTCERT. */
export function connectionString(url: string, rootCertificatePath: string | undefined): string {
  const secured = /[?&]sslmode=(?!disable)/.test(url);
  if (!secured) return url;
  const additions: string[] = [];
  if (!/[?&]uselibpqcompat=/.test(url)) additions.push('uselibpqcompat=true');
  if (rootCertificatePath && !/[?&]sslrootcert=/.test(url)) {
    additions.push(`sslrootcert=${encodeURIComponent(rootCertificatePath)}`);
  }
  return additions.length === 0 ? url : `${url}&${additions.join('&')}`;
}

const int8Type = 20;
const numericType = 1700;
const timestamptzType = 1184;

/** Counts and money are bigint; a number would lose their last digits. */
const getTypeParser = ((type: number, format?: 'text' | 'binary') => {
  if (format !== 'binary' && (type === int8Type || type === numericType)) return readWhole;
  if (format !== 'binary' && type === timestamptzType) return readInstant;
  return pg.types.getTypeParser(type, format as 'text');
}) as typeof pg.types.getTypeParser;

/** Every numeric column here is whole; a fraction can only come from an expression such as avg() and stays text. */
function readWhole(text: string): bigint | string {
  return /^-?\d+$/.test(text) ? BigInt(text) : text;
}

const readAnyInstant = pg.types.getTypeParser(timestamptzType, 'text');
const plainInstant = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?\+00$/;
const dateLength = 10;
let lastDate = '';
let lastDateMs = Number.NaN;

/** A Date, as pg reads it in ten times the time. Rows come in the order of time, so the day is mostly that of the row before.
 *  Anything but an instant in UTC of our calendar is left to pg. */
export function readInstant(text: string): unknown {
  if (!plainInstant.test(text)) return readAnyInstant(text);
  if (!text.startsWith(lastDate) || lastDate === '') {
    lastDate = text.slice(0, dateLength);
    lastDateMs = Date.parse(lastDate);
  }
  const digit = (at: number) => text.charCodeAt(at) - 48;
  const two = (at: number) => digit(at) * 10 + digit(at + 1);
  let ms = 0;
  // `.` stands at 19; what is less than a millisecond is cut off, as pg does.
  for (let at = 20, worth = 100; worth >= 1 && at < text.length - 3; at += 1, worth /= 10) ms += digit(at) * worth;
  return new Date(lastDateMs + two(11) * 3_600_000 + two(14) * 60_000 + two(17) * 1_000 + ms);
}
