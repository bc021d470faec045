import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { takeCarriedLeases, writeCarriedLeases } from './carried-leases.ts';

const lease = { budget: 'b', window: 'total', lease: 'lse_1', amountAtto: 12n, limitAtto: 10n ** 30n };

function inDirectory(run: (path: string) => void): void {
  const path = mkdtempSync(join(tmpdir(), 'carried-'));
  try {
    run(path);
  } finally {
    rmSync(path, { recursive: true });
  }
}

test('what a generation leaves the next one takes, once', () =>
  inDirectory(path => {
    writeCarriedLeases(path, 7, [lease]);

    assert.deepEqual(takeCarriedLeases(path, 7), [lease]);
    assert.deepEqual(takeCarriedLeases(path, 7), []);
  }));

test('a generation that does not follow the one that wrote it takes nothing', () =>
  inDirectory(path => {
    for (const previous of [6, 8, undefined]) {
      writeCarriedLeases(path, 7, [lease]);
      assert.deepEqual(takeCarriedLeases(path, previous), []);
      assert.equal(existsSync(join(path, 'leases.json')), false);
    }
  }));

test('where there is nothing to carry there is no file, and a file that is none is taken away', () =>
  inDirectory(path => {
    writeCarriedLeases(path, 7, []);
    assert.deepEqual(takeCarriedLeases(path, 7), []);
    for (const text of [
      '',
      '{',
      'null',
      '{"generation":7,"leases":[{"lease":"x"}]}',
      '{"generation":7,"leases":[],"more":1}',
    ]) {
      writeFileSync(join(path, 'leases.json'), text);
      assert.deepEqual(takeCarriedLeases(path, 7), [], text);
      assert.equal(existsSync(join(path, 'leases.json')), false);
    }
    const negative = { ...lease, amountAtto: '-12', limitAtto: '1' };
    writeFileSync(join(path, 'leases.json'), JSON.stringify({ generation: 7, leases: [negative] }));
    assert.deepEqual(takeCarriedLeases(path, 7), []);
  }));
