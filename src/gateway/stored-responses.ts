import { Fault } from '../completion/fault.ts';
import type { Arrival } from './arrival.ts';
import type { GatewayState } from './gateway.ts';

/** Everything behind POST /v1/responses: reading, cancelling and deleting what was stored, its items, its compaction. Nothing is
 *  stored here, and no provider is asked: an id would not say which of them has it (docs/decisions/0051-responses.md). */
export function refuseStoredResponses(_gateway: GatewayState, { request, path }: Arrival): never {
  // Of a path in a message: clients choose it.
  const asked = `${request.method} ${path.slice(0, 80)}`;
  throw new Fault(
    'stored_state_unsupported',
    `${asked}: responses are not stored here; only POST /v1/responses is answered.`,
  );
}
