import { randomInt, randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, realpathSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { StartFailure } from './start-failure.ts';

/** How long a killed leftover may take to be gone. SIGKILL is not refused, but a process in disk wait takes its time. */
const leftoverTimeoutMs = 5_000;
const fileName = 'processes.json';

/** One run of a supervisor, with the processes it started: what the next one must end before it takes over. */
export interface GenerationRecord {
  /** Random, of this data directory: tells replicas apart that share one database. */
  readonly replica: string;
  /** Grows from run to run. */
  readonly generation: number;
  /** Start times are in ticks since this boot. */
  readonly boot: string;
  readonly processes: readonly ProcessIdentity[];
}

/** A process id alone may be somebody else's by now; with its start time it is not. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTime: string;
}

export function openDataDirectory(path: string): string {
  try {
    // Root's database server runs as `nobody`, who must get through to its own directory in here; secrets are closed by
    // their own modes.
    mkdirSync(path, { recursive: true, mode: process.geteuid?.() === 0 ? 0o711 : 0o700 });
    return realpathSync(path);
  } catch (cause) {
    throw new StartFailure(
      'data_directory_unusable',
      `The data directory ${path} cannot be made or opened: ${(cause as Error).message}`,
      { cause },
    );
  }
}

/** Ends what a killed supervisor left behind and begins the next generation. The caller holds the lock. */
export async function beginGeneration(dataPath: string): Promise<Generation> {
  const previous = readRecord(dataPath);
  const boot = bootId();
  if (previous !== undefined && previous.boot === boot) await endLeftovers(previous.processes);
  // Two further digits tell replicas apart that start in the same millisecond; the journal allows 15.
  const fresh = Date.now() * 100 + randomInt(100);
  const generation = Math.max(fresh, (previous?.generation ?? 0) + 1);
  const replica = previous?.replica ?? randomUUID();
  const begun = new Generation(dataPath, { replica, generation, boot, processes: [] }, previous?.generation);
  begun.write();
  return begun;
}

export class Generation {
  readonly #dataPath: string;
  #record: GenerationRecord;
  /** The one before; undefined for the first. */
  readonly previous: number | undefined;

  constructor(dataPath: string, record: GenerationRecord, previous?: number) {
    this.#dataPath = dataPath;
    this.#record = record;
    this.previous = previous;
  }

  get number(): number {
    return this.#record.generation;
  }

  get replica(): string {
    return this.#record.replica;
  }

  /** Written before the process gets any work, so that none is ever unknown to the next supervisor. */
  add(pid: number): void {
    const startTime = processStartTime(pid);
    if (startTime === undefined) return;
    this.#record = { ...this.#record, processes: [...this.#record.processes, { pid, startTime }] };
    this.write();
  }

  remove(pid: number): void {
    this.#record = { ...this.#record, processes: this.#record.processes.filter(known => known.pid !== pid) };
    this.write();
  }

  write(): void {
    const path = join(this.#dataPath, fileName);
    writeFileSync(`${path}.new`, `${JSON.stringify(this.#record)}\n`, { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }
}

/** In clock ticks since boot; undefined when there is no such process, or only its unreaped remains. */
export function processStartTime(pid: number): string | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  // The second field is the program's name in parentheses and may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' ? undefined : fields[19];
}

async function endLeftovers(processes: readonly ProcessIdentity[]): Promise<void> {
  const alive = processes.filter(isAlive);
  for (const { pid } of alive) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It ended by itself meanwhile: a worker exits when its supervisor is gone.
    }
  }
  const deadlineMs = performance.now() + leftoverTimeoutMs;
  for (const leftover of alive) {
    while (isAlive(leftover)) {
      if (performance.now() > deadlineMs) {
        throw new StartFailure(
          'already_running',
          `Process ${leftover.pid} of the previous run cannot be ended; end it, then start again.`,
        );
      }
      await sleep(5);
    }
  }
}

function isAlive(identity: ProcessIdentity): boolean {
  return processStartTime(identity.pid) === identity.startTime;
}

/** A record that cannot be read names nobody. A torn one cannot be: it is written whole and renamed. */
function readRecord(dataPath: string): GenerationRecord | undefined {
  let text: string;
  try {
    text = readFileSync(join(dataPath, fileName), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const record = JSON.parse(text) as GenerationRecord;
  return record;
}

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return 'unknown';
  }
}
