import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DialectName } from '../completion/request.ts';
import { providers } from '../providers/registry.ts';
import { inferKind } from './provider-kinds.ts';

const kindOf = (dialect: DialectName, baseUrl: string) => inferKind(providers, dialect, baseUrl);

test('the address says who answers, whatever path, port or spelling it has', () => {
  assert.equal(kindOf('openai-chat', 'https://api.openai.com/v1'), 'openai');
  assert.equal(kindOf('openai-chat', 'https://API.openai.com:443'), 'openai');
  assert.equal(kindOf('anthropic-messages', 'https://api.anthropic.com'), 'anthropic');
  assert.equal(kindOf('anthropic-messages', 'https://api.deepseek.com/anthropic'), 'deepseek');
});

test('an address that nobody is known by is any host of the dialect', () => {
  assert.equal(kindOf('openai-chat', 'http://127.0.0.1:8000/v1'), 'openai-compatible');
  assert.equal(kindOf('openai-chat', 'https://openai.proxy.example/v1'), 'openai-compatible');
  assert.equal(kindOf('openai-chat', 'https://api.openai.com.evil.example/v1'), 'openai-compatible');
  assert.equal(kindOf('openai-chat', 'https://api.openai.com:8443/v1'), 'openai-compatible');
  assert.equal(kindOf('openai-chat', 'unix:/run/openai.sock'), 'openai-compatible');
  assert.equal(kindOf('anthropic-messages', 'https://gateway.example'), 'anthropic-compatible');
  assert.equal(kindOf('bedrock-converse', 'https://bedrock-runtime.us-east-1.amazonaws.com'), 'bedrock');
});

test('a known host is nobody it is not: another dialect there is any host of it', () => {
  assert.equal(kindOf('anthropic-messages', 'https://api.openai.com/v1'), 'anthropic-compatible');
});
