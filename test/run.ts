// Runs the tests: `dev test [--long] [--pattern <regular expression>] [part of a path …]`.
// Tests of the rooms share one process; scenarios get one each; --long runs the long suite instead. One Postgres a run.
import { parseArgs } from 'node:util';
import { noCounts, runTestGroup, type TestCounts } from './support/run-test-group.ts';
import { withSecondRun } from './support/second-run.ts';
import { testGroups } from './support/test-groups.ts';
import { startTestServer } from './support/test-server.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { long: { type: 'boolean', default: false }, pattern: { type: 'string' } },
});
const groups = testGroups({ long: values.long, parts: positionals });
if (groups.length === 0) {
  process.stderr.write(`No test file matches ${[values.long ? '--long' : '', ...positionals].join(' ').trim()}.\n`);
  process.exit(2);
}

const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => interrupted.abort());

const startedAtMs = performance.now();
const total: TestCounts = { ...noCounts };
let passed = true;
const server = await startTestServer();
try {
  for (const group of groups) {
    if (interrupted.signal.aborted) break;
    process.stdout.write(`\n${group.title} (files: ${group.files.length})\n`);
    const run = { databaseUrl: server.url, pattern: values.pattern, signal: interrupted.signal };
    const result = await withSecondRun(group, await runTestGroup(group, run), files =>
      runTestGroup({ ...group, files, concurrency: 1 }, run),
    );
    for (const name of Object.keys(noCounts) as (keyof TestCounts)[]) total[name] += result.counts[name];
    passed &&= result.passed;
  }
} finally {
  await server.stop();
}

if (total.tests === 0) passed = false;
process.stdout.write(
  [
    '',
    `# tests ${total.tests}`,
    `# suites ${total.suites}`,
    `# pass ${total.passed}`,
    `# fail ${total.failed}`,
    `# cancelled ${total.cancelled}`,
    `# skipped ${total.skipped}`,
    `# todo ${total.todo}`,
    `# duration_ms ${(performance.now() - startedAtMs).toFixed(0)}`,
    '',
  ].join('\n'),
);
process.exitCode = interrupted.signal.aborted ? 130 : passed ? 0 : 1;
