import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { parse, stringify } from 'yaml';
import { ConfigurationError } from '../config/problem.ts';
import { readDeclaration } from './read-declaration.ts';

const design = readFileSync(new URL('../../test/support/fixtures/design.yaml', import.meta.url), 'utf8');

function problems(text: string): readonly string[] {
  try {
    readDeclaration(text);
    return [];
  } catch (error) {
    assert.ok(error instanceof ConfigurationError, String(error));
    return error.problems.map(({ path, code, line }) =>
      `${line ?? '-'} ${path} ${code === 'setting_not_available' ? 'n/a' : ''}`.trim(),
    );
  }
}

/** Every place of the documented file that holds a value. */
function places(value: unknown, path: readonly (string | number)[] = []): (readonly (string | number)[])[] {
  if (typeof value !== 'object' || value === null) return [path];
  return [
    path,
    ...Object.entries(value).flatMap(([key, inner]) =>
      places(inner, [...path, Array.isArray(value) ? Number(key) : key]),
    ),
  ];
}

function replaced(value: unknown, path: readonly (string | number)[], by: unknown): unknown {
  const [first, ...rest] = path;
  if (first === undefined) return by;
  if (Array.isArray(value)) return value.map((item, i) => (i === first ? replaced(item, rest, by) : item));
  return Object.fromEntries(
    Object.entries(value as object).map(([key, inner]) => [key, key === first ? replaced(inner, rest, by) : inner]),
  );
}

test('a wrong type at any place of the file is refused with the path of that place', () => {
  const content = parse(design);
  const all = places(content).filter(path => path.length > 0);
  const wrongs: readonly unknown[] = [
    null,
    true,
    -1,
    1.5,
    1e300,
    'not/ a valid\nvalue ',
    [[]],
    { nothing: { here: 1 } },
  ];
  assert.ok(all.length > 60, String(all.length));
  for (const path of all) {
    for (const wrong of wrongs) {
      const isBoolean = path.at(-1) === 'hard';
      if (isBoolean && wrong === true) continue;
      const found = problems(stringify(replaced(content, path, wrong)));
      assert.ok(found.length > 0, `${path.join('.')} accepted ${JSON.stringify(wrong)}`);
      assert.ok(
        found.some(problem => problem.split(' ')[1]?.startsWith(path.map(String).join('.'))),
        `${path.join('.')}: ${found.join('; ')}`,
      );
    }
  }
});

test('an unknown key at any place is refused, and a known one that is not built says so', () => {
  assert.deepEqual(problems('provider: {}'), ['1 provider']);
  assert.deepEqual(problems('deployments: { a: { provider: p, model: v/a, serviceTier: priority, tier: x } }'), [
    '1 deployments.a.serviceTier n/a',
    '1 deployments.a.tier',
  ]);
  assert.deepEqual(
    problems(
      'prices: { sell: { currency: USD, rates: { v/a: { egress: { amount: "1", per: 1000, free: -5, graduated: [ { above: 0, amount: "1" } ], tier: 1 }, ' +
        'tiers: [ { measure: inputTotal, op: gt, size: 1, scope: periodVolume, rates: {} } ], from: soon, inptu: "1" } } } }',
    ),
    [
      '1 prices.sell.rates.v/a.egress.free',
      '1 prices.sell.rates.v/a.egress.graduated.0.above',
      '1 prices.sell.rates.v/a.egress.tier',
      '1 prices.sell.rates.v/a.tiers.0.scope n/a',
      '1 prices.sell.rates.v/a.from',
      '1 prices.sell.rates.v/a.inptu',
    ],
  );
  assert.deepEqual(problems('process: { contentLogs: true }'), ['1 process.contentLogs n/a']);
});

