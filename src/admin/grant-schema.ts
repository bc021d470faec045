import { z } from '@hono/zod-openapi';
import type { Subject } from '../access/caller.ts';
import { toGrant, type WrittenGrant } from '../access/grants.ts';
import { roles } from '../access/permissions.ts';
import { Fault } from '../completion/fault.ts';
import type { Configuration } from '../control/resources.ts';
import { resourceOf } from '../control/resources.ts';

const nameText = z.string().min(1).max(64);
const namesMax = 256;

export const grantFields = {
  role: z.enum(roles).openapi({ description: 'docs/reference/permissions.md says what each may do.' }),
  organisation: nameText.optional().openapi({ description: 'Of roles in an organisation.' }),
  projects: z
    .array(nameText)
    .min(1)
    .max(namesMax)
    .optional()
    .openapi({ description: 'Only these of its projects, by their names in it; the whole organisation unless said.' }),
  providers: z
    .array(nameText)
    .min(1)
    .max(namesMax)
    .optional()
    .openapi({ description: 'Of the role provider: the provider accounts that it sees.' }),
};
export const grantSchema = z.object(grantFields).openapi('RoleGrant');

/** What a role lies in, and whoever gives it must reach: nobody gives what is beyond them. */
export function subjectsOfGrant(written: WrittenGrant): readonly Subject[] {
  const { organisation, projects } = written;
  if (organisation === undefined) return [{ organisation: null }];
  return projects === undefined ? [{ organisation }] : projects.map(project => ({ organisation, project }));
}

/** Throws Fault('configuration_invalid' | 'resource_not_found') where the role or what it lies in is none. */
export function readGrant(written: WrittenGrant, configuration: Configuration) {
  const grant = toGrant(written);
  const { organisation, projects, providers } = written;
  const missing = (what: string) => new Fault('resource_not_found', `There is no ${what}.`);
  if (organisation !== undefined && resourceOf(configuration, 'organisation', organisation) === undefined) {
    throw missing(`organisation ${organisation}`);
  }
  for (const project of projects ?? []) {
    if (resourceOf(configuration, 'project', `${organisation}/${project}`) === undefined) {
      throw missing(`project ${organisation}/${project}`);
    }
  }
  for (const provider of providers ?? []) {
    if (resourceOf(configuration, 'provider', provider) === undefined) throw missing(`provider account ${provider}`);
  }
  return grant;
}
