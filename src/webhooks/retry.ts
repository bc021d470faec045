const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

/** After the first attempt, the second, …: together a little under a day. */
const delaysMs = [5_000, minuteMs, 5 * minuteMs, 30 * minuteMs, 2 * hourMs, 6 * hourMs, 14 * hourMs];
export const attemptsMax = delaysMs.length + 1;
/** Longest wait that a receiver may ask for. */
const retryAfterMaxMs = hourMs;
/** An endpoint that refused everything for so long is told nothing any more. */
export const failingMsMax = 5 * 24 * hourMs;

/** How long to wait after so many attempts; undefined: it is tried no more. Up to a fifth more, so that what failed together
 *  does not come back together. `random` is in [0, 1). */
export function retryDelayMs(
  attempts: number,
  random: number,
  retryAfterMs: number | undefined = undefined,
): number | undefined {
  const delay = delaysMs[attempts - 1];
  if (delay === undefined) return undefined;
  const asked = Math.min(retryAfterMs ?? 0, retryAfterMaxMs);
  return Math.round(Math.max(delay, asked) * (1 + random / 5));
}
