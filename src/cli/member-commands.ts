import { type Command, Option } from 'commander';
import { type Role, roles } from '../access/permissions.ts';
import type { KeyCommandParts } from './key-commands.ts';
import { describeGrant } from './login-commands.ts';
import { CommandFailure, exitCodes } from './outcome.ts';

interface Written {
  readonly role: Role;
  readonly organisation?: string;
  readonly projects?: readonly string[];
  readonly providers?: readonly string[];
}

interface UserAnswer {
  readonly id: string;
  readonly email: string | null;
  readonly name: string;
  readonly state: string;
  readonly hasPassword: boolean;
  readonly hasTotp: boolean;
  readonly issuer: string | null;
}

interface MemberAnswer {
  readonly id: string;
  readonly user: string | null;
  readonly serviceAccount: string | null;
  readonly name: string;
  readonly grant: Written;
  readonly grantedBy: string;
}

interface InvitationAnswer {
  readonly id: string;
  readonly email: string;
  readonly grant: Written;
  readonly invitedBy: string;
  readonly expiresAt: string;
}

interface AccountAnswer {
  readonly id: string;
  readonly name: string;
  readonly organisation: string | null;
  readonly state: string;
  readonly tokens: readonly { readonly id: string; readonly expiresAt: string; readonly revokedAt: string | null }[];
}

/** `carrier users|members|invitations|service-accounts`: who may what. */
export function addMembers(
  program: Command,
  { surroundings, server, leaf, print, table, readPages }: KeyCommandParts,
): void {
  const { err } = surroundings;
  const group = (name: string, description: string) => program.command(name).description(description).exitOverride();
  const id = encodeURIComponent;

  const users = group('users', 'People who can log in');
  leaf(users, 'list', 'Users of the installation', { isDefault: true }).action(async options => {
    const items = await readPages<UserAnswer>('/api/v1/users');
    print(options, { items }, () => showUsers(items));
  });
  for (const [verb, description, said] of [
    ['disable', 'Let a user in no more; their logins end, their roles stay', 'may not log in any more'],
    ['enable', 'Let a user in again, with the roles they had', 'may log in again'],
  ] as const) {
    leaf(users, `${verb} <id>`, description).action(async (user: string, options) => {
      const answer = (await server().post(`/api/v1/users/${id(user)}/${verb}`, {})) as UserAnswer;
      print(options, answer, () => `${answer.email ?? answer.name} ${said}.\n`);
    });
  }
  leaf(users, 'end-sessions <id>', 'End every login of a user').action(async (user: string, options) => {
    const answer = (await server().post(`/api/v1/users/${id(user)}/end-sessions`, {})) as { ended: number };
    print(options, answer, () => `${answer.ended} ended.\n`);
  });
  leaf(
    users,
    'reset <id>',
    'Print a token with which a user chooses a new password once; the second factor goes',
  ).action(async (user: string, options) => {
    const answer = (await server().post(`/api/v1/users/${id(user)}/reset`, {})) as { token: string; expiresAt: string };
    print(options, answer, () => `${answer.token}\n`);
    if (!options.json) err.write(`Until ${answer.expiresAt}: \`carrier account accept\`. Not shown again.\n`);
  });

  const members = group('members', 'Roles that people and service accounts have');
  leaf(members, 'list', 'Who has which role', { isDefault: true })
    .option('--organisation <name>', 'of one organisation')
    .action(async options => {
      const items = await readPages<MemberAnswer>('/api/v1/members', { organisation: options.organisation });
      print(options, { items }, () => showMembers(items));
    });
  withRole(leaf(members, 'add', 'Give a role to somebody who is here; others are invited'))
    .option('--user <id>', 'a user')
    .option('--service-account <id>', 'or a service account')
    .action(async options => {
      const { user, serviceAccount } = options;
      const body = { user, serviceAccount, ...readRole(options) };
      const answer = (await server().post('/api/v1/members', body)) as MemberAnswer;
      print(options, answer, () => `${answer.name} is ${describeGrant(answer.grant)} (${answer.id}).\n`);
    });
  leaf(members, 'remove <id>', 'Take a role away, by the id of the list').action(async (member: string, options) => {
    const answer = (await server().delete(`/api/v1/members/${id(member)}`)) as MemberAnswer;
    print(options, answer, () => `${answer.name} is no longer ${describeGrant(answer.grant)}.\n`);
  });

  const invitations = group('invitations', 'Roles that wait for their person');
  leaf(invitations, 'list', 'Open invitations, without their tokens', { isDefault: true })
    .option('--organisation <name>', 'of one organisation')
    .action(async options => {
      const items = await readPages<InvitationAnswer>('/api/v1/invitations', { organisation: options.organisation });
      print(options, { items }, () => showInvitations(items));
    });
  withRole(leaf(invitations, 'create', 'Invite somebody to a role; prints the token, which is shown only now'))
    .requiredOption('--email <address>', 'theirs')
    .option('--days <number>', 'how long it is open', '7')
    .action(async options => {
      const body = { email: options.email, days: wholeNumber(options.days, '--days'), ...readRole(options) };
      const answer = (await server().post('/api/v1/invitations', body)) as InvitationAnswer & { token: string };
      print(options, answer, () => `${answer.token}\n`);
      if (options.json) return;
      err.write(`${answer.email}, until ${answer.expiresAt}: \`carrier account accept\`. Not shown again.\n`);
    });
  leaf(invitations, 'withdraw <id>', 'Withdraw an open invitation').action(async (invitation: string, options) => {
    const answer = (await server().delete(`/api/v1/invitations/${id(invitation)}`)) as InvitationAnswer;
    print(options, answer, () => `The invitation of ${answer.email} is withdrawn.\n`);
  });

  const accounts = group('service-accounts', 'Programs that call the management API');
  leaf(accounts, 'list', 'Service accounts and their tokens, without secrets', { isDefault: true })
    .option('--organisation <name>', 'of one organisation')
    .action(async options => {
      const items = await readPages<AccountAnswer>('/api/v1/service-accounts', { organisation: options.organisation });
      print(options, { items }, () => showAccounts(items));
    });
  leaf(accounts, 'create <name>', 'Create one; give it a role with `members add`, then a token')
    .option('--organisation <name>', 'whose it is; of the installation unless said')
    .action(async (name: string, options) => {
      const body = { name, organisation: options.organisation };
      const answer = (await server().post('/api/v1/service-accounts', body)) as AccountAnswer;
      print(options, answer, () => `${answer.id}\n`);
    });
  leaf(accounts, 'remove <id>', 'Remove one with its tokens and roles').action(async (account: string, options) => {
    const answer = (await server().delete(`/api/v1/service-accounts/${id(account)}`)) as AccountAnswer;
    print(options, answer, () => `Removed ${answer.name}.\n`);
  });
  leaf(accounts, 'token <id>', 'Create a token and print it, which is shown only now')
    .option('--days <number>', 'how long it is valid', '90')
    .action(async (account: string, options) => {
      const body = { days: wholeNumber(options.days, '--days') };
      const path = `/api/v1/service-accounts/${id(account)}/tokens`;
      const answer = (await server().post(path, body)) as { id: string; token: string; expiresAt: string };
      print(options, answer, () => `${answer.token}\n`);
      if (!options.json) err.write(`Token ${answer.id}, until ${answer.expiresAt}. It is not shown again.\n`);
    });
  leaf(accounts, 'revoke <token>', 'Revoke a token, by the 8 characters of its id').action(
    async (token: string, options) => {
      const short = /^(?:cca_)?([0-9A-Za-z]{8})(?:_.*)?$/.exec(token)?.[1];
      if (short === undefined) throw usage('A token is named by its 8 characters, cca_<these>_….');
      const answer = await server().delete(`/api/v1/service-account-tokens/${short}`);
      print(options, answer, () => `Revoked ${short}.\n`);
    },
  );

  function showUsers(items: readonly UserAnswer[]): string {
    return table(
      items,
      [
        { title: 'id', cell: user => user.id },
        { title: 'address', cell: user => user.email ?? '' },
        { title: 'name', cell: user => user.name },
        { title: 'state', cell: user => user.state },
        { title: 'logs in by', cell: waysOf },
      ],
      'No users. Invite one with `carrier invitations create`.',
    );
  }

  function showMembers(items: readonly MemberAnswer[]): string {
    return table(
      items,
      [
        { title: 'id', cell: member => member.id },
        { title: 'who', cell: member => member.name },
        { title: 'of kind', cell: member => (member.user === null ? 'service account' : 'user') },
        { title: 'is', cell: member => describeGrant(member.grant) },
        { title: 'by', cell: member => member.grantedBy },
      ],
      'Nobody has a role.',
    );
  }

  function showInvitations(items: readonly InvitationAnswer[]): string {
    return table(
      items,
      [
        { title: 'id', cell: invitation => invitation.id },
        { title: 'address', cell: invitation => invitation.email },
        { title: 'to be', cell: invitation => describeGrant(invitation.grant) },
        { title: 'by', cell: invitation => invitation.invitedBy },
        { title: 'until', cell: invitation => invitation.expiresAt },
      ],
      'No invitation is open.',
    );
  }

  function showAccounts(items: readonly AccountAnswer[]): string {
    return table(
      items,
      [
        { title: 'id', cell: account => account.id },
        { title: 'name', cell: account => account.name },
        { title: 'of', cell: account => account.organisation ?? 'the installation' },
        { title: 'tokens', cell: account => account.tokens.map(tokenWords).join('; ') },
      ],
      'No service accounts.',
    );
  }
}

