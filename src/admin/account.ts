import { z } from '@hono/zod-openapi';
import type { Caller } from '../access/caller.ts';
import { changePassword, confirmPassword } from '../access/password-login.ts';
import { beginTotp, confirmTotp, removeTotp } from '../access/second-factor.ts';
import { endAllSessions, endSession, listSessions } from '../access/sessions.ts';
import { findUser } from '../access/users.ts';
import { Fault } from '../completion/fault.ts';
import { accessContextOf } from './access-context.ts';
import type { AdminDependencies } from './dependencies.ts';
import { codeText, passwordText } from './login.ts';
import { type Operation, operation } from './operation.ts';

const sessionSchema = z
  .object({
    id: z.string(),
    way: z.enum(['password', 'oidc']),
    address: z.string(),
    agent: z.string(),
    createdAt: z.string(),
    usedAt: z.string(),
    expiresAt: z.string(),
    isThis: z.boolean().openapi({ description: 'The one that asks.' }),
  })
  .openapi('Session');

/** What people do about their own account. */
export function accountOperations(dependencies: AdminDependencies): readonly Operation[] {
  const context = accessContextOf(dependencies);
  return [
    operation({
      method: 'get',
      path: '/api/v1/account/sessions',
      access: { scope: 'self' },
      summary: 'The caller’s own open sessions, newest first',
      answer: z.object({ items: z.array(sessionSchema) }),
      handle: async ({ caller, visit }) => ({
        items: (await listSessions(context, userOf(caller))).map(session => ({
          id: session.id,
          way: session.way,
          address: session.address,
          agent: session.agent,
          createdAt: session.createdAt.toISOString(),
          usedAt: session.usedAt.toISOString(),
          expiresAt: session.expiresAt.toISOString(),
          isThis: session.id === visit.session?.id,
        })),
      }),
    }),
    operation({
      method: 'delete',
      path: '/api/v1/account/sessions/{id}',
      access: { scope: 'self' },
      summary: 'End one of the caller’s own sessions; `others` ends all but the one that asks',
      answer: z.object({ ended: z.int() }),
      recordsItself: true,
      handle: async ({ id, caller, visit }) => {
        const user = userOf(caller);
        if (id === 'others') {
          return { ended: await endAllSessions(context, { user, except: visit.session?.id }, visit.asking) };
        }
        await endSession(context, { id, user }, visit.asking);
        return { ended: 1 };
      },
    }),
    operation({
      method: 'post',
      path: '/api/v1/account/password',
      access: { scope: 'self' },
      summary: 'Choose another password; every session ends',
      body: z.strictObject({ current: passwordText, next: z.string().max(1_024) }),
      answer: z.object({ changed: z.literal(true) }),
      recordsItself: true,
      handle: async ({ body, caller, visit }) => {
        await changePassword(context, { user: userOf(caller), ...body }, visit.asking);
        return { changed: true };
      },
    }),
    operation({
      method: 'post',
      path: '/api/v1/account/totp',
      access: { scope: 'self' },
      summary: 'Begin a second factor: a secret for the authenticator app; nothing changes before it is confirmed',
      body: z.strictObject({ password: passwordText }),
      answer: z.object({ secret: z.string(), uri: z.string(), setUp: z.string() }),
      recordsItself: true,
      handle: async ({ body, caller, visit }) => {
        const user = userOf(caller);
        await confirmPassword(context, { user, password: body.password }, visit.asking);
        const found = await findUser(context, user);
        return beginTotp(context, { id: user, account: found?.email ?? found?.name ?? user });
      },
    }),
    operation({
      method: 'post',
      path: '/api/v1/account/totp/confirm',
      access: { scope: 'self' },
      summary: 'Confirm the second factor with its first code; answers the recovery codes, once',
      body: z.strictObject({ setUp: z.string().max(1_024), code: codeText }),
      answer: z.object({ recoveryCodes: z.array(z.string()) }),
      recordsItself: true,
      handle: async ({ body, caller, visit }) => ({
        recoveryCodes: await confirmTotp(context, { user: userOf(caller), ...body }, visit.asking),
      }),
    }),
    operation({
      method: 'post',
      path: '/api/v1/account/totp/remove',
      access: { scope: 'self' },
      summary: 'Remove the second factor, with the password and a code',
      body: z.strictObject({ password: passwordText, code: codeText }),
      answer: z.object({ removed: z.literal(true) }),
      recordsItself: true,
      handle: async ({ body, caller, visit }) => {
        const user = userOf(caller);
        await confirmPassword(context, { user, ...body }, visit.asking);
        await removeTotp(context, user, visit.asking);
        return { removed: true };
      },
    }),
  ];
}

/** Throws Fault('access_conflict') for callers who are no people. */
function userOf({ actor }: Caller): string {
  if (actor.kind === 'user') return actor.id;
  throw new Fault(
    'access_conflict',
    'This is for people who are logged in; the admin key and service accounts have no account.',
  );
}
