import type { Transaction } from 'kysely';
import type { Author } from '../audit/author.ts';
import { recordAudit } from '../audit/record-audit.ts';
import type { Store } from '../store/connect.ts';
import type { Tables } from '../store/tables.ts';
import type { AccessPolicy } from './policy.ts';

/** What access is made of; process/ fills it. */
export interface AccessContext {
  readonly store: Store;
  readonly secrets: AccessSecrets;
  /** As the configuration says it now. */
  readonly policy: () => Promise<AccessPolicy>;
  readonly nowMs: () => number;
}

/** Under the master key. */
export interface AccessSecrets {
  /** HMAC, hex: what tokens are stored and found by. */
  digest(secret: string): string;
  seal(plaintext: string, context: string): string;
  open(sealed: string, context: string): string;
}

export type AccessTransaction = Transaction<Tables>;

/** Who asks, and from where. */
export interface Asking extends Author {
  /** Empty where nobody knows it. */
  readonly address: string;
  /** What the browser or program calls itself. */
  readonly agent: string;
}

export interface AccessEvent {
  readonly asking: Asking;
  readonly organisation: string | null;
  /** In the words of permissions: `members.grant`, `sessions.begin`. */
  readonly action: string;
  /** `<kind>:<id>` */
  readonly target: string;
  readonly before?: unknown;
  readonly after?: unknown;
}

/** Writes down what changed, in the transaction that changes it. */
export function tell(transaction: AccessTransaction, { asking, ...event }: AccessEvent): Promise<void> {
  const { actor, requestId, address } = asking;
  return recordAudit(transaction, { actor, requestId, address, ...event });
}
