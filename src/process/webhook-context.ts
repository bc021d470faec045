import type { Sealer } from '../control/seal.ts';
import { AddressPolicy } from '../media/address-policy.ts';
import { resolveHost } from '../media/resolve-host.ts';
import type { Store } from '../store/connect.ts';
import type { WebhookContext } from '../webhooks/context.ts';

/** Webhooks of a running server. */
export function webhookContextOf(
  store: Store,
  sealer: Sealer,
  { allowAddresses }: { readonly allowAddresses: readonly string[] },
): WebhookContext {
  return {
    store,
    secrets: sealer,
    policy: new AddressPolicy(allowAddresses),
    resolve: resolveHost,
    hasAllowed: allowAddresses.length > 0,
    nowMs: Date.now,
    random: Math.random,
  };
}
