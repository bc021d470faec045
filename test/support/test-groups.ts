import { globSync } from 'node:fs';
import { dirname, join } from 'node:path';

export interface TestGroup {
  readonly title: string;
  readonly isolation: 'none' | 'process';
  readonly concurrency: number;
  /** Does it run beside the group before it? */
  readonly beside?: boolean;
  /** Do its tests have bounds in time, which a busy machine can miss? See second-run.ts. */
  readonly timed?: boolean;
  /** Of one test, and of the group as a whole. */
  readonly testTimeoutMs: number;
  readonly timeoutMs: number;
  /** Absolute paths, sorted. */
  readonly files: readonly string[];
}

/** The default run ends within five minutes on two slow cores; these only stop what hangs. */
const short = { testTimeoutMs: 120_000, timeoutMs: 10 * 60_000 };
const long = { testTimeoutMs: 15 * 60_000, timeoutMs: 25 * 60_000 };

export const repositoryRoot = dirname(dirname(import.meta.dirname));

/** What to run, in order; groups without files are left out. */
export function testGroups(choice: {
  readonly long: boolean;
  readonly parts: readonly string[];
}): readonly TestGroup[] {
  const groups: readonly TestGroup[] = choice.long
    ? [
        {
          ...long,
          title: 'long',
          isolation: 'process',
          concurrency: 1,
          timed: true,
          files: find('test/long/**/*.test.ts'),
        },
      ]
    : [
        ...roomShards([...find('src/**/*.test.ts'), ...find('test/architecture/**/*.test.ts')]),
        {
          ...short,
          title: 'in one process',
          isolation: 'none',
          concurrency: 1,
          beside: true,
          timed: true,
          files: inOneProcess.flatMap(folder => find(`test/${folder}/**/*.test.ts`)),
        },
        {
          ...short,
          title: 'scenarios',
          isolation: 'process',
          concurrency: 3,
          timed: true,
          // Every folder of test/ but the others', so that no new one is forgotten.
          files: find(
            'test/**/*.test.ts',
            [...inOneProcess, 'architecture', 'clients', 'long'].map(folder => `test/${folder}/**`),
          ),
        },
      ];
  return groups
    .map(group => ({ ...group, files: group.files.filter(file => isChosen(file, choice.parts)) }))
    .filter(group => group.files.length > 0);
}

/** Folders of test/ whose tests start nothing but servers of their own in this process: loading the source once instead of
 *  once a file makes them five times cheaper. */
const inOneProcess = ['gateway', 'media', 'neutrality', 'rules'] as const;

/** Tests of rooms share a process, which keeps one core busy: two halves run beside each other. Every second file, so that
 *  no half has all of a slow room. */
function roomShards(files: readonly string[]): readonly TestGroup[] {
  return [0, 1].map(half => ({
    ...short,
    title: `rooms ${half + 1} of 2`,
    isolation: 'none',
    concurrency: 1,
    beside: half === 1,
    files: files.filter((_, index) => index % 2 === half),
  }));
}

function find(pattern: string, exclude: readonly string[] = []): readonly string[] {
  return globSync(pattern, { cwd: repositoryRoot, exclude })
    .sort()
    .map(path => join(repositoryRoot, path));
}

function isChosen(file: string, parts: readonly string[]): boolean {
  const path = file.slice(repositoryRoot.length + 1);
  return parts.length === 0 || parts.some(part => path.includes(part));
}
