import { z } from 'zod';
import { isZone } from '../governance/zones.ts';
import { capabilities, policyNames } from '../routing/decision.ts';
import { queueClasses } from '../routing/queue/waiting-line.ts';
import { pricesSchema } from './declaration-prices.ts';
import { referencePattern } from './references.ts';

/** The declarative file, as users write it. Keys once accepted stay valid. */

/** Bounds of one file. */
const entriesMax = 20_000;
const candidatesMax = 64;
const patternsMax = 256;
const timeoutMsMax = 86_400_000;

/** What resources are called; `/` and `%` stay free for names of models and for paths. */
const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/, {
  error: 'must be 1 to 64 letters, digits, `.`, `_`, `:` or `-`, and begin with a letter or digit',
});
const routeName = z
  .string()
  .max(128)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._:-]*(?:\/[A-Za-z0-9][A-Za-z0-9._:-]*){0,3}$/, {
    error: 'must be a name of letters, digits, `.`, `_`, `:` or `-`; `/` may part it',
  });
export const modelPattern =
  /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}\/[A-Za-z0-9][A-Za-z0-9._:@+-]*(?:\/[A-Za-z0-9._:@+-]+){0,3}$/;
const model = z.string().max(200).regex(modelPattern, { error: 'must be vendor/name, such as openai/gpt-5' });

const decimal = (integerDigits: number, decimals: number, what: string) =>
  z
    .string({ error: `must be a decimal string in quotes, such as "1.25": ${what}` })
    .regex(new RegExp(`^\\d{1,${integerDigits}}(?:\\.\\d{1,${decimals}})?$`), {
      error: `must be a decimal such as "1.25", with at most ${decimals} decimals and no sign`,
    });

const amount = decimal(18, 18, 'an amount of money');
const share = z
  .string({ error: 'must be a decimal string in quotes, such as "0.8"' })
  .regex(/^(?:0\.\d{1,6}|1(?:\.0{1,6})?)$/, {
    error: 'must be a part of the limit, above 0 and at most 1, such as "0.8"',
  })
  .refine(text => Number(text) > 0, { error: 'must be above 0' });
const reference = z.string().max(4_096).regex(referencePattern, {
  error: 'must be env:NAME or file:path; secrets themselves do not belong in this file',
});
const zone = z.string().refine(isZone, {
  error: 'is no zone: GLOBAL, EU, a country such as DE, or a region below one such as DE/eu-central-1',
});
const zones = z.array(zone).min(1).max(patternsMax);
const pattern = z
  .string()
  .min(1)
  .max(200)
  .regex(/^[^\s]+$/, { error: 'must not contain spaces' });
const allow = z.array(pattern).max(patternsMax);
const whole = (min: number, max: number) => z.int().min(min).max(max);
const named = <Value extends z.ZodType>(key: z.ZodType<string, string>, value: Value) =>
  z.record(key, value).refine(entries => Object.keys(entries).length <= entriesMax, {
    error: `must not have more than ${entriesMax} entries`,
  });

const budget = z.strictObject({
  limit: amount.describe('In the currency of the sell book.'),
  period: z.enum(['day', 'week', 'month', 'total']).default('month').describe('UTC calendar; weeks begin on Monday.'),
  hard: z.boolean().default(true).describe('Requests that do not fit are refused; otherwise warned about only.'),
  warnAt: z.array(share).max(16).default([]).describe('Parts of the limit at which to warn.'),
});

const dialects = ['openai-chat', 'anthropic-messages'] as const;
/** Known wire formats that deployments cannot be called in yet. */
export const dialectsNotAvailable: readonly string[] = [
  'openai-responses',
  'gemini',
  'cohere-chat',
  'bedrock-converse',
];

const baseUrl = z.string().max(2_048).refine(isBaseUrl, {
  error: 'must be http://host/path, https://host/path or unix:/path, without user, query or fragment',
});

const provider = z.strictObject({
  kind: name
    .optional()
    .describe(
      'Of providers/; unless said, the one whose host `baseUrl` names, else any compatible. Say it behind a proxy: the name of the account tells nothing.',
    ),
  dialect: z.enum(dialects).optional().describe('The wire format it is called in.'),
  dialects: z
    .array(z.enum(dialects))
    .min(1)
    .max(dialects.length)
    .optional()
    .describe('Several, in its order of preference; the client’s own is called when it is among them.'),
  baseUrl: baseUrl.optional().describe('Where it is reached; the kind’s own unless said.'),
  credential: reference.optional().describe('Its key, as env:NAME or file:path, resolved by the server.'),
});

