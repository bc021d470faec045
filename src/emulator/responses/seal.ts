import { hash } from 'node:crypto';

// `encrypted_content` is opaque; what clients and gateways notice is that one which does not verify is refused, and one that
// was moved to another item, too (platform.openai.com/docs/guides/reasoning, 2026-11). The emulator's can be checked without
// memory: the id of its item, and a digest of that.

export function sealReasoning(itemId: string): string {
  return Buffer.from(`emulator:reasoning:${itemId}:${check(itemId)}`).toString('base64');
}

/** The id of the item that it was made for; undefined for what the emulator never made. */
export function openSeal(encrypted: string): string | undefined {
  const [maker, kind, itemId, mark] = Buffer.from(encrypted, 'base64').toString('latin1').split(':');
  if (maker !== 'emulator' || kind !== 'reasoning' || itemId === undefined) return undefined;
  return mark === check(itemId) ? itemId : undefined;
}

function check(itemId: string): string {
  return hash('sha256', `emulator reasoning ${itemId}`, 'hex').slice(0, 32);
}
