import { setTimeout as sleep } from 'node:timers/promises';

const timeoutMsDefault = 10_000;
const pollMs = 20;

/** Asks until there is an answer that is not undefined; for what becomes true in another process. Throws, naming what
 *  was waited for, when it does not in time. */
export async function until<Value>(
  what: string,
  ask: () => Promise<Value | undefined> | Value | undefined,
  timeoutMs = timeoutMsDefault,
): Promise<Value> {
  const deadlineMs = performance.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > deadlineMs) throw new Error(`waited ${timeoutMs} ms in vain until ${what}`);
    await sleep(pollMs);
  }
}
