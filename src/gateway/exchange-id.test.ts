import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mintExchangeId } from './exchange-id.ts';

test('an id is ex_ and 26 characters of Crockford base 32, the first ten of them the instant', () => {
  assert.match(mintExchangeId(0), /^ex_0000000000[0-9A-HJKMNP-TV-Z]{16}$/);
  // 1795172408705 ms in base 32, by hand: 01 M7 W9 T7 C1.
  assert.match(mintExchangeId(1_795_172_408_705), /^ex_01M7W9T7C1[0-9A-HJKMNP-TV-Z]{16}$/);
  assert.match(mintExchangeId(2 ** 48 - 1), /^ex_7ZZZZZZZZZ[0-9A-HJKMNP-TV-Z]{16}$/);
});

test('ids of later instants sort behind those of earlier ones', () => {
  const instants = [1, 31, 32, 1_023, 1_024, 999_999, 1_795_172_408_705, 1_795_172_408_706, 2 ** 47];

  const ids = instants.map(mintExchangeId);

  assert.deepEqual(ids, ids.toSorted());
});

test('twenty thousand ids of one instant are all different', () => {
  const ids = new Set(Array.from({ length: 20_000 }, () => mintExchangeId(7)));

  assert.equal(ids.size, 20_000);
});