const deployment = z.strictObject({
  was: name.optional().describe('Its name until now: renames a stored deployment, which stays the same to routing.'),
  provider: name.describe('Account that serves it.'),
  model: model.describe('vendor/name, as clients may ask for it.'),
  targetModel: z
    .string()
    .max(256)
    .regex(/^[\x21-\x7e]+$/, { error: 'must be printable without spaces' })
    .optional()
    .describe('What the provider calls the model; the part of `model` after the vendor unless said.'),
  zones: z
    .strictObject({ processing: zone.describe('Where prompts are processed; without `zones` it is GLOBAL.') })
    .optional(),
  limits: z
    .strictObject({
      concurrency: whole(1, 1_000_000).optional().describe('Attempts at once in one replica.'),
      inflowPercent: whole(1, 100)
        .optional()
        .describe(
          'Of its concurrency, as configured or found out, for requests that another deployment failed, so that one outage does not become two; where nobody else has room they come all the same. 30 unless said.',
        ),
    })
    .optional(),
  outputTokensMax: whole(1, 10_000_000).optional().describe('Longest answer; bounds holds. 32000 unless said.'),
  capabilities: z
    .array(z.enum(capabilities))
    .max(capabilities.length)
    .optional()
    .describe('What it can do beyond text; requests that need more go elsewhere. Everything is tried unless said.'),
  contextTokensMax: whole(1, 100_000_000)
    .optional()
    .describe('Context window; longer requests, by estimate, go elsewhere. Not looked at unless said.'),
  mediaTokensMax: whole(0, 10_000_000)
    .optional()
    .describe('Most tokens of one image; bounds holds. 32768 unless said.'),
  documentPagesMax: whole(1, 100_000)
    .optional()
    .describe('Most pages of all documents of a request, by the provider’s own limit; bounds holds. 100 unless said.'),
  documentTokensPerPage: whole(1, 1_000_000)
    .optional()
    .describe('Most tokens of one page, its text and its picture; bounds holds. 4600 unless said.'),
  audioTokensPerSecond: whole(1, 100_000)
    .optional()
    .describe('Most tokens of a second of audio; bounds holds. 32 unless said.'),
  toolCallsMax: whole(0, 100_000)
    .optional()
    .describe(
      'Most calls of each priced tool that the provider runs itself, where the request names no bound (`max_uses`); bounds holds. 10 unless said.',
    ),
});

