import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ProcessSettings } from '../config/settings.ts';
import { removeServerAddress } from '../control/server-address.ts';
import { type DataLock, lockDataDirectory } from './data-lock.ts';
import { beginGeneration, type Generation, openDataDirectory } from './generation.ts';
import { claimPort, type PortClaim } from './port-claim.ts';
import { openRuntimeDirectory } from './runtime-directory.ts';

/** Everything that only one supervisor can have, claimed in the order in which a second one is best told. */
export interface ReplicaHome {
  /** $CARRIER_DATA without links. */
  readonly dataPath: string;
  readonly journalPath: string;
  readonly adminSocketPath: string;
  readonly sandboxSocketPath: string;
  readonly generation: Generation;
  readonly port: number;
  release(): Promise<void>;
}

/** Throws StartFailure. When it returns, nothing of an earlier run is alive. */
export async function claimHome(settings: ProcessSettings): Promise<ReplicaHome> {
  const dataPath = openDataDirectory(settings.dataDirectory);
  const runtimePath = openRuntimeDirectory(dataPath);
  const startedAt = new Date().toISOString();
  const lock: DataLock = await lockDataDirectory(runtimePath, dataPath, { pid: process.pid, startedAt });
  let port: PortClaim;
  let generation: Generation;
  try {
    // Before the port is claimed: leftovers of a killed run may still listen on it.
    generation = await beginGeneration(dataPath);
    port = await claimPort(settings.host, settings.port);
  } catch (error) {
    await lock.release();
    throw error;
  }
  const journalPath = join(dataPath, 'journal');
  mkdirSync(journalPath, { recursive: true, mode: 0o700 });
  return {
    dataPath,
    journalPath,
    adminSocketPath: join(runtimePath, 'admin.sock'),
    sandboxSocketPath: join(runtimePath, 'sandbox.sock'),
    generation,
    port: port.port,
    release: async () => {
      removeServerAddress(dataPath);
      port.release();
      await lock.release();
    },
  };
}
