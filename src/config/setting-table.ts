/** Every process setting, once: its key in the file's `process:` part, its type, default and consequence. The reader, the
 *  command line and docs/reference/configuration.md are all made from this table. */

export type SettingType =
  | { readonly type: 'integer'; readonly min: number; readonly max: number }
  | { readonly type: 'choice'; readonly of: readonly string[] }
  | { readonly type: 'text'; readonly lengthMax: number }
  /** Networks such as `10.0.0.0/8`, as a list or separated by commas. */
  | { readonly type: 'networks' }
  /** A name of the residency lattice. */
  | { readonly type: 'zone' }
  /** `host:port`, or `:port` for 127.0.0.1. */
  | { readonly type: 'listen' };

export interface SettingRow {
  /** Dotted, as in the file's `process:` part; null when the file may not hold it. */
  readonly key: string | null;
  readonly environment: string;
  /** null for secrets: command lines are visible to every user of the machine (I8). */
  readonly flag: string | null;
  readonly value: SettingType;
  /** As documented; the value itself where it does not depend on the machine. */
  readonly standard: string | number | undefined;
  /** How the default reads where it depends on the machine. */
  readonly standardText?: string;
  readonly consequence: string;
  readonly secret?: true;
}

const textLengthMax = 4_096;
const dayMax = 3_650;

