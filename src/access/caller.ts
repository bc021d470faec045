import { type Permission, roleHas } from './permissions.ts';

/** A role and where it holds. */
export type Grant = InstallationGrant | OrganisationGrant | ProviderGrant;

export interface InstallationGrant {
  readonly at: 'installation';
  readonly role: 'operator' | 'auditor';
}

export interface OrganisationGrant {
  readonly at: 'organisation';
  readonly role: 'owner' | 'billing' | 'developer' | 'auditor';
  readonly organisation: string;
  /** Names of its projects that it holds in; undefined is all of them, and the organisation itself. */
  readonly projects?: readonly string[] | undefined;
}

export interface ProviderGrant {
  readonly at: 'provider';
  readonly role: 'provider';
  /** Names of provider accounts. */
  readonly providers: readonly string[];
}

export interface Actor {
  /** anonymous: whoever asks for what anybody may. */
  readonly kind: 'admin-key' | 'user' | 'service-account' | 'anonymous';
  /** Empty for the admin key and for nobody in particular. */
  readonly id: string;
  /** For people: an email address, or a service account's name. */
  readonly name: string;
}

/** What a request is about: a whole organisation, or one project of it. */
export interface Subject {
  /** null is the whole installation. */
  readonly organisation: string | null;
  /** Its name within the organisation. */
  readonly project?: string | undefined;
}

/** Where a permission holds. What is not `all` goes into the SQL of whoever lists. */
export interface Reach {
  /** Whole organisations. */
  readonly organisations: readonly string[];
  /** `organisation/project`, of organisations that are not reached whole. */
  readonly projects: readonly string[];
}

/** Whoever sent a management request, and what they may do. */
export interface Caller {
  readonly actor: Actor;
  readonly grants: readonly Grant[];
  /** Without an organisation: in the whole installation. With one and no project: in all of that organisation. */
  may(permission: Permission, organisation?: string | null, project?: string): boolean;
  /** Organisations in which the permission holds, whole or for some projects. */
  organisations(permission: Permission): 'all' | ReadonlySet<string>;
  reach(permission: Permission): 'all' | Reach;
  /** Provider accounts for which the permission holds. */
  providers(permission: Permission): 'all' | ReadonlySet<string>;
  /** Is anything of this organisation theirs to see? */
  knows(organisation: string | null): boolean;
}

export function callerOf(actor: Actor, grants: readonly Grant[]): Caller {
  const holding = (permission: Permission) => grants.filter(grant => roleHas(grant.role, permission));
  const isEverywhere = (permission: Permission) => holding(permission).some(({ at }) => at === 'installation');
  const inOrganisations = (permission: Permission) => holding(permission).filter(isOfOrganisation);
  return {
    actor,
    grants,
    may: (permission, organisation, project) =>
      holding(permission).some(grant => {
        if (grant.at === 'installation') return true;
        if (grant.at !== 'organisation' || grant.organisation !== organisation) return false;
        return grant.projects === undefined || (project !== undefined && grant.projects.includes(project));
      }),
    organisations: permission =>
      isEverywhere(permission) ? 'all' : new Set(inOrganisations(permission).map(({ organisation }) => organisation)),
    reach: permission => (isEverywhere(permission) ? 'all' : reachOf(inOrganisations(permission))),
    providers: permission =>
      isEverywhere(permission)
        ? 'all'
        : new Set(holding(permission).flatMap(grant => (grant.at === 'provider' ? grant.providers : []))),
    knows: organisation =>
      grants.some(
        grant => grant.at === 'installation' || (isOfOrganisation(grant) && grant.organisation === organisation),
      ),
  };
}

/** The bearer of the admin key: the first operator, and the way back in. */
export function adminKeyCaller(): Caller {
  return callerOf({ kind: 'admin-key', id: '', name: 'admin key' }, [{ at: 'installation', role: 'operator' }]);
}

/** Whoever asks for what anybody may. */
export function anonymousCaller(): Caller {
  return callerOf({ kind: 'anonymous', id: '', name: '' }, []);
}

/** As it is written down: `admin-key`, `anonymous`, `user:<id>`, `service-account:<id>`. */
export function actorText({ kind, id }: Actor): string {
  return kind === 'admin-key' || kind === 'anonymous' ? kind : `${kind}:${id}`;
}

/** Is this in what a caller reaches? The project is `organisation/name`. */
export function isReached(
  reach: 'all' | Reach,
  { organisation, project }: { organisation: string; project?: string | undefined },
): boolean {
  if (reach === 'all' || reach.organisations.includes(organisation)) return true;
  return project !== undefined && reach.projects.includes(project);
}

export function isOfOrganisation(grant: Grant): grant is OrganisationGrant {
  return grant.at === 'organisation';
}

function reachOf(grants: readonly OrganisationGrant[]): Reach {
  const whole = new Set(
    grants.filter(({ projects }) => projects === undefined).map(({ organisation }) => organisation),
  );
  const projects = grants.flatMap(({ organisation, projects }) =>
    whole.has(organisation) ? [] : (projects ?? []).map(project => `${organisation}/${project}`),
  );
  return { organisations: [...whole].sort(), projects: [...new Set(projects)].sort() };
}
