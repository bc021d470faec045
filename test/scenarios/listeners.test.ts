import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { PeerCertificate, TLSSocket } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { claimFreePort } from './support/free-port.ts';
import { childProcessIds } from './support/process-tree.ts';
import { type Carrier, startCarrier } from './support/start-carrier.ts';
import { until } from './support/until.ts';

const entryPath = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'carrier-tls-'));
const certificate = join(directory, 'cert.pem');
const key = join(directory, 'key.pem');
// Open to traverse, because an embedded Postgres may run as another user.
chmodSync(directory, 0o711);
let adminPort: number;
let carrier: Carrier;

/** `one` or `two`: what a renewal leaves at the path. */
function putCertificate(name: string): void {
  const fixture = (file: string) => fileURLToPath(new URL(`../support/tls/${file}`, import.meta.url));
  copyFileSync(fixture(`${name}.key.pem`), key);
  copyFileSync(fixture(`${name}.pem`), certificate);
}

before(async () => {
  adminPort = await claimFreePort();
  carrier = await startCarrier({ workers: 2, env: { CARRIER_ADMIN_LISTEN: `127.0.0.1:${adminPort}` } });
});
after(async () => {
  await carrier?.remove();
  rmSync(directory, { recursive: true, force: true });
});

test('with an address of its own the management API is there, and not on the data plane', async () => {
  const headers = { authorization: `Bearer ${carrier.adminKey}` };

  const own = await fetch(`http://127.0.0.1:${adminPort}/api/v1/status`, { headers });
  const refused = await fetch(`http://127.0.0.1:${adminPort}/api/v1/status`);
  const shared = await fetch(`${carrier.url}/api/v1/status`, { headers });

  assert.equal(own.status, 200);
  assert.equal(refused.status, 401);
  await until('both workers are ready', async () => {
    const metrics = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
    return /^carrier_workers_ready 2$/m.test(metrics) ? true : undefined;
  });
  assert.equal(shared.status, 404);
});

test('the emulated providers are started again when they end', async () => {
  const ask = async () => {
    const response = await fetch(`${carrier.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${carrier.key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'sandbox/chat-1', messages: [{ role: 'user', content: 'Hello' }] }),
    });
    await response.arrayBuffer();
    return response.status;
  };
  assert.equal(await ask(), 200);

  const [sandbox] = childProcessIds(carrier.processId, 'sandbox');
  process.kill(sandbox!, 'SIGKILL');

  await until('the sandbox answers again', async () => ((await ask()) === 200 ? true : undefined));
  assert.notEqual(childProcessIds(carrier.processId, 'sandbox')[0], sandbox);
});

test('certificates that cannot be used are refused before anything starts', () => {
  writeFileSync(certificate, 'no certificate');
  const serve = (cert: string, secret: string) =>
    spawnSync(process.execPath, [entryPath, 'serve', `--tls-cert=${cert}`, `--tls-key=${secret}`, '--port=0'], {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], CARRIER_DATA: join(directory, 'never') },
    });

  const missing = serve(join(directory, 'nowhere'), join(directory, 'nowhere.key'));
  const wrong = serve(certificate, certificate);

  assert.deepEqual([missing.status, wrong.status], [2, 2]);
  assert.match(missing.stderr, /CARRIER_TLS_CERT: .*cannot be read[\s\S]*CARRIER_TLS_KEY: .*cannot be read/);
  assert.match(wrong.stderr, /are no usable pair/);
});

test('HTTPS is served by every worker, and a renewed certificate is used without a restart', async () => {
  putCertificate('one');
  const port = await claimFreePort();
  const secure = await startCarrierWithTls(port);
  try {
    assert.equal((await handshake(port)).subject.CN, 'one');
    const workers = childProcessIds(secure.pid, 'worker');

    putCertificate('two');

    await until('twenty handshakes in a row show the new certificate', async () => {
      for (let i = 0; i < 20; i += 1) if ((await handshake(port)).subject.CN !== 'two') return undefined;
      return true;
    });
    assert.deepEqual(childProcessIds(secure.pid, 'worker'), workers);
  } finally {
    await secure.stop();
  }
});

/** The support's own start asks /readyz over plain HTTP. */
async function startCarrierWithTls(port: number): Promise<{ pid: number; stop(): Promise<void> }> {
  assert.equal(await carrier.stop(), 0);
  const child = spawn(
    process.execPath,
    [entryPath, 'serve', `--port=${port}`, '--workers=2', `--tls-cert=${certificate}`, `--tls-key=${key}`],
    {
      env: { PATH: process.env['PATH'], CARRIER_DATA: join(directory, 'data') },
      stdio: 'ignore',
    },
  );
  const exited = new Promise<void>(resolve => child.once('exit', () => resolve()));
  await until(
    'HTTPS is served',
    () =>
      handshake(port).then(
        () => true,
        () => undefined,
      ),
    20_000,
  );
  return {
    pid: child.pid!,
    stop: async () => {
      child.kill('SIGTERM');
      await exited;
    },
  };
}

function handshake(port: number): Promise<PeerCertificate> {
  return new Promise((resolve, reject) => {
    const sent = request({ port, host: '127.0.0.1', path: '/readyz', rejectUnauthorized: false, agent: false });
    sent.on('response', response => {
      const shown = (response.socket as TLSSocket).getPeerCertificate();
      response.resume();
      response.on('end', () => resolve(shown));
    });
    sent.on('error', reject);
    sent.end();
  });
}
