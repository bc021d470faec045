import { availableParallelism } from 'node:os';
import { isZone } from '../governance/zones.ts';
import { parseNetworks } from './networks.ts';
import { ConfigurationError, type Problem } from './problem.ts';
import {
  environmentOf,
  type SettingRow,
  type SettingType,
  settingsNotAvailable,
  settingTable,
} from './setting-table.ts';

/** Where settings come from, strongest first: flags, environment, the file's `process:` part. */
export interface SettingSources {
  /** By flag, such as `--port`. */
  readonly flags: Readonly<Record<string, string>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The file's `process:` part as parsed; undefined when there is none. */
  readonly file?: unknown;
  /** Cores of this machine; asked of the machine unless said. */
  readonly cores?: number;
  readonly isTerminal: boolean;
}

/** How one process runs. Amounts of time, bytes and days carry their unit in the name. */
export interface ProcessSettings {
  readonly port: number;
  readonly host: string;
  readonly adminListen: { readonly host: string; readonly port: number } | undefined;
  readonly dataDirectory: string;
  readonly workers: number;
  readonly tls: { readonly certificatePath: string; readonly keyPath: string } | undefined;
  readonly databaseUrl: string | undefined;
  readonly adminKey: string | undefined;
  readonly masterKey: string | undefined;
  readonly proxy: { readonly httpsProxy: string | undefined; readonly noProxy: string | undefined };
  /** Where this process runs; undefined is GLOBAL. */
  readonly zone: string | undefined;
  readonly mediaFetch: { readonly allowAddresses: readonly string[] };
  readonly webhooks: { readonly allowAddresses: readonly string[] };
  /** Networks of the proxies in front. */
  readonly trustedProxies: readonly string[];
  readonly drainTimeoutMs: number;
  readonly log: { readonly level: string; readonly format: 'json' | 'pretty' };
  readonly journal: {
    readonly fsync: 'always' | 'interval' | 'never';
    readonly fsyncIntervalMs: number;
    readonly bytesMax: number;
  };
  readonly limits: {
    readonly bodyBytesMax: number;
    readonly decompressionRatioMax: number;
    readonly headerBytesMax: number;
    readonly headersTimeoutMs: number;
    readonly bodyIdleTimeoutMs: number;
    readonly connectionsMax: number;
    readonly exchangesMax: number;
    readonly responseBytesMax: number;
    readonly eventBytesMax: number;
    readonly clientBufferBytesMax: number;
    readonly clientStallTimeoutMs: number;
  };
  readonly retention: { readonly exchangesDays: number; readonly decisionsDays: number; readonly auditDays: number };
}

/** Secrets shorter than this are guessable. */
export const secretLengthMin = 32;
/** Environment variables of ours that are no settings of the server: the command line's address and token, the client's key that the
 *  guides' examples send, the tests' own. */
const otherVariables = /^CARRIER_(URL|KEY|TOKEN|TEST_\w+)$/;

type SettingName = keyof typeof settingTable;
interface Said {
  readonly path: string;
  readonly value: unknown;
}

