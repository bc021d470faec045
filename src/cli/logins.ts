import { mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { writeWholeFileSync } from '../control/whole-file.ts';
import { CommandFailure, exitCodes } from './outcome.ts';
import type { Surroundings } from './surroundings.ts';

/** Tokens of people who logged in at this machine, by server: a file that only they can read. */
interface Logins {
  readonly [origin: string]: { readonly token: string; readonly expiresAt: string };
}

const loginsBytesMax = 256 * 1024;
const directoryName = 'common-carrier';

type Environment = Surroundings['environment'];

/** The token for exactly this server, or nothing. Throws CommandFailure where others could have read it. */
export function storedToken(environment: Environment, url: string): string | undefined {
  const login = readLogins(environment)[new URL(url).origin];
  return login === undefined || Date.parse(login.expiresAt) <= Date.now() ? undefined : login.token;
}

export function keepLogin(environment: Environment, url: string, login: Logins[string]): string {
  const directory = configDirectory(environment);
  if (directory === undefined) {
    throw new CommandFailure(exitCodes.usage, 'usage', 'Set HOME or XDG_CONFIG_HOME: there is no place for the login.');
  }
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  write(environment, { ...readLogins(environment), [new URL(url).origin]: login });
  return loginsPath(directory);
}

export function forgetLogin(environment: Environment, url: string): void {
  const { [new URL(url).origin]: known, ...others } = readLogins(environment);
  if (known !== undefined) write(environment, others);
}

function readLogins(environment: Environment): Logins {
  const directory = configDirectory(environment);
  if (directory === undefined) return {};
  const path = loginsPath(directory);
  try {
    const { mode, size } = statSync(path);
    if ((mode & 0o077) !== 0) {
      const advice = `chmod 600 ${path}, and log in again: others may have read it.`;
      throw new CommandFailure(exitCodes.refused, 'login_exposed', `${path} can be read by others. ${advice}`);
    }
    if (size > loginsBytesMax) throw new Error('too large');
    return JSON.parse(readFileSync(path, 'utf8')) as Logins; // written below
  } catch (error) {
    if (error instanceof CommandFailure) throw error;
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return {};
    const message = `${path} cannot be read (${(error as Error).message}); remove it and log in again.`;
    throw new CommandFailure(exitCodes.refused, 'login_unreadable', message, { cause: error });
  }
}

function write(environment: Environment, logins: Logins): void {
  const directory = configDirectory(environment);
  if (directory !== undefined) writeWholeFileSync(loginsPath(directory), `${JSON.stringify(logins, null, 2)}\n`);
}

function loginsPath(directory: string): string {
  return join(directory, 'logins.json');
}

function configDirectory(environment: Environment): string | undefined {
  const configured = environment['XDG_CONFIG_HOME'];
  if (configured) return join(configured, directoryName);
  const home = environment['HOME'];
  return home ? join(home, '.config', directoryName) : undefined;
}
