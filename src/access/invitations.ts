import { Fault } from '../completion/fault.ts';
import type { Grant, Reach } from './caller.ts';
import { type AccessContext, type AccessTransaction, type Asking, tell } from './context.ts';
import { fromColumns, organisationOfGrant, toColumns, writtenGrant } from './grants.ts';
import { addMembership, inReach } from './memberships.ts';
import { hashPassword, verifyPassword } from './password.ts';
import { countAttempt, forgiveAttempts } from './throttle.ts';
import { mintToken, readToken } from './tokens.ts';
import { addUser, endSessionsOf, findUser, normaliseEmail } from './users.ts';

/** A role that waits for its person: taken once, by whoever has its token, or by an OIDC login of the same verified
 *  address. A reset is one without a role, for a user who is here already. */
export interface Invitation {
  readonly id: string;
  readonly email: string;
  readonly grant: Grant;
  readonly invitedBy: string;
  readonly createdAt: Date;
  readonly expiresAt: Date;
}

export const invitationDaysMax = 30;
export const invitationDaysDefault = 7;
/** A reset opens an account: it does not lie about for long. */
const resetMs = 24 * 3_600_000;
/** Open invitations of one installation; beyond that somebody sends them in a loop. */
const openMax = 10_000;

/** The token is in the answer and nowhere else. */
export async function invite(
  context: AccessContext,
  { email, grant, days }: { readonly email: string; readonly grant: Grant; readonly days: number },
  asking: Asking,
): Promise<{ readonly token: string; readonly invitation: Invitation }> {
  const token = mintToken('cci');
  const now = new Date(context.nowMs());
  const invitation: Invitation = {
    id: token.id,
    email: normaliseEmail(email),
    grant,
    invitedBy: asking.actor,
    createdAt: now,
    expiresAt: new Date(now.getTime() + days * 86_400_000),
  };
  await context.store.db.transaction().execute(async transaction => {
    await refuseTooMany(transaction, now);
    await transaction
      .insertInto('access_invitation')
      .values({
        ...rowOf(context, token.text, invitation),
        ...toColumns(grant),
        purpose: 'join',
      })
      .execute();
    const after = { email: invitation.email, ...writtenGrant(grant) };
    const target = `invitation:${token.id}`;
    await tell(transaction, {
      asking,
      organisation: organisationOfGrant(grant),
      action: 'members.invite',
      target,
      after,
    });
  });
  return { token: token.text, invitation };
}

/** Lets a user choose a new password once; the second factor goes with the old one. Throws Fault('resource_not_found'). */
export async function beginReset(
  context: AccessContext,
  userId: string,
  asking: Asking,
): Promise<{ readonly token: string; readonly expiresAt: Date }> {
  const user = await findUser(context, userId);
  if (user === undefined) throw new Fault('resource_not_found');
  if (user.email === null) throw new Fault('access_conflict', 'This user logs in by the login provider only.');
  const { email } = user;
  const token = mintToken('cci');
  const now = new Date(context.nowMs());
  const expiresAt = new Date(now.getTime() + resetMs);
  await context.store.db.transaction().execute(async transaction => {
    const row = rowOf(context, token.text, { id: token.id, email, invitedBy: asking.actor, createdAt: now, expiresAt });
    const nowhere = { role: null, place: null, organisation: null, projects: null, providers: null };
    await transaction
      .updateTable('access_invitation')
      .set({ revoked_at: now })
      .where('email', '=', email)
      .where('purpose', '=', 'reset')
      .where('used_at', 'is', null)
      .where('revoked_at', 'is', null)
      .execute();
    await transaction
      .insertInto('access_invitation')
      .values({ ...row, ...nowhere, purpose: 'reset' })
      .execute();
    await tell(transaction, { asking, organisation: null, action: 'users.reset', target: `user:${userId}` });
  });
  return { token: token.text, expiresAt };
}

export interface Acceptance {
  readonly token: string;
  readonly password: string;
  /** Of somebody who is new here; the address's first part unless said. */
  readonly name?: string | undefined;
  /** Of somebody who is here already and has a second factor. */
  readonly checkCode: (userId: string) => Promise<void>;
}

