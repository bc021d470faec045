// Builds the console of a checkout into console/dist, when its sources are others than those of the last build. It has
// packages of its own (console/package-lock.json), which running the server needs not.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { constants as priorities, setPriority } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { holdLock } from './install-lock.js';
import { findNpm, npmEnvironment } from './npm.js';
import { Refusal } from './refusal.js';

const buildTimeoutMs = 10 * 60_000;
/** Smaller files gain nothing by being packed. */
const packedBytesMin = 512;
const packedTypes = /\.(?:js|css|html|svg|json|txt)$/;

/** Resolves with true when it was built now. Throws Refusal; the server serves without a console, too. */
export async function ensureConsole(root, runtime) {
  if (isBuilt(root)) return false;
  const release = await holdLock(join(root, '.cache'), 'console', () =>
    say('waiting for another build of the console …'),
  );
  try {
    if (isBuilt(root)) return false;
    const startedAt = performance.now();
    say('building the console …');
    await installPackages(root);
    await build(root, runtime);
    say(`the console is built, ${((performance.now() - startedAt) / 1000).toFixed(0)} s`);
    return true;
  } finally {
    release();
  }
}

function isBuilt(root) {
  const marker = join(root, 'console/dist/.source');
  return existsSync(marker) && readFileSync(marker, 'utf8') === sourceHash(root);
}

/** Of everything that the build reads. */
function sourceHash(root) {
  const hash = createHash('sha256');
  const folder = join(root, 'console');
  const entries = readdirSync(folder, { withFileTypes: true }).filter(
    ({ name }) => name !== 'node_modules' && name !== 'dist',
  );
  const files = entries.flatMap(entry =>
    entry.isDirectory()
      ? readdirSync(join(folder, entry.name), { recursive: true, withFileTypes: true })
          .filter(each => each.isFile())
          .map(each => join(each.parentPath ?? each.path, each.name))
      : [join(folder, entry.name)],
  );
  for (const file of files.sort())
    hash.update(file.slice(folder.length)).update('\0').update(readFileSync(file)).update('\0');
  return hash.digest('hex');
}

async function installPackages(root) {
  const folder = join(root, 'console');
  const lock = createHash('sha256')
    .update(readFileSync(join(folder, 'package-lock.json')))
    .digest('hex');
  const marker = join(folder, 'node_modules', '.carrier-install');
  if (existsSync(marker) && readFileSync(marker, 'utf8') === lock) return;
  const npm = findNpm();
  const args = [
    'ci',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--include=optional',
    '--include=dev',
    '--engine-strict=false',
    '--loglevel=error',
  ];
  await run(npm.command, [...npm.args, ...args], folder, npmEnvironment(process.env));
  writeFileSync(marker, lock);
}

/** Into a folder beside, which then takes the place of the last build: a page that is being loaded finds one or the other. */
async function build(root, runtime) {
  const folder = join(root, 'console');
  const made = join(folder, 'dist', '.next');
  rmSync(made, { recursive: true, force: true });
  mkdirSync(made, { recursive: true });
  const hash = sourceHash(root);
  await run(runtime, [join(folder, 'node_modules/vite/bin/vite.js'), 'build', '--logLevel', 'warn'], folder, {
    ...process.env,
    CONSOLE_OUT: made,
    NODE_ENV: 'production',
  });
  pack(made);
  writeFileSync(join(made, '.source'), hash);
  const dist = join(folder, 'dist');
  for (const entry of readdirSync(dist)) if (entry !== '.next') rmSync(join(dist, entry), { recursive: true });
  // index.html last: it is what tells that there is a build.
  const entries = readdirSync(made).sort((one, other) => Number(one === 'index.html') - Number(other === 'index.html'));
  for (const entry of entries) renameSync(join(made, entry), join(dist, entry));
  rmSync(made, { recursive: true });
}

/** Once, as small as can be, rather than for every browser. */
function pack(folder) {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !packedTypes.test(entry.name)) continue;
    const path = join(entry.parentPath ?? entry.path, entry.name);
    const bytes = readFileSync(path);
    if (bytes.length < packedBytesMin) continue;
    writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
    writeFileSync(`${path}.br`, brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }));
  }
}

async function run(command, args, cwd, env) {
  // Standard output stays clean for whoever parses it.
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', 2, 2], timeout: buildTimeoutMs });
  beNice(child);
  const stop = signal => child.kill(signal);
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  const failure = await new Promise(resolve => {
    child.once('error', error => resolve(error.message));
    child.once('exit', (code, signal) => resolve(code === 0 ? undefined : (signal ?? `exit code ${code}`)));
  });
  process.off('SIGINT', stop);
  process.off('SIGTERM', stop);
  if (failure !== undefined) throw new Refusal(`the console was not built (${failure}); what said so is above.`);
}

/** A server may be starting beside it, and comes first. What it starts itself inherits this. */
function beNice(child) {
  try {
    setPriority(child.pid, priorities.priority.PRIORITY_LOW);
  } catch {
    // It has ended already, or this system does not allow it.
  }
}

function say(text) {
  process.stderr.write(`carrier: ${text}\n`);
}
