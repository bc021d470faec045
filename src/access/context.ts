import type { Transaction } from 'kysely';
import type { Store } from '../store/connect.ts';
import type { Tables } from '../store/tables.ts';
import type { AccessPolicy } from './policy.ts';

/** What access is made of; process/ fills it. */
export interface AccessContext {
  readonly store: Store;
  readonly secrets: AccessSecrets;
  /** As the configuration says it now. */
  readonly policy: () => Promise<AccessPolicy>;
  readonly audit: RecordAccess;
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
export interface Asking {
  /** `admin-key`, `user:<id>` …; `system:login` before anybody is known. */
  readonly actor: string;
  readonly address: string;
  readonly agent: string;
}

/** Writes down what changed, in the transaction that changes it. */
export type RecordAccess = (transaction: AccessTransaction, event: AccessEvent) => Promise<void>;

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
