import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { repositoryRoot } from '../support/test-groups.ts';

const roots: string[] = [];
after(() => {
  for (const root of roots) rmSync(root, { recursive: true, force: true });
});

/** A checkout with the real bin/, one dependency in the lockfile, and a main.ts of the test's. What npm is asked to do is
 *  written to npm.txt by a program of that name, which installs as it is told. */
function makeCheckout(options: { readonly main?: string; readonly npm?: string } = {}): string {
  const root = mkdtempSync('/tmp/carrier boot ü-');
  roots.push(root);
  cpSync(join(repositoryRoot, 'bin'), join(root, 'bin'), { recursive: true });
  for (const folder of ['src', 'path']) mkdirSync(join(root, folder));
  writeFileSync(join(root, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(root, 'package-lock.json'), JSON.stringify({ packages: lockedPackages }));
  writeFileSync(join(root, 'src', 'main.ts'), options.main ?? "console.log('main', process.argv.slice(2).join(' '));");
  writeFileSync(
    join(root, 'path', 'npm'),
    `#!/bin/sh\n${options.npm ?? 'echo "$@" NODE_ENV=$NODE_ENV omit=$npm_config_omit registry=$npm_config_registry >> npm.txt\nmkdir -p node_modules\ncp package-lock.json node_modules/.package-lock.json'}\n`,
    { mode: 0o755 },
  );
  return root;
}

const lockedPackages = {
  '': { name: 'x' },
  'node_modules/needed': { version: '1.0.0', integrity: 'sha512-a' },
  'node_modules/elsewhere': { version: '1.0.0', integrity: 'sha512-b', os: ['win32'], optional: true },
  'node_modules/for-tests': { version: '1.0.0', integrity: 'sha512-c', dev: true },
};

function environmentOf(root: string, more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const { npm_execpath: _one, npm_command: _two, NODE_TEST_CONTEXT: _three, ...rest } = process.env;
  return { ...rest, PATH: `${join(root, 'path')}:/usr/bin:/bin`, ...more };
}

function runCarrier(root: string, words: readonly string[], more: Readonly<Record<string, string>> = {}) {
  return spawnSync(process.execPath, [join(root, 'bin', 'carrier.js'), ...words], {
    cwd: '/',
    encoding: 'utf8',
    env: environmentOf(root, more),
    timeout: 30_000,
  });
}

describe('the bootstrap', () => {
  it('installs once, says so on standard error only, and hands the words on', () => {
    const root = makeCheckout();

    const first = runCarrier(root, ['usage', '--json']);
    const second = runCarrier(root, ['usage']);

    assert.equal(first.stdout, 'main usage --json\n');
    assert.match(first.stderr, /installing packages \(npm ci\)/);
    assert.deepEqual([second.stdout, second.stderr], ['main usage\n', '']);
    assert.equal(readFileSync(join(root, 'npm.txt'), 'utf8').split('\n').length, 2);
  });

  it('lets no setting of the calling npm change what is installed, but keeps its registry', () => {
    const root = makeCheckout();

    runCarrier(root, ['usage'], {
      NODE_ENV: 'production',
      npm_config_omit: 'optional',
      npm_config_registry: 'https://registry.example/',
    });

    const asked = readFileSync(join(root, 'npm.txt'), 'utf8');
    assert.match(
      asked,
      /^ci .*--include=optional.* --omit=dev NODE_ENV= omit= registry=https:\/\/registry\.example\/\n$/,
    );
  });

  it('adds development packages for a developer command, without taking the others away', () => {
    const root = makeCheckout();
    mkdirSync(join(root, 'test'));
    writeFileSync(join(root, 'test', 'run.ts'), "console.log('tests');");
    mkdirSync(join(root, 'node_modules'));
    const { 'node_modules/for-tests': _, ...production } = lockedPackages;
    writeFileSync(join(root, 'node_modules', '.package-lock.json'), JSON.stringify({ packages: production }));

    const run = runCarrier(root, ['dev', 'test']);

    assert.equal(run.stdout, 'tests\n');
    assert.match(readFileSync(join(root, 'npm.txt'), 'utf8'), /^install --no-save .*--include=dev /);
  });

  it('installs again when the lockfile has changed', () => {
    const root = makeCheckout();
    runCarrier(root, ['usage']);
    const changed = { ...lockedPackages, 'node_modules/needed': { version: '2.0.0', integrity: 'sha512-d' } };
    writeFileSync(join(root, 'package-lock.json'), JSON.stringify({ packages: changed }));

    const run = runCarrier(root, ['usage']);

    assert.match(run.stderr, /installing packages \(npm ci\)/);
  });

  it('installs anew after an installation that was killed, and stops with a message when npm fails', () => {
    const root = makeCheckout({
      npm: 'mkdir -p node_modules; cp package-lock.json node_modules/.package-lock.json; exit 7',
    });

    const first = runCarrier(root, ['usage']);
    const second = runCarrier(root, ['usage']);

    for (const run of [first, second]) {
      assert.equal(run.status, 1);
      assert.match(run.stderr, /npm did not install the packages \(exit code 7\)/);
      assert.equal(run.stdout, '');
    }
  });

  it('ends with the exit code of the program, and by its signal', () => {
    const coded = runCarrier(makeCheckout({ main: 'process.exit(3)' }), ['usage']);
    const killed = runCarrier(makeCheckout({ main: "process.kill(process.pid, 'SIGKILL')" }), ['usage']);

    assert.equal(coded.status, 3);
    assert.equal(killed.signal, 'SIGKILL');
  });

  it('passes a signal on once, however often it comes at the same moment', async () => {
    const root = makeCheckout({
      main: `let count = 0;
        process.on('SIGTERM', () => { count += 1; });
        process.on('SIGUSR2', () => { console.log('count', count); process.exit(0); });
        setInterval(() => undefined, 1000);
        console.log('pid', process.pid);`,
    });
    const carrier = spawn(process.execPath, [join(root, 'bin', 'carrier.js'), 'serve'], {
      env: environmentOf(root),
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let text = '';
    carrier.stdout.setEncoding('utf8').on('data', chunk => {
      text += chunk;
    });
    while (!text.includes('pid')) await once(carrier.stdout, 'data');

    carrier.kill('SIGTERM');
    await new Promise(resolve => setImmediate(resolve));
    carrier.kill('SIGTERM');
    // Signals of different kinds may overtake each other on the way; the first must have gone through.
    await new Promise(resolve => setTimeout(resolve, 300));
    process.kill(Number(/pid ([0-9]+)/.exec(text)?.[1]), 'SIGUSR2');
    const [code] = await once(carrier, 'exit');

    assert.equal(code, 0);
    assert.match(text, /count 1\n/);
  });

  it('refuses an unknown developer command, naming those there are', () => {
    const run = runCarrier(makeCheckout(), ['dev', 'tset']);

    assert.equal(run.status, 2);
    assert.match(run.stderr, /no developer command `tset`; there are: test, check, bench, build, docs\./);
  });
});
