import { Fault } from '../completion/fault.ts';
import { type AccessContext, type AccessTransaction, type Asking, tell } from './context.ts';
import { mintId } from './tokens.ts';

export interface User {
  readonly id: string;
  /** null of people whose login provider does not vouch for one. */
  readonly email: string | null;
  readonly name: string;
  readonly state: 'active' | 'disabled';
  readonly hasPassword: boolean;
  readonly hasTotp: boolean;
  /** Of the login provider that knows them. */
  readonly issuer: string | null;
  readonly groups: readonly string[];
  readonly createdAt: Date;
}

export const userPageMax = 500;

/** One spelling for one address: what is before the @ is not told apart by case by any provider that people use. */
export function normaliseEmail(email: string): string {
  return email.trim().toLowerCase();
}

/** By id, in the order of ids. */
export async function listUsers(
  { store }: AccessContext,
  page: { readonly limit: number; readonly after?: string | undefined },
): Promise<readonly User[]> {
  let query = store.db
    .selectFrom('access_user')
    .selectAll()
    .orderBy('id')
    .limit(Math.min(page.limit, userPageMax) + 1);
  if (page.after !== undefined) query = query.where('id', '>', page.after);
  return (await query.execute()).map(toUser);
}

export async function findUser({ store }: AccessContext, id: string): Promise<User | undefined> {
  const row = await store.db.selectFrom('access_user').selectAll().where('id', '=', id).executeTakeFirst();
  return row === undefined ? undefined : toUser(row);
}

export async function findUserByEmail({ store }: AccessContext, email: string): Promise<User | undefined> {
  const row = await store.db
    .selectFrom('access_user')
    .selectAll()
    .where('email', '=', normaliseEmail(email))
    .executeTakeFirst();
  return row === undefined ? undefined : toUser(row);
}

export interface NewUser {
  readonly email: string | null;
  readonly name: string;
  readonly passwordHash: string | null;
  readonly oidc?: { readonly issuer: string; readonly subject: string; readonly groups: readonly string[] } | undefined;
}

/** In the transaction of whatever lets them in. */
export async function addUser(
  context: AccessContext,
  transaction: AccessTransaction,
  { email, name, passwordHash, oidc }: NewUser,
  asking: Asking,
): Promise<string> {
  const id = mintId('u');
  await transaction
    .insertInto('access_user')
    .values({
      id,
      email,
      name,
      password_hash: passwordHash,
      password_at: passwordHash === null ? null : new Date(context.nowMs()),
      totp_sealed: null,
      issuer: oidc?.issuer ?? null,
      subject: oidc?.subject ?? null,
      groups: [...(oidc?.groups ?? [])],
    })
    .execute();
  const after = { email, name, by: oidc === undefined ? 'password' : 'oidc' };
  await tell(transaction, { asking, organisation: null, action: 'users.create', target: `user:${id}`, after });
  return id;
}

/** A disabled user's sessions end, and none can begin. Throws Fault('resource_not_found'). */
export async function setUserState(
  context: AccessContext,
  { id, state }: { readonly id: string; readonly state: User['state'] },
  asking: Asking,
): Promise<void> {
  await context.store.db.transaction().execute(async transaction => {
    const before = await transaction
      .selectFrom('access_user')
      .select('state')
      .where('id', '=', id)
      .forUpdate()
      .executeTakeFirst();
    if (before === undefined) throw new Fault('resource_not_found');
    if (before.state === state) return;
    await transaction.updateTable('access_user').set({ state }).where('id', '=', id).execute();
    if (state === 'disabled') await endSessionsOf(context, transaction, id);
    const action = state === 'disabled' ? 'users.disable' : 'users.enable';
    const change = { before: { state: before.state }, after: { state } };
    await tell(transaction, { asking, organisation: null, action, target: `user:${id}`, ...change });
  });
}

/** All of them, but for one that may stay. Returns how many were open. */
export async function endSessionsOf(
  context: Pick<AccessContext, 'nowMs'>,
  transaction: AccessTransaction,
  user: string,
  except?: string,
): Promise<number> {
  let query = transaction
    .updateTable('access_session')
    .set({ ended_at: new Date(context.nowMs()) })
    .where('user_id', '=', user)
    .where('ended_at', 'is', null);
  if (except !== undefined) query = query.where('id', '<>', except);
  const { numUpdatedRows } = await query.executeTakeFirst();
  return Number(numUpdatedRows);
}

function toUser(row: {
  readonly id: string;
  readonly email: string | null;
  readonly name: string;
  readonly state: string;
  readonly password_hash: string | null;
  readonly totp_sealed: string | null;
  readonly issuer: string | null;
  readonly groups: readonly string[];
  readonly created_at: Date;
}): User {
  return {
    id: row.id,
    email: row.email,
    name: row.name,
    state: row.state === 'active' ? 'active' : 'disabled',
    hasPassword: row.password_hash !== null,
    hasTotp: row.totp_sealed !== null,
    issuer: row.issuer,
    groups: row.groups,
    createdAt: row.created_at,
  };
}
