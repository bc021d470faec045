import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { adminKeyPath } from '../../control/secret-files.ts';
import { readServerAddress } from '../../control/server-address.ts';
import { type Emulator, startEmulator } from '../../emulator/emulator.ts';
import { findHome } from '../../store/embedded/home.ts';
import { CommandFailure, exitCodes } from '../outcome.ts';
import { reasonOf } from '../server.ts';
import { byProvider } from './drill-report.ts';
import { type ProviderName, providerNames, wellScript } from './plan.ts';

/** Three emulated providers and a gateway of its own: nothing here is the user's, and nothing of it stays. */
export interface DrillWorld {
  readonly url: string;
  readonly key: string;
  readonly model: string;
  /** Sets how a provider behaves from now on. */
  script(provider: ProviderName, script: string): void;
  /** Requests that arrived at each provider so far. */
  arrived(): Readonly<Record<ProviderName, number>>;
  api(path: string): Promise<unknown>;
  metrics(): Promise<string>;
  /** Ends and removes everything; never throws. */
  close(): Promise<void>;
}

/** A first start creates a database. */
const readyWithinMs = 60_000;
const stopWithinMs = 30_000;
const pollMs = 50;
const shownBytesMax = 2_000;
const routeName = 'drill';

/** Throws CommandFailure, or the signal's reason, with everything taken down. */
export async function openWorld(signal: AbortSignal): Promise<DrillWorld> {
  const home = mkdtempSync(join(tmpdir(), 'carrier-drill-'));
  // As root, Postgres runs as another user, who must get through to its directory.
  chmodSync(home, 0o711);
  const dataDirectory = join(home, 'data');
  const key = randomBytes(32).toString('base64url');
  const emulators = new Map<ProviderName, Emulator>();
  let gateway: ChildProcess | undefined;

  const close = async () => {
    if (gateway !== undefined) await end(gateway);
    for (const emulator of emulators.values()) await emulator.stop();
    removeData(home, dataDirectory);
  };

  try {
    for (const name of providerNames) {
      emulators.set(name, await startEmulator({ record: false, control: false, rules: [wellScript] }));
    }
    const configPath = join(home, 'carrier.yaml');
    writeFileSync(
      configPath,
      declare(name => emulators.get(name)!.url),
    );
    gateway = spawn(process.execPath, [entryPath(), 'serve', ...words({ dataDirectory, configPath })], {
      env: { ...inherited(), DRILL_KEY: key },
      stdio: ['ignore', 'pipe', 'pipe'],
      // Ctrl-C is for the drill, which then ends it: an echo would cut what it is about to count.
      detached: true,
    });
    const { url, adminKey } = await ready(gateway, dataDirectory, signal);
    const get = async (path: string) => {
      const headers = { authorization: `Bearer ${adminKey}` };
      const response = await fetch(url + path, { headers, signal }).catch(cause => {
        signal.throwIfAborted();
        throw broken(`its ${path} does not answer (${reasonOf(cause)})`);
      });
      if (!response.ok) throw broken(`its ${path} answered ${response.status}`);
      return response;
    };
    return {
      url,
      key,
      model: routeName,
      script: (provider, script) => emulators.get(provider)!.replaceRules([script]),
      arrived: () => byProvider(name => emulators.get(name)!.stats().requests),
      api: async path => (await get(path)).json(),
      metrics: async () => (await get('/metrics')).text(),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** B speaks another dialect than the client, so that failing over also translates. */
function declare(urlOf: (name: ProviderName) => string): string {
  const prices = `currency: USD, rates: { "drill/*": { input: "1", cacheRead: "0.1", cacheWrite5m: "1.25", cacheWrite1h: "2", output: "4" } }`;
  return [
    'providers:',
    `  a: { dialect: openai-chat, baseUrl: "${urlOf('a')}/v1", credential: env:DRILL_KEY }`,
    `  b: { dialect: anthropic-messages, baseUrl: "${urlOf('b')}", credential: env:DRILL_KEY }`,
    `  c: { dialect: openai-chat, baseUrl: "${urlOf('c')}/v1", credential: env:DRILL_KEY }`,
    'deployments:',
    '  a: { provider: a, model: drill/one, targetModel: gpt-5 }',
    '  b: { provider: b, model: drill/two, targetModel: claude-sonnet-5 }',
    '  c: { provider: c, model: drill/three, targetModel: gpt-5 }',
    'prices:',
    `  sell: { ${prices} }`,
    `  buy: { ${prices} }`,
    'routes:',
    `  ${routeName}: { policy: weighted, candidates: [ { deployment: a }, { deployment: b }, { deployment: c } ] }`,
    'organisations:',
    `  drill: { projects: { drill: { keys: { drill: { secret: env:DRILL_KEY } } } } }`,
    '',
  ].join('\n');
}

function words({ dataDirectory, configPath }: { readonly dataDirectory: string; readonly configPath: string }) {
  return ['--port=0', '--host=127.0.0.1', '--workers=1', `--data=${dataDirectory}`, `--config=${configPath}`];
}

/** The same program, from a checkout or as it is installed. */
function entryPath(): string {
  const name = import.meta.url.endsWith('.ts') ? 'main.ts' : 'main.js';
  return fileURLToPath(new URL(`../../${name}`, import.meta.url));
}

/** Paths and locale only: no setting, credential or database of the user reaches the drill. */
function inherited(): Record<string, string> {
  const names = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'NODE_COMPILE_CACHE'];
  return Object.fromEntries(
    names.flatMap(name => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
}

async function ready(
  gateway: ChildProcess,
  dataDirectory: string,
  signal: AbortSignal,
): Promise<{ readonly url: string; readonly adminKey: string }> {
  let said = '';
  let ended = false;
  const hear = (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-shownBytesMax);
  };
  gateway.stdout!.on('data', hear);
  gateway.stderr!.on('data', hear);
  gateway.once('exit', () => {
    ended = true;
  });
  gateway.once('error', error => {
    said += error.message;
    ended = true;
  });
  const deadlineMs = performance.now() + readyWithinMs;
  while (performance.now() < deadlineMs && !ended) {
    await sleep(pollMs, undefined, { signal });
    // Written once requests are served.
    const address = readServerAddress(dataDirectory);
    if (address !== undefined)
      return { url: address.url, adminKey: readFileSync(adminKeyPath(dataDirectory), 'utf8').trim() };
  }
  throw broken(`it did not start:\n${said.trim()}`);
}

async function end(gateway: ChildProcess): Promise<void> {
  const { pid } = gateway;
  if (gateway.exitCode !== null || gateway.signalCode !== null || pid === undefined) return;
  const exited = once(gateway, 'exit');
  gateway.kill('SIGTERM');
  // With its workers and its database, which would go on writing to what is removed: it leads a group of its own.
  const force = setTimeout(() => process.kill(-pid, 'SIGKILL'), stopWithinMs);
  await exited;
  clearTimeout(force);
}

/** The database may lie elsewhere, in a directory of its own that was made for this drill (store/embedded/home.ts). */
function removeData(home: string, dataDirectory: string): void {
  const database = findHome(dataDirectory);
  if (database !== undefined && !database.startsWith(`${dataDirectory}/`)) {
    rmSync(database, removal);
    rmSync(`${database}.owner`, { force: true });
  }
  rmSync(home, removal);
}

/** Again for some seconds: what was killed may still write its last files into a directory that is being removed. */
const removal = { recursive: true, force: true, maxRetries: 10, retryDelay: 100 };

function broken(why: string): CommandFailure {
  return new CommandFailure(exitCodes.failedCheck, 'check_failed', `The drill's own gateway failed: ${why}`);
}
