/** What limits say: counted in windows of a UTC minute or day, or at any moment. */
export const limitMeasures = [
  'requestsPerMinute',
  'requestsPerDay',
  'tokensPerMinute',
  'tokensPerDay',
  'concurrency',
] as const;
export type LimitMeasure = (typeof limitMeasures)[number];

export const limitScopes = ['organisation', 'project', 'key', 'provider', 'deployment', 'route'] as const;
export type LimitScope = (typeof limitScopes)[number];

/** One number that requests are held to, over all workers and replicas. */
export interface LimitEntry {
  /** Names what is counted: unchanged when only the number changes, so that a window goes on under another number. */
  readonly id: string;
  readonly scope: LimitScope;
  /** Id of the organisation, project or key; name of the provider account, deployment or route. */
  readonly subject: string;
  readonly measure: LimitMeasure;
  readonly limit: number;
  /** Patterns: only requests that may go to such a model or provider account, or that name such a route. */
  readonly model?: string;
  readonly provider?: string;
  readonly route?: string;
  /** Counts and reports what it would have refused, and refuses nothing. Absent: no. */
  readonly shadow?: boolean;
  /** The route that a request takes instead of being refused. */
  readonly onExhausted?: string;
}

/** Ready to be counted against. */
export interface Limit extends LimitEntry {
  readonly counts: 'requests' | 'tokens' | 'concurrency';
  /** undefined: what is counted comes back when it ends. */
  readonly windowMs: number | undefined;
}

const minuteMs = 60_000;
const dayMs = 86_400_000;

const windows: Readonly<Record<LimitMeasure, Pick<Limit, 'counts' | 'windowMs'>>> = {
  requestsPerMinute: { counts: 'requests', windowMs: minuteMs },
  requestsPerDay: { counts: 'requests', windowMs: dayMs },
  tokensPerMinute: { counts: 'tokens', windowMs: minuteMs },
  tokensPerDay: { counts: 'tokens', windowMs: dayMs },
  concurrency: { counts: 'concurrency', windowMs: undefined },
};

export function loadLimit(entry: LimitEntry): Limit {
  return { ...entry, ...windows[entry.measure] };
}

/** The one window of what comes back by itself. No other has this number: the minute that began in 1970 is over. */
export const alwaysWindow = 0;

/** First millisecond of the window that an instant lies in: every process names it alike without asking. */
export function limitWindow({ windowMs }: Pick<Limit, 'windowMs'>, atMs: number): number {
  return windowMs === undefined ? alwaysWindow : atMs - (atMs % windowMs);
}

/** Until another window begins; of what comes back by itself, a second. */
export function untilNextWindowMs({ windowMs }: Pick<Limit, 'windowMs'>, atMs: number): number {
  return windowMs === undefined ? 1_000 : windowMs - (atMs % windowMs);
}

/** `organisation acme: tokensPerMinute 100000 for openai/*`. */
export function describeLimit(entry: LimitEntry): string {
  const narrowed = narrowingOf(entry);
  const of = narrowed.length === 0 ? '' : ` for ${narrowed.map(([, pattern]) => pattern).join(', ')}`;
  return `${entry.scope} ${entry.subject}: ${entry.measure} ${entry.limit}${of}`;
}

export function narrowingOf({
  model,
  provider,
  route,
}: Pick<LimitEntry, 'model' | 'provider' | 'route'>): readonly (readonly [string, string])[] {
  const said = [
    ['model', model],
    ['provider', provider],
    ['route', route],
  ] as const;
  return said.flatMap(([name, pattern]) => (pattern === undefined ? [] : [[name, pattern] as const]));
}

export function limitId(of: Omit<LimitEntry, 'id' | 'limit' | 'onExhausted'>): string {
  const narrowed = narrowingOf(of).map(([name, pattern]) => ` ${name}=${pattern}`);
  return `${of.scope}:${of.subject} ${of.measure}${narrowed.join('')}${of.shadow === true ? ' shadow' : ''}`;
}
