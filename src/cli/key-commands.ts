import type { Command, CommandOptions } from 'commander';
import { revokeLocally } from '../control/local-revocation.ts';
import type { KeyAnswer } from './answers.ts';
import { showKeys, type TableOf } from './listings.ts';
import { CommandFailure, exitCodes } from './outcome.ts';
import { dataDirectory, type Server } from './server.ts';
import type { Surroundings } from './surroundings.ts';

export interface KeyCommandParts {
  readonly surroundings: Surroundings;
  readonly server: () => Server;
  readonly leaf: (parent: Command, words: string, description: string, options?: CommandOptions) => Command;
  readonly print: <Answer>(options: { json: boolean }, answer: Answer, text: (answer: Answer) => string) => void;
  readonly table: TableOf;
  readonly readPages: <Item>(path: string, query?: Readonly<Record<string, string | undefined>>) => Promise<Item[]>;
}

const keyWords = 'by id or as organisation/project/name';

/** `carrier keys create|list|show|change|rotate|revoke`. */
export function addKeys(
  program: Command,
  { surroundings, server, leaf, print, table, readPages }: KeyCommandParts,
): void {
  const { err } = surroundings;
  const keys = program.command('keys').description('Keys of clients').exitOverride();

  leaf(keys, 'create', 'Create a key and print its secret, which is shown only now')
    .requiredOption('--project <organisation/project>', 'whose key it is')
    .requiredOption('--name <name>', 'its name in the project')
    .option('--expires-at <instant>', 'when it ends to be accepted, such as 2027-01-01T00:00:00Z')
    .option('--address <network>', 'may be used from this address or network only; may be repeated', gather, [])
    .option('--origin <origin>', 'may be used from pages of this web origin only; may be repeated', gather, [])
    .option('--tag <name=value>', 'put on each of its requests and told apart in usage; may be repeated', gather, [])
    .option('--allow <pattern>', 'may ask for these models and routes only; may be repeated', gather, [])
    .option('--sigv4', 'may sign as AWS SDKs do; its secret is then kept encrypted, not as a digest alone', false)
    .option('--set <json>', 'further fields, as a declarative file says them of a key')
    .action(async options => {
      const { project, name } = options;
      const key = (await server().post('/api/v1/keys', {
        ...readFields(options.set),
        ...fieldsOf(options),
        project,
        name,
      })) as KeyAnswer & { secret?: string };
      if (key.secret === undefined) {
        print(options, key, () => `Key ${key.id} of ${key.project} has the secret that was imported.\n`);
        return;
      }
      print(options, key, () => `${key.secret}\n`);
      if (options.json) return;
      err.write(`Key ${key.id} of ${key.project}. The secret above is not shown again.\n`);
      if (key.sigv4 === true) {
        err.write(`To sign: AWS_ACCESS_KEY_ID=${key.id}, and the secret as AWS_SECRET_ACCESS_KEY.\n`);
      }
    });

  leaf(keys, 'list', 'List keys, without their secrets')
    .option('--project <organisation/project>', 'of one project')
    .action(async options => {
      const items = await readPages<KeyAnswer>('/api/v1/keys', { project: options.project });
      print(options, { items }, () => showKeys(items, table));
    });

  leaf(keys, 'show <key>', `What a key may do, ${keyWords}`).action(async (key: string, options) => {
    const answer = (await server().get(pathOf(key))) as KeyAnswer;
    print(options, answer, showKey);
  });

  leaf(keys, 'change <key>', `Change what a key may do, ${keyWords}`)
    .requiredOption(
      '--set <json>',
      'fields as a declarative file says them of a key; null takes one back to its default',
    )
    .action(async (key: string, options) => {
      const answer = (await server().patch(pathOf(key), readFields(options.set))) as KeyAnswer;
      print(options, answer, showKey);
    });

  leaf(keys, 'rotate <key>', `Give a key a new secret and print it, ${keyWords}; it is shown only now`)
    .option(
      '--overlap <time>',
      'how long secrets from before are good, such as 30m, 24h or 7d; 0s ends them now',
      '24h',
    )
    .action(async (key: string, options) => {
      const overlapSeconds = readSeconds(options.overlap);
      const answer = (await server().post(`${pathOf(key)}/rotate`, { overlapSeconds })) as KeyAnswer & {
        readonly secret: string;
        readonly notices: readonly string[];
      };
      print(options, answer, () => `${answer.secret}\n`);
      if (options.json) return;
      const [until] = answer.previousUntil ?? [];
      const before = until === undefined ? 'is refused from now on' : `is good until ${until}`;
      err.write(
        `Key ${answer.id} of ${answer.project}: the secret before ${before}. The one above is not shown again.\n`,
      );
      for (const notice of answer.notices) err.write(`Note: ${notice}\n`);
    });

  leaf(keys, 'revoke <key>', 'Revoke a key for good, by id or as organisation/project/name')
    .option('--local', 'through the data directory of this machine; works with the database down', false)
    .action(async (key: string, options) => {
      if (options.local) {
        const id = /^(?:cck_)?([0-9A-Za-z]{8})(?:_.*)?$/.exec(key)?.[1];
        if (id === undefined) throw usage('--local needs the 8 characters of the key, cck_<these>_…');
        revokeLocally(dataDirectory(surroundings.environment), id);
        const answer = { id, revoked: true, local: true };
        print(
          options,
          answer,
          () => `Key ${id} is refused by this machine within a second, and revoked when the database is back.\n`,
        );
        return;
      }
      const answer = (await server().delete(pathOf(key))) as KeyAnswer;
      print(options, answer, () => `Revoked ${answer.id} (${answer.project}/${answer.name}).\n`);
    });
}

