import { closeSync, constants, fstatSync, openSync, readFileSync, realpathSync } from 'node:fs';
import { resolve, sep } from 'node:path';

/** `env:NAME` or `file:path`, resolved where the server runs: files of configuration carry no secret themselves. A secret of
 *  several parts may stand in several variables: `env:ID:SECRET` is the values of both with a colon between them. */
export const referencePattern = /^(?:env:[A-Za-z_][A-Za-z0-9_]*(?::[A-Za-z_][A-Za-z0-9_]*){0,3}|file:[^\0]+)$/;

export interface ReferenceSources {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Relative `file:` paths start here. */
  readonly workingDirectory: string;
  /** Nothing in it may be referred to: it holds the master key. */
  readonly dataDirectory: string;
}

export type Resolved = { readonly value: string } | { readonly refusal: string };

const referencedBytesMax = 64 * 1024;
/** Secrets of the installation itself would leave it as a provider's credential. */
const ownVariables = new Set(['CARRIER_MASTER_KEY', 'CARRIER_ADMIN_KEY', 'DATABASE_URL']);

export function resolveReference(reference: string, sources: ReferenceSources): Resolved {
  const found = reference.startsWith('env:')
    ? resolveVariables(reference.slice('env:'.length).split(':'), sources)
    : resolveFile(reference.slice('file:'.length), sources);
  if ('refusal' in found) return found;
  return found.value === '' ? { refusal: `${reference} is empty` } : found;
}

function resolveVariables(names: readonly string[], sources: ReferenceSources): Resolved {
  const values: string[] = [];
  for (const name of names) {
    const found = resolveVariable(name, sources);
    if ('refusal' in found) return found;
    if (found.value === '' && names.length > 1) return { refusal: `env:${name} is empty` };
    values.push(found.value);
  }
  return { value: values.join(':') };
}

function resolveVariable(name: string, sources: ReferenceSources): Resolved {
  if (ownVariables.has(name)) return { refusal: `env:${name} belongs to the server itself and cannot be referred to` };
  const value = sources.environment[name];
  return value === undefined ? { refusal: `env:${name} is not set where the server runs` } : { value: value.trim() };
}

function resolveFile(path: string, sources: ReferenceSources): Resolved {
  const absolute = resolve(sources.workingDirectory, path);
  try {
    const file = openSync(absolute, constants.O_RDONLY | constants.O_NONBLOCK); // a pipe must not make the server wait
    try {
      const stat = fstatSync(file);
      if (!stat.isFile()) return { refusal: `file:${path} is not a file` };
      if (stat.size > referencedBytesMax) return { refusal: `file:${path} is over ${referencedBytesMax} bytes` };
      if (liesIn(realpathSync(absolute), sources.dataDirectory)) {
        return { refusal: `file:${path} belongs to the server itself and cannot be referred to` };
      }
      return { value: readFileSync(file, 'utf8').trim() };
    } finally {
      closeSync(file);
    }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    return { refusal: `file:${path} cannot be read where the server runs (${code})` };
  }
}

function liesIn(path: string, directory: string): boolean {
  try {
    return path.startsWith(realpathSync(directory) + sep);
  } catch {
    // A data directory that is not there holds nothing.
    return false;
  }
}
