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
      const settle = (act: () => void) => {
        clearTimeout(late);
        watchers.delete(watcher);
        act();
      };
      const watcher = () => {
        if (done()) settle(() => resolve(received()));
        else if (over) settle(() => reject(new Error(`closed before ${what}: ${received()}`)));
      };
      const late = setTimeout(() => {
        settle(() => reject(new Error(`waited too long for ${what}: ${received()}`)));
      }, waitMsMax);
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

/** No answer on loopback takes longer; a test that waits for one has failed. */
const waitMsMax = 10_000;

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
