import { z } from '@hono/zod-openapi';
import { beginReset } from '../access/invitations.ts';
import { endAllSessions } from '../access/sessions.ts';
import { findUser, listUsers, setUserState, type User } from '../access/users.ts';
import { Fault } from '../completion/fault.ts';
import { accessContextOf } from './access-context.ts';
import type { AdminDependencies } from './dependencies.ts';
import { type Operation, operation, pageQuery } from './operation.ts';

const userSchema = z
  .object({
    id: z.string(),
    email: z.string().nullable(),
    name: z.string(),
    state: z.enum(['active', 'disabled']),
    hasPassword: z.boolean(),
    hasTotp: z.boolean(),
    issuer: z.string().nullable().openapi({ description: 'The login provider that knows them.' }),
    groups: z.array(z.string()).openapi({ description: 'As the login provider said at the last login.' }),
    createdAt: z.string(),
  })
  .openapi('User');

/** Users of the installation. Their roles are memberships. */
export function userOperations(dependencies: AdminDependencies): readonly Operation[] {
  const context = accessContextOf(dependencies);
  const path = '/api/v1/users/{id}';
  return [
    operation({
      method: 'get',
      path: '/api/v1/users',
      access: { permission: 'users.read', scope: 'installation' },
      summary: 'Users of the installation',
      query: pageQuery,
      answer: z.object({ items: z.array(userSchema), next: z.string().optional() }),
      handle: async ({ query: { limit, after } }) => {
        const users = await listUsers(context, { limit, after });
        const shown = users.slice(0, limit);
        const last = shown.at(-1);
        const next = users.length > limit && last !== undefined ? { next: last.id } : {};
        return { items: shown.map(toAnswer), ...next };
      },
    }),
    ...(['disable', 'enable'] as const).map(verb =>
      operation({
        method: 'post',
        path: `${path}/${verb}`,
        access: { permission: 'users.write', scope: 'installation' },
        summary:
          verb === 'disable'
            ? 'Let a user in no more; their sessions end, their roles stay'
            : 'Let a user in again, with the roles they had',
        body: z.strictObject({}),
        answer: userSchema,
        recordsItself: true,
        handle: async ({ id, visit }) => {
          await setUserState(context, { id, state: verb === 'disable' ? 'disabled' : 'active' }, visit.asking);
          return answerOf(id);
        },
      }),
    ),
    operation({
      method: 'post',
      path: `${path}/end-sessions`,
      access: { permission: 'users.write', scope: 'installation' },
      summary: 'End every session of a user',
      body: z.strictObject({}),
      answer: z.object({ ended: z.int() }),
      recordsItself: true,
      handle: async ({ id, visit }) => {
        await answerOf(id);
        return { ended: await endAllSessions(context, { user: id }, visit.asking) };
      },
    }),
    operation({
      method: 'post',
      path: `${path}/reset`,
      access: { permission: 'users.write', scope: 'installation' },
      summary: 'Let a user choose a new password once; the second factor goes. The token is in this answer only',
      body: z.strictObject({}),
      answer: z.object({ token: z.string(), expiresAt: z.string() }),
      status: 201,
      recordsItself: true,
      handle: async ({ id, visit }) => {
        const { token, expiresAt } = await beginReset(context, id, visit.asking);
        return { token, expiresAt: expiresAt.toISOString() };
      },
    }),
  ];

  async function answerOf(id: string) {
    const user = await findUser(context, id);
    if (user === undefined) throw new Fault('resource_not_found', `There is no user ${id}.`);
    return toAnswer(user);
  }
}

function toAnswer({ createdAt, ...user }: User) {
  return { ...user, createdAt: createdAt.toISOString() };
}
