import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  visit,
  type YAMLMap,
} from 'yaml';
import type { z } from 'zod';
import { ConfigurationError, type Problem } from '../config/problem.ts';
import { checkProcessPart } from '../config/settings.ts';
import { type Declaration, declarationSchema, keysNotAvailable } from './declaration.ts';
import { gatherTools, priceValueNotAvailable } from './declaration-prices.ts';

/** Largest file, and most entries in it: more are refused before they are parsed. Parsing holds up the supervisor, about a
 *  second at these bounds; installations with more keys than fit make them by the management API. */
export const declarationBytesMax = 2 * 1024 * 1024;
const separatorsMax = 150_000;
/** Values after anchors are expanded. */
const valuesMax = 200_000;
/** How often anchors may be used; what they expand to is bounded by this and the size. */
const aliasCountMax = 100;
/** Nesting of flow collections, far above what the schema allows; checked before parsing, which recurses. */
const depthMax = 64;
/** Problems found before reading stops. */
const problemsMax = 1_000;

type Path = readonly PropertyKey[];

export interface ReadDeclaration {
  readonly declaration: Declaration;
  /** Adds line and column to a problem found later, by its path. */
  locate(path: Path, problem: Omit<Problem, 'path' | 'line' | 'column'>): Problem;
}

/** Reads a declarative file. Throws ConfigurationError with everything that is wrong with its form. */
export function readDeclaration(text: string): ReadDeclaration {
  if (Buffer.byteLength(text) > declarationBytesMax) throw invalid(`the file is over ${declarationBytesMax} bytes`);
  if (text.includes('\0')) throw invalid('the file contains a NUL byte');
  refuseDeepNesting(text);
  if (countSeparators(text) > separatorsMax) throw invalid(`the file has more than about ${separatorsMax} entries`);

  const lines = new LineCounter();
  const document = parse(text, lines);
  const positionOf = positionsIn(document, lines);
  const locate = (path: Path, problem: Omit<Problem, 'path' | 'line' | 'column'>): Problem => ({
    path: path.map(String).join('.'),
    ...problem,
    ...positionOf(path),
  });
  const syntax = [...document.errors, ...document.warnings].slice(0, problemsMax).map(error => {
    const at = lines.linePos(error.pos[0]);
    const message = error.message.split('\n')[0]!.replace(/ at line \d+, column \d+:?$/, '');
    return { path: '', code: 'configuration_invalid' as const, message, line: at.line, column: at.col };
  });
  if (syntax.length > 0) throw new ConfigurationError(syntax);
  const duplicates = findDuplicates(document, lines);
  if (duplicates.length > 0) throw new ConfigurationError(duplicates);

  const content = toContent(document);
  if (content === null || content === undefined || isEmptyMap(content)) throw invalid('the file says nothing');
  return checkContent(content, locate, positionOf);
}

/** The same of what came as JSON: one schema for both. `locate` says where in the request a part of a file would stand.
 *  Throws ConfigurationError with everything that is wrong with its form. */
export function readContent(content: unknown, locate: ReadDeclaration['locate']): ReadDeclaration {
  return checkContent(content, locate, () => ({}));
}

function checkContent(content: unknown, locate: ReadDeclaration['locate'], positionOf: PositionOf): ReadDeclaration {
  const reserved = findReservedKeys(content).map(path => locate(path, wrong('no entry can have this name')));
  const parsed = declarationSchema.safeParse(withTools(content));
  const problems = [
    ...reserved,
    ...(parsed.error?.issues ?? []).slice(0, problemsMax).flatMap(issue => explain(issue, content, locate)),
    ...processProblems(content, positionOf),
  ];
  if (problems.length > 0) throw new ConfigurationError(inFileOrder(problems).slice(0, problemsMax));
  return { declaration: parsed.data!, locate };
}

function withTools(content: unknown): unknown {
  if (typeof content !== 'object' || content === null || !('prices' in content)) return content;
  return { ...content, prices: gatherTools(content.prices) };
}