interface FieldOptions {
  readonly expiresAt?: string;
  readonly address: readonly string[];
  readonly origin: readonly string[];
  readonly tag: readonly string[];
  readonly allow: readonly string[];
  readonly sigv4: boolean;
}

function fieldsOf({ expiresAt, address, origin, tag, allow, sigv4 }: FieldOptions): Record<string, unknown> {
  const tags = tag.map(pair => {
    const [, name, value] = /^([^=]+)=(.+)$/s.exec(pair) ?? [];
    if (name === undefined || value === undefined) throw usage(`--tag must be name=value, not ${pair}`);
    return [name, value] as const;
  });
  return {
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(address.length === 0 ? {} : { addresses: address }),
    ...(origin.length === 0 ? {} : { origins: origin }),
    ...(tags.length === 0 ? {} : { tags: Object.fromEntries(tags) }),
    ...(allow.length === 0 ? {} : { allow }),
    ...(sigv4 ? { sigv4 } : {}),
  };
}

function readFields(text: string | undefined): Record<string, unknown> {
  if (text === undefined) return {};
  let fields: unknown;
  try {
    fields = JSON.parse(text);
  } catch {
    throw usage('--set must be a JSON object such as {"allow":["openai/*"]}');
  }
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields))
    throw usage('--set must be a JSON object');
  return { ...fields };
}

const secondsOf = { s: 1, m: 60, h: 3_600, d: 86_400 } as const;

function readSeconds(text: string): number {
  const [, count, unit] = /^(\d{1,7})([smhd])$/.exec(text) ?? [];
  if (count === undefined) throw usage(`--overlap must be a time such as 30m, 24h or 7d, not ${text}`);
  return Number(count) * secondsOf[unit as keyof typeof secondsOf]; // true: the expression lets no other through
}

function showKey(key: KeyAnswer): string {
  const lines = [
    `Key ${key.id}, ${key.project}/${key.name}: ${key.state}`,
    ...(key.createdAt === null || key.createdAt === undefined ? [] : [`created ${key.createdAt}`]),
    ...(key.previousUntil ?? []).map(until => `an earlier secret is good until ${until}`),
    ...Object.entries(key.document ?? {}).map(([name, value]) => `${name} ${JSON.stringify(value)}`),
  ];
  return `${lines.join('\n  ')}\n`;
}

function pathOf(key: string): string {
  return `/api/v1/keys/${encodeURIComponent(key)}`;
}

function gather(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

function usage(message: string): CommandFailure {
  return new CommandFailure(exitCodes.usage, 'usage', message);
}
