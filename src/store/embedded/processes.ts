import { readdirSync, readFileSync } from 'node:fs';

/** What /proc says about the server's processes. Reading it needs no privilege, unlike asking for a process's
 *  directory or program, which root without CAP_SYS_PTRACE may not (the default in containers). */

/** The postmaster of this cluster, if it runs. */
export function findPostmaster(cluster: string): number | undefined {
  return findProcesses(words => isProgram(words[0]) && words[words.indexOf('-D') + 1] === cluster)[0];
}

/** Every process of the server of this name: the postmaster's children carry it in their titles, so those are found
 *  that a killed postmaster left behind. */
export function findServerProcesses(cluster: string, serverName: string): readonly number[] {
  return findProcesses(
    words =>
      (isProgram(words[0]) && words[words.indexOf('-D') + 1] === cluster) ||
      words[0]?.startsWith(`postgres: ${serverName}: `) === true,
  );
}

/** When a process was started, in clock ticks since boot: with the id it names one process for good.
 *  Undefined when there is none, or only its unreaped remains. */
export function readStartTime(processId: number): string | undefined {
  const stat = readFile(`/proc/${processId}/stat`);
  if (stat === undefined) return undefined;
  // The second field is the program's name in parentheses and may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' ? undefined : fields[19];
}

export function isAlive(processId: number): boolean {
  return readStartTime(processId) !== undefined;
}

function isProgram(word: string | undefined): boolean {
  return word !== undefined && (word === 'postgres' || word.endsWith('/postgres'));
}

function findProcesses(matches: (words: readonly string[]) => boolean): readonly number[] {
  return readdirSync('/proc')
    .filter(name => /^[0-9]+$/.test(name))
    .filter(name => matches((readFile(`/proc/${name}/cmdline`) ?? '').split('\0')))
    .map(Number)
    .filter(isAlive);
}

function readFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // The process has ended meanwhile.
    return undefined;
  }
}
