import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { clientPath } from './installed-client.ts';

export interface Task {
  readonly url: string;
  readonly apiKey: string;
  /** What the agent calls its model. */
  readonly model: string;
  /** Given the folder that the agent works in. */
  prompt(folder: string): string;
  /** Called when it has ended, before its folder is deleted. */
  inspect?(folder: string): void;
  readonly env?: Readonly<Record<string, string>>;
}

export interface TaskEnd {
  readonly code: number | null;
  /** One JSON value a line, as `--output-format stream-json` writes them. */
  readonly events: readonly AgentEvent[];
  readonly errors: string;
  /** Hosts that it asked for beside the gateway. */
  readonly strayed: readonly string[];
}

/** As far as tests look. */
export interface AgentEvent {
  readonly type: string;
  readonly subtype?: string;
  readonly result?: string;
  readonly is_error?: boolean;
  readonly num_turns?: number;
  readonly event?: { readonly type: string; readonly message?: { readonly usage: Readonly<Record<string, unknown>> } };
}

const taskTimeoutMs = 120_000;
const path = clientPath('@anthropic-ai', `claude-code-${process.platform}-${process.arch}`, 'claude');

/** Runs the coding agent without a terminal until it has done its task, with a home of its own. */
export async function runClaudeCode(task: Task): Promise<TaskEnd> {
  const home = mkdtempSync('/tmp/carrier-agent-');
  const folder = join(home, 'work');
  mkdirSync(folder);
  const strayed: string[] = [];
  // Whatever does not go to the loopback goes here, and no further.
  const world = createServer((request, response) => {
    strayed.push(request.url!);
    response.writeHead(403).end();
  });
  world.on('connect', (request, socket) => {
    strayed.push(request.url!);
    socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
  });
  await new Promise<void>(resolve => world.listen(0, '127.0.0.1', resolve));
  const proxy = `http://127.0.0.1:${(world.address() as AddressInfo).port}`;
  try {
    const words = ['-p', task.prompt(folder), '--output-format', 'stream-json', '--verbose'];
    const tools = ['--include-partial-messages', '--permission-mode', 'acceptEdits', '--allowedTools', 'Bash(cat:*)'];
    const child = spawn(path, [...words, ...tools], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: taskTimeoutMs,
      killSignal: 'SIGKILL',
      env: {
        PATH: process.env['PATH'],
        HOME: home,
        ANTHROPIC_BASE_URL: task.url,
        ANTHROPIC_AUTH_TOKEN: task.apiKey,
        ANTHROPIC_MODEL: task.model,
        ANTHROPIC_DEFAULT_HAIKU_MODEL: task.model,
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
        HTTPS_PROXY: proxy,
        HTTP_PROXY: proxy,
        NO_PROXY: '127.0.0.1',
        ...task.env,
      },
    });
    let output = '';
    let errors = '';
    child.stdout.setEncoding('utf8').on('data', text => (output += text));
    child.stderr.setEncoding('utf8').on('data', text => (errors += text));
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    task.inspect?.(folder);
    return {
      code,
      events: output
        .split('\n')
        .filter(line => line.startsWith('{'))
        .map(readEvent),
      errors,
      strayed,
    };
  } finally {
    world.closeAllConnections();
    world.close();
    rmSync(home, { recursive: true, force: true });
  }
}

function readEvent(line: string): AgentEvent {
  return JSON.parse(line);
}
