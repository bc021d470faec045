import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { dialects } from '../../src/dialects/registry.ts';
import * as choosing from '../../src/gateway/choose.ts';
import { ExpectedOutput } from '../../src/gateway/expected-output.ts';
import type { DeploymentHealth } from '../../src/gateway/ports.ts';
import { WarmPrefixes } from '../../src/gateway/warm-prefixes.ts';
import type { RateCardJson } from '../../src/pricing/rate-card.ts';
import { type PolicyName, policyNames } from '../../src/routing/decision.ts';
import type { HealthEntry } from '../../src/routing/health/health-book.ts';
import { loadSnapshot, type ResolvedRoute } from '../../src/snapshot/load.ts';
import { unlimited } from '../support/limits.ts';
import { reasoningStates } from '../support/reasoning.ts';
import { snapshotJson } from '../support/snapshot.ts';

// decide() is blind; what it is told must be, too. Everything that a name, a purchase or a place in the file could reach in the
// gateway is changed here, and the decision must stay the same, byte for byte.

interface Offer {
  readonly weight: number;
  readonly sell: number;
  readonly latencyUs: number | undefined;
  readonly concurrencyMax: number | undefined;
}

/** What must not matter. */
interface Guise {
  readonly nameOf: (index: number) => string;
  readonly kindOf: (index: number) => string;
  readonly buyOf: (index: number) => number;
  readonly order: readonly number[];
}

interface Asked {
  readonly policy: PolicyName;
  readonly exchangeId: string;
  readonly words: number;
}

const offers = fc.array(
  fc.record({
    weight: fc.integer({ min: 1, max: 5 }),
    sell: fc.integer({ min: 1, max: 30 }),
    latencyUs: fc.option(fc.integer({ min: 1_000, max: 2_000_000 }), { nil: undefined }),
    concurrencyMax: fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined }),
  }),
  { minLength: 2, maxLength: 5 },
);
const asked: fc.Arbitrary<Asked> = fc.record({
  policy: fc.constantFrom(...policyNames),
  exchangeId: fc.string({ minLength: 1, maxLength: 8 }),
  words: fc.integer({ min: 1, max: 2_000 }),
});

const straight = (count: number): Guise => ({
  nameOf: index => `lab${index}`,
  kindOf: () => 'openai',
  buyOf: () => 1,
  order: Array.from({ length: count }, (_, index) => index),
});

function card(rate: number): RateCardJson {
  const pico = String(rate * 10 ** 12);
  return { version: 'test-1', currency: 'USD', rates: { input: pico, cacheRead: pico, output: pico }, tiers: [] };
}

function decisionOf(
  engine: typeof choosing,
  list: readonly Offer[],
  guise: Guise,
  { policy, exchangeId, words }: Asked,
): string {
  const { nameOf, kindOf, buyOf, order } = guise;
  const snapshot = loadSnapshot(
    snapshotJson({
      providers: list.map((_, n) => ({ name: `account-${nameOf(n)}`, kind: kindOf(n) })),
      deployments: list.map((offer, n) => ({
        id: `deployment-${nameOf(n)}`,
        handle: `h${n}`,
        model: `${nameOf(n)}/model`,
        targetModel: nameOf(n),
        provider: `account-${nameOf(n)}`,
        sell: card(offer.sell),
        buy: card(buyOf(n)),
      })),
      routes: [
        {
          name: 'smart',
          policy: { policy },
          candidates: order.map(n => ({ deployment: `deployment-${nameOf(n)}`, weight: list[n]!.weight })),
        },
      ],
    }),
  );
  const body = Buffer.from(
    JSON.stringify({ model: 'smart', messages: [{ role: 'user', content: 'word '.repeat(words) }] }),
  );
  const dialect = dialects.get('openai-chat')!;
  const health: DeploymentHealth = {
    of: handle => entryOf(handle, list[Number(handle.slice(1))]!),
    inFlight: handle => Number(handle.slice(1)),
    begin: () => true,
    end: () => {},
  };
  const { decision } = engine.chooseCandidates(
    {
      exchangeId,
      dialect,
      body,
      scan: dialect.scanRequest(body),
      route: snapshot.resolve('smart') as ResolvedRoute, // It was declared above.
      allowedZones: undefined,
      contract: undefined,
      askedZones: undefined,
      policy,
      session: undefined,
      nowMs: 1_000,
      sameDialectOnly: false,
      isPaid: true,
      organisation: 'acme',
    },
    { health, limits: unlimited, draw: () => ({ epoch: 1, seed: '5eed' }), reasoning: reasoningStates() },
    { output: new ExpectedOutput(), warm: new WarmPrefixes() },
  );
  return JSON.stringify(decision);
}

