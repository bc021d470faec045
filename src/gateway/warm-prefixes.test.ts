import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ExpectedOutput } from './expected-output.ts';
import { prefixDigests, WarmPrefixes } from './warm-prefixes.ts';

const conversation = (turns: number) => Buffer.from(`{"messages":[${'"a turn of the conversation",'.repeat(turns)}`);

test('a request shorter than what providers cache has no prefix', () => {
  assert.deepEqual(prefixDigests(Buffer.alloc(4_095, 'a'), 'acme'), []);
  assert.equal(prefixDigests(Buffer.alloc(4_096, 'a'), 'acme').length, 1);
  assert.equal(prefixDigests(Buffer.alloc(10_000_000, 'a'), 'acme').length, 64);
});

test('a conversation that grew begins as it did before, and one that differs early shares nothing', () => {
  const before = prefixDigests(conversation(400), 'acme');
  const after = prefixDigests(conversation(600), 'acme');
  const other = prefixDigests(Buffer.from(`{${conversation(400).toString()}`), 'acme');

  assert.equal(before.length, 2);
  assert.deepEqual(after.slice(0, 2), before);
  assert.equal(other.filter(digest => before.includes(digest)).length, 0);
});

test('two organisations never share a prefix', () => {
  assert.notDeepEqual(prefixDigests(conversation(400), 'acme'), prefixDigests(conversation(400), 'other'));
});

test('the longest beginning that a deployment read within five minutes is warm there, and nowhere else', () => {
  const warm = new WarmPrefixes();
  warm.answered('one', ['a', 'b'], 1_000);
  warm.answered('two', ['a'], 1_000);

  assert.equal(warm.tokensAt('one', ['a', 'b', 'c'], 300_999), 2_048);
  assert.equal(warm.tokensAt('two', ['a', 'b', 'c'], 300_999), 1_024);
  assert.equal(warm.tokensAt('three', ['a', 'b', 'c'], 1_000), 0);
  assert.equal(warm.tokensAt('one', ['a', 'b', 'c'], 301_000), 0);
  assert.equal(warm.tokensAt('one', [], 1_000), 0);
});

test('of one prefix only the last four places are known', () => {
  const warm = new WarmPrefixes();
  for (const handle of ['one', 'two', 'three', 'four', 'one', 'five']) warm.answered(handle, ['a'], 0);

  assert.deepEqual(
    ['one', 'two', 'three', 'four', 'five'].map(handle => warm.tokensAt(handle, ['a'], 0)),
    [1_024, 0, 1_024, 1_024, 1_024],
  );
});

test('prefixes that nobody used for long make room for others', () => {
  const warm = new WarmPrefixes();
  warm.answered('one', ['first', 'second'], 0);
  for (let n = 0; n < 65_534; n += 1) warm.answered('one', [`p${n}`], 0);
  warm.answered('one', ['first'], 0);
  warm.answered('one', ['last'], 0);

  assert.deepEqual(
    ['first', 'second', 'last'].map(digest => warm.tokensAt('one', [digest], 0)),
    [1_024, 0, 1_024],
  );
});

test('an answer is expected to be as long as those before, and never longer than the request allows', () => {
  const output = new ExpectedOutput();
  assert.equal(output.of('smart', undefined), 500);
  assert.equal(output.of('smart', 7), 7);
  output.answered('smart', 1_000);
  output.answered('smart', 360);
  assert.equal(output.of('smart', undefined), 980);
  assert.equal(output.of('smart', 100), 100);
  assert.equal(output.of('other', undefined), 500);
});

test('an answer of nothing counts, and of another route the mean is its own', () => {
  const output = new ExpectedOutput();
  output.answered('empty', 0);
  assert.equal(output.of('empty', undefined), 1);
  for (let n = 0; n < 4_096; n += 1) output.answered(`route-${n}`, 10);
  assert.equal(output.of('empty', undefined), 500);
});
