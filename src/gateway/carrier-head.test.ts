import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Loss } from '../completion/loss.ts';
import { carrierHead } from './carrier-head.ts';

function headOf(answer: {
  readonly servedModel?: string;
  readonly losses?: readonly Loss[];
  readonly sandbox?: boolean;
}) {
  const raw = carrierHead(
    ['content-type', 'application/json'],
    { arrival: { id: 'ex_1' } },
    {
      deployment: { id: 'gpt-5-us', provider: { sandbox: answer.sandbox ?? false } },
      number: 2,
      servedModel: answer.servedModel,
      losses: answer.losses ?? [],
    },
  );
  return Object.fromEntries(raw.flatMap((name, index) => (index % 2 === 0 ? [[name, raw[index + 1]]] : [])));
}

function loss(path: string): Loss {
  return { action: 'dropped', code: 'top-k-unsupported', path };
}

test('every answer says which exchange it is, who answered, and at which attempt', () => {
  assert.deepEqual(headOf({}), {
    'content-type': 'application/json',
    'x-carrier-exchange-id': 'ex_1',
    'x-carrier-deployment': 'gpt-5-us',
    'x-carrier-attempts': '2',
  });
});

test('the served model and the sandbox are said when they are known and true', () => {
  const head = headOf({ servedModel: 'gpt-5-2026-08-07', sandbox: true });

  assert.equal(head['x-carrier-served-model'], 'gpt-5-2026-08-07');
  assert.equal(head['x-carrier-sandbox'], '1');
});

test('a served model is cut, and made to fit a header', () => {
  assert.equal(headOf({ servedModel: 'gpt\r\nx-evil: 1' })['x-carrier-served-model'], 'gpt__x-evil: 1');
  assert.equal(headOf({ servedModel: 'g'.repeat(257) })['x-carrier-served-model'], 'g'.repeat(256));
});

test('losses are code;path, and what would break the header or the list is replaced', () => {
  const head = headOf({ losses: [loss('top_k'), loss('tools.0,né\r\n')] });

  assert.equal(head['x-carrier-loss'], 'top-k-unsupported;top_k, top-k-unsupported;tools.0_n___');
});

test('losses beyond 1 kB are counted, not listed', () => {
  const head = headOf({ losses: Array.from({ length: 100 }, (_, index) => loss(`messages.${index}`)) });

  const text = head['x-carrier-loss'] ?? '';
  assert.ok(text.length <= 1024, String(text.length));
  assert.match(text, /, top-k-unsupported;messages\.31, more;68$/);
});
