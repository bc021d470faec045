import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';

/** A way to a Postgres that can be cut and mended, as networks are. */
export interface DatabaseCut {
  /** Of the same database, through the cut. */
  readonly url: string;
  cut(): Promise<void>;
  mend(): Promise<void>;
  close(): Promise<void>;
}

const socketName = '.s.PGSQL.5432';

/** `url` names a server by the directory of its unix socket, as the test server does. */
export async function startDatabaseCut(url: string): Promise<DatabaseCut> {
  const through = new URL(url);
  const target = join(decodeURIComponent(through.hostname), socketName);
  const directory = mkdtempSync('/tmp/carrier-cut-');
  chmodSync(directory, 0o700);
  through.hostname = encodeURIComponent(directory);
  const open = new Set<Socket>();
  let server: Server | undefined;

  const mend = async () => {
    server ??= await listen(join(directory, socketName), target, open);
  };
  const cut = async () => {
    const closed = new Promise<void>(resolve => {
      if (server === undefined) resolve();
      else server.close(() => resolve());
    });
    for (const socket of open) socket.destroy();
    await closed;
    server = undefined;
  };
  await mend();
  return {
    url: through.href,
    cut,
    mend,
    close: async () => {
      await cut();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function listen(path: string, target: string, open: Set<Socket>): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer(near => {
      const far = createConnection(target);
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        open.add(from);
        from.pipe(to);
        from.on('error', () => {});
        from.on('close', () => {
          open.delete(from);
          to.destroy();
        });
      }
    });
    server.on('error', reject);
    server.listen(path, () => resolve(server));
  });
}
