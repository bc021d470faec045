import type { Reading } from '../../src/completion/usage.ts';
import type {
  AdmitRecord,
  AttemptEnd,
  AttemptRecord,
  EndRecord,
  HeldLease,
  JournalRecord,
  ProgressRecord,
  RatedAmount,
} from '../../src/journal/record.ts';

/** Journal records of plausible exchanges, from numbers: the same arguments give the same records. */
export interface ExchangeSketch {
  readonly id: string;
  readonly atMs: number;
  readonly organisation?: string;
  readonly project?: string;
  readonly key?: string;
  readonly leases?: readonly HeldLease[];
  readonly holdAtto?: string;
  /** Attempts that failed before the last. */
  readonly failedAttempts?: number;
  readonly inputTokens?: number;
  readonly outputTokens?: number;
  readonly provider?: string;
  readonly tags?: Readonly<Record<string, string>>;
  /** Names of those by which usage is told apart. */
  readonly usageTags?: readonly string[];
}

/** 2.00 and 10.00 USD per 10⁶ tokens. */
const sellRates = { version: 'sell-1', currency: 'USD', input: '2000000000000', output: '10000000000000' } as const;
/** 1.00 and 4.00 USD per 10⁶ tokens. */
const buyRates = { version: 'buy-1', currency: 'USD', input: '1000000000000', output: '4000000000000' } as const;

export function admitOf(sketch: ExchangeSketch): AdmitRecord {
  return {
    type: 'admit',
    id: sketch.id,
    atMs: sketch.atMs,
    organisation: sketch.organisation ?? 'org_acme',
    project: sketch.project ?? 'prj_web',
    key: sketch.key ?? 'Ab3dEf9h',
    dialect: 'openai-chat',
    requestedModel: 'smart',
    stream: true,
    snapshot: '5f2a9c1e7b3d4f60a8c2e4d6f8091b3d5f2a9c1e7b3d4f60a8c2e4d6f8091b3d',
    hold: { amountAtto: sketch.holdAtto ?? '0', currency: 'USD', leases: sketch.leases ?? [] },
    sandbox: false,
    ...(sketch.tags === undefined ? {} : { tags: sketch.tags }),
    ...(sketch.usageTags === undefined ? {} : { usageTags: sketch.usageTags }),
  };
}

export function attemptOf(sketch: ExchangeSketch, attempt = 1): AttemptRecord {
  return {
    type: 'attempt',
    id: sketch.id,
    attempt,
    atMs: sketch.atMs + attempt,
    deployment: `gpt-5-${attempt}`,
    provider: sketch.provider ?? 'openai',
    model: 'openai/gpt-5',
    targetModel: 'gpt-5',
    dialect: 'openai-chat',
    inputTokensEstimate: sketch.inputTokens ?? 100,
    estimateRule: 'bytes-per-token/1:openai',
    sell: sellRates,
    buy: buyRates,
  };
}

export function progressOf(sketch: ExchangeSketch, outputTokensEstimate: number, attempt = 1): ProgressRecord {
  return {
    type: 'progress',
    id: sketch.id,
    attempt,
    atMs: sketch.atMs + 50,
    contentBytes: outputTokensEstimate * 4,
    outputTokensEstimate,
  };
}

export function endOf(sketch: ExchangeSketch): EndRecord {
  const failed = sketch.failedAttempts ?? 0;
  const attempts = Array.from({ length: failed }, (_, index) => failedAttempt(sketch, index + 1));
  const reading = readingOf(sketch);
  const sell = ratedAmount(reading, sellRates);
  const over = BigInt(sell.amountAtto) - BigInt(sketch.holdAtto ?? '0');
  const bounded = (sketch.leases ?? []).length > 0 && over > 0n;
  return {
    type: 'end',
    id: sketch.id,
    atMs: sketch.atMs + 1_200,
    status: 200,
    outcome: 'ok',
    stream: true,
    attempts: [
      ...attempts,
      {
        ...attemptFacts(sketch, failed + 1),
        servedModel: 'gpt-5-2026-08-07',
        outcome: 'ok',
        upstreamStatus: 200,
        providerRequestId: `req_${sketch.id.slice(-12)}`,
        firstByteMs: 240,
        durationMs: 1_190,
        reading,
        buy: ratedAmount(reading, buyRates),
      },
    ],
    reading,
    sell: { ...sell, overHoldAtto: bounded ? over.toString() : '0' },
    state: 'settled',
    losses: [],
    servedModel: 'gpt-5-2026-08-07',
    deliveredBytes: 2_048,
    requestBytes: 912,
    responseBytes: 4_411,
    firstByteMs: 245,
    durationMs: 1_200,
    decision: {
      v: 1,
      epoch: 4_112,
      candidates: [
        { h: 'd_k3jf92ma', p: 1, w: 1, lot: '8f14e45fceea167a' },
        { h: 'd_q8zv01bn', p: 2, w: 1, lot: 'c9f0f895fb98ab91', out: ['COOLING_DOWN'] },
      ],
      panic: false,
      order: ['d_k3jf92ma', 'd_q8zv01bn'],
    },
  };
}

/** admit, attempts, progress, end. */
export function recordsOf(sketch: ExchangeSketch): JournalRecord[] {
  const attempts = Array.from({ length: (sketch.failedAttempts ?? 0) + 1 }, (_, index) => attemptOf(sketch, index + 1));
  return [admitOf(sketch), ...attempts, progressOf(sketch, 1, attempts.length), endOf(sketch)];
}

/** `ex_` and 26 letters, sortable by time as real ids are. */
export function exchangeId(number: number): string {
  return `ex_01${number.toString(32).toUpperCase().padStart(24, '0')}`;
}

function readingOf(sketch: ExchangeSketch): Reading {
  const input = sketch.inputTokens ?? 100;
  const output = sketch.outputTokens ?? 50;
  return {
    slices: { inputUncached: input, cacheRead: 0, output, reasoning: 0 },
    source: 'provider',
    raw: {
      prompt_tokens: input,
      completion_tokens: output,
      total_tokens: input + output,
      prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
      completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0 },
    },
    serviceTier: 'default',
  };
}

function failedAttempt(sketch: ExchangeSketch, attempt: number): AttemptEnd {
  const reading: Reading = { slices: { inputUncached: 10 }, source: 'estimated', rule: 'bytes-per-token/1:openai' };
  return {
    ...attemptFacts(sketch, attempt),
    outcome: 'upstream_reset',
    durationMs: 3,
    reading,
    buy: ratedAmount(reading, buyRates),
  };
}

function attemptFacts(sketch: ExchangeSketch, attempt: number) {
  return {
    attempt,
    deployment: `gpt-5-${attempt}`,
    provider: sketch.provider ?? 'openai',
    model: 'openai/gpt-5',
    targetModel: 'gpt-5',
    dialect: 'openai-chat',
    startedAtMs: sketch.atMs + attempt,
  } as const;
}

function ratedAmount(reading: Reading, rates: typeof sellRates | typeof buyRates): RatedAmount {
  const lines = (['input', 'output'] as const).map(meter => {
    const quantity = (meter === 'input' ? reading.slices.inputUncached : reading.slices.output) ?? 0;
    return {
      meter,
      quantity,
      ratePico: rates[meter],
      amountAtto: (BigInt(quantity) * BigInt(rates[meter])).toString(),
    };
  });
  const amount = lines.reduce((sum, line) => sum + BigInt(line.amountAtto), 0n);
  return { amountAtto: amount.toString(), currency: rates.currency, version: rates.version, lines };
}
