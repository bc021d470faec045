import assert from 'node:assert/strict';
import { test } from 'node:test';
import { designVariables, planContext, planText, testFacts, testNowMs } from '../../test/support/control.ts';
import { onlyCard } from '../../test/support/snapshot.ts';
import { Fault } from '../completion/fault.ts';
import { cardAt } from '../pricing/timeline.ts';
import { providers } from '../providers/registry.ts';
import { loadSnapshot } from '../snapshot/load.ts';
import { compileSnapshot } from './compile.ts';
import { exportConfiguration } from './export.ts';
import { type Configuration, emptyConfiguration, resourceOf, resourcesOf } from './resources.ts';
import { noticesOf, planZeroConfiguration } from './zero-configuration.ts';

const firstKey = `cck_Ab12Cd34_${'z'.repeat(43)}`;
const compileContext = { compiledAt: '2026-09-01T00:00:00.000Z', sandboxBaseUrl: 'unix:/run/sandbox' };

function started(stored: Configuration, environment: Readonly<Record<string, string>> = {}): Configuration {
  const zero = { ...planContext(), environment, facts: testFacts, firstKeySecret: () => firstKey };
  return planZeroConfiguration(stored, zero).next;
}

function names(configuration: Configuration): readonly string[] {
  return [...configuration.resources.keys()]
    .filter(key => /^(provider|deployment|route|organisation)/.test(key))
    .sort();
}

test('without any key the emulated providers serve at fixed prices, and the first key may call them', () => {
  const fresh = started(emptyConfiguration);

  assert.deepEqual(names(fresh), [
    'deployment:sandbox-chat',
    'deployment:sandbox-messages',
    'organisation:sandbox',
    'provider:sandbox-anthropic',
    'provider:sandbox-openai',
    'route:sandbox',
  ]);
  const snapshot = loadSnapshot(compileSnapshot(fresh, compileContext));
  const route = snapshot.resolve('sandbox/chat-1');
  assert.ok(!(route instanceof Fault));
  const deployment = route.candidates[0]!.deployment;
  assert.equal(deployment.provider.sandbox, true);
  assert.equal(deployment.provider.baseUrl, 'unix:/run/sandbox');
  assert.equal(cardAt(deployment.sell!, 0)?.version, 'sandbox-1');
  assert.equal(cardAt(deployment.buy!, 0)?.rates.output, 4_000_000_000_000n);
  const principal = snapshot.findKey(planContext().sealer.digestSecret(firstKey));
  assert.equal(principal?.key, 'Ab12Cd34');
  assert.equal(snapshot.allows(principal!, route), true);
});

test('starting again changes nothing', () => {
  const fresh = started(emptyConfiguration, { OPENAI_API_KEY: 'sk-1' });
  const zero = {
    ...planContext(),
    environment: { OPENAI_API_KEY: 'sk-1' },
    facts: testFacts,
    firstKeySecret: () => firstKey,
  };
  const again = planZeroConfiguration(fresh, zero);

  assert.deepEqual(again.changes, []);
  assert.deepEqual(again.publications, []);
});

test('provider keys in the environment become accounts whose known models are priced by one version of facts', () => {
  const fresh = started(emptyConfiguration, { OPENAI_API_KEY: ' sk-1\n', ANTHROPIC_API_KEY: '' });

  assert.deepEqual(names(fresh), [
    'deployment:openai-gpt-5',
    'deployment:openai-gpt-5-mini',
    'organisation:sandbox',
    'provider:openai',
  ]);
  const snapshot = loadSnapshot(compileSnapshot(fresh, compileContext));
  const route = snapshot.resolve('gpt-5');
  assert.ok(!(route instanceof Fault));
  assert.equal(cardAt(route.candidates[0]!.deployment.sell!, 0)?.version, 'facts-1.2.3');
  assert.deepEqual(route.candidates[0]?.deployment.buy, route.candidates[0]?.deployment.sell);
  assert.equal(route.candidates[0]?.deployment.outputTokensMax, 128_000);
  const account = resourceOf(fresh, 'provider', 'openai');
  assert.equal(planContext().sealer.open(account?.sealed ?? '', 'provider:openai'), 'sk-1');
  assert.doesNotMatch(JSON.stringify([...fresh.resources.values()]), /sk-1/);
});

test('a key that appears ends the sandbox, one that goes takes its account along, one that changes is used', () => {
  const sandboxed = started(emptyConfiguration);
  const handleOf = (configuration: Configuration) => resourceOf(configuration, 'deployment', 'openai-gpt-5')?.handle;

  const withKey = started(sandboxed, { OPENAI_API_KEY: 'sk-1' });
  assert.equal(resourceOf(withKey, 'provider', 'sandbox-openai'), undefined);
  assert.equal(resourcesOf(withKey, 'key').length, 1);
  const rotated = started(withKey, { OPENAI_API_KEY: 'sk-2' });
  assert.equal(
    planContext().sealer.open(resourceOf(rotated, 'provider', 'openai')?.sealed ?? '', 'provider:openai'),
    'sk-2',
  );
  assert.equal(handleOf(rotated), handleOf(withKey));
  const without = started(rotated);
  assert.equal(resourceOf(without, 'provider', 'openai'), undefined);
  assert.notEqual(resourceOf(without, 'provider', 'sandbox-openai'), undefined);
});

