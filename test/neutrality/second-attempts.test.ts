import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { dialects } from '../../src/dialects/registry.ts';
import { Deadlines } from '../../src/gateway/deadlines.ts';
import type { Exchange } from '../../src/gateway/exchange.ts';
import type { GatewayState } from '../../src/gateway/gateway.ts';
import * as hedging from '../../src/gateway/hedge.ts';
import * as seating from '../../src/gateway/seats.ts';
import * as budgeting from '../../src/gateway/walk-budgets.ts';
import type { HealthEntry } from '../../src/routing/health/health-book.ts';
import { type Deployment, loadSnapshot, type ResolvedRoute } from '../../src/snapshot/load.ts';
import { rateCard, snapshotJson } from '../support/snapshot.ts';

// Whether a request may be sent a second time, to whom, and after how long a second one is asked beside the first, may depend
// on what was counted and measured. It may not depend on what routes, organisations, providers and deployments are called, nor
// on what the operator pays, nor on the order in the file: played again under other names, the same history ends the same.

interface Engine {
  readonly seats: typeof seating;
  readonly hedge: typeof hedging;
  readonly budgets: typeof budgeting;
}

interface Names {
  readonly handleOf: (index: number) => string;
  readonly nameOf: (index: number) => string;
  readonly hostOf: (index: number) => string;
  readonly routeOf: (index: number) => string;
  readonly organisationOf: (index: number) => string;
  readonly buyOf: (index: number) => number;
  readonly listed: <Item>(items: readonly Item[]) => readonly Item[];
}

const plain: Names = {
  handleOf: index => `h${index}`,
  nameOf: index => `d${index}`,
  hostOf: index => `host${index}`,
  routeOf: index => `r${index}`,
  organisationOf: index => `o${index}`,
  buyOf: () => 1,
  listed: items => items,
};
const guises: Readonly<Record<string, Names>> = {
  'how handles sort': { ...plain, handleOf: index => ['zz', 'mm', 'aa'][index]! },
  'how deployments, models and providers are called': {
    ...plain,
    nameOf: index => ['openai', 'anthropic', 'house'][index]!,
  },
  'where providers say they are': { ...plain, hostOf: index => ['api.openai.com', 'a.example'][index]! },
  'how routes are called': { ...plain, routeOf: index => ['quick', 'batch'][index]! },
  'how organisations are called': { ...plain, organisationOf: index => ['zoo', 'acme'][index]! },
  'what the operator pays': { ...plain, buyOf: index => [9, 1, 4][index]! },
  'the order in the file': { ...plain, listed: items => items.toReversed() },
};

const deployment = fc.nat(2);
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('ask' as const),
      route: fc.nat(1),
      organisation: fc.nat(1),
      tokens: fc.constantFrom(300, 900),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('again' as const),
      kind: fc.constantFrom('retry' as const, 'failover' as const),
      route: fc.nat(1),
      organisation: fc.nat(1),
      left: fc.uniqueArray(deployment, { maxLength: 3 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('beside' as const),
      route: fc.nat(1),
      first: deployment,
      second: deployment,
      tokens: fc.constantFrom(300, 900),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('answered' as const),
      deployment,
      count: fc.integer({ min: 30, max: 60 }),
      ms: fc.integer({ min: 1, max: 5_000 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('health' as const),
      deployment,
      breaker: fc.constantFrom('open' as const, 'half-open' as const, undefined),
      coolMs: fc.constantFrom(0, 500),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('pass' as const), ms: fc.constantFrom(10, 1_000) }) },
);
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;
const histories = fc.array(step, { minLength: 30, maxLength: 80, size: 'max' });

