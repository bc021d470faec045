import { z } from '@hono/zod-openapi';
import type { Permission } from '../access/permissions.ts';
import {
  deploymentSchema,
  keySchema,
  organisationSchema,
  projectSchema,
  providerSchema,
  routeSchema,
} from '../control/declaration.ts';
import type { ManagedKind } from '../control/resource-documents.ts';

/** What of a resource may be said in a request: the same as a declarative file says, without what has paths of its own. */
export const documentSchemas = {
  organisation: z.strictObject(without(organisationSchema.shape, 'projects')),
  project: z.strictObject(without(projectSchema.shape, 'keys')),
  key: z.strictObject(without(keySchema.shape, 'id')),
  provider: providerSchema,
  deployment: deploymentSchema,
  route: routeSchema,
} as const satisfies Record<ManagedKind, z.ZodType>;

interface KindRow {
  readonly plural: string;
  readonly read: Permission;
  readonly create: Permission;
  readonly write: Permission;
  readonly remove: Permission;
  /** Fields that take another permission than the rest, by who answers for them. */
  readonly fields: Readonly<Record<string, Permission>>;
  readonly scope: 'installation' | 'organisation';
  /** Of a document, for the API's description. */
  readonly example: Readonly<Record<string, unknown>>;
}

const money: Readonly<Record<string, Permission>> = {
  budget: 'budgets.write',
  budgets: 'budgets.write',
  limits: 'limits.write',
};

export const kindTable: Readonly<Record<ManagedKind, KindRow>> = {
  organisation: {
    plural: 'organisations',
    read: 'organisations.read',
    create: 'organisations.create',
    write: 'organisations.write',
    remove: 'organisations.create',
    fields: {
      ...money,
      terms: 'organisations.create',
      overdraft: 'organisations.create',
      creditLimit: 'organisations.create',
    },
    scope: 'organisation',
    example: { usageTags: ['feature'], budget: { limit: '1000.00', period: 'month', hard: true, warnAt: ['0.8'] } },
  },
  project: {
    plural: 'projects',
    read: 'projects.read',
    create: 'projects.write',
    write: 'projects.write',
    remove: 'projects.write',
    fields: money,
    scope: 'organisation',
    example: { allow: ['openai/*', 'smart'], zones: ['EU'] },
  },
  key: {
    plural: 'keys',
    read: 'keys.read',
    create: 'keys.create',
    write: 'keys.write',
    remove: 'keys.revoke',
    // A reference is read by the server, from its environment and files.
    fields: { ...money, secret: 'configuration.write', revoked: 'keys.revoke' },
    scope: 'organisation',
    example: { expiresAt: '2027-06-30T00:00:00Z', addresses: ['203.0.113.0/24'], tags: { team: 'search' } },
  },
  provider: {
    plural: 'providers',
    read: 'providers.read',
    create: 'providers.write',
    write: 'providers.write',
    remove: 'providers.write',
    fields: {},
    scope: 'installation',
    example: { kind: 'openai', credential: 'env:OPENAI_API_KEY' },
  },
  deployment: {
    plural: 'deployments',
    read: 'deployments.read',
    create: 'deployments.write',
    write: 'deployments.write',
    remove: 'deployments.write',
    fields: {},
    scope: 'installation',
    example: { provider: 'openai', model: 'openai/gpt-5', zones: { processing: 'EU' } },
  },
  route: {
    plural: 'routes',
    read: 'routes.read',
    create: 'routes.write',
    write: 'routes.write',
    remove: 'routes.write',
    fields: {},
    scope: 'installation',
    example: { candidates: [{ deployment: 'gpt-5-eu' }, { deployment: 'gpt-5-us', priority: 2 }], retries: 2 },
  },
};

function without<Shape extends object, Name extends keyof Shape>(shape: Shape, name: Name): Omit<Shape, Name> {
  const { [name]: _left, ...rest } = shape;
  return rest;
}
