import type { Command } from 'commander';
import type { KeyCommandParts } from './key-commands.ts';

interface SecretsAnswer {
  readonly masterKey: {
    readonly fingerprint: string;
    readonly changedAt: string | null;
    readonly isOurs: boolean;
    readonly outdatedReplicas: readonly string[];
  };
  readonly keys: readonly {
    readonly id: string;
    readonly state: string;
    readonly createdAt: string;
    readonly retiredAt: string | null;
  }[];
  readonly references: readonly {
    readonly usedBy: string;
    readonly reference: string;
    readonly problem: string | null;
    readonly isSame: boolean | null;
  }[];
}

interface JobAnswer {
  readonly name: string;
  readonly state: string;
  readonly progress: { readonly done: number; readonly note?: string } | null;
  readonly result: Readonly<Record<string, unknown>> | null;
  readonly error: string | null;
}

/** `carrier secrets`: under which keys stored secrets are sealed. */
export function addSecrets(program: Command, { surroundings, server, leaf, print, table }: KeyCommandParts): void {
  const { err } = surroundings;
  const secrets = program.command('secrets').description('Keys under which stored secrets are sealed').exitOverride();

  leaf(secrets, 'show', 'Keys, and whether references can be read; no secret', { isDefault: true }).action(
    async options => {
      const answer = (await server().get('/api/v1/secrets')) as SecretsAnswer;
      print(options, answer, () => showSecrets(answer, table));
    },
  );

  leaf(secrets, 'rotate', 'Seal under a new key, and everything stored anew in the background').action(
    async options => {
      const answer = (await server().post('/api/v1/secrets/rotate', {})) as { id: string; job: string };
      const { items } = (await server().get('/api/v1/jobs')) as { items: readonly JobAnswer[] };
      const job = items.find(({ name }) => name === answer.job);
      print(options, answer, () => `The key ${answer.id} seals from now on.\n`);
      if (options.json) return;
      err.write(
        `The job ${answer.job} (${job?.state ?? 'due'}) seals the rest anew; the key before ends 25 hours later at the earliest.\n`,
      );
    },
  );

  leaf(secrets, 'rotate-master', 'Replace the master key; starts need the new one from then on')
    .option(
      '--new-key <reference>',
      'where the server reads it: file:<path> or env:<name>; made by the server where it keeps the key itself',
    )
    .action(async options => {
      const body = { newKey: options.newKey };
      const answer = (await server().post('/api/v1/secrets/rotate-master', body)) as { before: string; after: string };
      print(
        options,
        answer,
        () => `The master key is another: ${answer.before.slice(0, 8)} is now ${answer.after.slice(0, 8)}.\n`,
      );
      if (options.json) return;
      const { masterKey } = (await server().get('/api/v1/secrets')) as SecretsAnswer;
      err.write(
        masterKey.isOurs
          ? 'It is in master.key of the data directory. Keep a copy apart from your backups.\n'
          : 'Replicas run on; each needs the new one as CARRIER_MASTER_KEY at its next start.\n',
      );
    });
}

function showSecrets({ masterKey, keys, references }: SecretsAnswer, table: KeyCommandParts['table']): string {
  const { fingerprint, changedAt, isOurs, outdatedReplicas } = masterKey;
  const lines = [
    `master key ${fingerprint.slice(0, 8)}, ${isOurs ? 'in master.key' : 'given'}, ${changedAt === null ? 'the first' : `since ${changedAt}`}`,
    ...(outdatedReplicas.length === 0 ? [] : [`start again with it: ${outdatedReplicas.join(', ')}`]),
  ];
  const shownKeys = table(
    keys,
    [
      { title: 'key', cell: key => key.id },
      { title: 'state', cell: key => key.state },
      { title: 'created', cell: key => key.createdAt },
      { title: 'retired', cell: key => key.retiredAt ?? '' },
    ],
    'No keys of its own: secrets are sealed under the master key. `carrier secrets rotate` makes one.',
  );
  const shownReferences = table(
    references,
    [
      { title: 'used by', cell: reference => reference.usedBy },
      { title: 'reference', cell: reference => reference.reference },
      {
        title: 'state',
        cell: ({ problem, isSame }) => problem ?? (isSame ? 'in use' : 'holds another secret than the one in use'),
      },
    ],
    'No references.',
  );
  return `${lines.join('\n')}\n\n${shownKeys}\n${shownReferences}`;
}
