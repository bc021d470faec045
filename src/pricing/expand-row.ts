import { baseKey, cellKey, isOrdinaryRegion, isOrdinaryTier, type PricePlace, placeOf } from './price-place.ts';
import {
  type DecimalRate,
  foldCell,
  type Multiplier,
  normalizeRates,
  normalizeTiers,
  type PriceCell,
  type PriceRow,
} from './price-row.ts';

/** A row as it is written: rates, or a factor on the rates of the enclosing, for service tiers, for batches, for regions,
 *  and for what these come to together. */
export interface WrittenRow {
  readonly rates: WrittenRates;
  readonly tiers?: readonly WrittenTier[] | undefined;
  readonly serviceTiers?: WrittenCells | undefined;
  readonly modes?: { readonly batch?: WrittenMode | undefined } | undefined;
  readonly regions?: Readonly<Record<string, WrittenRegion>> | undefined;
}

type WrittenRates = Readonly<Record<string, DecimalRate | undefined>>;
type WrittenCells = Readonly<Record<string, WrittenCell>>;

export interface WrittenTier {
  readonly measure: 'inputTotal';
  readonly op: 'gt' | 'gte';
  readonly size: number;
  readonly rates: WrittenRates;
}

export interface WrittenCell {
  readonly rates?: WrittenRates | undefined;
  readonly tiers?: readonly WrittenTier[] | undefined;
  readonly multiplier?: string | undefined;
}

export interface WrittenMode extends WrittenCell {
  readonly serviceTiers?: WrittenCells | undefined;
}

export interface WrittenRegion extends WrittenMode {
  readonly modes?: { readonly batch?: WrittenMode | undefined } | undefined;
}

export interface ExpandedRow {
  readonly row: PriceRow;
  /** The factors that were folded in, by price-place.ts cellKey, such as "modes.batch × 0.5": for people who read them. */
  readonly factors: ReadonlyMap<string, string>;
}

/** Most cells of one row; the product of its tiers, modes and regions. */
export const cellsMax = 256;

type Path = readonly PropertyKey[];
type Refuse = (path: Path, message: string) => void;

/** A cell before its factors are folded in, so that several are rounded once. */
interface Unfolded {
  readonly cell: PriceCell;
  readonly factors: readonly (Multiplier & { readonly origin: string })[];
}

/** By price-place.ts cellKey. */
type Cells = Map<string, Unfolded>;

/** Folds every factor into the rates it stands for: what is published is numbers. What is wrong goes to `refuse`, with the
 *  path in the row. */
export function expandRow(written: WrittenRow, refuse: Refuse): ExpandedRow {
  const base = readCell(written.rates, written.tiers, { rates: [], tiers: ['tiers'] }, refuse);
  const cells: Cells = new Map([[baseKey, base]]);
  addServiceTiers(cells, {}, written.serviceTiers, [], refuse);
  addModes(cells, {}, written.modes, [], refuse);
  for (const [region, said] of Object.entries(written.regions ?? {})) {
    const path = ['regions', region];
    if (isOrdinaryRegion(region)) {
      refuse(path, 'means every region without a price of its own; its rates stand outside of regions');
      continue;
    }
    derive(cells, {
      said,
      path,
      from: place => place.region === undefined,
      to: place => ({ ...place, region }),
      refuse,
    });
    addServiceTiers(cells, { region }, said.serviceTiers, path, refuse);
    addModes(cells, { region }, said.modes, path, refuse);
    if (cells.size > cellsMax) break;
  }
  if (cells.size > cellsMax) {
    refuse([], `has more than ${cellsMax} combinations of service tiers, modes and regions`);
    return { row: base.cell, factors: new Map() };
  }
  return fold(cells, refuse);
}

function addServiceTiers(
  cells: Cells,
  at: PricePlace,
  said: WrittenCells | undefined,
  path: Path,
  refuse: Refuse,
): void {
  for (const [serviceTier, cell] of Object.entries(said ?? {})) {
    const here = [...path, 'serviceTiers', serviceTier];
    if (serviceTier === 'batch') refuse(here, 'is a mode: say it under modes');
    else if (isOrdinaryTier(serviceTier))
      refuse(here, 'means the ordinary tier; its rates stand outside of serviceTiers');
    else {
      const own = keyOf(at);
      derive(cells, {
        said: cell,
        path: here,
        from: place => keyOf(place) === own,
        to: () => ({ ...at, serviceTier }),
        refuse,
      });
    }
  }
}

