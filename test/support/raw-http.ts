import { connect, type Socket } from 'node:net';

/** A bare connection, for requests that no client library would send. */
export interface RawConnection {
  readonly socket: Socket;
  send(bytes: string | Buffer): void;
  /** All that came so far. */
  received(): string;
  /** Resolves when what came matches; rejects when the connection closes before. */
  until(pattern: RegExp): Promise<string>;
  closed(): Promise<string>;
}

export async function openRaw(port: number): Promise<RawConnection> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  const chunks: Buffer[] = [];
  const watchers = new Set<() => void>();
  let over = false;
  const wake = () => {
    for (const watcher of watchers) watcher();
  };
  socket.on('data', chunk => {
    chunks.push(chunk);
    wake();
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    over = true;
    wake();
  });
  await new Promise<void>(resolve => socket.once('connect', resolve));
  const received = () => Buffer.concat(chunks).toString('latin1');
  const wait = (done: () => boolean, what: string) =>
    new Promise<string>((resolve, reject) => {
      const watcher = () => {
        if (!done() && !over) return;
        watchers.delete(watcher);
        if (done()) resolve(received());
        else reject(new Error(`closed before ${what}: ${received()}`));
      };
      watchers.add(watcher);
      watcher();
    });
  return {
    socket,
    send: bytes => void socket.write(bytes),
    received,
    until: pattern => wait(() => pattern.test(received()), String(pattern)),
    closed: () => wait(() => over, 'its end'),
  };
}

/** The bytes of a POST with a JSON body. */
export function post(path: string, body: string, headers: readonly string[] = []): string {
  const lines = [
    `POST ${path} HTTP/1.1`,
    'host: localhost',
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    ...headers,
  ];
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}
