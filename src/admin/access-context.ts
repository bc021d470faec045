import { createHmac } from 'node:crypto';
import type { AccessContext } from '../access/context.ts';
import { readAccessPolicy } from '../control/access-settings.ts';
import type { AdminDependencies } from './dependencies.ts';

/** The room access over this installation's store, master key and configuration. */
export function accessContextOf({
  store,
  sealer,
  nowMs,
}: Pick<AdminDependencies, 'store' | 'sealer' | 'nowMs'>): AccessContext {
  const digesting = sealer.keyFor('access-digest/1');
  return {
    store,
    nowMs,
    policy: () => readAccessPolicy(store, sealer),
    secrets: {
      digest: secret => createHmac('sha256', digesting).update(secret).digest('hex'),
      seal: (plaintext, context) => sealer.seal(plaintext, `access:${context}`),
      open: (sealed, context) => sealer.open(sealed, `access:${context}`),
    },
  };
}
