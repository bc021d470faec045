import { z } from '@hono/zod-openapi';
import { Fault } from '../completion/fault.ts';
import { slices } from '../completion/usage.ts';
import { performanceDaysMax, readPerformance } from '../ledger/provider-performance.ts';
import { readUsage } from '../ledger/usage-report.ts';
import { coverage, readPeriod } from '../reports/period.ts';
import type { AdminDependencies } from './dependencies.ts';
import { instant } from './instant.ts';
import { type Operation, operation } from './operation.ts';

const dayMs = 86_400_000;
const milliseconds = z.object({ p50: z.number(), p95: z.number() }).nullable();
const providerText = z
  .string()
  .max(64)
  .optional()
  .openapi({ description: 'Only this account; all that one may see unless said.' });

/** What providers see of their own accounts: never who asked, what they paid, or what others did. */
export function providerViewOperations({ store, nowMs }: AdminDependencies): readonly Operation[] {
  return [
    operation({
      method: 'get',
      path: '/api/v1/provider-usage',
      access: { permission: 'performance.read', scope: 'provider' },
      summary: 'What provider accounts served, and what they are owed for it',
      query: z.strictObject({
        by: z.enum(['provider', 'deployment', 'model', 'day']).default('deployment'),
        provider: providerText,
        from: instant.optional(),
        to: instant.optional(),
      }),
      answer: z.object({
        from: z.string(),
        to: z.string(),
        rows: z.array(
          z.looseObject({
            by: z.string(),
            requests: z.int(),
            attempts: z.int(),
            buy: z.object({ amount: z.string(), currency: z.string() }).nullable(),
          }),
        ),
      }),
      handle: async ({ query: { by, provider, from, to }, caller }) => {
        const period = readPeriod({ from: dateOf(from), to: dateOf(to), grain: 'total', nowMs: nowMs() });
        const covered = { from: new Date(period.fromMs), to: new Date(period.toMs) };
        const providers = chosen(caller.providers('performance.read'), provider);
        const filter = providers === 'all' ? {} : { providers: [...providers] };
        const rows = await readUsage(store, { by, ...covered, ...filter });
        return {
          ...coverage(period),
          rows: rows
            .filter(row => row.by !== '')
            .map(row => ({
              by: row.by,
              requests: row.requests,
              attempts: row.attempts,
              ...Object.fromEntries(slices.map(slice => [slice, row[slice]])),
              buy: row.buy,
            })),
        };
      },
    }),
    operation({
      method: 'get',
      path: '/api/v1/provider-performance',
      access: { permission: 'performance.read', scope: 'provider' },
      summary: 'How attempts at provider accounts went: outcomes and times, by deployment',
      query: z.strictObject({
        provider: providerText,
        from: instant
          .optional()
          .openapi({ description: `A day before \`to\` unless said; at most ${performanceDaysMax} days.` }),
        to: instant.optional().openapi({ description: 'First instant after; now unless said.' }),
      }),
      answer: z.object({
        from: z.string(),
        to: z.string(),
        rows: z.array(
          z.object({
            provider: z.string(),
            deployment: z.string(),
            targetModel: z.string(),
            attempts: z.int(),
            outcomes: z.record(z.string(), z.int()),
            firstByteMs: milliseconds,
            durationMs: milliseconds,
          }),
        ),
      }),
      handle: async ({ query: { provider, from, to }, caller }) => {
        const until = dateOf(to) ?? new Date(nowMs());
        const since = dateOf(from) ?? new Date(until.getTime() - dayMs);
        const spanMs = until.getTime() - since.getTime();
        if (spanMs <= 0 || spanMs > performanceDaysMax * dayMs) {
          throw new Fault(
            'configuration_invalid',
            `from: must lie before \`to\`, by ${performanceDaysMax} days at most.`,
          );
        }
        const providers = chosen(caller.providers('performance.read'), provider);
        const rows = await readPerformance(store, { from: since, to: until, providers });
        return { from: since.toISOString(), to: until.toISOString(), rows };
      },
    }),
  ];
}

/** Another's account is answered as one without traffic: whether there is one is not told. */
function chosen(own: 'all' | ReadonlySet<string>, asked: string | undefined): 'all' | ReadonlySet<string> {
  if (asked === undefined) return own;
  return new Set(own === 'all' || own.has(asked) ? [asked] : []);
}

function dateOf(text: string | undefined): Date | undefined {
  return text === undefined ? undefined : new Date(text);
}
