/** How long from the exec of `carrier serve` to a ready worker: on a fresh directory, after a clean stop, after a kill?
 *  `node bench/start.ts [--rounds 5]`. Targets: 1.5 s after a clean stop, 5 s after a kill. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { httpRequest, runLoad } from './load.ts';
import { freePort, startOrigin, writeConfiguration } from './subjects.ts';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' } } });
const root = resolve(import.meta.dirname, '..');
const main = [join(root, 'dist/main.js'), join(root, 'src/main.ts')].find(existsSync)!;
const directory = mkdtempSync(join(tmpdir(), 'carrier-start-'));
const origin = await startOrigin(2);
const { file, environment, headers } = writeConfiguration(directory, origin.port);
const request = httpRequest(
  '/v1/chat/completions',
  headers,
  JSON.stringify({ model: 'bench/gpt', messages: [{ role: 'user', content: 'Hello.' }], max_completion_tokens: 64 }),
);
try {
  const first = await start();
  process.stdout.write(`first start     ${first.readyMs.toFixed(0)} ms (with the database made)\n`);
  await stop(first, 'SIGTERM');
  const clean: number[] = [];
  const killed: number[] = [];
  for (let round = 0; round < Number(values.rounds); round += 1) {
    const afterStop = await start();
    clean.push(afterStop.readyMs);
    await runLoad({ port: afterStop.port, request, connections: 8, requests: 500, timeoutMs: 30_000 });
    await stop(afterStop, 'SIGKILL');
    const afterKill = await start();
    killed.push(afterKill.readyMs);
    await stop(afterKill, 'SIGTERM');
  }
  process.stdout.write(`after a stop    ${show(clean)} ms\nafter a kill    ${show(killed)} ms\n`);
} finally {
  await origin.stop();
  rmSync(directory, { recursive: true, force: true });
}

interface Started {
  readonly child: ChildProcess;
  readonly port: number;
  readonly readyMs: number;
}

async function start(): Promise<Started> {
  const port = await freePort();
  const beganAt = performance.now();
  const child = spawn(process.execPath, [main, 'serve', '--config', file, '--workers', '1'], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, ...environment, CARRIER_PORT: String(port) },
  });
  while (performance.now() - beganAt < 60_000) {
    const ready = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined);
    if (ready?.status === 200) return { child, port, readyMs: performance.now() - beganAt };
    await new Promise(resolve => setTimeout(resolve, 10));
  }
  throw new Error('not ready in a minute');
}

async function stop({ child }: Started, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  const ended = new Promise(resolve => child.once('exit', resolve));
  child.kill(signal);
  await ended;
}

function show(figures: readonly number[]): string {
  const sorted = [...figures].sort((a, b) => a - b);
  return `median ${sorted[sorted.length >> 1]!.toFixed(0)}, longest ${sorted.at(-1)!.toFixed(0)}`;
}
