import type { Context } from 'hono';
import { getCookie } from 'hono/cookie';
import type { Authenticated, Credentials } from '../access/authenticate.ts';
import { actorText, type Caller } from '../access/caller.ts';
import type { Asking } from '../access/context.ts';
import type { KeySession } from '../access/key-sessions.ts';
import type { AccessPolicy } from '../access/policy.ts';
import type { OpenSession } from '../access/sessions.ts';
import { isSecureOrigin, originOf } from './request-origin.ts';

/** How somebody came: what logins and sessions are told by. */
export interface Visit {
  readonly asking: Asking;
  readonly session: OpenSession | undefined;
  /** Of a page that was logged in with the admin key. */
  readonly keySession: KeySession | undefined;
  /** Do cookies go back over TLS only? */
  readonly isSecure: boolean;
  /** Of the login that this browser has begun. */
  readonly loginCookie: string | undefined;
  /** As it was sent, without its question mark. */
  readonly queryText: string;
}

export interface Sender {
  readonly caller: Caller;
  readonly visit: Visit;
}

const agentLengthMax = 200;

export function visitOf(context: Context, sender: { readonly policy: AccessPolicy } & Authenticated): Visit {
  const isSecure = isSecureVisit(context, sender.policy);
  const origin = originOf(context);
  return {
    asking: {
      actor: actorText(sender.caller.actor),
      requestId: origin.requestId,
      address: origin.address ?? '',
      agent: printable(context.req.header('user-agent') ?? '').slice(0, agentLengthMax),
    },
    session: sender.session,
    keySession: sender.keySession,
    isSecure,
    loginCookie: getCookie(context, cookieName('login', isSecure)),
    queryText: new URL(context.req.url).search.slice(1),
  };
}

export function credentialsOf(context: Context, policy: AccessPolicy): Credentials {
  return {
    authorization: context.req.header('authorization'),
    cookie: getCookie(context, cookieName('session', isSecureVisit(context, policy))),
    csrf: context.req.header('x-carrier-csrf'),
    fetchSite: context.req.header('sec-fetch-site'),
    isSafe: context.req.method === 'GET' || context.req.method === 'HEAD',
  };
}

/** HttpOnly: no script reads it. The session's is sent by pages of ours only; the login's also when the provider sends
 *  somebody back, which is all that it is for. */
export function cookieText(
  cookie: 'session' | 'login',
  { value, isSecure, seconds }: { readonly value: string; readonly isSecure: boolean; readonly seconds: number },
): string {
  const site = cookie === 'session' ? 'Strict' : 'Lax';
  return `${cookieName(cookie, isSecure)}=${value}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=${site}${isSecure ? '; Secure' : ''}`;
}

/** Over TLS, a name that no other host and no plain page can set. */
function cookieName(cookie: 'session' | 'login', isSecure: boolean): string {
  return `${isSecure ? '__Host-' : ''}carrier-${cookie}`;
}

/** What ends TLS in front of us is known by the address that people use. */
function isSecureVisit(context: Context, { publicUrl }: AccessPolicy): boolean {
  return isSecureOrigin(context) || publicUrl?.startsWith('https:') === true;
}

function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, '?');
}
