import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';

/** What a provider does with one request, once it has read it. It writes what it likes, HTTP or not. */
export type Misbehaviour = (socket: Socket) => void;

export interface HostileProvider {
  /** Without a path. */
  readonly url: string;
  /** Requests read so far, by the target model they named. */
  readonly requests: ReadonlyMap<string, number>;
  stop(): Promise<void>;
}

/** Answers over bare sockets, by the target model that a request names. A request is taken for whole once the bytes
 *  that its content-length promises are there. */
export async function startHostileProvider(
  misbehaviours: Readonly<Record<string, Misbehaviour>>,
): Promise<HostileProvider> {
  const sockets = new Set<Socket>();
  const requests = new Map<string, number>();
  const server = createServer(socket => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    let received = '';
    socket.on('data', chunk => {
      received += chunk.toString('latin1');
      const headEnd = received.indexOf('\r\n\r\n');
      const length = /\r\ncontent-length: *(\d+)/i.exec(received)?.[1];
      if (headEnd === -1 || length === undefined || received.length < headEnd + 4 + Number(length)) return;
      const model = /"model" ?: ?"([^"]+)"/.exec(received)?.[1] ?? '';
      received = '';
      requests.set(model, (requests.get(model) ?? 0) + 1);
      const misbehave = misbehaviours[model];
      if (misbehave === undefined) socket.destroy();
      else misbehave(socket);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // A listening TCP server has an address with a port.
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    async stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Writes the piece again and again, as fast as it is read, until the socket is gone. */
export function writeForever(socket: Socket, piece: string | Buffer): void {
  const write = () => {
    // A bound on what one turn of the loop writes, so that the reader in another process is not starved of ours.
    for (let n = 0; n < 64; n++) {
      if (socket.destroyed) return;
      if (!socket.write(piece)) {
        socket.once('drain', write);
        return;
      }
    }
    setImmediate(write);
  };
  write();
}

/** One chunk of a chunked body. */
export function chunkOf(text: string): string {
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
}