test('any declared price ends the rule that publishes facts, for good, but not the prices of the sandbox', () => {
  const environment = { OPENAI_API_KEY: 'sk-1' };
  const text = 'prices: { sell: { currency: USD, rates: { openai/gpt-5: { input: "2", output: "3" } } } }';
  const priced = planText(text, started(emptyConfiguration, environment)).next;
  const restarted = started(priced, environment);

  const rule = resourceOf(restarted, 'rule', 'publish-facts-when-unconfigured');
  assert.equal(rule?.state, 'ended');
  const cards = compileSnapshot(restarted, compileContext).deployments.map(({ id, sell, buy }) => [
    id,
    onlyCard(sell)?.rates['input'],
    buy,
  ]);
  assert.deepEqual(cards, [
    ['openai-gpt-5', '2000000000000', null],
    ['openai-gpt-5-mini', undefined, null],
  ]);
  const sandboxed = planText(text, started(emptyConfiguration)).next;
  const sandboxCards = compileSnapshot(sandboxed, compileContext).deployments.map(
    ({ sell }) => onlyCard(sell)?.version,
  );
  assert.deepEqual(sandboxCards, ['sandbox-1', 'sandbox-1']);
});

test('once a provider is declared no account is added, what is there stays, and a prune ends it all', () => {
  const file = 'providers: { mine: { dialect: openai-chat, baseUrl: "http://127.0.0.1:1/v1" } }';
  const declared = planText(file, started(emptyConfiguration)).next;

  assert.deepEqual(names(started(declared, { OPENAI_API_KEY: 'sk-1' })), names(declared));
  const pruned = planText(file, declared, { prune: true }).next;
  assert.deepEqual(names(pruned), ['provider:mine']);
  assert.deepEqual(names(started(pruned, { OPENAI_API_KEY: 'sk-1' })), ['provider:mine']);
  assert.deepEqual(names(started(planText(file).next)), ['provider:mine']);
});

test('a derived deployment that a declared route names is not taken from under it', () => {
  const routed = planText(
    'routes: { smart: { candidates: [ { deployment: openai-gpt-5 } ] } }',
    started(emptyConfiguration, { OPENAI_API_KEY: 'sk-1' }),
  ).next;

  assert.deepEqual(
    names(started(routed)).filter(name => name.includes('openai-gpt-5') || name === 'provider:openai'),
    ['deployment:openai-gpt-5', 'provider:openai'],
  );
});

test('an export names what comes from the environment without writing it, and applies without change', () => {
  const fresh = started(emptyConfiguration, { OPENAI_API_KEY: 'sk-1' });
  const text = exportConfiguration(fresh, testNowMs);

  assert.match(text, /# From the environment, not written here: openai\./);
  assert.match(text, /publish-facts-when-unconfigured is in force with facts-1\.2\.3/);
  assert.doesNotMatch(text, /OPENAI_API_KEY/);
  assert.deepEqual(planText(text, fresh, { context: planContext(designVariables) }).changes, []);
});

test('a key of a provider that cannot be called yet is said, not ignored', () => {
  assert.deepEqual(noticesOf({ AZURE_OPENAI_API_KEY: 'x', OPENAI_API_KEY: 'y', AWS_ACCESS_KEY_ID: '' }), [
    'AZURE_OPENAI_API_KEY is set, but its provider cannot be called yet; it is not used',
  ]);
});

test('AWS variables become an account at the address of their region, and too few of them are said', () => {
  const keys = { AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE', AWS_SECRET_ACCESS_KEY: 'topsecret' };
  const accountOf = (environment: Record<string, string>) => {
    const context = { ...planContext(), kinds: providers };
    const zero = { ...context, environment, facts: testFacts, firstKeySecret: () => firstKey };
    const provider = resourceOf(planZeroConfiguration(emptyConfiguration, zero).next, 'provider', 'bedrock');
    if (provider === undefined) return undefined;
    const { baseUrl, reference, sealed } = provider;
    return [baseUrl, reference, planContext().sealer.open(sealed ?? '', 'provider:bedrock')];
  };

  assert.deepEqual(accountOf({ ...keys, AWS_REGION: 'eu-central-1', AWS_DEFAULT_REGION: 'us-east-1' }), [
    'https://bedrock-runtime.eu-central-1.amazonaws.com',
    'env:AWS_ACCESS_KEY_ID:AWS_SECRET_ACCESS_KEY',
    'AKIDEXAMPLE:topsecret',
  ]);
  assert.deepEqual(accountOf({ ...keys, AWS_SESSION_TOKEN: 'session', AWS_DEFAULT_REGION: 'cn-north-1' }), [
    'https://bedrock-runtime.cn-north-1.amazonaws.com.cn',
    'env:AWS_ACCESS_KEY_ID:AWS_SECRET_ACCESS_KEY:AWS_SESSION_TOKEN',
    'AKIDEXAMPLE:topsecret:session',
  ]);
  assert.deepEqual(accountOf({ ...keys, AWS_BEARER_TOKEN_BEDROCK: 'token', AWS_REGION: 'us-east-1' }), [
    'https://bedrock-runtime.us-east-1.amazonaws.com',
    'env:AWS_BEARER_TOKEN_BEDROCK',
    'token',
  ]);
  for (const environment of [
    keys,
    { ...keys, AWS_REGION: 'evil.example/' },
    { AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE', AWS_REGION: 'us-east-1' },
  ]) {
    assert.equal(accountOf(environment), undefined);
    assert.deepEqual(noticesOf(environment), [
      'AWS_ACCESS_KEY_ID is set, but not AWS_REGION and, with AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY; it is not used',
    ]);
  }
  assert.deepEqual(noticesOf({ ...keys, AWS_REGION: 'us-east-1' }), []);
});
