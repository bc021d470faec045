import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, it } from 'node:test';
import { repositoryRoot } from '../support/test-groups.ts';
import { listRooms } from './rooms.ts';
import { readSourceFiles, type SourceFile } from './source-files.ts';

const linesMax = 500;
/** A table of cases may be long; a test of so many lines is about several things. */
const testLinesMax = 1000;
const readmeLinesMax = 40;

/** Longer than allowed, each with its reason. */
const longFiles: Readonly<Record<string, string>> = {
  'src/completion/fault.ts': 'one table of every fault',
};

const rooms = ['completion', 'dialects', 'routing', 'gateway', 'journal', 'metering', 'pricing', 'ledger'];

const code = readSourceFiles('src/**/*.ts', 'test/**/*.ts', 'bench/**/*.ts', 'bin/*.js', 'docs/**/*.ts');
const product = code.filter(file => file.path.startsWith('src/') && !isTest(file));
const prose = readSourceFiles('*.md', 'docs/**/*.md', 'src/**/*.md', 'test/**/*.md', 'bench/**/*.md', '.ci/*');

function isTest(file: SourceFile): boolean {
  return file.path.endsWith('.test.ts') || file.path.includes('/fixtures/') || file.path.startsWith('test/');
}

/** `path:line` of every line that the expression matches. */
function findLines(files: readonly SourceFile[], expression: RegExp): readonly string[] {
  return files.flatMap(file =>
    file.text.split('\n').flatMap((line, index) => (expression.test(line) ? [`${file.path}:${index + 1}`] : [])),
  );
}

/** Without comments, so that a rule about code is not broken by words about it. */
function codeOnly(files: readonly SourceFile[]): readonly SourceFile[] {
  return files.map(file => ({
    ...file,
    text: file.text.replace(/\/\*[\s\S]*?\*\//g, comment => comment.replace(/[^\n]/g, '')).replace(/^\s*\/\/.*$/gm, ''),
  }));
}

describe('the source', () => {
  it('has files to look at', () => {
    assert.ok(product.length > 50 && prose.length > 10);
  });

  it('holds nothing unfinished', () => {
    const marks = new RegExp(['TO', 'DO|FIX', 'ME|X', 'XX'].join(''));

    assert.deepEqual(findLines([...code, ...prose], new RegExp(`\\b(${marks.source})\\b`)), []);
  });

  it('has no hook around every test outside a suite: tests of rooms share a process, and it would run for all of them', () => {
    const tests = code.filter(file => file.path.startsWith('src/') && file.path.endsWith('.test.ts'));
    assert.deepEqual(findLines(tests, /^(beforeEach|afterEach)\(/), []);
  });

  it('names no place of one particular machine', () => {
    assert.deepEqual(findLines([...code, ...prose], /(^|[\s"'`(=:])\/(work|home\/[a-z]|Users\/[A-Za-z])[/\w]/), []);
  });

  it(`keeps files under ${linesMax} lines, but for those with a reason`, () => {
    const long = code
      .filter(file => file.text.split('\n').length > (isTest(file) ? testLinesMax : linesMax))
      .map(file => file.path);

    assert.deepEqual(
      long.filter(path => !Object.hasOwn(longFiles, path)),
      [],
    );
  });

  it('gives no file a name that says nothing', () => {
    const empty = code.filter(file =>
      /(^|-)(data|info|manager|utils?|helpers?|misc|common)\./.test(basename(file.path)),
    );

    assert.deepEqual(
      empty.map(file => file.path),
      [],
    );
  });

  it('keeps chance and fractions away from money and decisions', () => {
    const exact = codeOnly(product).filter(file => /^src\/(pricing|ledger|metering|routing)\//.test(file.path));

    assert.deepEqual(findLines(exact, /Math\.random|parseFloat/), []);
  });

  it('uses no global fetch in the data plane', () => {
    const dataPlane = codeOnly(product).filter(file => /^src\/(gateway|providers|dialects)\//.test(file.path));

    assert.deepEqual(findLines(dataPlane, /(?<![.\w])fetch\(/), []);
  });

  it('names no TypeScript file at run time, where the build could not rename it', () => {
    assert.deepEqual(findLines(codeOnly(product), /(new URL|fork|spawn|resolve)\(\s*['"`][^'"`]+\.ts['"`]/), []);
  });
});

describe('every room', () => {
  const folders = listRooms().filter(name => !name.endsWith('.ts'));

  it('has a README that says what it owns, what it does not, and where to start', () => {
    assert.ok(rooms.every(room => folders.includes(room)));
    const wrong = folders.flatMap(room => {
      const path = join(repositoryRoot, 'src', room, 'README.md');
      if (!existsSync(path)) return [`${room}: no README.md`];
      const text = readFileSync(path, 'utf8');
      const missing = ['Owns', 'Does not own', 'Invariants', 'Start reading at'].filter(part => !text.includes(part));
      return missing.map(part => `${room}: no \`${part}\``);
    });

    assert.deepEqual(wrong, []);
  });

  it(`keeps its README to ${readmeLinesMax} lines`, () => {
    const long = readSourceFiles('src/**/README.md').filter(
      file => file.text.trimEnd().split('\n').length > readmeLinesMax,
    );

    assert.deepEqual(
      long.map(file => file.path),
      [],
    );
  });
});

describe('the entry points', () => {
  it('can be executed', () => {
    const wanted = ['bin/carrier.js', '.ci/run'];

    assert.deepEqual(
      wanted.filter(path => (statSync(join(repositoryRoot, path)).mode & 0o111) !== 0o111),
      [],
    );
  });
});
