import { sql } from 'kysely';
import { Fault } from '../completion/fault.ts';
import type { Reach } from './caller.ts';
import { type AccessContext, type Asking, tell } from './context.ts';
import { mintId, mintToken, readToken } from './tokens.ts';

/** Something that calls the management API for itself: a pipeline, a job. Of one organisation, or of the installation. */
export interface ServiceAccount {
  readonly id: string;
  readonly name: string;
  readonly organisation: string | null;
  readonly state: 'active' | 'disabled';
  readonly createdAt: Date;
  readonly tokens: readonly AccountToken[];
}

export interface AccountToken {
  readonly id: string;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  readonly revokedAt: Date | null;
  readonly usedAt: Date | null;
}

export const tokenDaysMax = 365;
export const tokenDaysDefault = 90;
/** Tokens of one account that are valid at once: the old, the new, and some to spare. */
export const tokensPerAccountMax = 10;
const accountsPerOrganisationMax = 1_000;
/** Use is written down so often at most. */
const usedEveryMs = 60_000;

/** Throws Fault('access_conflict') where the name is taken. */
export async function createServiceAccount(
  context: AccessContext,
  { name, organisation }: { readonly name: string; readonly organisation: string | null },
  asking: Asking,
): Promise<string> {
  const id = mintId('s');
  await context.store.db.transaction().execute(async transaction => {
    const { count } = await transaction
      .selectFrom('access_service_account')
      .select(eb => eb.fn.countAll<bigint>().as('count'))
      .where('organisation', 'is not distinct from', organisation)
      .executeTakeFirstOrThrow();
    if (count >= accountsPerOrganisationMax) {
      throw new Fault(
        'access_conflict',
        `There are ${accountsPerOrganisationMax} service accounts; remove some first.`,
      );
    }
    const { numInsertedOrUpdatedRows } = await transaction
      .insertInto('access_service_account')
      .values({ id, name, organisation })
      .onConflict(conflict => conflict.columns(['organisation', 'name']).doNothing())
      .executeTakeFirst();
    if (numInsertedOrUpdatedRows === 0n)
      throw new Fault('access_conflict', `There is a service account ${name} already.`);
    const target = `service-account:${id}`;
    const after = { name, organisation };
    await tell(transaction, { asking, organisation, action: 'service-accounts.create', target, after });
  });
  return id;
}

/** Its tokens and roles go with it. Throws Fault('resource_not_found'). */
export async function removeServiceAccount(context: AccessContext, id: string, asking: Asking): Promise<void> {
  await context.store.db.transaction().execute(async transaction => {
    const row = await transaction
      .deleteFrom('access_service_account')
      .where('id', '=', id)
      .returning(['name', 'organisation'])
      .executeTakeFirst();
    if (row === undefined) throw new Fault('resource_not_found');
    const target = `service-account:${id}`;
    const { organisation, name } = row;
    await tell(transaction, {
      asking,
      organisation,
      action: 'service-accounts.remove',
      target,
      before: { name },
    });
  });
}

/** The token is in the answer and nowhere else. Throws Fault('resource_not_found' | 'access_conflict'). */
export async function createAccountToken(
  context: AccessContext,
  { account, days }: { readonly account: string; readonly days: number },
  asking: Asking,
): Promise<AccountToken & { readonly token: string }> {
  const token = mintToken('cca');
  const now = new Date(context.nowMs());
  const expiresAt = new Date(now.getTime() + days * 86_400_000);
  await context.store.db.transaction().execute(async transaction => {
    const row = await transaction
      .selectFrom('access_service_account')
      .select('organisation')
      .where('id', '=', account)
      .forUpdate()
      .executeTakeFirst();
    if (row === undefined) throw new Fault('resource_not_found');
    const { count } = await transaction
      .selectFrom('access_token')
      .select(eb => eb.fn.countAll<bigint>().as('count'))
      .where('service_account', '=', account)
      .where('revoked_at', 'is', null)
      .where('expires_at', '>', now)
      .executeTakeFirstOrThrow();
    if (count >= tokensPerAccountMax) {
      throw new Fault(
        'access_conflict',
        `One service account has at most ${tokensPerAccountMax} tokens; revoke one first.`,
      );
    }
    await transaction
      .insertInto('access_token')
      .values({
        id: token.id,
        digest: context.secrets.digest(token.text),
        service_account: account,
        created_at: now,
        expires_at: expiresAt,
        revoked_at: null,
        used_at: null,
      })
      .execute();
    await tell(transaction, {
      asking,
      organisation: row.organisation,
      action: 'service-accounts.token',
      target: `service-account:${account}`,
      after: { token: token.id, expiresAt: expiresAt.toISOString() },
    });
  });
  return { id: token.id, createdAt: now, expiresAt, revokedAt: null, usedAt: null, token: token.text };
}

