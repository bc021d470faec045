import { Fault } from '../completion/fault.ts';
import type { GrantColumns } from '../store/tables/access.ts';
import type { Grant, OrganisationGrant } from './caller.ts';
import { type GrantPlace, type Role, roles, roleTable } from './permissions.ts';

/** A role and its place as people write it down; which parts go together is checked here. */
export interface WrittenGrant {
  readonly role: Role;
  readonly organisation?: string | undefined;
  /** Names within the organisation. */
  readonly projects?: readonly string[] | undefined;
  readonly providers?: readonly string[] | undefined;
}

/** Why this is no grant; undefined when it is one. */
export function refuseGrant({ role, organisation, projects, providers }: WrittenGrant): string | undefined {
  const places: readonly GrantPlace[] = roleTable[role].at;
  if (organisation !== undefined && !places.includes('organisation')) return `${role} is not a role in an organisation`;
  if (organisation === undefined && !places.includes('installation') && places.includes('organisation')) {
    return `${role} is a role in an organisation; name it`;
  }
  if (projects !== undefined && organisation === undefined) return 'projects need their organisation';
  if (projects !== undefined && projects.length === 0) return 'projects must name one at least';
  if (providers !== undefined && role !== 'provider') return `providers go with the role provider, not ${role}`;
  if (role === 'provider' && (providers === undefined || providers.length === 0))
    return 'provider needs provider accounts';
  return undefined;
}

/** Throws Fault('configuration_invalid') for what refuseGrant refuses. */
export function toGrant(written: WrittenGrant): Grant {
  const refusal = refuseGrant(written);
  if (refusal !== undefined) throw new Fault('configuration_invalid', `grant: ${refusal}.`);
  const { role, organisation, projects, providers } = written;
  if (role === 'provider') return { at: 'provider', role, providers: sorted(providers ?? []) };
  if (organisation === undefined) return { at: 'installation', role: role as 'operator' | 'auditor' }; // roleTable
  const narrowed = projects === undefined ? {} : { projects: sorted(projects) };
  return { at: 'organisation', role: role as OrganisationGrant['role'], organisation, ...narrowed }; // roleTable
}

export function toColumns(grant: Grant): GrantColumns {
  return {
    role: grant.role,
    place: grant.at,
    organisation: grant.at === 'organisation' ? grant.organisation : null,
    projects: grant.at === 'organisation' && grant.projects !== undefined ? [...grant.projects] : null,
    providers: grant.at === 'provider' ? [...grant.providers] : null,
  };
}

/** undefined for a row of a release that knows more roles: it grants nothing here. */
export function fromColumns(row: {
  readonly role: string | null;
  readonly organisation: string | null;
  readonly projects: readonly string[] | null;
  readonly providers: readonly string[] | null;
}): Grant | undefined {
  const role = roles.find(known => known === row.role);
  if (role === undefined) return undefined;
  const written: WrittenGrant = {
    role,
    organisation: row.organisation ?? undefined,
    projects: row.projects ?? undefined,
    providers: row.providers ?? undefined,
  };
  return refuseGrant(written) === undefined ? toGrant(written) : undefined;
}

/** The organisation that a grant is of, for the audit log. */
export function organisationOfGrant(grant: Grant): string | null {
  return grant.at === 'organisation' ? grant.organisation : null;
}

/** As it is shown and written. */
export function writtenGrant(grant: Grant): WrittenGrant {
  if (grant.at === 'installation') return { role: grant.role };
  if (grant.at === 'provider') return { role: grant.role, providers: grant.providers };
  const { role, organisation, projects } = grant;
  return projects === undefined ? { role, organisation } : { role, organisation, projects };
}

function sorted(names: readonly string[]): string[] {
  return [...new Set(names)].sort();
}
