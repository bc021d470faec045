import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import {
  createServer as createHttp2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type Http2Session,
} from 'node:http2';
import { createServer as createSocketServer, type Socket, type Server as SocketServer } from 'node:net';

export type Serve = (request: IncomingMessage, response: ServerResponse) => void;

export function serving<Kind extends Server>(server: Kind, serve: Serve): Kind {
  server.on('request', serve);
  // What a client sends that is no HTTP is answered by closing; the emulator itself must not fall.
  server.on('clientError', (_error, socket) => socket.destroy());
  return server;
}

const sockets = new WeakMap<Http2Session, Socket>();

/** HTTP/2 hides its socket; a reset needs it. */
export function socketOf(session: Http2Session): Socket | undefined {
  return sockets.get(session);
}

/** HTTP/1.1 and, for clients that know it beforehand (the AWS SDK), HTTP/2: the first bytes of a connection say which. */
export function listenForBoth(settings: object, serve: Serve): SocketServer {
  const one = serving(createHttpServer(settings), serve);
  const two = createHttp2Server();
  // The compatible half of its API is all that is used of requests and responses.
  two.on('request', serve as unknown as (request: Http2ServerRequest, response: Http2ServerResponse) => void);
  two.on('sessionError', () => {});
  return createSocketServer({ noDelay: true }, socket => {
    socket.once('error', () => socket.destroy());
    socket.once('data', first => {
      socket.pause();
      socket.unshift(first);
      // The connection preface begins with this; no method of HTTP/1.1 does.
      if (first.subarray(0, 4).toString('latin1') === 'PRI ') {
        two.once('session', session => sockets.set(session, socket));
        two.emit('connection', socket);
      } else {
        one.emit('connection', socket);
        socket.resume();
      }
    });
  });
}
