import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const installTimeoutMs = 5 * 60_000;
/** How npm says that nobody answers; anything else is a fault of ours. */
const unreachable =
  /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ENETUNREACH|EHOSTUNREACH|ETIMEDOUT|ERR_SOCKET_TIMEOUT)\b/;

/** Installs what the lockfile says, once. Returns why it could not when the registry cannot be reached; throws when
 *  anything else is wrong. */
export function installClients(): string | undefined {
  if (isInstalled()) return undefined;
  // `npm ci` wants every platform's binary of a program in the lockfile, also where a registry has them not.
  const run = spawnSync(
    'npm',
    ['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--fetch-retries=1'],
    {
      cwd: import.meta.dirname,
      encoding: 'utf8',
      timeout: installTimeoutMs,
    },
  );
  if (run.status === 0) return undefined;
  const said = `${run.error ?? ''}\n${run.stderr}`.trim();
  const reason = said.split('\n').find(line => unreachable.test(line));
  if (reason !== undefined) return `the npm registry cannot be reached: ${reason}`;
  throw new Error(`npm install in test/clients ended with ${run.status}:\n${said}`);
}

export function clientPath(...parts: readonly string[]): string {
  return join(import.meta.dirname, 'node_modules', ...parts);
}

function isInstalled(): boolean {
  const { dependencies } = readJson(join(import.meta.dirname, 'package.json'));
  return Object.entries(dependencies as Record<string, string>).every(([name, version]) => {
    const path = clientPath(name, 'package.json');
    return existsSync(path) && readJson(path)['version'] === version;
  });
}

function readJson(path: string): Record<string, unknown> {
  return JSON.parse(readFileSync(path, 'utf8'));
}
