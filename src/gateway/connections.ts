import type { Socket } from 'node:net';
import type { Fault } from '../completion/fault.ts';

/** What the edge knows of one client connection. With pipelining several of its requests may be open at once. */
export interface ClientConnection {
  /** Responses begun or due on it. */
  openAnswers: number;
  /** Ends the reading of the body that is arriving, when its framing turns out to be broken. */
  failBody: ((fault: Fault) => void) | undefined;
}

const connections = new WeakMap<Socket, ClientConnection>();

export function connectionOf(socket: Socket): ClientConnection {
  let connection = connections.get(socket);
  if (connection === undefined) {
    connection = { openAnswers: 0, failBody: undefined };
    connections.set(socket, connection);
  }
  return connection;
}
