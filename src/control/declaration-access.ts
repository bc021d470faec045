import { z } from 'zod';
import { refuseGrant } from '../access/grants.ts';
import { roles } from '../access/permissions.ts';
import { sessionAbsoluteHoursDefault, sessionIdleMinutesDefault } from '../access/policy.ts';
import { referencePattern } from './references.ts';

/** Who may log in and how: the `access:` part of the declarative file. */

const groupsMax = 1_000;
const namesMax = 256;
const scopesMax = 32;

const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/, {
  error: 'must be 1 to 64 letters, digits, `.`, `_`, `:` or `-`, and begin with a letter or digit',
});
const visible = (lengthMax: number) =>
  z
    .string()
    .min(1)
    .max(lengthMax)
    .regex(/^[\x21-\x7e]+$/, { error: 'must be printable without spaces' });
const secureUrl = z
  .string()
  .max(2_048)
  .refine(isSecureUrl, { error: 'must be https://host/path without user, query or fragment; http only on loopback' });

const mappedGroup = z
  .strictObject({
    group: z.string().min(1).max(namesMax).describe('As the provider writes it, letter by letter.'),
    role: z.enum(roles).describe('docs/reference/permissions.md says what each may do.'),
    organisation: name.optional().describe('Of roles in an organisation.'),
    projects: z.array(name).min(1).max(namesMax).optional().describe('Only these of its projects.'),
    providers: z.array(name).min(1).max(namesMax).optional().describe('Of the role provider: its provider accounts.'),
  })
  .check(({ value, issues }) => {
    const refusal = refuseGrant(value);
    if (refusal !== undefined) issues.push({ code: 'custom', path: ['role'], input: value, message: refusal });
  });

const oidc = z.strictObject({
  issuer: secureUrl.describe('Where its discovery document lies, without /.well-known/….'),
  clientId: visible(256).describe('As this installation is registered there.'),
  clientSecret: z
    .string()
    .max(4_096)
    .regex(referencePattern, { error: 'must be env:NAME or file:path; secrets themselves do not belong in this file' })
    .optional()
    .describe(
      'As env:NAME or file:path, resolved by the server; without one it is a public client (PKCE is used either way).',
    ),
  scopes: z
    .array(visible(128))
    .min(1)
    .max(scopesMax)
    .refine(list => list.includes('openid'), { error: 'must include openid' })
    .default(['openid', 'email', 'profile'])
    .describe('What is asked for; many providers need one more for groups.'),
  groupsClaim: visible(128)
    .default('groups')
    .describe('Claim of the ID token or the user info with the names of groups.'),
  trustEmail: z
    .boolean()
    .default(false)
    .describe(
      'Take addresses as verified although the provider does not say so: whoever may choose theirs there may be anybody here.',
    ),
  groups: z
    .array(mappedGroup)
    .max(groupsMax)
    .default([])
    .describe('Roles that members of groups have, as long as they are.'),
});

export const accessSchema = z
  .strictObject({
    passwords: z
      .boolean()
      .default(true)
      .describe('May people log in with a password kept here? The admin key works always.'),
    publicUrl: secureUrl
      .optional()
      .describe(
        'Where people reach this installation: login providers send them back there, and with https cookies are marked secure.',
      ),
    sessions: z
      .strictObject({
        idleMinutes: z
          .int()
          .min(1)
          .max(30 * 24 * 60)
          .default(sessionIdleMinutesDefault)
          .describe('A session ends when it was not used for so long.'),
        absoluteHours: z
          .int()
          .min(1)
          .max(30 * 24)
          .default(sessionAbsoluteHoursDefault)
          .describe(
            'It ends so long after its login, used or not; groups of a login provider are read at a login only.',
          ),
      })
      .optional(),
    oidc: oidc.optional().describe('One OpenID Connect provider.'),
  })
  .check(({ value, issues }) => {
    const missing = (path: string, message: string) =>
      issues.push({ code: 'custom', path: [path], input: value, message });
    if (value.oidc !== undefined && value.publicUrl === undefined) missing('publicUrl', 'is needed with `oidc`');
  });

export type DeclaredAccess = z.output<typeof accessSchema>;

function isSecureUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  const isPlain = url.username === '' && url.password === '' && url.search === '' && url.hash === '';
  const isLoopback = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname);
  return isPlain && (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback));
}
