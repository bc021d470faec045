import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decide } from './decide.ts';
import type { CandidateView, Cost, ExclusionReason, RequestFacts } from './decision.ts';
import { nearestRelaxations } from './policy-filter.ts';

const able: CandidateView = {
  handle: 'a',
  weight: 1,
  priority: 1,
  zone: 'DE',
  dialects: ['openai-chat'],
  priced: true,
  allowed: true,
  capabilities: ['tools'],
  contextTokensMax: 1_000,
};
const facts: RequestFacts = {
  exchangeId: 'ex',
  dialect: 'openai-chat',
  policy: 'weighted',
  inputTokens: 1_000,
  outputTokens: 10,
};

function reasons(
  view: Partial<CandidateView>,
  asked: Partial<RequestFacts> = {},
  cost?: Cost,
): readonly ExclusionReason[] {
  const costs = cost === undefined ? undefined : new Map([['a', cost]]);
  const observations = { atMs: 0, health: new Map(), costs };
  return (
    decide([{ ...able, ...view }], observations, { ...facts, ...asked }, { epoch: 1, seed: 's' }).candidates[0]!.out ??
    []
  );
}

test('a candidate that can do what is asked is in', () => {
  assert.deepEqual(reasons({}, { needs: ['tools'], zones: ['EU'], tiers: ['standard'] }), []);
});

test('each rule has its own reason', () => {
  assert.deepEqual(reasons({ allowed: false }), ['NOT_ALLOWED']);
  assert.deepEqual(reasons({ zone: 'US' }, { zones: ['EU'] }), ['ZONE_NOT_ALLOWED']);
  assert.deepEqual(reasons({ zone: 'GLOBAL' }, { zones: ['EU'] }), ['ZONE_UNKNOWN']);
  assert.deepEqual(reasons({ priced: false }), ['PRICE_UNKNOWN']);
  assert.deepEqual(reasons({ dialects: [] }), ['DIALECT_UNSUPPORTED']);
  assert.deepEqual(reasons({ dialects: ['gemini'] }, { sameDialectOnly: true }), ['DIALECT_UNSUPPORTED']);
  assert.deepEqual(reasons({}, { needs: ['tools', 'images'] }), ['CAPABILITY_MISSING']);
  assert.deepEqual(reasons({}, { inputTokens: 1_001 }), ['CONTEXT_TOO_SMALL']);
  assert.deepEqual(reasons({ tier: 'flex' }, { tiers: ['standard'] }), ['TIER_NOT_WANTED']);
  assert.deepEqual(reasons({}, { costNanoMax: 10 }, { nano: 11 }), ['COST_OVER_CAP']);
});

test('a cap is not kept by what has no price, and a cost at the cap is within it', () => {
  assert.deepEqual(reasons({}, { costNanoMax: 10 }), ['COST_OVER_CAP']);
  assert.deepEqual(reasons({}, { costNanoMax: 10 }, { nano: 10 }), []);
});

test('abilities and windows that nobody declares keep nothing out', () => {
  assert.deepEqual(
    reasons({ capabilities: undefined, contextTokensMax: undefined }, { needs: ['images'], inputTokens: 10 ** 9 }),
    [],
  );
});

test('the nearest relaxations are the smallest, those that let in most first', () => {
  const record = {
    candidates: [
      { h: 'a', out: ['ZONE_NOT_ALLOWED', 'PRICE_UNKNOWN'] },
      { h: 'b', out: ['ZONE_NOT_ALLOWED'] },
      { h: 'c', out: ['CONTEXT_TOO_SMALL', 'COOLING_DOWN'] },
      { h: 'd', out: ['ZONE_NOT_ALLOWED'] },
    ].map(({ h, out }) => ({ h, lot: '', view: able, out: out as ExclusionReason[] })),
  };

  assert.deepEqual(nearestRelaxations(record), [
    { lift: ['ZONE_NOT_ALLOWED'], handles: ['b', 'd'] },
    { lift: ['CONTEXT_TOO_SMALL'], handles: ['c'] },
  ]);
});

test('where something is compliant, nothing needs to be relaxed', () => {
  assert.deepEqual(nearestRelaxations({ candidates: [{ h: 'a', lot: '', view: able }] }), []);
});
