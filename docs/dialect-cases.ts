import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** One folder of `src/dialects/cases/`: what becomes of a feature between two dialects. Its README has the format. */
export interface DialectCase {
  /** Of the folder, below `src/dialects/cases/`. */
  readonly name: string;
  readonly folder: URL;
  readonly title: string;
  readonly feature: string;
  readonly client: string;
  readonly provider: string;
  readonly outcome: 'carried' | 'lost' | 'refused';
  /** `code;path`. */
  readonly losses: readonly string[];
  readonly fault: { readonly code: string; readonly parameter?: string } | undefined;
  readonly kind: string | undefined;
  readonly model: string | undefined;
  readonly source: string;
}

const root = new URL('../src/dialects/cases/', import.meta.url);
const keys = ['title', 'feature', 'client', 'provider', 'outcome', 'losses', 'fault', 'kind', 'model', 'source'];

export function readDialectCases(): readonly DialectCase[] {
  const directory = fileURLToPath(root);
  return globSync(`${directory}/*/*/case.json`)
    .sort()
    .map(path => readCase(relative(directory, dirname(path))));
}

function readCase(name: string): DialectCase {
  const folder = new URL(`${name}/`, root);
  const read = JSON.parse(readFileSync(new URL('case.json', folder), 'utf8'));
  const unknown = Object.keys(read).filter(key => !keys.includes(key));
  if (unknown.length > 0) throw new Error(`${name}: case.json has no ${unknown.join(', ')}`);
  for (const key of ['title', 'feature', 'client', 'provider', 'outcome', 'source']) {
    if (typeof read[key] !== 'string' || read[key] === '') throw new Error(`${name}: case.json lacks ${key}`);
  }
  if (read.feature !== name.split('/')[0]) throw new Error(`${name}: the feature is the name of the folder`);
  return { losses: [], fault: undefined, kind: undefined, model: undefined, ...read, name, folder };
}

/** The text of a file of a case; undefined when it has none of the name. */
export function caseFile(one: DialectCase, file: string): string | undefined {
  const url = new URL(file, one.folder);
  return existsSync(url) ? readFileSync(url, 'utf8') : undefined;
}
