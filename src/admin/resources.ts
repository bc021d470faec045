import { z } from '@hono/zod-openapi';
import { isReached } from '../access/caller.ts';
import { Fault } from '../completion/fault.ts';
import { ConfigurationError } from '../config/problem.ts';
import { matches } from '../control/preconditions.ts';
import {
  documentOf,
  etagOf,
  findManaged,
  type ManagedKind,
  type ManagedResource,
} from '../control/resource-documents.ts';
import { organisationOf, resourcesOf } from '../control/resources.ts';
import { type Access, subjectOfProject } from './authorise.ts';
import type { AdminDependencies } from './dependencies.ts';
import { type Call, type Operation, operation, pageOf, pageQuery, Reply } from './operation.ts';
import { documentSchemas, kindTable } from './resource-kinds.ts';
import { reviewFields } from './review-fields.ts';

type PlainKind = Exclude<ManagedKind, 'key'>;
const plainKinds = ['organisation', 'project', 'provider', 'deployment', 'route'] as const;

/** Read here as any object: the one schema of declarative files says what may be in it, with the same words. */
export const anyDocument = z.custom<Readonly<Record<string, unknown>>>(
  value => typeof value === 'object' && value !== null && !Array.isArray(value),
  { error: 'must be an object' },
);

const credentialValue = z
  .string()
  .min(1)
  .max(4_096)
  .regex(/^[\x20-\x7e]+$/, { error: 'has characters that no header can carry' })
  .optional()
  .describe('The credential itself instead of a reference: stored encrypted, never shown again.');

/** Organisations, projects, provider accounts, deployments and routes, one by one. Keys have more to them: keys.ts. */
export function resourceOperations(dependencies: AdminDependencies): readonly Operation[] {
  return plainKinds.flatMap(kind => operationsOf(kind, dependencies));
}

function operationsOf(kind: PlainKind, { control }: AdminDependencies): readonly Operation[] {
  const { plural, read, create, write, remove, scope, example } = kindTable[kind];
  const shape = documentSchemas[kind].shape;
  const writable = kind === 'provider' ? { ...shape, credentialValue } : shape;
  const answer = z
    .object({
      id: z.string().openapi({ description: kind === 'project' ? 'organisation/name' : 'The name.' }),
      ...(scope === 'installation'
        ? {
            origin: z
              .enum(['declared', 'environment'])
              .openapi({ description: 'environment: made at start from what the server finds in its environment.' }),
          }
        : {}),
      document: z.strictObject(shape).openapi({ description: 'As a declarative file writes it, and as PUT takes it.' }),
    })
    .openapi(`${kind[0]!.toUpperCase()}${kind.slice(1)}Resource`);
  const one = `a${/^[aeo]/.test(kind) ? 'n' : ''} ${kind === 'provider' ? 'provider account' : kind}`;
  const access = (permission: typeof read): Access =>
    scope === 'installation'
      ? { permission, scope }
      : { permission, scope, of: ({ id }) => (kind === 'project' ? subjectOfProject(id) : { organisation: id }) };
  const path = `/api/v1/${plural}/{id}`;

  return [
    ...(kind === 'deployment' ? [] : [listOf(kind, answer, control)]),
    operation({
      method: 'post',
      path: `/api/v1/${plural}`,
      access:
        kind === 'project'
          ? {
              permission: create,
              scope: 'organisation',
              of: ({ body }) => subjectOfProject(`${body['organisation']}/${body['name']}`),
            }
          : { permission: create, scope: 'installation' },
      summary: `Create ${one}`,
      body: anyDocument,
      bodyShown: z.strictObject({
        name: z.string(),
        ...(kind === 'project' ? { organisation: z.string() } : {}),
        ...writable,
      }),
      example: { ...(kind === 'project' ? { organisation: 'acme' } : {}), name: exampleName[kind], ...example },
      answer,
      status: 201,
      hasEtag: true,
      recordsItself: true,
      handle: call => {
        const { name, organisation, ...rest } = call.body;
        const parts = kind === 'project' ? { organisation, name } : { name };
        const own = kind === 'project' || organisation === undefined ? rest : { ...rest, organisation };
        return writeOf(call, { name: nameOf(parts), mode: 'create', body: own });
      },
    }),
    operation({
      method: 'get',
      path,
      access: access(read),
      summary: `Show ${one}`,
      answer,
      hasEtag: true,
      handle: async ({ id, preconditions }) => {
        const found = findManaged(await control.readConfiguration(), kind, id);
        if (found === undefined) throw new Fault('resource_not_found', `There is no ${kind} ${id}.`);
        return answerConditionally(found, toAnswer(found), preconditions.ifNoneMatch);
      },
    }),
    operation({
      method: 'put',
      path,
      access: access(write),
      summary: `Replace ${one}, or create it where it is not there`,
      description: 'What the document does not say gets its default. What lies below it, such as keys, stays.',
      body: anyDocument,
      bodyShown: z.strictObject(writable),
      example,
      answer,
      hasEtag: true,
      recordsItself: true,
      handle: call => writeOf(call, { name: call.id, mode: 'replace', body: call.body }),
    }),
    operation({
      method: 'patch',
      path,
      access: { ...access(write), ...(scope === 'organisation' ? { fields: kindTable[kind].fields } : {}) },
      summary: `Change ${one}: a JSON merge patch of its document`,
      description: 'RFC 7396: null takes a field back to its default, lists are replaced whole.',
      body: anyDocument,
      bodyTypes: ['application/merge-patch+json', 'application/json'],
      bodyShown: z.looseObject({}).openapi({ description: 'Part of the document.' }),
      example: Object.fromEntries(Object.entries(example).slice(-1)),
      answer,
      hasEtag: true,
      recordsItself: true,
      handle: call => writeOf(call, { name: call.id, mode: 'patch', body: call.body }),
    }),
    operation({
      method: 'delete',
      path,
      access: access(remove),
      summary: `Delete ${one} that nothing uses`,
      description:
        kind === 'organisation'
          ? 'What it used, owes and has stays in the ledger under its name; made again by this name, it goes on there.'
          : kind === 'project'
            ? 'Its revoked keys go with it; usage and transfers stay.'
            : 'Refused while something that stays needs it; the answer names what.',
      answer: z.undefined(),
      status: 204,
      hasEtag: true,
      recordsItself: true,
      handle: async ({ id, preconditions, author }) => {
        await control.deleteResource({ ...author, kind, name: id, preconditions });
        return undefined;
      },
    }),
  ];

  async function writeOf(
    { caller, author, preconditions }: Call,
    wanted: {
      readonly name: string;
      readonly mode: 'create' | 'replace' | 'patch';
      readonly body: Readonly<Record<string, unknown>>;
    },
  ): Promise<Reply> {
    const { credentialValue: given, ...document } = wanted.body;
    const hasGiven = kind === 'provider' && given !== undefined;
    const { resource, created } = await control.writeResource({
      ...author,
      kind,
      name: wanted.name,
      mode: wanted.mode,
      document: hasGiven ? document : wanted.body,
      credential: hasGiven ? readCredential(given) : undefined,
      preconditions,
      review: reviewFields(kind, caller, wanted.name),
    });
    const headers = { etag: etagOf(resource), location: `/api/v1/${plural}/${encodeURIComponent(resource.id)}` };
    return new Reply(toAnswer(resource), { status: created ? 201 : 200, headers });
  }
}

