import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AttemptOutcome, HealthBook, type KnownDeployment } from './health-book.ts';

function known(handle: string, part: Partial<KnownDeployment> = {}): KnownDeployment {
  return { handle, scopes: [`account ${handle}`, 'provider'], concurrencyMax: undefined, version: '1', ...part };
}

function outcome(handle: string, kind: AttemptOutcome['kind'], part: Partial<AttemptOutcome> = {}): AttemptOutcome {
  const timing = kind === 'answered' ? { firstTokenMs: 300 } : {};
  return {
    handle,
    atMs: 1_000,
    kind,
    inputTokens: 100,
    outputTokens: 11,
    streamingMs: 100,
    inFlight: 1,
    ...timing,
    ...part,
  };
}

function entry(book: HealthBook, handle: string, atMs: number) {
  return book.entries(atMs).find(found => found.handle === handle);
}

test('a deployment that nothing is known of has no entry', () => {
  const book = new HealthBook();
  book.know([known('a')], 0);
  assert.deepEqual(book.entries(1_000), []);
});

test('answers give latency and an error rate of zero', () => {
  const book = new HealthBook();
  book.know([known('a')], 0);
  book.note(outcome('a', 'answered'));
  const { latency, errorPpm } = entry(book, 'a', 1_000)!;
  assert.equal(latency!.levelUs, 300_000);
  assert.equal(latency!.perTokenUs, 10_000);
  assert.equal(errorPpm, 0);
});

test('a fast refusal is no fast answer', () => {
  const book = new HealthBook();
  book.know([known('a')], 0);
  book.note(outcome('a', 'failed', { firstTokenMs: 1 }));
  const found = entry(book, 'a', 1_000)!;
  assert.equal(found.latency, undefined);
  assert.equal(found.errorPpm, 200_000);
});

test('429 cools down and opens nothing', () => {
  const book = new HealthBook();
  book.know([known('a')], 0);
  for (let n = 0; n < 50; n += 1) book.note(outcome('a', 'overloaded', { coolMs: 7_000 }));
  const found = entry(book, 'a', 1_000)!;
  assert.equal(found.coolingUntilMs, 8_000);
  assert.equal(found.breaker, undefined);
  assert.equal(found.concurrencyMax, 180);
  assert.equal(entry(book, 'a', 8_000)?.coolingUntilMs, undefined);
});

test('a cooldown is neither shorter than a quarter of a second nor longer than five minutes, and zero is none', () => {
  const book = new HealthBook();
  book.know([known('a'), known('b'), known('c')], 0);
  book.note(outcome('a', 'overloaded', { coolMs: 1 }));
  book.note(outcome('b', 'overloaded', { coolMs: 10 ** 9 }));
  book.note(outcome('c', 'overloaded', { coolMs: 0 }));
  assert.equal(entry(book, 'a', 1_000)!.coolingUntilMs, 1_250);
  assert.equal(entry(book, 'b', 1_000)!.coolingUntilMs, 301_000);
  assert.equal(entry(book, 'c', 1_000)!.coolingUntilMs, undefined);
});

test('two broken accounts of a provider take the third one out before anybody tries it', () => {
  const book = new HealthBook();
  book.know([known('a'), known('b'), known('c')], 0);
  for (let n = 0; n < 5; n += 1) {
    book.note(outcome('a', 'failed'));
    book.note(outcome('b', 'failed'));
  }
  assert.equal(entry(book, 'c', 1_000)!.breaker, 'open');
  assert.deepEqual([...book.down], ['provider']);
});

test('one that works acquits its provider', () => {
  const book = new HealthBook();
  book.know([known('a'), known('b'), known('c')], 0);
  for (let n = 0; n < 5; n += 1) {
    book.note(outcome('a', 'failed'));
    book.note(outcome('b', 'failed'));
  }
  book.note(outcome('c', 'answered'));
  assert.equal(entry(book, 'c', 1_000)!.breaker, undefined);
});

test('a refused credential is told once, and ends when the deployment is changed', () => {
  const book = new HealthBook();
  book.know([known('a')], 0);
  assert.equal(book.note(outcome('a', 'credential')), true);
  assert.equal(book.note(outcome('a', 'credential')), false);
  assert.equal(entry(book, 'a', 1_000)!.breaker, 'misconfigured');
  book.know([known('a', { version: '1' })], 2_000);
  assert.equal(entry(book, 'a', 2_000)!.breaker, 'misconfigured');
  book.know([known('a', { version: '2' })], 3_000);
  assert.equal(entry(book, 'a', 3_000)?.breaker, undefined);
});

test('a newcomer gets its share bit by bit, those that were there from the start get it at once', () => {
  const book = new HealthBook();
  book.know([known('a')], 0);
  book.know([known('a'), known('b')], 10_000);
  assert.equal(entry(book, 'a', 10_000), undefined);
  assert.deepEqual(
    [10_000, 40_000, 69_999, 70_000].map(atMs => entry(book, 'b', atMs)?.rampPermille),
    [50, 500, 999, undefined],
  );
});

test('half open without a probe left is open, and a probe counts', () => {
  const book = new HealthBook();
  book.know([known('a', { scopes: [] })], 0);
  for (let n = 0; n < 5; n += 1) book.note(outcome('a', 'failed'));
  assert.equal(entry(book, 'a', 1_000)!.breaker, 'open');
  const found = entry(book, 'a', 20_000)!;
  assert.deepEqual([found.breaker, found.rampPermille], ['half-open', 200]);
  for (let n = 0; n < 3; n += 1) assert.equal(book.tryProbe('a', 20_000), true);
  assert.equal(book.tryProbe('a', 20_000), false);
  assert.equal(entry(book, 'a', 20_000)!.breaker, 'open');
});

test('what is gone from the snapshot is forgotten, and its late outcomes are nobody’s', () => {
  const book = new HealthBook();
  book.know([known('a'), known('b')], 0);
  book.know([known('b')], 1_000);
  assert.equal(book.note(outcome('a', 'credential')), false);
  assert.equal(entry(book, 'a', 1_000), undefined);
});
