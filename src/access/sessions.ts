import { timingSafeEqual } from 'node:crypto';
import { sql } from 'kysely';
import { Fault } from '../completion/fault.ts';
import { type AccessContext, type AccessTransaction, type Asking, tell } from './context.ts';
import { mintToken, readToken } from './tokens.ts';
import { endSessionsOf } from './users.ts';

/** One login of one person. Its token is in a cookie or with a command line; here is its HMAC. */
export interface Session {
  readonly id: string;
  readonly userId: string;
  readonly way: 'password' | 'oidc';
  readonly address: string;
  readonly agent: string;
  readonly createdAt: Date;
  readonly usedAt: Date;
  readonly expiresAt: Date;
}

/** Sessions of one user that are open at once; the one longest unused makes room. */
export const sessionsPerUserMax = 50;
/** Use is written down so often at most: a page that asks every second is one write a minute. */
const usedEveryMs = 60_000;
const agentLengthMax = 200;

export interface NewSession {
  readonly userId: string;
  readonly way: Session['way'];
  readonly issuer?: string | undefined;
  readonly groups?: readonly string[] | undefined;
}

/** In the transaction of the login. The token is in the answer and nowhere else. */
export async function beginSession(
  context: AccessContext,
  transaction: AccessTransaction,
  { userId, way, issuer, groups }: NewSession,
  asking: Asking,
): Promise<{ readonly token: string; readonly session: Session }> {
  const { sessions } = await context.policy();
  const now = new Date(context.nowMs());
  const token = mintToken('ccs');
  const session: Session = {
    id: token.id,
    userId,
    way,
    address: asking.address,
    agent: asking.agent.slice(0, agentLengthMax),
    createdAt: now,
    usedAt: now,
    expiresAt: new Date(now.getTime() + sessions.absoluteHours * 3_600_000),
  };
  await transaction
    .deleteFrom('access_session')
    .where('user_id', '=', userId)
    .where('id', 'in', eb =>
      eb
        .selectFrom('access_session')
        .select('id')
        .where('user_id', '=', userId)
        .where('ended_at', 'is', null)
        .orderBy('used_at', 'desc')
        .offset(sessionsPerUserMax - 1),
    )
    .execute();
  await transaction
    .insertInto('access_session')
    .values({
      id: session.id,
      digest: context.secrets.digest(token.text),
      user_id: userId,
      way,
      issuer: issuer ?? null,
      groups: [...(groups ?? [])],
      address: session.address,
      agent: session.agent,
      created_at: now,
      used_at: now,
      expires_at: session.expiresAt,
      ended_at: null,
    })
    .execute();
  await tell(transaction, {
    asking: { ...asking, actor: `user:${userId}` },
    organisation: null,
    action: 'sessions.begin',
    target: `session:${session.id}`,
    after: { way, address: session.address },
  });
  return { token: token.text, session };
}

export interface OpenSession extends Session {
  readonly userName: string;
  readonly email: string | null;
  readonly issuer: string | null;
  readonly groups: readonly string[];
}

/** The session of a token, if it is open: neither ended, nor past its time, nor unused for too long, its user active.
 *  Notes that it was used. */
export async function useSession(context: AccessContext, text: string): Promise<OpenSession | undefined> {
  const token = readToken(text);
  if (token?.kind !== 'ccs') return undefined;
  const row = await context.store.db
    .selectFrom('access_session as s')
    .innerJoin('access_user as u', 'u.id', 's.user_id')
    .selectAll('s')
    .select(['u.name as user_name', 'u.email', 'u.state as user_state'])
    .where('s.digest', '=', context.secrets.digest(text))
    .executeTakeFirst();
  if (row === undefined || row.ended_at !== null || row.user_state !== 'active') return undefined;
  const { sessions } = await context.policy();
  const nowMs = context.nowMs();
  // Both bounds as they are now: made shorter, they count for sessions that are open already.
  const endsMs = Math.min(
    row.expires_at.getTime(),
    row.created_at.getTime() + sessions.absoluteHours * 3_600_000,
    row.used_at.getTime() + sessions.idleMinutes * 60_000,
  );
  if (nowMs >= endsMs) return undefined;
  if (nowMs - row.used_at.getTime() >= usedEveryMs) {
    await context.store.db
      .updateTable('access_session')
      .set({ used_at: sql`greatest(used_at, ${new Date(nowMs)})` })
      .where('id', '=', row.id)
      .execute();
  }
  return { ...toSession(row), userName: row.user_name, email: row.email, issuer: row.issuer, groups: row.groups };
}

/** What a page of ours shows to prove that it is one: nobody else can read it, nor make it. */
export function csrfOf({ secrets }: AccessContext, session: string): string {
  return secrets.digest(`csrf:${session}`).slice(0, 43);
}

export function isCsrf(context: AccessContext, session: string, presented: string): boolean {
  const expected = Buffer.from(csrfOf(context, session));
  const given = Buffer.from(presented);
  return given.length === expected.length && timingSafeEqual(given, expected);
}

/** Open ones, the newest first. */
export async function listSessions(context: AccessContext, user: string): Promise<readonly Session[]> {
  const { sessions } = await context.policy();
  const nowMs = context.nowMs();
  const rows = await context.store.db
    .selectFrom('access_session')
    .selectAll()
    .where('user_id', '=', user)
    .where('ended_at', 'is', null)
    .where('expires_at', '>', new Date(nowMs))
    .where('used_at', '>', new Date(nowMs - sessions.idleMinutes * 60_000))
    .orderBy('created_at', 'desc')
    .limit(sessionsPerUserMax)
    .execute();
  return rows.map(toSession);
}

/** Of this user only; ended twice is ended. Throws Fault('resource_not_found'). */
export async function endSession(
  context: AccessContext,
  { id, user }: { readonly id: string; readonly user: string },
  asking: Asking,
): Promise<void> {
  await context.store.db.transaction().execute(async transaction => {
    const row = await transaction
      .selectFrom('access_session')
      .select('ended_at')
      .where('id', '=', id)
      .where('user_id', '=', user)
      .forUpdate()
      .executeTakeFirst();
    if (row === undefined) throw new Fault('resource_not_found');
    if (row.ended_at !== null) return;
    const ended = { ended_at: new Date(context.nowMs()) };
    await transaction.updateTable('access_session').set(ended).where('id', '=', id).execute();
    const target = `session:${id}`;
    await tell(transaction, { asking, organisation: null, action: 'sessions.end', target });
  });
}

/** Returns how many were open. */
export async function endAllSessions(
  context: AccessContext,
  { user, except }: { readonly user: string; readonly except?: string | undefined },
  asking: Asking,
): Promise<number> {
  return context.store.db.transaction().execute(async transaction => {
    const ended = await endSessionsOf(context, transaction, user, except);
    const target = `user:${user}`;
    await tell(transaction, { asking, organisation: null, action: 'sessions.end', target, after: { ended } });
    return ended;
  });
}

function toSession(row: {
  readonly id: string;
  readonly user_id: string;
  readonly way: string;
  readonly address: string;
  readonly agent: string;
  readonly created_at: Date;
  readonly used_at: Date;
  readonly expires_at: Date;
}): Session {
  return {
    id: row.id,
    userId: row.user_id,
    way: row.way === 'oidc' ? 'oidc' : 'password',
    address: row.address,
    agent: row.agent,
    createdAt: row.created_at,
    usedAt: row.used_at,
    expiresAt: row.expires_at,
  };
}
