import { readFileSync } from 'node:fs';
import { findProvider, type ModelInfo, type ModelPrice } from '@pydantic/genai-prices';
import type { Meter } from '../pricing/meters.ts';
import { divideRoundHalfEven, formatRate } from '../pricing/money.ts';

/** What is publicly known of prices, from the offline data of @pydantic/genai-prices (MIT). Facts never bill: a version
 *  published from them does, under a rule that says so. What cannot be said exactly here is excluded by name. */
export interface PriceFacts {
  /** Of the data, such as `0.1.8`. */
  readonly version: string;
  readonly facts: readonly PriceFact[];
  readonly excluded: readonly ExcludedFact[];
}

export interface PriceFact {
  /** Kind of the provider, as in providers/. */
  readonly provider: string;
  /** The provider's own name of the model: what is sent as targetModel. */
  readonly model: string;
  /** Other names at the provider that cost the same, such as dated ones. */
  readonly aliases: readonly string[];
  /** Input and output together; undefined when not known. */
  readonly contextTokensMax: number | undefined;
  /** In the order of their dates; the first holds from ever. */
  readonly prices: readonly DatedPrices[];
  /** Prices with an error of binary fractions, which were read as what they stand for; absent when there are none. */
  readonly snapped?: readonly string[];
}

/** Rates are decimal strings, USD per 10⁶ tokens. */
export type DecimalRates = Readonly<Record<string, string>>;

export interface DatedPrices {
  /** ISO 8601 date, UTC, inclusive; undefined is ever. */
  readonly from: string | undefined;
  readonly rates: DecimalRates;
  readonly tiers: readonly {
    readonly measure: 'inputTotal';
    readonly op: 'gt';
    readonly size: number;
    readonly rates: DecimalRates;
  }[];
}

export interface ExcludedFact {
  readonly provider: string;
  readonly model: string;
  readonly reason: string;
}

/** The facts of the providers named: `priceFacts` is their id in the data. */
export function readPriceFacts(
  providers: readonly {
    readonly name: string;
    readonly priceFacts: string | undefined;
    readonly pricedModels?: RegExp;
  }[],
): PriceFacts {
  const facts: PriceFact[] = [];
  const excluded: ExcludedFact[] = [];
  for (const { name, priceFacts, pricedModels } of providers) {
    if (priceFacts === undefined) continue;
    for (const model of findProvider({ providerId: priceFacts })?.models ?? []) {
      const isServed = pricedModels === undefined || pricedModels.test(model.id);
      const read = isServed ? readModel(name, model, pricedModels) : 'its maker serves it at another address';
      if (typeof read === 'string') excluded.push({ provider: name, model: model.id, reason: read });
      else facts.push(read);
    }
  }
  return { version: dataVersion(), facts, excluded };
}

/** The prices that hold at an instant. */
export function pricesAt(fact: PriceFact, atMs: number): DatedPrices {
  const date = new Date(atMs).toISOString().slice(0, 10);
  const [first, ...later] = fact.prices;
  return later.findLast(prices => prices.from !== undefined && prices.from <= date) ?? first!;
}

/** A model's fact, or the reason why it has none. `names`: what the provider's names look like, where that is known. */
export function readModel(provider: string, model: ModelInfo, names?: RegExp): PriceFact | string {
  if (names?.test(model.id) !== true && /[:*]|-$/.test(model.id)) {
    return 'its id is a pattern or an offer of another host, not a model name';
  }
  if (notForChat.test(model.id)) return 'it is no chat model';
  const snapped: string[] = [];
  const prices = readPrices(model, snapped);
  if (typeof prices === 'string') return prices;
  return {
    provider,
    model: model.id,
    aliases: equalNames(model.match).filter(alias => alias !== model.id),
    contextTokensMax: model.context_window,
    prices,
    ...(snapped.length === 0 ? {} : { snapped }),
  };
}

/** Models of other APIs, and those that search on every request, for which there is no meter. */
const notForChat =
  /realtime|transcribe|tts|image|embed|whisper|moderation|-ocr|search|deep-research|computer-use|gpt-3\.5-turbo-instruct|davinci|babbage|curie|^ada$/;

/** Keys of the data to meters. */
const meterOfKey: Readonly<Record<string, Meter>> = {
  input_mtok: 'input',
  cache_read_mtok: 'cacheRead',
  cache_write_mtok: 'cacheWrite5m',
  cache_write_1h_mtok: 'cacheWrite1h',
  input_audio_mtok: 'inputAudio',
  input_image_mtok: 'inputImage',
  output_mtok: 'output',
  output_audio_mtok: 'outputAudio',
};

/** Prices of hosted tools, by the call. Where these dialects report calls, usage with some is quarantined; models that
 *  search on every request are excluded. */
