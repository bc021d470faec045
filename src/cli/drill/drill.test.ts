import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drillPage } from './drill-page.ts';
import { type DrillReport, reportDrill } from './drill-report.ts';
import { judge } from './judge.ts';
import { failureIn } from './load.ts';
import type { AskedOnce, Glimpse, Observed } from './observations.ts';
import { phaseAt, planDrill } from './plan.ts';
import { drawDrill } from './plots.ts';
import { formatDrill, formatProgress } from './show-drill.ts';

const plan = planDrill({ seconds: 50, rate: 2 });

/** Two requests a second; A answers every third, but in `hard` and `limited`, where B answers for it at the second try. */
function observed(change: Partial<Observed> = {}, each: (asked: AskedOnce) => AskedOnce = one => one): Observed {
  const asked = Array.from({ length: 100 }, (_, number): AskedOnce => {
    const atMs = number * 500;
    const { name } = phaseAt(plan.phases, atMs);
    const first = (['a', 'b', 'c'] as const)[number % 3]!;
    const isMoved = first === 'a' && (name === 'hard' || name === 'limited');
    const durationMs = first === 'a' && name === 'slow' ? 1_250 : isMoved ? 65 : 50;
    return each({ atMs, durationMs, failure: undefined, deployment: isMoved ? 'b' : first, attempts: isMoved ? 2 : 1 });
  });
  const glimpses = Array.from({ length: 51 }, (_, second): Glimpse => {
    const { name } = phaseAt(plan.phases, second * 1_000 - 1);
    const arrived = { a: second, b: second * 2, c: second * 3 };
    return { atMs: second * 1_000, arrived, states: { a: name === 'hard' ? 'open' : 'well', b: 'well', c: 'well' } };
  });
  return {
    startedAt: '2026-11-20T17:00:00.000Z',
    asked,
    unsent: 0,
    glimpses,
    accounts: { exchanges: 100, open: 0, beyondShare: 0 },
    ...change,
  };
}

const report = reportDrill(plan, observed());
const outcomes = (of: DrillReport) => Object.fromEntries(judge(of).map(({ name, outcome }) => [name, outcome]));
const allHeld = {
  'no-errors': 'held',
  attempts: 'held',
  'left-alone': 'held',
  unnoticed: 'held',
  equal: 'held',
  contained: 'held',
  'comes-back': 'held',
  accounted: 'held',
};

test('phases follow each other without a gap and end with the drill', () => {
  assert.deepEqual(
    plan.phases.map(({ name, fromMs, toMs }) => [name, fromMs, toMs]),
    [
      ['calm', 0, 5_000],
      ['hard', 5_000, 12_000],
      ['slow', 12_000, 30_000],
      ['limited', 30_000, 38_000],
      ['back', 38_000, 50_000],
    ],
  );
  const uneven = planDrill({ seconds: 13, rate: 5 }).phases;
  assert.deepEqual(
    uneven.map(({ toMs }) => toMs),
    [1_300, 3_100, 7_800, 9_900, 13_000],
  );
  assert.equal(phaseAt(plan.phases, 60_000).name, 'back');
});

test('each phase is added up: who answered, who was asked, what it took and what that added', () => {
  assert.deepEqual(report.phases[1], {
    name: 'hard',
    title: 'A fails: status 500',
    fromMs: 5_000,
    toMs: 12_000,
    asked: 14,
    failed: 0,
    failedOver: 4,
    durationMs: { p50: 50, p99: 65 },
    addedMs: { p50: 0, p99: 15 },
    answeredBy: { a: 0, b: 9, c: 5 },
    inflow: { a: 0, b: 4, c: 0 },
    arrived: { a: 7, b: 14, c: 21 },
    statesOfA: ['open'],
  });
  assert.deepEqual(report.phases[2]!.durationMs, { p50: 50, p99: 1_250 });
  assert.deepEqual([report.asked, report.failed, report.attemptsMost, report.sliceMs], [100, 0, 2, 1_000]);
  assert.deepEqual(report.slices[0], {
    fromMs: 0,
    answered: 2,
    failed: 0,
    durationMs: { p50: 50, p99: 50 },
    answeredBy: { a: 1, b: 1, c: 0 },
    inflow: { a: 1, b: 2, c: 3 },
    states: { a: 'well', b: 'well', c: 'well' },
  });
});

test('a drill in which nothing went wrong holds', () => {
  assert.deepEqual(outcomes(report), allHeld);
});

test('each claim breaks by itself', () => {
  const broken = (seen: Observed) =>
    Object.entries(outcomes(reportDrill(plan, seen)))
      .filter(([, outcome]) => outcome !== 'held')
      .map(([name]) => name);
  const first = (change: Partial<AskedOnce>) => (one: AskedOnce) => (one.atMs === 0 ? { ...one, ...change } : one);
  const { glimpses } = observed();
  const manyToA = glimpses.map(glimpse => ({ ...glimpse, arrived: { ...glimpse.arrived, a: glimpse.atMs / 500 } }));

  assert.deepEqual(broken(observed({}, first({ failure: 'upstream_failed', deployment: undefined }))), ['no-errors']);
  assert.deepEqual(broken(observed({ unsent: 1 })), ['no-errors']);
  assert.deepEqual(broken(observed({}, first({ attempts: 4 }))), ['attempts']);
  assert.deepEqual(broken(observed({ glimpses: manyToA })), ['left-alone']);
  assert.deepEqual(broken(observed({}, one => (one.atMs < 38_000 ? one : { ...one, durationMs: 301 }))), ['unnoticed']);
  assert.deepEqual(broken(observed({}, one => ({ ...one, deployment: 'c' }))), ['comes-back']);
  assert.deepEqual(broken(observed({ accounts: { exchanges: 100, open: 0, beyondShare: 1 } })), ['contained']);
  assert.deepEqual(broken(observed({ accounts: { exchanges: 101, open: 0, beyondShare: 0 } })), ['accounted']);
  assert.deepEqual(broken(observed({ accounts: { exchanges: 100, open: 1, beyondShare: 0 } })), ['accounted']);
});