const timeout = whole(1, timeoutMsMax).optional();
const route = z.strictObject({
  candidates: z
    .array(
      z.strictObject({
        deployment: name.describe('Of this file or stored before.'),
        weight: whole(1, 1_000_000).default(1).describe('Share among candidates of one priority.'),
        priority: whole(0, 1_000).default(1).describe('Lower first.'),
      }),
    )
    .min(1)
    .max(candidatesMax),
  policy: z
    .enum(policyNames)
    .optional()
    .describe(
      'How candidates are put in order: `priority` (lower `priority` first, then by weight), `weighted`, `cheapest` (for the customer), `fastest`, `balanced`, `sticky` (one session, one place). All but the first ignore `priority`. `priority` unless said.',
    ),
  costMax: decimal(6, 9, 'an amount of money')
    .optional()
    .describe(
      'Candidates at which a request is expected to cost its customer more are left out (`COST_OVER_CAP`): by the sell price, its estimated input and the usual length of the route’s answers. In the currency of the sell book; no cap unless said.',
    ),
  retries: whole(0, 16).optional().describe('Attempts after the first; 2 unless said.'),
  connectTimeoutMs: timeout.describe('Until the provider accepts a connection; 5000 unless said.'),
  firstByteTimeoutMs: timeout.describe('Until its first byte; 120000 unless said.'),
  idleTimeoutMs: timeout.describe('Longest pause in its answer; 120000 unless said.'),
  totalTimeoutMs: timeout.describe('Of the whole exchange; 1800000 unless said.'),
  abort: z
    .enum(['cancel', 'drain'])
    .optional()
    .describe('What a client’s abort does to the provider’s answer; cancel unless said.'),
  class: z
    .enum(queueClasses)
    .optional()
    .describe(
      'Whose turn comes first where requests wait for room at deployments: `interactive`, `standard`, `flex`, `batch`. Nobody starves: every second turn goes to who has waited too long. standard unless said.',
    ),
  queueMs: whole(0, 600_000)
    .optional()
    .describe(
      'Longest wait for room when every deployment that may answer is full; then `deployment_saturated`. 0: none. 1000 unless said.',
    ),
  retryBudget: z
    .strictObject({
      percent: whole(0, 100).optional().describe('Further attempts for a hundred requests; 20 unless said.'),
      perSecond: whole(0, 10_000)
        .optional()
        .describe('Further attempts a second that are allowed however few requests come; 10 unless said.'),
    })
    .optional()
    .describe(
      'How many attempts after the first the requests of one organisation may cause here in ten seconds. Beyond it, only deployments that are well are asked, and nobody twice.',
    ),
  hedge: z
    .strictObject({
      afterMs: timeout.describe('Ask a second deployment after so long without a byte.'),
      percentile: whole(50, 99)
        .optional()
        .describe(
          'Or when the first one is slower than so many in a hundred of its own answers to requests of this size; not before enough were seen.',
        ),
      percent: whole(1, 50)
        .optional()
        .describe('Most requests in a hundred, and of their tokens, that are sent twice; 2 unless said.'),
    })
    .refine(({ afterMs, percentile }) => (afterMs === undefined) !== (percentile === undefined), {
      error: 'must say one of afterMs and percentile',
    })
    .optional()
    .describe(
      'Send a request that gets no byte to a second deployment as well; who begins first answers. Its customer pays for one; the other is the operator’s cost. Never with tools that a provider runs. Nothing is sent twice unless said.',
    ),
  onFailure: z
    .enum(['error', 'restart', 'continue'])
    .optional()
    .describe(
      'What follows when a stream breaks off after its first content, where the request does not say (x-carrier-on-failure): `error` ends it; `restart` announces a whole new answer by the next candidate; `continue` lets one that documents it write the rest of a text. Where a request rules it out, `error`. Set it only if the route’s clients know the announcements: docs/guides/failover.md. `error` unless said.',
    ),
  holdBack: z
    .strictObject({
      tokens: whole(0, 32).describe('Of content, by estimate.'),
      ms: whole(0, 250).describe('From the first content on.'),
    })
    .refine(({ tokens, ms }) => (tokens === 0) === (ms === 0), {
      error: 'holds nothing back unless both are above 0; leave it out, or set both',
    })
    .optional()
    .describe(
      'How much of a stream’s first content is held back, whichever bound is reached first, so that a failure inside is not seen; every stream of the route begins that much later. Nothing unless said.',
    ),
});

const key = z.strictObject({
  id: z
    .string()
    .regex(/^[0-9A-Za-z]{8}$/, { error: 'must be the 8 characters of an existing key' })
    .optional()
    .describe('Of a key that the server made and no file knows the secret of; exports have it.'),
  secret: reference.optional().describe('An imported secret of 32 characters or more, as env:NAME or file:path.'),
  expiresAt: z.iso
    .datetime({ offset: true, error: 'must be an instant such as 2027-01-01T00:00:00Z' })
    .optional()
    .describe('First instant at which it is refused; never unless said.'),
  revoked: z.boolean().default(false).describe('For good: a file cannot undo it.'),
  allow: allow.optional().describe('Narrows the project’s; as the project unless said.'),
  zones: zones.optional().describe('Narrows the project’s; as the project unless said.'),
  policies: z
    .array(z.enum(policyNames))
    .max(policyNames.length)
    .optional()
    .describe('Route policies that x-carrier-policy may ask for; all unless said, none when empty.'),
  lowerOutputToFit: z
    .boolean()
    .default(false)
    .describe('Lower the output limit, declared, rather than refuse what a budget cannot hold.'),
  mediaFetch: z
    .boolean()
    .optional()
    .describe('Fetch media that it names by URL, where a provider needs bytes; as the project unless said.'),
  budget: budget.optional(),
});
const project = z.strictObject({
  keys: named(name, key).optional(),
  allow: allow.default(['**']).describe('Names it may ask for: `*` within a segment, `**` all.'),
  zones: zones.optional().describe('Where its prompts may be processed; anywhere unless said.'),
  mediaFetch: z
    .boolean()
    .default(false)
    .describe('Fetch media named by URL, where a provider needs bytes: public addresses only, in the zones.'),
  budget: budget.optional(),
});
const organisation = z
  .strictObject({
    projects: named(name, project).optional(),
    budget: budget.optional(),
    terms: z
      .enum(['prepaid', 'postpaid'])
      .default('postpaid')
      .describe(
        'prepaid: requests that its wallet cannot pay are refused. postpaid: what its wallet does not pay is owed.',
      ),
    overdraft: amount
      .optional()
      .describe(
        'Of prepaid: what may be owed beyond the wallet, in the currency of the sell book; nothing unless said.',
      ),
    creditLimit: amount
      .optional()
      .describe(
        'Of postpaid: the most that may be owed; requests that would pass it are refused. Without a bound unless said.',
      ),
  })
  .check(({ value, issues }) => {
    const wrong = (path: string, terms: string) =>
      issues.push({ code: 'custom', path: [path], input: value, message: `is of ${terms} organisations` });
    if (value.overdraft !== undefined && value.terms !== 'prepaid') wrong('overdraft', 'prepaid');
    if (value.creditLimit !== undefined && value.terms !== 'postpaid') wrong('creditLimit', 'postpaid');
  });

