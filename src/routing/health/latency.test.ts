import assert from 'node:assert/strict';
import { test } from 'node:test';
import { firstTokenUs, LatencyMeter } from './latency.ts';

function sample(atMs: number, inputTokens: number, firstTokenMs: number, outputTokens = 101, streamingMs = 1_000) {
  return { atMs, inputTokens, firstTokenMs, outputTokens, streamingMs };
}

test('before anything was seen, nothing is known', () => {
  assert.equal(new LatencyMeter().line(1_000), undefined);
});

test('equal answers give their own latency, more surely the more there are', () => {
  const meter = new LatencyMeter();
  meter.note(sample(1_000, 500, 400));
  const once = meter.line(1_000)!;
  for (let n = 0; n < 49; n += 1) meter.note(sample(1_000, 500, 400));
  const often = meter.line(1_000)!;

  assert.deepEqual({ ...once, spread: 0 }, { levelUs: 400_000, slopeNs: 0, perTokenUs: 10_000, spread: 0 });
  assert.ok(once.spread > 500, `one sample is too sure: ${once.spread}`);
  assert.ok(often.spread < 60, `fifty equal samples are too unsure: ${often.spread}`);
});

test('time grows with input along a line, so long prompts do not make a deployment look slow', () => {
  const long = new LatencyMeter();
  const short = new LatencyMeter();
  for (let n = 0; n < 40; n += 1) {
    // Both need 200 ms and 50 µs a token.
    long.note(sample(n, 20_000 + n * 500, 200 + (20_000 + n * 500) * 0.05));
    short.note(sample(n, 100 + n * 50, 200 + (100 + n * 50) * 0.05));
  }

  const one = firstTokenUs(long.line(40)!, 4_000);
  const other = firstTokenUs(short.line(40)!, 4_000);

  assert.ok(Math.abs(one - 400_000) < 4_000, `${one}`);
  assert.ok(Math.abs(other - 400_000) < 4_000, `${other}`);
});

test('time never falls with more input', () => {
  const meter = new LatencyMeter();
  for (let n = 0; n < 40; n += 1) meter.note(sample(n, n * 100, 5_000 - n * 100));

  assert.equal(meter.line(40)!.slopeNs, 0);
});

test('what was long ago fades, and after minutes of silence nothing is known', () => {
  const meter = new LatencyMeter();
  for (let n = 0; n < 20; n += 1) meter.note(sample(0, 500, 4_000));
  for (let n = 0; n < 20; n += 1) meter.note(sample(180_000, 500, 400));

  const now = meter.line(180_000)!;
  assert.ok(now.levelUs < 600_000, `${now.levelUs}`);
  const later = meter.line(300_000)!;
  assert.ok(later.spread > now.spread, 'the same knowledge, older, is as sure');
  assert.equal(meter.line(600_000), undefined);
});

test('answers of one token say nothing about the time per token', () => {
  const meter = new LatencyMeter();
  meter.note(sample(0, 10, 100, 1, 0));

  assert.equal(meter.line(0)!.perTokenUs, 0);
});

test('a clock that is set back does no harm', () => {
  const meter = new LatencyMeter();
  meter.note(sample(10_000, 10, 100));
  meter.note(sample(5_000, 10, 100));

  assert.equal(meter.line(1_000)!.levelUs, 100_000);
});
