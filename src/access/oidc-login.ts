import { createHash, timingSafeEqual } from 'node:crypto';
import { base62 } from '../completion/base62.ts';
import { Fault } from '../completion/fault.ts';
import type { AccessContext, AccessTransaction, Asking } from './context.ts';
import { acceptByAddress, isInvited } from './invitations.ts';
import { createOidcClient, type Identity } from './oidc-provider.ts';
import { type AccessPolicy, grantsOfGroups, type OidcPolicy } from './policy.ts';
import { beginSession, type Session } from './sessions.ts';
import { addUser, normaliseEmail } from './users.ts';

/** Logging in by an OIDC provider. The browser that begins is the one that ends: a cookie of its own says so. */
export interface OidcLogin {
  begin(returnTo: string): Promise<{ readonly url: string; readonly browser: string }>;
  finish(
    answer: { readonly query: string; readonly browser: string | undefined },
    asking: Asking,
  ): Promise<{ readonly token: string; readonly session: Session; readonly returnTo: string }>;
}

export const callbackPath = '/api/v1/login/oidc/callback';
/** How long somebody may take at the provider. */
export const loginMs = 10 * 60_000;
/** Logins that are begun and not ended, of everybody. */
const begunMax = 10_000;
const secretLength = 43;
const browserContext = 'oidc-login';

export function createOidcLogin(context: AccessContext): OidcLogin {
  const clientOf = createOidcClient(context.nowMs);
  return { begin, finish };

  async function begin(returnTo: string) {
    const { oidc, publicUrl } = openWay(await context.policy());
    const login = { state: base62(secretLength), nonce: base62(secretLength), verifier: base62(secretLength) };
    const browser = base62(secretLength);
    const url = await clientOf(oidc).authorisationUrl(login, publicUrl + callbackPath);
    await keepLogin({ ...login, browser, returnTo });
    return { url, browser };
  }

  async function finish(answer: { readonly query: string; readonly browser: string | undefined }, asking: Asking) {
    const policy = await context.policy();
    const { oidc, publicUrl } = openWay(policy);
    const callback = new URL(`${publicUrl}${callbackPath}?${answer.query}`);
    const login = await takeLogin(callback.searchParams.get('state') ?? '', answer.browser);
    const identity = await clientOf(oidc).identify(callback, login);
    const begun = await context.store.db.transaction().execute(async transaction => {
      const userId = await userOf(transaction, identity, policy, asking);
      const { issuer, groups } = identity;
      return beginSession(context, transaction, { userId, way: 'oidc', issuer, groups }, asking);
    });
    return { ...begun, returnTo: login.returnTo };
  }

  async function keepLogin(login: {
    readonly state: string;
    readonly nonce: string;
    readonly verifier: string;
    readonly browser: string;
    readonly returnTo: string;
  }): Promise<void> {
    const { db } = context.store;
    const now = new Date(context.nowMs());
    await db.deleteFrom('access_oidc_login').where('expires_at', '<=', now).execute();
    const { count } = await db
      .selectFrom('access_oidc_login')
      .select(eb => eb.fn.countAll<bigint>().as('count'))
      .executeTakeFirstOrThrow();
    if (count >= begunMax) throw new Fault('login_busy', undefined, { retryAfterMs: 60_000 });
    await db
      .insertInto('access_oidc_login')
      .values({
        state: digestOf(login.state),
        browser: digestOf(login.browser),
        nonce: login.nonce,
        verifier: context.secrets.seal(login.verifier, browserContext),
        return_to: login.returnTo,
        expires_at: new Date(now.getTime() + loginMs),
      })
      .execute();
  }

  /** Taken once, whatever comes of it: an answer that is sent again finds nothing. */
  async function takeLogin(state: string, browser: string | undefined) {
    const row = await context.store.db
      .deleteFrom('access_oidc_login')
      .where('state', '=', digestOf(state))
      .returningAll()
      .executeTakeFirst();
    const isTheirs = timingSafeEqual(Buffer.from(row?.browser ?? digestOf('')), Buffer.from(digestOf(browser ?? '-')));
    if (row === undefined || !isTheirs || row.expires_at.getTime() <= context.nowMs()) {
      throw new Fault('login_state_invalid');
    }
    const verifier = context.secrets.open(row.verifier, browserContext);
    return { state, nonce: row.nonce, verifier, returnTo: row.return_to };
  }

  /** Who this is here: known by the provider's subject, else by an address that it vouches for, else new, if somebody gave
   *  them a role. Throws Fault('login_refused'). */
  async function userOf(
    transaction: AccessTransaction,
    identity: Identity,
    policy: AccessPolicy,
    asking: Asking,
  ): Promise<string> {
    const { issuer, subject, groups } = identity;
    const email = identity.verifiedEmail === undefined ? undefined : normaliseEmail(identity.verifiedEmail);
    const mapped = grantsOfGroups(policy, issuer, groups);
    const bySubject = await transaction
      .selectFrom('access_user')
      .select(['id', 'state', 'issuer'])
      .where('issuer', '=', issuer)
      .where('subject', '=', subject)
      .forUpdate()
      .executeTakeFirst();
    const byEmail =
      bySubject !== undefined || email === undefined
        ? undefined
        : await transaction
            .selectFrom('access_user')
            .select(['id', 'state', 'issuer'])
            .where('email', '=', email)
            .forUpdate()
            .executeTakeFirst();
    const known = bySubject ?? byEmail;
    // Another subject of the same provider with this address: it was given to somebody else since.
    if (byEmail !== undefined && byEmail.issuer === issuer) throw new Fault('login_refused');
    if (known !== undefined && known.state !== 'active') throw new Fault('login_refused');
    const mayBegin = mapped.length > 0 || (email !== undefined && (await isInvited(context, transaction, email)));
    if (known === undefined && !mayBegin) throw new Fault('login_refused');
    const name = identity.name ?? email ?? subject;
    const oidc = { issuer, subject, groups };
    const id =
      known?.id ??
      (await addUser(context, transaction, { email: email ?? null, name, passwordHash: null, oidc }, asking));
    await transaction
      .updateTable('access_user')
      .set({ issuer, subject, groups: [...groups] })
      .where('id', '=', id)
      .execute();
    if (email !== undefined) {
      await acceptByAddress(context, transaction, { email, userId: id }, { ...asking, actor: `user:${id}` });
    }
    const { count } = await transaction
      .selectFrom('access_membership')
      .select(eb => eb.fn.countAll<bigint>().as('count'))
      .where('user_id', '=', id)
      .executeTakeFirstOrThrow();
    if (mapped.length === 0 && count === 0n) throw new Fault('login_refused');
    return id;
  }
}

function openWay({ oidc, publicUrl }: AccessPolicy): { readonly oidc: OidcPolicy; readonly publicUrl: string } {
  if (oidc === undefined || publicUrl === undefined) throw new Fault('login_way_closed');
  return { oidc, publicUrl };
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