/** Makes the user, or proves to be the one who is here already, and gives the role: all or nothing. Throws
 *  Fault('invitation_invalid' | 'login_failed' | 'login_throttled' | 'password_refused' | 'login_way_closed'). */
export async function acceptInvitation(
  context: AccessContext,
  { token, password, name, checkCode }: Acceptance,
  asking: Asking,
): Promise<{ readonly userId: string; readonly purpose: 'join' | 'reset' }> {
  const { passwords } = await context.policy();
  if (!passwords)
    throw new Fault('login_way_closed', 'Invitations are accepted by logging in with the login provider.');
  if (readToken(token)?.kind !== 'cci') throw new Fault('invitation_invalid');
  const digest = context.secrets.digest(token);
  const open = await openInvitation(context, digest);
  const known = await context.store.db
    .selectFrom('access_user')
    .select(['id', 'password_hash', 'state'])
    .where('email', '=', open.email)
    .executeTakeFirst();
  if (known !== undefined && open.purpose === 'join') {
    // Whoever has the link is not yet whoever has the account.
    const attempt = { account: open.email, address: asking.address };
    await countAttempt(context, attempt);
    const isRight = await verifyPassword(password, known.password_hash);
    if (!isRight || known.state !== 'active') throw new Fault('login_failed');
    await checkCode(known.id);
    await forgiveAttempts(context, attempt);
  }
  if (known === undefined && open.purpose === 'reset') throw new Fault('invitation_invalid');
  const needsHash = known === undefined || open.purpose === 'reset';
  const passwordHash = needsHash ? await hashPassword(password, [open.email, name ?? '']) : null;
  return context.store.db.transaction().execute(async transaction => {
    const taken = await takeInvitation(context, transaction, open.id);
    const userId =
      known?.id ??
      (await addUser(
        context,
        transaction,
        { email: open.email, name: name ?? nameOf(open.email), passwordHash },
        asking,
      ));
    const self = { ...asking, actor: `user:${userId}` };
    if (open.purpose === 'reset') {
      await transaction
        .updateTable('access_user')
        .set({ password_hash: passwordHash, password_at: new Date(context.nowMs()), totp_sealed: null, totp_step: 0n })
        .where('id', '=', userId)
        .execute();
      await transaction.deleteFrom('access_recovery_code').where('user_id', '=', userId).execute();
      await endSessionsOf(context, transaction, userId);
      const target = `user:${userId}`;
      await tell(transaction, { asking: self, organisation: null, action: 'users.password', target });
    } else if (taken !== undefined) {
      await addMembership(transaction, { member: { user: userId }, grant: taken }, { ...self, actor: open.invitedBy });
    }
    return { userId, purpose: open.purpose };
  });
}

/** All that wait for this address, for a login that proves it is theirs. Returns how many roles were given. */
export async function acceptByAddress(
  context: AccessContext,
  transaction: AccessTransaction,
  { email, userId }: { readonly email: string; readonly userId: string },
  asking: Asking,
): Promise<number> {
  const rows = await openOf(context, transaction, email);
  for (const row of rows) {
    const grant = await takeInvitation(context, transaction, row.id);
    if (grant === undefined) continue;
    await addMembership(transaction, { member: { user: userId }, grant }, { ...asking, actor: row.invited_by });
  }
  return rows.length;
}

/** Does any wait for this address? */
export async function isInvited(
  context: AccessContext,
  transaction: AccessTransaction,
  email: string,
): Promise<boolean> {
  return (await openOf(context, transaction, email)).length > 0;
}

export async function listInvitations(
  context: AccessContext,
  filter: { readonly reach: 'all' | Reach; readonly organisation?: string | undefined },
  page: { readonly limit: number; readonly after?: string | undefined },
): Promise<readonly Invitation[]> {
  const { reach, organisation } = filter;
  let query = openRows(context)
    .where('purpose', '=', 'join')
    .orderBy('id')
    .limit(page.limit + 1);
  if (page.after !== undefined) query = query.where('id', '>', page.after);
  if (organisation !== undefined) query = query.where('organisation', '=', organisation);
  if (reach !== 'all') query = query.where(inReach(reach, 'access_invitation'));
  return (await query.execute()).flatMap(row => toInvitation(row) ?? []);
}

