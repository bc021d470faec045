import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { Fault } from '../../completion/fault.ts';
import type { SchemaSubset } from '../../completion/profile.ts';
import { writeInstance } from '../../emulator/reply/schema-instance.ts';
import { seedFrom } from '../../emulator/reply/seed.ts';
import { anthropicMessagesProfile } from '../anthropic-messages/profile.ts';
import { openaiChatProfile } from '../openai-chat/profile.ts';
import { lowerSchema } from './schema.ts';

const openai = openaiChatProfile.strictSchema!;
const anthropic = anthropicMessagesProfile.strictSchema!;
const subsets: readonly SchemaSubset[] = [openai, anthropic];

function lowered(schema: unknown, subset: SchemaSubset) {
  const result = lowerSchema(schema, subset, 's');
  return result && { schema: result.schema, losses: result.losses.map(({ code, path }) => `${code};${path}`) };
}

const closed = (properties: object, required = Object.keys(properties)) => ({
  type: 'object',
  properties,
  required,
  additionalProperties: false,
});

const text = fc.constant({ type: 'string' });
const leaf = fc.oneof(
  text,
  fc.constantFrom(
    { type: 'integer' },
    { type: ['string', 'null'] },
    { enum: ['a', 'b'] },
    { const: 1 },
    { enum: [1, null] },
  ),
  fc.record({ type: fc.constant('string'), minLength: fc.nat(3) }),
  fc.record({ type: fc.constant('number'), minimum: fc.integer({ min: -5, max: 5 }) }),
);
const property = fc.constantFrom('a', 'b', 'c', '__proto__', 'constructor', 'toString');
const { node } = fc.letrec<{ node: object }>(tie => ({
  node: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    leaf,
    fc.record(
      { type: fc.constant('array'), items: tie('node'), minItems: fc.nat(2) },
      { requiredKeys: ['type', 'items'] },
    ),
    fc.record({ anyOf: fc.array(tie('node'), { minLength: 1, maxLength: 3 }) }),
    fc.record({ oneOf: fc.array(tie('node'), { minLength: 1, maxLength: 2 }) }),
    fc
      .tuple(
        fc.uniqueArray(fc.tuple(property, tie('node')), { maxLength: 4, selector: ([name]) => name }),
        fc.boolean(),
        fc.constantFrom(undefined, false, true),
      )
      .map(([entries, requireAll, additional]) => ({
        type: 'object',
        properties: Object.fromEntries(entries),
        ...(requireAll ? { required: entries.map(([name]) => name) } : undefined),
        ...(additional === undefined ? undefined : { additionalProperties: additional }),
      })),
    fc.record({ allOf: fc.array(tie('node'), { minLength: 1, maxLength: 2 }) }),
  ),
}));

/** Values that reach into small schemas. */
const value = fc.letrec<{ value: unknown }>(tie => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom('a', 'b', '', 1, 0, null, true, 'abc'),
    fc.array(tie('value'), { maxLength: 3 }),
    fc
      .array(fc.tuple(property, tie('value')), { maxLength: 4 })
      .map(entries =>
        JSON.parse(`{${entries.map(([name, inner]) => `${JSON.stringify(name)}:${JSON.stringify(inner)}`).join(',')}}`),
      ),
  ),
})).value;

const seeds = ['one', 'two', 'three'];

test('whatever fits a lowered schema fits the client’s, but for declared keywords', () => {
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  let compared = 0;
  fc.assert(
    fc.property(
      node,
      fc.array(value, { minLength: 5, maxLength: 20 }),
      fc.constantFrom(...subsets),
      (schema, values, subset) => {
        const result = lowered(schema, subset);
        if (result === undefined) return;
        const sound = result.losses.every(
          loss => loss.startsWith('schema-closed') || loss.startsWith('schema-optional'),
        );
        if (!sound) return;
        const fits = ajv.compile(result.schema);
        const fitted = ajv.compile(schema);
        const written = seeds.map(seed => writeInstance(result.schema, seedFrom(seed)));
        for (const one of [...values, ...written]) {
          if (!fits(one)) continue;
          compared += 1;
          assert.ok(fitted(one), JSON.stringify({ schema, lowered: result.schema, one }));
        }
      },
    ),
    { numRuns: 800, seed: 7 },
  );
  assert.ok(compared > 300, `only ${compared} values fitted`);
});

