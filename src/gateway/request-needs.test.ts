import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LossLedger } from '../completion/loss.ts';
import type { CompletionRequest } from '../completion/request.ts';
import { openaiChat } from '../dialects/openai-chat/dialect.ts';
import { needsOf } from './request-needs.ts';

const text = { model: 'm', messages: [{ role: 'user', content: 'hi' }] };

function needs(body: object, change: Partial<CompletionRequest> = {}) {
  const bytes = Buffer.from(JSON.stringify(body));
  const request = openaiChat.decodeRequest(Buffer.from(JSON.stringify(text)), new LossLedger());
  return needsOf({ ...request, ...change }, openaiChat.scanRequest(bytes));
}

test('text needs nothing', () => {
  assert.deepEqual(needs(text), []);
});

test('what a request uses is what it needs, in one order', () => {
  const content = [
    { type: 'image_url', image_url: { url: 'https://example.com/a.png' } },
    { type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,JVBERi0xLjQK' } },
  ];
  const tools = [{ type: 'function', function: { name: 'look' } }];
  const found = needs(
    { ...text, messages: [{ role: 'user', content }], tools, n: 2 },
    {
      output: { type: 'json-schema', name: 'x', description: undefined, schema: {}, strict: true },
      logprobs: { alternatives: 2 },
      reasoning: { mode: 'unset', effort: 'low', budgetTokens: undefined, display: undefined },
    },
  );
  assert.deepEqual(found, ['tools', 'images', 'documents', 'json-schema', 'reasoning', 'logprobs', 'several-answers']);
});

test('thinking that is turned off is not needed', () => {
  const reasoning = { mode: 'off', effort: undefined, budgetTokens: undefined, display: undefined } as const;
  assert.deepEqual(needs(text, { reasoning }), []);
});

test('of a request that cannot be read, the scan tells', () => {
  const body = {
    ...text,
    messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'https://a/b' } }] }],
  };
  assert.deepEqual(needsOf(undefined, openaiChat.scanRequest(Buffer.from(JSON.stringify(body)))), ['images']);
});
