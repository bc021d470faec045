/** What happens in an outage drill, and when. Provider A is the one that suffers; B and C are well throughout. */
export const providerNames = ['a', 'b', 'c'] as const;
export type ProviderName = (typeof providerNames)[number];

export type PhaseName = 'calm' | 'hard' | 'slow' | 'limited' | 'back';

export interface Phase {
  readonly name: PhaseName;
  readonly title: string;
  /** What A does; ms since the load began. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Fault script of A (emulator/scripts.md). */
  readonly script: string;
}

export interface DrillPlan {
  readonly seconds: number;
  /** Requests a second. */
  readonly rate: number;
  readonly phases: readonly Phase[];
}

/** Shorter phases than these hold too few requests to say anything; longer drills are soak tests. */
export const secondsMin = 10;
export const secondsMax = 600;
export const secondsDefault = 50;
export const rateMin = 5;
/** What one worker serves without effort beside its own load generator: a drill is no benchmark. */
export const rateMax = 200;
export const rateDefault = 40;
/** From so long on a breaker's own time (15 s and a bit) and its probes fit before the end, so that A comes back. */
export const comesBackFromSeconds = 45;

/** What every provider does while it is well: some 50 ms an answer. */
export const wellScript = 'ttfb=20ms;tokens=12;pace=2ms';

/** Parts of the whole. The slow phase is the longest: in it the breaker that the hard one opened is probed. */
const shape: readonly (Pick<Phase, 'name' | 'title' | 'script'> & { readonly part: number })[] = [
  { name: 'calm', title: 'all well', part: 0.1, script: wellScript },
  { name: 'hard', title: 'A fails: status 500', part: 0.14, script: 'status=500' },
  { name: 'slow', title: 'A answers after 1.2 s', part: 0.36, script: 'ttfb=1200ms;tokens=12;pace=2ms' },
  { name: 'limited', title: 'A refuses: status 429', part: 0.16, script: 'status=429;retry-after=2' },
  { name: 'back', title: 'A is well again', part: 0.24, script: wellScript },
];

export function planDrill({ seconds, rate }: { readonly seconds: number; readonly rate: number }): DrillPlan {
  let fromMs = 0;
  const phases = shape.map(({ part, ...rest }, index) => {
    // The last takes what rounding left.
    const toMs = index === shape.length - 1 ? seconds * 1_000 : fromMs + Math.round(part * seconds * 10) * 100;
    const phase = { ...rest, fromMs, toMs };
    fromMs = toMs;
    return phase;
  });
  return { seconds, rate, phases };
}

export function phaseAt(phases: readonly Phase[], atMs: number): Phase {
  return phases.find(({ toMs }) => atMs < toMs) ?? phases.at(-1)!;
}