/** Revoked twice is revoked. Throws Fault('resource_not_found'). */
export async function revokeAccountToken(context: AccessContext, id: string, asking: Asking): Promise<void> {
  await context.store.db.transaction().execute(async transaction => {
    const row = await transaction
      .selectFrom('access_token as t')
      .innerJoin('access_service_account as a', 'a.id', 't.service_account')
      .select(['t.revoked_at', 'a.id as account', 'a.organisation'])
      .where('t.id', '=', id)
      .executeTakeFirst();
    if (row === undefined) throw new Fault('resource_not_found');
    if (row.revoked_at !== null) return;
    const revoked = { revoked_at: new Date(context.nowMs()) };
    await transaction.updateTable('access_token').set(revoked).where('id', '=', id).execute();
    await tell(transaction, {
      asking,
      organisation: row.organisation,
      action: 'service-accounts.revoke',
      target: `service-account:${row.account}`,
      before: { token: id },
    });
  });
}

export async function listServiceAccounts(
  { store }: AccessContext,
  filter: {
    readonly reach: 'all' | Reach;
    readonly organisation?: string | undefined;
    readonly id?: string | undefined;
  },
  page: { readonly limit: number; readonly after?: string | undefined },
): Promise<readonly ServiceAccount[]> {
  const { reach, organisation, id } = filter;
  let query = store.db
    .selectFrom('access_service_account')
    .selectAll()
    .orderBy('id')
    .limit(page.limit + 1);
  if (page.after !== undefined) query = query.where('id', '>', page.after);
  if (id !== undefined) query = query.where('id', '=', id);
  if (organisation !== undefined) query = query.where('organisation', '=', organisation);
  if (reach !== 'all') query = query.where('organisation', 'in', ['', ...reach.organisations]);
  const accounts = await query.execute();
  const tokens =
    accounts.length === 0
      ? []
      : await store.db
          .selectFrom('access_token')
          .selectAll()
          .where(
            'service_account',
            'in',
            accounts.map(account => account.id),
          )
          .where('expires_at', '>', sql<Date>`now() - interval '30 days'`)
          .orderBy('created_at')
          .execute();
  const byAccount = Map.groupBy(tokens, token => token.service_account);
  return accounts.map(account => ({
    id: account.id,
    name: account.name,
    organisation: account.organisation,
    state: account.state === 'active' ? 'active' : 'disabled',
    createdAt: account.created_at,
    tokens: (byAccount.get(account.id) ?? []).map(token => ({
      id: token.id,
      createdAt: token.created_at,
      expiresAt: token.expires_at,
      revokedAt: token.revoked_at,
      usedAt: token.used_at,
    })),
  }));
}

export async function findAccountOfToken({ store }: AccessContext, token: string) {
  return store.db
    .selectFrom('access_token as t')
    .innerJoin('access_service_account as a', 'a.id', 't.service_account')
    .select(['a.id', 'a.organisation'])
    .where('t.id', '=', token)
    .executeTakeFirst();
}

/** Whose token this is, if it is valid. Notes that it was used. */
export async function useAccountToken(
  context: AccessContext,
  text: string,
): Promise<{ readonly id: string; readonly name: string } | undefined> {
  if (readToken(text)?.kind !== 'cca') return undefined;
  const row = await context.store.db
    .selectFrom('access_token as t')
    .innerJoin('access_service_account as a', 'a.id', 't.service_account')
    .select(['t.id as token', 't.expires_at', 't.revoked_at', 't.used_at', 'a.id', 'a.name', 'a.state'])
    .where('t.digest', '=', context.secrets.digest(text))
    .executeTakeFirst();
  const now = new Date(context.nowMs());
  if (row === undefined || row.revoked_at !== null || row.expires_at <= now || row.state !== 'active') return undefined;
  if (row.used_at === null || now.getTime() - row.used_at.getTime() >= usedEveryMs) {
    await context.store.db.updateTable('access_token').set({ used_at: now }).where('id', '=', row.token).execute();
  }
  return { id: row.id, name: row.name };
}
