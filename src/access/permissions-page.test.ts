import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { permissionsPage } from './permissions-page.ts';

test('docs/reference/permissions.md says what the table says; `npm run docs` writes it', () => {
  const committed = readFileSync(new URL('../../docs/reference/permissions.md', import.meta.url), 'utf8');

  assert.equal(committed, permissionsPage());
});
