import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applyEdits } from '../splice.ts';
import { withoutEnvelopes } from './own-envelopes.ts';
import { bedrockConverseProfile } from './profile.ts';
import { scanRequest } from './scan.ts';

const lenient = bedrockConverseProfile.reasoning;
const insisting = { ...lenient, needsState: 'last-tool-turn' } as const;

function cleaned(
  text: string,
  form = lenient,
): { readonly text: string; readonly losses: readonly string[] } | undefined {
  const body = Buffer.from(text);
  const scan = scanRequest(body, { requestedModel: 'm', stream: false });
  const found = withoutEnvelopes(body, scan, () => form);
  if (found === undefined) return undefined;
  return {
    text: applyEdits(body, found.edits).toString(),
    losses: found.losses.map(({ code, path }) => `${code};${path}`),
  };
}

const ours = '{"reasoningContent":{"reasoningText":{"text":"hm","signature":"carrier1AAAA"}}}';
const oursRedacted = '{ "reasoningContent" : { "redactedContent":"carrier1AAAA" } }';
const theirs = '{"reasoningContent":{"reasoningText":{"text":"carrier1","signature":"EqQB"}}}';
const call = '{"toolUse":{"toolUseId":"a","name":"f","input":{"n":9007199254740993, "s":"\\u00e9é"}}}';

function request(content: string, more = ''): string {
  return `{"messages":[{"role":"user","content":[{"text":"carrier1?"}]}, {"content":${content},"role":"assistant"}, {"role":"user","content":[]}]${more}}`;
}

test('a request without an envelope of ours is left as it is', () => {
  assert.equal(cleaned(request(`[${theirs},${call}]`)), undefined);
  assert.equal(cleaned('{"messages":"carrier1"}'), undefined);
  assert.equal(cleaned('{"messages":[1,null,{"role":"assistant","content":"carrier1AAAA"}]}'), undefined);
});

test('reasoning of another dialect is cut out by its bytes, and all others stay as they are', () => {
  assert.deepEqual(cleaned(request(`[ ${ours} , ${call}, ${oursRedacted}]`)), {
    text: request(`[${call}]`),
    losses: ['reasoning-state-foreign;messages.1.content.0', 'reasoning-state-foreign;messages.1.content.2'],
  });
  assert.deepEqual(cleaned(request(`[${theirs},${ours},${call}]`)), {
    text: request(`[${theirs},${call}]`),
    losses: ['reasoning-state-foreign;messages.1.content.1'],
  });
});

test('a message that was all thought is not left empty', () => {
  assert.deepEqual(cleaned(request(`[${ours}]`)), {
    text: request('[{"text":"(no answer)"}]'),
    losses: ['reasoning-state-foreign;messages.1.content.0'],
  });
});

test('thinking is turned off where the model insists on what is gone', () => {
  const on = ',"additionalModelRequestFields":{"top_k":3,"thinking":{"type":"enabled","budget_tokens":1024}}';
  const off = ',"additionalModelRequestFields":{"top_k":3,"thinking":{"type":"disabled"}}';
  const foreign = 'reasoning-state-foreign;messages.1.content.0';

  assert.deepEqual(cleaned(request(`[${ours},${call}]`, on), insisting), {
    text: request(`[${call}]`, off),
    losses: [foreign, 'reasoning-state-missing;additionalModelRequestFields.thinking'],
  });
  assert.deepEqual(cleaned(request(`[${ours},${call}]`, on), lenient)?.losses, [foreign]);
  assert.deepEqual(cleaned(request(`[${ours},{"text":"a"}]`, on), insisting)?.losses, [foreign]);
  assert.deepEqual(cleaned(request(`[${ours},${theirs},${call}]`, on), insisting)?.losses, [foreign]);
});
