import type { IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';

/** A request as the walk reads it: of HTTP/1.1 as node:http gives it, or of HTTP/2 (`http2/stream-request.ts`). */
export interface ClientRequest extends Readable {
  readonly method?: string | undefined;
  /** Path and query. */
  readonly url?: string | undefined;
  readonly headers: IncomingHttpHeaders;
  /** Names and values in turn. */
  readonly rawHeaders: readonly string[];
  readonly httpVersionMajor: number;
  readonly httpVersionMinor: number;
  /** All of it came. */
  readonly complete: boolean;
  readonly socket: Socket;
}

/** The answer to it: node:http's, or a stream of HTTP/2 (`http2/stream-response.ts`). */
export interface ClientResponse extends Writable {
  readonly headersSent: boolean;
  readonly statusCode: number;
  /** May the connection serve another request after this one? */
  shouldKeepAlive: boolean;
  setHeader(name: string, value: string): unknown;
  /** Names and values in turn; a name may occur several times. */
  writeHead(status: number, rawHeaders: string[]): unknown;
  writeContinue(): void;
}
