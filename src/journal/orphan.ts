import type { Reading } from '../completion/usage.ts';
import type {
  AdmitRecord,
  AttemptEnd,
  AttemptRecord,
  ChargeLine,
  EndRecord,
  OrphanRates,
  PreviousAttempt,
  ProgressRecord,
  RatedAmount,
  SellCharge,
} from './record.ts';

/** Id of this rule, part of every reading it makes. Under `orphan/1` attempts before the last were booked at nothing. */
export const orphanRule = 'orphan/2';

/** The end of an exchange whose process died before it could write one. Pure: the same records give the same end.
 *
 *  - Never attempted: void.
 *  - Attempted: the attempt that something was relayed of, else the last one, is estimated as its input estimate plus the
 *    output relayed by its last progress. Others are booked as they ended, which the record of a later attempt says. Of
 *    two that ran beside one another nobody may have said how the other ended: its input is owed by estimate, since it may
 *    have been read. Journals of releases that did not write how attempts ended say nothing: such an attempt had failed
 *    without content, and is booked at nothing.
 *  - The provider is owed that estimate. The customer pays it under `delivered` if any content reached the client, and
 *    nothing under `free` or when nothing was delivered. Never above the hold: the rest is the operator's. */
export function settleOrphan({
  admit,
  attempts,
  progress,
  orphans,
}: {
  readonly admit: AdmitRecord;
  readonly attempts: readonly AttemptRecord[];
  readonly progress: ProgressRecord | undefined;
  readonly orphans: 'delivered' | 'free';
}): EndRecord {
  const last = attempts.find(({ attempt }) => attempt === progress?.attempt) ?? attempts.at(-1);
  const endedAtMs = progress?.atMs ?? last?.atMs ?? admit.atMs;
  const facts = {
    type: 'end',
    id: admit.id,
    atMs: endedAtMs,
    status: 500,
    outcome: 'process_died',
    stream: admit.stream,
    losses: [],
    deliveredBytes: progress?.contentBytes ?? 0,
    requestBytes: 0,
    responseBytes: 0,
    durationMs: endedAtMs - admit.atMs,
    decision: null,
  } as const;
  if (last === undefined) return { ...facts, attempts: [], state: 'void' };

  const reading: Reading = {
    slices: { inputUncached: last.inputTokensEstimate, output: progress?.outputTokensEstimate ?? 0 },
    source: 'estimated',
    rule: `${orphanRule}:${last.estimateRule}`,
    ...(progress?.usage === undefined ? {} : { raw: { lastReported: progress.usage } }),
  };
  const told = new Map(attempts.flatMap(toldOf));
  const beside = new Set(attempts.flatMap(({ attempt, beside }) => (beside === undefined ? [] : [attempt, beside])));
  const before = attempts
    .filter(attempt => attempt !== last)
    .map(attempt => {
      const previous = told.get(attempt.attempt);
      if (previous === undefined && beside.has(attempt.attempt)) return endedUnheard(attempt, endedAtMs);
      return endedBefore(
        attempt,
        attempts.find(next => next.attempt === attempt.attempt + 1),
        previous,
      );
    });
  const ended = [...before, endAttempt(last, reading, endedAtMs, rate(reading, last.buy))].map((attempt, index) => ({
    ...attempt,
    attempt: index + 1,
  }));
  const charged = orphans === 'delivered' && progress !== undefined;
  if (!charged) return { ...facts, attempts: ended, state: 'estimated' };
  return { ...facts, attempts: ended, state: 'estimated', reading, sell: capAtHold(rate(reading, last.sell), admit) };
}

/** How earlier attempts ended, by their numbers. */
function toldOf({ earlier = [], previous }: AttemptRecord): (readonly [number, PreviousAttempt])[] {
  const all = previous === undefined ? earlier : [...earlier, previous];
  return all.map(told => [told.attempt, told] as const);
}

/** It ran beside another one. */
function endedUnheard(attempt: AttemptRecord, endedAtMs: number): AttemptEnd {
  const reading: Reading = {
    slices: { inputUncached: attempt.inputTokensEstimate, output: 0 },
    source: 'estimated',
    rule: `${orphanRule}:${attempt.estimateRule}`,
  };
  return endAttempt(attempt, reading, endedAtMs, rate(reading, attempt.buy));
}

function endedBefore(
  attempt: AttemptRecord,
  next: AttemptRecord | undefined,
  previous: PreviousAttempt | undefined,
): AttemptEnd {
  if (previous === undefined) {
    return endAttempt(attempt, { slices: {}, source: 'none' }, next?.atMs ?? attempt.atMs, undefined);
  }
  return { ...endAttempt(attempt, previous.reading, attempt.atMs, previous.buy), ...previous };
}

function endAttempt(
  attempt: AttemptRecord,
  reading: Reading,
  endedAtMs: number,
  buy: RatedAmount | undefined,
): AttemptEnd {
  return {
    attempt: attempt.attempt,
    deployment: attempt.deployment,
    provider: attempt.provider,
    model: attempt.model,
    targetModel: attempt.targetModel,
    dialect: attempt.dialect,
    outcome: 'process_died',
    startedAtMs: attempt.atMs,
    durationMs: endedAtMs - attempt.atMs,
    reading,
    ...(buy === undefined ? {} : { buy }),
  };
}

/** Quantity × rate, exact: rates are pico-currency per 10⁶ tokens, so a product is whole atto-currency. */
function rate(reading: Reading, rates: OrphanRates): RatedAmount {
  const lines = [
    line('input', reading.slices.inputUncached ?? 0, rates.input),
    line('output', reading.slices.output ?? 0, rates.output),
  ];
  const amount = lines.reduce((sum, { amountAtto }) => sum + BigInt(amountAtto), 0n);
  return { amountAtto: amount.toString(), currency: rates.currency, version: rates.version, lines };
}

function line(meter: string, quantity: number, ratePico: string): ChargeLine {
  return { meter, quantity, ratePico, amountAtto: (BigInt(quantity) * BigInt(ratePico)).toString() };
}

/** Only a hard budget sets a bound; without one nothing was held. */
function capAtHold(rated: RatedAmount, admit: AdmitRecord): SellCharge {
  const over = BigInt(rated.amountAtto) - BigInt(admit.hold.amountAtto);
  const bounded = admit.hold.leases.length > 0 && over > 0n;
  return { ...rated, overHoldAtto: bounded ? over.toString() : '0' };
}
