import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rateCard, snapshotJson } from '../../test/support/snapshot.ts';
import { Fault } from '../completion/fault.ts';
import { cardAt } from '../pricing/timeline.ts';
import { canonicalJson, snapshotHash } from './hash.ts';
import { loadSnapshot, parseSnapshot, type ResolvedRoute, type Snapshot } from './load.ts';

const threeVendors = snapshotJson({
  deployments: [
    { id: 'gpt-5-us', model: 'openai/gpt-5' },
    { id: 'gpt-5-eu', model: 'openai/gpt-5', zones: { processing: 'EU' } },
    { id: 'sonnet', model: 'anthropic/claude-sonnet-5' },
    { id: 'llama-a', model: 'groq/llama' },
    { id: 'llama-b', model: 'meta/llama' },
  ],
  routes: [
    {
      name: 'smart',
      candidates: [{ deployment: 'gpt-5-us' }, { deployment: 'sonnet', weight: 3, priority: 2 }],
      policy: { retries: 1 },
    },
  ],
});

function resolved(snapshot: Snapshot, name: string): ResolvedRoute {
  const route = snapshot.resolve(name);
  assert.ok(!(route instanceof Fault), `${name}: ${route instanceof Fault ? route.message : ''}`);
  return route;
}

function refused(snapshot: Snapshot, name: string): Fault {
  const fault = snapshot.resolve(name);
  assert.ok(fault instanceof Fault);
  return fault;
}

test('a name is a route, then a deployment, then a model, then a bare name', () => {
  const snapshot = loadSnapshot(threeVendors);

  const smart = resolved(snapshot, 'smart');
  assert.deepEqual(
    smart.candidates.map(({ deployment, weight, priority }) => [deployment.id, weight, priority]),
    [
      ['gpt-5-us', 1, 1],
      ['sonnet', 3, 2],
    ],
  );
  assert.equal(smart.policy.retries, 1);
  assert.equal(smart.policy.totalTimeoutMs, 1_800_000);
  assert.deepEqual(
    resolved(snapshot, 'gpt-5-eu').candidates.map(({ deployment }) => deployment.id),
    ['gpt-5-eu'],
  );
  assert.deepEqual(
    resolved(snapshot, 'openai/gpt-5').candidates.map(({ deployment, weight }) => [deployment.id, weight]),
    [
      ['gpt-5-us', 1],
      ['gpt-5-eu', 1],
    ],
  );
  assert.equal(resolved(snapshot, 'claude-sonnet-5').name, 'anthropic/claude-sonnet-5');
});

test('a route hides a deployment of its name, and a deployment hides a model', () => {
  const snapshot = loadSnapshot(
    snapshotJson({
      deployments: [
        { id: 'openai/gpt-5', model: 'azure/gpt-5' },
        { id: 'gpt-5-us', model: 'openai/gpt-5' },
      ],
      routes: [{ name: 'gpt-5-us', candidates: [{ deployment: 'openai/gpt-5' }] }],
    }),
  );

  assert.equal(resolved(snapshot, 'openai/gpt-5').candidates[0]?.deployment.model, 'azure/gpt-5');
  assert.equal(resolved(snapshot, 'gpt-5-us').candidates[0]?.deployment.id, 'openai/gpt-5');
});

test('a name as paths spell it means the same', () => {
  const snapshot = loadSnapshot(threeVendors);

  for (const name of ['openai%2Fgpt-5', 'openai%2fgpt-5', 'models/openai/gpt-5', 'models%2Fgpt-5', 'models/gpt-5']) {
    assert.equal(resolved(snapshot, name).name, 'openai/gpt-5');
  }
  const colons = loadSnapshot(snapshotJson({ deployments: [{ id: 'tuned:v2', model: 'openai/ft:gpt-5' }] }));
  assert.equal(resolved(colons, 'tuned%3Av2').name, 'tuned:v2');
  assert.equal(resolved(colons, 'openai%2Fft%3agpt-5').name, 'openai/ft:gpt-5');
});

