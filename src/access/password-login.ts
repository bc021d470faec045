import { Fault } from '../completion/fault.ts';
import { type AccessContext, type Asking, tell } from './context.ts';
import { hashPassword, verifyPassword } from './password.ts';
import { takeCode } from './second-factor.ts';
import { beginSession, type Session } from './sessions.ts';
import { countAttempt, forgiveAttempts } from './throttle.ts';
import { endSessionsOf, normaliseEmail } from './users.ts';

export interface PasswordLogin {
  readonly email: string;
  readonly password: string;
  /** From the authenticator app, or a recovery code. */
  readonly code?: string | undefined;
}

/** Begins a session. Somebody unknown, disabled or without a password is answered as a wrong password is, after the same
 *  work. Throws Fault('login_failed' | 'code_required' | 'login_throttled' | 'login_busy' | 'login_way_closed'). */
export async function logIn(
  context: AccessContext,
  { email, password, code }: PasswordLogin,
  asking: Asking,
): Promise<{ readonly token: string; readonly session: Session }> {
  const { passwords } = await context.policy();
  if (!passwords) throw new Fault('login_way_closed');
  const attempt = { account: normaliseEmail(email), address: asking.address };
  await countAttempt(context, attempt);
  const user = await context.store.db
    .selectFrom('access_user')
    .select(['id', 'state', 'password_hash', 'totp_sealed'])
    .where('email', '=', attempt.account)
    .executeTakeFirst();
  const isRight = await verifyPassword(password, user?.password_hash ?? null);
  if (user === undefined || !isRight || user.state !== 'active') throw new Fault('login_failed');
  if (user.totp_sealed !== null) {
    // Asking for the code is no failure of anybody; guesses of it are, and stay counted.
    if (code === undefined) {
      await forgiveAttempts(context, attempt, 1);
      throw new Fault('code_required');
    }
    if (!(await takeCode(context, { user: user.id, sealed: user.totp_sealed, code }))) throw new Fault('login_failed');
  }
  await forgiveAttempts(context, attempt);
  const { id: userId } = user;
  return context.store.db.transaction().execute(async transaction => {
    // Read again under a lock: whoever was disabled, or changed the password, meanwhile is not let in by the old one.
    const now = await transaction
      .selectFrom('access_user')
      .select(['state', 'password_hash'])
      .where('id', '=', userId)
      .forUpdate()
      .executeTakeFirst();
    if (now?.state !== 'active' || now.password_hash !== user.password_hash) throw new Fault('login_failed');
    return beginSession(context, transaction, { userId, way: 'password' }, asking);
  });
}

/** Proves that whoever asks is still the one who logged in. Counts as a login does. */
export async function confirmPassword(
  context: AccessContext,
  { user, password, code }: { readonly user: string; readonly password: string; readonly code?: string | undefined },
  asking: Asking,
): Promise<void> {
  const row = await context.store.db
    .selectFrom('access_user')
    .select(['email', 'password_hash', 'totp_sealed'])
    .where('id', '=', user)
    .executeTakeFirst();
  const attempt = { account: row?.email ?? user, address: asking.address };
  await countAttempt(context, attempt);
  const isRight = await verifyPassword(password, row?.password_hash ?? null);
  if (!isRight || row === undefined) throw new Fault('login_failed');
  if (code !== undefined && row.totp_sealed !== null) {
    if (!(await takeCode(context, { user, sealed: row.totp_sealed, code }))) throw new Fault('login_failed');
  }
  await forgiveAttempts(context, attempt);
}

/** The code of somebody whose password was right; nothing where there is no second factor. */
export async function requireCode(context: AccessContext, user: string, code: string | undefined): Promise<void> {
  const row = await context.store.db
    .selectFrom('access_user')
    .select('totp_sealed')
    .where('id', '=', user)
    .executeTakeFirst();
  const sealed = row?.totp_sealed ?? null;
  if (sealed === null) return;
  if (code === undefined) throw new Fault('code_required');
  if (!(await takeCode(context, { user, sealed, code }))) throw new Fault('login_failed');
}

/** Every session ends, also the one that asks: whoever knew the old password is out. Throws Fault('login_failed' |
 *  'password_refused'). */
export async function changePassword(
  context: AccessContext,
  { user, current, next }: { readonly user: string; readonly current: string; readonly next: string },
  asking: Asking,
): Promise<void> {
  await confirmPassword(context, { user, password: current }, asking);
  const row = await context.store.db
    .selectFrom('access_user')
    .select(['email', 'name'])
    .where('id', '=', user)
    .executeTakeFirstOrThrow();
  const hash = await hashPassword(next, [row.email ?? '', row.name, current]);
  await context.store.db.transaction().execute(async transaction => {
    const changed = { password_hash: hash, password_at: new Date(context.nowMs()) };
    await transaction.updateTable('access_user').set(changed).where('id', '=', user).execute();
    await endSessionsOf(context, transaction, user);
    await tell(transaction, { asking, organisation: null, action: 'users.password', target: `user:${user}` });
  });
}
