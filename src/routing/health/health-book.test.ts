import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AttemptFailure, HealthBook, type KnownDeployment } from './health-book.ts';
import { addLatency, emptyLatencySums } from './latency.ts';

function known(handle: string, part: Partial<KnownDeployment> = {}): KnownDeployment {
  return { handle, scopes: [`account ${handle}`, 'provider'], concurrencyMax: undefined, version: '1', ...part };
}

function answer(book: HealthBook, handle: string, atMs = 1_000): void {
  const latency = emptyLatencySums();
  addLatency(latency, { inputTokens: 100, firstTokenMs: 300, outputTokens: 11, totalMs: 400 });
  book.answered({ handle, atMs, answers: 1, latency, inFlight: 1 });
}

function failure(handle: string, kind: AttemptFailure['kind'], coolMs?: number): AttemptFailure {
  return { handle, atMs: 1_000, kind, coolMs };
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
  answer(book, 'a');
  const { latency, errorPpm } = entry(book, 'a', 1_000)!;
  assert.equal(latency!.levelUs, 300_000);
  assert.equal(latency!.perTokenUs, 10_000);
  assert.equal(errorPpm, 0);
});

test('a fast refusal is no fast answer', () => {
  const book = new HealthBook();
  book.know([known('a')], 0);
  book.failed(failure('a', 'failed'));
  const found = entry(book, 'a', 1_000)!;
  assert.equal(found.latency, undefined);
  assert.equal(found.errorPpm, 200_000);
});

test('429 cools down and opens nothing', () => {
  const book = new HealthBook();
  book.know([known('a')], 0);
  for (let n = 0; n < 50; n += 1) book.failed(failure('a', 'overloaded', 7_000));
  const found = entry(book, 'a', 1_000)!;
  assert.equal(found.coolingUntilMs, 8_000);
  assert.equal(found.breaker, undefined);
  assert.equal(found.concurrencyMax, 180);
  assert.equal(entry(book, 'a', 8_000)?.coolingUntilMs, undefined);
});

test('a cooldown is neither shorter than a quarter of a second nor longer than five minutes, and zero is none', () => {
  const book = new HealthBook();
  book.know([known('a'), known('b'), known('c')], 0);
  book.failed(failure('a', 'overloaded', 1));
  book.failed(failure('b', 'overloaded', 10 ** 9));
  book.failed(failure('c', 'overloaded', 0));
  assert.equal(entry(book, 'a', 1_000)!.coolingUntilMs, 1_250);
  assert.equal(entry(book, 'b', 1_000)!.coolingUntilMs, 301_000);
  assert.equal(entry(book, 'c', 1_000)!.coolingUntilMs, undefined);
});

test('two broken accounts of a provider take the third one out before anybody tries it', () => {
  const book = new HealthBook();
  book.know([known('a'), known('b'), known('c')], 0);
  for (let n = 0; n < 5; n += 1) {
    book.failed(failure('a', 'failed'));
    book.failed(failure('b', 'failed'));
  }
  assert.equal(entry(book, 'c', 1_000)!.breaker, 'open');
  const { breaker, downScope } = book.diagnose(1_000).find(({ handle }) => handle === 'c')!;
  assert.deepEqual({ breaker, downScope }, { breaker: 'closed', downScope: 'provider' });
});

test('one that works acquits its provider', () => {
  const book = new HealthBook();
  book.know([known('a'), known('b'), known('c')], 0);
  for (let n = 0; n < 5; n += 1) {
    book.failed(failure('a', 'failed'));
    book.failed(failure('b', 'failed'));
  }
  answer(book, 'c');
  assert.equal(entry(book, 'c', 1_000)!.breaker, undefined);
});

test('a refused credential is told once, and ends when the deployment is changed', () => {
  const book = new HealthBook();
  book.know([known('a')], 0);
  assert.equal(book.failed(failure('a', 'credential')), true);
  assert.equal(book.failed(failure('a', 'credential')), false);
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

test('half open it gets a fifth of its share', () => {
  const book = new HealthBook();
  book.know([known('a', { scopes: [] })], 0);
  for (let n = 0; n < 5; n += 1) book.failed(failure('a', 'failed'));
  assert.equal(entry(book, 'a', 1_000)!.breaker, 'open');
  const found = entry(book, 'a', 20_000)!;
  assert.deepEqual([found.breaker, found.rampPermille], ['half-open', 200]);
});

test('what is gone from the snapshot is forgotten, and its late outcomes are nobody’s', () => {
  const book = new HealthBook();
  book.know([known('a'), known('b')], 0);
  book.know([known('b')], 1_000);
  assert.equal(book.failed(failure('a', 'credential')), false);
  assert.equal(entry(book, 'a', 1_000), undefined);
});

test('a diagnosis has everybody, and says until when a breaker is open and what the limit is', () => {
  const book = new HealthBook();
  book.know([known('a'), { ...known('b'), concurrencyMax: 8 }], 0);
  for (let n = 0; n < 5; n += 1) book.failed(failure('a', 'failed'));

  const [a, b] = book.diagnose(1_000);
  const { openUntilMs, triedAtMs, ...rest } = a!;
  assert.deepEqual(
    { ...rest, isOpenFor15s: openUntilMs! >= 16_000 && openUntilMs! <= 19_750, triedAtMs },
    {
      handle: 'a',
      entry: { handle: 'a', errorPpm: 555_556, breaker: 'open' },
      breaker: 'open',
      downScope: undefined,
      concurrencyMax: 200,
      isConcurrencyConfigured: false,
      isOpenFor15s: true,
      triedAtMs: 1_000,
    },
  );
  assert.deepEqual(b, {
    handle: 'b',
    entry: { handle: 'b', concurrencyMax: 8 },
    breaker: 'closed',
    openUntilMs: undefined,
    downScope: undefined,
    concurrencyMax: 8,
    isConcurrencyConfigured: true,
    triedAtMs: undefined,
  });
});
