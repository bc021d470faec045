import { createHash } from 'node:crypto';
import { cardOfRow, findRow, type PriceRow, type VersionContent } from '../pricing/price-row.ts';
import { incompleteness, parseRateCard, type RateCardJson } from '../pricing/rate-card.ts';
import { type DatedCardJson, formatTimeline, type RateTimelineJson } from '../pricing/timeline.ts';
import { canonicalJson } from '../snapshot/hash.ts';
import {
  type BookId,
  type BookName,
  type Configuration,
  contractOf,
  type DeploymentResource,
  entriesOf,
  type PriceVersion,
  type ProviderResource,
  resourceOf,
} from './resources.ts';

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
export function versionIdOf(book: BookId, content: VersionContent): string {
  return `${book}-${versionDigest({ ...content, book }).slice(0, 12)}`;
}

export function versionDigest(content: object): string {
  return createHash('sha256').update(canonicalJson(content)).digest('hex');
}

type Priced = Pick<DeploymentResource, 'id' | 'model' | 'provider'>;

/** What a deployment costs over time in one book, as the configuration has it: what is in force, then what is scheduled.
 *  null when it never has a complete price. */
export function pricesOf(configuration: Configuration, book: BookName, deployment: Priced): RateTimelineJson | null {
  return formatTimeline(listCards(configuration, book, deployment));
}

/** The same for an organisation that agreed on prices: those, and the list's where and while the contract says nothing.
 *  undefined when it never says anything of this deployment. */
export function contractPricesOf(
  configuration: Configuration,
  organisation: string,
  deployment: Priced,
): RateTimelineJson | null | undefined {
  const contract = bookRows(configuration, contractOf(organisation), deployment);
  if (contract.every(({ card }) => card === undefined)) return undefined;
  const list = listCards(configuration, 'sell', deployment);
  const starts = [...new Set([...list, ...contract].map(({ from }) => from))].sort(byInstant);
  const cards = starts.map(from => {
    const agreed = cardIn(contract, from);
    return { from, card: agreed === undefined ? (cardIn(list, from) ?? null) : agreed };
  });
  return formatTimeline(cards);
}

/** What keeps a deployment from having a price in a book at some time, cell by cell; empty when nothing does. */
export function missingPrices(configuration: Configuration, book: BookName, deployment: Priced): readonly string[] {
  const cards = rowCards(configuration, book, deployment);
  if (cards.length === 0 || cards.at(-1)!.card === undefined) return ['nothing is named for it'];
  return [...new Set(cards.flatMap(({ card }) => (card === undefined ? [] : incompleteness(parseRateCard(card)))))];
}

export function currencyOf(configuration: Configuration, book: BookName): string {
  const version = resourceOf(configuration, 'book', book)?.version;
  return configuration.versions.get(version ?? '')?.currency ?? currencyDefault;
}

export function isSandbox(provider: ProviderResource): boolean {
  return provider.providerKind === 'emulated';
}

export function byInstant(one: string | null, other: string | null): number {
  return (one ?? '') < (other ?? '') ? -1 : 1;
}

/** undefined: nothing is named; null: what is named is no complete price, or is in another currency than its book. */
interface Named<Card> {
  readonly from: string | null;
  readonly card: Card;
}

function listCards(configuration: Configuration, book: BookName, deployment: Priced): readonly DatedCardJson[] {
  const currency = currencyOf(configuration, book);
  return rowCards(configuration, book, deployment).map(({ from, card }) => ({
    from,
    card: card === undefined || card.currency !== currency || !isComplete(card) ? null : card,
  }));
}

/** A declared book comes first. Without any, facts are in force while their rule is; the sandbox has its own prices. */
function rowCards(
  configuration: Configuration,
  book: BookName,
  deployment: Priced,
): readonly Named<RateCardJson | undefined>[] {
  const otherwise = cardFrom(versionOtherwise(configuration, deployment), deployment);
  const declared = versionCards(configuration, book, deployment);
  const cards = declared.map(({ from, card }) => ({ from, card: card ?? otherwise }));
  return cards[0]?.from === null ? cards : [{ from: null, card: otherwise }, ...cards];
}

function bookRows(
  configuration: Configuration,
  book: BookId,
  deployment: Priced,
): readonly Named<RateCardJson | null | undefined>[] {
  const currency = currencyOf(configuration, 'sell');
  return versionCards(configuration, book, deployment).map(({ from, card }) => ({
    from,
    card: card === undefined || (card.currency === currency && isComplete(card)) ? card : null,
  }));
}

/** What the entries of a book name for a deployment. The first one holds for ever where it was not put off to an instant:
 *  clocks of replicas differ, and before it the book had another price or none. */
function versionCards(
  configuration: Configuration,
  book: BookId,
  deployment: Priced,
): readonly Named<RateCardJson | undefined>[] {
  const resource = resourceOf(configuration, 'book', book);
  if (resource === undefined) return [];
  return entriesOf(resource).map(({ from, atOnce, version }, index) => ({
    from: index === 0 && atOnce ? null : from,
    card: cardFrom(configuration.versions.get(version), deployment),
  }));
}

function cardFrom(version: PriceVersion | undefined, deployment: Priced): RateCardJson | undefined {
  const row = version === undefined ? undefined : findRow(version, deployment);
  if (version === undefined || row === undefined) return undefined;
  let cards = cardsOfVersion.get(version);
  if (cards === undefined) cardsOfVersion.set(version, (cards = new Map()));
  let card = cards.get(row);
  if (card === undefined) cards.set(row, (card = cardOfRow(row, version)));
  return card;
}

/** A row may price thousands of deployments, and a version never changes. */
const cardsOfVersion = new WeakMap<PriceVersion, Map<PriceRow, RateCardJson>>();
const complete = new WeakMap<RateCardJson, boolean>();

function versionOtherwise(configuration: Configuration, deployment: Priced): PriceVersion | undefined {
  const provider = resourceOf(configuration, 'provider', deployment.provider);
  if (provider !== undefined && isSandbox(provider)) return sandboxVersion;
  const facts = resourceOf(configuration, 'rule', 'publish-facts-when-unconfigured');
  return facts?.state === 'active' ? configuration.versions.get(facts.version ?? '') : undefined;
}

function cardIn<Card>(cards: readonly Named<Card>[], at: string | null): Card | undefined {
  return cards.findLast(({ from }) => (from ?? '') <= (at ?? ''))?.card;
}

function isComplete(card: RateCardJson): boolean {
  let known = complete.get(card);
  if (known === undefined) complete.set(card, (known = incompleteness(parseRateCard(card)).length === 0));
  return known;
}
