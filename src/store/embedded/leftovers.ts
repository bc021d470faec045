import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { EmbeddedPostgresError } from './failure.ts';
import { findPostmaster, findServerProcesses } from './processes.ts';
import { ownerLives, readRecord, removeRecord } from './record.ts';

/** How long each way of asking is given, mildest first. Together under the 5 s that a start after a kill may take. */
const escalation = [
  { signal: 'SIGINT', waitMs: 2000 },
  { signal: 'SIGQUIT', waitMs: 1000 },
  { signal: 'SIGKILL', waitMs: 1000 },
] as const;

const pollMs = 10;

/** Ends what an earlier start left behind: a server whose owner was killed, its children, its lock file and its socket.
 *  Throws `already_running` when that owner is alive: two servers on one cluster would destroy it. */
export async function clearLeftovers(
  home: string,
  cluster: string,
  serverName: string,
  log: (message: string) => void,
): Promise<void> {
  const record = readRecord(home);
  if (record !== undefined && ownerLives(record) && findPostmaster(cluster) !== undefined) {
    throw new EmbeddedPostgresError(
      'already_running',
      `Process ${record.owner.processId} already runs the database in ${cluster}: stop it first.`,
    );
  }
  await endProcesses(cluster, serverName, log);
  removeForeignLock(cluster);
  if (record !== undefined) {
    rmSync(record.socketDirectory, { recursive: true, force: true });
    removeRecord(home);
  }
}

async function endProcesses(cluster: string, serverName: string, log: (message: string) => void): Promise<void> {
  if (findServerProcesses(cluster, serverName).length === 0) return;
  for (const { signal, waitMs } of escalation) {
    // Without its postmaster a child takes SIGINT for the cancelling of a query, so each is told.
    const postmaster = findPostmaster(cluster);
    const told = postmaster === undefined ? findServerProcesses(cluster, serverName) : [postmaster];
    log(`stopping Postgres process ${told.join(', ')}, left over from an earlier run (${signal})`);
    for (const processId of told) tell(processId, postmaster === undefined && signal === 'SIGINT' ? 'SIGTERM' : signal);
    for (let waitedMs = 0; waitedMs < waitMs; waitedMs += pollMs) {
      if (findServerProcesses(cluster, serverName).length === 0) return;
      await wait(pollMs);
    }
  }
  throw new EmbeddedPostgresError(
    'leftover_unstoppable',
    `Postgres process ${findServerProcesses(cluster, serverName).join(', ')} of an earlier run does not end: end it by hand.`,
  );
}

function tell(processId: number, signal: NodeJS.Signals): void {
  try {
    process.kill(processId, signal);
  } catch {
    // It ended by itself between being found and being told.
  }
}

/** Postgres refuses to start while the id in its lock file is any process, were it another program's (as after the
 *  restart of a container) or a dead one's that nobody reaps. No server runs here now, so such a lock is stale. */
function removeForeignLock(cluster: string): void {
  const path = join(cluster, 'postmaster.pid');
  if (!existsSync(path)) return;
  const processId = Number.parseInt(readFileSync(path, 'utf8'), 10);
  if (existsSync(`/proc/${processId}`)) rmSync(path);
}
