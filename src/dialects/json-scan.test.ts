import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import { JsonProblem, JsonScan, jsonDepthMax } from './json-scan.ts';
import { NameTable } from './name-table.ts';

const scan = new JsonScan();

function accepts(bytes: Buffer): boolean {
  try {
    scan.start(bytes, 0, bytes.length);
    scan.skip();
    scan.finish();
    return true;
  } catch (problem) {
    assert.ok(problem instanceof JsonProblem, String(problem));
    return false;
  }
}

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

test('every text that JSON.parse accepts is accepted, at any offset in memory', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 6 }), fc.nat(7), fc.integer({ min: 0, max: 3 }), (text, offset, indent) => {
      const spaced = JSON.stringify(JSON.parse(text), undefined, indent);
      const memory = Buffer.concat([Buffer.alloc(offset, '"'), Buffer.from(spaced), Buffer.alloc(9, '"')]);

      assert.equal(accepts(memory.subarray(offset, offset + Buffer.byteLength(spaced))), true);
    }),
  );
});

test('a mutated text gets the verdict of JSON.parse', () => {
  const mutation = fc.record({
    at: fc.nat(),
    cut: fc.nat(3),
    insert: fc.string({ unit: 'binary-ascii', maxLength: 3 }),
  });
  const marks = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"',
    '\\',
    '\\u12',
    '-',
    '0',
    '.',
    'e',
    'nul',
    '\n',
    '\u0001',
  );
  fc.assert(
    fc.property(fc.json(), mutation, fc.option(marks), fc.boolean(), (text, { at, cut, insert }, mark, long) => {
      const base = long ? JSON.stringify({ pad: 'x'.repeat(700), text: JSON.parse(text) }) : text;
      const place = at % (base.length + 1);
      const mutated = base.slice(0, place) + (mark ?? insert) + base.slice(place + cut);
      const bytes = Buffer.from(mutated);
      fc.pre(isUtf8(bytes) && mutated.isWellFormed());

      assert.equal(accepts(bytes), parses(mutated), mutated);
    }),
    { numRuns: 3000 },
  );
});

test('short texts over the alphabet of JSON get the verdict of JSON.parse', () => {
  const alphabet = fc.constantFrom(
    ...'{}[],:"\\/bfnrtu0123456789abcdefE+-. \t\n\rtrufalsn'.split(''),
    '{"a":',
    'null',
    '1e5',
  );
  fc.assert(
    fc.property(fc.array(alphabet, { maxLength: 12 }), letters => {
      const text = letters.join('');

      assert.equal(accepts(Buffer.from(text)), parses(text), text);
    }),
    { numRuns: 5000 },
  );
});

test('128 levels are read and 129 are refused, by skipping and by stepping', () => {
  const nested = (levels: number) => Buffer.from('['.repeat(levels) + ']'.repeat(levels));

  assert.equal(accepts(nested(jsonDepthMax)), true);
  assert.equal(accepts(nested(jsonDepthMax + 1)), false);
  const deep = nested(jsonDepthMax + 1);
  scan.start(deep, 0, deep.length);
  assert.throws(() => {
    for (;;) scan.enter();
  }, /too-deep/);
});

test('the length of a text is that of its UTF-8 bytes, however it is escaped', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.boolean(), (text, escapeAll) => {
      const json = escapeAll
        ? `"${text.replace(/[\s\S]/g, unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)}"`
        : JSON.stringify(text);
      const bytes = Buffer.from(json);
      scan.start(bytes, 0, bytes.length);

      assert.equal(scan.textBytes(), Buffer.byteLength(text));
    }),
  );
});

test('members are found by name, plain or escaped, and values stay where they are', () => {
  const table = new NameTable(['model', 'n']);
  const text = Buffer.from(' { "other" : [1, {"model":2}] , "mod\\u0065l":"x" ,"n" : 1.0 } ');
  const seen: [number, string][] = [];

  scan.start(text, 0, text.length);
  scan.enter();
  while (scan.nextMember()) {
    const key = scan.key(table);
    const start = scan.at;
    scan.skip();
    seen.push([key, text.toString('utf8', start, scan.at)]);
  }
  scan.finish();

  assert.deepEqual(seen, [
    [-1, '[1, {"model":2}]'],
    [0, '"x"'],
    [1, '1.0'],
  ]);
});

test('bytes after the end are not read as part of the text', () => {
  for (const [text, inside] of [
    ['{"a":1}{"b":2}', 6],
    ['"abc"def"', 3],
    ['12345', 0],
    ['[true]', 4],
    [`{"${'x'.repeat(600)}":"y"}`, 590],
  ] as const) {
    const bytes = Buffer.from(text);
    scan.start(bytes, 0, inside);

    assert.throws(() => {
      scan.skip();
      scan.finish();
    }, JsonProblem);
  }
});
