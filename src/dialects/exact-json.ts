/** Numbers that a double may not hold as written: many digits, or an exponent. */
const delicateNumber = /\d{16}|\d[eE][+-]?\d/;

/** Parses like JSON.parse, but numbers that a double cannot hold keep their text, so that writing the value again gives
 *  the same number: 9007199254740993 stays, and 1e400 does not become null. Such a number is a raw JSON object;
 *  `numberOf` reads it. */
export function parseExact(text: string): unknown {
  if (!delicateNumber.test(text)) return JSON.parse(text);
  return JSON.parse(text, keepSource);
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
