import { z } from '@hono/zod-openapi';
import { isReached } from '../access/caller.ts';
import type { Permission } from '../access/permissions.ts';
import { Fault } from '../completion/fault.ts';
import { documentOf, etagOf, findManaged } from '../control/resource-documents.ts';
import { type KeyResource, keyName, organisationOf, resourcesOf } from '../control/resources.ts';
import { type Access, authoriseFound, permissionsFor, subjectOfProject } from './authorise.ts';
import type { AdminDependencies } from './dependencies.ts';
import { type Call, type Operation, operation, pageOf, pageQuery, Reply } from './operation.ts';
import { documentSchemas, kindTable } from './resource-kinds.ts';
import { answerConditionally, anyDocument, invalidField } from './resources.ts';
import { reviewFields } from './review-fields.ts';

const answerSchema = z
  .object({
    id: z.string().openapi({ description: 'The eight characters that every secret of it begins with.' }),
    name: z.string(),
    project: z.string(),
    state: z.enum(['active', 'expired', 'revoked']),
    createdAt: z.string().nullable().openapi({ description: 'null: by a release that did not note it.' }),
    expiresAt: z.string().nullable(),
    revoked: z.boolean(),
    sigv4: z.boolean().openapi({
      description: 'May it sign requests as AWS SDKs do? Then its secret itself is kept, encrypted.',
    }),
    allow: z.array(z.string()).nullable(),
    zones: z.array(z.string()).nullable(),
    mediaFetch: z.boolean().nullable().describe('null: as the project.'),
    previousUntil: z
      .array(z.string())
      .openapi({ description: 'Until when secrets that were rotated away are good, the newest first.' }),
    document: z
      .strictObject(documentSchemas.key.shape)
      .openapi({ description: 'As a declarative file writes it, and as PUT takes it.' }),
  })
  .openapi('Key');

const path = '/api/v1/keys/{id}';
const overlapSecondsMax = 90 * 86_400;
/** A day: time for a deployment of whoever uses the key. */
const overlapSecondsDefault = 86_400;
const byAnyName = 'By id, or as organisation/project/name with / as %2F.';

