import { createHash } from 'node:crypto';
import { meters } from '../pricing/meters.ts';
import { formatRate, parseRate } from '../pricing/money.ts';
import { parseRateCard, type RateCardJson } from '../pricing/rate-card.ts';
import { constantTimeline, type RateTimeline } from '../pricing/timeline.ts';
import { canonicalJson } from '../snapshot/hash.ts';
import type {
  BookName,
  Configuration,
  DecimalRates,
  DeploymentResource,
  PriceRow,
  PriceVersion,
  ProviderResource,
} from './resources.ts';
import { resourceOf } from './resources.ts';

/** Version of the sandbox's fixed prices. */
export const sandboxVersionId = 'sandbox-1';
/** Of every deployment served by the emulator, in both books: real arithmetic on invented figures. */
export const sandboxVersion: PriceVersion = {
  id: sandboxVersionId,
  currency: 'USD',
  rates: {
    'sandbox/*': {
      rates: { input: '1', cacheRead: '0.1', cacheWrite5m: '1.25', cacheWrite1h: '2', output: '4' },
      tiers: [],
    },
  },
  origin: 'sandbox',
};
export const currencyDefault = 'USD';

/** The id follows from the content, so that publishing the same prices again publishes nothing. */
export function versionIdOf(book: BookName, content: Pick<PriceVersion, 'currency' | 'rates'>): string {
  return `${book}-${versionDigest({ ...content, book }).slice(0, 12)}`;
}

export function versionDigest(content: object): string {
  return createHash('sha256').update(canonicalJson(content)).digest('hex');
}

/** Rates without superfluous zeros, so that "10.00" and "10" are one price. */
export function normalizeRates(rates: DecimalRates): DecimalRates {
  const entries = meters.flatMap(meter => {
    const rate = rates[meter];
    return rate === undefined ? [] : [[meter, formatRate(parseRate(rate))]];
  });
  return Object.fromEntries(entries);
}

/** What one book asks for one deployment: by deployment id, then vendor/name, then vendor/*. null when nothing is named
 *  for it or input or output is missing: an incomplete price is no price, and does not fall through to a wider one. */
export function cardOf(
  configuration: Configuration,
  book: BookName,
  deployment: DeploymentResource,
): RateCardJson | null {
  const version = versionFor(configuration, book, deployment);
  if (version === undefined || version.currency !== currencyOf(configuration, book)) return null;
  const vendor = deployment.model.slice(0, deployment.model.indexOf('/'));
  const row = version.rates[deployment.id] ?? version.rates[deployment.model] ?? version.rates[`${vendor}/*`];
  if (row === undefined || !isComplete(row)) return null;
  return {
    version: version.id,
    currency: version.currency,
    rates: toPico(row.rates),
    tiers: row.tiers.map(tier => ({ ...tier, rates: toPico(tier.rates) })),
  };
}

export function currencyOf(configuration: Configuration, book: BookName): string {
  const version = resourceOf(configuration, 'book', book)?.version;
  return configuration.versions.get(version ?? '')?.currency ?? currencyDefault;
}

/** A declared book comes first. Without any, facts are in force while their rule is; the sandbox has its own prices. */
function versionFor(
  configuration: Configuration,
  book: BookName,
  deployment: DeploymentResource,
): PriceVersion | undefined {
  const declared = configuration.versions.get(resourceOf(configuration, 'book', book)?.version ?? '');
  if (declared !== undefined && names(declared, deployment)) return declared;
  const provider = resourceOf(configuration, 'provider', deployment.provider);
  if (provider !== undefined && isSandbox(provider)) return sandboxVersion;
  const facts = resourceOf(configuration, 'rule', 'publish-facts-when-unconfigured');
  return facts?.state === 'active' ? configuration.versions.get(facts.version ?? '') : undefined;
}

function names(version: PriceVersion, deployment: DeploymentResource): boolean {
  const vendor = deployment.model.slice(0, deployment.model.indexOf('/'));
  return [deployment.id, deployment.model, `${vendor}/*`].some(target => Object.hasOwn(version.rates, target));
}

export function isSandbox(provider: ProviderResource): boolean {
  return provider.providerKind === 'emulated';
}

function isComplete(row: PriceRow): boolean {
  return row.rates.input !== undefined && row.rates.output !== undefined;
}

function toPico(rates: DecimalRates): Record<string, string> {
  const pico: Record<string, string> = {};
  for (const meter of meters) {
    const rate = rates[meter];
    if (rate !== undefined) pico[meter] = parseRate(rate).toString();
  }
  return pico;
}

/** What usage that is no exchange costs in a book; such rows need not price tokens. undefined when nothing is named. */
export function usagePricesOf(
  configuration: Configuration,
  { book }: { readonly book: BookName; readonly organisation: string },
  priced: Pick<DeploymentResource, 'id' | 'model' | 'provider'>,
): RateTimeline | undefined {
  const version = versionFor(configuration, book, priced as DeploymentResource);
  const vendor = priced.model.slice(0, priced.model.indexOf('/'));
  const row = version?.rates[priced.id] ?? version?.rates[priced.model] ?? version?.rates[`${vendor}/*`];
  if (version === undefined || row === undefined) return undefined;
  return constantTimeline(
    parseRateCard({ version: version.id, currency: version.currency, rates: toPico(row.rates), tiers: [] }),
  );
}
