import { readFileSync } from 'node:fs';
import { adminKeyPath } from '../control/secret-files.ts';
import { readServerAddress } from '../control/server-address.ts';
import { storedToken } from './logins.ts';
import { CommandFailure, exitCodes } from './outcome.ts';
import type { Surroundings } from './surroundings.ts';

/** The management API as commands see it. */
export interface Server {
  get(path: string, query?: Readonly<Record<string, string | undefined>>): Promise<unknown>;
  getText(path: string): Promise<string>;
  /** Text as it comes. Throws CommandFailure when it breaks off. */
  stream(path: string, query: Readonly<Record<string, string | undefined>>): AsyncIterable<string>;
  post(path: string, body: unknown): Promise<unknown>;
  /** A JSON merge patch. */
  patch(path: string, body: unknown): Promise<unknown>;
  delete(path: string): Promise<unknown>;
}

/** Longest wait for an answer; an apply of the largest file takes seconds. */
const timeoutMs = 120_000;
/** Work that takes longer shows that it goes on. */
const progressAfterMs = 400;

export function connectServer(surroundings: Surroundings): Server {
  const url = serverUrl(surroundings.environment);
  async function call(method: string, path: string, body?: unknown): Promise<Response> {
    const key = credential(surroundings.environment, url);
    const request = new Request(new URL(path, url), {
      method,
      headers: {
        ...(key instanceof CommandFailure ? {} : { authorization: `Bearer ${key}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(timeoutMs),
      redirect: 'error',
    });
    const response = await withProgress(surroundings, send(request));
    if (response.ok) return response;
    const refused = await refusal(response, url);
    // Only now: where no server runs, there is no key either, and the server is what is missing.
    throw refused.code === 'admin_key_invalid' && key instanceof CommandFailure ? key : refused;
  }

  async function send(request: Request): Promise<Response> {
    try {
      return await surroundings.send(request);
    } catch (cause) {
      const why = reasonOf(cause);
      throw new CommandFailure(
        exitCodes.unreachable,
        'server_unreachable',
        `No server answers at ${url} (${why}). Start one with \`carrier serve\`, or set CARRIER_URL.`,
        { cause },
      );
    }
  }

  return {
    get: async (path, query = {}) => readJson(await call('GET', withQuery(path, query)), url),
    stream: async function* (path, query) {
      const response = await call('GET', withQuery(path, query));
      const decoder = new TextDecoder();
      try {
        for await (const bytes of response.body ?? []) yield decoder.decode(bytes, { stream: true });
      } catch (cause) {
        const message = `The answer of ${url} broke off (${reasonOf(cause)}); what was written is not whole.`;
        throw new CommandFailure(exitCodes.unreachable, 'server_unreachable', message, { cause });
      }
    },
    getText: async path => (await call('GET', path)).text(),
    post: async (path, body) => readJson(await call('POST', path, body), url),
    patch: async (path, body) => readJson(await call('PATCH', path, body), url),
    delete: async path => readJson(await call('DELETE', path), url),
  };
}

function withQuery(path: string, query: Readonly<Record<string, string | undefined>>): string {
  const said = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const search = new URLSearchParams(said).toString();
  return search === '' ? path : `${path}?${search}`;
}

/** CARRIER_URL, else the address that the server of the data directory wrote there, else where this machine's settings
 *  would put one. */
export function serverUrl(environment: Surroundings['environment']): string {
  const given = environment['CARRIER_URL'];
  if (given) {
    if (/^https?:\/\//.test(given) && URL.canParse(given)) return given;
    throw new CommandFailure(exitCodes.usage, 'usage', `CARRIER_URL must be http://… or https://…, not ${given}`);
  }
  const running = readServerAddress(dataDirectory(environment));
  if (running !== undefined) return running.adminUrl;
  const scheme = environment['CARRIER_TLS_CERT'] ? 'https' : 'http';
  const host = environment['CARRIER_HOST'] || '127.0.0.1';
  const everywhere = host === '0.0.0.0' || host === '::';
  const reachable = everywhere ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host;
  return `${scheme}://${reachable}:${environment['CARRIER_PORT'] || '8080'}`;
}

export function dataDirectory(environment: Surroundings['environment']): string {
  return environment['CARRIER_DATA'] || './.carrier';
}

/** What the caller is known by, or why there is nothing: what was said now, then the login of this machine at this very
 *  server, then the admin key of the data directory. */
function credential(environment: Surroundings['environment'], url: string): string | CommandFailure {
  const given = environment['CARRIER_TOKEN'] || environment['CARRIER_ADMIN_KEY'];
  if (given) return given;
  const login = storedToken(environment, url);
  if (login !== undefined) return login;
  const path = adminKeyPath(dataDirectory(environment));
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (cause) {
    return new CommandFailure(
      exitCodes.refused,
      'admin_key_missing',
      `Nobody is logged in here: \`carrier login\`, or set CARRIER_TOKEN or CARRIER_ADMIN_KEY, or CARRIER_DATA to the directory of the server (${path} cannot be read).`,
      { cause },
    );
  }
}

async function refusal(response: Response, url: string): Promise<CommandFailure> {
  const problem: unknown = await response.json().catch(() => undefined);
  if (!isProblem(problem)) return notOurs(url, response.status);
  const message = problem.recovery === undefined ? problem.detail : `${problem.detail}\n${problem.recovery}`;
  return new CommandFailure(exitCodes.refused, problem.code, message, { problem });
}

async function readJson(response: Response, url: string): Promise<unknown> {
  try {
    return await response.json();
  } catch {
    throw notOurs(url, response.status);
  }
}

function notOurs(url: string, status: number): CommandFailure {
  const message = `What answers at ${url} is not a management API (status ${status}). Check CARRIER_URL.`;
  return new CommandFailure(exitCodes.unreachable, 'server_unreachable', message);
}

function isProblem(
  value: unknown,
): value is { readonly code: string; readonly detail: string; readonly recovery?: string } {
  return (
    typeof value === 'object' &&
    value !== null &&
    'code' in value &&
    typeof value.code === 'string' &&
    'detail' in value &&
    typeof value.detail === 'string'
  );
}

export function reasonOf(error: unknown): string {
  if (error instanceof DOMException && error.name === 'TimeoutError') return `no answer in ${timeoutMs / 1_000} s`;
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  if (cause instanceof Error) return 'code' in cause ? String(cause.code) : cause.message;
  return String(cause);
}

async function withProgress<Value>({ err }: Surroundings, work: Promise<Value>): Promise<Value> {
  if (!err.isTerminal) return work;
  const startedAt = performance.now();
  const timer = setInterval(() => {
    err.write(`\r\x1b[2K… ${Math.round((performance.now() - startedAt) / 1_000)} s`);
  }, progressAfterMs);
  try {
    return await work;
  } finally {
    clearInterval(timer);
    if (performance.now() - startedAt >= progressAfterMs) err.write('\r\x1b[2K');
  }
}
