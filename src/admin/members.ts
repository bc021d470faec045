import { z } from '@hono/zod-openapi';
import { type Caller, type Grant, isOfOrganisation, isReached, type Reach } from '../access/caller.ts';
import { writtenGrant } from '../access/grants.ts';
import {
  findInvitation,
  type Invitation,
  invitationDaysDefault,
  invitationDaysMax,
  invite,
  listInvitations,
  withdrawInvitation,
} from '../access/invitations.ts';
import {
  findMembership,
  grantRole,
  grantsOf,
  listMemberships,
  type Member,
  type Membership,
  takeRole,
} from '../access/memberships.ts';
import { listServiceAccounts } from '../access/service-accounts.ts';
import { Fault } from '../completion/fault.ts';
import { accessContextOf } from './access-context.ts';
import { authoriseFound, authoriseSubject } from './authorise.ts';
import type { AdminDependencies } from './dependencies.ts';
import { grantFields, grantSchema, readGrant, subjectsOfGrant } from './grant-schema.ts';
import { emailText } from './login.ts';
import { type Operation, operation, pageQuery } from './operation.ts';

const memberSchema = z
  .object({
    id: z.string(),
    user: z.string().nullable(),
    serviceAccount: z.string().nullable(),
    name: z.string().openapi({ description: 'A person’s address, or a service account’s name.' }),
    grant: grantSchema,
    grantedBy: z.string(),
    createdAt: z.string(),
  })
  .openapi('Member');

const invitationSchema = z
  .object({
    id: z.string(),
    email: z.string(),
    grant: grantSchema,
    invitedBy: z.string(),
    createdAt: z.string(),
    expiresAt: z.string(),
  })
  .openapi('Invitation');

const ofOrganisation = pageQuery.extend({
  organisation: z.string().max(64).optional().openapi({ description: 'Only of this one.' }),
});

