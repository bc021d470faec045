import { z } from '@hono/zod-openapi';
import { actorText, isReached } from '../access/caller.ts';
import { Fault } from '../completion/fault.ts';
import { type KeyResource, keyName, organisationOf, resourcesOf } from '../control/resources.ts';
import { authoriseFound, subjectOfProject } from './authorise.ts';
import type { AdminDependencies } from './dependencies.ts';
import { type Operation, operation, pageOf, pageQuery } from './operation.ts';

const keySchema = z
  .object({
    id: z.string(),
    name: z.string(),
    project: z.string(),
    expiresAt: z.string().nullable(),
    revoked: z.boolean(),
    allow: z.array(z.string()).nullable(),
    zones: z.array(z.string()).nullable(),
    mediaFetch: z.boolean().nullable().describe('null: as the project.'),
  })
  .openapi('Key');

const createBody = z.strictObject({
  project: z
    .string()
    .max(129)
    .regex(/^[^/]+\/[^/]+$/, { error: 'must be organisation/project' }),
  name: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/, { error: 'must be 1 to 64 letters, digits, . _ : or -' }),
  expiresAt: z.iso.datetime({ offset: true }).optional(),
  mediaFetch: z.boolean().optional().describe('Fetch media named by URL for it; as the project unless said.'),
});

export function keyOperations({ control }: AdminDependencies): readonly Operation[] {
  return [
    operation({
      method: 'get',
      path: '/api/v1/keys',
      access: { permission: 'keys.read', scope: 'organisation', of: 'answer' },
      summary: 'List keys, without their secrets',
      query: pageQuery.extend({ project: z.string().max(129).optional() }),
      answer: z.object({ items: z.array(keySchema), next: z.string().optional() }),
      handle: async ({ query, caller }) => {
        const keys = resourcesOf(await control.readConfiguration(), 'key');
        const reach = caller.reach('keys.read');
        const shown = keys.filter(
          ({ project }) =>
            (query.project === undefined || project === query.project) &&
            isReached(reach, { organisation: organisationOf(project), project }),
        );
        return pageOf(shown.map(toAnswer), query);
      },
    }),
    operation({
      method: 'post',
      path: '/api/v1/keys',
      access: { permission: 'keys.create', scope: 'organisation', of: ({ body }) => subjectOfProject(body.project) },
      summary: 'Create a key; its secret is in this answer and nowhere else',
      body: createBody,
      answer: keySchema.extend({ secret: z.string() }),
      status: 201,
      handle: async ({ body, caller }) => {
        const expiresAt = body.expiresAt === undefined ? null : new Date(body.expiresAt).toISOString();
        const { key, secret } = await control.createKey({ ...body, expiresAt, actor: actorText(caller.actor) });
        return { ...toAnswer(key), secret };
      },
    }),
    operation({
      method: 'delete',
      path: '/api/v1/keys/{id}',
      access: { permission: 'keys.revoke', scope: 'organisation', of: 'answer' },
      summary: 'Revoke a key, by id or as organisation/project/name with / as %2F',
      answer: keySchema,
      handle: async ({ id, caller }) => {
        const keys = resourcesOf(await control.readConfiguration(), 'key');
        const key = keys.find(one => one.id === id || keyName(one) === id);
        if (key === undefined) throw new Fault('resource_not_found', `There is no key ${id}.`);
        authoriseFound(caller, 'keys.revoke', subjectOfProject(key.project), 'keys.read');
        return toAnswer(await control.revokeKey(key.id, actorText(caller.actor)));
      },
    }),
  ];
}

function toAnswer(key: KeyResource) {
  const { id, name, project, expiresAt, revoked, allow, zones } = key;
  return { id, name, project, expiresAt, revoked, allow, zones, mediaFetch: key.mediaFetch ?? null };
}
