import { createHash, timingSafeEqual } from 'node:crypto';
import { Fault } from '../completion/fault.ts';
import { adminKeyCaller, type Caller, callerOf } from './caller.ts';
import type { AccessContext } from './context.ts';
import { type KeySession, useKeySession } from './key-sessions.ts';
import { grantsOf } from './memberships.ts';
import { grantsOfGroups } from './policy.ts';
import { useAccountToken } from './service-accounts.ts';
import { isCsrf, type OpenSession, useSession } from './sessions.ts';
import { readToken } from './tokens.ts';

/** What a request shows of its sender. */
export interface Credentials {
  readonly authorization: string | undefined;
  /** The session's cookie. */
  readonly cookie: string | undefined;
  /** x-carrier-csrf */
  readonly csrf: string | undefined;
  /** sec-fetch-site, from browsers that say so. */
  readonly fetchSite: string | undefined;
  /** Does the method change nothing? */
  readonly isSafe: boolean;
}

export interface Authenticated {
  readonly caller: Caller;
  /** Of people who are logged in. */
  readonly session: OpenSession | undefined;
  /** Of a page that was logged in with the admin key. */
  readonly keySession?: KeySession | undefined;
}

export type Authenticate = (credentials: Credentials) => Promise<Authenticated>;

/** Who sent this? Throws Fault('admin_key_invalid' | 'session_ended' | 'csrf_invalid'). */
export function createAuthenticate(context: AccessContext, adminKey: string): Authenticate {
  const isAdminKey = adminKeyCheck(adminKey);
  return async credentials => {
    const { authorization } = credentials;
    if (isAdminKey(bearerOf(authorization))) return { caller: adminKeyCaller(), session: undefined };
    const bearer = bearerOf(authorization);
    // A bearer that is wrong is wrong: what else a browser sends along does not make it right.
    if (authorization !== undefined && authorization !== '') return ofToken(context, bearer ?? '');
    if (credentials.cookie === undefined) throw new Fault('admin_key_invalid');
    return ofCookie(context, credentials.cookie, credentials, adminKey);
  };
}

async function ofToken(context: AccessContext, bearer: string): Promise<Authenticated> {
  const kind = readToken(bearer)?.kind;
  if (kind === 'cca') {
    const account = await useAccountToken(context, bearer);
    if (account === undefined) throw new Fault('session_ended');
    const grants = await grantsOf(context, { serviceAccount: account.id });
    const caller = callerOf({ kind: 'service-account', id: account.id, name: account.name }, grants);
    return { caller, session: undefined };
  }
  if (kind === 'ccs') return ofSession(context, await useSession(context, bearer));
  throw new Fault('admin_key_invalid');
}

async function ofCookie(
  context: AccessContext,
  cookie: string,
  credentials: Credentials,
  adminKey: string,
): Promise<Authenticated> {
  const keySession = await useKeySession(context, cookie, adminKey);
  const session = keySession === undefined ? await useSession(context, cookie) : undefined;
  const id = keySession?.id ?? session?.id;
  if (id === undefined) throw new Fault('session_ended');
  const { isSafe, csrf, fetchSite } = credentials;
  if (!isSafe) {
    if (fetchSite !== undefined && fetchSite !== 'same-origin') throw new Fault('csrf_invalid');
    if (csrf === undefined || !isCsrf(context, id, csrf)) throw new Fault('csrf_invalid');
  }
  return keySession === undefined
    ? ofSession(context, session)
    : { caller: adminKeyCaller(), session: undefined, keySession };
}

async function ofSession(context: AccessContext, session: OpenSession | undefined): Promise<Authenticated> {
  if (session === undefined) throw new Fault('session_ended');
  const granted = await grantsOf(context, { user: session.userId });
  const mapped = session.way === 'oidc' ? grantsOfGroups(await context.policy(), session.issuer, session.groups) : [];
  const name = session.email ?? session.userName;
  return { caller: callerOf({ kind: 'user', id: session.userId, name }, [...granted, ...mapped]), session };
}

function bearerOf(authorization: string | undefined): string | undefined {
  return /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
}

/** Digests have one length, so neither the guess's length nor its beginning shows in the time. */
export function adminKeyCheck(adminKey: string): (presented: string | undefined) => boolean {
  const digestOf = (text: string) => createHash('sha256').update(text).digest();
  const expected = digestOf(adminKey);
  return presented => timingSafeEqual(digestOf(presented ?? ''), expected) && presented !== undefined;
}
