import type { FaultResponse } from './dialect.ts';

/** A provider that asks for more is not believed. */
const retryAfterMsMax = 24 * 60 * 60 * 1000;

/** When the provider says to come back, milliseconds from now; undefined when it does not say. Never invented.
 *  `retry-after-ms` is the finer form of `retry-after` (seconds, or an HTTP date). Without either, a rate limit that
 *  is used up says when it is full again: OpenAI in durations (`6m0s`), Anthropic in instants (RFC 3339). */
export function retryAfterMs(response: FaultResponse): number | undefined {
  const fine = header(response, 'retry-after-ms') ?? header(response, 'x-ms-retry-after-ms');
  const coarse = header(response, 'retry-after');
  const said = decimal(fine) ?? seconds(coarse) ?? untilInstantMs(coarse, response.nowMs);
  if (said !== undefined) return said;
  if (response.status !== 429) return undefined;
  let latest: number | undefined;
  for (const [remaining, reset] of limitHeaders) {
    if (header(response, remaining)?.trim() !== '0') continue;
    const text = header(response, reset);
    const wait = durationMs(text) ?? untilInstantMs(text, response.nowMs);
    if (wait !== undefined) latest = Math.max(latest ?? 0, wait);
  }
  return latest;
}

const limitHeaders: readonly (readonly [remaining: string, reset: string])[] = [
  ['x-ratelimit-remaining-requests', 'x-ratelimit-reset-requests'],
  ['x-ratelimit-remaining-tokens', 'x-ratelimit-reset-tokens'],
  ['anthropic-ratelimit-requests-remaining', 'anthropic-ratelimit-requests-reset'],
  ['anthropic-ratelimit-tokens-remaining', 'anthropic-ratelimit-tokens-reset'],
  ['anthropic-ratelimit-input-tokens-remaining', 'anthropic-ratelimit-input-tokens-reset'],
  ['anthropic-ratelimit-output-tokens-remaining', 'anthropic-ratelimit-output-tokens-reset'],
];

function header(response: FaultResponse, name: string): string | undefined {
  const value = response.headers[name];
  return typeof value === 'string' ? value : value?.[0];
}

function decimal(text: string | undefined): number | undefined {
  if (text === undefined || !/^\s*\d{1,12}(\.\d{1,9})?\s*$/.test(text)) return undefined;
  return bounded(Number(text));
}

function seconds(text: string | undefined): number | undefined {
  if (text === undefined || !/^\s*\d{1,9}(\.\d{1,9})?\s*$/.test(text)) return undefined;
  return bounded(Number(text) * 1000);
}

/** Until an HTTP date or an RFC 3339 instant; zero when it is past. */
export function untilInstantMs(text: string | undefined, nowMs: number): number | undefined {
  // Both forms name a day or a month in letters, or begin with a year; a bare number is no date.
  if (text === undefined || text.length > 64 || !/^[A-Z][a-z]{2}|^\d{4}-/.test(text)) return undefined;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : bounded(Math.max(0, at - nowMs));
}

/** `6m0s`, `1.5s`, `20ms` in milliseconds, rounded up. */
export function durationMs(text: string | undefined): number | undefined {
  if (text === undefined || text.length > 32) return undefined;
  const parts = /^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?$/.exec(text);
  if (parts === null || text === '') return undefined;
  const [days, hours, minutes, secs, ms] = parts.slice(1).map(part => Number(part ?? 0));
  return bounded((((days! * 24 + hours!) * 60 + minutes!) * 60 + secs!) * 1000 + ms!);
}

function bounded(ms: number): number {
  return Math.min(Math.ceil(ms), retryAfterMsMax);
}
