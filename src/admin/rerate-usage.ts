import { z } from '@hono/zod-openapi';
import { WalletUsagePayer } from '../billing/pay-usage.ts';
import { Fault } from '../completion/fault.ts';
import { ConfigurationError } from '../config/problem.ts';
import { resourceOf } from '../control/resources.ts';
import { usageDirectory } from '../control/usage-directory.ts';
import { wasCharged } from '../ledger/rerate.ts';
import { onlyVersion } from '../usage-events/only-version.ts';
import { rerateUsageStep } from '../usage-events/rerate-events.ts';
import type { EventPlace } from '../usage-events/standing-events.ts';
import type { AdminDependencies } from './dependencies.ts';
import { instant } from './instant.ts';
import { type Operation, operation } from './operation.ts';
import { withoutAbsent } from './present.ts';

const text = z.string().min(1).max(256);

const stepSchema = z
  .object({
    examined: z.int(),
    corrected: z.int(),
    quarantined: z.int().openapi({ description: 'They wait for their first price: /api/v1/usage-events/rate.' }),
    unpriced: z.int().openapi({
      description:
        'They stay as they are: no price holds for them, or their month is in another currency, or would have over 38 digits.',
    }),
    changes: z.array(
      z.object({
        book: z.enum(['buy', 'sell']),
        product: z.string(),
        meter: z.string(),
        currency: z.string(),
        fromVersion: z.string(),
        toVersion: z.string(),
        charges: z.int().openapi({
          description: 'Ratings; of a dry run without those that would only follow into another sum of their month.',
        }),
        before: z.string(),
        after: z.string(),
      }),
    ),
    samples: z.array(z.looseObject({ ref: z.string(), before: z.string(), after: z.string() })),
    through: z
      .string()
      .nullable()
      .openapi({ description: 'What was used before this instant is done; null: all of it.' }),
    next: z.string().optional().openapi({ description: 'Send it as `after` to go on.' }),
  })
  .openapi('UsageRerateStep');

/** Usage events that were rated, by the prices there are now. */
export function usageRerateOperations({ control, store, nowMs }: AdminDependencies): readonly Operation[] {
  const payer = new WalletUsagePayer();
  return [
    operation({
      method: 'post',
      path: '/api/v1/usage-events/rerate',
      access: { permission: 'ledger.write', scope: 'installation' },
      summary:
        'Rate usage events again, for some seconds; what comes out otherwise is reversed and booked anew. A price by ' +
        'the month changes for the whole month',
      body: z.strictObject({
        from: instant.openapi({ description: 'Of use. Inclusive.' }),
        to: instant.openapi({ description: 'Exclusive.' }),
        organisation: text.optional(),
        project: text.optional().openapi({ description: 'organisation/project' }),
        product: text.optional().openapi({ description: 'vendor/name' }),
        provider: text.optional().openapi({ description: 'Who is owed.' }),
        meter: text.optional(),
        version: text
          .optional()
          .openapi({ description: 'Only this price version, whenever it holds; else those in force.' }),
        dryRun: z.boolean().default(false).openapi({ description: 'Says what would change, and changes nothing.' }),
        reason: z.string().min(1).max(500).default('prices').openapi({ description: 'Kept with every rating.' }),
        run: z
          .string()
          .regex(/^[\x21-\x7e]{1,100}$/, { error: 'must be 1 to 100 visible characters' })
          .optional()
          .openapi({ description: 'Names this piece of work in every rating; one is made unless said.' }),
        after: text.optional().openapi({ description: '`next` of the step before.' }),
      }),
      answer: stepSchema,
      handle: async ({ body: { from, to, version, after, dryRun, reason, run, ...scope } }) => {
        const filter = { ...scope, from: new Date(from), to: new Date(to) };
        if (filter.from >= filter.to) throw new Fault('configuration_invalid', '`from` must lie before `to`.');
        const place = after === undefined ? undefined : readPlace(after);
        const configuration = await control.readConfiguration();
        for (const kind of ['organisation', 'project'] as const) {
          const name = scope[kind];
          // What is misspelt would be rated again without a word, to nothing.
          if (name === undefined || resourceOf(configuration, kind, name) !== undefined) continue;
          if (await wasCharged(store, kind, name)) continue;
          throw refused(kind, `there is no ${kind} ${name}, and nothing was ever charged to one`);
        }
        if (version !== undefined && !(await wasPublished(version))) {
          throw refused('version', `no price version ${version} was published`);
        }
        const prices = usageDirectory(configuration, await control.prices.history());
        const { next, ...report } = await rerateUsageStep(store, {
          filter,
          directory: version === undefined ? prices : onlyVersion(prices, version),
          run: run ?? `rerate-${new Date(nowMs()).toISOString()}`,
          reason,
          dryRun,
          after: place,
          payer,
        });
        return {
          ...report,
          through: next?.at.toISOString() ?? null,
          ...withoutAbsent({ next: next === undefined ? undefined : writePlace(next) }),
        };
      },
    }),
  ];

  async function wasPublished(version: string): Promise<boolean> {
    const { rowCount } = await store.pool.query('select from price_version where id = $1', [version]);
    return rowCount !== 0;
  }
}

function refused(field: string, message: string): ConfigurationError {
  return new ConfigurationError([{ path: `body.${field}`, code: 'configuration_invalid', message }], 'the request');
}

function writePlace({ at, ref }: EventPlace): string {
  return Buffer.from(JSON.stringify([at.getTime(), ref])).toString('base64url');
}

function readPlace(cursor: string): EventPlace {
  try {
    const [atMs, ref] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as [unknown, unknown];
    if (typeof ref === 'string' && typeof atMs === 'number' && Number.isSafeInteger(atMs)) {
      return { at: new Date(atMs), ref };
    }
  } catch {
    // Falls through to the one answer for every cursor that is not ours.
  }
  throw new Fault('configuration_invalid', 'after: this is not a cursor that was given here');
}
