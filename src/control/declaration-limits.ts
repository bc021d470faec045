import { z } from 'zod';
import { limitMeasures } from '../snapshot/limits.ts';

/** Blocks `limits` of the declarative file. */

const countMax = 1_000_000_000_000;
const narrowedMax = 64;

const count = z
  .int()
  .min(1, { error: 'must be at least 1; to keep a key from a model, leave it out of `allow`' })
  .max(countMax);
const pattern = z
  .string()
  .min(1)
  .max(200)
  .regex(/^[^\s]+$/, { error: 'must not contain spaces' });
const route = z
  .string()
  .max(256)
  .regex(/^[^\s]+$/, { error: 'must not contain spaces' });

const rates = {
  requestsPerMinute: count.optional().describe('Requests in a UTC minute, over all replicas.'),
  requestsPerDay: count.optional().describe('Requests in a UTC day, over all replicas.'),
  tokensPerMinute: count
    .optional()
    .describe('Tokens read and written in a UTC minute, over all replicas; expected at first, corrected at the end.'),
  tokensPerDay: count.optional().describe('Tokens read and written in a UTC day, over all replicas.'),
};
const concurrency = count.max(1_000_000).optional().describe('Requests at once, over all replicas.');
const shadow = z
  .boolean()
  .default(false)
  .describe('Count and report what would have been refused, and refuse nothing.');
const onExhausted = z
  .strictObject({ route: route.describe('Route, deployment or model that serves instead.') })
  .optional()
  .describe('Instead of a refusal; declared as a loss and in x-carrier-downgraded, refused under x-carrier-strict.');

const saysSomething = (block: object) =>
  limitMeasures.some(measure => Object.hasOwn(block, measure)) || ('of' in block && block.of !== undefined);
const nothingSaid = { error: `says no limit; name one of ${limitMeasures.join(', ')}` };
const isInForce = (block: { readonly shadow: boolean; readonly onExhausted?: unknown }) =>
  !block.shadow || block.onExhausted === undefined;
const shadowed = { error: 'a shadow refuses nothing, so it has no `onExhausted`' };

const narrowed = z
  .strictObject({
    model: pattern.optional().describe('Pattern over `vendor/name`: requests that may go to such a model.'),
    provider: pattern.optional().describe('Pattern over names of provider accounts.'),
    route: pattern.optional().describe('Pattern over the names that requests ask for.'),
    ...rates,
    concurrency,
    shadow,
    onExhausted,
  })
  .refine(saysSomething, nothingSaid)
  .refine(isInForce, shadowed)
  .refine(({ model, provider, route }) => model !== undefined || provider !== undefined || route !== undefined, {
    error: 'narrows nothing; name `model`, `provider` or `route`, or say it beside `of`',
  });

/** Of an organisation, a project or a key. */
export const callerLimits = z
  .strictObject({
    ...rates,
    concurrency,
    shadow,
    onExhausted,
    of: z.array(narrowed).min(1).max(narrowedMax).optional().describe('Limits of some models, providers or routes.'),
  })
  .refine(saysSomething, nothingSaid)
  .refine(isInForce, shadowed);

/** That all callers of a route share. */
export const routeLimits = z
  .strictObject({ ...rates, concurrency, shadow, onExhausted })
  .refine(saysSomething, nothingSaid)
  .refine(isInForce, shadowed);

/** Of attempts at all deployments of a provider account. */
export const providerLimits = z.strictObject({ ...rates, concurrency, shadow }).refine(saysSomething, nothingSaid);

/** Of attempts at one deployment. */
export const deploymentLimits = z
  .strictObject({
    ...rates,
    concurrency: count.max(1_000_000).optional().describe('Attempts at once in one replica.'),
    shadow: shadow.describe(
      'Of what is counted by minute or day: report what would have been refused, and refuse nothing.',
    ),
  })
  // Said without anything in it, it was always valid.
  .refine(block => !block.shadow || saysSomething(block), nothingSaid)
  .refine(({ shadow, concurrency }) => !shadow || concurrency === undefined, {
    error: 'the concurrency of a deployment cannot be a shadow; set it on the provider account or leave `shadow` out',
  });

export type DeclaredLimits = z.output<typeof callerLimits>;
