import assert from 'node:assert/strict';
import { test } from 'node:test';
import { admitOf, endOf } from '../../test/support/exchanges.ts';
import { ExchangeAssembler } from './assemble.ts';

const sketch = { id: 'ex_1', atMs: 1_790_000_000_000 };
const place = { sequence: 1, offset: 44 };

test('an admit that is there twice, the same, is one admission', () => {
  const assembler = new ExchangeAssembler();

  assert.equal(assembler.accept(admitOf(sketch), place), undefined);
  assert.equal(assembler.accept(admitOf(sketch), { sequence: 2, offset: 44 }), undefined);
  const whole = assembler.accept(endOf(sketch), { sequence: 2, offset: 500 });

  assert.ok(typeof whole === 'object');
  assert.equal(whole.admit.id, 'ex_1');
  assert.equal(assembler.openCount, 0);
});

test('a second admission that says something else is a conflict, and the first one counts', () => {
  const assembler = new ExchangeAssembler();
  assembler.accept(admitOf(sketch), place);

  assert.equal(assembler.accept(admitOf({ ...sketch, holdAtto: '5' }), place), 'conflict');
  const whole = assembler.accept(endOf(sketch), place);

  assert.ok(typeof whole === 'object');
  assert.equal(whole.admit.hold.amountAtto, '0');
});
