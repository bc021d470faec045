import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

const root = new URL('../../', import.meta.url);
const page = readFileSync(new URL('docs/reference/money.md', root), 'utf8');

test('every case and rule of money is shown by a test that there is', () => {
  const rows = [...page.matchAll(/^\| (?<what>[^|]+) \| (?<file>[a-z]+\/\S+) \| (?<name>[^|]+) \|$/gm)];
  const missing = rows.flatMap(({ groups }) => {
    const { what, file, name } = groups!; // named groups of a match
    const path = new URL(file!, root);
    return existsSync(path) && readFileSync(path, 'utf8').includes(name!) ? [] : [`${what}: ${file}`];
  });

  assert.deepEqual(missing, []);
  assert.equal(rows.length, 32);
});