test('a lowered schema is as the target wants it, and lowering it again changes nothing', () => {
  fc.assert(
    fc.property(node, fc.constantFrom(...subsets), (schema, subset) => {
      const once = lowered(schema, subset);
      if (once === undefined) return;
      checkLaws(once.schema, subset);
      assert.deepEqual(lowered(once.schema, subset), { schema: once.schema, losses: [] });
    }),
    { numRuns: 1000, seed: 11 },
  );
});

function checkLaws(schema: Readonly<Record<string, unknown>>, subset: SchemaSubset): void {
  const { properties, items, anyOf, $defs, ...rest } = schema as Record<string, never>;
  const known = new Set(['type', 'required', 'additionalProperties', 'enum', 'const', '$ref', 'title', 'description']);
  for (const keyword of Object.keys(rest)) assert.ok(known.has(keyword) || subset.keywords.has(keyword), keyword);
  if (properties !== undefined) {
    assert.equal(schema['additionalProperties'], false);
    const names = Object.keys(properties);
    if (subset.optionalMax === 0) assert.deepEqual([...((schema['required'] as string[]) ?? [])].sort(), names.sort());
    for (const name of names) checkLaws(properties[name] as never, subset);
  }
  if (items !== undefined) checkLaws(items, subset);
  for (const branch of (anyOf ?? []) as never[]) checkLaws(branch, subset);
  for (const definition of Object.values(($defs ?? {}) as Record<string, never>)) checkLaws(definition, subset);
}

test('recursion is kept where the target takes it, through definitions too', () => {
  const tree = {
    $ref: '#/$defs/node',
    $defs: { node: closed({ children: { type: 'array', items: { $ref: '#/$defs/node' } } }) },
  };

  assert.deepEqual(lowered(tree, openai)?.schema, {
    type: 'object',
    properties: { children: { type: 'array', items: { $ref: '#/$defs/node' } } },
    required: ['children'],
    additionalProperties: false,
    $defs: {
      node: {
        type: 'object',
        properties: { children: { type: 'array', items: { $ref: '#/$defs/node' } } },
        required: ['children'],
        additionalProperties: false,
      },
    },
  });
  assert.equal(lowered(tree, anthropic), undefined);
});

test('references by any pointer become definitions; those into nothing or out of the schema are not expressible', () => {
  const by = ($ref: string) => ({
    ...closed({ a: closed({ x: { type: 'string' } }), b: { $ref } }),
    definitions: { 'p~q/r': { type: 'null' } },
  });

  assert.deepEqual(lowered(by('#/properties/a'), anthropic)?.schema['$defs'], {
    a: { type: 'object', properties: { x: { type: 'string' } }, required: ['x'], additionalProperties: false },
  });
  assert.deepEqual(lowered(by('#/definitions/p~0q~1r'), anthropic)?.schema['$defs'], { definition: { type: 'null' } });
  for (const pointer of [
    '#/properties/z',
    '#anchor',
    'https://example.org/x.json',
    '#/properties/a/toString',
    '#/%',
    '#/__proto__',
  ]) {
    assert.equal(lowered(by(pointer), anthropic), undefined, pointer);
  }
  assert.equal(
    lowered({ $ref: '#/$defs/a', $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a' } } }, openai),
    undefined,
  );
});

test('a property of any name is a property', () => {
  const schema = JSON.parse(
    '{"type":"object","properties":{"__proto__":{"type":"string"},"constructor":{"type":"null"}},"required":["__proto__","constructor"],"additionalProperties":false}',
  );

  const result = lowered(schema, openai);

  assert.equal(
    JSON.stringify(result?.schema['properties']),
    '{"__proto__":{"type":"string"},"constructor":{"type":"null"}}',
  );
  assert.deepEqual(result?.losses, []);
});

test('what is expressible in no way is said to be so', () => {
  const inexpressible: unknown[] = [
    true,
    {},
    { type: 'object' },
    { type: 'object', additionalProperties: { type: 'string' } },
    { type: 'array' },
    { type: 'array', items: true },
    { type: 'array', prefixItems: [{ type: 'string' }], items: { type: 'string' } },
    { type: 'text' },
    { enum: [] },
    { enum: [{ a: 1 }] },
    { const: [1] },
    { anyOf: [] },
    { anyOf: 'x' },
    { allOf: [{ type: 'string' }, { type: 'number' }] },
    { ...closed({ a: { type: 'string' } }), required: ['b'] },
    { type: 'object', properties: [], additionalProperties: false },
  ];
  for (const schema of inexpressible) {
    assert.equal(lowered(closed({ inner: schema }), openai), undefined, JSON.stringify(schema));
  }
  assert.equal(lowered({ type: 'array', items: { type: 'string' } }, openai), undefined);
  assert.notEqual(lowered({ type: 'array', items: { type: 'string' } }, anthropic), undefined);
});

test('the bounds of a provider are kept: levels, properties, values, unions and what is optional', () => {
  const nested = (levels: number): object => (levels === 0 ? { type: 'string' } : closed({ a: nested(levels - 1) }));
  assert.notEqual(lowered(nested(9), openai), undefined);
  assert.equal(lowered(nested(10), openai), undefined);

  const wide = (count: number) =>
    closed(Object.fromEntries(Array.from({ length: count }, (_, index) => [`p${index}`, { type: 'string' }])));
  assert.notEqual(lowered(wide(5000), openai), undefined);
  assert.equal(lowered(wide(5001), openai), undefined);

  const values = (count: number) => closed({ a: { enum: Array.from({ length: count }, (_, index) => `v${index}`) } });
  assert.notEqual(lowered(values(1000), openai), undefined);
  assert.equal(lowered(values(1001), openai), undefined);

  const unions = (count: number) =>
    closed(
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`p${index}`, { type: ['string', 'null'] }])),
    );
  assert.notEqual(lowered(unions(16), anthropic), undefined);
  assert.equal(lowered(unions(17), anthropic), undefined);

  const optional = (count: number) => ({ ...wide(count), required: [] });
  assert.deepEqual(lowered(optional(24), anthropic)?.losses, []);
  assert.deepEqual(lowered(optional(25), anthropic)?.losses, ['schema-optional-required;s']);
});

