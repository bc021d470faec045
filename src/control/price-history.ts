import { sql } from 'kysely';
import { cardOfRow, findRow } from '../pricing/price-row.ts';
import { incompleteness, parseRateCard, type RateCard } from '../pricing/rate-card.ts';
import type { DatedCard, RateTimeline } from '../pricing/timeline.ts';
import type { Store } from '../store/connect.ts';
import { sandboxVersion } from './price-book.ts';
import { factsBook } from './price-validity.ts';
import { readVersions } from './price-versions.ts';
import { type BookName, contractOf, type PriceVersion } from './resources.ts';

/** Every price that ever held, and those that are scheduled: for rating in hindsight, and for quotes. Unlike a snapshot it
 *  knows the past, and where nothing was in force it says nothing. */
export interface PriceHistory {
  /** undefined when the deployment never had a complete price. */
  timelineOf(of: PriceQuestion): RateTimeline | undefined;
}

export interface PriceQuestion {
  readonly book: BookName;
  /** Whose contract wins over the sell book; undefined asks for list prices. */
  readonly organisation?: string | undefined;
  readonly deployment: { readonly id: string; readonly model: string; readonly sandbox: boolean };
  /** Also rows that price no tokens and so are no complete price of a deployment: for usage that is no exchange. */
  readonly partial?: boolean;
}

interface ValidVersion {
  readonly fromMs: number;
  /** Exclusive. */
  readonly toMs: number;
  readonly version: PriceVersion;
}

export async function readPriceHistory(store: Store): Promise<PriceHistory> {
  const { rows } = await sql<{ book: string; version: string; lower: Date | null; upper: Date | null }>`
    select price_book.id as book, version, lower(valid) as lower, upper(valid) as upper
      from price_validity join price_book on price_book.number = price_validity.book
     order by 1, 3 nulls first`.execute(store.db);
  const versions = await readVersions(store.db, [...new Set(rows.map(({ version }) => version))]);
  const books = new Map<string, ValidVersion[]>();
  for (const { book, version, lower, upper } of rows) {
    const valid = {
      fromMs: lower?.getTime() ?? Number.NEGATIVE_INFINITY,
      toMs: upper?.getTime() ?? Number.POSITIVE_INFINITY,
      version: versions.get(version)!,
    };
    books.set(book, [...(books.get(book) ?? []), valid]);
  }
  return historyOf(books);
}

function historyOf(books: ReadonlyMap<string, readonly ValidVersion[]>): PriceHistory {
  function timelineOf({ book, organisation, deployment, partial }: PriceQuestion): RateTimeline | undefined {
    const contract = organisation === undefined || book === 'buy' ? [] : (books.get(contractOf(organisation)) ?? []);
    const asked = [contract, books.get(book) ?? []];
    const always = { fromMs: Number.NEGATIVE_INFINITY, toMs: Number.POSITIVE_INFINITY, version: sandboxVersion };
    const sources = [...asked, deployment.sandbox ? [always] : (books.get(factsBook) ?? [])];
    const instants = new Set(sources.flat().flatMap(({ fromMs, toMs }) => [fromMs, toMs]));
    instants.delete(Number.POSITIVE_INFINITY);
    const cards: DatedCard[] = [];
    for (const fromMs of [...instants].sort((one, other) => (one < other ? -1 : 1))) {
      const found = cardIn(sources, deployment, fromMs);
      const card = partial === true || found?.complete === true ? found?.card : undefined;
      const before = cards.at(-1);
      if (before === undefined ? card !== undefined : before.card !== card) cards.push({ fromMs, card });
    }
    const currency = cards.find(({ card }) => card !== undefined)?.card?.currency;
    return currency === undefined ? undefined : { currency, cards };
  }
  return { timelineOf };
}

interface ReadCard {
  readonly card: RateCard;
  readonly complete: boolean;
}

/** The first source that names the deployment decides, also when what it says is no complete price. */
function cardIn(
  sources: readonly (readonly ValidVersion[])[],
  deployment: { readonly id: string; readonly model: string },
  atMs: number,
): ReadCard | undefined {
  for (const source of sources) {
    const version = source.find(({ fromMs, toMs }) => fromMs <= atMs && atMs < toMs)?.version;
    const row = version === undefined ? undefined : findRow(version, deployment);
    if (version === undefined || row === undefined) continue;
    let cards = cardsOf.get(version);
    if (cards === undefined) cardsOf.set(version, (cards = new Map()));
    if (!cards.has(row)) {
      const card = parseRateCard(cardOfRow(row, version));
      cards.set(row, { card, complete: incompleteness(card).length === 0 });
    }
    return cards.get(row);
  }
  return undefined;
}

/** A row may price thousands of deployments, and a version never changes. */
const cardsOf = new WeakMap<PriceVersion, Map<object, ReadCard>>();