test('what a route says of broken answers has its bounds, and says nothing that would do nothing', () => {
  const ofRoute = (policy: string) =>
    problems(`routes: { r: { candidates: [ { deployment: d } ], ${policy} } }`).map(line =>
      line.slice('1 routes.r.'.length),
    );

  assert.deepEqual(ofRoute('onFailure: retry'), ['onFailure']);
  assert.deepEqual(ofRoute('onFailure: Restart'), ['onFailure']);
  assert.deepEqual(ofRoute('holdBack: 32'), ['holdBack']);
  assert.deepEqual(ofRoute('holdBack: { tokens: 33, ms: 250 }'), ['holdBack.tokens']);
  assert.deepEqual(ofRoute('holdBack: { tokens: 32, ms: 251 }'), ['holdBack.ms']);
  assert.deepEqual(ofRoute('holdBack: { tokens: 32 }'), ['holdBack.ms']);
  assert.deepEqual(ofRoute('holdBack: { tokens: 0, ms: 250 }'), ['holdBack']);
  assert.deepEqual(ofRoute('holdBack: { tokens: 32, ms: 0 }'), ['holdBack']);
  assert.deepEqual(ofRoute('holdBack: { tokens: 1, ms: 1, bytes: 1 }'), ['holdBack.bytes']);
  assert.deepEqual(ofRoute('onFailure: continue, holdBack: { tokens: 0, ms: 0 }'), []);
});

test('a bomb of anchors, deep nesting, NUL bytes and huge files are refused quickly', () => {
  const bomb = `a: &a [${'x,'.repeat(9)}x]\n${[...'bcdefghij'].map((name, i) => `${name}: &${name} [${Array(9).fill(`*${'abcdefghij'[i]}`).join(',')}]`).join('\n')}`;
  const hostile = [
    bomb,
    '['.repeat(4_000_000),
    '{a: '.repeat(100_000),
    '- '.repeat(100_000),
    `${Array.from({ length: 2_000 }, (_, i) => `${' '.repeat(i)}a:`).join('\n')}`,
    '? '.repeat(10_000),
    `providers:\n${Array.from({ length: 70_000 }, (_, i) => `  a${i}: 1`).join('\n')}`,
    `organisations:\n  o: { projects: &a { ${Array.from({ length: 15_000 }, (_, i) => `p${i}: {}`).join(', ')} } }\n${Array.from({ length: 90 }, (_, i) => `  q${i}: { projects: *a }`).join('\n')}`,
    `x: [${'1,'.repeat(800_000)}1]`,
    'a: "\0"',
    `a: ${'x'.repeat(5 * 1024 * 1024)}`,
    '&a [*a]',
    '!!js/function "() => 1"',
    '%YAML 1.1\n---\nproviders: !!set { a, b }',
    '',
    '# nothing',
    '~',
    '{}',
  ];
  for (const text of hostile) {
    // Of the processor, not of the clock: a busy machine makes nothing harder to read.
    const before = process.cpuUsage();
    assert.notDeepEqual(problems(text), [], text.slice(0, 40));
    const { user, system } = process.cpuUsage(before);
    assert.ok((user + system) / 1_000 < 5_000, text.slice(0, 40));
  }
});

test('duplicate keys and several documents are errors, not the last one wins', () => {
  assert.deepEqual(problems('organisations: { a: {}, a: {}, "a": {} }').length, 2);
  assert.deepEqual(problems('organisations: { 1: {}, "1": {} }').length, 1);
  assert.deepEqual(problems('{ ? [ a ] : b }').length, 1);
  assert.deepEqual(problems('organisations: { a: {} }\norganisations: { b: {} }').length, 1);
  assert.notDeepEqual(problems('organisations: { a: {} }\n---\norganisations: { b: {} }'), []);
});

test('names of objects’ own machinery are names like others or are refused, never lost', () => {
  assert.deepEqual(problems('organisations: { __proto__: {} }'), ['1 organisations.__proto__']);
  const { declaration } = readDeclaration('organisations: { constructor: {}, toString: {} }');
  assert.deepEqual(Object.keys(declaration.organisations ?? {}), ['constructor', 'toString']);
});

test('no text makes the reader fail other than with its problems', () => {
  const lines = design.split('\n');
  fc.assert(
    fc.property(
      fc.nat(lines.length - 1),
      fc.string({ unit: 'binary', maxLength: 12 }),
      fc.nat(80),
      (line, junk, at) => {
        const mutated = lines.with(line, lines[line]!.slice(0, at) + junk + lines[line]!.slice(at));
        problems(mutated.join('\n'));
      },
    ),
    { numRuns: 300 },
  );
});
