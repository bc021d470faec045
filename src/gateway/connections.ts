import type { Socket } from 'node:net';
import type { Fault } from '../completion/fault.ts';

/** What the edge knows of one client connection. With pipelining several of its requests may be open at once. */
export interface ClientConnection {
  /** Responses begun or due on it. */
  openAnswers: number;
  /** What came after the open answers was no HTTP: the connection ends with the last of them. */
  isBroken: boolean;
  /** Ends the reading of the body that is arriving, when its framing turns out to be broken. False when the body had
   *  come whole, so that what is broken came after it. */
  failBody: ((fault: Fault) => boolean) | undefined;
}

const connections = new WeakMap<Socket, ClientConnection>();

export function connectionOf(socket: Socket): ClientConnection {
  let connection = connections.get(socket);
  if (connection === undefined) {
    connection = newConnection();
    connections.set(socket, connection);
  }
  return connection;
}

export function newConnection(): ClientConnection {
  return { openAnswers: 0, isBroken: false, failBody: undefined };
}

/** Has a request come on it? */
export function hasAsked(socket: Socket): boolean {
  return connections.has(socket);
}
