import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { holdLock } from './install-lock.js';
import { compareWithLock, lockHash } from './installed-packages.js';
import { findNpm, npmEnvironment } from './npm.js';
import { Refusal } from './refusal.js';

const installTimeoutMs = 20 * 60_000;
const progressEveryMs = 5000;

/** Makes node_modules match package-lock.json; costs two file reads when it does. Running the server needs no
 *  development packages; a developer command asks for them. */
export async function ensureInstalled(root, { development }) {
  if (isInstalled(root, development)) return;
  const release = await holdLock(join(root, '.cache'), 'install', () => say('waiting for another installation …'));
  try {
    // Whoever held the lock may have done it.
    if (!isInstalled(root, development)) await install(root, development);
  } finally {
    release();
  }
}

function isInstalled(root, development) {
  if (existsSync(unfinishedPath(root))) return false;
  const marker = readMarker(root);
  if (marker?.lock === lockHash(root) && marker.platform === platform() && (marker.development || !development)) {
    return true;
  }
  // Somebody may have run npm by hand; what npm says it has put there is as good.
  return compareWithLock(root, { development }) === 'same';
}

async function install(root, development) {
  const npm = findNpm();
  // When only development packages are missing they are added: `npm ci` would pull the others from under a running server.
  const additive =
    development && !existsSync(unfinishedPath(root)) && compareWithLock(root, { development: false }) === 'same';
  const args = [
    ...(additive ? ['install', '--no-save'] : ['ci']),
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--include=optional',
    // The packages run on the pinned Node; what npm's own Node thinks of their `engines` only confuses.
    '--engine-strict=false',
    '--loglevel=error',
    development ? '--include=dev' : '--omit=dev',
  ];
  say(`installing packages (npm ${args[0]}) …`);
  const startedAt = performance.now();
  writeFileSync(unfinishedPath(root), '');
  rmSync(markerPath(root), { force: true });
  await runNpm(root, npm, args);
  if (compareWithLock(root, { development }) === 'unreadable') {
    throw new Refusal('npm ended well but left no packages; run it again.');
  }
  writeFileSync(markerPath(root), `${JSON.stringify({ lock: lockHash(root), platform: platform(), development })}\n`);
  rmSync(unfinishedPath(root), { force: true });
  say(`installed in ${secondsSince(startedAt)} s`);
}

async function runNpm(root, npm, args) {
  const startedAt = performance.now();
  const child = spawn(npm.command, [...npm.args, ...args], {
    cwd: root,
    // Standard output stays clean for whoever parses it.
    stdio: ['ignore', 2, 2],
    env: npmEnvironment(process.env),
    timeout: installTimeoutMs,
  });
  const progress = setInterval(() => say(`still installing, ${secondsSince(startedAt)} s …`), progressEveryMs);
  // npm ends first, so that the lock is given back and the next start repairs what is half done.
  const stop = signal => child.kill(signal);
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  const failure = await new Promise(resolve => {
    child.once('error', error => resolve(error.message));
    child.once('exit', (code, signal) => resolve(code === 0 ? undefined : (signal ?? `exit code ${code}`)));
  });
  clearInterval(progress);
  process.off('SIGINT', stop);
  process.off('SIGTERM', stop);
  if (failure !== undefined) throw new Refusal(`npm did not install the packages (${failure}); its message is above.`);
}

function readMarker(root) {
  try {
    return JSON.parse(readFileSync(markerPath(root), 'utf8'));
  } catch {
    return undefined;
  }
}

/** Inside node_modules, so that it goes when they go. */
function markerPath(root) {
  return join(root, 'node_modules', '.carrier-install.json');
}

/** There from the start of an installation to its end; left over, it tells of one that was killed. */
function unfinishedPath(root) {
  return join(root, '.cache', 'install.unfinished');
}

function platform() {
  return `${process.platform}-${process.arch}`;
}

function secondsSince(startedAt) {
  return ((performance.now() - startedAt) / 1000).toFixed(0);
}

function say(text) {
  process.stderr.write(`carrier: ${text}\n`);
}
