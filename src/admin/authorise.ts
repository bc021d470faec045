import type { Caller, Reach, Subject } from '../access/caller.ts';
import type { Permission } from '../access/permissions.ts';
import { Fault } from '../completion/fault.ts';

/** What an operation asks of its caller. Every operation says it; `authorise` is the one place that looks.
 *
 *  - installation: the permission must hold in the whole installation.
 *  - organisation: `of` gives what the request is about, from its id, query or body; or `answer`: the answer is made only of
 *    what the caller's reach for the permission holds, which the operation sees to, in SQL where there are many rows.
 *    With `fields`, a body that says nothing but some of these takes their permissions instead: who may set a budget need
 *    not be who may change the rest.
 *  - provider: the answer is made only of the caller's own provider accounts.
 *  - self: any caller, about itself.
 *  - public: anybody. */
export type Access<Query = Record<string, unknown>, Body = unknown> =
  | { readonly permission: Permission; readonly scope: 'installation' | 'provider' }
  | {
      readonly permission: Permission;
      readonly scope: 'organisation';
      readonly of: 'answer' | ((input: OperationInput<Query, Body>) => Subject | readonly Subject[]);
      readonly fields?: Readonly<Record<string, Permission>>;
    }
  | { readonly scope: 'self' }
  | { readonly scope: 'public' };

export interface OperationInput<Query, Body> {
  readonly id: string;
  readonly query: Query;
  readonly body: Body;
}

/** Before anything of the request is read: does the permission hold anywhere? */
export function authoriseAtAll(access: Access, caller: Caller): void {
  if (access.scope === 'self' || access.scope === 'public') return;
  const { permission, scope } = access;
  if (holdsAtAll(caller, permission, scope)) return;
  const others = access.scope === 'organisation' ? Object.values(access.fields ?? {}) : [];
  if (!others.some(other => holdsAtAll(caller, other, scope))) throw refusal(permission);
}

function holdsAtAll(
  caller: Caller,
  permission: Permission,
  scope: 'installation' | 'organisation' | 'provider',
): boolean {
  if (scope === 'installation') return caller.may(permission);
  if (scope === 'provider') {
    const providers = caller.providers(permission);
    return providers === 'all' || providers.size > 0;
  }
  const organisations = caller.organisations(permission);
  return organisations === 'all' || organisations.size > 0;
}

/** Once it is read: does the permission hold for all that it is about? What lies in an organisation that the caller knows
 *  nothing of is answered as what does not exist. */
export function authorise(
  access: Access,
  caller: Caller,
  input: OperationInput<Record<string, unknown>, unknown>,
): void {
  if (access.scope !== 'organisation' || access.of === 'answer') return;
  const named = access.of(input);
  for (const subject of Array.isArray(named) ? (named as readonly Subject[]) : [named as Subject]) {
    for (const permission of permissionsFor(access, input.body)) authoriseSubject(caller, permission, subject);
  }
}

/** What a body takes: of its fields, where every one of them has a permission of its own. */
export function permissionsFor(
  {
    permission,
    fields = {},
  }: { readonly permission: Permission; readonly fields?: Readonly<Record<string, Permission>> },
  body: unknown,
): readonly Permission[] {
  const said = typeof body === 'object' && body !== null ? Object.keys(body) : [];
  if (said.length === 0 || !said.every(field => Object.hasOwn(fields, field))) return [permission];
  return [...new Set(said.map(field => fields[field]!))];
}

/** For what was found by an id that does not say whose it is: what its caller may not even see is not there. */
export function authoriseFound(caller: Caller, permission: Permission, subject: Subject, seeing = permission): void {
  const { organisation, project } = subject;
  if (caller.may(permission, organisation, project)) return;
  throw caller.may(seeing, organisation, project) ? refusal(permission) : new Fault('resource_not_found');
}

/** For operations that learn only on the way what they are about. */
export function authoriseSubject(caller: Caller, permission: Permission, { organisation, project }: Subject): void {
  if (caller.may(permission, organisation, project)) return;
  throw organisation === null || caller.knows(organisation) ? refusal(permission) : new Fault('resource_not_found');
}

/** Says the same of what does not exist and of what is another's: only who may see everything is told more. */
export function hideOthers(access: Access, caller: Caller, error: unknown): unknown {
  if (!(error instanceof Fault) || error.code !== 'resource_not_found') return error;
  if (access.scope === 'public' || access.scope === 'self' || caller.may(access.permission)) return error;
  return new Fault('resource_not_found', undefined, { cause: error });
}

/** The subject of `organisation/project`, as it is named in bodies and queries. */
export function subjectOfProject(project: string): Subject {
  const [organisation = '', ...rest] = project.split('/');
  return { organisation, project: rest.join('/') };
}

function refusal(permission: Permission): Fault {
  return new Fault('permission_denied', `This takes the permission ${permission}.`);
}

/** What lists are narrowed to in SQL; undefined is everything. */
export function withinOf(caller: Caller, permission: Permission): Reach | undefined {
  const reach = caller.reach(permission);
  return reach === 'all' ? undefined : reach;
}