function addModes(cells: Cells, at: PricePlace, said: WrittenRegion['modes'], path: Path, refuse: Refuse): void {
  const batch = said?.batch;
  if (batch === undefined) return;
  const here = [...path, 'modes', 'batch'];
  const isSingle = (place: PricePlace) => place.region === at.region && place.mode === undefined;
  derive(cells, { said: batch, path: here, from: isSingle, to: place => ({ ...place, mode: 'batch' }), refuse });
  addServiceTiers(cells, { ...at, mode: 'batch' }, batch.serviceTiers, here, refuse);
}

interface Derivation {
  readonly said: WrittenCell;
  readonly path: Path;
  /** Which cells a factor multiplies, and where the results belong. */
  readonly from: (place: PricePlace) => boolean;
  readonly to: (place: PricePlace) => PricePlace;
  readonly refuse: Refuse;
}

/** Every enclosing cell times a factor; or rates of its own, which say nothing of combinations. */
function derive(cells: Cells, { said, path, from, to, refuse }: Derivation): void {
  const { rates, tiers, multiplier } = said;
  if ((rates === undefined) === (multiplier === undefined)) {
    refuse(path, 'needs either rates or a multiplier');
    return;
  }
  if (rates !== undefined) {
    const paths = { rates: [...path, 'rates'], tiers: [...path, 'tiers'] };
    const enclosing = [...cells.keys()].map(placeOf).find(place => from(place) && place.serviceTier === undefined);
    cells.set(keyOf(to(enclosing ?? {})), readCell(rates, tiers, paths, refuse));
    return;
  }
  if (tiers !== undefined) refuse([...path, 'tiers'], 'come from the multiplied rates; leave them out');
  const factor = { text: multiplier!, of: 'tokens' as const, origin: `${path.map(String).join('.')} × ${multiplier}` };
  for (const [key, { cell, factors }] of [...cells]) {
    const place = placeOf(key);
    if (from(place)) cells.set(keyOf(to(place)), { cell, factors: [...factors, factor] });
  }
}

function readCell(
  rates: WrittenRates,
  tiers: readonly WrittenTier[] = [],
  paths: { readonly rates: Path; readonly tiers: Path },
  refuse: Refuse,
): Unfolded {
  for (const [index, { op, size }] of tiers.entries()) {
    const first = tiers.findIndex(other => other.op === op && other.size === size);
    if (first < index) refuse([...paths.tiers, index], `is there twice: ${op} ${size}`);
  }
  const read = tiers.map((tier, index) => ({
    ...tier,
    rates: readRates(tier.rates, [...paths.tiers, index, 'rates'], refuse),
  }));
  return { cell: { rates: readRates(rates, paths.rates, refuse), tiers: normalizeTiers(read) }, factors: [] };
}

function readRates(written: WrittenRates, path: Path, refuse: Refuse): Readonly<Record<string, DecimalRate>> {
  const read: Record<string, DecimalRate> = {};
  for (const [meter, rate] of Object.entries(written)) {
    if (rate !== undefined)
      attempt([...path, meter], refuse, () => Object.assign(read, normalizeRates({ [meter]: rate })));
  }
  return normalizeRates(read);
}

function fold(cells: Cells, refuse: Refuse): ExpandedRow {
  const folded = [...cells].map(([key, { cell, factors }]) => {
    let result = cell;
    attempt([], refuse, () => {
      result = foldCell(cell, factors);
    });
    return { key, cell: result };
  });
  const [base, ...others] = folded.sort(
    (one, other) => rank(one.key) - rank(other.key) || (one.key < other.key ? -1 : 1),
  );
  const factors = [...cells].flatMap(([key, cell]) =>
    cell.factors.length === 0 ? [] : [[key, cell.factors.map(({ origin }) => origin).join(', ')] as const],
  );
  return {
    row: {
      ...base!.cell,
      ...(others.length === 0 ? {} : { cells: others.map(({ key, cell }) => ({ ...placeOf(key), ...cell })) }),
    },
    factors: new Map(factors),
  };
}

function rank(key: string): number {
  return key === baseKey ? 0 : 1;
}

function keyOf({ serviceTier, mode, region }: PricePlace): string {
  return cellKey(serviceTier, mode, region);
}

/** What decimals cannot say is a RangeError that says so. */
function attempt(path: Path, refuse: Refuse, read: () => void): void {
  try {
    read();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    refuse(path, error.message);
  }
}
