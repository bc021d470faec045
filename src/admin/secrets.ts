import { z } from '@hono/zod-openapi';
import { referencePattern } from '../control/references.ts';
import type { AdminDependencies } from './dependencies.ts';
import { type Operation, operation } from './operation.ts';

const viewSchema = z
  .object({
    masterKey: z.object({
      fingerprint: z.string().openapi({ description: 'What the database knows the master key by; opens nothing.' }),
      changedAt: z.string().nullable(),
      isOurs: z.boolean().openapi({ description: 'true: kept in master.key by the server. false: given by setting.' }),
      outdatedReplicas: z
        .array(z.string())
        .openapi({ description: 'Running with the master key of before: start them again with the new one.' }),
    }),
    keys: z.array(
      z.object({
        id: z.string(),
        state: z.enum(['active', 'retiring']).openapi({
          description:
            'active: seals. retiring: opens what was sealed before; ends 25 hours after `retiredAt` once nothing needs it.',
        }),
        createdAt: z.string(),
        retiredAt: z.string().nullable(),
      }),
    ),
    references: z.array(
      z.object({
        usedBy: z.string(),
        reference: z.string(),
        problem: z.string().nullable().openapi({
          description: 'Why this replica cannot read it; what was read last goes on being used. null: it can.',
        }),
        isSame: z.boolean().nullable().openapi({ description: 'Is what it says now what is in use?' }),
      }),
    ),
  })
  .openapi('Secrets');

const rotatedSchema = z.object({
  id: z.string().openapi({ description: 'Of the key that seals from now on.' }),
  job: z.string().openapi({ description: 'Seals everything anew; GET /api/v1/jobs shows how far it is.' }),
});

/** Keys under which stored secrets are sealed. No answer has one in it, nor what they protect. */
export function secretOperations({ secrets }: AdminDependencies): readonly Operation[] {
  return [
    operation({
      method: 'get',
      path: '/api/v1/secrets',
      access: { permission: 'health.read', scope: 'installation' },
      summary: 'Which keys seal stored secrets, and whether references can be read',
      answer: viewSchema,
      handle: async () => {
        const { masterKey, keys, references } = await secrets.view();
        return {
          masterKey: { ...masterKey, changedAt: masterKey.changedAt?.toISOString() ?? null },
          keys: keys.map(key => ({
            ...key,
            createdAt: key.createdAt.toISOString(),
            retiredAt: key.retiredAt?.toISOString() ?? null,
          })),
          references,
        };
      },
    }),
    operation({
      method: 'post',
      path: '/api/v1/secrets/rotate',
      access: { permission: 'secrets.rotate', scope: 'installation' },
      summary: 'Seal under a new key from now on, and everything stored anew in the background',
      body: z.strictObject({}),
      answer: rotatedSchema,
      recordsItself: true,
      handle: ({ author }) => secrets.rotate(author),
    }),
    operation({
      method: 'post',
      path: '/api/v1/secrets/rotate-master',
      access: { permission: 'secrets.rotate', scope: 'installation' },
      summary: 'Replace the master key; replicas go on until their next start, which needs the new one',
      body: z.strictObject({
        newKey: z
          .string()
          .max(4_096)
          .regex(referencePattern, { error: 'must be env:NAME or file:path; the key itself is never sent' })
          .optional()
          .openapi({
            description:
              'Where the server reads the new one, 32 to 512 characters. Without it the server makes one, if it keeps the master key in its data directory.',
          }),
      }),
      answer: z.object({
        before: z.string().openapi({ description: 'Fingerprint of the one that starts nothing any more.' }),
        after: z.string(),
      }),
      recordsItself: true,
      handle: ({ body, author }) => secrets.rotateMaster(body.newKey, author),
    }),
  ];
}
