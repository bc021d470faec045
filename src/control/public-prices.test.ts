import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planContext } from '../../test/support/control.ts';
import { onlyCard } from '../../test/support/snapshot.ts';
import { providers } from '../providers/registry.ts';
import { compileSnapshot } from './compile.ts';
import { readPriceFacts } from './price-facts.ts';
import { publicPricesAt } from './public-prices.ts';
import { emptyConfiguration } from './resources.ts';
import { planZeroConfiguration } from './zero-configuration.ts';

const firstKey = `cck_Ab12Cd34_${'z'.repeat(43)}`;

test('with a provider key and the real facts, every model of that provider is served and completely priced', () => {
  const facts = publicPricesAt(readPriceFacts(providers), Date.parse('2026-09-01'));
  const environment = { OPENAI_API_KEY: 'sk-1', ANTHROPIC_API_KEY: 'sk-2', DEEPSEEK_API_KEY: 'sk-3' };
  const zero = { ...planContext(), kinds: providers, environment, facts, firstKeySecret: () => firstKey };
  const { next, publications } = planZeroConfiguration(emptyConfiguration, zero);
  const snapshot = compileSnapshot(next, { compiledAt: '2026-09-01T00:00:00.000Z', sandboxBaseUrl: 'unix:/x' });

  assert.deepEqual(
    snapshot.providers.map(({ name, kind, dialects }) => [name, kind, dialects.length]),
    [
      ['anthropic', 'anthropic', 1],
      ['deepseek', 'deepseek', 3],
      ['openai', 'openai', 2],
    ],
  );
  assert.deepEqual(
    publications.map(({ id }) => id),
    [`facts-${facts.version}`],
  );
  assert.ok(snapshot.deployments.length > 50, String(snapshot.deployments.length));
  assert.deepEqual(
    snapshot.deployments.filter(({ sell, buy }) => sell === null || buy === null),
    [],
  );
  assert.equal(
    onlyCard(snapshot.deployments.find(({ id }) => id === 'openai-gpt-5')?.sell)?.rates['output'],
    '10000000000000',
  );
  assert.ok(snapshot.deployments.every(({ outputTokensMax }) => outputTokensMax <= 32_000));
});

test('facts that differ later are published under a name of their own, and none twice', () => {
  const environment = { OPENAI_API_KEY: 'sk-1' };
  const at = (output: string) => ({
    ...planContext(),
    environment,
    firstKeySecret: () => firstKey,
    facts: {
      version: '1',
      currency: 'USD',
      models: [
        { provider: 'openai', model: 'a', row: { rates: { input: '1', output }, tiers: [] }, outputTokensMax: 1 },
      ],
    },
  });
  const first = planZeroConfiguration(emptyConfiguration, at('2'));
  const second = planZeroConfiguration(first.next, at('3'));
  const again = planZeroConfiguration(second.next, at('3'));

  assert.deepEqual(
    first.publications.map(({ id }) => id),
    ['facts-1'],
  );
  assert.match(second.publications[0]?.id ?? '', /^facts-1-[0-9a-f]{8}$/);
  assert.deepEqual([again.publications, again.changes], [[], []]);
});

test('the first model of every provider with public prices is among them', () => {
  const { models } = publicPricesAt(readPriceFacts(providers), Date.parse('2026-09-01'));
  // Of those that are made into accounts by what stands in the environment.
  const named = providers.filter(({ priceFacts, environment }) => priceFacts !== undefined && environment.length > 0);

  assert.deepEqual(
    named.filter(({ name, firstModel }) => !models.some(each => each.provider === name && each.model === firstModel)),
    [],
  );
  assert.equal(named.length, 9);
});
