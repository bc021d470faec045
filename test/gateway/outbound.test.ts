import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, utimesSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { startEmulator } from '../../src/emulator/emulator.ts';
import { secret, startGateway, type TestGateway } from '../support/gateway.ts';

const tlsFile = (name: string) => new URL(`../support/tls/${name}`, import.meta.url).pathname;
const certificate = readFileSync(tlsFile('one.pem'), 'utf8');
const key = readFileSync(tlsFile('one.key.pem'), 'utf8');

// Authorities of NODE_EXTRA_CA_CERTS are read when the process starts, so the tests run in one that was started with it.
if (process.env['CARRIER_TEST_OUTBOUND'] === undefined) {
  test('outbound connections, with a private authority', async () => {
    const { NODE_TEST_CONTEXT: _, ...inherited } = process.env;
    const env = { ...inherited, NODE_EXTRA_CA_CERTS: tlsFile('ca.pem'), CARRIER_TEST_OUTBOUND: '1' };
    const child = fork(import.meta.filename, {
      env,
      execArgv: ['--test-reporter=spec'],
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    });
    let output = '';
    child.stdout!.on('data', text => (output += text));

    const [code] = await once(child, 'exit');

    assert.equal(code, 0, output);
    assert.match(output, /pass 6/);
  });
} else {
  test('a provider behind a unix socket is reached', async t => {
    const directory = mkdtempSync(join(tmpdir(), 'carrier-'));
    const emulator = await startEmulator({ socketPath: join(directory, 'e.sock') });
    const gateway = await gatewayTo(emulator.url, 'emulated');
    t.after(async () => {
      await gateway.stop();
      await emulator.stop();
      rmSync(directory, { recursive: true });
    });

    assert.equal((await ask(gateway.url)).status, 200);
    assert.equal(emulator.requests()[0]?.path, '/v1/chat/completions');
  });

  test('a provider with a certificate of a private authority is trusted', async t => {
    const emulator = await startEmulator({ tls: { certificate, key } });
    const gateway = await gatewayTo(`${emulator.url}/v1`);
    t.after(async () => {
      await gateway.stop();
      await emulator.stop();
    });

    assert.equal((await ask(gateway.url)).status, 200);
  });

  test('a provider with another name in its certificate is not, and the client learns no address', async t => {
    const emulator = await startEmulator({ tls: { certificate, key }, host: '127.0.0.2' });
    const gateway = await gatewayTo(`${emulator.url}/v1`);
    t.after(async () => {
      await gateway.stop();
      await emulator.stop();
    });

    const response = await ask(gateway.url);
    const text = await response.text();

    assert.equal(response.status, 502);
    assert.equal(response.headers.get('x-carrier-fault'), 'upstream_refused');
    assert.doesNotMatch(text, /127\.0\.0/);
  });

  test('an outbound proxy is used for https, and not for what NO_PROXY names', async t => {
    const emulator = await startEmulator({ tls: { certificate, key } });
    const targets: string[] = [];
    const proxy = createServer().on('connect', (request, socket) => {
      targets.push(request.url ?? '');
      const upstream = connect(emulator.port, '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
        upstream.pipe(socket).pipe(upstream);
      });
      for (const side of [socket, upstream]) side.on('error', () => {});
    });
    await once(proxy.listen(0, '127.0.0.1'), 'listening');
    const { port } = proxy.address() as { port: number };
    const settings = { proxy: { httpsProxy: `http://127.0.0.1:${port}`, noProxy: 'example.com, .internal' } };
    const through = await gatewayTo(`${emulator.url}/v1`, 'openai', settings);
    const around = await gatewayTo(`${emulator.url}/v1`, 'openai', {
      proxy: { ...settings.proxy, noProxy: `example.com,127.0.0.1:${emulator.port}` },
    });
    t.after(async () => {
      await through.stop();
      await around.stop();
      await emulator.stop();
      proxy.close();
    });

    assert.equal((await ask(through.url)).status, 200);
    assert.deepEqual(targets, [`127.0.0.1:${emulator.port}`]);
    assert.equal((await ask(around.url)).status, 200);
    assert.equal(targets.length, 1);
  });

  test('a connection that the provider closed while it was idle costs no attempt', async t => {
    const emulator = await startEmulator();
    const gateway = await gatewayTo(`${emulator.url}/v1`);
    t.after(async () => {
      await gateway.stop();
      await emulator.stop();
    });
    await ask(gateway.url);

    await emulator.refuse();
    await emulator.accept();
    const response = await ask(gateway.url);

    assert.equal(response.status, 200);
    assert.equal(response.headers.get('x-carrier-attempts'), '1');
  });

  test('the listener speaks TLS, and shows a renewed certificate to new connections', async t => {
    const directory = mkdtempSync(join(tmpdir(), 'carrier-'));
    const files = { certificatePath: join(directory, 'c.pem'), keyPath: join(directory, 'k.pem') };
    const install = (name: string, atSeconds: number) => {
      copyFileSync(tlsFile(`${name}.pem`), files.certificatePath);
      copyFileSync(tlsFile(`${name}.key.pem`), files.keyPath);
      for (const path of Object.values(files)) utimesSync(path, atSeconds, atSeconds);
    };
    install('one', 1_000);
    const emulator = await startEmulator();
    const gateway = await gatewayTo(`${emulator.url}/v1`, 'openai', { tls: files });
    t.after(async () => {
      await gateway.stop();
      await emulator.stop();
      rmSync(directory, { recursive: true });
    });
    const url = gateway.url.replace('http:', 'https:');

    assert.equal((await ask(url)).status, 200);
    assert.equal(await shownName(gateway.port), 'one');
    install('two', 2_000);
    let name = 'one';
    for (let n = 0; n < 60 && name === 'one'; n++) {
      await new Promise(resolve => setTimeout(resolve, 100));
      name = await shownName(gateway.port);
    }
    assert.equal(name, 'two');
    assert.equal((await ask(url)).status, 200);
  });
}

function gatewayTo(baseUrl: string, kind = 'openai', settings = {}): Promise<TestGateway> {
  return startGateway({
    settings,
    snapshot: {
      providers: [{ name: 'provider', kind, baseUrl }],
      deployments: [{ id: 'only', provider: 'provider', model: 'a/only' }],
      routes: [{ name: 'route', candidates: [{ deployment: 'only' }], policy: { retries: 0 } }],
    },
  });
}

async function ask(url: string): Promise<Response> {
  return fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
    body: '{"model":"route","messages":[{"role":"user","content":"hello"}]}',
  });
}

async function shownName(port: number): Promise<string> {
  const socket = connectTls({ port, host: '127.0.0.1' });
  await once(socket, 'secureConnect');
  const name = socket.getPeerCertificate().subject.CN;
  socket.destroy();
  return String(name);
}
