import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { repositoryRoot } from '../support/test-groups.ts';
import { guidesWithExamples, matchesShown, readExamples } from './read-examples.ts';

test('the examples of every guide can be read, and there are some', () => {
  assert.ok(guidesWithExamples().length > 0);
});

test('every guide is in their index, by its title', () => {
  const index = readFileSync(join(repositoryRoot, 'docs/guides/README.md'), 'utf8');
  const files = globSync('docs/guides/*.md', { cwd: repositoryRoot, exclude: ['docs/guides/README.md'] });

  const shown = [...index.matchAll(/^\| \[([^\]]+)\]\(([\w-]+\.md)\)/gm)].map(([, title, file]) => [
    file,
    `# ${title}`,
  ]);
  const titles = files.map(file => [basename(file), readFileSync(join(repositoryRoot, file), 'utf8').split('\n')[0]]);
  assert.deepEqual(shown.sort(), titles.sort());
});

test('a block that is marked and cannot be run is refused, with its line', () => {
  const fence = '```';

  assert.throws(() => readExamples(`a\n${fence}text example\nx\n${fence}`), /line 2: an output needs a command/);
  assert.throws(() => readExamples(`${fence}json example\n{}\n${fence}`), /line 1: not an example: json/);
  assert.throws(() => readExamples(`${fence}sh example soon\nls\n${fence}`), /not known of a command: soon/);
  assert.throws(() => readExamples(`${fence}yaml example ../x.yaml\nls\n${fence}`), /not an example/);
  assert.throws(() => readExamples(`${fence}sh example\nls`), /does not end/);
  assert.deepEqual(readExamples(`${fence}sh\nrm -rf everything\n${fence}`), []);
});

test('what is shown is the whole output, but for what the guide leaves open', () => {
  assert.equal(matchesShown('a 1 b\nc\n', 'a … b\nc\n'), true);
  assert.equal(matchesShown('a 1 b\nc\n', 'a … b\n'), false);
  assert.equal(matchesShown('a 1 b\n', 'a 2 b\n'), false);
  assert.equal(matchesShown('a.b  \n', 'a.b\n'), true);
  assert.equal(matchesShown('axb\n', 'a.b\n'), false);
});
