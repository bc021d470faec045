import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Breaker, breakerDefaults } from './breaker.ts';

function failing(breaker: Breaker, times: number, atMs: number): void {
  for (let n = 0; n < times; n += 1) breaker.failed(atMs);
}

test('four failures in a row leave it closed, the fifth opens it', () => {
  const breaker = new Breaker();
  failing(breaker, 4, 1_000);
  assert.equal(breaker.state(1_000), 'closed');
  breaker.failed(1_000);
  assert.equal(breaker.state(1_000), 'open');
});

test('a success in between begins the row anew', () => {
  const breaker = new Breaker();
  failing(breaker, 4, 1_000);
  breaker.succeeded(1_000);
  failing(breaker, 4, 1_000);
  assert.equal(breaker.state(1_000), 'closed');
});

test('half of twenty outcomes failing opens it, less does not', () => {
  const half = new Breaker();
  const less = new Breaker();
  for (let n = 0; n < 10; n += 1) {
    half.succeeded(1_000);
    half.failed(1_000);
    less.succeeded(1_000);
    if (n < 9) less.failed(1_000);
  }
  less.succeeded(1_000);
  assert.equal(half.state(1_000), 'open');
  assert.equal(less.state(1_000), 'closed');
});

test('what lies before the window does not count', () => {
  const breaker = new Breaker();
  for (let n = 0; n < 9; n += 1) {
    breaker.succeeded(0);
    breaker.failed(0);
  }
  breaker.succeeded(31_000);
  for (let n = 0; n < 3; n += 1) breaker.failed(31_000);
  assert.equal(breaker.state(31_000), 'closed');
});

test('after its time it is half open, gives three probes, and two successes close it', () => {
  const breaker = new Breaker();
  failing(breaker, 5, 0);

  assert.equal(breaker.state(14_999), 'open');
  assert.equal(breaker.tryProbe(14_999), false);
  assert.equal(breaker.state(15_000), 'half-open');
  assert.deepEqual(
    [1, 2, 3, 4].map(() => breaker.tryProbe(15_000)),
    [true, true, true, false],
  );
  breaker.succeeded(15_100);
  assert.equal(breaker.state(15_100), 'half-open');
  breaker.succeeded(15_200);
  assert.equal(breaker.state(15_200), 'closed');
});

test('once closed it gets its share bit by bit', () => {
  const breaker = new Breaker();
  failing(breaker, 5, 0);
  breaker.tryProbe(15_000);
  breaker.tryProbe(15_000);
  breaker.succeeded(15_000);
  breaker.succeeded(15_000);

  assert.deepEqual(
    [15_000, 30_000, 44_999, 45_000].map(atMs => breaker.rampPermille(atMs)),
    [50, 500, 999, undefined],
  );
});

test('two failed probes open it again, for twice as long, at most five minutes', () => {
  const breaker = new Breaker();
  failing(breaker, 5, 0);
  let atMs = 15_000;
  const stays: number[] = [];
  for (let round = 0; round < 7; round += 1) {
    assert.equal(breaker.state(atMs), 'half-open');
    breaker.tryProbe(atMs);
    breaker.tryProbe(atMs);
    failing(breaker, 2, atMs);
    let until = atMs;
    while (breaker.state(until) === 'open') until += 1_000;
    stays.push(until - atMs);
    atMs = until;
  }
  assert.deepEqual(stays, [30_000, 60_000, 120_000, 240_000, 300_000, 300_000, 300_000]);
});

test('jitter makes it stay longer by up to a quarter, always the same', () => {
  const breaker = new Breaker(breakerDefaults, 1_000);
  failing(breaker, 5, 0);
  assert.equal(breaker.state(18_749), 'open');
  assert.equal(breaker.state(18_750), 'half-open');
});

test('a probe that never came back is given again after a minute', () => {
  const breaker = new Breaker();
  failing(breaker, 5, 0);
  for (let n = 0; n < 3; n += 1) breaker.tryProbe(15_000);
  assert.equal(breaker.tryProbe(74_999), false);
  assert.equal(breaker.tryProbe(75_000), true);
});

test('a refused credential is healed by no time, only by another configuration', () => {
  const breaker = new Breaker();
  breaker.refusedCredential();
  assert.equal(breaker.state(10 ** 12), 'misconfigured');
  breaker.reconfigured();
  assert.equal(breaker.state(10 ** 12), 'closed');
});
