import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reasoningStates } from '../../test/support/reasoning.ts';
import { snapshotJson } from '../../test/support/snapshot.ts';
import { dialects } from '../dialects/registry.ts';
import { readRequest } from '../dialects/translate.ts';
import { loadSnapshot, type ResolvedRoute } from '../snapshot/load.ts';
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

function makersOf(state: string | undefined, organisation = 'acme'): readonly string[] {
  const details = state === undefined ? {} : { reasoning_details: [{ type: 'reasoning.encrypted', data: state }] };
  const body = {
    model: 'all',
    messages: [
      { role: 'user', content: 'think' },
      { role: 'assistant', content: 'so', ...details },
      { role: 'user', content: 'on' },
    ],
  };
  const read = readRequest(dialects.get('openai-chat')!, Buffer.from(JSON.stringify(body)));
  // A resolved route: the name is in the snapshot.
  const route = snapshot.resolve('all') as ResolvedRoute;
  return [...stateMakers(read, { route, client: 'openai-chat', organisation }, seal)].sort();
}

const maker = { dialect: 'anthropic-messages', kind: 'anthropic', targetModel: 'claude-sonnet-5' } as const;
const envelope = seal.seal({ maker, state: 'signed', text: 'thought', redacted: false }, 'acme');

test('whoever can read the state that is given back is named, by model and not by name', () => {
  assert.deepEqual(makersOf(envelope), ['h-sonnet', 'h-sonnet-dated']);
});

test('no state, a foreign one, another organisation’s or a broken one names nobody', () => {
  assert.deepEqual(makersOf(undefined), []);
  assert.deepEqual(makersOf('somebody else’s'), []);
  assert.deepEqual(makersOf(envelope, 'other'), []);
  assert.deepEqual(makersOf(`${envelope!.slice(0, -8)}AAAAAAA=`), []);
});
