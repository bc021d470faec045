import { stringify } from 'yaml';
import { modelPattern } from './declaration.ts';
import { rowEntry } from './export-prices.ts';
import type { StoredFact } from './fact-review.ts';
import type { DatedPrices } from './price-facts.ts';
import { type Configuration, resourceOf, resourcesOf } from './resources.ts';

/** Writes facts that were let through as a file of prices for one book, to be read, changed and published by a person.
 *  Unless `all` is asked for, only of models that a deployment serves, under the names that deployments give them. */
export function factsFile(
  facts: readonly StoredFact[],
  configuration: Configuration,
  options: { readonly book: 'sell' | 'buy'; readonly all: boolean; readonly nowMs: number; readonly version: string },
): string {
  const now = new Date(options.nowMs).toISOString();
  const byName = new Map(facts.map(fact => [`${fact.provider}/${fact.model}`, fact.approved]));
  const targets = options.all ? byName : servedFacts(byName, configuration);
  const rates: Record<string, unknown> = {};
  const later = new Map<string, Record<string, unknown>>();
  for (const [target, prices] of [...targets].sort(([one], [other]) => (one < other ? -1 : 1))) {
    if (prices === null || !modelPattern.test(target)) continue;
    const dated = prices.map(price => ({ from: instantOf(price), row: rowEntry(price) }));
    const current = dated.findLast(({ from }) => from <= now);
    if (current !== undefined) rates[target] = current.row;
    for (const { from, row } of dated.filter(price => price.from > now)) {
      later.set(from, { ...later.get(from), [target]: row });
    }
  }
  const scheduled = [...later]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([from, rows]) => ({ from, rates: rows }));
  const book = { currency: 'USD', rates, ...(scheduled.length === 0 ? {} : { scheduled }) };
  const heading = `# Public prices of ${options.version}, as they were let through. Read them before you publish them.\n`;
  return heading + stringify({ prices: { [options.book]: book } }, { lineWidth: 120, aliasDuplicateObjects: false });
}

/** The empty text is before any instant. */
function instantOf({ from }: DatedPrices): string {
  return from === undefined ? '' : `${from}T00:00:00.000Z`;
}

function servedFacts(byName: ReadonlyMap<string, StoredFact['approved']>, configuration: Configuration) {
  const served = new Map<string, StoredFact['approved']>();
  for (const deployment of resourcesOf(configuration, 'deployment')) {
    const kind = resourceOf(configuration, 'provider', deployment.provider)?.providerKind;
    const prices = byName.get(`${kind}/${deployment.targetModel}`);
    if (prices !== undefined) served.set(deployment.model, prices);
  }
  return served;
}
