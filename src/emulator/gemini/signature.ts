import { hash } from 'node:crypto';
import { padded } from './proto.ts';

// Thought signatures are opaque and belong to the model that made them; one that is foreign or changed is refused
// (https://ai.google.dev/gemini-api/docs/thought-signatures, 2026-11). The emulator's can be checked without memory.

/** `thought`: what was thought, or any other text that tells one from another. */
export function signThought(thought: string, model: string): string {
  const digest = hash('sha256', thought, 'hex').slice(0, 32);
  return Buffer.from(`emulator:thought:${digest}:${check(digest, model)}`).toString('base64');
}

/** Documented as what a client may send where it has no signature, such as for calls of another model. */
const bypasses = ['skip_thought_signature_validator', 'context_engineering_is_the_way_to_go'];

export function verifyThought(signature: string, model: string): boolean {
  if (bypasses.includes(signature)) return true;
  const [maker, kind, digest, mark] = Buffer.from(padded(signature), 'base64').toString('latin1').split(':');
  return maker === 'emulator' && kind === 'thought' && digest !== undefined && mark === check(digest, model);
}

function check(digest: string, model: string): string {
  return hash('sha256', `emulator thought ${digest} ${model}`, 'hex').slice(0, 16);
}
