import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';

export interface CapSchedule {
  /** Of replicas; each request picks one. */
  readonly urls: readonly string[];
  readonly key: string;
  readonly callers: number;
  /** The hold is so many output tokens. */
  readonly maxTokens: number;
  /** Between 0 and 1. */
  readonly random: () => number;
  /** Something that happens once so many requests were served. */
  readonly disturbance?: { readonly afterServed: number; readonly run: () => Promise<void> };
  /** Callers that are not refused for good by then give up, and are told of. */
  readonly withinMs: number;
}

export interface CapReport {
  readonly outcomes: ReadonlyMap<string, number>;
  /** Callers that still were told to come again. */
  readonly unfinished: number;
  readonly lastRefusal: string;
}

/** After a refusal what may come free elsewhere is not seen for a quarter of a second. */
const againMs = 300;

/** Callers that all want the same budget: plain requests, streams, and streams whose client leaves. Each asks until it is
 *  refused for good: by a refusal that does not say when to come again. */
export async function spendToTheEnd(schedule: CapSchedule): Promise<CapReport> {
  const { urls, callers, random, disturbance } = schedule;
  const pools = urls.map(
    url => new Pool(url, { connections: Math.ceil(callers / urls.length), headersTimeout: 20_000 }),
  );
  const outcomes = new Map<string, number>();
  const deadlineMs = performance.now() + schedule.withinMs;
  let served = 0;
  let unfinished = 0;
  let lastRefusal = '';
  let disturbed: Promise<void> | undefined;

  const callUntilRefused = async (): Promise<void> => {
    while (performance.now() < deadlineMs) {
      const pool = pools[Math.floor(random() * pools.length)]!;
      const { outcome, retryAfter, text } = await ask(pool, schedule, random());
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      if (outcome === '200') {
        served += 1;
        if (disturbance !== undefined && served >= disturbance.afterServed) disturbed ??= disturbance.run();
        continue;
      }
      if (outcome === 'budget_exhausted') {
        lastRefusal = text;
        if (retryAfter === undefined) return;
      }
      await sleep(againMs + random() * againMs);
    }
    unfinished += 1;
  };
  await Promise.all(Array.from({ length: callers }, callUntilRefused));
  await disturbed;
  await Promise.all(pools.map(pool => pool.destroy()));
  return { outcomes, unfinished, lastRefusal };
}

async function ask(
  pool: Pool,
  { key, maxTokens }: CapSchedule,
  kind: number,
): Promise<{ outcome: string; retryAfter: string | undefined; text: string }> {
  const stream = kind < 0.5;
  const leave = kind < 0.1;
  try {
    const { statusCode, headers, body } = await pool.request({
      method: 'POST',
      path: '/v1/chat/completions',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        model: 'gpt-5',
        max_tokens: maxTokens,
        stream,
        messages: [{ role: 'user', content: 'x' }],
      }),
    });
    const outcome = String(headers['x-carrier-fault'] ?? statusCode);
    const retryAfter = headers['retry-after']?.toString();
    if (leave && statusCode === 200) {
      body.on('error', () => {});
      body.destroy();
      return { outcome, retryAfter, text: '' };
    }
    return { outcome, retryAfter, text: await body.text() };
  } catch {
    return { outcome: 'cut', retryAfter: undefined, text: '' };
  }
}
