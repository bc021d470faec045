import { parseRate } from '../pricing/money.ts';
import { describeRate, type PriceRow } from '../pricing/price-row.ts';
import { canonicalJson } from '../snapshot/hash.ts';
import type { DatedPrices, ExcludedFact, PriceFact, PriceFacts } from './price-facts.ts';

/** What was let through of a model's public prices, and what waits for a person. */
export interface StoredFact {
  readonly provider: string;
  readonly model: string;
  /** null while nothing was let through. */
  readonly approved: readonly DatedPrices[] | null;
  readonly held: readonly DatedPrices[] | null;
  readonly reasons: readonly string[] | null;
}

/** What a source says by now that was not let through before. */
export interface FactChange {
  readonly provider: string;
  readonly model: string;
  readonly change: 'new' | 'changed' | 'gone';
  readonly lines: readonly FactLine[];
  /** Why it is odd, and so held until a person approves it; empty lets it through. */
  readonly reasons: readonly string[];
  /** Binary fractions that were read as the decimals they stand for. */
  readonly snapped: readonly string[];
}

export interface FactLine {
  /** ISO 8601 date from which it holds; null is ever. */
  readonly from: string | null;
  readonly where: string;
  readonly meter: string;
  readonly before: string | null;
  readonly after: string | null;
}

export interface FactReview {
  /** Of the source. */
  readonly version: string;
  readonly changes: readonly FactChange[];
  /** What the source says and no price can: by name, with the reason. */
  readonly excluded: readonly ExcludedFact[];
  readonly unchanged: number;
}

/** Compares what a source says with what was let through. Pure; nothing is let through here, and nothing is billed by. */
export function reviewFacts(source: PriceFacts, stored: readonly StoredFact[]): FactReview {
  const before = new Map(stored.map(fact => [nameOf(fact), fact]));
  const seen = new Set<string>();
  const changes: FactChange[] = [];
  let unchanged = 0;
  for (const fact of source.facts) {
    seen.add(nameOf(fact));
    const approved = before.get(nameOf(fact))?.approved ?? null;
    if (approved !== null && canonicalJson(approved) === canonicalJson(fact.prices)) unchanged++;
    else changes.push(changeOf(fact, approved));
  }
  for (const fact of stored) {
    if (seen.has(nameOf(fact)) || fact.approved === null) continue;
    const { provider, model } = fact;
    changes.push({ provider, model, change: 'gone', lines: linesBetween(fact.approved, []), reasons: [], snapped: [] });
  }
  return { version: source.version, changes, excluded: source.excluded, unchanged };
}

function nameOf({ provider, model }: Pick<PriceFact, 'provider' | 'model'>): string {
  return `${provider}/${model}`;
}

function changeOf(fact: PriceFact, approved: readonly DatedPrices[] | null): FactChange {
  const lines = linesBetween(approved ?? [], fact.prices);
  return {
    provider: fact.provider,
    model: fact.model,
    change: approved === null ? 'new' : 'changed',
    lines,
    reasons: [...new Set([...fact.prices.flatMap(oddities), ...lines.flatMap(oddChange)])],
    snapped: fact.snapped ?? [],
  };
}

/** Most that a price changes by without somebody looking: new prices come at a half or at double, slips at a thousand. */
const factorMax = 10n;

function oddChange({ meter, where, before, after }: FactLine): string[] {
  if (before === null || after === null) return [];
  const [old, now] = [parseRate(before), parseRate(after)];
  const name = where === '' ? meter : `${meter} (${where})`;
  if (old === 0n || now === 0n)
    return old === now ? [] : [`${name} changes between free and ${old === 0n ? after : before}`];
  if (now > old * factorMax) return [`${name} becomes more than ${factorMax} times what it was, ${before} to ${after}`];
  return now * factorMax < old
    ? [`${name} becomes less than a ${factorMax}th of what it was, ${before} to ${after}`]
    : [];
}

/** What no provider asks for: most likely columns that were exchanged, or a slip. */
function oddities({ rates, tiers }: Pick<PriceRow, 'rates' | 'tiers'>): string[] {
  const steps = [
    { where: '', rates },
    ...tiers.map(tier => ({ where: ` above ${tier.size} input tokens`, rates: tier.rates })),
  ];
  return steps.flatMap(step => {
    const pico = (meter: string) => {
      const rate = step.rates[meter];
      return typeof rate === 'string' ? parseRate(rate) : undefined;
    };
    const exceeds = (one: string, other: string) => {
      const [left, right] = [pico(one), pico(other)];
      return left !== undefined && right !== undefined && left > right ? [`${one} is above ${other}${step.where}`] : [];
    };
    return [
      ...exceeds('cacheRead', 'input'),
      ...exceeds('input', 'output'),
      ...exceeds('cacheWrite5m', 'cacheWrite1h'),
      ...exceeds('cacheRead', 'cacheWrite5m'),
    ];
  });
}

function linesBetween(before: readonly DatedPrices[], after: readonly DatedPrices[]): FactLine[] {
  const [was, is] = [textOf(before), textOf(after)];
  return [...new Set([...was.keys(), ...is.keys()])].flatMap(key => {
    const [old, now] = [was.get(key) ?? null, is.get(key) ?? null];
    const [from = '', where = '', meter = ''] = key.split('\n');
    return old === now ? [] : [{ from: from === '' ? null : from, where, meter, before: old, after: now }];
  });
}

function textOf(prices: readonly DatedPrices[]): Map<string, string> {
  const text = new Map<string, string>();
  for (const { from, rates, tiers } of prices) {
    const steps = [
      { where: '', rates },
      ...tiers.map(tier => ({ where: `inputTotal > ${tier.size}`, rates: tier.rates })),
    ];
    for (const step of steps) {
      for (const [meter, rate] of Object.entries(step.rates)) {
        text.set(`${from ?? ''}\n${step.where}\n${meter}`, describeRate(rate));
      }
    }
  }
  return text;
}
