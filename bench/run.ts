/** What does a request cost, beside nginx and beside Portkey's gateway, in the same run on the same machine?
 *  Rows of the speed targets: CPU per small request, 34 kB body, across dialects, 65-chunk streams; added latency.
 *  Rows without a target: an image, tools, a schema, thinking, across dialects, where nginx passes the provider's own bytes.
 *  `npm run bench [-- --rounds 5 --warm 4 --requests 4000 --only small]`. Ratios count, not times. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { httpRequest, type LoadResult, quantile, runLoad } from './load.ts';
import { cpuNow, cpuSpent } from './processes.ts';
import { type Path, type Shape, shapeFields } from './shapes.ts';
import { type Subject, startCarrier, startNginx, startOrigin, startPortkey } from './subjects.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    requests: { type: 'string', default: '4000' },
    warm: { type: 'string', default: '4' },
    only: { type: 'string' },
  },
});
const rounds = Number(values.rounds);
/** Rounds before the first that counts: what is asked is the cost of a server that has been serving for a minute. */
const warmRounds = Number(values.warm);
/** The carrier's other processes ship within 250 ms and a transaction; that is part of what a request costs. */
const shippingMs = 800;
const requests = Number(values.requests);
const root = resolve(import.meta.dirname, '..');

interface Row {
  readonly id: string;
  readonly question: string;
  readonly path: Path;
  readonly provider: Path;
  readonly stream: boolean;
  readonly bodyBytes: number;
  /** Text unless said. */
  readonly shape?: Shape;
  readonly connections: number;
  readonly share: number;
  readonly target: string;
}

const rows: readonly Row[] = [
  {
    id: 'small',
    question: 'small chat request, same dialect',
    path: 'chat',
    provider: 'chat',
    stream: false,
    bodyBytes: 200,
    connections: 16,
    share: 1,
    target: '6 × nginx; all processes 7.5 ×; 6 × less than Portkey',
  },
  {
    id: 'small-messages',
    question: 'small messages request, same dialect',
    path: 'messages',
    provider: 'messages',
    stream: false,
    bodyBytes: 200,
    connections: 16,
    share: 1,
    target: '6 × nginx',
  },
  {
    id: '34kb',
    question: '34 kB body, same dialect',
    path: 'chat',
    provider: 'chat',
    stream: false,
    bodyBytes: 34_000,
    connections: 16,
    share: 0.75,
    target: '4 × nginx',
  },
  {
    id: 'across',
    question: 'chat client, messages provider',
    path: 'chat',
    provider: 'messages',
    stream: false,
    bodyBytes: 200,
    connections: 16,
    share: 1,
    target: '9 × nginx',
  },
  {
    id: 'across-back',
    question: 'messages client, chat provider',
    path: 'messages',
    provider: 'chat',
    stream: false,
    bodyBytes: 200,
    connections: 16,
    share: 1,
    target: '9 × nginx',
  },
  {
    id: 'stream',
    question: '65-chunk stream, same dialect',
    path: 'chat',
    provider: 'chat',
    stream: true,
    bodyBytes: 200,
    connections: 48,
    share: 0.2,
    target: '2 × nginx',
  },
  {
    id: 'stream-across',
    question: '65-chunk stream, chat client, messages provider',
    path: 'chat',
    provider: 'messages',
    stream: true,
    bodyBytes: 200,
    connections: 48,
    share: 0.2,
    target: '3 × nginx',
  },
  {
    id: 'image-across',
    question: 'image of 200 kB, chat client, messages provider',
    path: 'chat',
    provider: 'messages',
    stream: false,
    bodyBytes: 200,
    shape: 'image',
    connections: 16,
    share: 0.1,
    target: '–',
  },
  {
    id: 'image-across-back',
    question: 'image of 200 kB, messages client, chat provider',
    path: 'messages',
    provider: 'chat',
    stream: false,
    bodyBytes: 200,
    shape: 'image',
    connections: 16,
    share: 0.1,
    target: '–',
  },
  {
    id: 'tools-across',
    question: '12 tools and a call, chat client, messages provider',
    path: 'chat',
    provider: 'messages',
    stream: false,
    bodyBytes: 200,
    shape: 'tools',
    connections: 16,
    share: 0.5,
    target: '–',
  },
  {
    id: 'tools-across-back',
    question: '12 tools and a call, messages client, chat provider',
    path: 'messages',
    provider: 'chat',
    stream: false,
    bodyBytes: 200,
    shape: 'tools',
    connections: 16,
    share: 0.5,
    target: '–',
  },
  {
    id: 'schema-across',
    question: 'structured output, chat client, messages provider',
    path: 'chat',
    provider: 'messages',
    stream: false,
    bodyBytes: 200,
    shape: 'schema',
    connections: 16,
    share: 0.5,
    target: '–',
  },
  {
    id: 'schema-across-back',
    question: 'structured output, messages client, chat provider',
    path: 'messages',
    provider: 'chat',
    stream: false,
    bodyBytes: 200,
    shape: 'schema',
    connections: 16,
    share: 0.5,
    target: '–',
  },
  {
    id: 'thinking-across',
    question: '65-chunk stream that thinks, chat client, messages provider',
    path: 'chat',
    provider: 'messages',
    stream: true,
    bodyBytes: 200,
    shape: 'thinking',
    connections: 48,
    share: 0.2,
    target: '–',
  },
  {
    id: 'thinking-across-back',
    question: '65-chunk stream that thinks, messages client, chat provider',
    path: 'messages',
    provider: 'chat',
    stream: true,
    bodyBytes: 200,
    shape: 'thinking',
    connections: 48,
    share: 0.2,
    target: '–',
  },
];

