/** The first instant of the calendar month, UTC. */
export function monthOf(atMs: number): Date {
  const at = new Date(atMs);
  return new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), 1));
}
