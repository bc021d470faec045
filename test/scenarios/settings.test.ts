import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { settingsNotAvailable } from '../../src/config/setting-table.ts';
import { keysNotAvailable } from '../../src/control/declaration.ts';
import { type Carrier, startCarrier } from './support/start-carrier.ts';

const entryPath = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

let carrier: Carrier;
before(async () => {
  carrier = await startCarrier();
});

const directory = mkdtempSync(join(tmpdir(), 'carrier-settings-'));
after(() => rmSync(directory, { recursive: true }));

interface Problem {
  readonly path: string;
  readonly code: string;
}

/** A path that a file may have. Books of prices and their meters have names of their own; everything else is named freely. */
function someOf(path: string): string {
  return path.replace(/^prices\.\*/, 'prices.sell').replaceAll('*', 'some');
}

/** A file that sets each of these. */
function fileWith(paths: readonly string[]): string {
  const file: Record<string, unknown> = {};
  for (const path of paths) {
    let place = file;
    const names = someOf(path).split('.');
    for (const name of names.slice(0, -1)) place = (place[name] ??= {}) as Record<string, unknown>; // made here
    place[names.at(-1)!] = 'x';
  }
  // JSON is YAML.
  return JSON.stringify(file);
}

test('every key that is known and not built is refused by name, all at once, and nothing changes', async () => {
  const paths = [...keysNotAvailable.keys(), ...[...settingsNotAvailable.keys()].map(key => `process.${key}`)];
  const before = (await carrier.api('GET', '/api/v1/status')).json.revision;

  const { status, json } = await carrier.api('POST', '/api/v1/apply', { file: fileWith(paths) });

  const refused = json.errors.filter((problem: Problem) => problem.code === 'setting_not_available');
  assert.equal(status, 400);
  assert.deepEqual(refused.map((problem: Problem) => problem.path).sort(), paths.map(someOf).sort());
  assert.equal((await carrier.api('GET', '/api/v1/status')).json.revision, before);
});

test('of a hundred wrong files each is answered, however soon the answer is there', async () => {
  for (let n = 0; n < 100; n++) {
    const { status, text } = await carrier.api('POST', '/api/v1/apply', { file: 'wether: 1' });
    assert.equal(status, 400, text);
  }
});

test('a key that nobody knows is refused at every depth', async () => {
  const paths = [
    'wether',
    'providers.some.nme',
    'routes.some.retry',
    'organisations.some.projects.some.keys.some.scret',
  ];
  const { json } = await carrier.api('POST', '/api/v1/apply', { file: fileWith(paths) });

  const named = new Set(json.errors.map((problem: Problem) => problem.path));
  assert.deepEqual(
    paths.filter(path => !named.has(path)),
    [],
  );
});

test('a server does not start with settings it cannot obey, and names them all', () => {
  const file = join(directory, 'carrier.yaml');
  writeFileSync(file, 'process: { limits: { bodyBytes: 5 }, contentLogs: true }\ncommitments: {}\n');
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [
      entryPath,
      'serve',
      `--config=${file}`,
      `--data=${join(directory, 'data')}`,
      '--port=0',
      '--journal-fsync=perhaps',
    ],
    { encoding: 'utf8', timeout: 20_000, env: { PATH: process.env['PATH'], CARRIER_PROT: '1' } },
  );

  assert.equal(status, 2, stdout + stderr);
  for (const name of ['process.limits.bodyBytes', 'process.contentLogs', '--journal-fsync', 'CARRIER_PROT']) {
    assert.ok(stderr.includes(name), `${name} is not named:\n${stderr}`);
  }
});

test('every bound of the data plane that can be set is obeyed somewhere', () => {
  const declared = readFileSync(new URL('../../src/gateway/settings.ts', import.meta.url), 'utf8');
  const limits = declared.slice(declared.indexOf('interface DataPlaneLimits'), declared.indexOf('export const'));
  const names = [...limits.matchAll(/readonly (\w+): number/g)].map(match => match[1]!);
  const read = [
    'attempt',
    'attempts',
    'client-answer',
    'create-gateway',
    'listener',
    'read-body',
    'relay',
    'serve-completion',
    'translate',
  ]
    .map(name => readFileSync(new URL(`../../src/gateway/${name}.ts`, import.meta.url), 'utf8'))
    .join('\n');

  assert.ok(names.length >= 11);
  assert.deepEqual(
    names.filter(
      name => !new RegExp(`limits\\.${name}\\b|\\{[^}]*\\b${name}\\b[^}]*\\} = this\\.#\\w+\\.limits`).test(read),
    ),
    [],
  );
});