test('a bare name of two vendors is ambiguous and lists both', () => {
  const fault = refused(loadSnapshot(threeVendors), 'llama');

  assert.equal(fault.code, 'model_ambiguous');
  assert.deepEqual(fault.listing, ['groq/llama', 'meta/llama']);
});

test('an unknown name is not found, whatever it is made of', () => {
  const snapshot = loadSnapshot(threeVendors);

  for (const name of [
    '',
    '/',
    'gpt-6',
    'OPENAI/GPT-5',
    '__proto__',
    'constructor',
    'smart ',
    '%2F',
    'x'.repeat(100_000),
  ]) {
    assert.equal(refused(snapshot, name).code, 'model_not_found', name.slice(0, 20));
  }
  assert.ok(refused(snapshot, 'x'.repeat(256)).message.length < 200);
});

test('a key is found by its digest with the zones and hard budgets that bind it', () => {
  const snapshot = loadSnapshot(
    snapshotJson({
      projects: [{ id: 'web', zones: ['EU'] }],
      keys: [
        { id: 'aaaaaaaa', digest: 'd1', zones: ['DE', 'US'], expiresAt: '2026-10-01T00:00:00Z' },
        { id: 'bbbbbbbb', digest: 'd2', revoked: true },
      ],
      budgets: [
        { id: 'b-org', scope: 'organisation', subject: 'acme' },
        { id: 'b-soft', subject: 'web', hard: false },
        { id: 'b-web', subject: 'web' },
        { id: 'b-key', scope: 'key', subject: 'aaaaaaaa' },
        { id: 'b-other', scope: 'key', subject: 'cccccccc' },
      ],
    }),
  );

  const first = snapshot.findKey('d1');
  assert.deepEqual(first?.zones, ['DE']);
  assert.equal(first?.expiresAtMs, 1_790_812_800_000);
  assert.deepEqual(first?.hardBudgets, ['b-key', 'b-web', 'b-org']);
  assert.equal(snapshot.findKey('d2')?.revoked, true);
  assert.deepEqual(snapshot.findKey('d2')?.zones, ['EU']);
  assert.equal(snapshot.findKey('d3'), undefined);
  assert.equal(snapshot.findKey('__proto__'), undefined);
});

test('a key may use a route only when route and every candidate are allowed by key and project', () => {
  const snapshot = loadSnapshot(
    snapshotJson({
      projects: [
        { id: 'web', allow: ['smart', 'openai/*'] },
        { id: 'all', allow: ['**'] },
        { id: 'none', allow: [] },
      ],
      keys: [
        { id: 'k1', digest: 'd1' },
        { id: 'k2', digest: 'd2', project: 'all', allow: ['smart', 'openai/*', 'anthropic/*'] },
        { id: 'k3', digest: 'd3', project: 'web', allow: ['**'] },
        { id: 'k4', digest: 'd4', project: 'none', allow: ['**'] },
      ],
      deployments: [
        { id: 'gpt-5-us', model: 'openai/gpt-5' },
        { id: 'sonnet', model: 'anthropic/claude-sonnet-5' },
      ],
      routes: [{ name: 'smart', candidates: [{ deployment: 'gpt-5-us' }, { deployment: 'sonnet' }] }],
    }),
  );

  const verdict = (digest: string, name: string) =>
    snapshot.allows(snapshot.findKey(digest)!, resolved(snapshot, name));
  for (const round of ['judged', 'remembered']) {
    assert.equal(verdict('d1', 'smart'), false, round);
    assert.equal(verdict('d1', 'gpt-5'), true, round);
    assert.equal(verdict('d1', 'gpt-5-us'), false, round);
    assert.equal(verdict('d2', 'smart'), true, round);
    assert.equal(verdict('d3', 'smart'), false, round);
    assert.equal(verdict('d4', 'gpt-5'), false, round);
  }
  assert.deepEqual(snapshot.modelNames(snapshot.findKey('d2')!), [
    { name: 'anthropic/claude-sonnet-5', kind: 'model', owner: 'anthropic' },
    { name: 'openai/gpt-5', kind: 'model', owner: 'openai' },
    { name: 'smart', kind: 'route', owner: 'common-carrier' },
  ]);
  assert.deepEqual(snapshot.modelNames(snapshot.findKey('d1')!), [
    { name: 'openai/gpt-5', kind: 'model', owner: 'openai' },
  ]);
});