test('B and C far apart break the claim of equal service', () => {
  const busy = { ...report, phases: report.phases.map(phase => ({ ...phase, answeredBy: { a: 0, b: 60, c: 140 } })) };
  assert.equal(outcomes(busy)['equal'], 'broken');
  const even = { ...report, phases: report.phases.map(phase => ({ ...phase, answeredBy: { a: 0, b: 75, c: 125 } })) };
  assert.equal(outcomes(even)['equal'], 'held');
});

test('a short drill does not judge what takes longer', () => {
  assert.equal(outcomes({ ...report, seconds: 44 })['comes-back'], 'not-judged');
});

test('a drill in which nobody answered is reported, and fails', () => {
  const dead = reportDrill(
    plan,
    observed({}, one => ({ ...one, failure: 'connection broken', deployment: undefined })),
  );

  assert.deepEqual([dead.failed, dead.failures], [100, { 'connection broken': 100 }]);
  assert.deepEqual([dead.phases[0]!.durationMs, dead.phases[0]!.addedMs], [undefined, undefined]);
  assert.match(formatDrill(dead, judge(dead), false), /^Clients saw 100 × connection broken\.$/m);
  assert.match(formatDrill(dead, judge(dead), false), /The drill FAILED: 4 of 8 claims broke\.\n$/);
  assert.match(drawDrill(dead), /100 failed/);
});

test('the terminal shows phases, a timeline and what was judged', () => {
  const text = formatDrill(report, judge(report), false);

  assert.match(text, /^A fails: status 500 +14 +100 % +4 +50 ms +65 ms +0 \/ \+15 ms +0 % +64 % +36 % +open$/m);
  assert.match(text, /^ {10}1 {4}2 {6}3 {17}4 {7}5 +$/m);
  assert.match(text, /^to C {6}█{50} {2}3\/s at the most$/m);
  assert.match(text, /^A is {6}●{5}✗{7}●{38} {2}/m);
  assert.match(text, /^✓ nobody takes more than 3 attempts: at most 2$/m);
  assert.match(text, /\nThe drill held\.\n$/);
});

test('one failed request among many is never rounded to a hundred per cent', () => {
  const many = { ...report, phases: report.phases.map(phase => ({ ...phase, asked: 1_000_000, failed: 1 })) };
  assert.match(formatDrill(many, judge(many), false), /all well +1000000 +99\.99 %/);
});

test('progress is one line', () => {
  const glimpse = observed().glimpses[6]!;
  const line = formatProgress({ phase: plan.phases[1]!, atMs: 6_200, asked: 12, failed: 0, glimpse }, 50);
  assert.equal(line, '  6 of 50 s  A fails: status 500      12 answered, 0 failed  A open, B well, C well');
});

test('the plots are one drawing with names, units and one axis of time', () => {
  const svg = drawDrill(report);

  assert.match(svg, /role="img" aria-labelledby="drill-title drill-desc"/);
  assert.match(svg, /<desc id="drill-desc">100 requests in 50 s, 0 failed\./);
  for (const title of [/ms \(logarithmic\)/, /Share of the answers, %/, /a second/, /seconds since the drill began/])
    assert.match(svg, title);
  assert.equal(svg.match(/<polyline/g)?.length, 10);
  assert.equal(svg.match(/class="band[01]"/g)?.length, 5);
  assert.match(svg, /prefers-color-scheme: dark/);
  assert.doesNotMatch(svg, /NaN|undefined|Infinity/);
});

test('the page needs nothing from elsewhere, and has every figure as text', () => {
  const page = drillPage(report, judge(report));

  assert.doesNotMatch(page, /<script|<link|(?:src|href)=|url\(|@import/);
  assert.match(page, /<th scope="row">A fails: status 500<\/th><td>5–12<\/td><td>14<\/td><td>100 %<\/td><td>4<\/td>/);
  assert.match(page, /<li class="held"><span>held<\/span> the ledger has every request once/);
  assert.match(drillPage(report, [{ name: 'x', claim: '<b>', outcome: 'broken', found: '&' }]), /&lt;b&gt;: &amp;/);
});

test('an answer counts as whole only with its end', () => {
  assert.equal(failureIn('{"choices":[{"finish_reason":"stop"}]}', false), undefined);
  assert.equal(failureIn('{"choices":[{}]}', false), 'answer without its end');
  assert.equal(failureIn('{"choi', false), 'answer without its end');
  assert.equal(failureIn('data: {"choices":[]}\n\ndata: [DONE]\n\n', true), undefined);
  assert.equal(failureIn('data: {"choices":[]}\n\n', true), 'stream without its end');
  assert.equal(failureIn('data: {"error":{}}\n\ndata: [DONE]\n\n', true), 'error in the stream');
});
