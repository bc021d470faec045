import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DialectName } from '../completion/request.ts';
import { messagesEndpoint } from './provider.ts';
import { findProvider, providerOf, providers } from './registry.ts';
import { endpointRequest, type UpstreamRequestOptions, upstreamRequest } from './upstream-request.ts';

const anthropicAccount = { kind: 'anthropic', baseUrl: 'https://api.anthropic.com' };
const openaiAccount = { kind: 'openai', baseUrl: 'https://api.openai.com/v1' };

const plain: UpstreamRequestOptions = {
  provider: anthropicAccount,
  dialect: 'anthropic-messages',
  targetModel: 'claude',
  sameDialect: true,
  credential: 'upstream-secret',
  clientHeaders: {},
  query: undefined,
};

function ask(change: Partial<UpstreamRequestOptions>): { path: string; headers: Record<string, string> } {
  const { path, headers } = upstreamRequest({ ...plain, ...change });
  return { path, headers: paired(headers) };
}

function paired(headers: readonly string[]): Record<string, string> {
  const pairs: Record<string, string> = {};
  for (let index = 0; index < headers.length; index += 2) {
    assert.equal(pairs[headers[index]!], undefined, `${headers[index]} twice`);
    pairs[headers[index]!] = headers[index + 1]!;
  }
  return pairs;
}

test('a request carries the credential of the account in the header of the provider', () => {
  assert.deepEqual(ask({}), {
    path: '/v1/messages',
    headers: {
      'content-type': 'application/json',
      'accept-encoding': 'identity',
      accept: 'application/json',
      'x-api-key': 'upstream-secret',
      'anthropic-version': '2023-06-01',
    },
  });
  assert.deepEqual(ask({ provider: openaiAccount, dialect: 'openai-chat', stream: true }), {
    path: '/chat/completions',
    headers: {
      'content-type': 'application/json',
      'accept-encoding': 'identity',
      accept: 'text/event-stream',
      authorization: 'Bearer upstream-secret',
    },
  });
});

test('an account without a credential sends none', () => {
  const provider = { kind: 'openai-compatible', baseUrl: 'http://127.0.0.1:8000/v1' };
  const { headers } = ask({ provider, dialect: 'openai-chat', credential: undefined });

  assert.equal(headers['authorization'], undefined);
});

test('what a client says in its dialect goes along, what it says to us or about itself does not', () => {
  const { headers } = ask({
    clientHeaders: {
      host: 'gateway',
      connection: 'keep-alive',
      'content-length': '12',
      'transfer-encoding': 'chunked',
      'content-type': 'application/json; charset=utf-8',
      'content-encoding': 'gzip',
      'accept-encoding': 'gzip, br',
      authorization: 'Bearer cck_client',
      'x-api-key': 'cck_client',
      'x-goog-api-key': 'cck_client',
      cookie: 'a=b',
      'set-cookie': ['a=b'],
      'x-forwarded-for': '10.0.0.1',
      forwarded: 'for=10.0.0.1',
      'x-carrier-emulate': 'hang',
      'x-carrier-tags': 'a=b',
      'proxy-authorization': 'Basic eDp5',
      'openai-beta': 'other dialect',
      'anthropic-version': '2026-10-21',
      'anthropic-beta': 'context-1m-2025-08-07,fast',
      'anthropic-workspace-id': 'wrkspc_1',
      'x-stainless-lang': 'js',
      'user-agent': 'Anthropic/JS 1.11',
      'idempotency-key': 'once',
      'x-unheard-of': '1',
    },
  });

  assert.deepEqual(headers, {
    'content-type': 'application/json',
    'accept-encoding': 'identity',
    accept: 'application/json',
    'x-api-key': 'upstream-secret',
    'anthropic-version': '2026-10-21',
    'anthropic-beta': 'context-1m-2025-08-07,fast',
    'x-stainless-lang': 'js',
    'user-agent': 'Anthropic/JS 1.11',
    'idempotency-key': 'once',
  });
});

test('a client cannot choose which account of the operator is billed', () => {
  const { headers } = ask({
    provider: openaiAccount,
    dialect: 'openai-chat',
    clientHeaders: {
      'openai-organization': 'org-1',
      'openai-project': 'proj_1',
      'openai-beta': 'x',
      'x-client-request-id': '7',
    },
  });

  assert.equal(headers['openai-organization'], undefined);
  assert.equal(headers['openai-project'], undefined);
  assert.equal(headers['openai-beta'], 'x');
  assert.equal(headers['x-client-request-id'], '7');
});

test('across dialects nothing of the dialect of the client goes along', () => {
  const { path, headers } = ask({
    sameDialect: false,
    clientHeaders: {
      'openai-beta': 'x',
      'anthropic-version': '2026-10-21',
      'x-stainless-lang': 'js',
      'user-agent': 'OpenAI/JS',
    },
    query: 'beta=true',
  });

  assert.equal(path, '/v1/messages');
  assert.deepEqual(headers, {
    'content-type': 'application/json',
    'accept-encoding': 'identity',
    accept: 'application/json',
    'x-api-key': 'upstream-secret',
    'user-agent': 'OpenAI/JS',
    'anthropic-version': '2023-06-01',
  });
});

