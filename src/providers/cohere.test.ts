import assert from 'node:assert/strict';
import { test } from 'node:test';
import { profileOf } from '../gateway/profiles.ts';
import { upstreamRequest } from './upstream-request.ts';

test('a request goes to /v2/chat with a bearer, and says which client asks', () => {
  const { path, headers } = upstreamRequest({
    provider: { kind: 'cohere', baseUrl: 'https://api.cohere.com' },
    dialect: 'cohere-chat',
    targetModel: 'command',
    sameDialect: true,
    credential: 'secret',
    clientHeaders: {
      'x-client-name': 'app',
      'x-fern-language': 'JavaScript',
      authorization: 'Bearer cck',
      'x-other': '1',
    },
    query: 'a=1',
  });

  assert.equal(path, '/v2/chat');
  assert.deepEqual(headers.slice(6), [
    ...['authorization', 'Bearer secret', 'x-client-name', 'app', 'x-fern-language', 'JavaScript'],
  ]);
});

test('what models take is known by their names, and one that is not known yet is taken for the newest', () => {
  const of = (model: string) => {
    const { reasoning, media } = profileOf('cohere', 'cohere-chat', model);
    return [reasoning.style, reasoning.forcedTools, media.images];
  };
  const rows: readonly (readonly [string, readonly string[]])[] = [
    ['command-a-plus-05-2026', ['budget', 'always', 'url']],
    ['command-b-01-2027', ['budget', 'always', 'url']],
    ['command-a-reasoning-08-2025', ['budget', 'always', 'none']],
    ['command-a-vision-07-2025', ['none', 'always', 'url']],
    ['command-a-translate-08-2025', ['none', 'always', 'none']],
    ['command-a-03-2025', ['none', 'always', 'none']],
    ['command-r7b-12-2024', ['none', 'always', 'none']],
    ['command-r-plus-08-2024', ['none', 'never', 'none']],
    ['command-r-08-2024', ['none', 'never', 'none']],
    ['c4ai-aya-vision-32b', ['none', 'never', 'url']],
    ['c4ai-aya-expanse-32b', ['none', 'never', 'none']],
  ];
  for (const [model, expected] of rows) assert.deepEqual(of(model), expected, model);
});
