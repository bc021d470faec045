import type { Log } from '../telemetry/log.ts';

/** What nobody expected ends the process: its state is not to be trusted any more. A worker is started anew and its
 *  exchanges are settled from the journal; a supervisor takes its workers with it, and the next start settles. */
export function endOnUncaught(log: Log): void {
  process.on('uncaughtException', error => {
    log.error('ending: something broke that should not', { error: error?.stack ?? String(error) });
    log.flushNow();
    process.exit(1);
  });
}
