import { readdirSync, readFileSync } from 'node:fs';

/** Direct children of a process, from /proc; with a word, those whose command line has it. */
export function childProcessIds(parent: number, word?: string): number[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(Number)
    .filter(processId => parentOf(processId) === parent && (word === undefined || wordsOf(processId).includes(word)));
}

function parentOf(processId: number): number | undefined {
  // The command's name stands in parentheses and may contain anything; the parent is the second field after it.
  const status = read(`/proc/${processId}/stat`);
  const parent = status?.slice(status.lastIndexOf(')') + 2).split(' ')[1];
  return parent === undefined ? undefined : Number(parent);
}

function wordsOf(processId: number): string[] {
  return read(`/proc/${processId}/cmdline`)?.split('\0') ?? [];
}

/** undefined when the process has gone meanwhile. */
function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