/** What was allowed, to whom and when, by numbers, so that it can be compared under other names. */
function played({ seats, hedge, budgets }: Engine, steps: readonly Step[], names: Names): string {
  const { handleOf, nameOf, hostOf, routeOf, organisationOf, buyOf, listed } = names;
  const numbers = [0, 1, 2];
  const card = (factor: number) => ({ ...rateCard, rates: { ...rateCard.rates, input: String(factor * 10 ** 12) } });
  const snapshot = loadSnapshot(
    snapshotJson({
      // The first two are behind one address, so they fail together.
      providers: listed(numbers).map(n => ({
        name: nameOf(n),
        kind: 'openai-compatible',
        baseUrl: `https://${hostOf(n < 2 ? 0 : 1)}/v1`,
      })),
      deployments: listed(numbers).map(n => ({
        id: `deployment-${nameOf(n)}`,
        handle: handleOf(n),
        model: `${nameOf(n)}/model`,
        targetModel: nameOf(n),
        provider: nameOf(n),
        buy: card(buyOf(n)),
      })),
      routes: listed([0, 1]).map(n => ({
        name: routeOf(n),
        candidates: numbers.map(at => ({ deployment: `deployment-${nameOf(at)}` })),
        policy: {
          retries: 2,
          hedge: { percentile: 90, percent: 20 },
          retryBudget: { percent: 20, perSecond: 1 },
        },
      })),
    }),
  );
  const at = (n: number): Deployment => snapshot.deployment(handleOf(n));
  const numberOf = new Map(numbers.map(n => [handleOf(n), n]));
  const known = new Map<string, HealthEntry>();
  const counts = new budgets.WalkBudgets();
  let nowMs = 0;
  const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs };
  const deadlines = new Deadlines(clock);
  // What these functions ask of a gateway, and nothing else of it.
  const gateway = {
    ports: { health: { of: (handle: string) => known.get(handle) }, clock, observe: { walked: () => {} } },
    // One of ten workers: ten seconds give it one more attempt.
    settings: { sharers: 10 },
    deadlines,
    budgets: counts,
  } as unknown as GatewayState;
  const dialect = dialects.get('openai-chat')!;
  const body = Buffer.from('{"model":"m","messages":[]}');
  const exchangeOf = (route: number, organisation: number, tokens: number) =>
    ({
      route: snapshot.resolve(routeOf(route)) as ResolvedRoute, // It was declared above.
      principal: { organisation: organisationOf(organisation) },
      decision: { facts: { inputTokens: tokens, outputTokens: tokens } },
      arrival: { atMs: 0 },
      dialect,
      body,
      scan: dialect.scanRequest(body),
      translation: undefined,
      // As above: what is asked of an exchange here.
    }) as unknown as Exchange;

  const seen: string[] = [];
  for (const [number, one] of steps.entries()) {
    switch (one.type) {
      case 'ask': {
        const { route, decision } = exchangeOf(one.route, one.organisation, one.tokens);
        counts.retries(route.name, organisationOf(one.organisation)).requested(deadlines.now());
        counts.hedges(route.name).requested(seats.weightOf(decision.facts), 20);
        break;
      }
      case 'again': {
        const exchange = exchangeOf(one.route, one.organisation, 1);
        const walk = { gateway, exchange, left: one.left.map(at) } as unknown as seating.Walk; // The rest is not asked.
        const may = seats.mayTryAgain(walk, one.kind);
        if (may) counts.retries(exchange.route.name, organisationOf(one.organisation)).charge(deadlines.now());
        seen.push(`${number} ${may} ${walk.left.map(({ handle }) => numberOf.get(handle)).join()}`);
        break;
      }
      case 'beside': {
        const exchange = exchangeOf(one.route, 0, one.tokens);
        const afterMs = hedge.hedgeAfterMs(gateway, exchange, at(one.first));
        const may = hedge.isBackupFor(exchange, at(one.first), at(one.second)) && seats.isWell(gateway, at(one.second));
        const paid = may && counts.hedges(exchange.route.name).take(seats.weightOf(exchange.decision.facts));
        seen.push(`${number} ${afterMs} ${may} ${paid}`);
        break;
      }
      case 'answered':
        for (let n = 0; n < one.count; n += 1) {
          counts.firstBytes(handleOf(one.deployment), { stream: false, inputTokens: 1_000 }).note(one.ms + n);
        }
        break;
      case 'health': {
        const handle = handleOf(one.deployment);
        known.set(handle, { handle, breaker: one.breaker, coolingUntilMs: nowMs + one.coolMs });
        break;
      }
      case 'pass':
        nowMs += one.ms;
    }
  }
  return seen.join('\n');
}

