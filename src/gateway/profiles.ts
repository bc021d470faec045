import type { DialectProfile, ProfileChange } from '../completion/profile.ts';
import type { DialectName } from '../completion/request.ts';
import { dialects } from '../dialects/registry.ts';
import { providerOf } from '../providers/registry.ts';

/** What a model of a provider takes of a dialect: the dialect's own profile, changed by the provider's rules in order. */
export function profileOf(kind: string, dialect: DialectName, targetModel: string): DialectProfile {
  const name = `${kind} ${dialect} ${targetModel}`;
  let profile = profiles.get(name);
  if (profile === undefined) {
    profile = madeProfile(kind, dialect, targetModel);
    // Names come from the configuration, so there are few; a configuration that changes for weeks starts over.
    if (profiles.size >= profilesMax) profiles.clear();
    profiles.set(name, profile);
  }
  return profile;
}

const profilesMax = 4096;
const profiles = new Map<string, DialectProfile>();

function madeProfile(kind: string, dialect: DialectName, targetModel: string): DialectProfile {
  const base = dialects.get(dialect);
  if (base === undefined) throw new Error(`the dialect ${dialect} is not built`);
  const rules = providerOf(kind).profiles?.[dialect] ?? [];
  return rules
    .filter(({ models }) => models === undefined || models.test(targetModel))
    .reduce((profile, { change }) => changed(profile, change), base.profile);
}

function changed(profile: DialectProfile, change: ProfileChange): DialectProfile {
  return {
    ...profile,
    ...change,
    unsupported: new Set([...profile.unsupported, ...(change.unsupported ?? [])]),
    roles: { ...profile.roles, ...change.roles },
  };
}