export function keyOperations({ control, nowMs }: AdminDependencies): readonly Operation[] {
  const found = (permission: Permission) =>
    ({ permission, scope: 'organisation', of: 'answer' }) as const satisfies Access;
  return [
    operation({
      method: 'get',
      path: '/api/v1/keys',
      access: found('keys.read'),
      summary: 'List keys, without their secrets',
      query: pageQuery.extend({ project: z.string().max(129).optional() }),
      answer: z.object({ items: z.array(answerSchema), next: z.string().optional() }),
      handle: async ({ query, caller }) => {
        const keys = resourcesOf(await control.readConfiguration(), 'key');
        const reach = caller.reach('keys.read');
        const shown = keys.filter(
          ({ project }) =>
            (query.project === undefined || project === query.project) &&
            isReached(reach, { organisation: organisationOf(project), project }),
        );
        const page = pageOf(shown, query);
        return { ...page, items: page.items.map(toAnswer) };
      },
    }),
    operation({
      method: 'post',
      path: '/api/v1/keys',
      access: {
        permission: 'keys.create',
        scope: 'organisation',
        of: ({ body }) => subjectOfProject(String(body['project'])),
      },
      summary: 'Create a key; its secret is in this answer and nowhere else',
      description: 'With `secret: env:NAME` the secret is imported, and not in the answer.',
      body: anyDocument,
      bodyShown: z.strictObject({
        project: z.string().openapi({ description: 'organisation/project' }),
        name: z.string(),
        ...documentSchemas.key.shape,
      }),
      example: { project: 'acme/web', name: 'ci', ...kindTable.key.example },
      answer: answerSchema.extend({ secret: z.string().optional() }),
      status: 201,
      hasEtag: true,
      recordsItself: true,
      handle: async ({ body, caller, author, preconditions }) => {
        const { project, name, ...document } = body;
        if (typeof project !== 'string' || !/^[^/]+\/[^/]+$/.test(project)) {
          throw invalidField('project', 'must be organisation/project');
        }
        if (typeof name !== 'string' || name === '' || name.includes('/')) {
          throw invalidField('name', 'must be 1 to 64 letters, digits, . _ : or -');
        }
        const { key, secret } = await control.createKey({
          ...author,
          project,
          name,
          document,
          preconditions,
          review: reviewFields('key', caller, `${project}/${name}`),
        });
        return replyOf(key, key.reference === null ? { secret } : {}, 201);
      },
    }),
    operation({
      method: 'get',
      path,
      access: found('keys.read'),
      summary: 'Show a key, without its secret',
      description: byAnyName,
      answer: answerSchema,
      hasEtag: true,
      handle: async call => {
        const key = await find(call, 'keys.read');
        return answerConditionally(key, toAnswer(key), call.preconditions.ifNoneMatch);
      },
    }),
    ...(['put', 'patch'] as const).map(method =>
      operation({
        method,
        path,
        access: method === 'patch' ? { ...found('keys.write'), fields: kindTable.key.fields } : found('keys.write'),
        summary:
          method === 'put'
            ? 'Replace what a key may do; its secret stays'
            : 'Change a key: a JSON merge patch of its document',
        description: `${byAnyName} Project and name stay.`,
        body: anyDocument,
        ...(method === 'patch' ? { bodyTypes: ['application/merge-patch+json', 'application/json'] } : {}),
        bodyShown:
          method === 'put' ? documentSchemas.key : z.looseObject({}).openapi({ description: 'Part of the document.' }),
        example: method === 'put' ? kindTable.key.example : { tags: { team: 'search' }, origins: null },
        answer: answerSchema,
        hasEtag: true,
        recordsItself: true,
        handle: async call => {
          const fields = method === 'patch' ? kindTable.key.fields : {};
          const needed = permissionsFor({ permission: 'keys.write', fields }, call.body);
          const [key] = await Promise.all(needed.map(permission => find(call, permission)));
          const { resource } = await control.writeResource({
            ...call.author,
            kind: 'key',
            name: key!.id,
            mode: method === 'put' ? 'replace' : 'patch',
            document: call.body,
            preconditions: call.preconditions,
            review: reviewFields('key', call.caller, keyName(key!)),
          });
          return replyOf(resource as KeyResource, {}, 200); // true: of the kind that was written
        },
      }),
    ),
    operation({
      method: 'post',
      path: `${path}/rotate`,
      access: found('keys.rotate'),
      summary:
        'Give a key a new secret, which is in this answer and nowhere else; the one before stays good for a while',
      description: `${byAnyName} Both secrets are the same key: one usage, one set of limits and budgets. An overlap of 0 ends every secret before at once.`,
      body: z.strictObject({
        overlapSeconds: z
          .int()
          .min(0)
          .max(overlapSecondsMax)
          .default(overlapSecondsDefault)
          .openapi({ description: 'How long secrets from before are good; a day unless said, 90 days at most.' }),
      }),
      example: { overlapSeconds: 3_600 },
      answer: answerSchema.extend({
        secret: z.string(),
        notices: z.array(z.string()).openapi({ description: 'What should be done now, in words.' }),
      }),
      hasEtag: true,
      recordsItself: true,
      handle: async call => {
        const { id } = await find(call, 'keys.rotate');
        const { key, secret, detachedFrom } = await control.rotateKey({
          ...call.author,
          name: id,
          overlapMs: call.body.overlapSeconds * 1_000,
          preconditions: call.preconditions,
        });
        const notices =
          detachedFrom === null
            ? []
            : [`Its secret no longer comes from ${detachedFrom}: take \`secret\` out of the file that names it.`];
        return replyOf(key, { secret, notices }, 200);
      },
    }),
    operation({
      method: 'delete',
      path,
      access: found('keys.revoke'),
      summary: 'Revoke a key for good, with every secret that it has',
      description: `${byAnyName} It stays in lists, so that its usage keeps its name.`,
      answer: answerSchema,
      hasEtag: true,
      recordsItself: true,
      handle: async call => {
        const { id } = await find(call, 'keys.revoke');
        const { author, preconditions } = call;
        return replyOf(await control.revokeKey(id, { ...author, preconditions }), {}, 200);
      },
    }),
  ];

  async function find({ id, caller }: Pick<Call, 'id' | 'caller'>, permission: Permission): Promise<KeyResource> {
    const key = findManaged(await control.readConfiguration(), 'key', id);
    if (key?.kind !== 'key') throw new Fault('resource_not_found', `There is no key ${id}.`);
    authoriseFound(caller, permission, subjectOfProject(key.project), 'keys.read');
    return key;
  }

  function replyOf(key: KeyResource, more: Readonly<Record<string, unknown>>, status: 200 | 201): Reply {
    const headers = { etag: etagOf(key), ...(status === 201 ? { location: `/api/v1/keys/${key.id}` } : {}) };
    return new Reply({ ...toAnswer(key), ...more }, { status, headers });
  }

  function toAnswer(key: KeyResource) {
    const { id, name, project, expiresAt, revoked, allow, zones } = key;
    const now = nowMs();
    const isExpired = expiresAt !== null && Date.parse(expiresAt) <= now;
    return {
      id,
      name,
      project,
      state: revoked ? 'revoked' : isExpired ? 'expired' : 'active',
      createdAt: key.createdAt ?? null,
      expiresAt,
      revoked,
      sigv4: key.secretSealed !== undefined,
      allow,
      zones,
      mediaFetch: key.mediaFetch ?? null,
      previousUntil: (key.previous ?? []).map(({ until }) => until).filter(until => Date.parse(until) > now),
      document: documentOf(key),
    };
  }
}
