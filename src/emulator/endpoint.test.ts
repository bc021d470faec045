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

test('a path names the model where the wire format has it there, and the query the form of a stream', () => {
  const generate = '/v1beta/models/gemini-3-pro:streamGenerateContent';
  const vertex = '/v1/projects/p/locations/eu/publishers/google/models/gemini-3-pro:generateContent';
  assert.deepEqual(found('POST', '/v1/responses'), ['responses', 'responses']);
  assert.deepEqual(found('GET', '/v1/responses/resp_1'), ['responses', 'stored-response']);
  assert.deepEqual(found('POST', generate), ['gemini', 'generate-list', 'gemini-3-pro']);
  assert.deepEqual(found('POST', `${generate}?alt=sse&key=k`), ['gemini', 'generate-events', 'gemini-3-pro']);
  assert.deepEqual(found('POST', `${generate}?key=alt=ssex`), ['gemini', 'generate-list', 'gemini-3-pro']);
  assert.deepEqual(found('POST', vertex), ['gemini', 'generate', 'gemini-3-pro']);
  assert.deepEqual(found('POST', '/v1beta/models/vendor%2Fname:countTokens'), [
    'gemini',
    'gemini-count',
    'vendor/name',
  ]);
  assert.deepEqual(found('POST', '/model/a.b-v1%3A0/converse-stream'), ['bedrock', 'converse-stream', 'a.b-v1:0']);
  assert.deepEqual(found('POST', '/bedrock/model/m/converse'), ['bedrock', 'converse', 'm']);
  assert.deepEqual(found('POST', '/v2/chat'), ['cohere', 'cohere-chat']);
  assert.deepEqual(found('GET', '/cohere/v1/models'), ['cohere', 'cohere-models']);
  assert.deepEqual(found('GET', '/gemini/v1/models/x'), ['gemini', 'gemini-models', 'x']);
});

test('a path that nobody has is refused by whom it looks like', () => {
  assert.deepEqual(found('POST', '/v1beta/models/x:embedContent'), ['gemini', 'wrong-method']);
  assert.deepEqual(found('POST', '/v1beta/files'), ['gemini', 'unknown']);
  assert.deepEqual(found('POST', '/model/m/invoke'), ['bedrock', 'unknown']);
  assert.deepEqual(found('POST', '/v2/embed'), ['cohere', 'unknown']);
});

test('other paths are unknown and other methods wrong', () => {
  assert.deepEqual(found('GET', '/'), ['openai', 'unknown']);
  assert.deepEqual(found('POST', '/v1/messages/batches'), ['anthropic', 'unknown']);
  assert.deepEqual(found('GET', '/v1/messages'), ['anthropic', 'wrong-method']);
  assert.deepEqual(found('DELETE', '/v1/models/x'), ['openai', 'wrong-method']);
});