const directory = mkdtempSync(join(tmpdir(), 'carrier-bench-'));
const origin = await startOrigin(2);
const started: Subject[] = [];
try {
  progress('starting nginx, Portkey and the carrier');
  const nginx = await startNginx(directory, origin.port);
  if (nginx === undefined) throw new Error('nginx is not installed: apt-get install nginx-light');
  started.push(nginx);
  const portkey = await startPortkey(origin.port);
  if (portkey === undefined) progress('Portkey is not installed (npm install in bench/peers); its column stays empty');
  else started.push(portkey);
  const carrier = await startCarrier(directory, origin.port);
  started.push(carrier);

  header(carrier);
  process.stdout.write(
    '\n| question | nginx µs | carrier worker µs | all processes µs | Portkey µs | worker ÷ nginx | all ÷ nginx | Portkey ÷ worker | target |\n|---|---|---|---|---|---|---|---|---|\n',
  );
  for (const row of rows) {
    if (values.only !== undefined && !row.id.startsWith(values.only)) continue;
    await measureRow(row, nginx, carrier, portkey);
  }
  if (values.only === undefined || values.only === 'latency') await measureLatency(nginx, carrier);
} finally {
  for (const subject of started) await subject.stop();
  await origin.stop();
  rmSync(directory, { recursive: true, force: true });
}

async function measureRow(row: Row, nginx: Subject, carrier: Subject, portkey: Subject | undefined): Promise<void> {
  const cost: Record<string, number[]> = { nginx: [], worker: [], all: [], portkey: [] };
  const ratios: number[] = [];
  const allRatios: number[] = [];
  const failures: string[] = [];
  for (let round = 1 - warmRounds; round <= rounds; round += 1) {
    progress(`${row.id}: round ${round} of ${rounds}${round < 1 ? ' (warm-up)' : ''}`);
    const base = await measure(row, nginx, nginx.workers());
    const ours = await measure(row, carrier, carrier.workers(), carrier.everything());
    const theirs = portkey === undefined ? undefined : await measure(row, portkey, portkey.workers());
    for (const [name, result] of Object.entries({ nginx: base, carrier: ours, portkey: theirs })) {
      if (result !== undefined && result.load.failed > 0)
        failures.push(`${name} ${result.load.failed}: ${result.load.firstFailure}`);
    }
    if (round < 1 || base === undefined || ours === undefined) continue;
    cost.nginx!.push(base.cpu);
    cost.worker!.push(ours.cpu);
    cost.all!.push(ours.cpuAll);
    ratios.push(ours.cpu / base.cpu);
    allRatios.push(ours.cpuAll / base.cpu);
    if (theirs !== undefined && theirs.load.failed === 0) cost.portkey!.push(theirs.cpu);
  }
  const theirs = median(cost.portkey!);
  const cell = (value: number, digits = 0): string => (Number.isNaN(value) ? '–' : value.toFixed(digits));
  process.stdout.write(
    `| ${row.question} | ${cell(median(cost.nginx!))} | ${cell(median(cost.worker!))} | ${cell(median(cost.all!))} | ${cell(theirs)} | ${cell(median(ratios), 2)} (${cell(Math.min(...ratios), 2)}–${cell(Math.max(...ratios), 2)}) | ${cell(median(allRatios), 2)} | ${cell(theirs / median(cost.worker!), 1)} | ${row.target} |\n`,
  );
  for (const failure of new Set(failures)) process.stdout.write(`\n> failures in ${row.id}: ${failure}\n`);
}

interface Measured {
  readonly load: LoadResult;
  readonly cpu: number;
  readonly cpuAll: number;
}

