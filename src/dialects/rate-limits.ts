import type { RateLimitState } from '../completion/rate-limits.ts';
import type { DialectName } from '../completion/request.ts';
import { durationMs, untilInstantMs } from './retry-after.ts';

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

/** What a provider says of its limits, in the words of a client of another dialect: raw headers, names and values in turn.
 *  Resets are durations in chat completions (`6m0s`) and instants in Messages (RFC 3339). A limit that the client's dialect
 *  has no name for stays out, and so does what cannot be read. `x-carrier-ratelimit-source` says whose limits they are. */
export function translateRateLimits(headers: Headers, from: DialectName, to: DialectName, nowMs: number): string[] {
  const source = namesOf[from];
  const target = namesOf[to];
  const raw: string[] = [];
  if (source === undefined || target === undefined || from === to) return raw;
  for (const kind of kinds) {
    const limit = count(saidIn(headers, source.name('limit', kind)));
    const remaining = count(saidIn(headers, source.name('remaining', kind)));
    const resetMs = source.resetMs(saidIn(headers, source.name('reset', kind)), nowMs);
    push(raw, target.name('limit', kind), limit);
    push(raw, target.name('remaining', kind), remaining);
    push(raw, target.name('reset', kind), resetMs === undefined ? undefined : target.reset(resetMs, nowMs));
  }
  if (raw.length > 0) raw.push('x-carrier-ratelimit-source', from);
  return raw;
}

/** Our own limits in the words of a client's dialect: raw headers. None where the dialect has no words for them. */
export function writeRateLimits(states: readonly RateLimitState[], to: DialectName, nowMs: number): string[] {
  const target = namesOf[to];
  const raw: string[] = [];
  if (target === undefined) return raw;
  for (const { kind, limit, remaining, resetMs } of states) {
    push(raw, target.name('limit', kind), String(limit));
    push(raw, target.name('remaining', kind), String(remaining));
    push(raw, target.name('reset', kind), target.reset(resetMs, nowMs));
  }
  return raw;
}

/** A limit that nobody has a name or a value for stays out. */
function push(raw: string[], name: string | undefined, value: string | undefined): void {
  if (name !== undefined && value !== undefined) raw.push(name, value);
}

function saidIn(headers: Headers, name: string | undefined): string | undefined {
  const value = name === undefined ? undefined : headers[name];
  return typeof value === 'string' ? value : value?.[0];
}

/** Takes a provider's limits out of raw headers, in place: they are of the operator's account there. */
export function dropRateLimits(raw: string[]): void {
  for (let at = raw.length - 2; at >= 0; at -= 2) {
    const name = raw[at]!.toLowerCase();
    if (ratePrefixes.some(prefix => name.startsWith(prefix))) raw.splice(at, 2);
  }
}

const ratePrefixes = [
  'x-ratelimit-',
  'anthropic-ratelimit-',
  'x-trial-endpoint-call-',
  'x-endpoint-monthly-call-',
  'x-carrier-ratelimit-source',
] as const;

/** Messages also limit input and output tokens apart, for which chat completions have no names. */
const kinds = ['requests', 'tokens'] as const;
type Kind = (typeof kinds)[number];
type Field = 'limit' | 'remaining' | 'reset';

interface Names {
  /** undefined where the dialect has none. */
  name(field: Field, kind: Kind): string | undefined;
  resetMs(value: string | undefined, nowMs: number): number | undefined;
  reset(afterMs: number, nowMs: number): string;
}

/** https://developers.openai.com/api/docs/guides/rate-limits and https://platform.claude.com/docs/en/api/rate-limits (2026-11). */
const openaiNames: Names = {
  name: (field, kind) => `x-ratelimit-${field}-${kind}`,
  resetMs: durationMs,
  reset: writeDuration,
};

const namesOf: Readonly<Partial<Record<DialectName, Names>>> = {
  'openai-chat': openaiNames,
  'openai-responses': openaiNames,
  'anthropic-messages': {
    name: (field, kind) => `anthropic-ratelimit-${kind}-${field}`,
    resetMs: untilInstantMs,
    reset: writeInstant,
  },
  // What its clients wait by, and what of limits has the same form; tokens have no name
  // (cohere-ai 8.1.0, core/fetcher/requestWithRetries.js, 2026-11).
  'cohere-chat': {
    name: (field, kind) => (kind === 'requests' ? `x-ratelimit-${field}` : undefined),
    resetMs: untilUnixSecondsMs,
    reset: (afterMs, nowMs) => String(Math.ceil((nowMs + afterMs) / 1000)),
  },
};

/** Longer numbers are no counts of anything. */
const countPattern = /^\d{1,15}$/;

function count(value: string | undefined): string | undefined {
  return value !== undefined && countPattern.test(value) ? value : undefined;
}

/** Zero when it is past. */
function untilUnixSecondsMs(value: string | undefined, nowMs: number): number | undefined {
  return value !== undefined && /^\d{10}$/.test(value) ? Math.max(0, Number(value) * 1000 - nowMs) : undefined;
}

/** As Go writes them: `6m0s`, `1.5s`, `20ms`. */
function writeDuration(afterMs: number): string {
  if (afterMs < 1000) return `${afterMs}ms`;
  if (afterMs < 60_000) return `${afterMs / 1000}s`;
  const seconds = Math.ceil(afterMs / 1000);
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  return `${hours === 0 ? '' : `${hours}h`}${minutes % 60}m${seconds % 60}s`;
}

/** Whole seconds; a part of one counts as one, since the limit is not full again before. */
function writeInstant(afterMs: number, nowMs: number): string {
  const at = new Date(Math.ceil((nowMs + afterMs) / 1000) * 1000);
  return `${at.toISOString().slice(0, 19)}Z`;
}
