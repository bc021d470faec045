import { z } from '@hono/zod-openapi';
import type { Caller } from '../access/caller.ts';
import { type UsageDimension, usageDimensions, usageGrains } from '../ledger/usage-sums.ts';
import { isTagDimension } from '../ledger/usage-tags.ts';
import { type ReportKind, reportKinds, reports } from '../reports/kinds.ts';
import { readPeriod } from '../reports/period.ts';
import {
  dimensionsMax,
  type ReportRequest,
  readReport,
  reportPageMax,
  reportRowsMax,
  topMax,
} from '../reports/report.ts';
import { reportCsv } from '../reports/report-csv.ts';
import { type Access, withinOf } from './authorise.ts';
import type { AdminDependencies } from './dependencies.ts';
import { instant } from './instant.ts';
import { type Operation, operation } from './operation.ts';

const text = z.string().max(256).optional();

const reportQuery = z.strictObject({
  by: z
    .string()
    .max(64)
    .default('')
    .transform(list => (list === '' ? [] : list.split(',')))
    .pipe(
      z.array(
        z.custom<UsageDimension>(
          name => typeof name === 'string' && (usageDimensions.some(known => known === name) || isTagDimension(name)),
          { error: `must be one of ${usageDimensions.join(', ')}, or a tag such as tag:team` },
        ),
      ),
    )
    .openapi({
      type: 'string',
      description: `None, one or two of ${usageDimensions.join(', ')} and \`tag:<name>\`, with a comma between; at most ${dimensionsMax}.`,
      example: 'provider,model',
    }),
  grain: z.enum(usageGrains).default('total').openapi({ description: 'How time is cut, in UTC.' }),
  from: instant
    .optional()
    .openapi({ description: 'First instant; 30 days before `to` unless said. Whole hours are told.' }),
  to: instant.optional().openapi({ description: 'First instant after; now unless said.' }),
  organisation: text,
  project: text.openapi({ description: 'organisation/project' }),
  key: text,
  route: text.openapi({ description: 'What the client named.' }),
  model: text,
  provider: text,
  deployment: text,
  class: text.openapi({ description: 'Of revenue: inference, storage, egress, accelerator, seats.' }),
  meter: text.openapi({ description: 'What is metered beside tokens, such as tool.webSearch.' }),
  sandbox: z.enum(['true', 'false']).optional().openapi({ description: 'Only, or without, emulated providers.' }),
  top: z.coerce
    .number()
    .int()
    .min(1)
    .max(topMax)
    .optional()
    .openapi({ description: 'The largest so many values of the first dimension; the others are added up.' }),
  compare: z.enum(['previous']).optional().openapi({
    description: 'Beside each row the period before: as many whole months, else the same length of time.',
  }),
});
const pagedQuery = reportQuery.extend({
  limit: z.coerce.number().int().min(1).max(reportPageMax).default(500).openapi({ description: 'Rows of one page.' }),
  after: z.string().max(2_048).optional().openapi({ description: '`next` of the page before.' }),
});

const period = z.object({ from: z.string(), to: z.string() });
const answerSchema = z
  .object({
    report: z.enum(reportKinds),
    by: z.array(z.string()),
    grain: z.enum(usageGrains),
    from: z.string().openapi({ description: 'Start of the first hour that is covered.' }),
    to: z.string().openapi({ description: 'End of the last hour that is covered.' }),
    asked: period.optional().openapi({ description: 'What was asked for, where whole hours are more.' }),
    comparedWith: period.optional(),
    rows: z.array(z.looseObject({ currency: z.string().nullable() })).openapi({
      description:
        'Values by name. Money is exact decimal text in `currency`; counts are numbers, or text beyond 2⁵³−1. ' +
        'sharePpm: parts per million of the total.',
    }),
    totals: z.array(z.looseObject({ currency: z.string().nullable() })),
    concentration: z.array(
      z.object({
        of: z.string(),
        measure: z.string(),
        currency: z.string().nullable(),
        count: z.int(),
        hhiPpm: z.int().openapi({ description: 'Sum of the squares of shares, in parts per million.' }),
        top: z.object({ value: z.string(), sharePpm: z.int() }),
      }),
    ),
    next: z.string().optional(),
  })
  .openapi('Report');

const summaries: Readonly<Record<ReportKind, string>> = {
  usage: 'Requests, tokens and other meters',
  spend: 'What customers are charged, what of it is estimated or corrected, what is held',
  margin: 'Revenue, costs with failed attempts apart, and margin',
};

/** What providers cost is the operator's own. */
function accessOf(kind: ReportKind): Access {
  if (kind === 'margin') return { permission: 'margins.read', scope: 'installation' };
  return { permission: 'usage.read', scope: 'organisation', of: 'answer' };
}

export function reportOperations({ store, nowMs }: AdminDependencies): readonly Operation[] {
  return reportKinds.flatMap(kind => [
    operation({
      method: 'get',
      path: `/api/v1/reports/${kind}`,
      access: accessOf(kind),
      summary: `${summaries[kind]}, by dimension and time`,
      query: pagedQuery,
      answer: answerSchema.openapi({
        description: reports[kind].columns.map(({ name, meaning }) => `${name}: ${meaning}`).join('\n'),
      }),
      handle: ({ query: { limit, after, ...query }, caller }) =>
        readReport(store, requestOf(kind, query, caller), { limit, after }),
    }),
    operation({
      method: 'get',
      path: `/api/v1/reports/${kind}.csv`,
      access: accessOf(kind),
      summary: `The same as CSV (RFC 4180), whole: at most ${reportRowsMax} rows, streamed`,
      query: reportQuery,
      answer: z.string(),
      contentType: 'text/csv',
      handle: ({ query, caller }) => reportCsv(store, requestOf(kind, query, caller)),
    }),
  ]);

  function requestOf(kind: ReportKind, query: z.output<typeof reportQuery>, caller: Caller): ReportRequest {
    const within = kind === 'margin' ? undefined : withinOf(caller, 'usage.read');
    const { by, grain, from, to, top, compare, sandbox, ...names } = query;
    return {
      kind,
      by,
      grain,
      period: readPeriod({ from: toDate(from), to: toDate(to), grain, nowMs: nowMs() }),
      filter: {
        ...Object.fromEntries(Object.entries(names).filter(([, value]) => value !== undefined)),
        ...(sandbox === undefined ? {} : { sandbox: sandbox === 'true' }),
        ...(within === undefined ? {} : { within }),
      },
      top,
      compare: compare !== undefined,
    };
  }
}

function toDate(at: string | undefined): Date | undefined {
  return at === undefined ? undefined : new Date(at);
}
