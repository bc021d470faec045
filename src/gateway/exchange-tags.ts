import { Fault } from '../completion/fault.ts';
import type { Principal } from '../snapshot/load.ts';

type Tags = Readonly<Record<string, string>>;

/** What a request is tagged with: the key's own tags, which whoever pays for it goes by, and what it brings itself. A request
 *  that gives one of the key's another value is refused rather than booked elsewhere than it says.
 *  Throws Fault('header_invalid'). */
export function exchangeTags(brought: Tags | undefined, { tags: own }: Pick<Principal, 'tags'>): Tags | undefined {
  if (own === undefined || brought === undefined) return own ?? brought;
  for (const name of Object.keys(own)) {
    if (Object.hasOwn(brought, name) && brought[name] !== own[name]) {
      throw new Fault('header_invalid', `x-carrier-tags gives ${name} another value than the key has.`);
    }
  }
  return { ...brought, ...own };
}

/** Names of the tags by which its usage is told apart: the key's own, and what its organisation lists. Everything else that
 *  a request brings is kept with the exchange alone: clients could make up any number of values. */
export function usageTagsOf(
  tags: Tags | undefined,
  { tags: own, usageTags }: Pick<Principal, 'tags' | 'usageTags'>,
): readonly string[] | undefined {
  if (tags === undefined || (own === undefined && usageTags === undefined)) return undefined;
  const names = Object.keys(tags).filter(
    name => (own !== undefined && Object.hasOwn(own, name)) || usageTags?.includes(name) === true,
  );
  return names.length === 0 ? undefined : names;
}
