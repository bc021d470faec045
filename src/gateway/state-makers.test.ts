import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reasoningStates } from '../../test/support/reasoning.ts';
import { snapshotJson } from '../../test/support/snapshot.ts';
import { dialects } from '../dialects/registry.ts';
import { readRequest } from '../dialects/translate.ts';
import { loadSnapshot, type ResolvedRoute } from '../snapshot/load.ts';
import type { Recalled } from './open-reasoning.ts';
import { stateMakers } from './state-makers.ts';

const { seal } = reasoningStates();
const snapshot = loadSnapshot(
  snapshotJson({
    providers: [
      { name: 'openai' },
      { name: 'anthropic', kind: 'anthropic', dialects: ['anthropic-messages'] },
      { name: 'both', kind: 'anthropic', dialects: ['anthropic-messages', 'openai-chat'] },
    ],
    deployments: [
      { id: 'sonnet', model: 'anthropic/sonnet', targetModel: 'claude-sonnet-5', provider: 'anthropic' },
      { id: 'sonnet-dated', model: 'anthropic/sonnet', targetModel: 'claude-sonnet-5-20260101', provider: 'anthropic' },
      { id: 'opus', model: 'anthropic/opus', targetModel: 'claude-opus-5', provider: 'anthropic' },
      { id: 'own-words', model: 'anthropic/sonnet', targetModel: 'claude-sonnet-5', provider: 'both' },
      { id: 'chat', model: 'openai/gpt-5', targetModel: 'gpt-5' },
    ],
    routes: [
      {
        name: 'all',
        candidates: ['sonnet', 'sonnet-dated', 'opus', 'own-words', 'chat'].map(deployment => ({ deployment })),
      },
    ],
  }),
);

function makersOf(
  state: string | undefined,
  { organisation = 'acme', recalled = new Map() }: { organisation?: string; recalled?: Recalled } = {},
): readonly string[] {
  const details = state === undefined ? {} : { reasoning_details: [{ type: 'reasoning.encrypted', data: state }] };
  const body = {
    model: 'all',
    messages: [
      { role: 'user', content: 'think' },
      {
        role: 'assistant',
        content: 'so',
        ...details,
        tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'look', arguments: '{}' } }],
      },
      { role: 'tool', tool_call_id: 'call_1', content: 'seen' },
      { role: 'user', content: 'on' },
    ],
  };
  const read = readRequest(dialects.get('openai-chat')!, Buffer.from(JSON.stringify(body)));
  // A resolved route: the name is in the snapshot.
  const route = snapshot.resolve('all') as ResolvedRoute;
  return [...stateMakers(read, { route, client: 'openai-chat', organisation, recalled }, seal)].sort();
}

const maker = { dialect: 'anthropic-messages', kind: 'anthropic', targetModel: 'claude-sonnet-5' } as const;
const envelope = seal.seal({ maker, state: 'signed', text: 'thought', redacted: false }, 'acme');

test('whoever can read the state that is given back is named, by model and not by name', () => {
  assert.deepEqual(makersOf(envelope), ['h-sonnet', 'h-sonnet-dated']);
});

test('a state that is kept for the client names whom it would name if it were sent', () => {
  assert.deepEqual(makersOf(undefined, { recalled: new Map([['call_1', [envelope!]]]) }), [
    'h-sonnet',
    'h-sonnet-dated',
  ]);
  assert.deepEqual(makersOf(undefined, { recalled: new Map([['call_2', [envelope!]]]) }), []);
  const other = seal.seal(
    { maker: { ...maker, targetModel: 'claude-opus-5' }, state: 's', text: '', redacted: false },
    'acme',
  );
  // What the client sends itself is of the same turn, and wins.
  assert.deepEqual(makersOf(other, { recalled: new Map([['call_1', [envelope!]]]) }), ['h-opus']);
});

test('a state in its maker’s own form names those who are called in the client’s own dialect', () => {
  assert.deepEqual(makersOf('in somebody’s own form'), ['h-chat', 'h-own-words']);
});

test('no state, another organisation’s or a broken one names nobody', () => {
  assert.deepEqual(makersOf(undefined), []);
  assert.deepEqual(makersOf(envelope, { organisation: 'other' }), []);
  assert.deepEqual(makersOf(`${envelope!.slice(0, -8)}AAAAAAA=`), []);
});
