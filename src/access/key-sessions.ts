import { type AccessContext, type Asking, tell } from './context.ts';
import { mintToken, readToken } from './tokens.ts';

/** One login of a page with the admin key. Its token is in a cookie; here is its HMAC. */
export interface KeySession {
  readonly id: string;
  readonly createdAt: Date;
  readonly expiresAt: Date;
}

/** Open ones; the one longest unused makes room. */
const keySessionsMax = 50;
/** Use is written down so often at most. */
const usedEveryMs = 60_000;

/** `adminKey`: the one that was presented and is right. */
export async function beginKeySession(
  context: AccessContext,
  adminKey: string,
  asking: Asking,
): Promise<{ readonly token: string; readonly session: KeySession }> {
  const { sessions } = await context.policy();
  const now = new Date(context.nowMs());
  const token = mintToken('cco');
  const session = {
    id: token.id,
    createdAt: now,
    expiresAt: new Date(now.getTime() + sessions.absoluteHours * 3_600_000),
  };
  await context.store.db.transaction().execute(async transaction => {
    await transaction
      .deleteFrom('access_key_session')
      .where('id', 'in', eb =>
        eb
          .selectFrom('access_key_session')
          .select('id')
          .where('ended_at', 'is', null)
          .orderBy('used_at', 'desc')
          .offset(keySessionsMax - 1),
      )
      .execute();
    await transaction
      .insertInto('access_key_session')
      .values({
        id: session.id,
        digest: context.secrets.digest(token.text),
        key_digest: keyDigestOf(context, adminKey),
        address: asking.address,
        agent: asking.agent,
        created_at: now,
        used_at: now,
        expires_at: session.expiresAt,
        ended_at: null,
      })
      .execute();
    const target = `session:${session.id}`;
    const after = { way: 'admin-key', address: asking.address };
    await tell(transaction, {
      asking: { ...asking, actor: 'admin-key' },
      organisation: null,
      action: 'sessions.begin',
      target,
      after,
    });
  });
  return { token: token.text, session };
}

/** The session of a token, if it is open and was begun with the key that counts now. Notes that it was used. */
export async function useKeySession(
  context: AccessContext,
  text: string,
  adminKey: string,
): Promise<KeySession | undefined> {
  if (readToken(text)?.kind !== 'cco') return undefined;
  const row = await context.store.db
    .selectFrom('access_key_session')
    .selectAll()
    .where('digest', '=', context.secrets.digest(text))
    .executeTakeFirst();
  if (row === undefined || row.ended_at !== null || row.key_digest !== keyDigestOf(context, adminKey)) return undefined;
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
      .updateTable('access_key_session')
      .set({ used_at: new Date(nowMs) })
      .where('id', '=', row.id)
      .execute();
  }
  return { id: row.id, createdAt: row.created_at, expiresAt: row.expires_at };
}

/** Ended twice is ended. */
export async function endKeySession(context: AccessContext, id: string, asking: Asking): Promise<void> {
  await context.store.db.transaction().execute(async transaction => {
    const { numUpdatedRows } = await transaction
      .updateTable('access_key_session')
      .set({ ended_at: new Date(context.nowMs()) })
      .where('id', '=', id)
      .where('ended_at', 'is', null)
      .executeTakeFirst();
    if (numUpdatedRows === 0n) return;
    await tell(transaction, { asking, organisation: null, action: 'sessions.end', target: `session:${id}` });
  });
}

function keyDigestOf({ secrets }: AccessContext, adminKey: string): string {
  return secrets.digest(`admin-key:${adminKey}`);
}
