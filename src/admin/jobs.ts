import { z } from '@hono/zod-openapi';
import { Fault } from '../completion/fault.ts';
import type { AdminDependencies } from './dependencies.ts';
import { type Operation, operation } from './operation.ts';

const jobSchema = z
  .looseObject({
    name: z.string(),
    purpose: z.string(),
    schedule: z.string(),
    state: z.enum(['running', 'due', 'retrying', 'waiting']).openapi({
      description:
        'running: at work in some replica. due: waits for a free runner. retrying: the last run did not end well and is ' +
        'tried again at dueAt. waiting: until dueAt.',
    }),
    dueAt: z.string().nullable(),
    attempts: z.int().openapi({ description: 'Runs begun since the last that ended well.' }),
    startedAt: z.string().nullable(),
    endedAt: z.string().nullable(),
    progress: z.looseObject({ done: z.number() }).nullable().openapi({ description: 'Of the newest run.' }),
    outcome: z.enum(['done', 'failed']).nullable(),
    result: z.record(z.string(), z.unknown()).nullable().openapi({ description: 'Of the last run that ended well.' }),
    doneAt: z.string().nullable(),
    error: z.string().nullable().openapi({ description: 'Why the last run failed; null once one has ended well.' }),
  })
  .openapi('Job');

export function jobOperations({ jobs }: AdminDependencies): readonly Operation[] {
  return [
    operation({
      method: 'get',
      path: '/api/v1/jobs',
      access: { permission: 'jobs.read', scope: 'installation' },
      summary: 'What the installation does by itself: when, how far, how the last run ended',
      answer: z.object({ items: z.array(jobSchema) }),
      handle: async () => ({ items: await jobs.list() }),
    }),
    operation({
      method: 'post',
      path: '/api/v1/jobs/{id}/run',
      access: { permission: 'jobs.run', scope: 'installation' },
      summary: 'Make a job due now; some replica begins it within seconds',
      body: z.strictObject({}),
      answer: jobSchema,
      handle: async ({ id }) => {
        const job = await jobs.runNow(id);
        if (job === undefined) throw new Fault('resource_not_found', `There is no job ${JSON.stringify(id)}.`);
        return job;
      },
    }),
  ];
}
