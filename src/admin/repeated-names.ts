import type { Problem } from '../config/problem.ts';

/** Problems named before looking stops. */
const problemsMax = 100;

/** Strings, brackets and commas of valid JSON; all else says nothing about names. */
const tokens = /"(?:[^"\\]|\\.)*"|[{}[\],]/g;

interface Level {
  /** undefined in a list. */
  readonly names: Set<string> | undefined;
  readonly path: string;
  /** In an object: the name that was read last. In a list: how many commas there were. */
  at: string | number;
  expectsName: boolean;
}

/** Names that an object of valid JSON says twice, by their paths: JSON.parse takes the last, whatever the writer meant. */
export function repeatedNames(text: string, place: string): readonly Problem[] {
  const problems: Problem[] = [];
  const open: Level[] = [];
  for (const [token] of text.matchAll(tokens)) {
    const level = open.at(-1);
    if (token === '{' || token === '[') {
      const path = level === undefined ? place : `${level.path}.${level.at}`;
      const isObject = token === '{';
      open.push({ names: isObject ? new Set() : undefined, path, at: isObject ? '' : 0, expectsName: isObject });
    } else if (token === '}' || token === ']') {
      open.pop();
    } else if (level !== undefined && token === ',') {
      if (level.names === undefined) level.at = Number(level.at) + 1;
      else level.expectsName = true;
    } else if (level?.names !== undefined && level.expectsName) {
      const name = token.includes('\\') ? String(JSON.parse(token)) : token.slice(1, -1);
      if (level.names.has(name)) {
        problems.push({ path: `${level.path}.${name}`, code: 'configuration_invalid', message: 'is said twice' });
        if (problems.length === problemsMax) return problems;
      }
      level.names.add(name);
      level.at = name;
      level.expectsName = false;
    }
  }
  return problems;
}
