import { z } from 'zod';
import { isZone } from '../governance/zones.ts';
import { capabilities, policyNames } from '../routing/decision.ts';
import { queueClasses } from '../routing/queue/waiting-line.ts';
import { isClientNetwork, isOriginPattern, tagNamePattern, tagValuePattern } from '../snapshot/key-guard.ts';
import { accessSchema } from './declaration-access.ts';
import { amount, budget, budgets, decimal, installationBudgets } from './declaration-budgets.ts';
import { callerLimits, deploymentLimits, providerLimits, routeLimits } from './declaration-limits.ts';
import { pricesSchema } from './declaration-prices.ts';
import { referencePattern } from './references.ts';

/** The declarative file, as users write it. Keys once accepted stay valid. */

/** Bounds of one file. */
const entriesMax = 20_000;
const candidatesMax = 64;
const patternsMax = 256;
const timeoutMsMax = 86_400_000;
const networksMax = 64;
const originsMax = 32;
/** Of one key; a request brings as many as 16 itself. */
const keyTagsMax = 8;
/** Tags that requests bring and usage of one organisation is told apart by. */
const usageTagsMax = 4;

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

/** In exports: a credential that was given by the management API, and is stored on the installation that wrote it. */
export const storedPattern = /^stored:([0-9a-f]{16})$/;
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

const tagName = z.string().regex(tagNamePattern, {
  error: 'must be a name of 1 to 64 letters, digits, `_`, `.` or `-` that begins with a letter',
});
const tags = z
  .record(
    tagName,
    z.string().regex(tagValuePattern, { error: 'must be 1 to 128 printable characters without spaces and commas' }),
  )
  .refine(entries => Object.keys(entries).length <= keyTagsMax, {
    error: `must not have more than ${keyTagsMax} tags`,
  });

const dialects = [
  'openai-chat',
  'anthropic-messages',
  'openai-responses',
  'gemini',
  'cohere-chat',
  'bedrock-converse',
] as const;

const baseUrl = z.string().max(2_048).refine(isBaseUrl, {
  error: 'must be http://host/path, https://host/path or unix:/path, without user, query or fragment',
});

export const providerSchema = z.strictObject({
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
  credential: z
    .string()
    .max(4_096)
    .refine(text => referencePattern.test(text) || storedPattern.test(text), {
      error: 'must be env:NAME or file:path; secrets themselves do not belong in this file',
    })
    .optional()
    .describe(
      'Its key, as env:NAME or file:path, resolved by the server; env:ID:SECRET is the values of both with a colon between. In exports stored:… is one that was given by the management API: it is kept where it is stored, and refused elsewhere.',
    ),
  limits: providerLimits
    .optional()
    .describe('Of attempts at all its deployments together; where one is used up, the next candidate is tried.'),
});

export const deploymentSchema = z.strictObject({
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
  limits: deploymentLimits.optional().describe('Of attempts; where one is used up, the next candidate is tried.'),
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
  toolTokensPerCall: whole(0, 10_000_000)
    .optional()
    .describe(
      'Most input tokens that a call of such a tool brings, as search results or a fetched page; bounds holds. 10000 unless said.',
    ),
});

