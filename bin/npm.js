import { existsSync } from 'node:fs';
import { basename, delimiter, dirname, join } from 'node:path';
import { Refusal } from './refusal.js';

/** What a user's npm settings may say about how to reach the registry. Everything else that `npm run` exports
 *  (omit, production, global, prefix, workspace …) would change what is installed. */
const keptSettings = new Set([
  'registry',
  'proxy',
  'http_proxy',
  'https_proxy',
  'noproxy',
  'ca',
  'cafile',
  'cert',
  'key',
  'strict_ssl',
  'cache',
  'userconfig',
  'globalconfig',
  'offline',
  'prefer_offline',
  'fetch_retries',
  'fetch_retry_mintimeout',
  'fetch_retry_maxtimeout',
  'fetch_timeout',
  'maxsockets',
  'loglevel',
]);

/** The npm that runs us, the one on the PATH, or the one beside Node. */
export function findNpm() {
  const running = process.env['npm_execpath'];
  if (running !== undefined && basename(running) === 'npm-cli.js' && existsSync(running)) {
    return { command: process.execPath, args: [running] };
  }
  for (const directory of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(directory, 'npm');
    if (directory !== '' && existsSync(path)) return { command: path, args: [] };
  }
  const beside = join(dirname(process.execPath), '..', 'lib', 'node_modules', 'npm', 'bin', 'npm-cli.js');
  if (existsSync(beside)) return { command: process.execPath, args: [beside] };
  throw new Refusal('npm is not installed; install npm 10 or newer.');
}

export function npmEnvironment(environment) {
  return Object.fromEntries(
    Object.entries(environment).filter(([name]) => {
      if (name === 'NODE_ENV' || name === 'INIT_CWD') return false;
      return !/^npm_/i.test(name) || isKept(name);
    }),
  );
}

function isKept(name) {
  const setting = /^npm_config_(.+)$/i.exec(name)?.[1];
  if (setting === undefined) return false;
  // Credentials of hosts and registries of scopes: `//host/:_authToken`, `@scope:registry`.
  if (setting.startsWith('//') || setting.startsWith('@')) return true;
  return keptSettings.has(setting.toLowerCase().replaceAll('-', '_'));
}
