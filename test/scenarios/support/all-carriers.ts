import { after } from 'node:test';

/** Carriers that a test file started and has not removed. */
const carriers = new Set<{ remove(): Promise<void> }>();

// Hooks run in the order in which they are made. start-carrier.ts imports this file before own-database.ts, so that the
// carriers are gone before their Postgres is.
after(async () => {
  for (const carrier of [...carriers]) await carrier.remove();
});

export function removeAfterTests(carrier: { remove(): Promise<void> }): void {
  carriers.add(carrier);
}

export function isRemoved(carrier: { remove(): Promise<void> }): void {
  carriers.delete(carrier);
}
