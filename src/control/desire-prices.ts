import { type DeclaredBook, modelPattern } from './declaration.ts';
import type { Desire } from './plan.ts';
import { currencyOf, normalizeRates, versionIdOf } from './price-book.ts';
import { type BookName, type BookResource, type PriceRow, type PriceVersion, resourceOf } from './resources.ts';

export interface DesiredPrices {
  readonly books: readonly BookResource[];
  readonly versions: readonly PriceVersion[];
  /** Any declared price ends the rule that publishes facts. */
  readonly endsFacts: boolean;
}

/** Each declared book becomes one immutable version of all its rates, those of earlier files included unless pruned. */
export function desirePrices(desire: Desire): DesiredPrices {
  const declared = desire.declaration.prices;
  if (declared === undefined) return { books: [], versions: [], endsFacts: false };
  const versions = new Map<BookName, PriceVersion>();
  for (const book of ['sell', 'buy'] as const) {
    const content = declared[book];
    if (content !== undefined) versions.set(book, desireVersion(desire, book, content));
  }
  return {
    books: [...versions].map(([book, version]) => ({ kind: 'book', id: book, version: version.id })),
    versions: [...versions.values()],
    endsFacts: true,
  };
}

function desireVersion(desire: Desire, book: BookName, declared: DeclaredBook): PriceVersion {
  const rates: Record<string, PriceRow> = {};
  const current = desire.stored.versions.get(resourceOf(desire.stored, 'book', book)?.version ?? '');
  if (current !== undefined && !desire.prune) {
    if (current.currency === declared.currency) Object.assign(rates, current.rates);
    else if (Object.keys(current.rates).some(target => declared.rates[target] === undefined)) {
      const message = `the book is in ${currencyOf(desire.stored, book)}; name every rate anew, or apply with --prune`;
      desire.refuse(['prices', book, 'currency'], message);
    }
  }
  for (const [target, { tiers, ...meters }] of Object.entries(declared.rates)) {
    checkTarget(desire, book, target);
    rates[target] = {
      rates: normalizeRates(meters),
      tiers: (tiers ?? [])
        .map(tier => ({ ...tier, rates: normalizeRates(tier.rates) }))
        .sort((left, right) => left.size - right.size || (left.op < right.op ? -1 : 1)),
    };
  }
  const content = { currency: declared.currency, rates };
  return { id: versionIdOf(book, content), ...content, origin: 'declared' };
}

function checkTarget(desire: Desire, book: BookName, target: string): void {
  const isVendor = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}\/\*$/.test(target);
  const isDeployment = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/.test(target);
  if (isVendor || isDeployment || modelPattern.test(target)) return;
  desire.refuse(['prices', book, 'rates', target], 'must be vendor/name, vendor/* or the name of a deployment');
}
