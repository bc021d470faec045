import { z } from '@hono/zod-openapi';

/** A date is its first instant, UTC. */
export const instant = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2}))?$/, {
    error: 'must be a date such as 2026-09-01 or an instant such as 2026-09-01T12:00:00Z',
  })
  .refine(text => !Number.isNaN(Date.parse(text)) && isDay(text.slice(0, 10)), { error: 'there is no such instant' });

/** Date.parse takes the 30th of February for the 2nd of March. */
function isDay(day: string): boolean {
  const atMs = Date.parse(day);
  return !Number.isNaN(atMs) && new Date(atMs).toISOString().startsWith(day);
}
