import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addLatency, emptyLatencySums, firstTokenUs, LatencyMeter } from './latency.ts';

/** One streamed answer whose tokens after the first took 10 ms each. */
function note(meter: LatencyMeter, atMs: number, inputTokens: number, firstTokenMs: number, outputTokens = 101): void {
  const sums = emptyLatencySums();
  const totalMs = firstTokenMs + (outputTokens - 1) * 10;
  addLatency(sums, { inputTokens, firstTokenMs, outputTokens, totalMs });
  meter.note(atMs, sums);
}

test('before anything was seen, nothing is known', () => {
  assert.equal(new LatencyMeter().line(1_000), undefined);
});

test('equal answers give their own latency, more surely the more there are', () => {
  const meter = new LatencyMeter();
  note(meter, 1_000, 500, 400);
  const once = meter.line(1_000)!;
  for (let n = 0; n < 49; n += 1) note(meter, 1_000, 500, 400);
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
    note(long, n, 20_000 + n * 500, 200 + (20_000 + n * 500) * 0.05);
    note(short, n, 100 + n * 50, 200 + (100 + n * 50) * 0.05);
  }

  const one = firstTokenUs(long.line(40)!, 4_000);
  const other = firstTokenUs(short.line(40)!, 4_000);

  assert.ok(Math.abs(one - 400_000) < 4_000, `${one}`);
  assert.ok(Math.abs(other - 400_000) < 4_000, `${other}`);
});

test('time never falls with more input', () => {
  const meter = new LatencyMeter();
  for (let n = 0; n < 40; n += 1) note(meter, n, n * 100, 5_000 - n * 100);

  assert.equal(meter.line(40)!.slopeNs, 0);
});

test('what was long ago fades, and after minutes of silence nothing is known', () => {
  const meter = new LatencyMeter();
  for (let n = 0; n < 20; n += 1) note(meter, 0, 500, 4_000);
  for (let n = 0; n < 20; n += 1) note(meter, 180_000, 500, 400);

  const now = meter.line(180_000)!;
  assert.ok(now.levelUs < 600_000, `${now.levelUs}`);
  const later = meter.line(300_000)!;
  assert.ok(later.spread > now.spread, 'the same knowledge, older, is as sure');
  assert.equal(meter.line(600_000), undefined);
});

test('answers of one token say nothing about the time per token', () => {
  const meter = new LatencyMeter();
  note(meter, 0, 10, 100, 1);

  assert.equal(meter.line(0)!.perTokenUs, 0);
});

test('a clock that is set back does no harm', () => {
  const meter = new LatencyMeter();
  note(meter, 10_000, 10, 100);
  note(meter, 5_000, 10, 100);

  assert.equal(meter.line(1_000)!.levelUs, 100_000);
});

test('where all answers come in one piece, their time over their length tells both', () => {
  const meter = new LatencyMeter();
  for (let n = 0; n < 20; n += 1) {
    const sums = emptyLatencySums();
    const outputTokens = 10 + n * 20;
    addLatency(sums, { inputTokens: 100, firstTokenMs: undefined, outputTokens, totalMs: 300 + outputTokens * 12 });
    meter.note(0, sums);
  }

  const line = meter.line(0)!;
  assert.ok(Math.abs(line.levelUs - 300_000) < 1_000, `${line.levelUs}`);
  assert.ok(Math.abs(line.perTokenUs - 12_000) < 50, `${line.perTokenUs}`);
  assert.equal(line.slopeNs, 0);
});
