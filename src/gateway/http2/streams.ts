import type { IncomingMessage, ServerResponse } from 'node:http';
import { constants, createServer, type Http2Server, type ServerHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';
import type { ClientRequest, ClientResponse } from '../client-message.ts';
import { type Deadlines, notWatched, type Watched } from '../deadlines.ts';
import { StreamRequest } from './stream-request.ts';
import { StreamResponse } from './stream-response.ts';

export interface StreamsOptions {
  readonly deadlines: Deadlines;
  /** Bytes of names and values of one request; twice that is cut off without an answer. */
  readonly headerBytesMax: number;
  /** Until the first request of a connection. */
  readonly firstRequestMs: number;
  /** Between one request and the next. */
  readonly idleMs: number;
  readonly handle: (request: ClientRequest, response: ClientResponse) => void;
}

/** Requests of one connection at once. Clients open another one for more. */
export const streamsMax = 128;
/** Streams that a client may reset at once, and each second from then on; more ends its connection
 *  (rapid reset: https://www.cve.org/CVERecord?id=CVE-2023-44487, 2026-11). */
export const resetsMax = 200;
const resetsPerSecond = 20;
/** Settings of one frame; HTTP/2 knows seven. */
const settingsMax = 16;
/** Frames that make no sense, and streams that were refused, before the connection ends. */
const invalidFramesMax = 50;
const refusedStreamsMax = 100;
/** Of one connection, outside JavaScript: header tables and what waits to be written. */
const memoryMegabytesMax = 16;
/** Bytes of a body that may be on their way: of one stream, and of all of a connection. */
const streamWindowBytes = 256 * 1024;
const connectionWindowBytes = 1024 * 1024;
/** 200 headers are allowed (`edge.ts`); a few more are read, so that the excess can be refused with an answer. */
const headersMax = 220;
/** A connection that was told to go, and has nothing open, is cut off after so long. */
const goneMs = 5_000;

/** Connections of HTTP/2: what they may cost, their idle time and their end. Requests go where those of HTTP/1.1 go. */
export class Streams {
  readonly #server: Http2Server<
    typeof IncomingMessage,
    typeof ServerResponse,
    typeof StreamRequest,
    typeof StreamResponse
  >;
  readonly #options: StreamsOptions;
  readonly #connections = new Set<Connection>();
  #taken: Socket | undefined;
  #isClosing = false;

  constructor(options: StreamsOptions) {
    this.#options = options;
    this.#server = createServer({
      Http2ServerRequest: StreamRequest,
      Http2ServerResponse: StreamResponse,
      maxHeaderListPairs: headersMax,
      maxSessionInvalidFrames: invalidFramesMax,
      maxSessionMemory: memoryMegabytesMax,
      maxSessionRejectedStreams: refusedStreamsMax,
      maxSettings: settingsMax,
      streamResetBurst: resetsMax,
      streamResetRate: resetsPerSecond,
      settings: {
        enableConnectProtocol: false,
        initialWindowSize: streamWindowBytes,
        maxConcurrentStreams: streamsMax,
        // Between once and twice the bound a request is refused with an answer; beyond, its stream is reset.
        maxHeaderListSize: 2 * options.headerBytesMax,
      },
    });
    const handle = (request: StreamRequest, response: StreamResponse) => options.handle(request, response);
    this.#server.on('request', handle);
    // The walk asks for the body itself, after what the headers alone can refuse.
    this.#server.on('checkContinue', handle);
    this.#server.on('checkExpectation', handle);
    this.#server.on('connect', handle);
    this.#server.on('session', session => this.#begin(session));
    // Whatever breaks a connection closes it, and its streams with it.
    this.#server.on('sessionError', () => {});
  }

  /** A connection whose client speaks HTTP/2; its bytes are still to be read. */
  take(socket: Socket): void {
    // Its session begins before this returns, and shows no socket that could be ended.
    this.#taken = socket;
    this.#server.emit('connection', socket);
    this.#taken = undefined;
  }

  /** Tells every client that its connection takes no further request; each ends with its last answer. */
  close(): void {
    this.#isClosing = true;
    for (const connection of this.#connections) connection.leave();
  }

  /** Breaks what is left. */
  cut(): void {
    for (const connection of this.#connections) connection.cut();
  }

  get connections(): number {
    return this.#connections.size;
  }

  #begin(session: ServerHttp2Session): void {
    const socket = this.#taken;
    if (socket === undefined) throw new Error('a session began on a connection that was not given');
    session.setLocalWindowSize(connectionWindowBytes);
    const connection = new Connection(session, socket, this.#options);
    this.#connections.add(connection);
    session.once('close', () => this.#connections.delete(connection));
    if (this.#isClosing) connection.leave();
  }
}

class Connection implements Watched {
  watchedAt = notWatched;
  readonly #session: ServerHttp2Session;
  readonly #options: StreamsOptions;
  readonly #socket: Socket;
  #open = 0;
  #hasAsked = false;
  #quietSinceMs: number;

  constructor(session: ServerHttp2Session, socket: Socket, options: StreamsOptions) {
    this.#session = session;
    this.#socket = socket;
    this.#options = options;
    const { deadlines } = options;
    this.#quietSinceMs = deadlines.now();
    session.on('stream', stream => {
      this.#open++;
      this.#hasAsked = true;
      stream.once('close', () => {
        this.#open--;
        this.#quietSinceMs = deadlines.nowMs;
      });
    });
    deadlines.watch(this);
    this.#socket.once('close', () => deadlines.unwatch(this));
    // The server's sockets stay half open, for HTTP/1.1; here nothing can be answered any more.
    this.#socket.once('end', () => this.cut());
  }

  /** Frames that ask for nothing, such as pings, keep no connection open. */
  checkDeadlines(nowMs: number): void {
    if (this.#open > 0) return;
    const quietMs = nowMs - this.#quietSinceMs;
    const { idleMs, firstRequestMs } = this.#options;
    if (quietMs < (this.#session.closed ? goneMs : this.#hasAsked ? idleMs : firstRequestMs)) return;
    if (this.#session.closed) this.#socket.destroy();
    else this.leave();
  }

  leave(): void {
    this.#quietSinceMs = this.#options.deadlines.nowMs;
    if (!this.#session.closed) this.#session.close();
  }

  cut(): void {
    // Without an error the streams would end as if their answers were whole.
    this.#session.destroy(new Error('the connection is cut'), constants.NGHTTP2_INTERNAL_ERROR);
    setImmediate(() => this.#socket.destroy());
  }
}