const toolKeys: ReadonlySet<string> = new Set(['web_searches_kcount', 'storage_searches_kcount']);

function readPrices(model: ModelInfo, snapped: string[]): DatedPrices[] | string {
  const dated: DatedPrices[] = [];
  const entries = Array.isArray(model.prices) ? model.prices : [{ prices: model.prices }];
  for (const { constraint, prices } of entries) {
    if (constraint !== undefined && constraint.type !== 'start_date') {
      return 'its price depends on the time of day, which a rate card cannot say';
    }
    const read = readRates(prices, snapped);
    if (typeof read === 'string') return read;
    dated.push({ from: constraint?.start_date, ...read });
  }
  if (dated.length === 0 || dated[0]!.from !== undefined) return 'it has no price from the beginning';
  dated.sort((one, other) => ((one.from ?? '') < (other.from ?? '') ? -1 : 1));
  return dated;
}

function readRates(prices: ModelPrice, snapped: string[]): Omit<DatedPrices, 'from'> | string {
  const base: Record<string, string> = {};
  /** By the size behind which they hold. */
  const tiers = new Map<number, Record<string, string>>();
  for (const [key, price] of Object.entries(prices)) {
    if (price === undefined || toolKeys.has(key)) continue;
    const meter = Object.hasOwn(meterOfKey, key) ? meterOfKey[key] : undefined;
    if (meter === undefined) return `${key} has no meter`;
    const read = (number: number) => {
      const text = readRate(number);
      if (text !== undefined && Number(text) !== number) snapped.push(`${key}: ${number} is read as ${text}`);
      return text;
    };
    const rate = read(typeof price === 'number' ? price : price.base);
    if (rate === undefined) return `${key} is no price of at most twelve decimals`;
    base[meter] = rate;
    for (const tier of typeof price === 'number' ? [] : price.tiers) {
      const tierRate = read(tier.price);
      if (tierRate === undefined || !Number.isSafeInteger(tier.start) || tier.start < 0) {
        return `${key} has a tier that cannot be read`;
      }
      tiers.set(tier.start, { ...tiers.get(tier.start), [meter]: tierRate });
    }
  }
  if (base['input'] === undefined || base['output'] === undefined) return 'it lacks an input or output price';
  if (base['input'] === '0' && base['output'] === '0') return 'its price is zero: a free offer is not taken for a fact';
  return { rates: base, tiers: completeTiers(base, tiers) };
}

/** In the data each meter has its own tiers and keeps the last one it passed; a rate card's tier says all rates. */
function completeTiers(base: DecimalRates, tiers: ReadonlyMap<number, DecimalRates>): DatedPrices['tiers'] {
  let rates = base;
  return [...tiers]
    .sort(([one], [other]) => one - other)
    .map(([size, changed]) => {
      rates = { ...rates, ...changed };
      // The data's engines pass a tier when the whole input is greater than its start.
      return { measure: 'inputTotal' as const, op: 'gt' as const, size, rates };
    });
}

/** Decimals that prices have; a number with more is one of these and an error of binary fractions, or no price. */
const plainDecimals = 9;
const expansionDecimals = 30;

/** The decimal text of a price, by integer arithmetic on its digits only. undefined when it is none, or when it has more
 *  than twelve decimals and is further than 10⁻¹² from one with nine. */
export function readRate(price: number): string | undefined {
  const match = /^(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(String(price));
  if (match === null) return undefined;
  const [, whole = '', fraction = '', exponent = '0'] = match;
  const shift = expansionDecimals - fraction.length + Number(exponent);
  if (shift < 0 || shift > 2 * expansionDecimals) return undefined;
  const expanded = BigInt(whole + fraction) * 10n ** BigInt(shift);
  const pico = 10n ** BigInt(expansionDecimals - 12);
  if (expanded % pico === 0n) return formatRate(expanded / pico);
  const step = 10n ** BigInt(expansionDecimals - plainDecimals);
  const snapped = divideRoundHalfEven(expanded, step) * step;
  const error = snapped > expanded ? snapped - expanded : expanded - snapped;
  // Snapping to zero would make a price disappear.
  return error <= pico && snapped !== 0n ? formatRate(snapped / pico) : undefined;
}

function equalNames(match: ModelInfo['match']): string[] {
  if ('equals' in match) return [match.equals];
  if ('or' in match) return match.or.flatMap(equalNames);
  return [];
}

/** The package does not export its package.json, which lies beside the folder of its entry point. */
function dataVersion(): string {
  const manifestUrl = new URL('../package.json', import.meta.resolve('@pydantic/genai-prices'));
  const manifest: unknown = JSON.parse(readFileSync(manifestUrl, 'utf8'));
  if (typeof manifest === 'object' && manifest !== null && 'version' in manifest) return String(manifest.version);
  throw new Error('the package of price facts does not say its version');
}
