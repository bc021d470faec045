import { JsonScan, jsonDepthMax } from './json-scan.ts';

/** Numbers that a double may not hold as written: many digits, or an exponent. Texts may look like one, which costs
 *  time and changes nothing. */
const delicateNumber = /[:,[\s]-?(?:\d[\d.]{15}|\d+(?:\.\d+)?[eE])/;

/** Parses like JSON.parse, but numbers that a double cannot hold keep their text, so that writing the value again gives
 *  the same number: 9007199254740993 stays, and 1e400 does not become null. Such a number is a raw JSON object;
 *  `numberOf` reads it. */
export function parseExact(text: string): unknown {
  if (!delicateNumber.test(text)) return JSON.parse(text);
  return JSON.parse(text, keepSource);
}

/** Parses what was not scanned before: answers of providers, and arguments that models wrote. Throws on texts that are
 *  nested deeper than `jsonDepthMax`: they can be parsed, but not written again, since writing recurses. */
export function parseBounded(text: string): unknown {
  checkDepth(text);
  return parseExact(text);
}

/** The same, for texts of which no number is passed on. */
export function parseBoundedInexact(text: string): unknown {
  checkDepth(text);
  return JSON.parse(text);
}

/** Nearly every text has fewer brackets than levels are allowed, and counting them is quick; the others are scanned. */
function checkDepth(text: string): void {
  if (text.length <= 2 * jsonDepthMax) return;
  const objects = countUpTo(text, '{', jsonDepthMax);
  if (objects + countUpTo(text, '[', jsonDepthMax) <= jsonDepthMax) return;
  const bytes = Buffer.from(text);
  const scan = new JsonScan();
  scan.start(bytes, 0, bytes.length);
  scan.skip();
}

function countUpTo(text: string, mark: string, enough: number): number {
  let count = 0;
  for (let at = text.indexOf(mark); at !== -1 && count <= enough; at = text.indexOf(mark, at + 1)) count += 1;
  return count;
}

/** A number, exact or kept as text; undefined for anything else. */
export function numberOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  return rawNumbers.isRawJSON(value) ? Number(value.rawJSON) : undefined;
}

/** Is the value a number kept as text? It is an object to the language, and none to a wire. */
export function isExactNumber(value: unknown): boolean {
  return rawNumbers.isRawJSON(value);
}

function keepSource(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  const source = context?.source;
  if (typeof value !== 'number' || source === undefined || String(value) === source) return value;
  return rawNumbers.rawJSON(source);
}

/** Part of the language in Node 24, not yet of its type library (ECMAScript "JSON.parse source text access"). */
const rawNumbers = JSON as unknown as {
  rawJSON(text: string): unknown;
  isRawJSON(value: unknown): value is { readonly rawJSON: string };
};