const timeout = whole(1, timeoutMsMax).optional();
export const routeSchema = z.strictObject({
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
  limits: routeLimits.optional().describe('That all its callers share.'),
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

export const keySchema = z.strictObject({
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
  sigv4: z
    .boolean()
    .default(false)
    .describe(
      'May sign requests as AWS SDKs do: its id is the access key id, its secret the secret access key. The server then keeps the secret itself, encrypted, and not its digest alone. Of a key that was made without it, it cannot be said afterwards.',
    ),
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
  addresses: z
    .array(
      z
        .string()
        .refine(isClientNetwork, { error: 'must be an address or a network such as 10.0.0.0/8 or 2001:db8::/32' }),
    )
    .min(1)
    .max(networksMax)
    .optional()
    .describe(
      'Addresses and networks that it may be used from; `key_address_refused` elsewhere. Behind proxies say them in `process.trustedProxies`. Anywhere unless said.',
    ),
  origins: z
    .array(
      z.string().refine(isOriginPattern, {
        error: 'must be an origin such as https://app.example.com, or https://*.example.com',
      }),
    )
    .min(1)
    .max(originsMax)
    .optional()
    .describe(
      'Web origins that it may be used from, by the `Origin` header that browsers send; `key_origin_refused` elsewhere and without one. Pages of these origins may call from a browser (CORS). Any unless said.',
    ),
  tags: tags
    .optional()
    .describe(
      'Put on each of its requests, and told apart in usage: `carrier usage --by tag:team`. A request cannot say another value.',
    ),
  budget: budget.optional(),
  budgets,
  limits: callerLimits.optional(),
});
export const projectSchema = z.strictObject({
  keys: named(name, keySchema).optional(),
  allow: allow.default(['**']).describe('Names it may ask for: `*` within a segment, `**` all.'),
  zones: zones.optional().describe('Where its prompts may be processed; anywhere unless said.'),
  mediaFetch: z
    .boolean()
    .default(false)
    .describe('Fetch media named by URL, where a provider needs bytes: public addresses only, in the zones.'),
  budget: budget.optional(),
  budgets,
  limits: callerLimits.optional(),
});
export const organisationSchema = z
  .strictObject({
    projects: named(name, projectSchema).optional(),
    usageTags: z
      .array(tagName)
      .max(usageTagsMax)
      .optional()
      .describe(
        'Names of tags that requests bring (`x-carrier-tags`) and usage is told apart by, with at most 1000 values each; further values count as `(others)`. Tags of keys need not be named. None unless said.',
      ),
    budget: budget.optional(),
    budgets,
    limits: callerLimits.optional(),
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
    lowBalance: amount
      .optional()
      .describe(
        'Raises an alert each time what is left of its wallet and its line falls below so much, in the currency of the sell book. None unless said.',
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
  providers: named(name, providerSchema).optional(),
  deployments: named(name, deploymentSchema).optional(),
  prices: pricesSchema.optional(),
  routes: named(routeName, routeSchema).optional(),
  organisations: named(name, organisationSchema).optional(),
  access: accessSchema.optional().describe('Who may log in and how; docs/guides/access.md.'),
  policies: z
    .strictObject({
      orphans: z
        .enum(['delivered', 'free'])
        .optional()
        .describe('What a customer pays for an attempt whose process died; delivered unless said.'),
      budgets: installationBudgets,
    })
    .optional(),
});

export type Declaration = z.output<typeof declarationSchema>;
export type { DeclaredBudget } from './declaration-budgets.ts';

/** Keys that users of such a system know or will know, by place; `*` is any name. Refused by name (I10). */
export const keysNotAvailable: ReadonlyMap<string, string> = new Map([
  ['deployments.*.serviceTier', 'Service tiers are not built yet.'],
  ['deployments.*.failureDomains', 'Failure domains are not used yet.'],
  ['deployments.*.zones.tlsTermination', 'Only `processing` is enforced yet.'],
  ['deployments.*.zones.transientStorage', 'Only `processing` is enforced yet.'],
  ['deployments.*.zones.atRest', 'Only `processing` is enforced yet.'],
  ['deployments.*.zones.supportAccess', 'Only `processing` is enforced yet.'],
  [
    'routes.*.affinity',
    'A session stays at one place under `policy: sticky`; other policies count warm prefixes by themselves.',
  ],
  ['organisations.*.wallet', 'What a wallet holds is granted: `carrier wallets grant`. Set `terms` here.'],
  ['organisations.*.commitments', 'Commitments are not built yet.'],
  ['organisations.*.zones', 'Set zones on projects and keys.'],
  ['organisations.*.allow', 'Set allow on projects and keys.'],
  ['organisations.*.projects.*.contentLogs', 'Prompts and answers are never logged yet.'],
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
