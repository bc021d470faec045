import assert from 'node:assert/strict';
import fc from 'fast-check';
import type {
  CandidateView,
  Cost,
  DecisionRecord,
  Draw,
  Health,
  Observations,
  RequestFacts,
} from '../../src/routing/decision.ts';
import { policyNames } from '../../src/routing/decision.ts';

/** What the laws are about: the engine, or a mutant of it. */
export interface Engine {
  decide(
    candidates: readonly CandidateView[],
    observations: Observations,
    facts: RequestFacts,
    draw: Draw,
  ): DecisionRecord;
  decideByLots(
    candidates: readonly CandidateView[],
    lottery: { readonly lots: readonly string[]; readonly homes: readonly string[] },
    observations: Observations,
    facts: RequestFacts,
    draw: Draw,
  ): DecisionRecord;
}

/** A candidate with all that is known of it, under whatever handle. */
interface Offer {
  readonly view: Omit<CandidateView, 'handle'>;
  readonly health: Health | undefined;
  readonly cost: Cost | undefined;
}

const offer: fc.Arbitrary<Offer> = fc.record({
  view: fc.record({
    weight: fc.oneof(fc.constant(1), fc.integer({ min: 0, max: 1_000 })),
    priority: fc.integer({ min: 1, max: 2 }),
    zone: fc.constantFrom('US', 'DE', 'FR', 'GLOBAL'),
    dialects: fc.constantFrom(['openai-chat'], ['anthropic-messages'], ['openai-chat', 'anthropic-messages'], []),
    priced: fc.oneof({ weight: 9, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
    allowed: fc.oneof({ weight: 9, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
    capabilities: fc.constantFrom(undefined, ['tools'] as const, ['tools', 'images'] as const),
    contextTokensMax: fc.constantFrom(undefined, 1_000, 200_000),
    tier: fc.constantFrom(undefined, 'flex'),
  }),
  health: fc.option(
    fc.record(
      {
        firstTokenUs: fc.integer({ min: 1, max: 5_000_000 }),
        perTokenUs: fc.integer({ min: 1, max: 100_000 }),
        spread: fc.integer({ min: 0, max: 2_000 }),
        errorPpm: fc.integer({ min: 0, max: 1_000_000 }),
        inFlight: fc.integer({ min: 0, max: 20 }),
        concurrencyMax: fc.integer({ min: 1, max: 20 }),
        breaker: fc.constantFrom('half-open', 'open', 'misconfigured'),
        coolingUntilMs: fc.constantFrom(900, 1_001, 90_000),
        rampPermille: fc.integer({ min: 1, max: 999 }),
        madeState: fc.boolean(),
      },
      { requiredKeys: [] },
    ),
    { nil: undefined },
  ),
  cost: fc.option(
    fc.record(
      { nano: fc.integer({ min: 0, max: 10_000_000_000 }), savedNano: fc.integer({ min: 0, max: 10_000_000_000 }) },
      { requiredKeys: ['nano'] },
    ),
    { nil: undefined },
  ),
});

const facts: fc.Arbitrary<RequestFacts> = fc.record({
  exchangeId: fc.string({ minLength: 1, maxLength: 8 }),
  dialect: fc.constant('openai-chat'),
  policy: fc.constantFrom(...policyNames),
  zones: fc.constantFrom(undefined, ['EU'], ['US', 'DE'], []),
  inputTokens: fc.constantFrom(10, 5_000),
  outputTokens: fc.constantFrom(1, 500),
  sameDialectOnly: fc.boolean(),
  needs: fc.constantFrom(undefined, ['tools'] as const, ['images'] as const),
  tiers: fc.constantFrom(undefined, ['standard']),
  costNanoMax: fc.constantFrom(undefined, 1_000_000_000),
  session: fc.option(fc.string({ minLength: 1, maxLength: 4 }), { nil: undefined }),
  mayWait: fc.constantFrom(undefined, true),
});

/** A request that nothing but measurement tells candidates apart for. */
const openFacts: fc.Arbitrary<RequestFacts> = fc.record({
  exchangeId: fc.string({ minLength: 1, maxLength: 8 }),
  dialect: fc.constant('openai-chat'),
  policy: fc.constantFrom('cheapest', 'fastest', 'balanced'),
  inputTokens: fc.constant(10),
  outputTokens: fc.constantFrom(1, 500),
});

const offers = fc.array(offer, { minLength: 1, maxLength: 7 });
const draw: Draw = { epoch: 7, seed: '5eed' };
const nowMs = 1_000;

interface Laid {
  readonly views: readonly CandidateView[];
  readonly observations: Observations;
}

/** Offers under handles, in a given order of the list. */
function lay(list: readonly Offer[], handleOf: (index: number) => string, order?: readonly number[]): Laid {
  const views = list.map(({ view }, index) => ({ handle: handleOf(index), ...view }));
  const health = new Map(
    list.flatMap((one, index) => (one.health === undefined ? [] : [[handleOf(index), one.health]])),
  );
  const costs = new Map(list.flatMap((one, index) => (one.cost === undefined ? [] : [[handleOf(index), one.cost]])));
  return {
    views: order === undefined ? views : order.map(index => views[index]!),
    observations: { atMs: nowMs, health, costs },
  };
}

const plain = (index: number) => `h${index}`;
/** In another alphabetical order, of other lengths, and looking like names. */
const other = (index: number) => `${['openai', 'zz', 'anthropic', 'house', 'm', 'aa', 'b'][index]}-${9 - index}`;

function shuffled(length: number, keys: readonly number[]): readonly number[] {
  return Array.from({ length }, (_, index) => index).sort((left, right) => keys[left]! - keys[right]! || left - right);
}

const keys = fc.array(fc.nat(), { minLength: 7, maxLength: 7 });

/** The probability of the first place, parts per million, by handle. */
function chances(record: DecisionRecord): ReadonlyMap<string, number> {
  return new Map(record.candidates.map(({ h, p }) => [h, p ?? 0]));
}

function lottery(count: number): { readonly lots: readonly string[]; readonly homes: readonly string[] } {
  const numbers = Array.from({ length: count }, (_, index) => String(((index + 3) * 7_919) % 10_007).padStart(16, '0'));
  return { lots: numbers, homes: numbers.map(lot => `${lot.slice(1)}0`) };
}

/** The laws of equal service that hold exactly, for every decision. Each throws when it is broken. */
export const laws: Readonly<Record<string, (engine: Engine) => (runs: number, seed?: number) => void>> = {
  'the place in the list changes nothing': engine =>
    holds(
      fc.property(offers, facts, keys, (list, asked, order) => {
        const straight = lay(list, plain);
        const mixed = lay(list, plain, shuffled(list.length, order));
        const left = engine.decide(straight.views, straight.observations, asked, draw);
        const right = engine.decide(mixed.views, mixed.observations, asked, draw);
        assert.equal(JSON.stringify(left), JSON.stringify(right));
      }),
    ),

  'renaming renames the decision and changes nothing else': engine =>
    holds(
      fc.property(offers, facts, (list, asked) => {
        const before = lay(list, plain);
        const after = lay(list, other);
        const numbers = lottery(list.length);
        const left = engine.decideByLots(before.views, numbers, before.observations, asked, draw);
        const right = engine.decideByLots(after.views, numbers, after.observations, asked, draw);
        const renamed = new Map(list.map((_, index) => [plain(index), other(index)]));
        const expected = {
          ...left,
          candidates: left.candidates.map(candidate => ({ ...candidate, h: renamed.get(candidate.h)! })),
          order: left.order.map(handle => renamed.get(handle)!),
        };
        assert.equal(JSON.stringify(right), JSON.stringify(expected));
      }),
    ),

  'a candidate that policy excludes changes nothing for the others': engine =>
    holds(
      fc.property(offers, offer, facts, (list, extra, asked) => {
        const barred: Offer = { ...extra, view: { ...extra.view, allowed: false } };
        const without = lay(list, plain);
        const beside = lay([...list, barred], plain);
        const left = engine.decide(without.views, without.observations, asked, draw);
        const right = engine.decide(beside.views, beside.observations, asked, draw);
        assert.deepEqual(right.order, left.order);
        assert.equal(right.panic, left.panic);
        const expected = chances(left);
        for (const [handle, chance] of chances(right)) assert.equal(chance, expected.get(handle) ?? 0);
      }),
    ),

  'splitting a deployment into equal clones leaves its share as it was': engine =>
    holds(
      fc.property(offers, facts, fc.nat(), fc.integer({ min: 2, max: 4 }), (list, asked, pick, pieces) => {
        const index = pick % list.length;
        const divided = list.map(one => ({ ...one, view: { ...one.view, weight: one.view.weight * pieces } }));
        const original = divided[index]!;
        const piece: Offer = { ...original, view: { ...original.view, weight: list[index]!.view.weight } };
        // The unhealthy are left out by counting heads, so a clone of one may tip the balance: that is not about shares.
        if (list.some(({ health }) => isUnwell(health))) return;
        // A measured clone moves the median that unmeasured ones are given.
        if (divided.some(({ health }) => health?.firstTokenUs === undefined || health.perTokenUs === undefined)) return;
        const whole = lay(divided, plain);
        const split = lay(
          [...divided.map((one, at) => (at === index ? piece : one)), ...Array(pieces - 1).fill(piece)],
          plain,
        );
        const before = chances(engine.decide(whole.views, whole.observations, asked, draw));
        const after = chances(engine.decide(split.views, split.observations, asked, draw));
        let share = after.get(plain(index))!;
        for (let clone = 0; clone < pieces - 1; clone += 1) share += after.get(plain(list.length + clone))!;
        // Chances are rounded down, one by one. Where all shares are zero, the first in lot order has all of it.
        if (divided.every(({ view }) => view.weight === 0)) return;
        if (original.view.weight === 0) return;
        assert.ok(Math.abs(share - before.get(plain(index))!) <= pieces, `${before.get(plain(index))} became ${share}`);
      }),
    ),

  'getting better never lowers a chance, getting worse never raises it': engine =>
    holds(
      fc.property(
        fc.array(offer, { minLength: 2, maxLength: 6 }),
        openFacts,
        fc.constantFrom('cost', 'latency', 'errors'),
        fc.integer({ min: 1, max: 99 }),
        (list, asked, what, percent) => {
          const fair = list.map(one => open(one));
          const better = improve(fair[0]!, what, percent);
          const before = lay(fair, plain);
          const after = lay([better, ...fair.slice(1)], plain);
          const was = chances(engine.decide(before.views, before.observations, asked, draw)).get('h0')!;
          const is = chances(engine.decide(after.views, after.observations, asked, draw)).get('h0')!;
          assert.ok(is >= was, `${what} improved by ${percent} %: ${was} became ${is}`);
        },
      ),
    ),

  'one that is clearly better on what the policy asks for comes first': engine =>
    holds(
      fc.property(fc.array(offer, { minLength: 2, maxLength: 6 }), openFacts, (list, asked) => {
        const fair = list.map(one => open(one));
        const clear: Offer = {
          ...fair[0]!,
          cost: { nano: 1 },
          health: { firstTokenUs: 1, perTokenUs: 1, spread: 0, errorPpm: 0 },
        };
        const rest = fair.slice(1).map(one => ({
          ...one,
          cost: { nano: 1_000_000 + one.cost!.nano },
          health: { firstTokenUs: 2_000_000, perTokenUs: 2_000, spread: 100, errorPpm: one.health?.errorPpm ?? 0 },
        }));
        const laid = lay([clear, ...rest], plain);
        const record = engine.decide(laid.views, laid.observations, asked, draw);
        assert.equal(record.order[0], 'h0');
        assert.equal(chances(record).get('h0'), 1_000_000);
      }),
    ),

  'one that cannot be priced comes behind all that can, where cost decides': engine =>
    holds(
      fc.property(fc.array(offer, { minLength: 2, maxLength: 6 }), openFacts, (list, asked) => {
        const fair = list.map(one => open(one));
        const laid = lay([{ ...fair[0]!, cost: undefined }, ...fair.slice(1)], plain);
        const record = engine.decide(laid.views, laid.observations, { ...asked, policy: 'cheapest' }, draw);
        assert.equal(record.order.at(-1), 'h0');
      }),
    ),

  'one that was never measured has a chance, and no more than its weight gives it': engine =>
    holds(
      fc.property(fc.array(offer, { minLength: 2, maxLength: 6 }), openFacts, (list, asked) => {
        const fair = list.map(one => {
          const base = open(one);
          const health = { ...base.health, errorPpm: 10_000 };
          return { health, cost: { nano: 5_000 }, view: { ...base.view, weight: 10 } };
        });
        const newcomer: Offer = { ...fair[0]!, health: undefined };
        const laid = lay([newcomer, ...fair.slice(1)], plain);
        const record = engine.decide(laid.views, laid.observations, { ...asked, policy: 'fastest' }, draw);
        const chance = chances(record).get('h0')!;
        const tied = record.candidates.filter(({ p }) => p !== undefined).length;
        assert.ok(chance > 0, 'the newcomer has no chance');
        assert.equal(chance, Math.floor(1_000_000 / tied));
        // Whoever is best among the measured is not beaten by a stranger.
        const best = record.candidates
          .filter(({ h, score }) => h !== 'h0' && score !== undefined)
          .sort((left, right) => left.score! - right.score!)[0];
        assert.ok(best?.p !== undefined && best.p > 0, 'the best that was measured lost its chance to the newcomer');
        const own = record.candidates.find(({ h }) => h === 'h0')!.score!;
        assert.ok(own >= best.score!, 'the newcomer scores better than all that were measured');
      }),
    ),

  'candidates that nothing tells apart share by weight, exactly': engine =>
    holds(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 1_000_000 }), { minLength: 2, maxLength: 7 }),
        facts,
        (weights, { exchangeId, policy, session }) => {
          const twins = weights.map(weight => ({ ...twin, view: { ...freeView, weight } }));
          const laid = lay(twins, plain);
          const asked = { exchangeId, policy, session, dialect: 'openai-chat', inputTokens: 1, outputTokens: 1 };
          const record = engine.decide(laid.views, laid.observations, asked, draw);
          const sum = weights.reduce((total, weight) => total + BigInt(weight), 0n);
          for (const [index, weight] of weights.entries()) {
            assert.equal(chances(record).get(plain(index)), Number((BigInt(weight) * 1_000_000n) / sum));
          }
        },
      ),
    ),

  'whether one ties does not depend on how uncertain the best one is': engine =>
    holds(
      fc.property(fc.array(offer, { minLength: 2, maxLength: 6 }), openFacts, (list, asked) => {
        const fair = list.map(one => open(one));
        const laid = lay(fair, plain);
        const before = engine.decide(laid.views, laid.observations, asked, draw);
        const [best] = before.candidates.toSorted((left, right) => left.score! - right.score!);
        const vague = fair.map((one, index) =>
          plain(index) === best!.h ? { ...one, health: { ...one.health, spread: 9_000 } } : one,
        );
        const after = lay(vague, plain);
        const tied = (record: DecisionRecord) => record.candidates.filter(({ p }) => p !== undefined).map(({ h }) => h);
        assert.deepEqual(tied(engine.decide(after.views, after.observations, asked, draw)), tied(before));
      }),
    ),

  'ties are drawn: over many exchanges each has its weight': engine =>
    holds(
      fc.property(fc.integer({ min: 0, max: 1_000_000 }), fc.constantFrom(...policyNames), (salt, policy) => {
        const laid = lay([twin, twin, twin], plain);
        const first = new Map<string, number>();
        for (let n = 0; n < 300; n += 1) {
          const asked = {
            exchangeId: `ex_${salt}_${n}`,
            dialect: 'openai-chat',
            policy,
            inputTokens: 1,
            outputTokens: 1,
          };
          const [handle] = engine.decide(laid.views, laid.observations, asked, draw).order;
          first.set(handle!, (first.get(handle!) ?? 0) + 1);
        }
        // Six standard deviations of 300 draws at a third are 49.
        for (const handle of ['h0', 'h1', 'h2']) assert.ok(Math.abs((first.get(handle) ?? 0) - 100) < 49, handle);
      }),
    ),

  'prices of another book and names have no place to stand': engine =>
    holds(
      fc.property(offers, facts, (list, asked) => {
        const laid = lay(list, plain);
        const noisy = laid.views.map((view, index) => ({
          ...view,
          name: other(index),
          owner: index === 0 ? 'house' : 'other',
          buyNano: index * 1_000,
          marginPpm: 300_000 - index,
        }));
        const left = engine.decide(laid.views, laid.observations, asked, draw);
        const right = engine.decide(noisy, laid.observations, asked, draw);
        assert.equal(JSON.stringify(right), JSON.stringify(left));
      }),
    ),
};

