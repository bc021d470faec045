import { z } from '@hono/zod-openapi';
import type { Caller } from '../access/caller.ts';
import { type AuditFilter, type AuditRow, exportAudit, readAudit } from '../audit/read-audit.ts';
import { csvRecord } from '../reports/csv.ts';
import type { AdminDependencies } from './dependencies.ts';
import { instant } from './instant.ts';
import { type Operation, operation, pageLimitMax } from './operation.ts';
import { toDate } from './present.ts';

const outcomes = ['done', 'asked', 'refused'] as const;
const filterQuery = z.strictObject({
  from: instant.optional().openapi({ description: 'First instant; from the beginning unless said.' }),
  to: instant.optional().openapi({ description: 'First instant after; now unless said.' }),
  actor: z
    .string()
    .max(128)
    .optional()
    .openapi({ description: '`admin-key`, `user:<id>`, `service-account:<id>` or `system:<what>`.' }),
  organisation: z.string().max(64).optional(),
  action: z.string().max(64).optional().openapi({ description: '`keys.rotate`, or all of a resource: `keys`.' }),
  target: z.string().max(300).optional().openapi({ description: 'Such as `route:smart`.' }),
  requestId: z.string().max(64).optional().openapi({ description: 'Of one request: x-carrier-exchange-id.' }),
  outcome: z.enum(outcomes).optional(),
});
const pagedQuery = filterQuery.extend({
  limit: z.coerce.number().int().min(1).max(pageLimitMax).default(100).openapi({ description: 'Events of one page.' }),
  after: z
    .string()
    .regex(/^\d{1,18}$/, { error: 'must be `next` of the page before' })
    .optional()
    .openapi({ description: '`next` of the page before.' }),
});

const eventSchema = z
  .object({
    id: z.string(),
    at: z.string(),
    actor: z.string(),
    organisation: z.string().nullable().openapi({ description: 'null: of the installation.' }),
    action: z.string(),
    target: z.string(),
    outcome: z.enum(outcomes).openapi({
      description:
        'done: committed together with this event. asked: written before the work began; what was refused then follows as an event of its own. refused: not done.',
    }),
    before: z.unknown().openapi({ description: 'null: there was nothing. Secrets read (redacted).' }),
    after: z.unknown(),
    requestId: z.string().nullable(),
    address: z.string().nullable().openapi({ description: 'Where the request came from.' }),
  })
  .openapi('AuditEvent');

const access = { permission: 'audit.read', scope: 'organisation', of: 'answer' } as const;
const csvColumns = [
  'id',
  'at',
  'actor',
  'organisation',
  'action',
  'target',
  'outcome',
  'before',
  'after',
  'requestId',
  'address',
] as const satisfies readonly (keyof AuditRow)[];

/** The audit log. Who may see one organisation sees what happened to it. */
export function auditOperations({ store }: AdminDependencies): readonly Operation[] {
  return [
    operation({
      method: 'get',
      path: '/api/v1/audit',
      access,
      summary: 'The audit log, newest first',
      query: pagedQuery,
      answer: z.object({ items: z.array(eventSchema), next: z.string().optional() }),
      handle: ({ query: { limit, after, ...query }, caller }) =>
        readAudit(store, filterOf(query, caller), { limit, after }),
    }),
    operation({
      method: 'get',
      path: '/api/v1/audit.csv',
      access,
      summary: 'The same as CSV (RFC 4180), whole; `before` and `after` are JSON',
      query: filterQuery,
      answer: z.string(),
      contentType: 'text/csv',
      handle: ({ query, caller }) => toCsv(exportAudit(store, filterOf(query, caller))),
    }),
    operation({
      method: 'get',
      path: '/api/v1/audit.ndjson',
      access,
      summary: 'The same as one JSON document a line, whole',
      query: filterQuery,
      answer: z.string(),
      contentType: 'application/x-ndjson',
      handle: ({ query, caller }) => toLines(exportAudit(store, filterOf(query, caller))),
    }),
  ];
}

function filterOf({ from, to, ...rest }: z.output<typeof filterQuery>, caller: Caller): AuditFilter {
  const reach = caller.reach('audit.read');
  return {
    ...rest,
    from: toDate(from),
    to: toDate(to),
    // Events are of whole organisations: who sees some projects of one sees none of them.
    ...(reach === 'all' ? {} : { organisations: new Set(reach.organisations) }),
  };
}

async function* toCsv(portions: AsyncIterable<readonly AuditRow[]>): AsyncGenerator<string, void> {
  yield csvRecord([...csvColumns]);
  for await (const rows of portions) {
    yield rows.map(row => csvRecord(csvColumns.map(column => cellOf(row[column])))).join('');
  }
}

function cellOf(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  return typeof value === 'string' ? value : JSON.stringify(value);
}

async function* toLines(portions: AsyncIterable<readonly AuditRow[]>): AsyncGenerator<string, void> {
  for await (const rows of portions) yield rows.map(row => `${JSON.stringify(row)}\n`).join('');
}
