import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decide } from './decide.ts';
import type { CandidateView, Health } from './decision.ts';

function view(handle: string, weight = 1): CandidateView {
  return { handle, weight, priority: 1, zone: 'DE', dialects: ['openai-chat'], priced: true, allowed: true };
}

function orderFor(
  session: string | undefined,
  views: readonly CandidateView[],
  health = new Map<string, Health>(),
  n = 0,
) {
  const facts = {
    exchangeId: `ex_${n}`,
    dialect: 'openai-chat',
    policy: 'sticky',
    inputTokens: 1,
    outputTokens: 1,
    session,
  } as const;
  return decide(views, { atMs: 0, health }, facts, { epoch: n, seed: `seed ${n}` }).order;
}

test('a session stays where it is, over exchanges and epochs', () => {
  const views = [view('a'), view('b'), view('c')];
  const first = orderFor('session', views);

  for (let n = 1; n < 50; n += 1) assert.deepEqual(orderFor('session', views, new Map(), n), first);
});

test('sessions are shared out by weight', () => {
  const views = [view('a', 50), view('b', 30), view('c', 20)];
  const first = { a: 0, b: 0, c: 0 };

  for (let n = 0; n < 20_000; n += 1) first[orderFor(`session ${n}`, views)[0] as 'a'] += 1;

  // Four standard deviations of 20,000 draws, and a little for the steps of the logarithm.
  assert.ok(Math.abs(first.a - 10_000) < 320, `a has ${first.a}`);
  assert.ok(Math.abs(first.b - 6_000) < 290, `b has ${first.b}`);
  assert.ok(Math.abs(first.c - 4_000) < 260, `c has ${first.c}`);
});

test('when one goes, only its sessions move, and when it is back they return', () => {
  const views = [view('a'), view('b'), view('c')];
  for (let n = 0; n < 200; n += 1) {
    const home = orderFor(`session ${n}`, views);
    const away = orderFor(`session ${n}`, views, new Map([['b', { breaker: 'open' } as const]]));
    assert.equal(away[0], home[0] === 'b' ? home[1] : home[0]);
  }
});

test('without a session each exchange is drawn anew', () => {
  const views = [view('a'), view('b'), view('c')];
  const firsts = new Set(Array.from({ length: 40 }, (_, n) => orderFor(undefined, views, new Map(), n)[0]));

  assert.deepEqual([...firsts].sort(), ['a', 'b', 'c']);
});
