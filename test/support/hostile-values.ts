/** What may stand where a value of JSON stands, as text: hostile in type, size, depth or spelling. */
export const hostileValues: readonly string[] = [
  'null',
  'true',
  'false',
  '0',
  '-1',
  '-0',
  '1.5',
  '1e308',
  '1e400',
  '-1e400',
  '9007199254740993',
  '123456789012345678901234567890',
  '""',
  '" "',
  '"\\ud800"',
  '"\\u0000"',
  '"__proto__"',
  `"${'x'.repeat(5_000)}"`,
  '[]',
  '[null]',
  '[[]]',
  '[0,"",{}]',
  '{}',
  '{"type":null}',
  '{"type":"text","text":1e400}',
  '{"__proto__":{"type":"text"},"constructor":1}',
  `${'['.repeat(100)}${']'.repeat(100)}`,
  `${'{"a":'.repeat(100)}1${'}'.repeat(100)}`,
];

/** Deeper than any request or answer may be. */
export const tooDeep = `${'['.repeat(200)}${']'.repeat(200)}`;

/** A place in a value: names and indexes from the outside in. */
export type Path = readonly (string | number)[];

/** Every place of a parsed value but the value itself, outer ones first. */
export function placesOf(value: unknown, at: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [];
  const names = Array.isArray(value) ? value.map((_, index) => index) : Object.keys(value);
  return names.flatMap(name => {
    const place = [...at, name];
    return [place, ...placesOf((value as Record<string | number, unknown>)[name], place)];
  });
}

/** JSON of the value with what stands at one place changed; `text` undefined leaves it out, and a list closes up. Written
 *  by hand, because no parsed value can be 1e400 or have a member twice. */
export function withText(value: unknown, place: Path, text: string | undefined, twice = false): string {
  return write(value, place, { text, twice });
}

interface Change {
  readonly text: string | undefined;
  readonly twice: boolean;
}

function write(value: unknown, place: Path | undefined, change: Change): string {
  if (place === undefined) return JSON.stringify(value);
  if (place.length === 0) return change.text ?? 'null';
  const [name, ...rest] = place;
  const isLast = rest.length === 0;
  const pieces: string[] = [];
  for (const [key, inner] of Object.entries(value as object)) {
    const isHere = key === String(name);
    if (isHere && isLast && change.text === undefined) continue;
    const head = Array.isArray(value) ? '' : `${JSON.stringify(key)}:`;
    const piece = `${head}${write(inner, isHere ? rest : undefined, change)}`;
    pieces.push(piece);
    if (isHere && isLast && change.twice) pieces.push(`${head}${JSON.stringify(inner)}`);
  }
  return Array.isArray(value) ? `[${pieces.join(',')}]` : `{${pieces.join(',')}}`;
}
