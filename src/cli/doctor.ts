import { ConfigurationError, describeProblems } from '../config/problem.ts';
import { type ProcessSettings, readSettings } from '../config/settings.ts';
import { readServerAddress } from '../control/server-address.ts';
import { type Finding, fail, ok } from './doctor/finding.ts';
import { checkClock, checkNode, checkPackages, checkPlatform, type Machine } from './doctor/machine.ts';
import { checkDatabase, checkServer } from './doctor/service.ts';
import { checkDataDirectory, checkJournal, checkMasterKey } from './doctor/storage.ts';

export interface DoctorSurroundings {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly send: (request: Request) => Promise<Response>;
  readonly machine: Machine;
}

/** Looks at everything that a start needs, with the server down or up, and changes nothing. */
export async function diagnose({ environment, send, machine }: DoctorSurroundings): Promise<readonly Finding[]> {
  const basics = [checkNode(machine), checkPlatform(machine)];
  const settings = tryReadSettings(environment);
  // Without settings there is no directory, port or database to look at.
  if (!('settings' in settings)) return [...basics, settings.finding];

  const { databaseUrl, dataDirectory, masterKey, host, port, tls, journal } = settings.settings;
  const localHost = ['0.0.0.0', '::'].includes(host) ? '127.0.0.1' : host;
  const localUrl = `${tls === undefined ? 'http' : 'https'}://${localHost.includes(':') ? `[${localHost}]` : localHost}:${port}`;
  const running = environment['CARRIER_URL'] ? undefined : readServerAddress(dataDirectory);
  const url = environment['CARRIER_URL'] || running?.url || localUrl;
  const database = await checkDatabase(databaseUrl, dataDirectory);
  return [
    ...basics,
    checkPackages(databaseUrl),
    settings.finding,
    ...checkDataDirectory(dataDirectory),
    checkMasterKey(masterKey, dataDirectory, databaseUrl !== undefined),
    database.finding,
    ...(database.ledger === undefined ? [] : [database.ledger]),
    ...(database.vault ?? []),
    await checkServer({ url, host, port, processId: running?.processId }, send),
    checkJournal(dataDirectory, journal.bytesMax),
    checkClock(machine.nowMs, database.nowMs === undefined ? undefined : database.nowMs),
  ];
}

function tryReadSettings(
  environment: Readonly<Record<string, string | undefined>>,
): { readonly finding: Finding } | { readonly finding: Finding; readonly settings: ProcessSettings } {
  try {
    const settings = readSettings({ flags: {}, environment, isTerminal: false });
    return { finding: ok('settings', 'read from the environment'), settings };
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    const text = describeProblems(error.problems).trim().replaceAll('\n', '; ');
    return {
      finding: fail('settings', text, 'Correct or remove these settings; see docs/reference/configuration.md.'),
    };
  }
}
