import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { referencePages } from './reference.ts';

for (const [name, text] of referencePages()) {
  test(`docs/reference/${name} says what the program does; if not, run npm run docs`, () => {
    const file = readFileSync(new URL(`../../docs/reference/${name}`, import.meta.url), 'utf8');
    assert.equal(file, text);
  });
}

test('the reference names what users rely on', () => {
  const pages = referencePages();
  assert.match(pages.get('faults.md') ?? '', /\| `budget_exhausted` \| 402 \| quota \|/);
  assert.match(
    pages.get('configuration.md') ?? '',
    /\| `limits\.bodyBytesMax` \| `CARRIER_LIMITS_BODY_BYTES_MAX` \| `--limits-body-bytes-max` \|/,
  );
  assert.match(pages.get('configuration.md') ?? '', /\| `routes\.<name>\.candidates\[\]\.priority` \|/);
  assert.match(pages.get('cli.md') ?? '', /## `carrier keys revoke <key>`/);
});
