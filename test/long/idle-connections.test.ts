import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import { assertAtRest, memoryOf } from '../scenarios/support/at-rest.ts';
import { acmeKey, declareSupply, providerKey } from '../scenarios/support/declare-supply.ts';
import { type Carrier, startCarrier } from '../scenarios/support/start-carrier.ts';
import { until } from '../scenarios/support/until.ts';

const connectionCount = 10_000;
/** Opened at once; more would only wait in the accept queue. */
const waveSize = 500;

let emulator: Emulator;
let carrier: Carrier;

before(async () => {
  emulator = await startEmulator({ apiKeys: [providerKey] });
  carrier = await startCarrier({
    ...declareSupply({ emulatorUrl: emulator.url }),
    // Long enough for all of them to be open together on a slow machine.
    flags: ['--limits-headers-timeout-ms=30000', '--limits-connections-max=10050'],
  });
});
after(() => emulator.stop());

async function ask(): Promise<number> {
  const response = await fetch(`${carrier.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${acmeKey}`, 'content-type': 'application/json', connection: 'close' },
    body: '{"model":"openai/gpt-5","max_tokens":10,"messages":[{"role":"user","content":"hello"}]}',
    signal: AbortSignal.timeout(5_000),
  });
  await response.arrayBuffer();
  return response.status;
}

test('ten thousand connections that say nothing disturb nobody, cost little, and are closed in time', async () => {
  assert.equal(await ask(), 200);
  const [worker] = carrier.workerProcessIds();
  const beforeBytes = memoryOf(worker!).nowBytes;

  const sockets: Socket[] = [];
  let closed = 0;
  for (let opened = 0; opened < connectionCount; opened += waveSize) {
    const wave = Array.from({ length: waveSize }, (_, n) => {
      const socket = connect({ port: carrier.port, host: '127.0.0.1' });
      socket.on('error', () => {});
      socket.on('close', () => closed++);
      socket.resume();
      sockets.push(socket);
      // One in four has begun a request, so that it waits for headers.
      if (n % 4 === 0) socket.write('POST /v1/chat/completions HTTP/1.1\r\n');
      return new Promise<void>((resolve, reject) => {
        socket.once('connect', resolve);
        socket.once('close', () => reject(new Error(`connection ${opened + n} was refused`)));
      });
    });
    await Promise.all(wave);
  }
  assert.equal(closed, 0);

  // All are open, and others are served.
  for (let n = 0; n < 20; n++) assert.equal(await ask(), 200);
  const grownBytes = memoryOf(worker!).nowBytes - beforeBytes;
  assert.ok(grownBytes / connectionCount < 30_000, `${Math.round(grownBytes / connectionCount)} bytes a connection`);

  // No request came on any of them, so the bound on headers ends them all.
  await until('all are closed', () => (closed === connectionCount ? true : undefined), 90_000);
  assert.deepEqual([worker], carrier.workerProcessIds());
  assert.equal(await assertAtRest(carrier), 21);
});

test('connections over the bound are closed, and those within it are served', async () => {
  const sockets = Array.from({ length: 10_200 }, () => {
    const socket = connect({ port: carrier.port, host: '127.0.0.1' });
    socket.on('error', () => {});
    return socket;
  });
  const open = () => sockets.filter(socket => !socket.destroyed && !socket.connecting).length;
  for (const socket of sockets) socket.resume();

  await until('the excess is closed', () => (open() <= 10_050 ? true : undefined), 30_000);
  for (const socket of sockets.slice(0, 5_000)) socket.destroy();
  await until('there is room again', async () => ((await ask().catch(() => 0)) === 200 ? true : undefined), 30_000);
  for (const socket of sockets) socket.destroy();
});
