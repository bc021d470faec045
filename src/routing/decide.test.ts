import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decide, decideByLots } from './decide.ts';
import { type CandidateView, capabilities, type Observations, type RequestFacts } from './decision.ts';
import { replay } from './replay.ts';

const facts: RequestFacts = {
  exchangeId: 'ex_01',
  dialect: 'openai-chat',
  policy: 'priority',
  inputTokens: 100,
  outputTokens: 100,
};
const calm: Observations = { atMs: 1000, health: new Map() };
const draw = { epoch: 7, seed: '5eed' };

function view(handle: string, part: Partial<CandidateView> = {}): CandidateView {
  return {
    handle,
    weight: 1,
    priority: 1,
    zone: 'US',
    dialects: ['openai-chat'],
    priced: true,
    allowed: true,
    ...part,
  };
}

const anyView = fc
  .record({
    weight: fc.integer({ min: 0, max: 1000 }),
    priority: fc.integer({ min: 1, max: 3 }),
    zone: fc.constantFrom('US', 'DE', 'GLOBAL'),
    dialects: fc.constantFrom(['openai-chat'], ['anthropic-messages'], []),
    priced: fc.boolean(),
  })
  .map(
    part =>
      (handle: string): CandidateView => ({ handle, allowed: true, ...part }),
  );
const anyViews = fc
  .array(anyView, { minLength: 1, maxLength: 8 })
  .map(makers => makers.map((make, index) => make(`h${index}`)));
const anyFacts = fc.record({
  exchangeId: fc.string({ minLength: 1, maxLength: 8 }),
  zones: fc.constantFrom<readonly string[] | undefined>(undefined, ['EU'], ['US', 'DE'], []),
  sameDialectOnly: fc.boolean(),
});

test('one candidate is the whole order and its lot says that none was drawn', () => {
  const record = decide([view('a')], calm, facts, draw);

  assert.equal(
    JSON.stringify(record),
    '{"v":2,"epoch":7,"seed":"5eed","atMs":1000,"facts":{"exchangeId":"ex_01","dialect":"openai-chat","policy":"priority","inputTokens":100,"outputTokens":100},"candidates":[{"h":"a","lot":"0000000000000000","view":{"weight":1,"priority":1,"zone":"US","dialects":["openai-chat"],"priced":true,"allowed":true},"p":1000000}],"panic":false,"order":["a"]}',
  );
});

test('the same inputs give the same bytes, on this machine and on others', () => {
  const record = decide(
    [view('a', { weight: 5 }), view('b', { weight: 3 }), view('c', { priority: 0 })],
    calm,
    facts,
    draw,
  );

  assert.deepEqual(record.order, ['c', 'a', 'b']);
  assert.deepEqual(
    record.candidates.map(({ h, lot }) => [h, lot]),
    [
      ['a', '214041324e6920bd'],
      ['b', '95217fea9f333184'],
      ['c', 'e338d6f0aa41430c'],
    ],
  );
});

test('the order of candidates in the configuration changes nothing', () => {
  fc.assert(
    fc.property(anyViews, anyFacts, fc.infiniteStream(fc.nat()), (views, some, keys) => {
      const shuffled = views
        .map(candidate => ({ candidate, key: keys.next().value }))
        .sort((left, right) => left.key - right.key)
        .map(({ candidate }) => candidate);

      const left = JSON.stringify(decide(views, calm, { ...facts, ...some }, draw));
      const right = JSON.stringify(decide(shuffled, calm, { ...facts, ...some }, draw));

      assert.equal(left, right);
    }),
  );
});

test('renaming handles renames the decision and changes nothing else', () => {
  fc.assert(
    fc.property(anyViews, anyFacts, (views, some) => {
      const lots = views.map((_, index) => String(index * 7919).padStart(16, '0'));
      const renamed = views.map(candidate => ({ ...candidate, handle: `x${candidate.handle}` }));

      const before = decideByLots(views, { lots, homes: lots }, calm, { ...facts, ...some }, draw);
      const after = decideByLots(renamed, { lots, homes: lots }, calm, { ...facts, ...some }, draw);

      assert.deepEqual(
        after.order,
        before.order.map(handle => `x${handle}`),
      );
      assert.deepEqual(
        after.candidates.map(candidate => ({ ...candidate, h: candidate.h.slice(1) })),
        before.candidates,
      );
    }),
  );
});

test('first places come as often as the weights say', () => {
  const views = [view('a', { weight: 50 }), view('b', { weight: 30 }), view('c', { weight: 20 })];
  const first = { a: 0, b: 0, c: 0 };
  const second = { a: 0, b: 0, c: 0 };

  for (let n = 0; n < 20_000; n++) {
    const { order } = decide(views, calm, { ...facts, exchangeId: `ex_${n}` }, draw);
    first[order[0] as 'a']++;
    second[order[1] as 'a']++;
  }

  // Four standard deviations of 20,000 draws are 283, 259 and 226.
  assert.ok(Math.abs(first.a - 10_000) < 283, `a came first ${first.a} times`);
  assert.ok(Math.abs(first.b - 6_000) < 259, `b came first ${first.b} times`);
  assert.ok(Math.abs(first.c - 4_000) < 226, `c came first ${first.c} times`);
  // Second place of a: .3 × .5/.7 + .2 × .5/.8 = .3393.
  assert.ok(Math.abs(second.a - 6_786) < 268, `a came second ${second.a} times`);
});

test('a lower priority number always comes before a higher one', () => {
  fc.assert(
    fc.property(anyViews, anyFacts, (views, some) => {
      const { order } = decide(views, calm, { ...facts, ...some }, draw);
      const priorities = order.map(handle => views.find(candidate => candidate.handle === handle)!.priority);

      assert.deepEqual(
        priorities,
        priorities.toSorted((left, right) => left - right),
      );
    }),
  );
});

