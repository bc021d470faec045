import type { Grant } from './caller.ts';

/** How people log in, as the configuration's `access:` says it. */
export interface AccessPolicy {
  /** May people log in with a password kept here? */
  readonly passwords: boolean;
  /** Where people reach this installation, without a slash at its end; undefined when nobody said. */
  readonly publicUrl: string | undefined;
  readonly sessions: { readonly idleMinutes: number; readonly absoluteHours: number };
  readonly oidc: OidcPolicy | undefined;
}

export interface OidcPolicy {
  readonly issuer: string;
  readonly clientId: string;
  /** undefined for a public client. */
  readonly clientSecret: string | undefined;
  readonly scopes: readonly string[];
  readonly groupsClaim: string;
  /** Take an email address as verified although the provider does not say so. */
  readonly trustEmail: boolean;
  readonly groups: readonly { readonly group: string; readonly grant: Grant }[];
}

export const sessionIdleMinutesDefault = 60;
export const sessionAbsoluteHoursDefault = 12;

export const accessPolicyDefault: AccessPolicy = {
  passwords: true,
  publicUrl: undefined,
  sessions: { idleMinutes: sessionIdleMinutesDefault, absoluteHours: sessionAbsoluteHoursDefault },
  oidc: undefined,
};

/** Roles that groups of an OIDC provider give. Worked out at each request, so that a changed mapping counts at once. */
export function grantsOfGroups(policy: AccessPolicy, issuer: string | null, groups: readonly string[]): Grant[] {
  if (policy.oidc === undefined || issuer !== policy.oidc.issuer) return [];
  return policy.oidc.groups.filter(({ group }) => groups.includes(group)).map(({ grant }) => grant);
}
