import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { answerClientError } from './client-error.ts';
import { hasAsked } from './connections.ts';
import { dialectOfPath, handleRequest } from './edge.ts';
import { mintExchangeId } from './exchange-id.ts';
import type { GatewayState } from './gateway.ts';
import { watchDoor } from './http2/protocol-door.ts';
import { Streams } from './http2/streams.ts';
import { readTlsFiles, TlsWatch } from './listener-tls.ts';

/** The port of one worker, for HTTP/1.1 and HTTP/2: told apart by the first bytes of a connection, or over TLS by what both
 *  sides agreed on (ALPN). */
export class Listener {
  readonly #state: GatewayState;
  readonly #server: Server;
  readonly #streams: Streams;
  readonly #tlsWatch: TlsWatch | undefined;
  readonly #sockets = new Set<Socket>();

  constructor(state: GatewayState) {
    const { deadlines, settings, ports } = state;
    this.#state = state;
    this.#server = openServer(state);
    this.#streams = new Streams({
      deadlines,
      headerBytesMax: settings.limits.headerBytesMax,
      firstRequestMs: settings.limits.headersTimeoutMs,
      idleMs: keepAliveMsMax,
      handle: (request, response) => handleRequest(state, request, response),
    });
    this.#server.on('clientError', (error: Error, socket: Socket) => this.#refuse(error, socket));
    this.#tellApart();
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    this.#tlsWatch = settings.tls === undefined ? undefined : new TlsWatch(settings.tls, this.#server, ports.observe);
  }

  listen(): Promise<number> {
    const { host, port, reusePort = false } = this.#state.settings;
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port, reusePort, backlog: 4096 }, () => {
        this.#server.off('error', reject);
        // The cast is true: a server that listens on a TCP port has such an address.
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  /** Accepts no more, and waits for what is open. */
  async close(): Promise<void> {
    this.#tlsWatch?.close();
    const closed = new Promise<void>(resolve => {
      this.#server.close(() => resolve());
    });
    this.#streams.close();
    const closeIdle = () => {
      this.#server.closeIdleConnections();
      // Node counts a connection as busy until its first request. One that is kept ready by a client would hold up the end
      // for as long as headers may take.
      for (const socket of this.#sockets) if (socket.bytesRead === 0 && !hasAsked(socket)) socket.destroy();
    };
    closeIdle();
    const idle = setInterval(closeIdle, 100);
    await closed;
    clearInterval(idle);
  }

  /** Breaks what is left. */
  cut(): void {
    this.#server.closeAllConnections();
    this.#streams.cut();
    // Streams of HTTP/2 are told that they are broken off before their connection is.
    setImmediate(() => {
      for (const socket of this.#sockets) socket.destroy();
    });
  }

  /** node:http's own listener waits behind us, so that it goes on counting, timing and closing what it is given. */
  #tellApart(): void {
    const { deadlines, settings } = this.#state;
    const event = settings.tls === undefined ? 'connection' : 'secureConnection';
    const [serve] = this.#server.listeners(event);
    if (serve === undefined) throw new Error('node:http does not listen for connections');
    this.#server.removeAllListeners(event);
    const http1 = (socket: Socket) => serve.call(this.#server, socket);
    const http2 = (socket: Socket) => this.#streams.take(socket);
    if (settings.tls !== undefined) {
      this.#server.on(event, (socket: TLSSocket) => (socket.alpnProtocol === 'h2' ? http2(socket) : http1(socket)));
      return;
    }
    const again = (socket: Socket) => {
      http1(socket);
      socket.resume();
    };
    const late = (socket: Socket) => this.#refuse(tooLate, socket);
    const ways = { http1: again, http2, late, lateMs: settings.limits.headersTimeoutMs, deadlines };
    this.#server.on(event, (socket: Socket) => watchDoor(socket, ways));
  }

  /** Of what was no request. */
  #refuse(error: Error, socket: Socket): void {
    const { ports } = this.#state;
    const mint = () => mintExchangeId(ports.clock.nowMs());
    const answered = answerClientError(error, socket, mint, path => dialectOfPath(path, {}));
    if (answered === undefined) return;
    const { fault, id, path } = answered;
    ports.observe.refused({ fault, exchangeId: id, path, durationMs: 0 });
  }
}

/** As node:http says it of headers that do not come. */
const tooLate = Object.assign(new Error('no request came'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' });

function openServer(state: GatewayState): Server {
  const { limits, tls } = state.settings;
  const options = {
    maxHeaderSize: limits.headerBytesMax,
    headersTimeout: limits.headersTimeoutMs,
    // The body has its own idle deadline; this one bounds senders that drip.
    requestTimeout: requestMsMax,
    connectionsCheckingInterval: 1_000,
    keepAliveTimeout: keepAliveMsMax,
    noDelay: true,
    insecureHTTPParser: false,
    // The edge asks for it, and answers in our own form.
    requireHostHeader: false,
    ...(tls === undefined ? undefined : { ...readTlsFiles(tls), handshakeTimeout: limits.headersTimeoutMs }),
    ...(tls === undefined ? undefined : { ALPNProtocols: ['h2', 'http/1.1'] }),
  };
  const server: Server = tls === undefined ? createServer(options) : createTlsServer(options);
  // One more than allowed is kept, so that the excess is seen and refused instead of being cut off in silence.
  server.maxHeadersCount = 201;
  server.maxConnections = limits.connectionsMax;
  server.on('request', (request, response) => handleRequest(state, request, response));
  // The walk asks for the body itself, after what the headers alone can refuse.
  server.on('checkContinue', (request, response) => handleRequest(state, request, response));
  return server;
}

/** A whole request, however slowly it comes. */
const requestMsMax = 300_000;
/** Longer than the idle time of usual load balancers, so that they close first and never write into a closed socket. */
const keepAliveMsMax = 75_000;
