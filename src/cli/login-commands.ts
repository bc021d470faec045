import type { Command } from 'commander';
import type { KeyCommandParts } from './key-commands.ts';
import { forgetLogin, keepLogin } from './logins.ts';
import { CommandFailure, exitCodes } from './outcome.ts';
import { serverUrl } from './server.ts';

interface GrantAnswer {
  readonly role: string;
  readonly organisation?: string;
  readonly projects?: readonly string[];
  readonly providers?: readonly string[];
}

interface WhoAnswer {
  readonly actor: { readonly kind: string; readonly id: string; readonly name: string };
  readonly grants: readonly GrantAnswer[];
  readonly session: { readonly expiresAt: string } | null;
}

/** `carrier login|logout|whoami` and what people do about their own account. */
export function addLogin(
  program: Command,
  { surroundings, server, leaf, print }: Pick<KeyCommandParts, 'surroundings' | 'server' | 'leaf' | 'print'>,
): void {
  const { environment, err, out } = surroundings;

  leaf(program, 'login', 'Log in with address and password; the token is kept in a file that only you can read')
    .requiredOption('--email <address>', 'yours')
    .option('--password-file <path>', 'read the password from a file instead of asking; - reads standard input')
    .option('--code <code>', 'of the authenticator app, or a recovery code; asked for where it is needed')
    .action(async options => {
      const { email, code } = options;
      const password = await secret(options.passwordFile, 'Password: ');
      const begun = await logIn({ email, password, code });
      const url = serverUrl(environment);
      const path = keepLogin(environment, url, begun);
      const { expiresAt } = begun;
      print(options, { email, server: url, expiresAt }, () => `Logged in as ${email} until ${expiresAt}.\n`);
      if (!options.json) err.write(`The token is in ${path}.\n`);
    });

  leaf(program, 'logout', 'End the login of this machine').action(async options => {
    const answer = await server().delete('/api/v1/session');
    forgetLogin(environment, serverUrl(environment));
    print(options, answer, () => 'Logged out.\n');
  });

  leaf(program, 'whoami', 'Who you are to the server, and which roles you have').action(async options => {
    const who = (await server().get('/api/v1/session')) as WhoAnswer;
    print(options, who, ({ actor, grants, session }) => {
      const until = session === null ? '' : `, until ${session.expiresAt}`;
      const name = actor.kind === 'admin-key' ? 'the admin key' : `${actor.kind} ${actor.name} (${actor.id})`;
      const roles = grants.map(grant => `  ${describeGrant(grant)}\n`).join('');
      return `${name}${until}\n${roles === '' ? '  no role\n' : roles}`;
    });
  });

  const account = program.command('account').description('Your own account').exitOverride();
  leaf(account, 'password', 'Choose another password; every login ends')
    .option('--password-file <path>', 'two lines, the old and the new one; - reads standard input')
    .action(async options => {
      const [current, next] =
        options.passwordFile === undefined
          ? [await secret(undefined, 'Password until now: '), await secret(undefined, 'New password: ')]
          : surroundings.readText(options.passwordFile).split('\n');
      const answer = await server().post('/api/v1/account/password', { current, next });
      forgetLogin(environment, serverUrl(environment));
      print(options, answer, () => 'Changed. Log in again.\n');
    });
  leaf(account, 'totp', 'Add a second factor: shows its secret, asks for the first code, prints the recovery codes')
    .option('--password-file <path>', 'read the password from a file instead of asking; - reads standard input')
    .action(async options => {
      const password = await secret(options.passwordFile, 'Password: ');
      const begun = (await server().post('/api/v1/account/totp', { password })) as Record<
        'uri' | 'secret' | 'setUp',
        string
      >;
      err.write(`Add this to your authenticator app:\n  ${begun.uri}\n`);
      const code = await ask('Code: ');
      const body = { setUp: begun.setUp, code };
      const answer = (await server().post('/api/v1/account/totp/confirm', body)) as {
        recoveryCodes: readonly string[];
      };
      print(options, answer, ({ recoveryCodes }) => `${recoveryCodes.join('\n')}\n`);
      if (!options.json) err.write('Keep these recovery codes; each works once, and they are not shown again.\n');
    });
  leaf(account, 'accept', 'Take an invitation, or choose a new password after a reset')
    .option('--token-file <path>', 'read the invitation from a file instead of asking; - reads standard input')
    .option('--name <name>', 'how you are called, if you are new')
    .option('--password-file <path>', 'read the password from a file instead of asking; - reads standard input')
    .option('--code <code>', 'if you are here already and have a second factor')
    .action(async options => {
      const { name, code } = options;
      const token = (await secret(options.tokenFile, 'Invitation: ')).trim();
      const password = await secret(options.passwordFile, 'Password: ');
      const answer = await server().post('/api/v1/invitations/accept', { token, password, name, code });
      print(options, answer, () => 'Done. Log in with `carrier login --email <address>`.\n');
    });

  async function logIn(login: { readonly email: string; readonly password: string; readonly code?: string }) {
    type Begun = { readonly token: string; readonly expiresAt: string };
    try {
      return (await server().post('/api/v1/login', login)) as Begun;
    } catch (error) {
      const needsCode = error instanceof CommandFailure && error.code === 'code_required' && out.isTerminal;
      if (!needsCode) throw error;
      return (await server().post('/api/v1/login', { ...login, code: await ask('Code: ') })) as Begun;
    }
  }

  async function secret(path: string | undefined, question: string): Promise<string> {
    return path === undefined ? ask(question) : surroundings.readText(path).replace(/\r?\n$/, '');
  }

  function ask(question: string): Promise<string> {
    if (surroundings.askSecret !== undefined) return surroundings.askSecret(question);
    throw new CommandFailure(exitCodes.usage, 'usage', 'There is nobody to ask here; give --password-file.');
  }
}

/** `developer of acme/web, acme/api`, `operator of the installation`. */
export function describeGrant({ role, organisation, projects, providers }: GrantAnswer): string {
  if (providers !== undefined) return `${role} of ${providers.join(', ')}`;
  if (organisation === undefined) return `${role} of the installation`;
  const places = projects?.map(project => `${organisation}/${project}`) ?? [organisation];
  return `${role} of ${places.join(', ')}`;
}