export const settingTable = {
  port: {
    ...named('port', 'CARRIER_PORT'),
    ...integer(8080, 0, 65_535),
    consequence: 'Port of the data plane; 0 takes a free one.',
  },
  host: {
    ...named('host', 'CARRIER_HOST'),
    ...text('127.0.0.1'),
    consequence: 'Address the data plane listens on. Anything but loopback is reachable by others: use TLS.',
  },
  adminListen: {
    ...named('adminListen', 'CARRIER_ADMIN_LISTEN'),
    value: { type: 'listen' },
    standard: undefined,
    standardText: 'the data plane’s port',
    consequence: 'Where /api, /console and /metrics are served instead of the data plane’s port.',
  },
  dataDirectory: {
    ...named(null, 'CARRIER_DATA'),
    flag: '--data',
    ...text('./.carrier'),
    consequence: 'Directory of the journal, the snapshot, the keys and the embedded database. One supervisor owns it.',
  },
  workers: {
    ...named('workers', 'CARRIER_WORKERS'),
    value: { type: 'integer', min: 1, max: 256 },
    standard: undefined,
    standardText: 'cores − 1, at least 1',
    consequence: 'Processes that serve requests.',
  },
  tlsCertificatePath: {
    ...named('tlsCert', 'CARRIER_TLS_CERT'),
    ...text(undefined),
    consequence: 'PEM file of the certificate chain; with it and the key, HTTPS is served. Read again when it changes.',
  },
  tlsKeyPath: {
    ...named('tlsKey', 'CARRIER_TLS_KEY'),
    ...text(undefined),
    consequence: 'PEM file of the certificate’s private key.',
  },
  databaseUrl: {
    ...secret('DATABASE_URL'),
    consequence: 'Your Postgres. Unset, an embedded one is run in the data directory.',
    standardText: 'embedded',
  },
  adminKey: {
    ...secret('CARRIER_ADMIN_KEY'),
    consequence: 'Bearer key of the management API, 32 characters or more. Required with DATABASE_URL.',
    standardText: 'generated into admin.key',
  },
  masterKey: {
    ...secret('CARRIER_MASTER_KEY'),
    consequence:
      'Protects stored credentials and keys, 32 characters or more. Required with DATABASE_URL; without it the stored secrets are lost.',
    standardText: 'generated into master.key',
  },
  httpsProxy: {
    ...named('httpsProxy', 'HTTPS_PROXY'),
    ...text(undefined),
    consequence: 'Proxy through which providers are called.',
  },
  noProxy: {
    ...named('noProxy', 'NO_PROXY'),
    ...text(undefined),
    consequence: 'Hosts called directly, separated by commas.',
  },
  zone: {
    ...named('zone', 'CARRIER_ZONE'),
    value: { type: 'zone' },
    standard: undefined,
    standardText: 'GLOBAL',
    consequence:
      'Where this process runs, such as `EU` or `DE/eu-central-1`. Media of keys whose zones do not hold it are not fetched.',
  },
  mediaFetchAllowAddresses: {
    ...generic('mediaFetch.allowAddresses'),
    value: { type: 'networks' },
    standard: undefined,
    standardText: 'none',
    consequence:
      'Networks that media may be fetched from, at any port, although they are not public. Every key with `mediaFetch` can make this process ask whatever answers there.',
  },
  webhooksAllowAddresses: {
    ...generic('webhooks.allowAddresses'),
    value: { type: 'networks' },
    standard: undefined,
    standardText: 'none',
    consequence:
      'Networks that webhooks may be sent to, at any port and without TLS, although they are not public. Every owner of an organisation can make this process post to whatever answers there.',
  },
  trustedProxies: {
    ...named('trustedProxies', 'CARRIER_TRUSTED_PROXIES'),
    value: { type: 'networks' },
    standard: undefined,
    standardText: 'none',
    consequence:
      'Networks of the proxies in front. Of requests from there, the last address of `X-Forwarded-For` that is not in them is taken for the client’s: by `addresses` of keys and in the audit log. Whoever can send from such a network can say any address.',
  },
  drainTimeoutMs: {
    ...generic('drainTimeoutMs'),
    ...integer(30_000, 0, 3_600_000),
    consequence: 'How long a stop waits for open exchanges before it cuts them.',
  },
  logLevel: {
    ...generic('log.level'),
    ...choice('info', ['trace', 'debug', 'info', 'warn', 'error', 'silent']),
    consequence: 'Least severity that is logged. Prompts and secrets are logged at none.',
  },
  logFormat: {
    ...generic('log.format'),
    value: { type: 'choice', of: ['json', 'pretty'] },
    standard: undefined,
    standardText: 'pretty on a terminal, else json',
    consequence: 'Form of the log.',
  },
  journalFsync: {
    ...generic('journal.fsync'),
    ...choice('interval', ['always', 'interval', 'never']),
    consequence:
      'When usage records are forced to disk. `always` survives a crash of the machine; `interval` then loses at most its interval; all three survive a crash of the process.',
  },
  journalFsyncIntervalMs: {
    ...generic('journal.fsyncIntervalMs'),
    ...integer(50, 1, 10_000),
    consequence: 'The interval of `journal.fsync: interval`.',
  },
  journalBytesMax: {
    ...generic('journal.bytesMax'),
    ...integer(4 * 1024 ** 3, 16 * 1024 ** 2, 1024 ** 4),
    consequence:
      'Size of the journal of all workers at which requests are refused (`journal_full`) until it is shipped. Every open exchange counts with the 72 KiB that it may still write.',
  },
  bodyBytesMax: {
    ...generic('limits.bodyBytesMax'),
    ...integer(32 * 1024 ** 2, 1_024, 1024 ** 3),
    consequence: 'Largest request body, also once decompressed; `body_too_large`.',
  },
  decompressionRatioMax: {
    ...generic('limits.decompressionRatioMax'),
    ...integer(100, 1, 10_000),
    consequence: 'Most times its compressed size that a body may grow; `body_too_large`.',
  },
  headerBytesMax: {
    ...generic('limits.headerBytesMax'),
    ...integer(32 * 1024, 4_096, 1024 ** 2),
    consequence: 'Largest request head; `headers_too_large`.',
  },
  headersTimeoutMs: {
    ...generic('limits.headersTimeoutMs'),
    ...integer(10_000, 100, 600_000),
    consequence: 'Time a client has to send its headers; `request_timeout`.',
  },
  bodyIdleTimeoutMs: {
    ...generic('limits.bodyIdleTimeoutMs'),
    ...integer(30_000, 100, 600_000),
    consequence: 'Longest pause in a request body; `request_timeout`.',
  },
  connectionsMax: {
    ...generic('limits.connectionsMax'),
    ...integer(20_000, 1, 1_000_000),
    consequence: 'Connections a worker keeps; more are closed.',
  },
  exchangesMax: {
    ...generic('limits.exchangesMax'),
    ...integer(10_000, 1, 1_000_000),
    consequence: 'Exchanges a worker serves at once; `overloaded`.',
  },
  responseBytesMax: {
    ...generic('limits.responseBytesMax'),
    ...integer(32 * 1024 ** 2, 1_024, 1024 ** 3),
    consequence: 'Largest whole answer held for translation; `upstream_response_too_large`.',
  },
  eventBytesMax: {
    ...generic('limits.eventBytesMax'),
    ...integer(8 * 1024 ** 2, 1_024, 1024 ** 3),
    consequence: 'Largest event of a stream; `upstream_malformed`.',
  },
  clientBufferBytesMax: {
    ...generic('limits.clientBufferBytesMax'),
    ...integer(256 * 1024, 16 * 1024, 1024 ** 3),
    consequence: 'Bytes waiting for a client that does not read; above it the provider is read no further.',
  },
  clientStallTimeoutMs: {
    ...generic('limits.clientStallTimeoutMs'),
    ...integer(60_000, 100, 3_600_000),
    consequence: 'How long a client may not read before its exchange is aborted.',
  },
  retentionExchangesDays: {
    ...generic('retention.exchanges'),
    ...integer(30, 1, dayMax),
    consequence: 'Days that the details of exchanges are kept. Transfers and usage totals are kept always.',
  },
  retentionDecisionsDays: {
    ...generic('retention.decisions'),
    ...integer(30, 1, dayMax),
    consequence: 'Days that decision records are kept.',
  },
  retentionAuditDays: {
    ...generic('retention.audit'),
    ...integer(730, 365, dayMax),
    consequence: 'Days that the audit log is kept. The database itself refuses to lose what is younger than 365 days.',
  },
} as const satisfies Record<string, SettingRow>;

