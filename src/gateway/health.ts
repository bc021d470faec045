import type { Arrival } from './arrival.ts';
import type { GatewayState } from './gateway.ts';
import { respondBytes } from './respond.ts';

/** The process runs and its event loop turns. */
export function answerHealthz(arrival: Arrival): void {
  respond(arrival, 200, { status: 'ok' });
}

/** Requests would be admitted: a snapshot serves and the journal has room. The database is not asked: without it
 *  admitted keys go on being served. */
export function answerReadyz(gateway: GatewayState, arrival: Arrival): void {
  const { ports } = gateway;
  const checks = {
    snapshot: hasSnapshot(gateway) ? 'ok' : 'missing',
    journal: ports.journal.hasRoom() ? 'ok' : 'full',
    process: ports.draining() ? 'draining' : 'ok',
  };
  const ready = Object.values(checks).every(check => check === 'ok');
  respond(arrival, ready ? 200 : 503, { status: ready ? 'ready' : 'not ready', checks });
}

function hasSnapshot(gateway: GatewayState): boolean {
  try {
    gateway.ports.snapshot();
    return true;
  } catch {
    return false;
  }
}

function respond(arrival: Arrival, status: number, answer: unknown): void {
  const headers = ['content-type', 'application/json', 'cache-control', 'no-store'];
  respondBytes(arrival.request, arrival.response, status, headers, Buffer.from(`${JSON.stringify(answer)}\n`));
}