test('a candidate that policy excludes is never in the order, whatever its health', () => {
  fc.assert(
    fc.property(anyViews, anyFacts, fc.boolean(), (views, some, allCool) => {
      const cooling = allCool ? views : views.slice(0, 1);
      const observations = {
        atMs: 1000,
        health: new Map(cooling.map(({ handle }) => [handle, { coolingUntilMs: 2000 }])),
      };
      const { order, candidates } = decide(views, observations, { ...facts, ...some }, draw);

      for (const handle of order) {
        const out = candidates.find(candidate => candidate.h === handle)?.out ?? [];
        assert.deepEqual(
          out.filter(reason => reason !== 'COOLING_DOWN'),
          [],
        );
      }
    }),
  );
});

test('every reason for an exclusion is recorded, not only the first', () => {
  const bad = view('a', { zone: 'US', priced: false, dialects: ['anthropic-messages'] });
  const record = decide(
    [bad, view('b', { zone: 'GLOBAL' })],
    calm,
    { ...facts, zones: ['EU'], sameDialectOnly: true },
    draw,
  );

  const out = Object.fromEntries(record.candidates.map(candidate => [candidate.h, candidate.out]));
  assert.deepEqual(out, { a: ['ZONE_NOT_ALLOWED', 'PRICE_UNKNOWN', 'DIALECT_UNSUPPORTED'], b: ['ZONE_UNKNOWN'] });
  assert.deepEqual(record.order, []);
  assert.equal(record.panic, false);
});

test('a full candidate stays in reserve where the request may wait, and an unwell one does not', () => {
  const views = [view('a'), view('b'), view('c', { priority: 2 }), view('d', { priority: 3 })];
  const observed: Observations = {
    atMs: 1000,
    health: new Map([
      ['a', { inFlight: 5, concurrencyMax: 5 }],
      ['b', { inFlight: 5, concurrencyMax: 5, coolingUntilMs: 2000 }],
    ]),
  };

  const waits = decide(views, observed, { ...facts, mayWait: true }, draw);
  const doesNot = decide(views, observed, facts, draw);

  assert.deepEqual([waits.order, waits.panic], [['c', 'd', 'a'], false]);
  assert.deepEqual([doesNot.order, doesNot.panic], [['c', 'd'], false]);
  assert.equal(waits.candidates.find(({ h }) => h === 'a')?.p, undefined);
  assert.match(JSON.stringify(waits), /"outputTokens":100,"mayWait":true}/);
  assert.equal(replay(JSON.stringify(waits)).outcome, 'same');
  assert.equal(replay(JSON.stringify(doesNot)).outcome, 'same');
});

test('a candidate that cools down is left out while another can answer', () => {
  const observations = { atMs: 1000, health: new Map([['a', { coolingUntilMs: 1001 }]]) };

  const record = decide([view('a'), view('b', { priority: 2 })], observations, facts, draw);

  assert.deepEqual(record.order, ['b']);
  assert.equal(record.panic, false);
});

test('when every candidate cools down, health is ignored and the record says so', () => {
  const observations = {
    atMs: 1000,
    health: new Map([
      ['a', { coolingUntilMs: 1001 }],
      ['b', { coolingUntilMs: 5000 }],
    ]),
  };

  const record = decide([view('a'), view('b', { priority: 2 })], observations, facts, draw);

  assert.deepEqual(record.order, ['a', 'b']);
  assert.equal(record.panic, true);
});

test('a cooldown that ends now is over', () => {
  const observations = { atMs: 1000, health: new Map([['a', { coolingUntilMs: 1000 }]]) };

  assert.deepEqual(decide([view('a')], observations, facts, draw).candidates[0]?.out, undefined);
});

test('a candidate of weight 0 comes last in its tier', () => {
  for (let n = 0; n < 50; n++) {
    const views = [view('zero', { weight: 0 }), view('one'), view('next', { priority: 2 })];
    assert.deepEqual(decide(views, calm, { ...facts, exchangeId: `ex_${n}` }, draw).order, ['one', 'zero', 'next']);
  }
});

test('the record of the most candidates that a route may have leaves room in the end of its exchange', () => {
  const views = Array.from({ length: 64 }, (_, n) =>
    view(`dep_${String(n).padStart(22, '0')}`, {
      weight: 1_000_000,
      priority: 1_000,
      zone: 'DE/eu-central-1/rack-7',
      dialects: ['openai-chat', 'anthropic-messages'],
      capabilities: [...capabilities],
      contextTokensMax: 1_048_576,
      tier: 'priority',
    }),
  );
  const health = {
    firstTokenUs: 12_345_678,
    perTokenUs: 123_456,
    spread: 1_234,
    errorPpm: 123_456,
    inFlight: 1_023,
    concurrencyMax: 1_024,
    breaker: 'half-open',
    coolingUntilMs: 1_790_000_000_000,
    rampPermille: 999,
    madeState: true,
  } as const;
  const everything = {
    atMs: 1_780_000_000_000,
    health: new Map(views.map(({ handle }) => [handle, health])),
    costs: new Map(views.map(({ handle }) => [handle, { nano: 123_456_789_012, savedNano: 123_456_789_012 }])),
  };

  const record = decide(views, everything, { ...facts, policy: 'balanced', needs: [...capabilities] }, draw);

  // An end holds 64 kB, and drops its decision first.
  assert.ok(Buffer.byteLength(JSON.stringify(record)) < 50_000, String(Buffer.byteLength(JSON.stringify(record))));
});
