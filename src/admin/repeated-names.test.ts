import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { repeatedNames } from './repeated-names.ts';

const paths = (text: string) => repeatedNames(text, 'body').map(({ path }) => path);

test('a name that is said twice is found at any depth, however it is written', () => {
  assert.deepEqual(paths('{"a":1,"a":2}'), ['body.a']);
  assert.deepEqual(paths('{"a":1,"\\u0061":2}'), ['body.a']);
  assert.deepEqual(paths('{"x":[{"a":1},{"b":{"c":1,"d":[],"c":"{"}}],"x":0}'), ['body.x.1.b.c', 'body.x']);
  assert.deepEqual(paths('[[{"a":1}],[1,2,{"a":1,"a":1,"a":1}]]'), ['body.1.2.a', 'body.1.2.a']);
});

test('what only looks like a name is none', () => {
  for (const text of [
    '{}',
    '[]',
    '"a"',
    '{"a":"a","b":["a","a"],"c":{"a":1}}',
    '{"a":"\\"a\\":1,\\"a\\":2","b":"}{"}',
    '{"a":"\\\\","b":"a","":1}',
    '[{"a":1},{"a":1}]',
  ]) {
    assert.deepEqual(paths(text), [], text);
  }
});

test('what was written from a value says nothing twice, and a copy of any of its names is found', () => {
  fc.assert(
    fc.property(fc.json(), text => {
      assert.deepEqual(paths(JSON.stringify(JSON.parse(text))), []);
    }),
  );
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.jsonValue(), (name, value) => {
      const member = `${JSON.stringify(name)}:${JSON.stringify(value)}`;
      assert.deepEqual(paths(`[0,{${member},${member}}]`), [`body.1.${name}`]);
    }),
  );
});

test('a body as large as is taken is looked at in bounded time, and so is one that nests as deep as it is long', () => {
  const before = process.cpuUsage();
  assert.deepEqual(paths(`[${'{"a":"b"},'.repeat(500_000)}0]`), []);
  assert.deepEqual(paths(`${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}`), []);
  assert.equal(paths(`{${'"a":1,'.repeat(100_000)}"a":1}`).length, 100);
  assert.ok(process.cpuUsage(before).user < 5_000_000);
});
