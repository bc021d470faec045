import { hash } from 'node:crypto';

// The provider's signatures are opaque; what clients and gateways notice is that a changed or foreign one is refused.
// The emulator's can be checked without memory: a digest of the thinking and of the model that thought it, since thinking is
// tied to its model (platform.claude.com/docs/en/models/opus-5-5/whats-new-opus-5-5, 2026-11), and a digest of that digest.

export function signThinking(thinking: string, model: string): string {
  return seal('thinking', hash('sha256', thinking, 'hex'), model);
}

/** True for a signature of this thinking; also for any own signature when the thinking was omitted from the answer. */
export function verifyThinking(thinking: string, signature: string, model: string): boolean {
  const digest = open('thinking', signature, model);
  if (digest === undefined) return false;
  return thinking === '' || digest === hash('sha256', thinking, 'hex');
}

export function redactThinking(thinking: string, model: string): string {
  return seal('redacted', hash('sha256', thinking, 'hex'), model);
}

export function verifyRedacted(data: string, model: string): boolean {
  return open('redacted', data, model) !== undefined;
}

function seal(kind: string, digest: string, model: string): string {
  return Buffer.from(`emulator:${kind}:${digest}:${check(kind, digest, model)}`).toString('base64');
}

function open(kind: string, sealed: string, model: string): string | undefined {
  const [maker, sealedKind, digest, mark] = Buffer.from(sealed, 'base64').toString('latin1').split(':');
  if (maker !== 'emulator' || sealedKind !== kind || digest === undefined) return undefined;
  return mark === check(kind, digest, model) ? digest : undefined;
}

function check(kind: string, digest: string, model: string): string {
  return hash('sha256', `emulator ${kind} ${digest} ${model}`, 'hex').slice(0, 16);
}
