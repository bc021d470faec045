import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { startAdminServer } from './admin-server.ts';
import { StartFailure } from './start-failure.ts';

const directory = mkdtempSync(join(tmpdir(), 'carrier-admin-'));
after(() => rmSync(directory, { recursive: true, force: true }));

function get(socketPath: string, path: string): Promise<{ status: number; type: string; body: string }> {
  return new Promise((resolve, reject) => {
    request({ socketPath, path }, response => {
      let body = '';
      response.on('data', chunk => (body += chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, type: response.headers['content-type'] ?? '', body }),
      );
    })
      .on('error', reject)
      .end();
  });
}

test('until the database is there the management API is a problem document, and metrics are metrics', async () => {
  const socketPath = join(directory, 'a.sock');
  const server = await startAdminServer({
    socketPath,
    listen: undefined,
    early: asked => (new URL(asked.url).pathname === '/metrics' ? new Response('up 1\n') : undefined),
  });

  const before = await get(socketPath, '/api/v1/models');
  server.serve(() => new Response('{"ok":true}'));
  const afterwards = await get(socketPath, '/api/v1/models');
  const metrics = await get(socketPath, '/metrics');
  await server.close();

  assert.equal(before.status, 503);
  assert.equal(before.type, 'application/problem+json');
  assert.equal(JSON.parse(before.body).code, 'database_unavailable');
  assert.equal(afterwards.body, '{"ok":true}');
  assert.equal(metrics.body, 'up 1\n');
});

test('a socket file that a killed supervisor left is replaced', async () => {
  const socketPath = join(directory, 'b.sock');
  const options = { socketPath, listen: undefined, early: () => undefined };
  const killed = await startAdminServer(options);

  const next = await startAdminServer(options);
  next.serve(() => new Response('next'));

  assert.equal((await get(socketPath, '/')).body, 'next');
  await killed.close();
  await next.close();
});

test('an admin address that is taken is refused by name', async () => {
  const first = await startAdminServer({
    socketPath: join(directory, 'c.sock'),
    listen: { host: '127.0.0.1', port: 0 },
    early: () => undefined,
  });
  const { port } = first.addresses[0]!;

  await assert.rejects(
    startAdminServer({
      socketPath: join(directory, 'd.sock'),
      listen: { host: '127.0.0.1', port },
      early: () => undefined,
    }),
    (error: unknown) => error instanceof StartFailure && error.code === 'port_in_use',
  );
  await first.close();
});
