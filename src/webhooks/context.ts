import type { AddressPolicy } from '../media/address-policy.ts';
import type { Resolve } from '../media/destination.ts';
import type { Store } from '../store/connect.ts';

/** What webhooks are made of; process/ fills it. */
export interface WebhookContext {
  readonly store: Store;
  /** Under the keys of the installation. */
  readonly secrets: { seal(plaintext: string, context: string): string; open(sealed: string, context: string): string };
  readonly policy: AddressPolicy;
  readonly resolve: Resolve;
  /** Does the operator name networks that are not public? Without them an address without TLS could never be called. */
  readonly hasAllowed: boolean;
  readonly nowMs: () => number;
  /** In [0, 1). */
  readonly random: () => number;
  /** Of an attempt, shorter than it would be; for tests. */
  readonly timeoutMs?: number;
}

/** What an endpoint's secrets are sealed for. */
export function secretContext(endpoint: string): string {
  return `webhook:${endpoint}`;
}
