/** Process CPU and memory by process id, from /proc: what the kernel accounts, not what a clock on the wall says. */
import { readdirSync, readFileSync } from 'node:fs';

/** CPU time of all threads of one process, in microseconds; the scheduler counts nanoseconds. Zero when it is gone. */
export function cpuMicros(processId: number): number {
  let nanoseconds = 0;
  for (const thread of threadsOf(processId)) {
    try {
      nanoseconds += Number(readFileSync(`/proc/${processId}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
    } catch {
      // The thread ended between the listing and the look.
    }
  }
  return nanoseconds / 1000;
}

/** What these processes used since `before`, microseconds. Postgres' own helpers come and go; what one that ended used
 *  last is not known any more. */
export function cpuSpent(before: ReadonlyMap<number, number>): number {
  let micros = 0;
  for (const [id, spent] of before) micros += Math.max(0, cpuMicros(id) - spent);
  return micros;
}

export function cpuNow(processIds: readonly number[]): Map<number, number> {
  return new Map(processIds.map(id => [id, cpuMicros(id)]));
}

function threadsOf(processId: number): string[] {
  try {
    return readdirSync(`/proc/${processId}/task`);
  } catch {
    return [];
  }
}

/** Resident memory, bytes. */
export function residentBytes(processId: number): number {
  const match = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${processId}/status`, 'utf8'));
  return Number(match?.[1] ?? 0) * 1024;
}

/** A process and everything below it. */
export function processTree(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const parent = Number(statFields(Number(name))[1]);
      children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
    } catch {
      // It ended between the listing and the look.
    }
  }
  const found: number[] = [];
  const visit = (processId: number): void => {
    found.push(processId);
    for (const child of children.get(processId) ?? []) visit(child);
  };
  visit(root);
  return found;
}

export function commandLine(processId: number): string {
  return readFileSync(`/proc/${processId}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
}

/** Fields after the command name, which may itself contain spaces and parentheses. */
function statFields(processId: number): string[] {
  const text = readFileSync(`/proc/${processId}/stat`, 'utf8');
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}
