import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { repositoryRoot, type TestGroup } from './test-groups.ts';

export interface TestCounts {
  tests: number;
  suites: number;
  passed: number;
  failed: number;
  cancelled: number;
  skipped: number;
  todo: number;
}

export const noCounts: Readonly<TestCounts> = {
  tests: 0,
  suites: 0,
  passed: 0,
  failed: 0,
  cancelled: 0,
  skipped: 0,
  todo: 0,
};

export interface GroupResult {
  readonly passed: boolean;
  readonly counts: TestCounts;
  /** Absolute paths of the files with failures. */
  readonly failedFiles: readonly string[];
}

/** Runs one group under node's own runner, its report on our output. Ends within the group's bound, whatever its tests do. */
export async function runTestGroup(
  group: TestGroup,
  run: { readonly databaseUrl: string; readonly pattern: string | undefined; readonly signal: AbortSignal },
): Promise<GroupResult> {
  const directory = mkdtempSync(join(tmpdir(), 'carrier-counts-'));
  const countsPath = join(directory, 'counts.json');
  try {
    const code = await end(
      [
        '--test',
        `--test-isolation=${group.isolation}`,
        ...(group.isolation === 'process' ? [`--test-concurrency=${group.concurrency}`] : []),
        `--test-timeout=${group.testTimeoutMs}`,
        '--test-force-exit',
        '--test-reporter=spec',
        '--test-reporter-destination=stdout',
        `--test-reporter=${join(import.meta.dirname, 'count-reporter.ts')}`,
        `--test-reporter-destination=${countsPath}`,
        ...(run.pattern === undefined ? [] : [`--test-name-pattern=${run.pattern}`]),
        ...group.files,
      ],
      group,
      run,
    );
    const read = readCounts(countsPath);
    // A runner that was killed has written no counts: that is a failure of the whole group.
    if (read === undefined) return { passed: false, counts: { ...noCounts, tests: 1, failed: 1 }, failedFiles: [] };
    const { failedFiles, ...counts } = read;
    return { passed: code === 0, counts, failedFiles };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function end(
  args: readonly string[],
  group: TestGroup,
  run: { readonly databaseUrl: string; readonly signal: AbortSignal },
): Promise<number | null> {
  const child = spawn(process.execPath, args, {
    cwd: repositoryRoot,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, CARRIER_TEST_DATABASE_URL: run.databaseUrl },
    // Its own process group, so that a hanging test goes with everything that it started.
    detached: true,
  });
  const kill = (reason: string) => {
    process.stdout.write(`\n${group.title}: ${reason}\n`);
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  };
  const timer = setTimeout(() => kill(`not done after ${group.timeoutMs / 1000} s, killed`), group.timeoutMs);
  const stop = () => kill('interrupted');
  run.signal.addEventListener('abort', stop, { once: true });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', code => {
      clearTimeout(timer);
      run.signal.removeEventListener('abort', stop);
      resolve(code);
    });
  });
}

function readCounts(path: string): (TestCounts & { readonly failedFiles: readonly string[] }) | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as TestCounts & { readonly failedFiles: readonly string[] };
  } catch {
    return undefined;
  }
}