/** Reads all settings. Throws ConfigurationError with everything that is wrong. */
export function readSettings(sources: SettingSources): ProcessSettings {
  const problems: Problem[] = [];
  const file = flatten(sources.file, problems);
  refuseUnknown(sources, file, problems);

  const values = new Map<SettingName, string | number | undefined>();
  for (const [name, row] of Object.entries(settingTable) as [SettingName, SettingRow][]) {
    const said = findSaid(row, sources, file);
    values.set(name, said === undefined ? row.standard : readValue(said, row, problems));
  }
  // The casts are true: readValue gives what the row's type names, and the row of a number has a number as its default.
  const number = (name: SettingName) => values.get(name) as number;
  const text = (name: SettingName) => values.get(name) as string;
  const optional = (name: SettingName) => values.get(name) as string | undefined;

  const tls = bothOrNone(optional('tlsCertificatePath'), optional('tlsKeyPath'), problems);
  requireSecrets(optional, problems);
  if (problems.length > 0) throw new ConfigurationError(problems);

  return {
    port: number('port'),
    host: text('host'),
    adminListen: parseListen(optional('adminListen')),
    dataDirectory: text('dataDirectory'),
    workers: number('workers') ?? Math.max(1, (sources.cores ?? availableParallelism()) - 1),
    tls,
    databaseUrl: optional('databaseUrl'),
    adminKey: optional('adminKey'),
    masterKey: optional('masterKey'),
    proxy: { httpsProxy: optional('httpsProxy'), noProxy: optional('noProxy') },
    zone: optional('zone'),
    mediaFetch: { allowAddresses: optional('mediaFetchAllowAddresses')?.split(',') ?? [] },
    webhooks: { allowAddresses: optional('webhooksAllowAddresses')?.split(',') ?? [] },
    trustedProxies: optional('trustedProxies')?.split(',') ?? [],
    drainTimeoutMs: number('drainTimeoutMs'),
    log: {
      level: text('logLevel'),
      format: (optional('logFormat') ?? (sources.isTerminal ? 'pretty' : 'json')) as 'json' | 'pretty',
    },
    journal: {
      fsync: text('journalFsync') as 'always' | 'interval' | 'never',
      fsyncIntervalMs: number('journalFsyncIntervalMs'),
      bytesMax: number('journalBytesMax'),
    },
    limits: {
      bodyBytesMax: number('bodyBytesMax'),
      decompressionRatioMax: number('decompressionRatioMax'),
      headerBytesMax: number('headerBytesMax'),
      headersTimeoutMs: number('headersTimeoutMs'),
      bodyIdleTimeoutMs: number('bodyIdleTimeoutMs'),
      connectionsMax: number('connectionsMax'),
      exchangesMax: number('exchangesMax'),
      responseBytesMax: number('responseBytesMax'),
      eventBytesMax: number('eventBytesMax'),
      clientBufferBytesMax: number('clientBufferBytesMax'),
      clientStallTimeoutMs: number('clientStallTimeoutMs'),
    },
    retention: {
      exchangesDays: number('retentionExchangesDays'),
      decisionsDays: number('retentionDecisionsDays'),
      auditDays: number('retentionAuditDays'),
    },
  };
}

/** What is wrong with the file's `process:` part alone, for `apply`, which cannot change a running process. */
export function checkProcessPart(part: unknown): readonly Problem[] {
  try {
    readSettings({ flags: {}, environment: {}, file: part, isTerminal: false, cores: 1 });
    return [];
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
}

function findSaid(row: SettingRow, sources: SettingSources, file: ReadonlyMap<string, unknown>): Said | undefined {
  const flag = row.flag === null ? undefined : sources.flags[row.flag];
  if (flag !== undefined) return { path: row.flag!, value: flag };
  // Shells and containers cannot always unset a variable, so an empty one says nothing; so it is with every tool.
  const variable = sources.environment[row.environment] || sources.environment[lowerCaseProxy(row.environment)];
  if (variable) return { path: row.environment, value: variable };
  if (row.key !== null && file.has(row.key)) return { path: `process.${row.key}`, value: file.get(row.key) };
  return undefined;
}

/** Proxy variables are written in either case everywhere else. */
function lowerCaseProxy(variable: string): string {
  return variable.endsWith('_PROXY') ? variable.toLowerCase() : variable;
}

function readValue(said: Said, row: SettingRow, problems: Problem[]): string | number | undefined {
  const value = parseValue(said.value, row.value);
  if (value !== undefined) return value;
  // What a secret was set to is not repeated.
  const shown = row.secret ? '' : `, not ${JSON.stringify(said.value)?.slice(0, 80)}`;
  problems.push({
    path: said.path,
    code: 'configuration_invalid',
    message: `must be ${describeType(row.value)}${shown}`,
  });
  return row.standard;
}

function parseValue(value: unknown, type: SettingType): string | number | undefined {
  if (type.type === 'integer') {
    const number = typeof value === 'string' && /^-?\d{1,15}$/.test(value) ? Number(value) : value;
    const fits = typeof number === 'number' && Number.isSafeInteger(number) && number >= type.min && number <= type.max;
    return fits ? number : undefined;
  }
  if (type.type === 'networks') return parseNetworks(value);
  if (typeof value !== 'string' || value === '' || value.includes('\0')) return undefined;
  if (type.type === 'choice') return type.of.includes(value) ? value : undefined;
  if (type.type === 'zone') return isZone(value) ? value : undefined;
  if (type.type === 'listen') return parseListen(value) === undefined ? undefined : value;
  return value.length <= type.lengthMax ? value : undefined;
}

export function describeType(type: SettingType): string {
  switch (type.type) {
    case 'integer':
      return `a whole number from ${type.min} to ${type.max}`;
    case 'choice':
      return `one of ${type.of.join(', ')}`;
    case 'networks':
      return 'a list of networks such as 10.0.0.0/8';
    case 'zone':
      return 'a zone: GLOBAL, EU, a country such as DE, or a region below one such as DE/eu-central-1';
    case 'listen':
      return 'host:port or :port';
    case 'text':
      return 'text';
  }
}

function parseListen(value: string | undefined): { readonly host: string; readonly port: number } | undefined {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^:[\]\s]*)):(\d{1,5})$/.exec(value ?? '');
  if (match === null || Number(match[3]) > 65_535) return undefined;
  return { host: match[1] ?? (match[2] || '127.0.0.1'), port: Number(match[3]) };
}