export async function findInvitation(context: AccessContext, id: string): Promise<Invitation | undefined> {
  const row = await openRows(context).where('purpose', '=', 'join').where('id', '=', id).executeTakeFirst();
  return row === undefined ? undefined : toInvitation(row);
}

/** Throws Fault('resource_not_found'). */
export async function withdrawInvitation(context: AccessContext, id: string, asking: Asking): Promise<void> {
  await context.store.db.transaction().execute(async transaction => {
    const row = await transaction
      .updateTable('access_invitation')
      .set({ revoked_at: new Date(context.nowMs()) })
      .where('id', '=', id)
      .where('used_at', 'is', null)
      .where('revoked_at', 'is', null)
      .returning(['organisation', 'email'])
      .executeTakeFirst();
    if (row === undefined) throw new Fault('resource_not_found');
    const { organisation, email } = row;
    const target = `invitation:${id}`;
    await tell(transaction, { asking, organisation, action: 'members.uninvite', target, before: { email } });
  });
}

async function openInvitation(context: AccessContext, digest: string) {
  const row = await openRows(context).where('digest', '=', digest).executeTakeFirst();
  if (row === undefined) throw new Fault('invitation_invalid');
  return {
    id: row.id,
    email: row.email,
    purpose: row.purpose === 'reset' ? ('reset' as const) : ('join' as const),
    invitedBy: row.invited_by,
  };
}

/** Of two who take it at once, one does. The role as it stands now: a project may have gone since. */
async function takeInvitation(
  context: AccessContext,
  transaction: AccessTransaction,
  id: string,
): Promise<Grant | undefined> {
  const now = new Date(context.nowMs());
  const row = await transaction
    .updateTable('access_invitation')
    .set({ used_at: now })
    .where('id', '=', id)
    .where('used_at', 'is', null)
    .where('revoked_at', 'is', null)
    .where('expires_at', '>', now)
    .returning(['role', 'organisation', 'projects', 'providers'])
    .executeTakeFirst();
  if (row === undefined) throw new Fault('invitation_invalid');
  return fromColumns(row);
}

function openRows(
  context: AccessContext,
  database: AccessContext['store']['db'] | AccessTransaction = context.store.db,
) {
  return database
    .selectFrom('access_invitation')
    .selectAll()
    .where('used_at', 'is', null)
    .where('revoked_at', 'is', null)
    .where('expires_at', '>', new Date(context.nowMs()));
}

function openOf(context: AccessContext, transaction: AccessTransaction, email: string) {
  return openRows(context, transaction)
    .where('purpose', '=', 'join')
    .where('email', '=', email)
    .orderBy('id')
    .execute();
}

async function refuseTooMany(transaction: AccessTransaction, now: Date): Promise<void> {
  const { count } = await transaction
    .selectFrom('access_invitation')
    .select(eb => eb.fn.countAll<bigint>().as('count'))
    .where('used_at', 'is', null)
    .where('revoked_at', 'is', null)
    .where('expires_at', '>', now)
    .executeTakeFirstOrThrow();
  if (count >= openMax) throw new Fault('access_conflict', `${openMax} invitations are open; withdraw some first.`);
}

function rowOf(
  context: AccessContext,
  token: string,
  { id, email, invitedBy, createdAt, expiresAt }: Omit<Invitation, 'grant'>,
) {
  return {
    id,
    digest: context.secrets.digest(token),
    email,
    invited_by: invitedBy,
    created_at: createdAt,
    expires_at: expiresAt,
    used_at: null,
    revoked_at: null,
  };
}

function toInvitation(row: {
  readonly id: string;
  readonly email: string;
  readonly role: string | null;
  readonly organisation: string | null;
  readonly projects: readonly string[] | null;
  readonly providers: readonly string[] | null;
  readonly invited_by: string;
  readonly created_at: Date;
  readonly expires_at: Date;
}): Invitation | undefined {
  const grant = fromColumns(row);
  if (grant === undefined) return undefined;
  const { id, email, invited_by: invitedBy, created_at: createdAt, expires_at: expiresAt } = row;
  return { id, email, grant, invitedBy, createdAt, expiresAt };
}

function nameOf(email: string): string {
  return email.split('@')[0] ?? email;
}
