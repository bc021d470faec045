import { createHash, timingSafeEqual } from 'node:crypto';
import { Fault } from '../../completion/fault.ts';
import type { Principal, SigningSecret, Snapshot } from '../../snapshot/load.ts';
import type { Arrival } from '../arrival.ts';
import { checkGood } from '../authenticate.ts';
import type { GatewayState } from '../gateway.ts';
import { readBody } from '../read-body.ts';
import { checkRoom } from '../room.ts';
import { readClaim } from './signed-request.ts';
import { checkClaim, verifySignature } from './verify-signature.ts';

/** Who signed the request: AWS Signature Version 4, with the id of a key of ours and its secret. Rejects with Fault. The body
 *  is read here, since its hash is signed; where a header says the hash, no byte is read before the signature is right. */
export async function identifySigner(gateway: GatewayState, arrival: Arrival, snapshot: Snapshot): Promise<Principal> {
  const { request, path, query } = arrival;
  const claim = readClaim(request.headers);
  const { secrets } = checkClaim(claim, snapshot.findSigner(claim.keyId), arrival.atMs);
  const verify = (payloadHash: string) =>
    checkGood(
      verifySignature(
        claim,
        { method: request.method ?? '', path, query, rawHeaders: request.rawHeaders, payloadHash },
        secrets,
        { keys: gateway.signingKeys, openSecret: secret => openSecret(gateway, arrival, secret) },
      ),
      arrival.atMs,
    );
  const principal = claim.payloadHash === undefined ? undefined : verify(claim.payloadHash);
  const payloadHash = await hashOfBody(gateway, arrival);
  if (principal === undefined) return verify(payloadHash);
  if (!timingSafeEqual(Buffer.from(payloadHash), Buffer.from(claim.payloadHash!))) {
    throw new Fault('signature_invalid', 'The body is not the one that was signed.');
  }
  return principal;
}

/** Of the bytes as they came. The body stays with the arrival for whatever reads it next. */
async function hashOfBody(gateway: GatewayState, arrival: Arrival): Promise<string> {
  const digest = createHash('sha256');
  if (arrival.request.method !== 'POST') return digest.digest('hex');
  gateway.openExchanges++;
  try {
    checkRoom(gateway);
    arrival.body = await readBody(arrival, gateway, digest);
  } finally {
    gateway.openExchanges--;
  }
  return digest.digest('hex');
}

function openSecret({ ports }: GatewayState, arrival: Arrival, secret: SigningSecret): string {
  try {
    return ports.openKeySecret(secret);
  } catch (cause) {
    const message = `The secret of the key ${secret.principal.key} cannot be opened, so its signatures cannot be verified.`;
    ports.observe.alert({ code: 'key_secret_unreadable', message, exchangeId: arrival.id });
    throw new Fault('internal', undefined, { cause });
  }
}
