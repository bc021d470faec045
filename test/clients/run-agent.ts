import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

/** Where an agent lives for the time of one task; deleted when it has ended. */
export interface Place {
  readonly home: string;
  /** Inside it: what the agent works in. */
  readonly folder: string;
}

export interface AgentCommand {
  /** Of the program, absolute. */
  readonly path: string;
  readonly words: readonly string[];
  /** Beside PATH, HOME, TMPDIR and the proxy; nothing of the test's own environment reaches an agent. */
  readonly env?: Readonly<Record<string, string>>;
  /** What it reads from its standard input; nothing unless said. */
  readonly input?: string;
}

export interface AgentTask {
  /** May write files that the agent reads, its configuration for one. */
  command(place: Place): AgentCommand;
  /** Called when it has ended, before its place is deleted. */
  inspect?(place: Place): void;
}

export interface AgentEnd {
  readonly code: number | null;
  /** Every line of its output that is a JSON object. */
  readonly events: readonly AgentEvent[];
  readonly output: string;
  readonly errors: string;
  /** What it asked for beside the gateway: `host:port` of tunnels, addresses of plain requests. */
  readonly strayed: readonly string[];
}

/** What an agent says of itself differs between agents; each test looks at what its agent is known to say. */
export type AgentEvent = ReturnType<typeof JSON.parse>;

const taskTimeoutMs = 120_000;
const outputBytesMax = 16 * 1024 * 1024;

/** Runs a coding agent without a terminal until it has done its task, with a home and a folder of its own. Whatever does
 *  not go to the loopback goes to a proxy that refuses it and remembers. */
export async function runAgent(task: AgentTask): Promise<AgentEnd> {
  const home = mkdtempSync('/tmp/carrier-agent-');
  const folder = join(home, 'work');
  const temporary = join(home, 'tmp');
  for (const made of [folder, temporary]) mkdirSync(made);
  const world = await startRefusingProxy();
  try {
    const { path, words, env, input = '' } = task.command({ home, folder });
    const child = spawn(path, words, {
      cwd: folder,
      stdio: 'pipe',
      timeout: taskTimeoutMs,
      killSignal: 'SIGKILL',
      env: {
        PATH: process.env['PATH'],
        HOME: home,
        TMPDIR: temporary,
        HTTPS_PROXY: world.url,
        HTTP_PROXY: world.url,
        https_proxy: world.url,
        http_proxy: world.url,
        NO_PROXY: '127.0.0.1,localhost',
        no_proxy: '127.0.0.1,localhost',
        ...env,
      },
    });
    // Who does not read it closes the pipe.
    child.stdin.on('error', () => {}).end(input);
    const said = { stdout: '', stderr: '' };
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream].setEncoding('utf8').on('data', text => {
        if (said[stream].length < outputBytesMax) said[stream] += text;
      });
    }
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    task.inspect?.({ home, folder });
    return {
      code,
      events: said.stdout
        .split('\n')
        .filter(line => line.startsWith('{'))
        .flatMap(readEvent),
      output: said.stdout,
      errors: said.stderr,
      strayed: world.strayed,
    };
  } finally {
    world.stop();
    rmSync(home, { recursive: true, force: true });
  }
}

function readEvent(line: string): AgentEvent[] {
  try {
    return [JSON.parse(line)];
  } catch {
    return [];
  }
}

async function startRefusingProxy() {
  const strayed: string[] = [];
  const server = createServer((request, response) => {
    strayed.push(request.url!);
    response.writeHead(403).end();
  });
  server.on('connect', (request, socket) => {
    strayed.push(request.url!);
    socket.on('error', () => {});
    socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    strayed,
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}
