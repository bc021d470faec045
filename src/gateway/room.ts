import { Fault } from '../completion/fault.ts';
import type { GatewayState } from './gateway.ts';

/** Throws Fault when this process is leaving, or holds more than it may; the request at hand is counted already. */
export function checkRoom({ ports, settings, openExchanges }: GatewayState): void {
  if (ports.draining()) throw new Fault('draining', undefined, { retryAfterMs: busyRetryMs });
  if (openExchanges > settings.limits.exchangesMax) {
    throw new Fault('overloaded', undefined, { retryAfterMs: busyRetryMs });
  }
}

/** Another worker or process may take it a moment later. */
const busyRetryMs = 1_000;