function entryOf(handle: string, { latencyUs, concurrencyMax }: Offer): HealthEntry {
  return {
    handle,
    concurrencyMax,
    ...(latencyUs === undefined
      ? {}
      : { latency: { levelUs: latencyUs, slopeNs: 100, perTokenUs: 1_000, spread: 30 }, errorPpm: 1_000 }),
  };
}

const vendors = ['anthropic', 'openai', 'house', 'deepseek', 'google'];
const guises: Readonly<Record<string, (plain: Guise) => Guise>> = {
  'how providers, deployments and models are called': plain => ({ ...plain, nameOf: index => vendors[index]! }),
  'of what kind a provider is': plain => ({
    ...plain,
    kindOf: index => ['emulated', 'mistral', 'groq', 'xai', 'openai'][index]!,
  }),
  'what the operator pays': plain => ({ ...plain, buyOf: index => 1 + ((index * 7) % 5) }),
  'the place in the file': plain => ({ ...plain, order: plain.order.toReversed() }),
};

function holds(engine: typeof choosing, guise: (plain: Guise) => Guise): void {
  const property = fc.property(offers, asked, (list, question) => {
    const plain = straight(list.length);
    assert.equal(decisionOf(engine, list, guise(plain), question), decisionOf(engine, list, plain, question));
  });
  fc.assert(property, { numRuns: 60, seed: 20_261_120 });
}

for (const [what, guise] of Object.entries(guises)) {
  test(`the decision does not depend on ${what}`, () => holds(choosing, guise));
}

const mutants: readonly { readonly what: string; readonly file: string; readonly from: string; readonly to: string }[] =
  [
    {
      what: 'a vendor’s own estimate of tokens is used',
      file: 'gateway/choose.ts',
      from: 'estimateInputTokens(estimatedRequest(question), neutralFamily)',
      to: "estimateInputTokens(estimatedRequest(question), route.candidates.some(({ deployment }) => deployment.model.startsWith('anthropic/')) ? 'anthropic' : neutralFamily)",
    },
    {
      what: 'nothing is held against who comes first in the file',
      file: 'gateway/observe-candidates.ts',
      from: 'const observed = observe(',
      to: 'const observed = handle === handles[0] ? undefined : observe(',
    },
    {
      what: 'one kind of provider weighs more',
      file: 'gateway/candidate-views.ts',
      from: '      weight,\n',
      to: "      weight: deployment.provider.kind === 'emulated' ? weight * 2 : weight,\n",
    },
    {
      what: 'the buying price is taken for the cost',
      file: 'snapshot/expected-cost.ts',
      from: 'const prices = sellPrices(deployment, { contract });',
      to: 'const prices = sellPrices(deployment, { contract }) && deployment.buy;',
    },
  ];

const directory = mkdtempSync(join(tmpdir(), 'carrier-inputs-'));
after(() => rmSync(directory, { recursive: true, force: true }));
const source = fileURLToPath(new URL('../../src/', import.meta.url));
symlinkSync(fileURLToPath(new URL('../../node_modules', import.meta.url)), join(directory, 'node_modules'));
writeFileSync(join(directory, 'package.json'), '{ "type": "module" }');

for (const [number, { what, file, from, to }] of mutants.entries()) {
  test(`it is noticed when ${what}`, async () => {
    const planted = join(directory, String(number));
    for (const room of [
      'completion',
      'dialects',
      'gateway',
      'governance',
      'journal',
      'metering',
      'pricing',
      'providers',
      'routing',
      'snapshot',
      'media',
    ]) {
      cpSync(join(source, room), join(planted, room), {
        recursive: true,
        filter: path => !path.endsWith('.test.ts') && !path.includes(join('dialects', 'cases')),
      });
    }
    const text = readFileSync(join(planted, file), 'utf8');
    assert.equal(text.split(from).length, 2, `${file} has the place to plant it exactly once`);
    writeFileSync(
      join(planted, file),
      text.replace(from, () => to),
    );
    const engine: typeof choosing = await import(pathToFileURL(join(planted, 'gateway', 'choose.ts')).href);

    const noticed = Object.values(guises).filter(guise => isBroken(() => holds(engine, guise)));

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
