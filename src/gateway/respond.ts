import { Fault, faults } from '../completion/fault.ts';
import type { DialectName } from '../completion/request.ts';
import type { FaultAnswer } from '../dialects/dialect.ts';
import { writeRateLimits } from '../dialects/rate-limits.ts';
import type { Arrival } from './arrival.ts';
import type { ClientRequest, ClientResponse } from './client-message.ts';

/** Answers with a fault, in the dialect of the path or as a problem document (RFC 9457). `extra` are raw headers. */
export function respondFault(arrival: Arrival, fault: Fault, extra: readonly string[] = []): number {
  const answer = encodeFault(arrival, fault);
  const headers = [
    'content-type',
    answer.contentType,
    'x-carrier-exchange-id',
    arrival.id,
    'x-carrier-fault',
    fault.code,
    ...(answer.headers ?? []),
    ...extra,
  ];
  // The clients of these dialects obey this, and would otherwise ask a 429 twice more; others read what their dialect says.
  const { retryAfterMs } = fault;
  const isFar = fault.code === 'rate_limited' && retryAfterMs !== undefined && retryAfterMs > retryFarMs;
  const asksAgain = arrival.dialect !== undefined && obedient.has(arrival.dialect.name);
  if (asksAgain && (fault.class === 'quota' || isFar)) headers.push('x-should-retry', 'false');
  if (fault.rateLimits !== undefined && arrival.dialect !== undefined) {
    headers.push(...writeRateLimits(fault.rateLimits, arrival.dialect.name, arrival.atMs));
  }
  if (retryAfterMs !== undefined) headers.push('retry-after', String(Math.ceil(retryAfterMs / 1000)));
  // OpenAI's clients know the finer form, as Azure says it
  // (https://learn.microsoft.com/en-us/azure/ai-foundry/openai/how-to/quota, 2026-11).
  if (retryAfterMs !== undefined && retryAfterMs % 1000 !== 0 && finer.has(arrival.dialect?.name)) {
    headers.push('retry-after-ms', String(Math.ceil(retryAfterMs)));
  }
  respondBytes(arrival.request, arrival.response, answer.status, headers, answer.body);
  return answer.status;
}

const finer: ReadonlySet<DialectName | undefined> = new Set(['openai-chat', 'openai-responses']);
const obedient: ReadonlySet<DialectName> = new Set(['openai-chat', 'openai-responses', 'anthropic-messages']);
/** Clients do not wait longer: they would ask again after half a second, and again in vain. */
const retryFarMs = 60_000;

export function encodeFault(
  { dialect, id, named }: Pick<Arrival, 'dialect' | 'id' | 'named'>,
  fault: Fault,
): FaultAnswer {
  return dialect?.encodeFault(fault, { exchangeId: id, streamForm: named?.streamForm }) ?? problem(fault);
}

/** Anything thrown on the walk as a fault. What is not one is ours: it is reported as `internal`, its cause kept. */
export function toFault(error: unknown): Fault {
  return error instanceof Fault ? error : new Fault('internal', undefined, { cause: error });
}

export function problem(fault: Fault): FaultAnswer {
  const body = JSON.stringify({
    type: `urn:common-carrier:fault:${fault.code}`,
    title: faults[fault.code].meaning,
    status: fault.status,
    detail: fault.message,
    code: fault.code,
  });
  return { status: fault.status, contentType: 'application/problem+json', body: Buffer.from(body) };
}

/** Sends a whole answer. If the request's body is still arriving, the connection is closed afterwards unless little of
 *  it is left; until then what arrives is thrown away for a moment, because closing a socket with unread bytes in it
 *  resets the connection and may destroy the answer on its way. */
export function respondBytes(
  request: ClientRequest,
  response: ClientResponse,
  status: number,
  headers: string[],
  body: Buffer,
): void {
  if (response.headersSent || response.destroyed) return;
  headers.push('content-length', String(body.length));
  // A stream of HTTP/2 is ended for itself: its connection serves on.
  if (request.complete || request.httpVersionMajor === 2 || isNearlyRead(request)) {
    response.writeHead(status, headers);
    response.end(body);
    return;
  }
  headers.push('connection', 'close');
  response.writeHead(status, headers);
  response.write(body);
  discardThenEnd(request, response);
}

/** Bodies up to this size are read to their end, so that the connection can serve the next request. */
const nearlyReadBytesMax = 256 * 1024;
/** A client that is still sending learns why it is refused only if it is not cut off meanwhile, so larger bodies are
 *  thrown away up to these bounds: nothing of them is kept. */
const discardBytesMax = 64 * 1024 * 1024;
const discardMsMax = 10_000;
const discardIdleMsMax = 1_000;

function isNearlyRead(request: ClientRequest): boolean {
  if (request.destroyed) return false;
  const length = request.headers['content-length'];
  if (request.headers.expect !== undefined) return false;
  return length === undefined
    ? request.headers['transfer-encoding'] === undefined
    : Number(length) <= nearlyReadBytesMax;
}

function discardThenEnd(request: ClientRequest, response: ClientResponse): void {
  let bytes = 0;
  const end = () => {
    clearTimeout(late);
    clearTimeout(idle);
    request.off('data', count);
    response.end();
  };
  const count = (chunk: Buffer) => {
    bytes += chunk.length;
    idle.refresh();
    if (bytes > discardBytesMax) end();
  };
  const late = setTimeout(end, discardMsMax);
  const idle = setTimeout(end, discardIdleMsMax);
  request.on('data', count);
  request.once('end', end);
  request.once('close', end);
  request.on('error', () => {});
  request.resume();
}
