import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { burn, chargedParts } from './burn.ts';
import {
  compareBurnPlaces,
  type GrantOrder,
  grantDigest,
  isHoldable,
  normalScope,
  paysFor,
  paysForMeter,
  scopeId,
} from './grant.ts';

const any = () => true;
const source = (name: string, leftAtto: bigint, paysForMeter: (meter: string) => boolean = any) => ({
  name,
  leftAtto,
  paysForMeter,
});
const burned = (burns: readonly { source: { name: string }; amountAtto: bigint }[]) =>
  burns.map(({ source: { name }, amountAtto }) => `${name} ${amountAtto}`);

describe('a charge', () => {
  it('is taken from the first source to its end, then from the next, to the last atto', () => {
    const parts = [
      { meter: 'input', amountAtto: 7n },
      { meter: 'output', amountAtto: 6n },
    ];

    const { burns, restAtto } = burn(parts, [source('a', 5n), source('empty', 0n), source('b', 1n), source('c', 100n)]);

    assert.deepEqual(burned(burns), ['a 5', 'b 1', 'c 7']);
    assert.equal(restAtto, 0n);
  });

  it('is paid by a grant for some meters only as far as these meters go', () => {
    const parts = [
      { meter: 'input', amountAtto: 7n },
      { meter: 'output', amountAtto: 6n },
    ];
    const onlyOutput = source('output', 100n, meter => meter === 'output');

    const { burns, restAtto } = burn(parts, [onlyOutput, source('b', 3n)]);

    assert.deepEqual(burned(burns), ['output 6', 'b 3']);
    assert.equal(restAtto, 4n);
    assert.equal(onlyOutput.leftAtto, 94n);
  });

  it('of nothing takes nothing, and without sources all of it is left', () => {
    assert.deepEqual(burn([], [source('a', 5n)]), { burns: [], restAtto: 0n });
    assert.deepEqual(burn([{ meter: 'input', amountAtto: 9n }], []), { burns: [], restAtto: 9n });
  });

  it('has no part over the hold: it comes off the last lines', () => {
    const lines = [
      { meter: 'input', amountAtto: '10' },
      { meter: 'output', amountAtto: '5' },
    ];

    assert.deepEqual(chargedParts(lines, 0n), [
      { meter: 'input', amountAtto: 10n },
      { meter: 'output', amountAtto: 5n },
    ]);
    assert.deepEqual(chargedParts(lines, 7n), [{ meter: 'input', amountAtto: 8n }]);
    assert.deepEqual(chargedParts(lines, 15n), []);
    assert.throws(() => chargedParts(lines, 16n), RangeError);
  });

  it('is always the sum of its burns and its rest, and no source gives more than it has', () => {
    const meter = fc.constantFrom('input', 'output', 'image');
    const part = fc.record({ meter, amountAtto: fc.bigInt({ min: 0n, max: 10n ** 38n }) });
    const one = fc.record({
      leftAtto: fc.bigInt({ min: 0n, max: 10n ** 38n }),
      meters: fc.option(fc.subarray(['input', 'output', 'image'])),
    });
    fc.assert(
      fc.property(fc.array(part, { maxLength: 5 }), fc.array(one, { maxLength: 6 }), (parts, given) => {
        const sources = given.map(({ leftAtto, meters }, index) =>
          source(String(index), leftAtto, each => meters === null || meters.includes(each)),
        );

        const { burns, restAtto } = burn(parts, sources);

        const charge = parts.reduce((sum, { amountAtto }) => sum + amountAtto, 0n);
        const paid = burns.reduce((sum, { amountAtto }) => sum + amountAtto, 0n);
        assert.equal(paid + restAtto, charge);
        for (const { source: used, amountAtto } of burns) {
          assert.ok(amountAtto > 0n);
          assert.equal(used.leftAtto + amountAtto, given[Number(used.name)]!.leftAtto);
        }
        // Whatever comes later is touched only where what comes before has nothing left, or does not pay for the rest.
        for (const [index, { source: used }] of burns.entries()) {
          for (const earlier of sources.slice(0, Number(used.name))) {
            const isBurned = burns.slice(0, index).some(({ source: other }) => other === earlier);
            const couldPay = earlier.leftAtto > 0n && given[Number(earlier.name)]!.meters === null;
            assert.ok(!couldPay, `${earlier.name} (${isBurned}) was passed over`);
          }
        }
      }),
    );
  });
});

