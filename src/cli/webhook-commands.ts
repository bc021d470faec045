import { type Command, Option } from 'commander';
import type { KeyCommandParts } from './key-commands.ts';
import { CommandFailure, exitCodes } from './outcome.ts';

interface WebhookAnswer {
  readonly id: string;
  readonly organisation: string | null;
  readonly url: string;
  readonly events: readonly string[];
  readonly state: string;
  readonly failingSince: string | null;
  readonly previousUntil: string | null;
}

interface DeliveryAnswer {
  readonly id: string;
  readonly webhook: string;
  readonly kind: string;
  readonly state: string;
  readonly attempts: number;
  readonly createdAt: string;
  readonly dueAt: string | null;
  readonly status: number | null;
  readonly error: string | null;
}

/** `carrier webhooks`: whom notices are told to. */
export function addWebhooks(
  program: Command,
  { surroundings, server, leaf, print, table, readPages }: KeyCommandParts,
): void {
  const { err } = surroundings;
  const webhooks = program.command('webhooks').description('Who is told of what happens').exitOverride();
  const pathOf = (id: string, rest = '') => `/api/v1/webhooks/${encodeURIComponent(id)}${rest}`;

  leaf(webhooks, 'list', 'Webhooks, without their secrets', { isDefault: true })
    .option('--organisation <name>', 'of one organisation')
    .action(async options => {
      const items = await readPages<WebhookAnswer>('/api/v1/webhooks', { organisation: options.organisation });
      print(options, { items }, () => showWebhooks(items, table));
    });
  leaf(webhooks, 'create <url>', 'Create one and print its secret, which is shown only now')
    .option('--organisation <name>', 'whose it is; of the installation unless said')
    .option('--events <kinds>', 'what it is told of, with commas: key.rotated, key.* or *', '*')
    .option('--description <text>', 'for people', '')
    .action(async (url: string, options) => {
      const { organisation, description } = options;
      const body = { url, organisation, description, events: kindsOf(options.events) };
      const answer = (await server().post('/api/v1/webhooks', body)) as WebhookAnswer & { secret: string };
      print(options, answer, () => `${answer.secret}\n`);
      if (!options.json) err.write(`${answer.id} is told from now on. The secret is not shown again.\n`);
    });
  leaf(webhooks, 'change <id>', 'Change an address or events, pause it, or switch it on again')
    .option('--url <url>', 'another address')
    .option('--events <kinds>', 'other events, with commas')
    .option('--description <text>', 'for people')
    .addOption(new Option('--state <state>', 'whether it is told').choices(['active', 'paused']))
    .action(async (id: string, options) => {
      const { url, description, state, events } = options;
      const body = { url, description, state, ...(events === undefined ? {} : { events: kindsOf(events) }) };
      const answer = (await server().patch(pathOf(id), body)) as WebhookAnswer;
      print(options, answer, () => showWebhooks([answer], table));
    });
  leaf(webhooks, 'remove <id>', 'Remove one with what waits for it').action(async (id: string, options) => {
    const answer = (await server().delete(pathOf(id))) as WebhookAnswer;
    print(options, answer, () => `Removed ${answer.url}.\n`);
  });
  leaf(webhooks, 'rotate <id>', 'Give one another secret and print it, which is shown only now')
    .option('--overlap <seconds>', 'how long the secret of before signs, too', '86400')
    .action(async (id: string, options) => {
      if (!/^\d{1,6}$/.test(options.overlap)) {
        throw new CommandFailure(exitCodes.usage, 'usage', '--overlap is a number of seconds.');
      }
      const body = { overlapSeconds: Number(options.overlap) };
      const answer = (await server().post(pathOf(id, '/rotate'), body)) as WebhookAnswer & { secret: string };
      print(options, answer, () => `${answer.secret}\n`);
      if (options.json) return;
      const { previousUntil } = answer;
      err.write(
        previousUntil === null ? 'It alone signs.\n' : `The secret of before signs, too, until ${previousUntil}.\n`,
      );
    });
  leaf(webhooks, 'test <id>', 'Send a test now, and say how it went').action(async (id: string, options) => {
    const answer = (await server().post(pathOf(id, '/test'), {})) as DeliveryAnswer;
    print(options, answer, () => (answer.state === 'delivered' ? `Delivered: status ${answer.status}.\n` : ''));
    if (answer.state === 'delivered') return;
    throw new CommandFailure(exitCodes.failedCheck, 'webhook_not_delivered', `Not delivered: ${answer.error}.`);
  });
  leaf(webhooks, 'deliveries', 'What was told, and what waits, newest first')
    .option('--webhook <id>', 'to one')
    .addOption(new Option('--state <state>', 'in one state').choices(['waiting', 'delivered', 'failed', 'given-up']))
    .option('--limit <number>', 'how many', '50')
    .action(async options => {
      const { webhook, state, limit } = options;
      const answer = (await server().get('/api/v1/webhook-deliveries', { webhook, state, limit })) as {
        items: readonly DeliveryAnswer[];
      };
      print(options, answer, () => showDeliveries(answer.items, table));
    });
  leaf(webhooks, 'redeliver <id>', 'Tell a delivery again, under the same id').action(async (id: string, options) => {
    const path = `/api/v1/webhook-deliveries/${encodeURIComponent(id)}/redeliver`;
    const answer = (await server().post(path, {})) as DeliveryAnswer;
    print(options, answer, () => `${answer.id} is sent again within seconds.\n`);
  });
}

function kindsOf(text: string): readonly string[] {
  return text.split(',').map(kind => kind.trim());
}

function showWebhooks(items: readonly WebhookAnswer[], table: KeyCommandParts['table']): string {
  return table(
    items,
    [
      { title: 'id', cell: ({ id }) => id },
      { title: 'organisation', cell: ({ organisation }) => organisation ?? '(installation)' },
      { title: 'url', cell: ({ url }) => url },
      { title: 'events', cell: ({ events }) => events.join(', ') },
      {
        title: 'state',
        cell: ({ state, failingSince }) => (failingSince === null ? state : `${state}, failing since ${failingSince}`),
      },
    ],
    'No webhooks.',
  );
}

function showDeliveries(items: readonly DeliveryAnswer[], table: KeyCommandParts['table']): string {
  return table(
    items,
    [
      { title: 'id', cell: ({ id }) => id },
      { title: 'at', cell: ({ createdAt }) => createdAt },
      { title: 'webhook', cell: ({ webhook }) => webhook },
      { title: 'event', cell: ({ kind }) => kind },
      { title: 'state', cell: ({ state, dueAt }) => (dueAt === null ? state : `${state} until ${dueAt}`) },
      { title: 'attempts', cell: ({ attempts }) => String(attempts), right: true },
      { title: 'last', cell: ({ status, error }) => error ?? (status === null ? '' : String(status)) },
    ],
    'No deliveries.',
  );
}
