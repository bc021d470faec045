import type { AttemptEnd, EndRecord, EndTrim } from './record.ts';

/** The largest `end`, in bytes of JSON. Admission reserves it for every open exchange. */
export const endBytesMax = 64 * 1024;
const lossesKept = 20;
/** Of texts that came from outside (served models, request ids, tiers, paths), as JSON. */
const textBytesMax = 100;

/** The JSON of an `end` within its bound. What is left out first is what money does not depend on: the decision, then
 *  raw usage, then losses over twenty, then long texts that providers chose. Every attempt stays with its slices and what
 *  it costs: that is money. What was left out is named in `trimmed`. */
export function boundEnd(record: EndRecord): string {
  const json = JSON.stringify(withoutRepetition(record));
  // One UTF-16 unit is at most three bytes of UTF-8, so most records need no second look.
  if (json.length * 3 <= endBytesMax || Buffer.byteLength(json) <= endBytesMax) return json;
  const trimmed: EndTrim[] = [];
  let bounded = record;
  for (const [name, trim] of trims) {
    bounded = trim(bounded);
    trimmed.push(name);
    const shorter = JSON.stringify({ ...bounded, trimmed });
    if (Buffer.byteLength(shorter) <= endBytesMax) return shorter;
  }
  // What remains are names and numbers that our own configuration bounds, for as many attempts as a route may make.
  throw new RangeError(`the end of exchange ${record.id.slice(0, 64)} does not fit ${endBytesMax} bytes when trimmed`);
}

/** What the customer pays for is mostly the last attempt's reading itself: a fifth of the record, not written twice. */
function withoutRepetition(record: EndRecord): EndRecord {
  const repeats = record.reading !== undefined && record.reading === record.attempts.at(-1)?.reading;
  return repeats ? { ...record, reading: undefined } : record;
}

const trims: readonly (readonly [EndTrim, (record: EndRecord) => EndRecord])[] = [
  ['decision', record => ({ ...record, decision: null })],
  ['raw', record => mapReadings(record, ({ raw: _raw, ...reading }) => reading)],
  ['losses', record => ({ ...record, losses: record.losses.slice(0, lossesKept) })],
  ['texts', cutTexts],
];

function mapReadings(record: EndRecord, change: (reading: AttemptEnd['reading']) => AttemptEnd['reading']): EndRecord {
  return {
    ...record,
    attempts: record.attempts.map(attempt => ({ ...attempt, reading: change(attempt.reading) })),
    ...(record.reading === undefined ? undefined : { reading: change(record.reading) }),
  };
}

function cutTexts(record: EndRecord): EndRecord {
  const shortened = mapReadings(record, reading => ({
    ...reading,
    ...cut('serviceTier', reading.serviceTier),
    ...cut('requestedTier', reading.requestedTier),
    ...cut('region', reading.region),
    ...cut('quarantine', reading.quarantine),
  }));
  return {
    ...shortened,
    ...cut('servedModel', record.servedModel),
    losses: record.losses.slice(0, lossesKept).map(loss => ({ ...loss, path: shorten(loss.path) })),
    attempts: shortened.attempts.map(attempt => ({
      ...attempt,
      ...cut('servedModel', attempt.servedModel),
      ...cut('providerRequestId', attempt.providerRequestId),
    })),
  };
}

function cut<Name extends string>(name: Name, text: string | undefined): { [name in Name]?: string } | undefined {
  // The cast only says that a computed key is the key it was computed from.
  return text === undefined ? undefined : ({ [name]: shorten(text) } as { [name in Name]?: string });
}

/** One letter is one to six bytes of JSON. */
function shorten(text: string): string {
  let short = text.slice(0, textBytesMax);
  while (Buffer.byteLength(JSON.stringify(short)) > textBytesMax + quoteBytes) short = short.slice(0, -1);
  return short;
}

const quoteBytes = 2;
