import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { InTurn } from './in-turn.ts';

test('so many are asked at once, and of those that wait the lowest rank comes first, then who came first', async () => {
  const asked: string[] = [];
  const open = new Map<string, () => void>();
  const inTurn = new InTurn(2);
  const ask = (name: string, rank: number) =>
    inTurn.run(
      () => rank,
      () => {
        asked.push(name);
        return new Promise<void>(resolve => open.set(name, resolve));
      },
    );
  const all = [ask('a', 9), ask('b', 9), ask('refill', 2), ask('need', 1), ask('nothing', 0), ask('nothing too', 0)];
  await turn();
  assert.deepEqual(asked, ['a', 'b']);

  for (const name of ['b', 'a', 'nothing', 'nothing too', 'need', 'refill']) {
    open.get(name)!();
    await turn();
  }
  await Promise.all(all);
  assert.deepEqual(asked, ['a', 'b', 'nothing', 'nothing too', 'need', 'refill']);
});

test('a question that fails frees its place, and its answer is its own', async () => {
  const inTurn = new InTurn(1);
  const first = inTurn.run(
    () => 0,
    async () => {
      throw new Error('no');
    },
  );
  const second = inTurn.run(
    () => 0,
    async () => 'yes',
  );

  await assert.rejects(first, /no/);
  assert.equal(await second, 'yes');
  assert.equal(
    await inTurn.run(
      () => 0,
      async () => 'again',
    ),
    'again',
  );
});
