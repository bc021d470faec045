// Runs the tests: `dev test [--long] [--pattern <regular expression>] [part of a path …]`.
// Tests of the rooms share one process; scenarios get one each; --long runs the long suite instead. One Postgres a run.
import { parseArgs } from 'node:util';
import { type GroupResult, noCounts, runTestGroup, type TestCounts } from './support/run-test-group.ts';
import { withSecondRun } from './support/second-run.ts';
import { type TestGroup, testGroups } from './support/test-groups.ts';
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

function besideEachOther(all: readonly TestGroup[]): readonly (readonly TestGroup[])[] {
  const rounds: TestGroup[][] = [];
  for (const group of all) {
    const round = rounds.at(-1);
    if (group.beside === true && round !== undefined) round.push(group);
    else rounds.push([group]);
  }
  return rounds;
}

async function runOne(group: TestGroup): Promise<GroupResult> {
  const run = { databaseUrl: server.url, pattern: values.pattern, signal: interrupted.signal };
  return withSecondRun(group, await runTestGroup(group, run), files =>
    runTestGroup({ ...group, files, concurrency: 1 }, run),
  );
}

const startedAtMs = performance.now();
const total: TestCounts = { ...noCounts };
let passed = true;
const server = await startTestServer();
try {
  for (const together of besideEachOther(groups)) {
    if (interrupted.signal.aborted) break;
    for (const { title, files } of together) process.stdout.write(`\n${title} (files: ${files.length})\n`);
    for (const result of await Promise.all(together.map(group => runOne(group)))) {
      for (const name of Object.keys(noCounts) as (keyof TestCounts)[]) total[name] += result.counts[name];
      passed &&= result.passed;
    }
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