/** Who has which role, and who is invited to one. */
export function memberOperations(dependencies: AdminDependencies): readonly Operation[] {
  const context = accessContextOf(dependencies);
  const { control } = dependencies;
  return [
    operation({
      method: 'get',
      path: '/api/v1/members',
      access: { permission: 'members.read', scope: 'organisation', of: 'answer' },
      summary: 'Roles that people and service accounts were given',
      query: ofOrganisation,
      answer: z.object({
        items: z.array(memberSchema),
        groups: z.array(z.object({ group: z.string(), grant: grantSchema })).openapi({
          description:
            'Roles of whoever the login provider says is in a group, by `access.oidc.groups`; on every page.',
        }),
        next: z.string().optional(),
      }),
      handle: async ({ query: { limit, after, organisation }, caller }) => {
        const filter = { reach: caller.reach('members.read'), organisation };
        const given = (await context.policy()).oidc?.groups ?? [];
        const groups = given
          .filter(({ grant }) => isSeen(grant, filter))
          .map(({ group, grant }) => ({ group, grant: writtenGrant(grant) }));
        return { ...pageOf(await listMemberships(context, filter, { limit, after }), limit, memberAnswer), groups };
      },
    }),
    operation({
      method: 'post',
      path: '/api/v1/members',
      access: { permission: 'members.write', scope: 'organisation', of: ({ body }) => subjectsOfGrant(body) },
      summary: 'Give a role to a user or a service account; the same again is the same',
      description: 'People who have no role in the organisation yet are invited instead.',
      body: z.strictObject({
        user: z.string().max(64).optional(),
        serviceAccount: z.string().max(64).optional(),
        ...grantFields,
      }),
      answer: memberSchema,
      status: 201,
      recordsItself: true,
      handle: async ({ body: { user, serviceAccount, ...written }, caller, visit }) => {
        if ((user === undefined) === (serviceAccount === undefined)) {
          throw new Fault('parameter_invalid', 'Name either a user or a service account.');
        }
        const grant = readGrant(written, await control.readConfiguration());
        const member: Member = user === undefined ? { serviceAccount: serviceAccount! } : { user };
        await refuseStranger(caller, member, written.organisation);
        const id = await grantRole(context, { member, grant }, visit.asking);
        return memberAnswer((await findMembership(context, id))!); // given above
      },
    }),
    operation({
      method: 'delete',
      path: '/api/v1/members/{id}',
      access: { permission: 'members.write', scope: 'organisation', of: 'answer' },
      summary: 'Take a role away; requests under way with it end as they began',
      answer: memberSchema,
      recordsItself: true,
      handle: async ({ id, caller, visit }) => {
        const found = await findMembership(context, id);
        if (found === undefined) throw new Fault('resource_not_found', `There is no membership ${id}.`);
        for (const subject of subjectsOfGrant(writtenGrant(found.grant))) {
          authoriseFound(caller, 'members.write', subject, 'members.read');
        }
        await takeRole(context, id, visit.asking);
        return memberAnswer(found);
      },
    }),
    operation({
      method: 'get',
      path: '/api/v1/invitations',
      access: { permission: 'members.read', scope: 'organisation', of: 'answer' },
      summary: 'Open invitations, without their tokens',
      query: ofOrganisation,
      answer: z.object({ items: z.array(invitationSchema), next: z.string().optional() }),
      handle: async ({ query: { limit, after, organisation }, caller }) => {
        const filter = { reach: caller.reach('members.read'), organisation };
        return pageOf(await listInvitations(context, filter, { limit, after }), limit, invitationAnswer);
      },
    }),
    operation({
      method: 'post',
      path: '/api/v1/invitations',
      access: { permission: 'members.write', scope: 'organisation', of: ({ body }) => subjectsOfGrant(body) },
      summary: 'Invite somebody to a role; the token is in this answer and nowhere else',
      description:
        'Who takes it proves the address by a login of the provider, or has the token and chooses a password.',
      body: z.strictObject({
        email: emailText,
        ...grantFields,
        days: z
          .int()
          .min(1)
          .max(invitationDaysMax)
          .default(invitationDaysDefault)
          .openapi({ description: 'How long it is open.' }),
      }),
      answer: invitationSchema.extend({ token: z.string() }),
      status: 201,
      recordsItself: true,
      handle: async ({ body: { email, days, ...written }, visit }) => {
        const grant = readGrant(written, await control.readConfiguration());
        const { token, invitation } = await invite(context, { email, grant, days }, visit.asking);
        return { ...invitationAnswer(invitation), token };
      },
    }),
    operation({
      method: 'delete',
      path: '/api/v1/invitations/{id}',
      access: { permission: 'members.write', scope: 'organisation', of: 'answer' },
      summary: 'Withdraw an open invitation',
      answer: invitationSchema,
      recordsItself: true,
      handle: async ({ id, caller, visit }) => {
        const found = await findInvitation(context, id);
        if (found === undefined) throw new Fault('resource_not_found', `There is no open invitation ${id}.`);
        for (const subject of subjectsOfGrant(writtenGrant(found.grant))) {
          authoriseFound(caller, 'members.write', subject, 'members.read');
        }
        await withdrawInvitation(context, id, visit.asking);
        return invitationAnswer(found);
      },
    }),
  ];

  /** Whom the caller cannot see is not there. A service account of an organisation has roles in that one only: whoever runs
   *  the organisation makes its tokens. */
  async function refuseStranger(caller: Caller, member: Member, organisation: string | undefined): Promise<void> {
    if ('serviceAccount' in member) {
      const [account] = await listServiceAccounts(context, { reach: 'all', id: member.serviceAccount }, { limit: 1 });
      if (account === undefined) throw new Fault('resource_not_found');
      authoriseSubject(caller, 'service-accounts.write', { organisation: account.organisation });
      if (account.organisation !== null && account.organisation !== organisation) {
        throw new Fault('access_conflict', 'A service account of an organisation has roles in that organisation only.');
      }
      return;
    }
    if (caller.may('users.read')) return;
    const grants = await grantsOf(context, member);
    const isMember = grants.some(grant => grant.at === 'organisation' && grant.organisation === organisation);
    if (!isMember) throw new Fault('resource_not_found');
  }
}

function pageOf<Row extends { readonly id: string }, Item>(
  rows: readonly Row[],
  limit: number,
  toItem: (row: Row) => Item,
) {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const next = rows.length > limit && last !== undefined ? { next: last.id } : {};
  return { items: shown.map(toItem), ...next };
}

/** Of a group's role: the rule by which memberships are listed. */
function isSeen(
  grant: Grant,
  { reach, organisation }: { readonly reach: 'all' | Reach; readonly organisation: string | undefined },
): boolean {
  if (!isOfOrganisation(grant)) return reach === 'all' && organisation === undefined;
  if (organisation !== undefined && grant.organisation !== organisation) return false;
  if (isReached(reach, grant)) return true;
  const { projects } = grant;
  if (projects === undefined) return false;
  return projects.every(name =>
    isReached(reach, { organisation: grant.organisation, project: `${grant.organisation}/${name}` }),
  );
}

function memberAnswer({ id, member, memberName, grant, grantedBy, createdAt }: Membership) {
  return {
    id,
    user: 'user' in member ? member.user : null,
    serviceAccount: 'serviceAccount' in member ? member.serviceAccount : null,
    name: memberName,
    grant: writtenGrant(grant),
    grantedBy,
    createdAt: createdAt.toISOString(),
  };
}

function invitationAnswer({ id, email, grant, invitedBy, createdAt, expiresAt }: Invitation) {
  return {
    id,
    email,
    grant: writtenGrant(grant),
    invitedBy,
    createdAt: createdAt.toISOString(),
    expiresAt: expiresAt.toISOString(),
  };
}
