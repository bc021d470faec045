import { z } from '@hono/zod-openapi';

/** A date is its first instant, UTC. */
export const instant = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2}))?$/, {
    error: 'must be a date such as 2026-09-01 or an instant such as 2026-09-01T12:00:00Z',
  })
  .refine(text => isDay(text.slice(0, 10)) && !text.includes('T24') && !Number.isNaN(Date.parse(text)), {
    error: 'there is no such instant',
  });

/** A day of the calendar, UTC. */
export const day = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2}$/, { error: 'must be a day such as 2026-11-20' })
  .refine(isDay, { error: 'there is no such day' });

/** What is kept for good lies between these years: what is outside is a slip of the pen. */
export const lastingInstant = instant.refine(text => /^2[01]\d\d-/.test(text), {
  error: 'must lie between the years 2000 and 2199',
});

/** JavaScript takes the thirtieth of February for the second of March; nobody who writes it means that. */
function isDay(text: string): boolean {
  const at = new Date(`${text}T00:00:00Z`);
  return !text.startsWith('0000') && !Number.isNaN(at.getTime()) && at.toISOString().startsWith(text);
}