export const declarationSchema = z.strictObject({
  process: z.unknown().optional().describe('Settings of the process, read at start with --config; see above.'),
  providers: named(name, provider).optional(),
  deployments: named(name, deployment).optional(),
  prices: pricesSchema.optional(),
  routes: named(routeName, route).optional(),
  organisations: named(name, organisation).optional(),
  policies: z
    .strictObject({
      orphans: z
        .enum(['delivered', 'free'])
        .optional()
        .describe('What a customer pays for an attempt whose process died; delivered unless said.'),
    })
    .optional(),
});

export type Declaration = z.output<typeof declarationSchema>;
export type DeclaredBudget = z.output<typeof budget>;

/** Keys that users of such a system know or will know, by place; `*` is any name. Refused by name (I10). */
export const keysNotAvailable: ReadonlyMap<string, string> = new Map([
  ['deployments.*.serviceTier', 'Service tiers are not built yet.'],
  ['deployments.*.failureDomains', 'Failure domains are not used yet.'],
  ['deployments.*.zones.tlsTermination', 'Only `processing` is enforced yet.'],
  ['deployments.*.zones.transientStorage', 'Only `processing` is enforced yet.'],
  ['deployments.*.zones.atRest', 'Only `processing` is enforced yet.'],
  ['deployments.*.zones.supportAccess', 'Only `processing` is enforced yet.'],
  ['deployments.*.limits.requestsPerMinute', 'Rate limits of deployments are not built yet.'],
  ['deployments.*.limits.tokensPerMinute', 'Rate limits of deployments are not built yet.'],
  ['prices.*.rates.*.*.free', 'What a period has free is rated at its close, and periods are not closed yet.'],
  [
    'prices.contracts.*.rates.*.*.free',
    'What a period has free is rated at its close, and periods are not closed yet.',
  ],
  ['routes.*.affinity', 'Session affinity is not built yet.'],
  ['organisations.*.wallet', 'What a wallet holds is granted: `carrier wallets grant`. Set `terms` here.'],
  ['organisations.*.commitments', 'Commitments are not built yet.'],
  ['organisations.*.zones', 'Set zones on projects and keys.'],
  ['organisations.*.allow', 'Set allow on projects and keys.'],
  ['organisations.*.projects.*.limits', 'Rate limits are not built yet.'],
  ['organisations.*.projects.*.contentLogs', 'Prompts and answers are never logged yet.'],
  ['organisations.*.projects.*.keys.*.limits', 'Rate limits are not built yet.'],
  ['organisations.*.projects.*.keys.*.sigv4', 'Keys that sign with SigV4 are not built yet.'],
  ['commitments', 'Commitments are not built yet.'],
  ['bundles', 'Bundles are not built yet.'],
  ['batches', 'Batches are not built yet.'],
  ['cache', 'Answers are not cached yet.'],
]);

function isBaseUrl(text: string): boolean {
  if (/^unix:\/[^\0?#]+$/.test(text)) return true;
  if (!/^https?:\/\/\S+$/.test(text) || !URL.canParse(text)) return false;
  const url = new URL(text);
  return url.username === '' && url.password === '' && url.search === '' && url.hash === '' && url.hostname !== '';
}
