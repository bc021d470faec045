import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findEndpoint } from './endpoint.ts';

const found = (method: string, url: string, version = false) => {
  const { provider, name, model } = findEndpoint(method, url, version ? { 'anthropic-version': '2023-06-01' } : {});
  return model === undefined ? [provider, name] : [provider, name, model];
};

test('the path says which provider is meant, with or without its prefix and a query', () => {
  assert.deepEqual(found('POST', '/v1/chat/completions'), ['openai', 'chat']);
  assert.deepEqual(found('POST', '/openai/v1/chat/completions?x=1'), ['openai', 'chat']);
  assert.deepEqual(found('POST', '/v1/messages?beta=true'), ['anthropic', 'messages']);
  assert.deepEqual(found('POST', '/anthropic/v1/messages/count_tokens'), ['anthropic', 'count-tokens']);
});

test('a stray anthropic-version does not make chat completions another provider', () => {
  assert.deepEqual(found('POST', '/v1/chat/completions', true), ['openai', 'chat']);
});

test('the model lists share their path, and the version header tells them apart', () => {
  assert.deepEqual(found('GET', '/v1/models'), ['openai', 'models']);
  assert.deepEqual(found('GET', '/v1/models', true), ['anthropic', 'anthropic-models']);
  assert.deepEqual(found('GET', '/v1/models/vendor%2Fname'), ['openai', 'models', 'vendor/name']);
  assert.deepEqual(found('GET', '/v1/models/%zz'), ['openai', 'models', '%zz']);
});

test('other paths are unknown and other methods wrong', () => {
  assert.deepEqual(found('GET', '/'), ['openai', 'unknown']);
  assert.deepEqual(found('POST', '/v1/messages/batches'), ['anthropic', 'unknown']);
  assert.deepEqual(found('GET', '/v1/messages'), ['anthropic', 'wrong-method']);
  assert.deepEqual(found('DELETE', '/v1/models/x'), ['openai', 'wrong-method']);
});
