import { createServer, type Server } from 'node:net';
import { StartFailure } from './start-failure.ts';

export interface PortClaim {
  readonly port: number;
  release(): void;
}

/** Finds out whether the port is free and keeps other carriers of this machine from taking it: workers share it with
 *  SO_REUSEPORT, and so would a second carrier, silently. Port 0 becomes a free one. Throws StartFailure. */
export async function claimPort(host: string, port: number): Promise<PortClaim> {
  const chosen = await bindOnce(host, port);
  const claim = await holdName(`\0carrier-port-${process.getuid?.() ?? 0}-${chosen}`);
  if (claim === undefined) throw inUse(host, chosen);
  return { port: chosen, release: () => claim.close() };
}

/** An exclusive bind fails where anybody listens, sharing or not. */
function bindOnce(host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', error => {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EADDRINUSE') return reject(inUse(host, port));
      reject(
        new StartFailure('address_unusable', `Cannot listen on ${host} port ${port}: ${error.message}`, {
          cause: error,
        }),
      );
    });
    server.listen({ host, port, exclusive: true }, () => {
      const address = server.address();
      if (address === null || typeof address === 'string') throw new Error('a TCP listener has a port');
      server.close(() => resolve(address.port));
    });
  });
}

/** Abstract names live in the network namespace, as ports do, and vanish with their process. */
function holdName(name: string): Promise<Server | undefined> {
  return new Promise(resolve => {
    const server = createServer(socket => socket.destroy());
    server.on('error', () => resolve(undefined));
    server.listen(name, () => {
      server.unref();
      resolve(server);
    });
  });
}

function inUse(host: string, port: number): StartFailure {
  return new StartFailure(
    'port_in_use',
    `${host} port ${port} is in use; stop what listens there, or set CARRIER_PORT to another port.`,
  );
}