/** Known, not built: refused by name (I10). */
export const settingsNotAvailable: ReadonlyMap<string, string> = new Map([
  ['contentLogs', 'Prompts and answers are never logged yet.'],
  ['telemetry.otlpEndpoint', 'Export of traces is not built yet.'],
  ['objectStore', 'Stored objects are not built yet.'],
]);

function named(key: string | null, environment: string) {
  return { key, environment, flag: key === null ? null : flagOf(key) };
}

/** Environment and flag follow from the key: limits.bodyBytesMax is CARRIER_LIMITS_BODY_BYTES_MAX, --limits-body-bytes-max. */
function generic(key: string) {
  return { key, environment: environmentOf(key), flag: flagOf(key) };
}

function secret(environment: string) {
  return {
    key: null,
    environment,
    flag: null,
    value: { type: 'text', lengthMax: textLengthMax },
    standard: undefined,
    secret: true,
  } as const;
}

function integer(standard: number, min: number, max: number) {
  return { value: { type: 'integer', min, max }, standard } as const;
}

function choice(standard: string, of: readonly string[]) {
  return { value: { type: 'choice', of }, standard } as const;
}

function text(standard: string | undefined) {
  return { value: { type: 'text', lengthMax: textLengthMax }, standard } as const;
}

export function environmentOf(key: string): string {
  return `CARRIER_${words(key).join('_').toUpperCase()}`;
}

function flagOf(key: string): string {
  return `--${words(key).join('-')}`;
}

function words(key: string): string[] {
  return key.replaceAll(/[A-Z]/g, letter => `.${letter.toLowerCase()}`).split('.');
}