test('a principal of another snapshot may use nothing', () => {
  const stranger = loadSnapshot(threeVendors).findKey('digest-1')!;
  const snapshot = loadSnapshot(threeVendors);

  assert.equal(snapshot.allows(stranger, resolved(snapshot, 'smart')), false);
});

test('rates are exact and an absent price stays absent', () => {
  const snapshot = loadSnapshot(
    snapshotJson({
      deployments: [
        {
          id: 'a',
          model: 'openai/a',
          buy: null,
          sell: {
            ...rateCard,
            tiers: [{ measure: 'inputTotal', op: 'gt', size: 272_000, rates: { input: '2500000000001' } }],
          },
        },
      ],
    }),
  );

  const deployment = snapshot.deployment('h-a');
  const sell = cardAt(deployment.sell!, 0);
  assert.equal(sell?.rates.input, 1_250_000_000_000n);
  assert.equal(sell?.rates.reasoning, undefined);
  assert.equal(sell?.tiers[0]?.rates.input, 2_500_000_000_001n);
  assert.equal(deployment.buy, undefined);
});

test('a rate card that is not one is refused, whatever its hash', () => {
  const withSell = (sell: object) =>
    snapshotJson({ deployments: [{ id: 'a', model: 'openai/a', buy: null, sell: { ...rateCard, ...sell } }] });

  assert.throws(() => loadSnapshot(withSell({ rates: { inptu: '1' } })), /not a meter: "inptu"/);
  assert.throws(() => loadSnapshot(withSell({ rates: { input: '-1' } })), /not a rate for input: "-1"/);
  assert.throws(() => loadSnapshot(withSell({ currency: 'dollars' })), /not a currency code/);
});

test('an unknown place of processing is GLOBAL', () => {
  const snapshot = loadSnapshot(
    snapshotJson({ deployments: [{ id: 'a', model: 'openai/a', zones: { processing: 'Atlantis' } }] }),
  );

  assert.equal(snapshot.deployment('h-a').zones.processing, 'GLOBAL');
});

test('a snapshot is refused when its content, its format or its references are wrong', () => {
  const text = JSON.stringify(threeVendors);
  assert.equal(parseSnapshot(text).hash, threeVendors.hash);

  assert.throws(() => parseSnapshot(text.slice(0, -1)), SyntaxError);
  assert.throws(() => parseSnapshot(text.replace('gpt-5-eu', 'gpt-5-uk')), /does not have the hash/);
  assert.throws(() => parseSnapshot(text.replace('"format":1', '"format":2')), /format 2/);
  const dangling = { ...threeVendors, providers: [] };
  assert.throws(() => loadSnapshot({ ...dangling, hash: snapshotHash(dangling) }), /provider openai/);
});

test('canonical JSON sorts keys at every depth and refuses what JSON cannot say exactly', () => {
  assert.equal(
    canonicalJson({ b: [{ d: 1, c: null }], a: 'é\n', '10': true, u: undefined }),
    '{"10":true,"a":"é\\n","b":[{"c":null,"d":1}]}',
  );
  assert.throws(() => canonicalJson({ a: 0.5 }), RangeError);
  assert.throws(() => canonicalJson([undefined]), TypeError);
});

test('a verdict that was given once costs little, far below a microsecond where nothing else runs', () => {
  const snapshot = loadSnapshot(threeVendors);
  const principal = snapshot.findKey('digest-1')!;
  const rounds = 200_000;
  const startedAt = performance.now();
  let allowed = 0;
  for (let i = 0; i < rounds; i++) if (snapshot.allows(principal, resolved(snapshot, 'smart'))) allowed++;
  const microsecondsEach = ((performance.now() - startedAt) * 1_000) / rounds;

  assert.equal(allowed, rounds);
  assert.ok(microsecondsEach < 10, `${microsecondsEach} µs`);
});
