import type { AskedOnce, Glimpse, Observed } from './observations.ts';
import { type DrillPlan, type Phase, type PhaseName, type ProviderName, providerNames } from './plan.ts';

export interface Quantiles {
  readonly p50: number;
  readonly p99: number;
}

export interface PhaseReport {
  readonly name: PhaseName;
  readonly title: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly asked: number;
  readonly failed: number;
  /** Requests whose first attempt was not the one that answered. */
  readonly failedOver: number;
  /** Of whole answers, ms; undefined when there were none. */
  readonly durationMs: Quantiles | undefined;
  /** Beyond the calm phase. */
  readonly addedMs: Quantiles | undefined;
  readonly answeredBy: Readonly<Record<ProviderName, number>>;
  /** Requests that failed elsewhere first and were answered there. */
  readonly inflow: Readonly<Record<ProviderName, number>>;
  /** Requests that arrived at each provider, failed attempts included. */
  readonly arrived: Readonly<Record<ProviderName, number>>;
  /** Each once, in the order in which they were first seen. */
  readonly statesOfA: readonly string[];
}

/** One point of the plots. */
export interface Slice {
  readonly fromMs: number;
  readonly answered: number;
  readonly failed: number;
  readonly durationMs: Quantiles | undefined;
  readonly answeredBy: Readonly<Record<ProviderName, number>>;
  /** A second. */
  readonly inflow: Readonly<Record<ProviderName, number>>;
  readonly states: Readonly<Record<ProviderName, string>>;
}

export interface DrillReport {
  readonly startedAt: string;
  readonly seconds: number;
  readonly rate: number;
  readonly sliceMs: number;
  readonly asked: number;
  readonly failed: number;
  readonly unsent: number;
  readonly attemptsMost: number;
  /** Of clients, by the fault that they got. */
  readonly failures: Readonly<Record<string, number>>;
  readonly exchangesInLedger: number;
  readonly exchangesOpen: number;
  readonly inflowBeyondShare: number;
  readonly phases: readonly PhaseReport[];
  readonly slices: readonly Slice[];
}

/** Points of a plot at most. */
const slicesMax = 60;
const sliceStepMs = 500;

/** Adds up what was seen; pure. */
export function reportDrill({ seconds, rate, phases }: DrillPlan, observed: Observed): DrillReport {
  const { asked, glimpses, unsent, startedAt, accounts } = observed;
  const sliceMs = Math.max(1, Math.ceil((seconds * 1_000) / slicesMax / sliceStepMs)) * sliceStepMs;
  const calm = quantilesOf(within(asked, phases[0]!));
  return {
    startedAt,
    seconds,
    rate,
    sliceMs,
    asked: asked.length,
    failed: asked.filter(isFailed).length,
    unsent,
    attemptsMost: asked.reduce((most, { attempts }) => Math.max(most, attempts), 0),
    failures: countBy(asked.flatMap(({ failure }) => (failure === undefined ? [] : [failure]))),
    exchangesInLedger: accounts.exchanges,
    exchangesOpen: accounts.open,
    inflowBeyondShare: accounts.beyondShare,
    phases: phases.map(phase => reportPhase(phase, { asked: within(asked, phase), glimpses, calm })),
    slices: Array.from({ length: Math.ceil((seconds * 1_000) / sliceMs) }, (_, index) =>
      sliceOf({ fromMs: index * sliceMs, toMs: (index + 1) * sliceMs }, asked, glimpses),
    ),
  };
}

interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

function reportPhase(
  phase: Phase,
  seen: {
    readonly asked: readonly AskedOnce[];
    readonly glimpses: readonly Glimpse[];
    readonly calm: Quantiles | undefined;
  },
): PhaseReport {
  const { name, title, fromMs, toMs } = phase;
  const durationMs = quantilesOf(seen.asked);
  const { calm } = seen;
  const states = seen.glimpses.filter(({ atMs }) => atMs > fromMs && atMs <= toMs).map(({ states }) => states.a);
  return {
    name,
    title,
    fromMs,
    toMs,
    asked: seen.asked.length,
    failed: seen.asked.filter(isFailed).length,
    failedOver: seen.asked.filter(({ attempts, failure }) => attempts > 1 && failure === undefined).length,
    durationMs,
    addedMs:
      durationMs === undefined || calm === undefined
        ? undefined
        : { p50: tenths(durationMs.p50 - calm.p50), p99: tenths(durationMs.p99 - calm.p99) },
    answeredBy: answeredBy(seen.asked),
    inflow: answeredBy(seen.asked.filter(({ attempts }) => attempts > 1)),
    arrived: arrivedWithin(phase, seen.glimpses),
    statesOfA: [...new Set(states)],
  };
}

function sliceOf(span: Span, asked: readonly AskedOnce[], glimpses: readonly Glimpse[]): Slice {
  const own = within(asked, span);
  const failed = own.filter(isFailed).length;
  const arrived = arrivedWithin(span, glimpses);
  const seconds = (span.toMs - span.fromMs) / 1_000;
  return {
    fromMs: span.fromMs,
    answered: own.length - failed,
    failed,
    durationMs: quantilesOf(own),
    answeredBy: answeredBy(own),
    inflow: byProvider(name => arrived[name] / seconds),
    states: lastUntil(span.toMs, glimpses)?.states ?? byProvider(() => 'idle'),
  };
}

function within(asked: readonly AskedOnce[], { fromMs, toMs }: Span): readonly AskedOnce[] {
  return asked.filter(({ atMs }) => atMs >= fromMs && atMs < toMs);
}

function isFailed({ failure }: AskedOnce): boolean {
  return failure !== undefined;
}

/** Nearest rank, of those that were answered. */
function quantilesOf(asked: readonly AskedOnce[]): Quantiles | undefined {
  const sorted = asked
    .filter(one => !isFailed(one))
    .map(({ durationMs }) => durationMs)
    .sort((one, other) => one - other);
  if (sorted.length === 0) return undefined;
  const at = (part: number) => sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)]!;
  return { p50: tenths(at(0.5)), p99: tenths(at(0.99)) };
}

/** Clocks of a busy machine are worth no more. */
function tenths(ms: number): number {
  return Math.round(ms * 10) / 10;
}

function answeredBy(asked: readonly AskedOnce[]): Readonly<Record<ProviderName, number>> {
  return byProvider(name => asked.filter(one => one.deployment === name && !isFailed(one)).length);
}

function arrivedWithin({ fromMs, toMs }: Span, glimpses: readonly Glimpse[]): Readonly<Record<ProviderName, number>> {
  const before = lastUntil(fromMs, glimpses)?.arrived;
  const after = lastUntil(toMs, glimpses)?.arrived;
  return byProvider(name => (after?.[name] ?? 0) - (before?.[name] ?? 0));
}

function lastUntil(atMs: number, glimpses: readonly Glimpse[]): Glimpse | undefined {
  return glimpses.findLast(glimpse => glimpse.atMs <= atMs);
}

export function byProvider<Value>(of: (name: ProviderName) => Value): Readonly<Record<ProviderName, Value>> {
  // True: providerNames has every name.
  return Object.fromEntries(providerNames.map(name => [name, of(name)])) as Record<ProviderName, Value>;
}

function countBy(words: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}
