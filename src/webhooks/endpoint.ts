/** Whom notices are told to. */
export interface WebhookEndpoint {
  readonly id: string;
  /** null: of the installation, and told of everything. */
  readonly organisation: string | null;
  readonly url: string;
  readonly description: string;
  /** Kinds of notices: `key.rotated`, `key.*` or `*`. */
  readonly events: readonly string[];
  /** failed: nothing has succeeded for so long that it is told nothing any more. */
  readonly state: 'active' | 'paused' | 'failed';
  /** Until then the secret of before signs, too. */
  readonly previousUntil: Date | null;
  readonly failingSince: Date | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export const urlLengthMax = 2_048;
export const eventsMax = 50;
export const endpointsPerOrganisationMax = 50;
export const eventPattern = /^(?:\*|[a-z][a-z-]*\.(?:\*|[a-z][a-z-]*))$/;

/** What there is to be told of. Kinds that are not here yet may be asked for: releases add some. */
export const eventKinds = {
  'key.created': 'A key was created.',
  'key.rotated': 'A key got another secret.',
  'key.revoked': 'A key was revoked or removed.',
  'key.expiring': 'A key ends within seven days, and again within one.',
  'key.expired': 'A key has ended.',
  'budget.threshold': 'A budget has passed one of its `warnAt`; once for each and window.',
  'budget.refused': 'A hard budget has refused a request; once a window.',
  'budget.would-refuse': 'A budget in shadow mode would have refused a request; once a window.',
  'limit.reached': 'A limit has refused requests; once an hour.',
  'limit.would-refuse': 'A limit in shadow mode would have refused requests; once an hour.',
  'wallet.low': 'A wallet has fallen below its `lowBalance`.',
  'alert.raised':
    'An operator should look: prices that are missing and usage in quarantine, and the rest of `carrier alerts`; once a code and ten minutes. To the installation only.',
  'breaker.opened':
    'A deployment is not asked any more because it fails; once a replica and ten minutes. To the installation only.',
  'webhook.disabled':
    'A webhook is told nothing any more, since nothing has succeeded for five days or it answered 410.',
  'webhook.test': 'Somebody asked for a test.',
} as const;

/** Why an address cannot be told anything; undefined: it can. Where its name leads is looked at at each delivery. */
export function refuseUrl(text: string, { hasAllowed }: { readonly hasAllowed: boolean }): string | undefined {
  if (!URL.canParse(text)) return 'is not a URL';
  const url = new URL(text);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && hasAllowed)) {
    return 'must be https (http only where webhooks.allowAddresses names its network)';
  }
  if (url.username !== '' || url.password !== '') return 'names a user or a password';
  return url.hash === '' ? undefined : 'has a fragment, which is never sent';
}