function parse(text: string, lines: LineCounter): Document {
  try {
    return parseDocument(text, {
      lineCounter: lines,
      version: '1.2',
      strict: true,
      // The parser compares each key with every other of its map; findDuplicates is as strict, in one pass.
      uniqueKeys: false,
      prettyErrors: false,
    });
  } catch (cause) {
    throw invalid(`the file cannot be parsed (${cause instanceof Error ? cause.message.slice(0, 100) : 'unknown'})`);
  }
}

/** Keys that occur twice in one map: which one counts would be anybody's guess. */
function findDuplicates(document: Document, lines: LineCounter): Problem[] {
  const problems: Problem[] = [];
  visit(document, {
    Map: (_, map) => {
      const seen = new Set<string>();
      for (const { key } of map.items) {
        const name = isScalar(key) ? String(key.value) : undefined;
        if (name === undefined || seen.has(name)) {
          const at = lines.linePos(offsetOf(key) ?? 0);
          const message = name === undefined ? 'a key must be a plain name' : `${name} is said twice`;
          problems.push({ path: '', ...wrong(message), line: at.line, column: at.col });
          if (problems.length >= problemsMax) return visit.BREAK;
        }
        if (name !== undefined) seen.add(name);
      }
      return undefined;
    },
  });
  return problems;
}

function toContent(document: Document): unknown {
  try {
    return document.toJS({ maxAliasCount: aliasCountMax });
  } catch (cause) {
    throw invalid(`anchors expand too far (${cause instanceof Error ? cause.message.slice(0, 100) : 'unknown'})`);
  }
}

/** Indentation and flow brackets both nest. Counting brackets anywhere, also in text, errs on the side of refusing. */
function refuseDeepNesting(text: string): void {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x5b || code === 0x7b) {
      if (++depth > depthMax) throw invalid(`the file nests deeper than ${depthMax} levels`);
    } else if ((code === 0x5d || code === 0x7d) && depth > 0) depth--;
  }
  if (/^[ \t]{512,}\S/m.test(text) || /^(?:[ \t]*[-?] ){64,}/m.test(text))
    throw invalid(`the file nests deeper than ${depthMax} levels`);
}

/** Commas, colons and line ends: at least one for each node that the parser makes. */
function countSeparators(text: string): number {
  let count = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x2c || code === 0x3a || code === 0x0a) count++;
  }
  return count;
}

/** zod does not see these keys; an entry of that name must not vanish in silence. Walks what anchors expand to, so it also
 *  is where too much of it is noticed. */
function findReservedKeys(content: unknown): Path[] {
  const found: Path[] = [];
  let values = 0;
  const walk = (value: unknown, path: Path): void => {
    if (++values > valuesMax) throw invalid(`the file comes to more than ${valuesMax} values`);
    if (typeof value !== 'object' || value === null) return;
    if (path.length > depthMax) throw invalid(`the file nests deeper than ${depthMax} levels`);
    for (const [key, inner] of Object.entries(value)) {
      if (key === '__proto__') found.push([...path, key]);
      else walk(inner, [...path, key]);
    }
  };
  walk(content, []);
  return found;
}

