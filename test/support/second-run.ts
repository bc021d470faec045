import { relative } from 'node:path';
import type { GroupResult } from './run-test-group.ts';
import { repositoryRoot, type TestGroup } from './test-groups.ts';

/** So few files with failures may be a busy machine; more are a broken change. */
const secondRunFilesMax = 2;

/** Scenarios start whole carriers beside each other, and some bounds are times that a busy machine can miss. In CI
 *  the few files that failed run once more, alone, and both runs are shown; a test that fails twice fails. On a
 *  developer's machine the first failure counts. */
export async function withSecondRun(
  group: TestGroup,
  first: GroupResult,
  runAgain: (files: readonly string[]) => Promise<GroupResult>,
): Promise<GroupResult> {
  const { failedFiles } = first;
  if (process.env['CI'] !== 'true' || first.passed || group.timed !== true) return first;
  if (failedFiles.length === 0 || failedFiles.length > secondRunFilesMax) return first;
  const names = failedFiles.map(file => relative(repositoryRoot, file)).join(', ');
  process.stdout.write(`\n${group.title}: a second run, alone, of ${names}\n`);
  const second = await runAgain(failedFiles);
  if (!second.passed) return first;
  process.stdout.write(`\n${group.title}: ${names} failed at first and passed alone\n`);
  const { counts } = first;
  return { ...first, passed: true, counts: { ...counts, passed: counts.passed + counts.failed, failed: 0 } };
}
