import { createHmac, timingSafeEqual } from 'node:crypto';
import { Fault } from '../../completion/fault.ts';
import type { Principal, Signer, SigningSecret } from '../../snapshot/load.ts';
import { canonicalHash, type SignedParts } from './canonical-request.ts';
import { algorithm, type SignatureClaim, service } from './signed-request.ts';
import type { SigningKeys } from './signing-keys.ts';

/** How far the clock of a client may be from ours, either way; AWS allows the same. */
export const clockSkewMsMax = 300_000;

/** Who may have made the claim. Throws Fault `key_invalid`, `key_cannot_sign`, `signature_expired`. */
export function checkClaim(claim: SignatureClaim, signer: Signer | undefined, nowMs: number): Signer {
  if (signer === undefined) throw new Fault('key_invalid');
  if (signer.secrets.length === 0) throw new Fault('key_cannot_sign');
  if (Math.abs(nowMs - claim.signedAtMs) > clockSkewMsMax) {
    const now = new Date(nowMs).toISOString().replaceAll(/[-:]|\.\d+/g, '');
    throw new Fault('signature_expired', `The request was signed at ${claim.date}, and here it is ${now}.`);
  }
  return signer;
}

export interface Verification {
  readonly keys: SigningKeys;
  readonly openSecret: (secret: SigningSecret) => string;
}

/** Whose secret made the signature: the key's own, or one from before. Throws Fault `signature_invalid`. */
export function verifySignature(
  claim: SignatureClaim,
  parts: Omit<SignedParts, 'signedHeaders'>,
  secrets: readonly SigningSecret[],
  { keys, openSecret }: Verification,
): Principal {
  const { day, region, date, signedHeaders } = claim;
  const scope = { day, region, service };
  const hashed = canonicalHash({ ...parts, signedHeaders });
  const text = `${algorithm}\n${date}\n${day}/${region}/${service}/aws4_request\n${hashed}`;
  for (const secret of secrets) {
    const key = keys.find(secret.digest, scope, () => openSecret(secret));
    const signature = createHmac('sha256', key).update(text).digest();
    if (!timingSafeEqual(signature, claim.signature)) continue;
    keys.keep(secret.digest, scope, key);
    return secret.principal;
  }
  throw new Fault('signature_invalid');
}
