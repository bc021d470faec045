import { hash } from 'node:crypto';

// The provider's signatures are opaque; what clients and gateways notice is that a changed or foreign one is refused.
// The emulator's can be checked without memory: a digest of the thinking, and a digest of that digest.

export function signThinking(thinking: string): string {
  return seal('thinking', hash('sha256', thinking, 'hex'));
}

/** True for a signature of this thinking; also for any own signature when the thinking was omitted from the answer. */
export function verifyThinking(thinking: string, signature: string): boolean {
  const digest = open('thinking', signature);
  if (digest === undefined) return false;
  return thinking === '' || digest === hash('sha256', thinking, 'hex');
}

export function redactThinking(thinking: string): string {
  return seal('redacted', hash('sha256', thinking, 'hex'));
}

export function verifyRedacted(data: string): boolean {
  return open('redacted', data) !== undefined;
}

function seal(kind: string, digest: string): string {
  return Buffer.from(`emulator:${kind}:${digest}:${check(kind, digest)}`).toString('base64');
}

function open(kind: string, sealed: string): string | undefined {
  const [maker, sealedKind, digest, mark] = Buffer.from(sealed, 'base64').toString('latin1').split(':');
  if (maker !== 'emulator' || sealedKind !== kind || digest === undefined) return undefined;
  return mark === check(kind, digest) ? digest : undefined;
}

function check(kind: string, digest: string): string {
  return hash('sha256', `emulator ${kind} ${digest}`, 'hex').slice(0, 16);
}