test('an endpoint that takes some betas gets those, and no empty header', () => {
  const betas = { header: 'anthropic-beta', allowed: new Set(['one', 'two']), opens: new Map() };
  const betasOf = (value: string): string | undefined =>
    paired(
      endpointRequest({ ...messagesEndpoint, betas }, { ...plain, clientHeaders: { 'anthropic-beta': value } }).headers,
    )['anthropic-beta'];

  assert.equal(betasOf('two, three,one'), 'two,one');
  assert.equal(betasOf('three'), undefined);
});

test('the query keeps what the dialect has, and never a key', () => {
  assert.equal(ask({ query: 'beta=true' }).path, '/v1/messages?beta=true');
  assert.equal(ask({ query: 'key=cck_client&beta=true&x=1' }).path, '/v1/messages?beta=true');
  assert.equal(ask({ query: 'key=cck_client' }).path, '/v1/messages');
  assert.equal(ask({ query: '' }).path, '/v1/messages');
  assert.equal(ask({ provider: openaiAccount, dialect: 'openai-chat', query: 'beta=true' }).path, '/chat/completions');
});

const places: readonly (readonly [string, string, DialectName, string])[] = [
  ['anthropic', 'https://api.anthropic.com/', 'anthropic-messages', '/v1/messages'],
  ['anthropic', 'https://api.anthropic.com/v1', 'anthropic-messages', '/messages'],
  ['anthropic', 'https://api.anthropic.com/v1/', 'anthropic-messages', '/messages'],
  ['anthropic-compatible', 'https://proxy.example/anthropic', 'anthropic-messages', '/v1/messages'],
  ['anthropic-compatible', 'http://v1', 'anthropic-messages', '/v1/messages'],
  ['deepseek', 'https://api.deepseek.com', 'openai-chat', '/chat/completions'],
  ['deepseek', 'https://api.deepseek.com/v1', 'openai-chat', '/chat/completions'],
  ['deepseek', 'https://api.deepseek.com', 'anthropic-messages', '/anthropic/v1/messages'],
  ['deepseek', 'https://api.deepseek.com/anthropic', 'anthropic-messages', '/v1/messages'],
  ['deepseek', 'https://api.deepseek.com/anthropic/v1', 'anthropic-messages', '/messages'],
  ['groq', 'https://api.groq.com/openai/v1', 'openai-chat', '/chat/completions'],
  ['emulated', 'unix:/run/sandbox.sock', 'openai-chat', '/v1/chat/completions'],
  ['emulated', 'http://127.0.0.1:9100/v1', 'openai-chat', '/chat/completions'],
  ['emulated', 'unix:/run/sandbox.sock', 'anthropic-messages', '/v1/messages'],
  ['bedrock', 'https://bedrock-runtime.eu-central-1.amazonaws.com', 'bedrock-converse', '/model/claude/converse'],
  [
    'vertex',
    'https://europe-west4-aiplatform.googleapis.com/v1/projects/acme/locations/europe-west4',
    'gemini',
    '/publishers/google/models/claude:generateContent',
  ],
  ['emulated', 'unix:/run/sandbox.sock', 'bedrock-converse', '/model/claude/converse'],
];
for (const [kind, baseUrl, dialect, expected] of places) {
  test(`${dialect} of ${kind} at ${baseUrl} is at ${expected}`, () => {
    assert.equal(ask({ provider: { kind, baseUrl }, dialect }).path, expected);
  });
}

test('a kind that is not known, and a dialect that is not spoken, are broken configuration', () => {
  assert.throws(() => ask({ provider: { kind: 'nobody', baseUrl: 'https://x' } }), /no provider of the kind nobody/);
  assert.throws(() => ask({ provider: openaiAccount }), /the provider kind openai does not speak anthropic-messages/);
  assert.equal(findProvider('nobody'), undefined);
});

test('every provider is whole: a name and variables of its own, an endpoint for each dialect, https', () => {
  const names = providers.map(provider => provider.name);
  const variables = providers.flatMap(provider => provider.environment);

  assert.deepEqual(names, [...new Set(names)].sort());
  assert.deepEqual(variables, [...new Set(variables)]);
  // Some hosts of a kind speak more than the others: an account says so.
  const saidByAccounts: Readonly<Record<string, readonly string[]>> = { 'openai-compatible': ['openai-responses'] };
  for (const provider of providers) {
    const spoken = [...provider.dialects, ...(saidByAccounts[provider.name] ?? [])];
    assert.deepEqual(Object.keys(provider.endpoints).sort(), spoken.sort(), provider.name);
    // An address may be made of what the environment says, such as a region.
    const hasAddress = provider.baseUrl !== undefined || provider.environmentAccount !== undefined;
    assert.equal(provider.environment.length > 0, hasAddress, provider.name);
    if (provider.baseUrl !== undefined) {
      assert.equal(new URL(provider.baseUrl).protocol, 'https:');
      assert.equal(provider.baseUrl.endsWith('/'), false);
    }
    assert.equal(providerOf(provider.name), provider);
  }
});

test('Mistral is not sent fields that it refuses', () => {
  assert.deepEqual(providerOf('mistral').quirks, { streamOptions: false, outputLimit: 'max_tokens' });
});
