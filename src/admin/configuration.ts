import { z } from '@hono/zod-openapi';
import { declarationBytesMax } from '../control/read-declaration.ts';
import type { AdminDependencies } from './dependencies.ts';
import { type Operation, operation } from './operation.ts';

const changeSchema = z
  .object({
    action: z.enum(['create', 'update', 'delete']),
    kind: z.string(),
    name: z.string(),
    fields: z.array(z.object({ path: z.string(), before: z.string().optional(), after: z.string().optional() })),
  })
  .openapi('Change');

const applyBody = z.strictObject({
  file: z.string().max(declarationBytesMax).openapi({ description: 'The declarative file, YAML or JSON.' }),
  dryRun: z.boolean().default(false),
  prune: z.boolean().default(false).openapi({ description: 'Remove what the file does not name.' }),
  expectedRevision: z
    .string()
    .regex(/^\d{1,18}$/)
    .optional()
    .openapi({ description: 'Refuse when the stored configuration is at another revision.' }),
});

export function configurationOperations({ control, status, release }: AdminDependencies): readonly Operation[] {
  return [
    operation({
      method: 'post',
      path: '/api/v1/apply',
      access: { permission: 'configuration.write', scope: 'installation' },
      summary: 'Apply a declarative file, or show what it would change',
      body: applyBody,
      recordsItself: true,
      answer: z.object({
        revision: z.string(),
        applied: z.boolean(),
        changes: z.array(changeSchema),
        notices: z.array(z.string()),
      }),
      handle: async ({ body, author }) => {
        const { expectedRevision } = body;
        const result = await control.apply({
          file: body.file,
          dryRun: body.dryRun,
          prune: body.prune,
          ...author,
          ...(expectedRevision === undefined ? {} : { expectedRevision: BigInt(expectedRevision) }),
        });
        return { ...result, revision: result.revision.toString() };
      },
    }),
    operation({
      method: 'get',
      path: '/api/v1/export',
      access: { permission: 'configuration.read', scope: 'installation' },
      summary: 'The stored configuration as a declarative file',
      answer: z.string(),
      contentType: 'application/yaml',
      handle: () => control.exportText(),
    }),
    operation({
      method: 'get',
      path: '/api/v1/status',
      access: { permission: 'health.read', scope: 'installation' },
      summary: 'How this replica is',
      answer: z.looseObject({ release: z.string(), revision: z.string(), notices: z.array(z.string()) }),
      handle: async () => {
        const { revision } = await control.readConfiguration();
        return { release, revision: revision.toString(), notices: control.notices(), ...status() };
      },
    }),
  ];
}
