import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import { acmeKey, declareSupply, providerKey } from './support/declare-supply.ts';
import { type Carrier, startCarrier } from './support/start-carrier.ts';

const tlsFile = (name: string) => fileURLToPath(new URL(`../support/tls/${name}`, import.meta.url));
const certificate = readFileSync(tlsFile('one.pem'), 'utf8');
const key = readFileSync(tlsFile('one.key.pem'), 'utf8');

/** Behind the proxy, and the one that NO_PROXY names. Their certificates are of an authority that no system knows. */
let far: Emulator;
let near: Emulator;
let carrier: Carrier;
const asked: string[] = [];
const credentials: (string | undefined)[] = [];

const proxy = createServer().on('connect', (request, socket) => {
  asked.push(request.url ?? '');
  credentials.push(request.headers['proxy-authorization']);
  const port = Number(request.url?.split(':')[1]);
  const upstream = connect(port, '127.0.0.1', () => {
    socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
    upstream.pipe(socket).pipe(upstream);
  });
  for (const side of [socket, upstream]) side.on('error', () => {});
});

before(async () => {
  far = await startEmulator({ apiKeys: [providerKey], tls: { certificate, key } });
  near = await startEmulator({ apiKeys: [providerKey], tls: { certificate, key } });
  await once(proxy.listen(0, '127.0.0.1'), 'listening');
  // A listening TCP server has an address with a port.
  const { port } = proxy.address() as AddressInfo;
  const supply = declareSupply({ emulatorUrl: far.url });
  carrier = await startCarrier({
    yaml: supply.yaml.replace(
      `baseUrl: "${far.url}", credential: env:ANTHROPIC`,
      `baseUrl: "${near.url}", credential: env:ANTHROPIC`,
    ),
    env: {
      ...supply.env,
      NODE_EXTRA_CA_CERTS: tlsFile('ca.pem'),
      HTTPS_PROXY: `http://gate:ckxproxyword@127.0.0.1:${port}`,
      NO_PROXY: `example.com,127.0.0.1:${near.port}`,
    },
  });
});
after(async () => {
  await far.stop();
  await near.stop();
  proxy.closeAllConnections();
  proxy.close();
});

async function ask(path: string, model: string): Promise<number> {
  const response = await fetch(carrier.url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${acmeKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model, max_tokens: 10, messages: [{ role: 'user', content: 'hello' }] }),
  });
  await response.arrayBuffer();
  return response.status;
}

test('a provider is reached through the proxy, over TLS that only a private authority vouches for', async () => {
  assert.equal(await ask('/v1/chat/completions', 'openai/gpt-5'), 200);

  assert.deepEqual(asked, [`127.0.0.1:${far.port}`]);
  assert.deepEqual(credentials, [`Basic ${Buffer.from('gate:ckxproxyword').toString('base64')}`]);
  assert.equal(far.requests().length, 1);
});

test('a provider that NO_PROXY names is reached directly', async () => {
  asked.length = 0;
  assert.equal(await ask('/v1/messages', 'anthropic/claude-sonnet-5'), 200);

  assert.deepEqual(asked, []);
  assert.equal(near.requests().length, 1);
});

test('the password of the proxy is in no line of the log', () => {
  assert.doesNotMatch(carrier.lines.join('\n'), /ckxproxyword/);
});
