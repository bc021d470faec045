import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { contains, intersect, isZone, permits, placeOf } from './zones.ts';

const someZone = fc.constantFrom(
  'GLOBAL',
  'EU',
  'DE',
  'FR',
  'US',
  'GB',
  'DE/eu-central-1',
  'DE/eu-central-1/rack-7',
  'XX',
);
const somePolicy = fc.option(fc.array(someZone, { maxLength: 4 }), { nil: undefined });

test('a zone lies in itself and in everything above it, and in nothing else', () => {
  assert.equal(contains('GLOBAL', 'DE/eu-central-1/rack-7'), true);
  assert.equal(contains('EU', 'DE/eu-central-1'), true);
  assert.equal(contains('DE', 'DE'), true);
  assert.equal(contains('DE', 'EU'), false);
  assert.equal(contains('DE', 'FR'), false);
  assert.equal(contains('EU', 'GB'), false);
  assert.equal(contains('EU', 'CH'), false);
  assert.equal(contains('US', 'US/us-east-1'), true);
  assert.equal(contains('DE/eu-central-1', 'DE/eu-central-10'), false);
});

test('an unknown place is GLOBAL, and an unknown permission permits nothing', () => {
  assert.equal(placeOf('Atlantis'), 'GLOBAL');
  assert.equal(placeOf(undefined), 'GLOBAL');
  assert.equal(contains('EU', 'Atlantis'), false);
  assert.equal(contains('GLOBAL', 'Atlantis'), true);
  assert.equal(contains('Atlantis', 'Atlantis'), false);
  assert.equal(permits(['Atlantis'], 'DE'), false);
});

test('names of the lattice are upper case countries with lower case regions, two levels below at most', () => {
  assert.deepEqual(
    ['GLOBAL', 'EU', 'DE', 'UK', 'de', 'DE/', 'DE/a/b', 'DE/a/b/c', 'DE/A', 'GLOBAL/a', ''].filter(isZone),
    ['GLOBAL', 'EU', 'DE', 'DE/a/b'],
  );
  assert.equal(isZone(`DE/${'a'.repeat(80)}`), false);
});

test('two policies together permit the inner of each pair', () => {
  assert.deepEqual(intersect(['EU'], ['DE', 'US']), ['DE']);
  assert.deepEqual(intersect(['EU', 'US'], ['GLOBAL']), ['EU', 'US']);
  assert.deepEqual(intersect(['EU'], ['US']), []);
  assert.deepEqual(intersect(undefined, ['DE', 'EU']), ['EU']);
  assert.equal(intersect(undefined, undefined), undefined);
});

test('an intersection permits a place exactly when both policies do', () => {
  fc.assert(
    fc.property(somePolicy, somePolicy, someZone.map(placeOf), (left, right, place) => {
      assert.equal(permits(intersect(left, right), place), permits(left, place) && permits(right, place));
    }),
  );
});
