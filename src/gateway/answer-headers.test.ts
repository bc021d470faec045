import assert from 'node:assert/strict';
import { test } from 'node:test';
import { relayHeaders } from './answer-headers.ts';

test('end-to-end headers of a provider pass, several of one name too', () => {
  const headers = relayHeaders(
    {
      'content-type': 'application/json',
      'x-request-id': 'req_1',
      'x-ratelimit-remaining-tokens': '5',
      warning: ['a', 'b'],
    },
    false,
  );

  assert.deepEqual(headers, [
    ...['content-type', 'application/json', 'x-request-id', 'req_1'],
    ...['x-ratelimit-remaining-tokens', '5', 'warning', 'a', 'warning', 'b'],
  ]);
});

test('what belongs to the hop, to the provider’s origin or to our account does not', () => {
  const headers = relayHeaders(
    {
      connection: 'keep-alive',
      'keep-alive': 'timeout=5',
      'transfer-encoding': 'chunked',
      'set-cookie': ['__cf_bm=1'],
      'cf-ray': '1',
      'strict-transport-security': 'max-age=1',
      'openai-organization': 'org-ours',
      'anthropic-organization-id': 'org-ours',
      'x-carrier-cost': '0',
    },
    false,
  );

  assert.deepEqual(headers, []);
});

test('the length passes only where the body is relayed as it comes', () => {
  assert.deepEqual(relayHeaders({ 'content-length': '7' }, true), ['content-length', '7']);
  assert.deepEqual(relayHeaders({ 'content-length': '7' }, false), []);
});
