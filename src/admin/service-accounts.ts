import { z } from '@hono/zod-openapi';
import type { Caller } from '../access/caller.ts';
import {
  type AccountToken,
  createAccountToken,
  createServiceAccount,
  findAccountOfToken,
  listServiceAccounts,
  removeServiceAccount,
  revokeAccountToken,
  type ServiceAccount,
  tokenDaysDefault,
  tokenDaysMax,
} from '../access/service-accounts.ts';
import { Fault } from '../completion/fault.ts';
import { resourceOf } from '../control/resources.ts';
import { accessContextOf } from './access-context.ts';
import { authoriseFound } from './authorise.ts';
import type { AdminDependencies } from './dependencies.ts';
import { type Operation, operation, pageQuery } from './operation.ts';

const tokenSchema = z
  .object({
    id: z.string(),
    createdAt: z.string(),
    expiresAt: z.string(),
    revokedAt: z.string().nullable(),
    usedAt: z.string().nullable().openapi({ description: 'To the minute.' }),
  })
  .openapi('ServiceAccountToken');
const accountSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    organisation: z.string().nullable().openapi({ description: 'null: of the installation.' }),
    state: z.enum(['active', 'disabled']),
    createdAt: z.string(),
    tokens: z.array(tokenSchema),
  })
  .openapi('ServiceAccount');

/** What calls the management API for itself. What it may do are memberships. */
export function serviceAccountOperations(dependencies: AdminDependencies): readonly Operation[] {
  const context = accessContextOf(dependencies);
  return [
    operation({
      method: 'get',
      path: '/api/v1/service-accounts',
      access: { permission: 'service-accounts.read', scope: 'organisation', of: 'answer' },
      summary: 'Service accounts and their tokens, without secrets',
      query: pageQuery.extend({ organisation: z.string().max(64).optional() }),
      answer: z.object({ items: z.array(accountSchema), next: z.string().optional() }),
      handle: async ({ query: { limit, after, organisation }, caller }) => {
        const filter = { reach: caller.reach('service-accounts.read'), organisation };
        const accounts = await listServiceAccounts(context, filter, { limit, after });
        const shown = accounts.slice(0, limit);
        const last = shown.at(-1);
        const next = accounts.length > limit && last !== undefined ? { next: last.id } : {};
        return { items: shown.map(accountAnswer), ...next };
      },
    }),
    operation({
      method: 'post',
      path: '/api/v1/service-accounts',
      access: {
        permission: 'service-accounts.write',
        scope: 'organisation',
        of: ({ body }) => ({ organisation: body.organisation ?? null }),
      },
      summary: 'Create a service account; give it a role, then a token',
      body: z.strictObject({
        name: z
          .string()
          .regex(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/, { error: 'must be 1 to 64 letters, digits, . _ : or -' }),
        organisation: z.string().max(64).optional().openapi({ description: 'Of the installation unless said.' }),
      }),
      answer: accountSchema,
      status: 201,
      recordsItself: true,
      handle: async ({ body: { name, organisation = null }, visit }) => {
        const configuration = await dependencies.control.readConfiguration();
        if (organisation !== null && resourceOf(configuration, 'organisation', organisation) === undefined) {
          throw new Fault('resource_not_found', `There is no organisation ${organisation}.`);
        }
        const id = await createServiceAccount(context, { name, organisation }, visit.asking);
        return accountAnswer(await find(id));
      },
    }),
    operation({
      method: 'delete',
      path: '/api/v1/service-accounts/{id}',
      access: { permission: 'service-accounts.write', scope: 'organisation', of: 'answer' },
      summary: 'Remove a service account with its tokens and roles',
      answer: accountSchema,
      idHasSlashes: false,
      recordsItself: true,
      handle: async ({ id, caller, visit }) => {
        const account = await findFor(caller, id);
        await removeServiceAccount(context, id, visit.asking);
        return accountAnswer(account);
      },
    }),
    operation({
      method: 'post',
      path: '/api/v1/service-accounts/{id}/tokens',
      access: { permission: 'service-accounts.write', scope: 'organisation', of: 'answer' },
      summary: 'Create a token; it is in this answer and nowhere else',
      idHasSlashes: false,
      body: z.strictObject({
        days: z
          .int()
          .min(1)
          .max(tokenDaysMax)
          .default(tokenDaysDefault)
          .openapi({ description: 'How long it is valid.' }),
      }),
      answer: tokenSchema.extend({ token: z.string() }),
      status: 201,
      recordsItself: true,
      handle: async ({ id, body, caller, visit }) => {
        await findFor(caller, id);
        const { token, ...made } = await createAccountToken(context, { account: id, days: body.days }, visit.asking);
        return { ...tokenAnswer(made), token };
      },
    }),
    operation({
      method: 'delete',
      path: '/api/v1/service-account-tokens/{id}',
      access: { permission: 'service-accounts.write', scope: 'organisation', of: 'answer' },
      summary: 'Revoke a token, by the eight characters of its id',
      answer: z.object({ id: z.string(), revoked: z.literal(true) }),
      recordsItself: true,
      handle: async ({ id, caller, visit }) => {
        const account = await findAccountOfToken(context, id);
        if (account === undefined) throw new Fault('resource_not_found', `There is no token ${id}.`);
        refuseOthers(caller, account.organisation);
        await revokeAccountToken(context, id, visit.asking);
        return { id, revoked: true };
      },
    }),
  ];

  async function find(id: string): Promise<ServiceAccount> {
    const [account] = await listServiceAccounts(context, { reach: 'all', id }, { limit: 1 });
    if (account === undefined) throw new Fault('resource_not_found', `There is no service account ${id}.`);
    return account;
  }

  async function findFor(caller: Caller, id: string): Promise<ServiceAccount> {
    const account = await find(id);
    refuseOthers(caller, account.organisation);
    return account;
  }
}

function refuseOthers(caller: Caller, organisation: string | null): void {
  authoriseFound(caller, 'service-accounts.write', { organisation }, 'service-accounts.read');
}

function accountAnswer({ id, name, organisation, state, createdAt, tokens }: ServiceAccount) {
  return { id, name, organisation, state, createdAt: createdAt.toISOString(), tokens: tokens.map(tokenAnswer) };
}

function tokenAnswer({ id, createdAt, expiresAt, revokedAt, usedAt }: AccountToken) {
  return {
    id,
    createdAt: createdAt.toISOString(),
    expiresAt: expiresAt.toISOString(),
    revokedAt: revokedAt?.toISOString() ?? null,
    usedAt: usedAt?.toISOString() ?? null,
  };
}
