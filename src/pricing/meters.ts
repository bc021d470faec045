/** What usage is counted in, and so what a rate may be asked for. A rate is currency per 10⁶ of the unit, or per a number
 *  of units that it names. */
interface MeterRow {
  /** The whole unit that quantities are in. */
  readonly unit: string;
  readonly meaning: string;
  readonly revenue: RevenueClass;
}

/** Income is booked by class. */
export type RevenueClass = 'inference' | 'storage' | 'egress' | 'accelerator' | 'seats';

/** Tokens of one exchange, in disjoint slices. `input` is uncached input. */
const tokenTable = {
  input: tokens('Input tokens neither read from nor written to a cache.'),
  cacheRead: tokens('Input tokens read from a cache.'),
  cacheWrite5m: tokens('Input tokens written to a cache for five minutes.'),
  cacheWrite1h: tokens('Input tokens written to a cache for an hour.'),
  inputAudio: tokens('Audio tokens of the input.'),
  inputImage: tokens('Image tokens of the input; part of `input` unless priced.'),
  inputVideo: tokens('Video tokens of the input; part of `input` unless priced.'),
  output: tokens('Output tokens.'),
  reasoning: tokens('Reasoning tokens; part of `output` unless priced.'),
  outputAudio: tokens('Audio tokens of the output.'),
  outputImage: tokens('Image tokens of the output.'),
} as const satisfies Record<string, MeterRow>;

const unitTable = {
  request: row('request', 'Requests.', 'inference'),
  image: row('image', 'Images made.', 'inference'),
  page: row('page', 'Pages of documents read.', 'inference'),
  audioSecond: row('second', 'Seconds of audio.', 'inference'),
  character: row('character', 'Characters spoken.', 'inference'),
  cacheStorage: row('token·second', 'Tokens kept in a cache.', 'storage'),
  storage: row('byte·hour', 'Bytes kept, sampled on the hour.', 'storage'),
  egress: row('byte', 'Bytes sent out.', 'egress'),
  accelerator: row('chip·second', 'Accelerators in use.', 'accelerator'),
  provisionedUsed: row('unit·second', 'Provisioned capacity that was used.', 'accelerator'),
  provisionedUnused: row('unit·second', 'Provisioned capacity that was not used.', 'accelerator'),
  seat: row('seat·day', 'Seats.', 'seats'),
} as const satisfies Record<string, MeterRow>;

export type TokenMeter = keyof typeof tokenTable;
export type UnitMeter = keyof typeof unitTable;
/** Calls of a tool that a provider hosts, such as `tool.webSearch`. */
export type ToolMeter = `tool.${string}`;
export type Meter = TokenMeter | UnitMeter | ToolMeter;

// The casts are true: keys of a literal are its type's keys.
export const tokenMeters = Object.keys(tokenTable) as readonly TokenMeter[];
export const unitMeters = Object.keys(unitTable) as readonly UnitMeter[];
/** All but those of tools, in the one order used wherever meters are listed. */
export const meters: readonly (TokenMeter | UnitMeter)[] = [...tokenMeters, ...unitMeters];

const toolPattern = /^tool\.[a-z][A-Za-z0-9]{0,31}$/;

export function isToolMeter(text: string): text is ToolMeter {
  return toolPattern.test(text);
}

export function isTokenMeter(text: string): text is TokenMeter {
  return Object.hasOwn(tokenTable, text);
}

export function isMeter(text: string): text is Meter {
  return isTokenMeter(text) || Object.hasOwn(unitTable, text) || isToolMeter(text);
}

/** Is it told by usage events only, and never a part of an exchange? Such meters may be priced by the sum of a month. */
export function isEventMeter(text: string): text is UnitMeter {
  return Object.hasOwn(unitTable, text) && unitTable[text as UnitMeter].revenue !== 'inference'; // true: hasOwn has just said so
}

export function meterRow(meter: Meter): MeterRow {
  if (isTokenMeter(meter)) return tokenTable[meter];
  return Object.hasOwn(unitTable, meter) ? unitTable[meter as UnitMeter] : toolRow; // true: hasOwn has just said so
}

/** Meters of a record in the one order: those of the table, then tools by name. Names that are no meter come last. */
export function inMeterOrder(names: readonly string[]): readonly string[] {
  return [...names].sort((one, other) => rank(one) - rank(other) || (one < other ? -1 : 1));
}

const ranks = new Map<string, number>(meters.map((meter, index) => [meter, index]));

function rank(name: string): number {
  return ranks.get(name) ?? (isToolMeter(name) ? meters.length : meters.length + 1);
}

const toolRow: MeterRow = row('call', 'Calls of a tool that the provider hosts.', 'inference');

function tokens(meaning: string): MeterRow {
  return row('token', meaning, 'inference');
}

function row(unit: string, meaning: string, revenue: RevenueClass): MeterRow {
  return { unit, meaning, revenue };
}
