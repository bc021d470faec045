import type { Fault } from '../completion/fault.ts';
import type { Arrival } from './arrival.ts';
import type { GatewayState } from './gateway.ts';
import { respondFault } from './respond.ts';

/** Answers a request that is no exchange, or not yet one, with a fault, and reports it. `extra` are raw headers. */
export function refuse(gateway: GatewayState, arrival: Arrival, fault: Fault, extra: readonly string[]): void {
  const { response } = arrival;
  if (response.headersSent) response.destroy();
  else {
    if (fault.code === 'framing_invalid') response.shouldKeepAlive = false;
    respondFault(arrival, fault, extra);
  }
  gateway.ports.observe.refused({
    fault,
    exchangeId: arrival.id,
    path: arrival.path,
    durationMs: gateway.deadlines.now() - arrival.startedMs,
  });
}

/** Raw headers of a refusal for which no deployment was asked. */
export const neverSent: readonly string[] = ['x-carrier-attempts', '0'];