describe('the order of grants', () => {
  const place = { priority: 0, expiresAtMs: undefined, createdAtUs: 0n, id: 'a' };

  it('is priority, then earliest expiry, then age, then id', () => {
    const grants = [
      { ...place, id: 'old-forever' },
      { ...place, id: 'new-forever', createdAtUs: 1n },
      { ...place, id: 'b-forever', createdAtUs: 1n },
      { ...place, id: 'late', expiresAtMs: 2_000 },
      { ...place, id: 'soon', expiresAtMs: 1_999, createdAtUs: 9n },
      { ...place, id: 'last', priority: 1, expiresAtMs: 1 },
      { ...place, id: 'first', priority: -1 },
    ];

    const sorted = grants.toSorted(compareBurnPlaces).map(({ id }) => id);

    assert.deepEqual(sorted, ['first', 'soon', 'late', 'old-forever', 'b-forever', 'new-forever', 'last']);
    assert.deepEqual(
      grants
        .toReversed()
        .toSorted(compareBurnPlaces)
        .map(({ id }) => id),
      sorted,
    );
  });
});

describe('a scope', () => {
  it('asks only what it says', () => {
    const use = { model: 'openai/gpt-5', provider: 'azure-eu' };

    assert.ok(paysFor(undefined, use));
    assert.ok(paysFor({ models: ['openai/*'] }, use));
    assert.ok(paysFor({ models: ['openai/*'], providers: ['azure-*'] }, use));
    assert.ok(!paysFor({ models: ['openai/*'], providers: ['openai'] }, use));
    assert.ok(!paysFor({ models: ['anthropic/**'] }, use));
    assert.ok(paysForMeter({ meters: ['tool.*'] }, 'tool.webSearch'));
    assert.ok(!paysForMeter({ meters: ['output'] }, 'input'));
    assert.ok(!isHoldable({ meters: ['**'] }));
    assert.ok(isHoldable({ models: ['**'] }));
  });

  it('has one spelling and one id, whatever the order and the repeats', () => {
    assert.equal(scopeId({ models: ['b', 'a', 'b'] }), scopeId({ models: ['a', 'b'] }));
    assert.notEqual(scopeId({ models: ['a'] }), scopeId({ providers: ['a'] }));
    assert.equal(scopeId(undefined), '');
    assert.equal(scopeId({}), '');
    assert.deepEqual(normalScope({ providers: ['z', 'a'], models: undefined }), { providers: ['a', 'z'] });
  });

  it('is a part of what a grant is', () => {
    const order: GrantOrder = {
      organisation: 'acme',
      id: 'g1',
      kind: 'paid',
      amountAtto: 5n,
      currency: 'USD',
      priority: 0,
      effectiveAtMs: undefined,
      expiresAtMs: undefined,
      scope: undefined,
      source: undefined,
    };

    assert.equal(grantDigest(order), grantDigest({ ...order, scope: {} }));
    const others: Partial<GrantOrder>[] = [
      { amountAtto: 6n },
      { kind: 'included' },
      { currency: 'EUR' },
      { priority: 1 },
      { effectiveAtMs: 1 },
      { expiresAtMs: 1 },
      { scope: { models: ['a'] } },
      { source: 'x' },
      { id: 'g2' },
      { organisation: 'other' },
    ];
    const digests = new Set([order, ...others.map(other => ({ ...order, ...other }))].map(grantDigest));
    assert.equal(digests.size, 11);
  });
});
