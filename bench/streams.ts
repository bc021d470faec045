/** Do 5,000 open streams through one worker keep their pace, and what memory does each take?
 *  Compares the longest gap between chunks of a stream, direct and through the carrier, and the worker's resident memory
 *  before and during. `node bench/streams.ts [--streams 5000] [--pace 500]` */
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { httpRequest, runLoad } from './load.ts';
import { residentBytes } from './processes.ts';
import { startCarrier, startOrigin } from './subjects.ts';

const { values } = parseArgs({
  options: { streams: { type: 'string', default: '5000' }, pace: { type: 'string', default: '500' } },
});
const streams = Number(values.streams);
const paceMs = Number(values.pace);

const directory = mkdtempSync(join(tmpdir(), 'carrier-streams-'));
const origin = await startOrigin(paceMs);
const carrier = await startCarrier(directory, origin.port);
try {
  const body = (model: string): string =>
    JSON.stringify({
      model,
      stream: true,
      stream_options: { include_usage: true },
      messages: [{ role: 'user', content: 'Count.' }],
    });
  await runLoad({
    port: carrier.port,
    request: httpRequest(
      '/v1/chat/completions',
      carrier.headers,
      JSON.stringify({ model: 'bench/gpt', messages: [{ role: 'user', content: 'Warm.' }] }),
    ),
    connections: 16,
    requests: 3000,
    timeoutMs: 60_000,
  });
  const worker = carrier.workers()[0]!;
  const direct = await watch(origin.port, httpRequest('/v1/chat/completions', {}, body('gpt-5')), undefined);
  const before = residentBytes(worker);
  const through = await watch(
    carrier.port,
    httpRequest('/v1/chat/completions', carrier.headers, body('bench/gpt')),
    worker,
  );
  process.stdout.write(`| ${streams} streams, ${paceMs} ms pace | direct | carrier |\n|---|---|---|\n`);
  process.stdout.write(`| ended whole | ${direct.ended} | ${through.ended} |\n`);
  process.stdout.write(
    `| longest gap between chunks, ms, median / p99 / max over streams | ${gaps(direct.gaps)} | ${gaps(through.gaps)} |\n`,
  );
  process.stdout.write(
    `| worker memory, kB a stream (peak − before) | – | ${((through.peakBytes - before) / 1024 / streams).toFixed(1)} |\n`,
  );
} finally {
  await carrier.stop();
  await origin.stop();
  rmSync(directory, { recursive: true, force: true });
}

interface Watched {
  readonly ended: number;
  readonly gaps: number[];
  readonly peakBytes: number;
}

async function watch(port: number, request: Buffer, worker: number | undefined): Promise<Watched> {
  const longest: number[] = [];
  const sockets: Socket[] = [];
  let ended = 0;
  let closed = 0;
  let peakBytes = 0;
  const sampler = setInterval(() => {
    if (worker !== undefined) peakBytes = Math.max(peakBytes, residentBytes(worker));
    process.stderr.write(`port ${port}: ${sockets.length} opened, ${ended} ended\n`);
  }, 2000);
  await new Promise<void>(resolve => {
    const giveUp = setTimeout(resolve, paceMs * 65 * 3 + 60_000);
    const open = (index: number): void => {
      const socket = connect({ host: '127.0.0.1', port, noDelay: true });
      sockets.push(socket);
      let lastAt = 0;
      let gap = 0;
      let tail = '';
      socket.on('connect', () => socket.write(request));
      socket.on('data', bytes => {
        const now = performance.now();
        if (lastAt !== 0) gap = Math.max(gap, now - lastAt);
        lastAt = now;
        tail = (tail + bytes.toString('latin1', Math.max(0, bytes.length - 60))).slice(-60);
        if (tail.endsWith('0\r\n\r\n')) {
          if (tail.includes('[DONE]')) ended += 1;
          longest.push(gap);
          socket.end();
        }
      });
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        closed += 1;
        if (closed === streams) {
          clearTimeout(giveUp);
          resolve();
        }
      });
      if (index % 100 === 99) setTimeout(() => openFrom(index + 1), paceMs / 20);
      else openFrom(index + 1);
    };
    const openFrom = (index: number): void => {
      if (index < streams) open(index);
    };
    openFrom(0);
  });
  clearInterval(sampler);
  for (const socket of sockets) socket.destroy();
  return { ended, gaps: longest.sort((a, b) => a - b), peakBytes };
}

function gaps(sorted: readonly number[]): string {
  const at = (share: number): string =>
    (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN).toFixed(0);
  return `${at(0.5)} / ${at(0.99)} / ${at(1)}`;
}
