#!/usr/bin/env node
// The first thing that runs, on whatever Node the machine has: installs what a checkout misses, then hands over to the
// pinned Node. Plain JavaScript, no dependencies.
import { existsSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Refusal } from './refusal.js';

const nodeMajorMin = 20;

const developerCommands = {
  test: 'test/run.ts',
  check: 'test/check.ts',
  bench: 'bench/run.ts',
  build: 'bin/build.js',
  docs: 'docs/generate.ts',
};

const root = dirname(dirname(fileURLToPath(import.meta.url)));

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof Refusal)) throw error;
  process.stderr.write(`carrier: ${error.message}\n`);
  process.exitCode = error.exitCode;
}

async function main(words) {
  if (Number.parseInt(process.versions.node, 10) < nodeMajorMin) {
    throw new Refusal(`Node ${process.versions.node} is too old; install Node ${nodeMajorMin} or newer.`);
  }
  // Loaded only now, because an older Node could not read them.
  const { ensureInstalled } = await import('./install.js');
  const { chooseRuntime } = await import('./runtime.js');
  const { relay } = await import('./relay.js');

  const checkout = isCheckout();
  const developer = words[0] === 'dev';
  if (developer && !checkout) throw new Refusal('`dev` commands work in a checkout of the repository only.', 2);
  const script = developer ? findDeveloperScript(words[1]) : findMain(checkout);
  if (checkout) await ensureInstalled(root, { development: developer });
  const runtime = chooseRuntime(root);
  if (checkout && words[0] === 'start') buildConsoleBeside(runtime);
  await relay(runtime, [script, ...words.slice(developer ? 2 : 0)], { foreground: !isLongRunning(words[0]) });
}

/** The server is there sooner than its pages. Whoever only wants the API misses nothing when they cannot be built. */
function buildConsoleBeside(runtime) {
  import('./console.js')
    .then(({ ensureConsole }) => ensureConsole(root, runtime))
    .catch(error => process.stderr.write(`carrier: ${error.message}\n`));
}

/** A clone of the repository, as against the installed package. */
function isCheckout() {
  return (
    existsSync(join(root, 'package-lock.json')) &&
    existsSync(join(root, 'src')) &&
    !root.split(sep).includes('node_modules')
  );
}

function findMain(checkout) {
  const path = join(root, checkout ? 'src/main.ts' : 'dist/main.js');
  if (!existsSync(path)) throw new Refusal(`${path} is missing; reinstall the package.`);
  return path;
}

function findDeveloperScript(name) {
  if (name === undefined || !Object.hasOwn(developerCommands, name)) {
    const known = Object.keys(developerCommands).join(', ');
    throw new Refusal(`there is no developer command \`${name ?? ''}\`; there are: ${known}.`, 2);
  }
  return join(root, developerCommands[name]);
}

function isLongRunning(command) {
  return ['start', 'serve', 'emulate', 'dev'].includes(command);
}
