import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { clientPath, clientTypes } from '../../console/make-client.ts';

test('the console’s types of the management API are those of its operations; if not, run node console/make-client.ts', () => {
  assert.equal(readFileSync(clientPath, 'utf8'), clientTypes());
});
