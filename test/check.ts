// Everything that reads the code without running it: lint and format, types, and the rules of test/architecture.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from './support/test-groups.ts';

const program = (name: string) => join(repositoryRoot, 'node_modules', '.bin', name);
const folders = ['src', 'test', 'bench', 'bin', 'console'].filter(name => existsSync(join(repositoryRoot, name)));

const checks: readonly { readonly name: string; readonly command: string; readonly args: readonly string[] }[] = [
  { name: 'lint and format', command: program('biome'), args: ['check', '--error-on-warnings', ...folders] },
  { name: 'types', command: process.execPath, args: [program('tsc'), '--noEmit'] },
  // Its types need its packages, which building it installs.
  { name: 'the console, built', command: process.execPath, args: [join(repositoryRoot, 'bin/build-console.js')] },
  {
    name: 'types of the console',
    command: process.execPath,
    args: [program('tsc'), '--project', join(repositoryRoot, 'console/tsconfig.json')],
  },
  {
    name: 'architecture',
    command: process.execPath,
    args: [
      '--test',
      '--test-reporter=spec',
      '--test-isolation=none',
      join(repositoryRoot, 'test/architecture/*.test.ts'),
    ],
  },
];

const failed = checks.filter(check => {
  process.stdout.write(`\n${check.name}\n`);
  return spawnSync(check.command, check.args, { cwd: repositoryRoot, stdio: 'inherit' }).status !== 0;
});
process.stdout.write(
  failed.length === 0 ? '\nAll checks passed.\n' : `\nFailed: ${failed.map(check => check.name).join(', ')}.\n`,
);
process.exitCode = failed.length === 0 ? 0 : 1;