async function measure(
  row: Row,
  subject: Subject,
  workers: readonly number[],
  everything: readonly number[] = workers,
): Promise<Measured | undefined> {
  // nginx cannot translate; it passes the provider's own dialect through, which is the bytes it would carry.
  const path = subject.name === 'nginx' ? row.provider : row.path;
  const model = subject.model(path, row.provider, row.shape);
  if (model === undefined) return undefined;
  const count = Math.max(50, Math.round(requests * row.share));
  const before = cpuNow(workers);
  const beforeAll = cpuNow(everything);
  const load = await runLoad({
    port: subject.port,
    request: requestFor(path, model, row, subject.headers),
    connections: row.connections,
    requests: count,
    timeoutMs: 120_000,
  });
  if (everything !== workers) await new Promise(resolve => setTimeout(resolve, shippingMs));
  return { load, cpu: cpuSpent(before) / count, cpuAll: cpuSpent(beforeAll) / count };
}

function requestFor(
  path: Path,
  model: string,
  { stream, bodyBytes, shape = 'text' }: Pick<Row, 'stream' | 'bodyBytes' | 'shape'>,
  headers: Readonly<Record<string, string>>,
): Buffer {
  const word = 'Compare the tariffs of three carriers and say which is the fairest. ';
  const content = bodyBytes <= 200 ? word : word.repeat(Math.ceil(bodyBytes / word.length)).slice(0, bodyBytes);
  // Three in four clients of the chat dialect ask for usage in streams; ours does, so that all three carry the same bytes.
  const body =
    path === 'chat'
      ? {
          model,
          messages: [
            { role: 'system', content: 'You are brief.' },
            { role: 'user', content },
          ],
          max_completion_tokens: 256,
          ...shapeFields(shape, path, content),
          ...(stream ? { stream: true, stream_options: { include_usage: true } } : {}),
        }
      : {
          model,
          max_tokens: 256,
          system: 'You are brief.',
          messages: [{ role: 'user', content }],
          ...shapeFields(shape, path, content),
          ...(stream ? { stream: true } : {}),
        };
  return httpRequest(
    path === 'chat' ? '/v1/chat/completions' : '/v1/messages',
    path === 'chat' ? { ...headers } : { 'anthropic-version': '2023-06-01', ...headers },
    JSON.stringify(body),
  );
}

async function measureLatency(nginx: Subject, carrier: Subject): Promise<void> {
  process.stdout.write(
    '\n| added latency, one client, ms | direct | nginx | carrier | carrier − direct | target |\n|---|---|---|---|---|---|\n',
  );
  const direct: Subject = { ...nginx, name: 'direct', port: origin.port };
  for (const [name, stream, pick] of [
    ['whole answer', false, 'latencies'],
    ['first token of a stream', true, 'firstBytes'],
  ] as const) {
    const figures = new Map<string, Float64Array[]>();
    for (let round = 0; round <= rounds; round += 1) {
      progress(`latency, ${name}: round ${round} of ${rounds}`);
      for (const subject of [direct, nginx, carrier]) {
        const model = subject.model('chat', 'chat')!;
        const count = stream ? 60 : 1500;
        const load = await runLoad({
          port: subject.port,
          request: requestFor('chat', model, { stream, bodyBytes: 200 }, subject.headers),
          connections: 1,
          requests: count,
          timeoutMs: 120_000,
          ...(stream ? { firstToken: 'word1' } : {}),
        });
        if (round > 0) figures.set(subject.name, [...(figures.get(subject.name) ?? []), load[pick]]);
      }
    }
    for (const [label, share, target] of [
      ['p50', 0.5, '0.4'],
      ['p99', 0.99, stream ? '1' : '1.5'],
    ] as const) {
      const of = (subject: string): number => median(figures.get(subject)!.map(sorted => quantile(sorted, share)));
      process.stdout.write(
        `| ${name}, ${label} | ${of('direct').toFixed(3)} | ${of('nginx').toFixed(3)} | ${of('carrier').toFixed(3)} | ${(of('carrier') - of('direct')).toFixed(3)} | ${target} |\n`,
      );
    }
  }
}

function header(carrier: Subject): void {
  const git = (...words: string[]): string => {
    try {
      return execFileSync('git', ['-C', root, ...words], { encoding: 'utf8' }).trim();
    } catch {
      return 'unknown';
    }
  };
  process.stdout.write(
    `## ${new Date().toISOString().slice(0, 10)}, commit ${git('rev-parse', '--short', 'HEAD')}\n\n`,
  );
  process.stdout.write(
    `Machine: ${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, Linux, Node ${process.versions.node}, ${started.map(subject => subject.version).join(', ')}; carrier as ${carrier.version}, one worker.\n`,
  );
  process.stdout.write(
    `Method: process CPU from /proc, ${rounds} interleaved rounds after ${warmRounds} to warm up, ${requests} requests a round (fewer for streams); medians, ratios within a round (smallest–largest).${existsSync(join(root, 'dist')) ? '' : ' **Not the dist form.**'}\n`,
  );
}

function median(figures: readonly number[]): number {
  if (figures.length === 0) return Number.NaN;
  const sorted = [...figures].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
  else process.stderr.write(`${text}\n`);
}
