import { Fault } from '../completion/fault.ts';
import type { AccessContext } from './context.ts';

/** Failed attempts in one window, over all replicas. A success forgives those of its account, not those of its address. */
export const throttleWindowMs = 15 * 60_000;
export const failuresPerAccountMax = 10;
export const failuresPerAddressMax = 100;

export interface Attempt {
  readonly account: string;
  readonly address: string;
}

/** Counts an attempt as failed before anything is tried, so that many at once count too. Throws Fault('login_throttled'),
 *  for accounts that there are not just the same. */
export async function countAttempt(context: AccessContext, attempt: Attempt): Promise<void> {
  const nowMs = context.nowMs();
  const since = windowStart(nowMs);
  const counted = await context.store.db
    .insertInto('access_throttle')
    .values(subjectsOf(context, attempt).map(({ subject }) => ({ subject, since, failures: 1 })))
    .onConflict(conflict =>
      conflict.columns(['subject', 'since']).doUpdateSet(eb => ({ failures: eb('access_throttle.failures', '+', 1) })),
    )
    .returning(['subject', 'failures'])
    .execute();
  const isOver = subjectsOf(context, attempt).some(({ subject, max }) =>
    counted.some(row => row.subject === subject && row.failures > max),
  );
  if (!isOver) return;
  throw new Fault('login_throttled', undefined, { retryAfterMs: since.getTime() + throttleWindowMs - nowMs });
}

/** What was counted before a success was no failure: a whole login forgives all of its account, a step of one (`only`) just
 *  its own count. */
export async function forgiveAttempts(context: AccessContext, attempt: Attempt, only?: 1): Promise<void> {
  const [account, address] = subjectsOf(context, attempt);
  const since = windowStart(context.nowMs());
  if (only === undefined) {
    await context.store.db.deleteFrom('access_throttle').where('subject', '=', account!.subject).execute();
  }
  // One row a statement: two at once could wait for each other.
  for (const { subject } of only === undefined ? [address!] : [account!, address!]) {
    await context.store.db
      .updateTable('access_throttle')
      .set(eb => ({ failures: eb('failures', '-', 1) }))
      .where('subject', '=', subject)
      .where('since', '=', since)
      .where('failures', '>', 0)
      .execute();
  }
}

/** Neither addresses nor guesses of accounts are kept in the clear. */
function subjectsOf({ secrets }: AccessContext, { account, address }: Attempt) {
  return [
    { subject: secrets.digest(`throttle:account:${account}`), max: failuresPerAccountMax },
    { subject: secrets.digest(`throttle:address:${networkOf(address)}`), max: failuresPerAddressMax },
  ].sort((left, right) => left.max - right.max);
}

function windowStart(nowMs: number): Date {
  return new Date(Math.floor(nowMs / throttleWindowMs) * throttleWindowMs);
}

/** One customer of IPv6 has a whole /64 of addresses. */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!address.includes(':')) return address;
  const [front = '', back] = address.split('%')[0]!.split('::');
  const groups = front === '' ? [] : front.split(':');
  const behind = back === undefined || back === '' ? [] : back.split(':');
  const zeros =
    back === undefined ? [] : Array.from({ length: Math.max(0, 8 - groups.length - behind.length) }, () => '0');
  return [...groups, ...zeros, ...behind].slice(0, 4).join(':').toLowerCase();
}
