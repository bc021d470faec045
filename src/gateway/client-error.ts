import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Fault } from '../completion/fault.ts';
import type { Dialect } from '../dialects/dialect.ts';
import { connectionOf } from './connections.ts';
import { encodeFault } from './respond.ts';

/** Answers what the HTTP parser refused, and closes. `mint` gives the id of the refusal, `dialectOf` the dialect of a
 *  path. Returns the fault when an answer was written by this function. */
export function answerClientError(
  error: Error & { code?: string; rawPacket?: Buffer },
  socket: Duplex,
  mint: () => string,
  dialectOf: (path: string) => Dialect | undefined,
): { readonly fault: Fault; readonly id: string; readonly path: string } | undefined {
  const fault = nameError(error.code ?? '');
  // Anything else broke below HTTP, such as a TLS handshake: an answer would wait for it, and never leave.
  if (fault === undefined || !socket.writable) {
    socket.destroy();
    return undefined;
  }
  const connection = socket instanceof Socket ? connectionOf(socket) : undefined;
  // The request line was fine and its body is not: the request itself answers.
  if (connection?.failBody?.(fault) === true) return undefined;
  if (connection !== undefined && connection.openAnswers > 0) {
    // An earlier request's answer is on its way; writing now would tear it.
    connection.isBroken = true;
    return undefined;
  }
  const path = requestPath(error.rawPacket);
  const id = mint();
  const answer = encodeFault({ dialect: dialectOf(path), id, named: undefined }, fault);
  const head =
    `HTTP/1.1 ${answer.status} ${reasons[answer.status] ?? 'Error'}\r\ncontent-type: ${answer.contentType}\r\n` +
    `content-length: ${answer.body.length}\r\nx-carrier-exchange-id: ${id}\r\nx-carrier-fault: ${fault.code}\r\n` +
    'connection: close\r\n\r\n';
  socket.end(Buffer.concat([Buffer.from(head, 'latin1'), answer.body]));
  return { fault, id, path };
}

const reasons: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  408: 'Request Timeout',
  413: 'Content Too Large',
  431: 'Request Header Fields Too Large',
};

function nameError(code: string): Fault | undefined {
  if (code === 'HPE_HEADER_OVERFLOW') return new Fault('headers_too_large');
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new Fault('request_timeout');
  return code.startsWith('HPE_') ? new Fault('framing_invalid') : undefined;
}

/** The path of the request line, if the packet that broke begins with one. */
function requestPath(packet: Buffer | undefined): string {
  const line = packet?.subarray(0, 512).toString('latin1') ?? '';
  return /^[A-Z]+ ([^ ?\r\n]+)/.exec(line)?.[1] ?? '';
}
