import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decide } from './decide.ts';
import type { CandidateView, Observations, RequestFacts } from './decision.ts';
import { replay } from './replay.ts';

const views: readonly CandidateView[] = [
  { handle: 'a', weight: 3, priority: 1, zone: 'DE', dialects: ['openai-chat'], priced: true, allowed: true },
  {
    handle: 'b',
    weight: 1,
    priority: 2,
    zone: 'US',
    dialects: ['anthropic-messages'],
    priced: true,
    allowed: true,
    capabilities: ['tools'],
    contextTokensMax: 200_000,
    tier: 'flex',
  },
];
const observations: Observations = {
  atMs: 1_000,
  health: new Map([
    ['a', { firstTokenUs: 400_000, perTokenUs: 9_000, spread: 40, errorPpm: 100, madeState: false }],
    ['b', { coolingUntilMs: 5_000 }],
  ]),
  costs: new Map([['a', { nano: 5_000, savedNano: 100 }]]),
};
const facts: RequestFacts = {
  exchangeId: 'ex_01',
  dialect: 'openai-chat',
  policy: 'balanced',
  zones: undefined,
  inputTokens: 50,
  outputTokens: 200,
  needs: ['tools'],
  session: 'c0ffee',
};

function recorded(): string {
  return JSON.stringify(decide(views, observations, facts, { epoch: 3, seed: '5eed' }));
}

test('a record replays to the same bytes', () => {
  assert.deepEqual(replay(recorded()), { outcome: 'same' });
});

test('a record that somebody changed is different', () => {
  const changed = recorded().replace('"order":["a"]', '"order":["b"]');

  const result = replay(changed);

  assert.equal(result.outcome, 'different');
  assert.equal(result.outcome === 'different' && result.recorded, changed);
  assert.equal(result.outcome === 'different' && result.replayed, recorded());
});

test('records of another engine, and what is no record, are unreadable', () => {
  assert.deepEqual(replay('{"v":1,"order":[]}'), { outcome: 'unreadable', reason: 'it is of engine 1' });
  assert.deepEqual(replay('null'), { outcome: 'unreadable', reason: 'it is of engine none' });
  assert.deepEqual(replay('{'), { outcome: 'unreadable', reason: 'it is not JSON' });
  assert.equal(replay('{"v":2}').outcome, 'unreadable');
  assert.equal(replay('{"v":2,"candidates":[{}],"facts":{}}').outcome, 'unreadable');
});

test('the bytes of a record stay what they are', () => {
  assert.equal(
    recorded(),
    '{"v":2,"epoch":3,"seed":"5eed","atMs":1000,"facts":{"exchangeId":"ex_01","dialect":"openai-chat","policy":"balanced",' +
      '"inputTokens":50,"outputTokens":200,"needs":["tools"],"session":"c0ffee"},"candidates":[' +
      '{"h":"a","lot":"214041324e6920bd","view":{"weight":3,"priority":1,"zone":"DE","dialects":["openai-chat"],"priced":true,"allowed":true},"health":{"firstTokenUs":400000,"perTokenUs":9000,"spread":40,"errorPpm":100},"cost":{"nano":5000,"savedNano":100},"score":34127,"p":1000000}' +
      ',{"h":"b","lot":"95217fea9f333184","view":{"weight":1,"priority":2,"zone":"US","dialects":["anthropic-messages"],"priced":true,"allowed":true,"capabilities":["tools"],"contextTokensMax":200000,"tier":"flex"},"health":{"coolingUntilMs":5000},"out":["COOLING_DOWN"]}],"panic":false,"order":["a"]}',
  );
});
