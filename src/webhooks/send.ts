import { type IncomingMessage, type RequestOptions, request as requestPlain } from 'node:http';
import { request as requestTls } from 'node:https';
import type { AddressPolicy } from '../media/address-policy.ts';
import { type Destination, findDestination, type Resolve } from '../media/destination.ts';
import { FetchRefusal } from '../media/fetch-refusal.ts';

export interface SendSurroundings {
  readonly policy: AddressPolicy;
  readonly resolve: Resolve;
  /** Shorter than it would be; for tests. */
  readonly timeoutMs?: number;
}

export interface SendRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly signal: AbortSignal;
}

export interface SendOutcome {
  /** undefined: nothing was answered. */
  readonly status: number | undefined;
  /** Why it is no success, in a line that says nothing of how the address is reached; undefined: it was one. */
  readonly problem: string | undefined;
  readonly retryAfterMs?: number;
}

/** From the look-up of the name to the end of the answer. */
export const sendTimeoutMs = 10_000;
const headerBytesMax = 16 * 1024;
/** Read of an answer's body, which says nothing; with more the connection is broken off. */
const answerBytesMax = 16 * 1024;

/** One POST on a connection of its own. Redirects are not followed: they would lead elsewhere than was agreed. */
export async function sendWebhook(request: SendRequest, surroundings: SendSurroundings): Promise<SendOutcome> {
  const timeoutMs = surroundings.timeoutMs ?? sendTimeoutMs;
  const timeout = AbortSignal.timeout(timeoutMs);
  const signal = AbortSignal.any([request.signal, timeout]);
  try {
    const destination = await findDestination(new URL(request.url), surroundings.policy, surroundings.resolve, signal);
    refusePlain(destination, surroundings.policy);
    const response = await post(destination, request, { ...surroundings, signal });
    try {
      await readAway(response);
    } finally {
      response.destroy();
    }
    return outcomeOf(response);
  } catch (error) {
    request.signal.throwIfAborted();
    return {
      status: undefined,
      problem: timeout.aborted ? `no answer in ${timeoutMs / 1_000} s` : problemOf(error),
    };
  }
}

/** Without TLS only within the operator's own networks. */
function refusePlain({ url, addresses }: Destination, policy: AddressPolicy): void {
  if (url.protocol === 'https:') return;
  if (addresses.every(({ address }) => policy.judge(address) === 'allowed')) return;
  throw new FetchRefusal('public addresses are called by https only');
}

function post(
  { url, addresses }: Destination,
  { headers, body }: SendRequest,
  { policy, signal }: { readonly policy: AddressPolicy; readonly signal: AbortSignal },
): Promise<IncomingMessage> {
  const bytes = Buffer.from(body);
  const options: RequestOptions = {
    method: 'POST',
    // A connection of its own: none that was opened for another name is used again.
    agent: false,
    signal,
    // The addresses that were checked, whatever the name resolves to by now.
    lookup: (_hostname, { all }, callback) => {
      const first = addresses[0]!; // findDestination gives one or more.
      if (all === true) callback(null, [...addresses]);
      else callback(null, first.address, first.family);
    },
    maxHeaderSize: headerBytesMax,
    headers: {
      ...headers,
      'content-type': 'application/json',
      'content-length': bytes.length,
      'user-agent': 'common-carrier-webhooks',
    },
  };
  return new Promise((resolve, reject) => {
    const sent = url.protocol === 'https:' ? requestTls(url, options) : requestPlain(url, options);
    sent.on('socket', socket => {
      const check = () => {
        if (policy.judge(socket.remoteAddress ?? '') !== undefined) return;
        sent.destroy(new FetchRefusal('its host is not at a public address'));
      };
      if (socket.connecting) socket.once('connect', check);
      else check();
    });
    sent.on('response', resolve);
    sent.on('upgrade', () => sent.destroy(new FetchRefusal('the server answered with another protocol')));
    sent.on('error', reject);
    sent.end(bytes);
  });
}

async function readAway(response: IncomingMessage): Promise<void> {
  let length = 0;
  for await (const piece of response as AsyncIterable<Buffer>) {
    length += piece.length;
    if (length > answerBytesMax) return;
  }
}

function outcomeOf({ statusCode: status = 0, headers }: IncomingMessage): SendOutcome {
  if (status >= 200 && status < 300) return { status, problem: undefined };
  if (status >= 300 && status < 400) return { status, problem: 'it redirects, which is not followed' };
  const seconds = /^\d{1,6}$/.test(headers['retry-after'] ?? '') ? Number(headers['retry-after']) : undefined;
  return {
    status,
    problem: `answered with status ${status}`,
    ...(seconds === undefined ? {} : { retryAfterMs: seconds * 1_000 }),
  };
}

/** Sockets, resolvers and TLS fail in many ways, each with a code. */
function problemOf(error: unknown): string {
  if (error instanceof FetchRefusal) return error.message;
  const code = error instanceof Error && 'code' in error ? ` (${String(error.code).slice(0, 40)})` : '';
  return `the server cannot be reached or broke off${code}`;
}
