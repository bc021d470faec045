import { z } from '@hono/zod-openapi';
import { adminKeyCheck } from '../access/authenticate.ts';
import type { Caller } from '../access/caller.ts';
import { writtenGrant } from '../access/grants.ts';
import { acceptInvitation } from '../access/invitations.ts';
import { beginKeySession, endKeySession } from '../access/key-sessions.ts';
import { createOidcLogin, loginMs } from '../access/oidc-login.ts';
import { passwordLengthMax } from '../access/password.ts';
import { logIn, requireCode } from '../access/password-login.ts';
import { csrfOf, endSession, type Session } from '../access/sessions.ts';
import { Fault } from '../completion/fault.ts';
import { accessContextOf } from './access-context.ts';
import type { AdminDependencies } from './dependencies.ts';
import { grantSchema } from './grant-schema.ts';
import { type Operation, operation, Reply } from './operation.ts';
import { cookieText, type Visit } from './visit.ts';

export const emailText = z
  .string()
  .max(254)
  .regex(/^[^\s@]+@[^\s@]+$/, { error: 'must be an email address' });
export const passwordText = z.string().min(1).max(passwordLengthMax);
export const codeText = z.string().min(6).max(32).openapi({
  description: 'Of the authenticator app, or a recovery code.',
});

const whoSchema = z
  .object({
    actor: z.object({ kind: z.enum(['admin-key', 'user', 'service-account']), id: z.string(), name: z.string() }),
    grants: z.array(grantSchema),
    session: z
      .object({
        id: z.string(),
        way: z.enum(['password', 'oidc', 'admin-key']),
        createdAt: z.string(),
        expiresAt: z.string(),
      })
      .nullable(),
    csrf: z.string().nullable().openapi({
      description: 'To be sent as x-carrier-csrf with every change that is asked for with the cookie.',
    }),
  })
  .openapi('WhoAmI');

const begunSchema = z
  .object({
    token: z
      .string()
      .optional()
      .openapi({ description: 'To be sent as a bearer; absent where a cookie was asked for.' }),
    csrf: z.string(),
    expiresAt: z.string(),
  })
  .openapi('Login');

const returnText = z
  .string()
  .max(512)
  .regex(/^\/(?![/\\])[\x21-\x7e]*$/, { error: 'must be a path of this server' });

