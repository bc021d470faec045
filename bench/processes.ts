/** Process CPU and memory by process id, from /proc: what the kernel accounts, not what a clock on the wall says. */
import { readdirSync, readFileSync } from 'node:fs';

/** CPU time of all threads of one process, in microseconds; the scheduler counts nanoseconds. */
export function cpuMicros(processId: number): number {
  let nanoseconds = 0;
  for (const thread of readdirSync(`/proc/${processId}/task`)) {
    try {
      nanoseconds += Number(readFileSync(`/proc/${processId}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
    } catch {
      // The thread ended between the listing and the look.
    }
  }
  return nanoseconds / 1000;
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