function holds<T>(property: fc.IRawProperty<T, boolean>): (runs: number, seed?: number) => void {
  return (runs, seed) => fc.assert(property, seed === undefined ? { numRuns: runs } : { numRuns: runs, seed });
}

const freeView: Offer['view'] = {
  weight: 10,
  priority: 1,
  zone: 'DE',
  dialects: ['openai-chat'],
  priced: true,
  allowed: true,
};

const twin: Offer = {
  view: freeView,
  health: { firstTokenUs: 500_000, perTokenUs: 10_000, spread: 50 },
  cost: { nano: 100 },
};

/** Nothing but cost, latency and errors tells it from others. */
function open({ view, health, cost }: Offer): Offer {
  const { firstTokenUs, perTokenUs, spread, errorPpm } = health ?? {};
  const measured = firstTokenUs !== undefined && perTokenUs !== undefined && spread !== undefined;
  return {
    view: { ...freeView, weight: view.weight + 1 },
    health: {
      ...(measured ? { firstTokenUs, perTokenUs, spread } : { firstTokenUs: 700_000, perTokenUs: 9_000, spread: 90 }),
      errorPpm: errorPpm ?? 10_000,
    },
    cost: { nano: cost?.nano ?? 3_000 },
  };
}

function improve({ view, health, cost }: Offer, what: 'cost' | 'latency' | 'errors', percent: number): Offer {
  const less = (value: number) => Math.floor((value * (100 - percent)) / 100);
  if (what === 'cost') return { view, health, cost: { nano: less(cost!.nano) } };
  if (what === 'errors') return { view, health: { ...health, errorPpm: less(health!.errorPpm!) }, cost };
  return {
    view,
    cost,
    health: { ...health, firstTokenUs: 1 + less(health!.firstTokenUs!), perTokenUs: 1 + less(health!.perTokenUs!) },
  };
}

function isUnwell(health: Health | undefined): boolean {
  if (health === undefined) return false;
  const { breaker, coolingUntilMs, inFlight, concurrencyMax } = health;
  return (
    breaker === 'open' ||
    breaker === 'misconfigured' ||
    (coolingUntilMs ?? 0) > nowMs ||
    (concurrencyMax !== undefined && (inFlight ?? 0) >= concurrencyMax)
  );
}
