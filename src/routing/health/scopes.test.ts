import assert from 'node:assert/strict';
import { test } from 'node:test';
import { downScopes, type Scoped } from './scopes.ts';

function deployment(handle: string, scopes: readonly string[], part: Partial<Scoped> = {}): Scoped {
  return { handle, scopes, state: 'closed', recent: true, ...part };
}
const open = { state: 'open' } as const;

test('one broken deployment explains nothing but itself', () => {
  assert.deepEqual([...downScopes([deployment('a', ['account', 'provider'], open)])], []);
});

test('two broken ones of an account, with another account of the provider at work, are the account', () => {
  const down = downScopes([
    deployment('a', ['account 1', 'provider'], open),
    deployment('b', ['account 1', 'provider'], open),
    deployment('c', ['account 2', 'provider']),
  ]);
  assert.deepEqual([...down], ['account 1']);
});

test('when all of a provider are broken, the provider is down with its accounts', () => {
  const down = downScopes([
    deployment('a', ['account 1', 'provider', 'cdn'], open),
    deployment('b', ['account 2', 'provider', 'cdn'], open),
    deployment('c', ['account 3', 'other', 'cdn']),
  ]);
  assert.deepEqual([...down], ['provider']);
});

test('a domain that two providers share is down when both are', () => {
  const down = downScopes([
    deployment('a', ['provider 1', 'cdn'], open),
    deployment('b', ['provider 2', 'cdn'], { state: 'half-open' }),
    deployment('c', ['provider 3', 'cdn'], { recent: false }),
  ]);
  assert.deepEqual([...down], ['cdn']);
});

test('a deployment that names a scope twice is one witness', () => {
  assert.deepEqual([...downScopes([deployment('a', ['cdn', 'cdn'], open)])], []);
});