/** Logging in and out, and who one is. */
export function loginOperations(dependencies: AdminDependencies): readonly Operation[] {
  const context = accessContextOf(dependencies);
  const oidc = createOidcLogin(context);
  const isAdminKey = adminKeyCheck(dependencies.adminKey);
  return [
    operation({
      method: 'get',
      path: '/api/v1/login/ways',
      access: { scope: 'public' },
      summary: 'How one may log in here',
      answer: z.object({ passwords: z.boolean(), oidc: z.boolean() }),
      handle: async () => {
        const policy = await context.policy();
        return { passwords: policy.passwords, oidc: policy.oidc !== undefined };
      },
    }),
    operation({
      method: 'post',
      path: '/api/v1/login',
      access: { scope: 'public' },
      summary: 'Log in with address and password',
      body: z.strictObject({
        email: emailText,
        password: passwordText,
        code: codeText.optional(),
        cookie: z
          .boolean()
          .default(false)
          .openapi({ description: 'For pages: the token comes as a cookie that no script can read.' }),
      }),
      answer: begunSchema,
      recordsItself: true,
      handle: async ({ body: { cookie, ...login }, visit }) => {
        const { token, session } = await logIn(context, login, visit.asking);
        const answer = { csrf: csrfOf(context, session.id), expiresAt: session.expiresAt.toISOString() };
        if (!cookie) return { token, ...answer };
        return new Reply(answer, { headers: { 'set-cookie': sessionCookie(token, session, visit) } });
      },
    }),
    operation({
      method: 'post',
      path: '/api/v1/login/admin-key',
      access: { scope: 'public' },
      summary: 'Log a page in with the admin key',
      description:
        'The page keeps a cookie that no script can read, and not the key. It ends as sessions of people do, and when the admin key is another one.',
      body: z.strictObject({ key: z.string().min(1).max(512) }),
      answer: begunSchema,
      recordsItself: true,
      handle: async ({ body: { key }, visit }) => {
        if (!isAdminKey(key)) throw new Fault('admin_key_invalid');
        const { token, session } = await beginKeySession(context, key, visit.asking);
        const answer = { csrf: csrfOf(context, session.id), expiresAt: session.expiresAt.toISOString() };
        return new Reply(answer, { headers: { 'set-cookie': sessionCookie(token, session, visit) } });
      },
    }),
    operation({
      method: 'get',
      path: '/api/v1/login/oidc',
      access: { scope: 'public' },
      summary: 'Log in by the login provider: sends the browser there',
      query: z.object({ returnTo: returnText.default('/console/') }),
      answer: z.string(),
      contentType: 'text/html',
      handle: async ({ query, visit: { isSecure } }) => {
        const { url, browser } = await oidc.begin(query.returnTo);
        const cookie = cookieText('login', { value: browser, isSecure, seconds: loginMs / 1_000 });
        return new Reply('', { status: 303, headers: { location: url, 'set-cookie': cookie } });
      },
    }),
    operation({
      method: 'get',
      path: '/api/v1/login/oidc/callback',
      access: { scope: 'public' },
      summary: 'Where the login provider sends the browser back to',
      answer: z.string(),
      contentType: 'text/html',
      recordsItself: true,
      handle: async ({ visit }) => {
        const answer = { query: visit.queryText, browser: visit.loginCookie };
        const { token, session, returnTo } = await oidc.finish(answer, visit.asking);
        return new Reply(goOnPage(returnTo), {
          headers: {
            'set-cookie': sessionCookie(token, session, visit),
            'content-security-policy': "default-src 'none'",
            'referrer-policy': 'no-referrer',
          },
        });
      },
    }),
    operation({
      method: 'post',
      path: '/api/v1/invitations/accept',
      access: { scope: 'public' },
      summary: 'Take an invitation with a password, or choose a new password after a reset',
      body: z.strictObject({
        token: z.string().max(128).openapi({ description: 'Of the invitation or reset; it works once.' }),
        password: passwordText.openapi({
          description: 'The new one; of somebody who is here already and takes a further role, their own.',
        }),
        name: z.string().trim().min(1).max(100).optional(),
        code: codeText.optional(),
      }),
      answer: z.object({ user: z.string(), purpose: z.enum(['join', 'reset']) }),
      recordsItself: true,
      handle: async ({ body: { token, password, name, code }, visit }) => {
        const checkCode = (user: string) => requireCode(context, user, code);
        const taken = await acceptInvitation(context, { token, password, name, checkCode }, visit.asking);
        return { user: taken.userId, purpose: taken.purpose };
      },
    }),
    operation({
      method: 'get',
      path: '/api/v1/session',
      access: { scope: 'self' },
      summary: 'Who the caller is and what roles they have',
      answer: whoSchema,
      handle: ({ caller, visit }) => whoOf(caller, visit),
    }),
    operation({
      method: 'delete',
      path: '/api/v1/session',
      access: { scope: 'self' },
      summary: 'Log out: end the session that asks',
      answer: z.object({ ended: z.boolean() }),
      recordsItself: true,
      handle: async ({ visit: { session, keySession, asking, isSecure } }) => {
        if (keySession !== undefined) await endKeySession(context, keySession.id, asking);
        else if (session !== undefined) await endSession(context, { id: session.id, user: session.userId }, asking);
        else throw new Fault('access_conflict', 'This caller has no session to end.');
        const cookie = cookieText('session', { value: '', isSecure, seconds: 0 });
        return new Reply({ ended: true }, { headers: { 'set-cookie': cookie } });
      },
    }),
  ];

  function whoOf({ actor, grants }: Caller, { session: own, keySession }: Visit) {
    const session = own ?? (keySession === undefined ? undefined : { ...keySession, way: 'admin-key' as const });
    return {
      actor,
      grants: grants.map(writtenGrant),
      session:
        session === undefined
          ? null
          : {
              id: session.id,
              way: session.way,
              createdAt: session.createdAt.toISOString(),
              expiresAt: session.expiresAt.toISOString(),
            },
      csrf: session === undefined ? null : csrfOf(context, session.id),
    };
  }

  function sessionCookie(token: string, session: Pick<Session, 'expiresAt'>, { isSecure }: Visit): string {
    const seconds = Math.floor((session.expiresAt.getTime() - context.nowMs()) / 1_000);
    return cookieText('session', { value: token, isSecure, seconds });
  }
}

/** A redirect would still be the provider's navigation, and a strict cookie is not sent with that; a page of ours begins a
 *  new one. */
function goOnPage(returnTo: string): string {
  const path = returnTo.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');
  return (
    `<!doctype html><html lang="en"><meta charset="utf-8"><title>Logged in</title>` +
    `<meta http-equiv="refresh" content="0;url=${path}"><p>Logged in. <a href="${path}">Go on</a></p></html>\n`
  );
}