function withRole(command: Command): Command {
  return command
    .addOption(
      new Option('--role <role>', 'docs/reference/permissions.md says what each may do')
        .choices(roles)
        .makeOptionMandatory(),
    )
    .option('--organisation <name>', 'of roles in an organisation')
    .option('--project <name>', 'only this project of it; may be repeated', gather, [])
    .option('--provider <name>', 'of the role provider: this provider account; may be repeated', gather, []);
}

function readRole(options: {
  readonly role: Role;
  readonly organisation?: string;
  readonly project: readonly string[];
  readonly provider: readonly string[];
}): Written {
  const { role, organisation, project, provider } = options;
  return {
    role,
    ...(organisation === undefined ? {} : { organisation }),
    ...(project.length === 0 ? {} : { projects: project }),
    ...(provider.length === 0 ? {} : { providers: provider }),
  };
}

function waysOf({ hasPassword, hasTotp, issuer }: UserAnswer): string {
  const password = hasPassword ? [hasTotp ? 'password and code' : 'password'] : [];
  return [...password, ...(issuer === null ? [] : [issuer])].join(', ');
}

function tokenWords({ id, expiresAt, revokedAt }: AccountAnswer['tokens'][number]): string {
  return revokedAt === null ? `${id} until ${expiresAt}` : `${id} revoked`;
}

function gather(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

function wholeNumber(text: string, flag: string): number {
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw usage(`${flag} must be a whole number.`);
}

function usage(message: string): CommandFailure {
  return new CommandFailure(exitCodes.usage, 'usage', message);
}