/** `{ limits: { bodyBytesMax: 1 } }` becomes `limits.bodyBytesMax`. A null says nothing, as in the environment. */
function flatten(part: unknown, problems: Problem[]): ReadonlyMap<string, unknown> {
  const flat = new Map<string, unknown>();
  if (part === undefined || part === null) return flat;
  if (!isRecord(part)) {
    problems.push({ path: 'process', code: 'configuration_invalid', message: 'must be a map of settings' });
    return flat;
  }
  for (const [key, value] of Object.entries(part)) {
    if (isRecord(value) && !settingsNotAvailable.has(key)) {
      for (const [inner, leaf] of Object.entries(value)) flat.set(`${key}.${inner}`, leaf);
    } else if (value !== null) flat.set(key, value);
  }
  return flat;
}

function refuseUnknown(sources: SettingSources, file: ReadonlyMap<string, unknown>, problems: Problem[]): void {
  const rows: SettingRow[] = Object.values(settingTable);
  const flags = new Set(rows.map(row => row.flag));
  const variables = new Set(rows.map(row => row.environment));
  const keys = new Set(rows.map(row => row.key));
  const notAvailable = new Map([...settingsNotAvailable].map(([key, why]) => [environmentOf(key), why]));

  for (const flag of Object.keys(sources.flags)) {
    if (!flags.has(flag)) problems.push(unknown(flag, undefined));
  }
  for (const [variable, value] of Object.entries(sources.environment)) {
    if (!variable.startsWith('CARRIER_') || variables.has(variable) || otherVariables.test(variable)) continue;
    if (value) problems.push(unknown(variable, notAvailable.get(variable)));
  }
  for (const key of file.keys()) {
    if (!keys.has(key)) problems.push(unknown(`process.${key}`, settingsNotAvailable.get(key)));
  }
}

function unknown(path: string, notAvailable: string | undefined): Problem {
  if (notAvailable !== undefined) return { path, code: 'setting_not_available', message: notAvailable };
  return {
    path,
    code: 'configuration_invalid',
    message: 'no setting has this name; see docs/reference/configuration.md',
  };
}

function bothOrNone(certificatePath: string | undefined, keyPath: string | undefined, problems: Problem[]) {
  if (certificatePath !== undefined && keyPath !== undefined) return { certificatePath, keyPath };
  if (certificatePath !== undefined || keyPath !== undefined) {
    const missing = keyPath === undefined ? 'CARRIER_TLS_KEY' : 'CARRIER_TLS_CERT';
    problems.push({
      path: missing,
      code: 'configuration_invalid',
      message: 'TLS needs both the certificate and its key',
    });
  }
  return undefined;
}

function requireSecrets(optional: (name: SettingName) => string | undefined, problems: Problem[]): void {
  for (const name of ['adminKey', 'masterKey'] as const) {
    const value = optional(name);
    const path = settingTable[name].environment;
    if (value !== undefined && value.length < secretLengthMin) {
      problems.push({
        path,
        code: 'configuration_invalid',
        message: `must have ${secretLengthMin} characters or more`,
      });
    }
    if (value === undefined && optional('databaseUrl') !== undefined) {
      problems.push({ path, code: 'configuration_invalid', message: 'is required with DATABASE_URL' });
    }
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
