import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { lockDataDirectory } from './data-lock.ts';
import { beginGeneration, openDataDirectory, processStartTime } from './generation.ts';
import { claimPort } from './port-claim.ts';
import { openRuntimeDirectory } from './runtime-directory.ts';
import { StartFailure } from './start-failure.ts';

const root = mkdtempSync(join(tmpdir(), 'carrier-lock-'));
after(() => rmSync(root, { recursive: true, force: true }));

function directory(): string {
  return mkdtempSync(join(root, 'd-'));
}

function failsWith(code: StartFailure['code'], message: RegExp): (error: unknown) => boolean {
  return error => error instanceof StartFailure && error.code === code && message.test(error.message);
}

test('a second supervisor of a data directory is refused by name with the process id of the first', async () => {
  const runtime = directory();
  const first = await lockDataDirectory(runtime, '/the/data', { pid: 4711, startedAt: '2026-11-20T00:00:00Z' });

  await assert.rejects(
    lockDataDirectory(runtime, '/the/data', { pid: 4712, startedAt: '' }),
    failsWith('already_running', /^\/the\/data is in use by process 4711; stop it first/),
  );

  await first.release();
});

test('a lock that was released, or whose holder was killed, can be taken again', async () => {
  const runtime = directory();
  await (await lockDataDirectory(runtime, '/d', { pid: 1, startedAt: '' })).release();
  // What a killed process leaves: a socket file that nobody listens on.
  writeFileSync(join(runtime, 'supervisor.sock'), '');

  await (await lockDataDirectory(runtime, '/d', { pid: 2, startedAt: '' })).release();
});

test('of several that start at once, one gets the lock', async () => {
  const runtime = directory();

  const results = await Promise.allSettled(
    [1, 2, 3, 4, 5].map(pid => lockDataDirectory(runtime, '/d', { pid, startedAt: '' })),
  );

  const locks = results.filter(result => result.status === 'fulfilled');
  assert.equal(locks.length, 1);
  await locks[0]!.value.release();
});

test('the runtime directory is short and closed to others, however deep the data lies', () => {
  const deep = join('/', ...Array.from({ length: 30 }, () => 'deep-directory'));

  const runtime = openRuntimeDirectory(deep);

  assert.ok(Buffer.byteLength(join(runtime, 'supervisor.sock')) <= 107);
  assert.equal(statSync(runtime).mode & 0o777, 0o700);
  chmodSync(runtime, 0o755);
  assert.equal(openRuntimeDirectory(deep), runtime);
  assert.equal(statSync(runtime).mode & 0o777, 0o700);
  rmSync(runtime, { recursive: true });
});

test('a runtime directory that somebody put a link in place of is refused', () => {
  const runtime = openRuntimeDirectory('/some/data');
  rmSync(runtime, { recursive: true });
  symlinkSync(root, runtime);

  assert.throws(() => openRuntimeDirectory('/some/data'), failsWith('runtime_directory_unsafe', /TMPDIR/));

  rmSync(runtime);
});

test('the next generation ends the processes that the previous one left, and no others', async () => {
  const data = openDataDirectory(directory());
  const leftover = spawn('sleep', ['60']);
  const stranger = spawn('sleep', ['60']);
  const first = await beginGeneration(data);
  first.add(leftover.pid!);
  first.add(stranger.pid!);
  first.remove(stranger.pid!);

  const ended = once(leftover, 'exit');
  const second = await beginGeneration(data);

  assert.equal((await ended)[1], 'SIGKILL');
  assert.ok(second.number > first.number);
  assert.ok(processStartTime(stranger.pid!) !== undefined);
  stranger.kill('SIGKILL');
});

test('a process id that belongs to somebody else by now is left alone', async () => {
  const data = openDataDirectory(directory());
  const stranger = spawn('sleep', ['60']);
  const first = await beginGeneration(data);
  first.add(stranger.pid!);
  const text = JSON.stringify({
    generation: first.number,
    boot: JSON.parse(readFileSync(join(data, 'processes.json'), 'utf8')).boot,
    processes: [{ pid: stranger.pid, startTime: '1' }],
  });
  writeFileSync(join(data, 'processes.json'), text);

  await beginGeneration(data);

  assert.ok(processStartTime(stranger.pid!) !== undefined);
  stranger.kill('SIGKILL');
});

test('a port that a sharing listener holds is refused, and port 0 becomes a free one', async () => {
  const holder = createServer();
  holder.listen({ host: '127.0.0.1', port: 0, reusePort: true });
  await once(holder, 'listening');
  const { port } = holder.address() as { port: number };

  await assert.rejects(claimPort('127.0.0.1', port), failsWith('port_in_use', /CARRIER_PORT/));
  const free = await claimPort('127.0.0.1', 0);
  assert.ok(free.port > 0);
  await assert.rejects(claimPort('127.0.0.1', free.port), failsWith('port_in_use', /is in use/));

  free.release();
  holder.close();
});

test('an address of another machine is refused by name', async () => {
  await assert.rejects(claimPort('192.0.2.1', 8080), failsWith('address_unusable', /192\.0\.2\.1/));
});
