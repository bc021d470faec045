import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runCommand } from './support/carrier-process.ts';
import { until } from './support/until.ts';

const entryPath = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const release = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version;
const directory = mkdtempSync('/tmp/carrier-cli-');
// Open to traverse, because an embedded Postgres may run as another user.
chmodSync(directory, 0o711);
const dataDirectory = join(directory, 'data');
after(() => rmSync(directory, { recursive: true, force: true }));

test('serve and start explain themselves and start nothing', async () => {
  for (const words of [
    ['serve', '--help'],
    ['start', '-h'],
    ['serve', '--port=9', '--help'],
  ]) {
    const { code, stdout, stderr } = await runCommand(entryPath, words, { CARRIER_DATA: dataDirectory });

    assert.equal(code, 0, stderr);
    assert.match(stdout, new RegExp(`^Usage: carrier ${words[0]} \\[options\\]`));
    assert.match(stdout, /--journal-fsync <value>/);
  }
  for (const words of [['--version'], ['serve', '--version'], ['start', '--version']]) {
    const { code, stdout } = await runCommand(entryPath, words, { CARRIER_DATA: dataDirectory });

    assert.deepEqual([code, stdout], [0, `${release}\n`]);
  }
  assert.equal(existsSync(dataDirectory), false);
});

test('commands find the server of their data directory, whatever its ports are', async () => {
  const child = spawn(process.execPath, [entryPath, 'serve', '--port=0', '--admin-listen=127.0.0.1:0', '--workers=1'], {
    env: { PATH: process.env['PATH'], CARRIER_DATA: dataDirectory, AZURE_OPENAI_API_KEY: 'not-to-be-shown' },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let log = '';
  child.stdout!.on('data', chunk => {
    log += chunk;
  });
  const exited = new Promise<number | null>(resolve => child.once('exit', resolve));
  const path = join(dataDirectory, 'server.json');
  const environment = { CARRIER_DATA: dataDirectory };
  try {
    const address = await until('the address is written', () => existsSync(path) || undefined, 20_000).then(() =>
      JSON.parse(readFileSync(path, 'utf8')),
    );
    assert.equal(address.processId, child.pid);
    assert.notEqual(address.url, address.adminUrl);

    const models = await runCommand(entryPath, ['models'], environment);
    const doctor = await runCommand(entryPath, ['doctor'], environment);
    const elsewhere = await runCommand(entryPath, ['models'], { ...environment, CARRIER_URL: 'http://127.0.0.1:1' });

    assert.equal(models.code, 0, models.stderr);
    assert.match(models.stdout, /sandbox\/chat-1/);
    assert.match(doctor.stdout, new RegExp(`ready at ${address.url}`));
    assert.equal(elsewhere.code, 3);
    assert.match(log, /AZURE_OPENAI_API_KEY is set, but its provider cannot be called yet; it is not used/);
    assert.doesNotMatch(log, /not-to-be-shown/);
  } finally {
    child.kill('SIGTERM');
    assert.equal(await exited, 0);
  }
  assert.equal(existsSync(path), false);
});

test('the address that a killed server left is not believed', async () => {
  const gone = { url: 'http://127.0.0.1:2', adminUrl: 'http://127.0.0.1:2', processId: 2 ** 22 + 1 };
  writeFileSync(join(dataDirectory, 'server.json'), JSON.stringify(gone));

  const { code, stderr } = await runCommand(entryPath, ['models'], { CARRIER_DATA: dataDirectory, CARRIER_PORT: '1' });

  assert.equal(code, 3);
  assert.match(stderr, /No server answers at http:\/\/127\.0\.0\.1:1 /);
});
