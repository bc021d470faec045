import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from '../support/test-groups.ts';

export interface SourceFile {
  /** Relative to the repository. */
  readonly path: string;
  readonly text: string;
}

export function readSourceFiles(...patterns: readonly string[]): readonly SourceFile[] {
  return globSync([...patterns], { cwd: repositoryRoot, exclude: ['**/node_modules/**', 'dist/**'] })
    .sort()
    .map(path => ({ path, text: readFileSync(join(repositoryRoot, path), 'utf8') }));
}

/** The modules that a file names in imports and exports, `import('…')` in types and calls included. */
export function listImports(text: string): readonly string[] {
  const found = text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*(['"])([^'"\n]+)\1/g);
  return [...found].map(match => match[2] ?? '');
}
