/** Does memory grow with requests served? Worker and supervisor resident memory after 10⁵ and after 10⁶ requests.
 *  `node bench/memory.ts [--requests 1000000]` */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { httpRequest, runLoad } from './load.ts';
import { commandLine, residentBytes } from './processes.ts';
import { startCarrier, startOrigin } from './subjects.ts';

const { values } = parseArgs({ options: { requests: { type: 'string', default: '1000000' } } });
const total = Number(values.requests);
const step = Math.min(total, 50_000);

const directory = mkdtempSync(join(tmpdir(), 'carrier-memory-'));
const origin = await startOrigin(2);
const carrier = await startCarrier(directory, origin.port);
try {
  const request = httpRequest(
    '/v1/chat/completions',
    carrier.headers,
    JSON.stringify({ model: 'bench/gpt', messages: [{ role: 'user', content: 'Hello.' }], max_completion_tokens: 64 }),
  );
  process.stdout.write('| requests | failed | worker MB | other processes MB |\n|---|---|---|---|\n');
  let failed = 0;
  for (let served = 0; served < total; served += step) {
    const load = await runLoad({ port: carrier.port, request, connections: 16, requests: step, timeoutMs: 300_000 });
    failed += load.failed;
    if (load.firstFailure !== undefined) process.stderr.write(`${load.firstFailure}\n`);
    process.stderr.write(`${served + step} of ${total}, ${Math.round(step / load.seconds)} requests/s\n`);
    const workers = carrier.workers();
    const workerBytes = workers.reduce((sum, id) => sum + residentBytes(id), 0);
    const others = carrier.everything().filter(id => !workers.includes(id) && /node|main/.test(commandLine(id)));
    process.stdout.write(
      `| ${served + step} | ${failed} | ${(workerBytes / 1e6).toFixed(0)} | ${(others.reduce((sum, id) => sum + residentBytes(id), 0) / 1e6).toFixed(0)} |\n`,
    );
  }
} finally {
  await carrier.stop();
  await origin.stop();
  rmSync(directory, { recursive: true, force: true });
}
