import { type Expression, type SqlBool, sql } from 'kysely';
import { Fault } from '../completion/fault.ts';
import type { Grant, Reach } from './caller.ts';
import { type AccessContext, type AccessTransaction, type Asking, tell } from './context.ts';
import { fromColumns, organisationOfGrant, toColumns, writtenGrant } from './grants.ts';
import { mintId } from './tokens.ts';

/** Who a role was given to. */
export type Member = { readonly user: string } | { readonly serviceAccount: string };

export interface Membership {
  readonly id: string;
  readonly member: Member;
  /** A person's address or name, or a service account's name. */
  readonly memberName: string;
  readonly grant: Grant;
  readonly grantedBy: string;
  readonly createdAt: Date;
}

/** Roles of one user or service account: each request reads them. */
export const membershipsPerMemberMax = 200;

export async function grantsOf({ store }: AccessContext, member: Member): Promise<Grant[]> {
  const rows = await store.db
    .selectFrom('access_membership')
    .select(['role', 'organisation', 'projects', 'providers'])
    .where('user_id' in asColumns(member) ? 'user_id' : 'service_account', '=', idOf(member))
    .limit(membershipsPerMemberMax)
    .execute();
  return rows.flatMap(row => fromColumns(row) ?? []);
}

/** Gives a role; the same again is the same membership. Throws Fault('resource_not_found' | 'access_conflict'). */
export async function grantRole(
  context: AccessContext,
  given: { readonly member: Member; readonly grant: Grant },
  asking: Asking,
): Promise<string> {
  return context.store.db.transaction().execute(transaction => addMembership(transaction, given, asking));
}

export async function addMembership(
  transaction: AccessTransaction,
  { member, grant }: { readonly member: Member; readonly grant: Grant },
  asking: Asking,
): Promise<string> {
  await lockMember(transaction, member);
  const columns = { ...asColumns(member), ...toColumns(grant) };
  const existing = await transaction
    .selectFrom('access_membership')
    .selectAll()
    .where('user_id' in asColumns(member) ? 'user_id' : 'service_account', '=', idOf(member))
    .execute();
  const wanted = JSON.stringify(writtenGrant(grant));
  const same = existing.find(row => JSON.stringify(writtenOf(row)) === wanted);
  if (same !== undefined) return same.id;
  if (existing.length >= membershipsPerMemberMax) {
    throw new Fault(
      'access_conflict',
      `One member has at most ${membershipsPerMemberMax} roles; take some away first.`,
    );
  }
  const id = mintId('m');
  await transaction
    .insertInto('access_membership')
    .values({ id, ...columns, granted_by: asking.actor })
    .execute();
  await tell(transaction, {
    asking,
    organisation: organisationOfGrant(grant),
    action: 'members.grant',
    target: targetOf(member),
    after: writtenGrant(grant),
  });
  return id;
}

export async function findMembership({ store }: AccessContext, id: string): Promise<Membership | undefined> {
  const [row] = await withNames(store).where('m.id', '=', id).execute();
  return row === undefined ? undefined : toMembership(row);
}

/** Throws Fault('resource_not_found'). */
export async function takeRole(context: AccessContext, id: string, asking: Asking): Promise<void> {
  await context.store.db.transaction().execute(async transaction => {
    const row = await transaction
      .deleteFrom('access_membership')
      .where('id', '=', id)
      .returningAll()
      .executeTakeFirst();
    if (row === undefined) throw new Fault('resource_not_found');
    const member = row.user_id === null ? { serviceAccount: row.service_account ?? '' } : { user: row.user_id };
    await tell(transaction, {
      asking,
      organisation: row.organisation,
      action: 'members.revoke',
      target: targetOf(member),
      before: writtenOf(row),
    });
  });
}

/** By id; of what a reach holds, and of one organisation where that is said. */
export async function listMemberships(
  { store }: AccessContext,
  filter: { readonly reach: 'all' | Reach; readonly organisation?: string | undefined },
  page: { readonly limit: number; readonly after?: string | undefined },
): Promise<readonly Membership[]> {
  const { reach, organisation } = filter;
  let query = withNames(store)
    .orderBy('m.id')
    .limit(page.limit + 1);
  if (page.after !== undefined) query = query.where('m.id', '>', page.after);
  if (organisation !== undefined) query = query.where('m.organisation', '=', organisation);
  if (reach !== 'all') query = query.where(inReach(reach, 'm'));
  return (await query.execute()).flatMap(row => toMembership(row) ?? []);
}

/** Roles of the whole organisation are seen by whoever sees all of it; those narrowed to projects also by whoever sees all
 *  of these projects. */
export function inReach({ organisations, projects }: Reach, table: string): Expression<SqlBool> {
  const organisation = sql.ref(`${table}.organisation`);
  const narrowed = sql.ref(`${table}.projects`);
  const byOrganisation = Map.groupBy(projects, project => project.slice(0, project.indexOf('/')));
  const parts = [...byOrganisation].map(([name, all]) => {
    const names = all.map(project => project.slice(name.length + 1));
    return sql<SqlBool>`(${organisation} = ${name} and ${narrowed} <@ ${names}::text[])`;
  });
  return sql<SqlBool>`(${sql.join([sql`${organisation} = any(${[...organisations]}::text[])`, ...parts], sql` or `)})`;
}

function withNames(store: AccessContext['store']) {
  return store.db
    .selectFrom('access_membership as m')
    .leftJoin('access_user as u', 'u.id', 'm.user_id')
    .leftJoin('access_service_account as a', 'a.id', 'm.service_account')
    .selectAll('m')
    .select(['u.email as user_email', 'u.name as user_name', 'a.name as account_name']);
}

function toMembership(row: {
  readonly id: string;
  readonly user_id: string | null;
  readonly service_account: string | null;
  readonly user_email: string | null;
  readonly user_name: string | null;
  readonly account_name: string | null;
  readonly role: string;
  readonly organisation: string | null;
  readonly projects: readonly string[] | null;
  readonly providers: readonly string[] | null;
  readonly granted_by: string;
  readonly created_at: Date;
}): Membership | undefined {
  const grant = fromColumns(row);
  if (grant === undefined) return undefined;
  return {
    id: row.id,
    member: row.user_id === null ? { serviceAccount: row.service_account ?? '' } : { user: row.user_id },
    memberName: row.user_email ?? row.user_name ?? row.account_name ?? '',
    grant,
    grantedBy: row.granted_by,
    createdAt: row.created_at,
  };
}

function writtenOf(row: Parameters<typeof fromColumns>[0]): unknown {
  const grant = fromColumns(row);
  return grant === undefined ? null : writtenGrant(grant);
}

/** Also keeps two of the same from being given at once. */
async function lockMember(transaction: AccessTransaction, member: Member): Promise<void> {
  const found =
    'user' in member
      ? await transaction
          .selectFrom('access_user')
          .select('id')
          .where('id', '=', member.user)
          .forUpdate()
          .executeTakeFirst()
      : await transaction
          .selectFrom('access_service_account')
          .select('id')
          .where('id', '=', member.serviceAccount)
          .forUpdate()
          .executeTakeFirst();
  if (found === undefined) throw new Fault('resource_not_found');
}

function asColumns(member: Member): { user_id: string } | { service_account: string } {
  return 'user' in member ? { user_id: member.user } : { service_account: member.serviceAccount };
}

function idOf(member: Member): string {
  return 'user' in member ? member.user : member.serviceAccount;
}

function targetOf(member: Member): string {
  return 'user' in member ? `user:${member.user}` : `service-account:${member.serviceAccount}`;
}