function holds(engine: Engine, names: Names): void {
  const property = fc.property(histories, steps => {
    assert.equal(played(engine, steps, names), played(engine, steps, plain));
  });
  fc.assert(property, { numRuns: 30, seed: 20_261_120, endOnFailure: true });
}

const real: Engine = { seats: seating, hedge: hedging, budgets: budgeting };

for (const [what, names] of Object.entries(guises)) {
  test(`who is asked a second time, and when, does not depend on ${what}`, () => holds(real, names));
}

test('in these histories requests are retried and refused, hedged and not', () => {
  const seen = fc.sample(histories, { numRuns: 30, seed: 20_261_120 }).flatMap(steps =>
    played(real, steps, plain)
      .split('\n')
      .map(line => line.replace(/^\d+ /, '')),
  );

  for (const kind of [/^true /, /^false /, /^\d+ true true$/, /^\d+ true false$/, /^undefined /, / false false$/]) {
    assert.ok(
      seen.some(line => kind.test(line)),
      `${kind}`,
    );
  }
});

const mutants = [
  {
    what: 'a route has no budget',
    file: 'seats.ts',
    from: 'return budget.hasRoom(',
    to: "return route.name.startsWith('b') || budget.hasRoom(",
  },
  {
    what: 'an organisation has no budget',
    file: 'seats.ts',
    from: 'return budget.hasRoom(',
    to: "return principal.organisation === 'acme' || budget.hasRoom(",
  },
  {
    what: 'a deployment is always well',
    file: 'seats.ts',
    from: 'return entry === undefined ||',
    to: "return handle < 'b' || entry === undefined ||",
  },
  {
    what: 'a provider is never asked beside another',
    file: 'hedge.ts',
    from: 'if (failTogether(first, second) ||',
    to: "if (second.provider.name === 'openai' || failTogether(first, second) ||",
  },
  {
    what: 'who costs the operator more is hedged sooner',
    file: 'hedge.ts',
    from: 'if (hedge.afterMs !== undefined) return hedge.afterMs;',
    to: "if (JSON.stringify(first.buy, (_, v) => (typeof v === 'bigint' ? String(v) : v)).includes('9000000000000')) return 1;",
  },
  {
    what: 'the answers of one deployment are not remembered',
    file: 'walk-budgets.ts',
    from: '    const size = Math.ceil(',
    to: "    if (handle < 'b') return new FirstByteTimes();\n    const size = Math.ceil(",
  },
] as const;

const directory = mkdtempSync(join(tmpdir(), 'carrier-second-'));
after(() => rmSync(directory, { recursive: true, force: true }));
const source = fileURLToPath(new URL('../../src/', import.meta.url));
writeFileSync(join(directory, 'package.json'), '{ "type": "module" }');

for (const [number, { what, file, from, to }] of mutants.entries()) {
  test(`it is noticed when ${what}`, async () => {
    const planted = join(directory, String(number));
    cpSync(join(source, 'gateway'), join(planted, 'gateway'), {
      recursive: true,
      filter: path => !path.endsWith('.test.ts'),
    });
    for (const room of readdirSync(source)) {
      if (room !== 'gateway') symlinkSync(join(source, room), join(planted, room));
    }
    const path = join(planted, 'gateway', file);
    const text = readFileSync(path, 'utf8');
    assert.equal(text.split(from).length, 2, `${file} has the place to plant it exactly once`);
    writeFileSync(
      path,
      text.replace(from, () => to),
    );
    const load = (name: string) => import(pathToFileURL(join(planted, 'gateway', name)).href);
    const engine: Engine = {
      seats: await load('seats.ts'),
      hedge: await load('hedge.ts'),
      budgets: await load('walk-budgets.ts'),
    };

    const noticed = Object.values(guises).filter(names => isBroken(() => holds(engine, names)));

    assert.notEqual(noticed.length, 0, 'no law was broken');
  });
}

function isBroken(law: () => void): boolean {
  try {
    law();
    return false;
  } catch {
    return true;
  }
}
