import { setTimeout as sleep } from 'node:timers/promises';
import { CommandFailure, exitCodes } from '../outcome.ts';
import type { AskedOnce } from './observations.ts';

export interface LoadOptions {
  readonly url: string;
  readonly key: string;
  readonly model: string;
  /** Requests a second. */
  readonly rate: number;
  readonly seconds: number;
  readonly signal: AbortSignal;
  readonly onAnswered: (asked: AskedOnce) => void;
}

/** Requests open at once: a service that answers nothing must not fill this machine. */
const openMax = 512;
/** A request that has not ended by then has failed. */
const answerWithinMs = 30_000;
const tickMs = 5;
const warmUpRequests = 30;

/** Opens connections and lets code be compiled, before anything is counted. Throws when the service does not answer. */
export async function warmUp(options: Pick<LoadOptions, 'url' | 'key' | 'model' | 'signal'>): Promise<number> {
  for (let number = 0; number < warmUpRequests; number += 1) {
    const onAnswered = ({ failure }: AskedOnce) => {
      if (failure === undefined) return;
      const message = `The drill's own gateway fails before anything else does: ${failure}`;
      throw new CommandFailure(exitCodes.failedCheck, 'check_failed', message);
    };
    await askOnce({ ...options, onAnswered }, { number, atMs: 0 });
  }
  options.signal.throwIfAborted();
  return warmUpRequests;
}

/** Asks at a steady rate whatever the answers do, every other request as a stream. Resolves with how many requests could
 *  not be sent, once all others have ended. Throws the signal's reason when it is aborted. */
export async function load(options: LoadOptions): Promise<number> {
  const { rate, seconds, signal } = options;
  const startedMs = performance.now();
  const open = new Set<Promise<void>>();
  const total = Math.floor(rate * seconds);
  let unsent = 0;
  for (let sent = 0; sent < total; ) {
    const elapsedMs = performance.now() - startedMs;
    const due = Math.min(total, Math.floor((elapsedMs * rate) / 1_000) + 1);
    for (; sent < due; sent += 1) {
      if (open.size >= openMax) {
        unsent += 1;
        continue;
      }
      const asking = askOnce(options, { number: sent, atMs: performance.now() - startedMs });
      open.add(asking);
      void asking.finally(() => open.delete(asking));
    }
    await sleep(tickMs, undefined, { signal });
  }
  await Promise.all(open);
  signal.throwIfAborted();
  return unsent;
}

type Asking = Pick<LoadOptions, 'url' | 'key' | 'model' | 'signal' | 'onAnswered'>;

async function askOnce(options: Asking, { number, atMs }: { number: number; atMs: number }): Promise<void> {
  const { url, key, model, signal, onAnswered } = options;
  const stream = number % 2 === 1;
  const startedMs = performance.now();
  let deployment: string | undefined;
  let attempts = 0;
  let failure: string | undefined;
  try {
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model, stream, max_tokens: 64, messages: [{ role: 'user', content: 'Are you there?' }] }),
      signal: AbortSignal.any([signal, AbortSignal.timeout(answerWithinMs)]),
    });
    deployment = response.headers.get('x-carrier-deployment') ?? undefined;
    attempts = Number(response.headers.get('x-carrier-attempts') ?? 0);
    const text = await response.text();
    failure = response.ok
      ? failureIn(text, stream)
      : (response.headers.get('x-carrier-fault') ?? `status ${response.status}`);
  } catch (error) {
    if (signal.aborted) return;
    failure =
      error instanceof DOMException && error.name === 'TimeoutError' ? 'no answer in 30 s' : 'connection broken';
  }
  onAnswered({ atMs, durationMs: performance.now() - startedMs, failure, deployment, attempts });
}

/** undefined: it is whole. */
export function failureIn(text: string, stream: boolean): string | undefined {
  if (stream) {
    const events = text.split('\n').filter(line => line.startsWith('data: '));
    if (events.some(event => event.startsWith('data: {"error"'))) return 'error in the stream';
    return events.at(-1) === 'data: [DONE]' ? undefined : 'stream without its end';
  }
  try {
    const { choices } = JSON.parse(text);
    return choices?.[0]?.finish_reason === undefined ? 'answer without its end' : undefined;
  } catch {
    return 'answer without its end';
  }
}