function explain(issue: z.core.$ZodIssue, content: unknown, locate: ReadDeclaration['locate']): Problem[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map(key => locate([...issue.path, key], explainUnknownKey([...issue.path, key])));
  }
  if (issue.code === 'invalid_key') {
    return [locate(issue.path, wrong(`the name ${issue.issues[0]?.message ?? 'cannot be used'}`))];
  }
  const value = valueAt(content, issue.path);
  if (issue.code === 'invalid_union' && typeof value === 'object' && value !== null) {
    // Of several forms none fits; a key that is known and not built says more than that.
    const known = Object.keys(value).map(key => locate([...issue.path, key], explainUnknownKey([...issue.path, key])));
    const later = known.filter(problem => problem.code === 'setting_not_available');
    if (later.length > 0) return later;
    // What is wrong within the one form that it could be says more, too.
    const within = issue.errors.filter(
      issues => !issues.some(({ code, path }) => code === 'invalid_type' && path.length === 0),
    );
    if (within.length === 1 && within[0]!.length > 0) {
      return within[0]!.flatMap(inner => explain({ ...inner, path: [...issue.path, ...inner.path] }, content, locate));
    }
  }
  const notBuilt = issue.path[0] === 'prices' ? priceValueNotAvailable(value) : undefined;
  if (notBuilt !== undefined) return [locate(issue.path, { code: 'setting_not_available', message: notBuilt })];
  const missing = value === undefined && (issue.code === 'invalid_type' || issue.code === 'invalid_value');
  return [locate(issue.path, wrong(missing ? `is missing; ${lowerFirst(issue.message)}` : lowerFirst(issue.message)))];
}

function explainUnknownKey(path: Path): Omit<Problem, 'path' | 'line' | 'column'> {
  for (const [place, message] of keysNotAvailable) {
    const segments = place.split('.');
    if (segments.length === path.length && segments.every((segment, i) => segment === '*' || segment === path[i])) {
      return { code: 'setting_not_available', message };
    }
  }
  return wrong('no setting has this name here');
}

function processProblems(content: unknown, positionOf: PositionOf): Problem[] {
  const part = valueAt(content, ['process']);
  if (part === undefined) return [];
  return checkProcessPart(part).map(problem => ({
    ...problem,
    ...positionOf(problem.path.split('.')),
  }));
}

function inFileOrder(problems: readonly Problem[]): Problem[] {
  const place = (problem: Problem) => (problem.line ?? 0) * 1e6 + (problem.column ?? 0);
  return problems.toSorted((left, right) => place(left) - place(right));
}

function valueAt(content: unknown, path: Path): unknown {
  let value = content;
  for (const segment of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, segment)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[segment]; // any object may be read by a key it has
  }
  return value;
}

type PositionOf = (path: Path) => { readonly line?: number; readonly column?: number };

/** Positions of the deepest part of a path that the file has; keys are pointed at rather than their values. */
function positionsIn(document: Document, lines: LineCounter): PositionOf {
  // A map of many thousand entries may have as many problems: each is found by name, not by looking through them all.
  const byName = new WeakMap<YAMLMap, Map<string, Pair>>();
  const find = (map: YAMLMap, name: string): Pair | undefined => {
    let names = byName.get(map);
    if (names === undefined) {
      names = new Map(map.items.flatMap(item => (isScalar(item.key) ? [[String(item.key.value), item] as const] : [])));
      byName.set(map, names);
    }
    return names.get(name);
  };

  return path => {
    let node: unknown = document.contents;
    let offset: number | undefined;
    for (const segment of path) {
      if (isAlias(node)) node = node.resolve(document);
      if (isMap(node)) {
        const pair = find(node, String(segment));
        if (pair === undefined) break;
        offset = offsetOf(pair.key) ?? offset;
        node = pair.value;
      } else if (isSeq(node)) {
        node = node.items[Number(segment)];
        offset = offsetOf(node) ?? offset;
      } else break;
    }
    if (offset === undefined) return {};
    const at = lines.linePos(offset);
    return { line: at.line, column: at.col };
  };
}

function offsetOf(node: unknown): number | undefined {
  return (node as Node | undefined)?.range?.[0]; // nodes made by the parser have a range; anything else has none
}

function wrong(message: string): Omit<Problem, 'path' | 'line' | 'column'> {
  return { code: 'configuration_invalid', message };
}

function invalid(message: string): ConfigurationError {
  return new ConfigurationError([{ path: '', ...wrong(message) }]);
}

function isEmptyMap(content: unknown): boolean {
  return typeof content === 'object' && content !== null && Object.keys(content).length === 0;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