test('a hostile schema is refused by name, soon, and never stalls', () => {
  const many = (count: number, make: (index: number) => unknown) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`p${index}`, make(index)]));
  const big = closed(many(200, () => ({ type: 'string' })));
  const chain = many(400, index => ({ allOf: [{ $ref: `#/$defs/p${index + 1}` }] }));
  const hostile: unknown[] = [
    closed(many(100_000, () => ({ type: 'string' }))),
    closed({ a: { enum: Array.from({ length: 100_000 }, (_, index) => index) } }),
    {
      ...closed(many(400, () => ({ allOf: Array.from({ length: 50 }, () => ({ $ref: '#/$defs/big' })) }))),
      $defs: { big },
    },
    {
      ...closed(many(400, index => ({ anyOf: [{ allOf: [{ $ref: '#/$defs/big' }, { title: `t${index}` }] }] }))),
      $defs: { big },
    },
  ];
  for (const schema of hostile) {
    const before = process.cpuUsage();
    assert.throws(
      () => lowered(schema, { ...openai, propertiesMax: 1e9, enumValuesMax: 1e9 }),
      (fault: unknown) => fault instanceof Fault && fault.code === 'schema_too_complex' && fault.parameter === 's',
    );
    // Time on the processor: time on the wall would be that of whatever else the machine does.
    const { user, system } = process.cpuUsage(before);
    assert.ok(user + system < 1_000_000, `it took ${user + system} µs`);
  }
  assert.equal(
    lowered({ ...closed({ a: { $ref: '#/$defs/p0' } }), $defs: { ...chain, p400: big } }, openai),
    undefined,
  );
  assert.equal(lowered({ ...closed({ a: { $ref: `#/${'a/'.repeat(5000)}` } }) }, openai), undefined);
});

test('a schema that would grow much on its way is not expressible: its bytes were not held for', () => {
  const big = closed(Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`p${index}`, { type: 'string' }])));
  const uses = (count: number) => ({
    ...closed(
      Object.fromEntries(
        Array.from({ length: count }, (_, index) => [`a${index}`, { allOf: [{ $ref: '#/$defs/big' }] }]),
      ),
    ),
    $defs: { big },
  });

  assert.notEqual(lowered(uses(2), openai), undefined);
  assert.equal(lowered(uses(40), openai), undefined);
});
