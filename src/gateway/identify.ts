import { Fault } from '../completion/fault.ts';
import type { KeyGuard } from '../snapshot/key-guard.ts';
import type { Principal, Snapshot } from '../snapshot/load.ts';
import type { Arrival } from './arrival.ts';
import { authenticate, presentedSecret } from './authenticate.ts';
import { clientAddress } from './client-address.ts';
import { allowPage } from './cross-origin.ts';
import type { GatewayState } from './gateway.ts';
import { identifySigner } from './sigv4/identify-signer.ts';
import { isPresigned, isSignature } from './sigv4/signed-request.ts';

/** Who calls, by the snapshot that the whole request goes by. */
export interface Identified {
  readonly snapshot: Snapshot;
  readonly principal: Principal;
}

/** The first gate of every path that takes a key; the edge calls it, so no path can forget to. Throws Fault, or rejects with
 *  it: a signature is of the body too, which is read first. */
export function identify(gateway: GatewayState, arrival: Arrival): Identified | Promise<Identified> {
  const { ports } = gateway;
  const snapshot = ports.snapshot();
  const { authorization } = arrival.request.headers;
  if (authorization !== undefined && isSignature(authorization)) {
    return identifySigner(gateway, arrival, snapshot).then(principal =>
      admitted(gateway, arrival, snapshot, principal),
    );
  }
  const secret = presentedSecret(arrival.request.headers, arrival.query);
  if (secret === undefined && isPresigned(arrival.query)) {
    throw new Fault('signature_unsupported', 'A signature in the query is not taken: sign the Authorization header.');
  }
  const principal = authenticate(secret, snapshot, ports.digestSecret, arrival.atMs);
  return admitted(gateway, arrival, snapshot, principal);
}

function admitted(gateway: GatewayState, arrival: Arrival, snapshot: Snapshot, principal: Principal): Identified {
  if (principal.guard !== undefined) checkGuard(gateway, arrival, principal.guard);
  return { snapshot, principal };
}

/** What cannot be told is not allowed: an unknown address, and a request without an origin. */
function checkGuard(
  { trustedProxies }: GatewayState,
  { request, response }: Arrival,
  { allowsAddress, allowsOrigin }: KeyGuard,
): void {
  const { origin } = request.headers;
  if (allowsOrigin !== undefined) {
    if (origin === undefined || !allowsOrigin(origin)) throw new Fault('key_origin_refused');
    allowPage(response, origin);
  }
  if (allowsAddress !== undefined) {
    const address = clientAddress(request, trustedProxies);
    if (address === undefined || !allowsAddress(address)) throw new Fault('key_address_refused');
  }
}
