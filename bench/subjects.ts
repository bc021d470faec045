/** What is measured: nginx passing bytes through, Common Carrier with everything on, Portkey's gateway. Each is started
 *  on a free port, against the same canned provider. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { commandLine, processTree } from './processes.ts';
import type { Path, Shape } from './shapes.ts';

export interface Subject {
  readonly name: string;
  readonly version: string;
  readonly port: number;
  readonly headers: Readonly<Record<string, string>>;
  /** The model name to send for the dialect of the path and the dialect of the provider; its end tells the origin what to
   *  answer with. */
  model(path: Path, provider: Path, shape?: Shape): string | undefined;
  /** Processes that touch a request. */
  workers(): number[];
  /** Every process of the subject. */
  everything(): number[];
  stop(): Promise<void>;
}

const root = resolve(import.meta.dirname, '..');

export async function freePort(): Promise<number> {
  return await new Promise(answer => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => answer(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

export async function startOrigin(paceMs: number): Promise<{ port: number; stop: () => Promise<void> }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'origin.ts'), '0', String(paceMs)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const port = await new Promise<number>((answer, refuse) => {
    child.stdout.once('data', (line: Buffer) => answer(Number(/listening (\d+)/.exec(line.toString())?.[1])));
    child.once('exit', code => refuse(new Error(`origin exited with ${code}`)));
  });
  return { port, stop: () => stopChild(child) };
}

export async function startNginx(directory: string, originPort: number): Promise<Subject | undefined> {
  const binary = ['/usr/sbin/nginx', '/usr/local/sbin/nginx'].find(existsSync);
  if (binary === undefined) return undefined;
  const port = await freePort();
  const home = join(directory, 'nginx');
  mkdirSync(home, { recursive: true });
  writeFileSync(
    join(home, 'nginx.conf'),
    `worker_processes 1; daemon off; pid ${home}/pid; error_log ${home}/error.log warn; worker_rlimit_nofile 65536;
events { worker_connections 20000; }
http {
  access_log off; client_body_temp_path ${home}/body; proxy_temp_path ${home}/proxy; fastcgi_temp_path ${home}/f; uwsgi_temp_path ${home}/u; scgi_temp_path ${home}/s;
  upstream origin { server 127.0.0.1:${originPort}; keepalive 512; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port} backlog=8192; keepalive_requests 1000000000; client_max_body_size 64m; client_body_buffer_size 1m; tcp_nodelay on;
    location / { proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; }
  }
}
`,
  );
  const child = spawn(binary, ['-c', join(home, 'nginx.conf'), '-p', home], { stdio: 'ignore' });
  await waitForPort(port);
  const version = execFileSync(binary, ['-v'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }) || 'nginx';
  return {
    name: 'nginx',
    version: version.trim(),
    port,
    headers: {},
    model: (path, provider, shape) =>
      path === provider ? `${path === 'chat' ? 'gpt-5' : 'claude-sonnet-5'}${answerOf(shape)}` : undefined,
    workers: () => processTree(child.pid!).filter(id => id !== child.pid),
    everything: () => processTree(child.pid!),
    stop: () => stopChild(child),
  };
}

export async function startPortkey(originPort: number): Promise<Subject | undefined> {
  const script = join(import.meta.dirname, 'peers/node_modules/@portkey-ai/gateway/build/start-server.js');
  if (!existsSync(script)) return undefined;
  const port = await freePort();
  const child = spawn(process.execPath, [script, `--port=${port}`, '--headless'], {
    stdio: 'ignore',
    env: { ...process.env, NODE_ENV: 'production' },
  });
  await waitForPort(port);
  return {
    name: 'portkey',
    version: '@portkey-ai/gateway 1.15.2',
    port,
    headers: {
      'x-portkey-provider': 'openai',
      'x-portkey-custom-host': `http://127.0.0.1:${originPort}/v1`,
      authorization: 'Bearer sk-bench',
    },
    model: (path, provider, shape = 'text') =>
      path === 'chat' && provider === 'chat' && shape === 'text' ? 'gpt-5' : undefined,
    workers: () => processTree(child.pid!),
    everything: () => processTree(child.pid!),
    stop: () => stopChild(child),
  };
}

/** Shapes whose answers are no plain text have models of their own. */
function answerOf(shape: Shape | undefined): string {
  return shape === 'tools' || shape === 'thinking' ? `-${shape}` : '';
}

/** Models of two dialects, prices, a key with a hard budget; the data directory lies beside. */
export function writeConfiguration(
  directory: string,
  originPort: number,
): { file: string; environment: Record<string, string>; headers: Record<string, string> } {
  const home = join(directory, 'carrier');
  mkdirSync(home, { recursive: true });
  const file = join(home, 'carrier.yaml');
  const rates = '{ input: "1.25", cacheRead: "0.125", cacheWrite5m: "1.5", output: "10.00" }';
  const deployments = ['', '-tools', '-thinking'].flatMap(end => [
    `  chat-one${end}: { provider: chat, model: bench/gpt${end}, targetModel: gpt-5${end}, zones: { processing: US } }`,
    `  messages-one${end}: { provider: messages, model: bench/claude${end}, targetModel: claude-sonnet-5${end}, zones: { processing: US } }`,
  ]);
  writeFileSync(
    file,
    `providers:
  chat: { dialect: openai-chat, baseUrl: "http://127.0.0.1:${originPort}/v1", credential: env:BENCH_UPSTREAM_KEY }
  messages: { dialect: anthropic-messages, baseUrl: "http://127.0.0.1:${originPort}", credential: env:BENCH_UPSTREAM_KEY }
deployments:
${deployments.join('\n')}
prices:
  sell: { currency: USD, rates: { bench/*: ${rates} } }
  buy: { currency: USD, rates: { bench/*: ${rates} } }
organisations:
  bench: { projects: { bench: { keys: { bench: { secret: env:BENCH_KEY } }, allow: [ "**" ], budget: { limit: "10000000.00", period: month, hard: true } } } }
`,
  );
  const environment = {
    CARRIER_DATA: join(home, 'state'),
    BENCH_KEY: benchKey,
    BENCH_UPSTREAM_KEY: 'sk-bench-upstream',
    DATABASE_URL: '',
  };
  return { file, environment, headers: { authorization: `Bearer ${benchKey}` } };
}

/** The dist form, one worker, everything on: key, hard budget, hold, decision record, metering, journal, log, metrics. */
export async function startCarrier(
  directory: string,
  originPort: number,
  nodeArguments: readonly string[] = [],
): Promise<Subject> {
  const port = await freePort();
  const { file, environment, headers } = writeConfiguration(directory, originPort);
  const main = [join(root, 'dist/main.js'), join(root, 'src/main.ts')].find(existsSync)!;
  const child = spawn(process.execPath, [...nodeArguments, main, 'serve', '--config', file, '--workers', '1'], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, ...environment, CARRIER_PORT: String(port) },
  });
  await waitForReady(port);
  const workers = (): number[] =>
    processTree(child.pid!).filter(
      id => id !== child.pid && /\bworker\b/.test(commandLine(id)) && /node/.test(commandLine(id)),
    );
  return {
    name: 'carrier',
    version: main.includes('dist') ? 'dist' : 'src',
    port,
    headers,
    model: (_path, provider, shape) => `${provider === 'chat' ? 'bench/gpt' : 'bench/claude'}${answerOf(shape)}`,
    workers,
    everything: () => processTree(child.pid!),
    stop: () => stopChild(child),
  };
}

const benchKey = 'bench-secret-bench-secret-bench-secret-0001';

async function waitForReady(port: number): Promise<void> {
  for (let tries = 0; tries < 300; tries += 1) {
    try {
      const response = await fetch(`http://127.0.0.1:${port}/readyz`);
      if (response.status === 200) return;
    } catch {
      // Not listening yet.
    }
    await new Promise(answer => setTimeout(answer, 100));
  }
  throw new Error('the gateway did not become ready in 30 s');
}

async function waitForPort(port: number): Promise<void> {
  for (let tries = 0; tries < 100; tries += 1) {
    try {
      await fetch(`http://127.0.0.1:${port}/`);
      return;
    } catch {
      await new Promise(answer => setTimeout(answer, 100));
    }
  }
  throw new Error(`nothing listens on ${port}`);
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>(answer => child.once('exit', () => answer()));
  child.kill('SIGTERM');
  const force = setTimeout(() => child.kill('SIGKILL'), 40_000);
  await ended;
  clearTimeout(force);
}
