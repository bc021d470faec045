import type { JobSchedule } from './job.ts';

const dayMs = 86_400_000;
const retryDelayMinMs = 1_000;
const retryDelayMaxMs = 300_000;
/** After so many failures in a row a job waits for its regular time again, and an alert says so. */
export const attemptsMax = 8;

/** When a job that ended well at this instant is due again. */
export function nextDueMs(schedule: JobSchedule, endedAtMs: number): number {
  if ('everyMs' in schedule) return endedAtMs + schedule.everyMs;
  const [hours, minutes] = schedule.at.split(':').map(Number) as [number, number];
  const dayStartMs = endedAtMs - (endedAtMs % dayMs);
  const todayMs = dayStartMs + (hours * 60 + minutes) * 60_000;
  return todayMs > endedAtMs ? todayMs : todayMs + dayMs;
}

/** How long after its beginning a run that did not end well is tried again: 1 s, 2 s, 4 s … 128 s, at most 5 minutes.
 *  `attempt` counts from 1. */
export function retryDelayMs(attempt: number): number {
  return Math.min(retryDelayMaxMs, retryDelayMinMs * 2 ** Math.min(attempt - 1, 30));
}
