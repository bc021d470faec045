import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ConfigurationError, type Problem } from '../config/problem.ts';
import { type ProcessSettings, readSettings } from '../config/settings.ts';
import { readDeclaration } from '../control/read-declaration.ts';
import { writeServerAddress } from '../control/server-address.ts';
import { noticesOf, unusedVariables } from '../control/zero-configuration.ts';
import { createLog } from '../telemetry/log.ts';
import { checkTlsFiles } from './check-tls.ts';
import { claimHome } from './replica-home.ts';
import { readServeWords } from './serve-words.ts';
import { StartFailure } from './start-failure.ts';
import { onStopSignal } from './stop-signals.ts';
import { Supervisor } from './supervisor.ts';
import { endOnUncaught } from './uncaught.ts';
import { welcome } from './welcome.ts';

/** A start that failed takes down what it had started, within so long. */
const failedStopMs = 5_000;
/** At the second signal open exchanges get so long. */
const hurriedDrainMs = 1_000;

export interface ServeOptions {
  readonly command: 'serve' | 'start';
  /** What follows the command. */
  readonly words: readonly string[];
  readonly entryPath: string;
}

/** Runs a replica until it is told to stop. Exits by itself: 0 after a drain, 2 for wrong settings, 4 when refused. */
export async function runServe({ command, words, entryPath }: ServeOptions): Promise<void> {
  const startedMs = performance.now() - process.uptime() * 1_000;
  let supervisor: Supervisor | undefined;
  try {
    const { settings, configFile } = readAllSettings(words);
    const home = await claimHome(settings);
    const log = createLog(settings.log, 'supervisor');
    endOnUncaught(log);
    for (const notice of noticesOf(process.env)) log.info(notice);
    const started = new Supervisor({ settings, home, entryPath, log, configFile });
    onStopSignal(
      signal => {
        log.info('stopping', { signal });
        void started
          .stop(settings.drainTimeoutMs)
          .then(() => {
            log.info('stopped');
            return log.close();
          })
          .then(() => process.exit(0));
      },
      () => void started.stop(hurriedDrainMs),
    );
    supervisor = started;
    await started.start();
    const url = urlOf(settings, home.port);
    const admin = started.adminAddress;
    const facts = {
      url,
      adminUrl: admin === undefined ? url : `http://${hostOf(admin.host)}:${admin.port}`,
      dataDirectory: home.dataPath,
      adminKeyPath: settings.adminKey === undefined ? join(home.dataPath, 'admin.key') : undefined,
      example: started.example,
      unusedVariables: unusedVariables(process.env),
      command: entryPath.endsWith('.ts') ? 'npm run -s carrier --' : 'carrier',
      startedInMs: performance.now() - startedMs,
    };
    writeServerAddress(home.dataPath, { url, adminUrl: facts.adminUrl, processId: process.pid });
    // A log that machines read stays readable for them; who types `start` wants to read this.
    if (command === 'start' || settings.log.format === 'pretty') process.stdout.write(`${welcome(facts)}\n`);
    else log.info('ready', { url: facts.url, startedInMs: Math.round(facts.startedInMs) });
  } catch (error) {
    await Promise.race([supervisor?.stop(0), sleep(failedStopMs)]).catch(() => {});
    leave(error);
  }
}

function readAllSettings(words: readonly string[]): { settings: ProcessSettings; configFile: string | undefined } {
  const { flags, configPath } = readServeWords(words);
  const configFile = configPath === undefined ? undefined : readConfigFile(configPath);
  const read = (file: unknown) =>
    readSettings({ flags, environment: process.env, file, isTerminal: process.stdout.isTTY === true });
  const settings = configFile === undefined ? read(undefined) : readWithFile(configFile, read);
  if (settings.tls !== undefined) checkTlsFiles(settings.tls);
  return { settings, configFile };
}

/** What is wrong with the file and what is wrong beside it are told together. */
function readWithFile(configFile: string, read: (file: unknown) => ProcessSettings): ProcessSettings {
  let declared: unknown;
  const problems = problemsOf(() => {
    declared = readDeclaration(configFile).declaration.process;
  });
  if (problems.length === 0) return read(declared);
  throw new ConfigurationError([...problems, ...problemsOf(() => read(undefined))]);
}

function problemsOf(read: () => void): readonly Problem[] {
  try {
    read();
    return [];
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
}

function readConfigFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const message = `${path} cannot be read: ${(error as Error).message}`;
    throw new ConfigurationError([{ path: '--config', code: 'configuration_invalid', message }]);
  }
}

function urlOf(settings: ProcessSettings, port: number): string {
  return `${settings.tls === undefined ? 'http' : 'https'}://${hostOf(settings.host)}:${port}`;
}

/** As it is written in a URL that works on this machine. */
function hostOf(host: string): string {
  if (host === '0.0.0.0' || host === '::') return 'localhost';
  return host.includes(':') ? `[${host}]` : host;
}

/** Says what is wrong in words, without a stack trace where the reason has a name. */
function leave(error: unknown): never {
  if (error instanceof ConfigurationError) {
    process.stderr.write(`carrier: ${error.message}\n`);
    process.exit(2);
  }
  if (error instanceof StartFailure) {
    process.stderr.write(`carrier: ${error.message}\n`);
    process.exit(error.exitCode);
  }
  process.stderr.write(`carrier: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exit(1);
}
