import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EpochChain, seedMatches } from './epochs.ts';

const day = Date.UTC(2026, 10, 20);
const secret = '00'.repeat(32);

test('an epoch is a minute, and its number counts minutes since 1970', () => {
  const chain = new EpochChain(day, secret);

  const first = chain.drawAt(day)!;
  assert.equal(first.epoch, 29_912_160);
  assert.deepEqual(chain.drawAt(day + 59_999), first);
  assert.equal(chain.drawAt(day + 60_000)!.epoch, 29_912_161);
  assert.notEqual(chain.drawAt(day + 60_000)!.seed, first.seed);
});

test('the last epoch of the day has the secret itself, and the next day is another chain', () => {
  const chain = new EpochChain(day, secret);
  assert.equal(chain.drawAt(day + 86_399_999)!.seed, secret);
  assert.equal(chain.drawAt(day + 86_400_000), undefined);
  assert.equal(chain.drawAt(day - 1), undefined);
});

test('each seed is the SHA-256 of the one after it', () => {
  const chain = new EpochChain(day, secret);
  // SHA-256 of 32 zero bytes.
  assert.equal(
    chain.drawAt(day + 86_399_999 - 60_000)!.seed,
    '66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925',
  );
});

test('every seed of the day follows from the anchor, and no other does', () => {
  const chain = new EpochChain(day, 'ab'.repeat(32));
  const other = new EpochChain(day, 'cd'.repeat(32));
  for (const minute of [0, 1, 719, 1_439]) {
    const draw = chain.drawAt(day + minute * 60_000)!;
    assert.equal(seedMatches(draw, chain.anchor), true);
    assert.equal(seedMatches(draw, other.anchor), false);
    assert.equal(seedMatches({ ...draw, epoch: draw.epoch + 1 }, chain.anchor), false);
  }
  assert.equal(seedMatches({ epoch: 29_912_160, seed: 'short' }, chain.anchor), false);
  assert.equal(seedMatches({ epoch: Number.NaN, seed: secret }, chain.anchor), false);
});

test('a chain begins with a day and has a whole secret', () => {
  assert.throws(() => new EpochChain(day + 1, secret), /begins with a day/);
  assert.throws(() => new EpochChain(day, 'ab'), /32 bytes/);
});