const exampleName: Readonly<Record<PlainKind, string>> = {
  organisation: 'acme',
  project: 'web',
  provider: 'openai',
  deployment: 'gpt-5-eu',
  route: 'smart',
};

function listOf(kind: PlainKind, answer: z.ZodType, control: AdminDependencies['control']): Operation {
  const { plural, read, scope } = kindTable[kind];
  const organisation = z.string().max(64).optional().openapi({ description: 'Of one organisation.' });
  return operation({
    method: 'get',
    path: `/api/v1/${plural}`,
    access: scope === 'installation' ? { permission: read, scope } : { permission: read, scope, of: 'answer' },
    summary: `List ${kind === 'provider' ? 'provider accounts, without their credentials' : plural}`,
    query: kind === 'project' ? pageQuery.extend({ organisation }) : pageQuery,
    answer: z.object({ items: z.array(answer), next: z.string().optional() }),
    handle: async ({ query, caller }) => {
      const asked = 'organisation' in query ? query.organisation : undefined;
      const reach = caller.reach(read);
      const own = caller.organisations(read);
      const seen = resourcesOf(await control.readConfiguration(), kind).filter(resource => {
        if (resource.kind === 'organisation') return own === 'all' || own.has(resource.id);
        if (resource.kind !== 'project') return true;
        const organisationName = organisationOf(resource.id);
        if (asked !== undefined && organisationName !== asked) return false;
        return isReached(reach, { organisation: organisationName, project: resource.id });
      });
      const page = pageOf(seen, query);
      return { ...page, items: page.items.map(toAnswer) };
    },
  });
}

function toAnswer(resource: ManagedResource) {
  return {
    id: resource.id,
    ...('origin' in resource ? { origin: resource.origin } : {}),
    document: documentOf(resource),
  };
}

/** With its ETag; 304 without a body where the caller has it already. */
export function answerConditionally(resource: ManagedResource, body: unknown, ifNoneMatch: string | undefined): Reply {
  const etag = etagOf(resource);
  const isKnown = ifNoneMatch !== undefined && matches(ifNoneMatch, etag, 'weak');
  return new Reply(isKnown ? null : body, { status: isKnown ? 304 : 200, headers: { etag } });
}

function nameOf(parts: { readonly organisation?: unknown; readonly name: unknown }): string {
  for (const [field, value] of Object.entries(parts)) {
    if (typeof value === 'string' && value !== '' && !value.includes('/')) continue;
    if (field === 'name' && typeof value === 'string' && value !== '' && !('organisation' in parts)) continue;
    throw invalidField(field, value === undefined ? 'is missing' : 'must be a name');
  }
  return 'organisation' in parts ? `${parts.organisation}/${parts.name}` : String(parts.name);
}

function readCredential(given: unknown): string {
  const parsed = credentialValue.safeParse(given);
  if (parsed.success && parsed.data !== undefined) return parsed.data;
  throw invalidField('credentialValue', 'must be 1 to 4096 printable characters');
}

export function invalidField(field: string, message: string) {
  return new ConfigurationError([{ path: `body.${field}`, code: 'configuration_invalid', message }], 'the request');
}
