import assert from 'node:assert/strict';
import { test } from 'node:test';
import { snapshotJson } from '../../test/support/snapshot.ts';
import { knownDeployments } from './deployment-scopes.ts';

const base = snapshotJson();

function scopesOf(kind: string, baseUrl: string): readonly string[] {
  const providers = [{ ...base.providers[0]!, name: 'main', kind, baseUrl }];
  const deployments = [{ ...base.deployments[0]!, provider: 'main', targetModel: 'gpt' }];
  return knownDeployments({ ...base, providers, deployments })[0]!.scopes;
}

test('a provider with an address of its own is one scope, however it is reached', () => {
  assert.deepEqual(scopesOf('openai', 'https://proxy.example/v1').slice(0, 3), [
    'account main',
    'model gpt at kind openai',
    'kind openai',
  ]);
});

test('where a kind is many hosts, the host is the provider', () => {
  assert.deepEqual(scopesOf('openai-compatible', 'http://10.0.0.5:8000/v1'), [
    'account main',
    'model gpt at host 10.0.0.5:8000',
    'host 10.0.0.5:8000',
  ]);
});

test('a deployment is new when its address, credential or target changes, and not when its prices do', () => {
  const version = (change: object, provider: object = {}) =>
    knownDeployments({
      ...base,
      deployments: [{ ...base.deployments[0]!, ...change }],
      providers: base.providers.map(entry => ({ ...entry, ...provider })),
    })[0]!.version;
  const before = version({});
  assert.equal(version({ sell: null }), before);
  assert.notEqual(version({ targetModel: 'other' }), before);
  assert.notEqual(version({}, { credential: 'other' }), before);
  assert.notEqual(version({}, { baseUrl: 'https://other.example' }), before);
});
