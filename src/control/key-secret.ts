import { base62, type RandomBytes } from '../completion/base62.ts';
import { secretLengthMin } from '../config/settings.ts';

/** `cck_<8 characters id>_<43 base62>`: the id is always shown, the whole once. 43 base62 digits carry 256 bits. */
export const keySecretPattern = /^cck_([0-9A-Za-z]{8})_([0-9A-Za-z]{43})$/;

const idLength = 8;
const randomLength = 43;
/** Longest secret that can be imported; headers are bounded too. */
export const secretLengthMax = 512;

export function mintKeyId(random?: RandomBytes): string {
  return base62(idLength, random);
}

export function mintKeySecret(id: string, random?: RandomBytes): string {
  return `cck_${id}_${base62(randomLength, random)}`;
}

/** Random, opaque, 26 characters: what routing knows a deployment by. */
export function mintHandle(random?: RandomBytes): string {
  return `d_${base62(24, random)}`;
}

/** Why a secret cannot be imported; undefined when it can. Never repeats it. */
export function refuseSecret(secret: string): string | undefined {
  if (secret.length < secretLengthMin) return `the secret has fewer than ${secretLengthMin} characters`;
  if (secret.length > secretLengthMax) return `the secret has more than ${secretLengthMax} characters`;
  // Anything else cannot travel in a header unchanged.
  return /^[\x21-\x7e]+$/.test(secret)
    ? undefined
    : 'the secret has characters other than printable ASCII without spaces';
}
