import { randomBytes } from 'node:crypto';
import type { Author } from '../audit/author.ts';
import { ConfigurationError } from '../config/problem.ts';
import type { Store } from '../store/connect.ts';
import type { Control } from './control.ts';
import { refuseSecret } from './key-secret.ts';
import type { Keyring } from './keyring.ts';
import { type ReferenceSources, resolveReference } from './references.ts';
import type { ReferenceView } from './reseal.ts';
import type { MasterKeyPlace } from './secret-files.ts';
import { resealJobName } from './secret-upkeep.ts';

/** What is told of secrets: nothing that opens any. */
export interface SecretsView {
  readonly masterKey: {
    /** What the database knows it by. */
    readonly fingerprint: string;
    readonly changedAt: Date | null;
    /** Does the server keep it in its data directory? Else it was given. */
    readonly isOurs: boolean;
    /** Replicas that were seen in the last minute and run with another. */
    readonly outdatedReplicas: readonly string[];
  };
  readonly keys: readonly {
    readonly id: string;
    readonly state: 'active' | 'retiring';
    readonly createdAt: Date;
    readonly retiredAt: Date | null;
  }[];
  readonly references: readonly ReferenceView[];
}

export interface SecretDesk {
  view(): Promise<SecretsView>;
  /** Resolves with the id of the new key; sealing anew goes on as the job `secrets-reseal`. */
  rotate(author: Author): Promise<{ readonly id: string; readonly job: string }>;
  /** `newKey`: a reference. Without one the server makes it, where it keeps it itself. */
  rotateMaster(
    newKey: string | undefined,
    author: Author,
  ): Promise<{ readonly before: string; readonly after: string }>;
}

export interface SecretDeskOptions {
  readonly store: Store;
  readonly keyring: Keyring;
  readonly place: MasterKeyPlace;
  readonly control: Pick<Control, 'references'>;
  readonly sources: ReferenceSources;
  readonly runJob: (name: string) => Promise<unknown>;
}

export function createSecretDesk({ store, keyring, place, control, sources, runJob }: SecretDeskOptions): SecretDesk {
  return {
    view: async () => {
      const installation = await store.db.selectFrom('installation').selectAll().executeTakeFirstOrThrow();
      const keys = await store.db
        .selectFrom('sealing_key')
        .select(['id', 'state', 'created_at', 'retired_at'])
        .where('state', '<>', 'root')
        .orderBy('created_at')
        .orderBy('id')
        .execute();
      const { rows: outdated } = await store.pool.query(
        `select replica from sealing_replica
          where master_key_fingerprint <> $1 and seen_at > now() - interval '1 minute' order by replica limit 100`,
        [installation.master_key_fingerprint],
      );
      return {
        masterKey: {
          fingerprint: installation.master_key_fingerprint,
          changedAt: installation.master_key_changed_at,
          isOurs: place.isOurs,
          outdatedReplicas: outdated.map(({ replica }) => replica as string),
        },
        keys: keys.map(({ id, state, created_at, retired_at }) => ({
          id,
          state: state === 'active' ? 'active' : 'retiring',
          createdAt: created_at,
          retiredAt: retired_at,
        })),
        references: await control.references(),
      };
    },
    rotate: async author => {
      const id = await keyring.rotate(store, author);
      await runJob(resealJobName);
      return { id, job: resealJobName };
    },
    rotateMaster: async (newKey, author) => keyring.rotateMaster(store, nextKey(newKey, place, sources), author),
  };
}

function nextKey(reference: string | undefined, place: MasterKeyPlace, sources: ReferenceSources): string {
  if (reference === undefined) {
    if (place.isOurs) return randomBytes(32).toString('base64url');
    throw refusal('is needed where the master key was given: the server cannot put another in its place');
  }
  const found = resolveReference(reference, sources);
  if ('refusal' in found) throw refusal(found.refusal);
  const unfit = refuseSecret(found.value);
  if (unfit !== undefined) throw refusal(unfit);
  return found.value;
}

function refusal(message: string): ConfigurationError {
  return new ConfigurationError([{ path: 'body.newKey', code: 'configuration_invalid', message }], 'the request');
}
