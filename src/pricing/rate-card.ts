import { isToolMeter } from './meters.ts';
import { baseKey, cellKey, cellName, type PricePlace, placeOf } from './price-place.ts';
import { formatRates, parseRates, type Rates, type RatesJson } from './rate.ts';

/** Rates of one deployment in one book, at one version. Absent is absent: a used meter without a rate quarantines,
 *  except `reasoning`, which is part of `output`, and `inputImage` and `inputVideo`, which are part of `input`, unless they
 *  have a rate of their own: models without such a rate bill these tokens as text. */
export interface RateCard extends RateCell {
  /** Id of the immutable price version the rates come from. */
  readonly version: string;
  /** ISO 4217 code, upper case. */
  readonly currency: string;
  /** Where the price depends on service tier, mode or region: one cell for each combination, by price-place.ts cellKey.
   *  What the card itself says holds for the ordinary tier, a single request, and where no region is told or an ordinary
   *  one (price-place.ts). A region that is told and has no cell has no price. */
  readonly cells: ReadonlyMap<string, RateCell>;
}

/** The rates of one combination of service tier, mode and region. */
export interface RateCell {
  readonly rates: Rates;
  /** A tier replaces all rates for all units of a request whose measure passes its size; the largest passed wins.
   *  What the tier does not say is absent there; `incompleteness` refuses a tier that says less than the base. */
  readonly tiers: readonly Tier[];
}

export interface Tier {
  /** Whole input tokens of the request, cached and written ones included. */
  readonly measure: 'inputTotal';
  readonly op: 'gt' | 'gte';
  readonly size: number;
  readonly rates: Rates;
}

/** The wire form in snapshots. */
export interface RateCardJson extends RateCellJson {
  readonly version: string;
  readonly currency: string;
  /** Absent when there are none. */
  readonly cells?: readonly (PricePlace & RateCellJson)[];
}

export interface RateCellJson {
  readonly rates: RatesJson;
  readonly tiers: readonly { measure: 'inputTotal'; op: 'gt' | 'gte'; size: number; rates: RatesJson }[];
}

const noCells: ReadonlyMap<string, RateCell> = new Map();

/** Reads the wire form. Throws RangeError naming what is wrong: an unknown meter, a rate that is not a whole number of
 *  at most 26 digits, a currency that is no ISO code, a tier size that is not a whole number, a cell that is there twice. */
export function parseRateCard(json: RateCardJson): RateCard {
  if (!/^[A-Z]{3}$/.test(json.currency)) throw new RangeError(`not a currency code: ${shown(json.currency)}`);
  if (json.version === '') throw new RangeError('a rate card has no version');
  return { version: json.version, currency: json.currency, ...parseCell(json), cells: parseCells(json.cells) };
}

export function formatRateCard(card: RateCard): RateCardJson {
  const cells = [...card.cells].map(([key, cell]) => ({ ...placeOf(key), ...formatCell(cell) }));
  return {
    version: card.version,
    currency: card.currency,
    ...formatCell(card),
    ...(cells.length === 0 ? {} : { cells }),
  };
}

/** What keeps a card from pricing a deployment, cell by cell; empty when nothing does. Input and output must both be
 *  there; every tier, and every combination of the service tiers, modes and regions that the card names, must say every
 *  rate that the base says: what is missing would be found only once it was used. */
export function incompleteness(card: RateCard): string[] {
  const reasons: string[] = [];
  for (const meter of ['input', 'output'] as const) {
    if (card.rates[meter] === undefined) reasons.push(`${meter} has no rate`);
  }
  reasons.push(...missingIn(card, card, ''));
  for (const key of combinationsOf(card)) {
    const cell = card.cells.get(key);
    const where = ` in ${cellName(key)}`;
    if (cell === undefined) reasons.push(`nothing has a rate${where}`);
    else reasons.push(...missingIn(cell, card, where));
  }
  return reasons;
}

/** Every key that a complete card has a cell for. */
const toolsOf = new WeakMap<RateCard, readonly string[]>();

/** The rates of a place, by its key; undefined where the card has none for it. */
export function cellAt(card: RateCard, key: string): RateCell | undefined {
  return key === baseKey ? card : card.cells.get(key);
}

/** Meters of tools that the card names anywhere; found once a card. */
export function pricedTools(card: RateCard): readonly string[] {
  const known = toolsOf.get(card);
  if (known !== undefined) return known;
  const all = [card, ...card.cells.values()].flatMap(cell => [cell.rates, ...cell.tiers.map(tier => tier.rates)]);
  const tools = [...new Set(all.flatMap(rates => Object.keys(rates).filter(isToolMeter)))];
  toolsOf.set(card, tools);
  return tools;
}

function combinationsOf(card: RateCard): string[] {
  const places = [...card.cells.keys()].map(placeOf);
  const said = <Value>(of: (place: PricePlace) => Value) => [...new Set([undefined, ...places.map(of)])];
  const keys: string[] = [];
  for (const region of said(place => place.region)) {
    for (const mode of said(place => place.mode)) {
      for (const serviceTier of said(place => place.serviceTier)) {
        const key = cellKey(serviceTier, mode, region);
        if (key !== baseKey) keys.push(key);
      }
    }
  }
  return keys;
}

function missingIn(cell: RateCell, card: RateCard, where: string): string[] {
  const expected = Object.keys(card.rates);
  const isBase = where === '';
  const lacking = (rates: Rates, place: string) =>
    expected.filter(meter => !Object.hasOwn(rates, meter)).map(meter => `${meter} has no rate${place}`);
  return [
    ...(isBase ? [] : lacking(cell.rates, where)),
    ...cell.tiers.flatMap(tier => lacking(tier.rates, `${where} in the tier ${tier.op} ${tier.size}`)),
    ...(isBase ? [] : card.tiers.filter(tier => !cell.tiers.some(other => isSameStep(other, tier)))).map(
      tier => `nothing has a rate${where} in the tier ${tier.op} ${tier.size}`,
    ),
  ];
}

function isSameStep(one: Tier, other: Tier): boolean {
  return one.size === other.size && one.op === other.op;
}

function parseCells(json: RateCardJson['cells']): ReadonlyMap<string, RateCell> {
  if (json === undefined || json.length === 0) return noCells;
  const cells = new Map<string, RateCell>();
  for (const cell of json) {
    const key = cellKey(cell.serviceTier, cell.mode, cell.region);
    if (key === baseKey) throw new RangeError('a cell that is the card itself');
    if (cells.has(key)) throw new RangeError(`twice in one card: ${cellName(key)}`);
    cells.set(key, parseCell(cell));
  }
  return cells;
}

function parseCell(json: RateCellJson): RateCell {
  return {
    rates: parseRates(json.rates),
    tiers: json.tiers.map(({ measure, op, size, rates }) => {
      if (measure !== 'inputTotal') throw new RangeError(`not a measure of tiers: ${shown(measure)}`);
      if (op !== 'gt' && op !== 'gte') throw new RangeError(`not an op of tiers: ${shown(op)}`);
      if (!Number.isSafeInteger(size) || size < 0) throw new RangeError(`not a tier size: ${shown(size)}`);
      return { measure, op, size, rates: parseRates(rates) };
    }),
  };
}

function formatCell({ rates, tiers }: RateCell): RateCellJson {
  return {
    rates: formatRates(rates),
    tiers: tiers.map(tier => ({ ...tier, rates: formatRates(tier.rates) })),
  };
}

function shown(value: unknown): string {
  return JSON.stringify(value)?.slice(0, 40) ?? 'undefined';
}
