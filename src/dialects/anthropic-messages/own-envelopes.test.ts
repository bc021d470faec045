import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applyEdits } from '../splice.ts';
import { withoutEnvelopes } from './own-envelopes.ts';
import { anthropicMessagesProfile } from './profile.ts';
import { scanRequest } from './scan.ts';

const lenient = anthropicMessagesProfile.reasoning;
const insisting = { ...lenient, needsState: 'last-tool-turn' } as const;

function cleaned(
  text: string,
  form = lenient,
): { readonly text: string; readonly losses: readonly string[] } | undefined {
  const body = Buffer.from(text);
  const found = withoutEnvelopes(body, scanRequest(body), () => form);
  if (found === undefined) return undefined;
  return {
    text: applyEdits(body, found.edits).toString(),
    losses: found.losses.map(({ code, path }) => `${code};${path}`),
  };
}

const ours = '{"type":"thinking","thinking":"hm","signature":"carrier1AAAA"}';
const oursRedacted = '{ "data" : "carrier1AAAA", "type":"redacted_thinking" }';
const theirs = '{"type":"thinking","thinking":"carrier1","signature":"EqQB"}';
const call = '{"type":"tool_use","id":"a","name":"f","input":{"n":9007199254740993, "s":"\\u00e9é"}}';

function request(content: string, more = ''): string {
  return `{"model":"m", "messages":[{"role":"user","content":"carrier1?"}, {"content":${content},"role":"assistant"}, {"role":"user","content":[]}]${more}}`;
}

test('a request without an envelope of ours is left as it is', () => {
  assert.equal(cleaned(request(`[${theirs},${call}]`)), undefined);
  assert.equal(cleaned('{"model":"m","messages":"carrier1"}'), undefined);
  assert.equal(cleaned('{"model":"m","messages":[1,null,{"role":"assistant","content":"carrier1AAAA"}]}'), undefined);
  assert.equal(cleaned('{"model":"m","messages":[{"role":"user","content":"hello"}]}'), undefined);
});

test('thinking of another dialect is cut out by its bytes, and all others stay as they are', () => {
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
    text: request('[{"type":"text","text":"(no answer)"}]'),
    losses: ['reasoning-state-foreign;messages.1.content.0'],
  });
});

test('thinking is turned off where the model insists on what is gone', () => {
  const on = ',"thinking":{"type":"enabled","budget_tokens":1024},"max_tokens":2000';
  const off = ',"thinking":{"type":"disabled"},"max_tokens":2000';
  const foreign = 'reasoning-state-foreign;messages.1.content.0';

  assert.deepEqual(cleaned(request(`[${ours},${call}]`, on), insisting), {
    text: request(`[${call}]`, off),
    losses: [foreign, 'reasoning-state-missing;thinking'],
  });
  assert.deepEqual(cleaned(request(`[${ours},${call}]`, on), lenient)?.losses, [foreign]);
  assert.deepEqual(cleaned(request(`[${ours},{"type":"text","text":"a"}]`, on), insisting)?.losses, [foreign]);
  assert.deepEqual(cleaned(request(`[${ours},${theirs},${call}]`, on), insisting)?.losses, [foreign]);
  assert.deepEqual(cleaned(request(`[${ours},${call}]`, ',"thinking":{"type":"adaptive"}'), insisting)?.losses, [
    foreign,
  ]);
});
