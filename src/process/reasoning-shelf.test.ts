import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ReasoningShelf, shelfEntryBytesMax, shelfLifeMs } from './reasoning-shelf.ts';

function shelf(options: { readonly bytesMax?: number; readonly entriesMax?: number } = {}) {
  let nowMs = 1_000;
  const kept = new ReasoningShelf({ monotonicMs: () => nowMs, ...options });
  return {
    kept,
    pass: (ms: number) => {
      nowMs += ms;
    },
  };
}

test('what is put is found by each of its calls, in its organisation alone', () => {
  const { kept } = shelf();
  kept.put('acme', ['a', 'b'], ['one', 'two']);

  assert.deepEqual(kept.get('acme', 'a'), ['one', 'two']);
  assert.deepEqual(kept.get('acme', 'b'), ['one', 'two']);
  assert.equal(kept.get('acme', 'c'), undefined);
  assert.equal(kept.get('other', 'a'), undefined);
  assert.deepEqual([kept.entries, kept.bytes], [1, 8]);
});

test('it is kept for an hour, and not a moment longer', () => {
  const { kept, pass } = shelf();
  kept.put('acme', ['a'], ['one']);
  pass(shelfLifeMs - 1);
  assert.deepEqual(kept.get('acme', 'a'), ['one']);

  pass(1);
  assert.equal(kept.get('acme', 'a'), undefined);
  assert.deepEqual([kept.entries, kept.bytes], [0, 0]);
});

test('sweeping forgets what is past its time without being asked for it', () => {
  const { kept, pass } = shelf();
  kept.put('acme', ['a'], ['one']);
  pass(shelfLifeMs / 2);
  kept.put('acme', ['b'], ['two']);
  kept.put('other', ['c'], ['three']);
  pass(shelfLifeMs / 2);

  kept.sweep();

  assert.equal(kept.entries, 2);
  assert.deepEqual(kept.get('acme', 'b'), ['two']);
  assert.deepEqual(kept.get('other', 'c'), ['three']);
});

test('the same call again replaces what was kept of it', () => {
  const { kept } = shelf();
  kept.put('acme', ['a', 'b'], ['old']);
  kept.put('acme', ['b'], ['new']);

  assert.deepEqual(kept.get('acme', 'b'), ['new']);
  assert.equal(kept.get('acme', 'a'), undefined, 'the answer that it replaces is gone whole');
  assert.deepEqual([kept.entries, kept.bytes], [1, 4]);
});

test('one answer over its bound is not kept', () => {
  const { kept } = shelf();
  kept.put('acme', ['a'], ['x'.repeat(shelfEntryBytesMax)]);
  kept.put('acme', [], ['x']);

  assert.deepEqual([kept.entries, kept.bytes], [0, 0]);
});

test('who keeps most gives first when the bytes are used up', () => {
  const { kept } = shelf({ bytesMax: 1_000 });
  kept.put('small', ['s'], ['x'.repeat(99)]);
  for (let index = 0; index < 100; index += 1) kept.put('large', [`${index}`], ['x'.repeat(98)]);

  assert.deepEqual(kept.get('small', 's'), ['x'.repeat(99)]);
  assert.ok(kept.bytes <= 1_000);
  assert.deepEqual(kept.get('large', '99'), ['x'.repeat(98)]);
  assert.equal(kept.get('large', '0'), undefined);
});

test('who keeps most gives first when the entries are used up', () => {
  const { kept } = shelf({ entriesMax: 10 });
  kept.put('small', ['s'], ['x']);
  for (let index = 0; index < 100; index += 1) kept.put('large', [`${index}`], ['x']);

  assert.equal(kept.entries, 10);
  assert.deepEqual(kept.get('small', 's'), ['x']);
});
