import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { writeInstance } from './schema-instance.ts';
import { seedFrom } from './seed.ts';

const ajv = new Ajv2020({ strict: false, validateFormats: false, logger: false });

function conforms(schema: object, seed = 'a seed'): void {
  const instance = writeInstance(schema, seedFrom(seed));
  const valid = ajv.compile(schema);
  assert.ok(
    valid(instance),
    `${JSON.stringify(instance)} against ${JSON.stringify(schema)}: ${ajv.errorsText(valid.errors)}`,
  );
}

const bounds = (least: string, most: string, top: number) =>
  fc.tuple(fc.nat(top), fc.nat(top)).map(([first, second]) => ({
    [least]: Math.min(first, second),
    [most]: Math.max(first, second),
  }));

const { schema: anySchema } = fc.letrec<{ schema: object; leaf: object }>(tie => ({
  leaf: fc.oneof(
    fc.constant({ type: 'boolean' }),
    fc.constant({ type: 'null' }),
    fc.constant({}),
    fc.record({ const: fc.jsonValue({ maxDepth: 1 }) }),
    fc.record({ enum: fc.uniqueArray(fc.oneof(fc.string(), fc.integer()), { minLength: 1, maxLength: 4 }) }),
    bounds('minLength', 'maxLength', 40).map(length => ({ type: 'string', ...length })),
    fc
      .constantFrom('^[a-z]{3,8}$', '^\\d{4}-\\d{2}$', '^(red|green|blue)+$', '^[A-Z][a-z_]*\\.(ts|js)$')
      .map(pattern => ({
        type: 'string',
        pattern,
      })),
    bounds('minimum', 'maximum', 500).map(range => ({ type: 'integer', ...range })),
    bounds('minimum', 'maximum', 500).map(range => ({ type: 'number', ...range })),
    fc.integer({ min: 1, max: 9 }).map(multipleOf => ({ type: 'integer', multipleOf, minimum: 5 })),
    fc.integer({ min: -9, max: 9 }).map(exclusiveMinimum => ({ type: 'number', exclusiveMinimum })),
    fc.integer({ min: -9, max: 9 }).map(exclusiveMaximum => ({ type: 'integer', exclusiveMaximum })),
    fc.constant({ type: ['string', 'null'] }),
  ),
  schema: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    tie('leaf'),
    fc
      .tuple(fc.dictionary(fc.stringMatching(/^[a-z]{1,6}$/), tie('schema'), { maxKeys: 5 }), fc.nat(31), fc.boolean())
      .map(([properties, mask, open]) => ({
        type: 'object',
        properties,
        required: Object.keys(properties).filter((_, position) => (mask >> position) & 1),
        additionalProperties: open,
      })),
    fc
      .tuple(tie('schema'), bounds('minItems', 'maxItems', 4))
      .map(([items, length]) => ({ type: 'array', items, ...length })),
    fc
      .array(tie('schema'), { minLength: 1, maxLength: 3 })
      .map(prefixItems => ({ type: 'array', prefixItems, items: false })),
    fc.array(tie('schema'), { minLength: 1, maxLength: 3 }).map(anyOf => ({ anyOf })),
  ),
}));

test('instances of 300 random schemas conform to them', () => {
  fc.assert(
    fc.property(anySchema, fc.string(), (schema, seed) => conforms(schema, seed)),
    { numRuns: 300, seed: 20261120 },
  );
});

test('references, definitions and recursion end in a conforming instance', () => {
  conforms({
    $defs: {
      node: {
        type: 'object',
        properties: {
          name: { type: 'string' },
          children: { type: 'array', items: { $ref: '#/$defs/node' } },
          next: { anyOf: [{ $ref: '#/$defs/node' }, { type: 'null' }] },
        },
        required: ['name', 'next'],
        additionalProperties: false,
      },
    },
    $ref: '#/$defs/node',
  });
});

test('allOf is one schema with all its demands', () => {
  conforms({
    allOf: [
      { type: 'object', properties: { age: { type: 'number', minimum: 18 } }, required: ['age'] },
      {
        properties: { age: { type: 'integer', maximum: 20 }, name: { type: 'string', minLength: 30 } },
        required: ['name'],
      },
    ],
  });
});

test('an exclusive bound, a grain and a decimal multiple are kept', () => {
  conforms({ type: 'number', exclusiveMinimum: 0, exclusiveMaximum: 0.05 });
  conforms({ type: 'integer', exclusiveMinimum: 4, maximum: 5 });
  conforms({ type: 'number', multipleOf: 0.1, minimum: 0.3, maximum: 0.7 });
  conforms({ type: 'integer', minimum: -10, maximum: -8 });
  conforms({ type: 'number', maximum: -1000 });
});

test('unique items, contained items and dependent fields are there', () => {
  conforms({ type: 'array', items: { enum: ['a', 'b', 'c'] }, uniqueItems: true, minItems: 3 });
  conforms({ type: 'array', contains: { const: 7 }, minContains: 2, items: { type: 'integer' } });
  conforms({ type: 'object', properties: { a: {} }, required: ['a'], dependentRequired: { a: ['b'], b: ['c'] } });
  conforms({ type: 'object', minProperties: 3, additionalProperties: { type: 'integer' } });
});

test('formats are written as they are defined', () => {
  const written = (format: string) => String(writeInstance({ type: 'string', format }, seedFrom('f')));

  assert.match(written('date-time'), /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/);
  assert.match(written('uuid'), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.match(written('email'), /^[a-z]+@example\.com$/);
  assert.match(written('ipv4'), /^192\.0\.2\.\d{1,3}$/);
});

test('a schema that nothing satisfies ends all the same', () => {
  const endless = {
    $defs: { a: { type: 'object', properties: { a: { $ref: '#/$defs/a' } }, required: ['a'] } },
    $ref: '#/$defs/a',
  };

  assert.equal(typeof writeInstance(endless, seedFrom('x')), 'object');
  assert.equal(writeInstance(false, seedFrom('x')), null);
  assert.equal(writeInstance({ $ref: '#/$defs/none', type: 'integer', const: 3 }, seedFrom('x')), 3);
});

test('a field named like a property of every object is written, not inherited', () => {
  conforms({
    type: 'object',
    properties: { constructor: { type: 'string' }, toString: { type: 'integer' } },
    required: ['constructor', 'toString'],
  });
});
