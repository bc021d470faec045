import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { dropFields } from './drop-fields.ts';
import { applyEdits } from './splice.ts';

function without(text: string, ...names: string[]): string {
  const body = Buffer.from(text);
  return applyEdits(body, dropFields(body, names).edits).toString();
}

test('a field is left out with one comma, wherever it stands', () => {
  assert.equal(without('{"a":1,"b":2,"c":3}', 'a'), '{"b":2,"c":3}');
  assert.equal(without('{"a":1,"b":2,"c":3}', 'b'), '{"a":1,"c":3}');
  assert.equal(without('{"a":1,"b":2,"c":3}', 'c'), '{"a":1,"b":2}');
  assert.equal(without('{"a":1,"b":2,"c":3}', 'a', 'b'), '{"c":3}');
  assert.equal(without('{"a":1,"b":2,"c":3}', 'b', 'c'), '{"a":1}');
  assert.equal(without('{"a":1,"b":2,"c":3}', 'a', 'c'), '{"b":2}');
  assert.equal(without('{"a":1}', 'a'), '{}');
  assert.equal(without('{ "a" : [ {"b":1}, "," ] ,\n "b" : 2 }', 'a'), '{ "b" : 2 }'.replace('{ ', '{\n '));
  assert.equal(without('{"\\u0061":"}","b":{"a":1}}', 'a'), '{"b":{"a":1}}');
});

test('what was not there changes nothing, and what was is named', () => {
  const body = Buffer.from('{"b":1,"a":2}');
  assert.deepEqual(dropFields(body, ['c']), { edits: [], names: [] });
  assert.deepEqual(dropFields(body, ['a', 'b', 'c']).names, ['b', 'a']);
});

test('any fields go out of any object, and edits beside them stay right', () => {
  const names = ['model', 'a', 'b', 'c', 'd'];
  fc.assert(
    fc.property(fc.shuffledSubarray(names, { minLength: 1 }), fc.subarray(['a', 'b', 'c', 'd']), (there, dropped) => {
      const body = Buffer.from(JSON.stringify(Object.fromEntries(there.map(name => [name, `${name},"{`]))));
      const modelAt = body.indexOf('"model,');
      const end = modelAt + JSON.stringify('model,"{').length;
      // The name of the model is replaced, and a field inserted behind it, as a splice does.
      const splice = there.includes('model')
        ? [
            { start: modelAt, end, text: '"x"' },
            { start: end, end, text: ',"more":1' },
          ]
        : [];

      const spliced = applyEdits(body, [...dropFields(body, dropped).edits, ...splice]).toString();

      const kept = there.filter(name => !dropped.includes(name)).map(name => [name, `${name},"{`]);
      const expected = Object.fromEntries(kept);
      assert.deepEqual(JSON.parse(spliced), there.includes('model') ? { ...expected, model: 'x', more: 1 } : expected);
    }),
    { seed: 7 },
  );
});
