import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { Reading, UsageSlices } from '../../src/completion/usage.ts';
import { readAnthropicUsage } from '../../src/dialects/anthropic-messages/usage.ts';
import { readOpenAiChatUsage } from '../../src/dialects/openai-chat/usage.ts';
import { readGeminiUsage } from '../../src/metering/providers/gemini.ts';
import { readingOfAnswer } from '../../src/metering/reading.ts';
import type { Meter } from '../../src/pricing/meters.ts';
import { formatAtto, parseRate } from '../../src/pricing/money.ts';
import { parseRateCard, type RateCard } from '../../src/pricing/rate-card.ts';
import { rateByCard } from '../../src/pricing/rating.ts';

/** Cases that were billed wrong somewhere, each with its source: from a provider's usage, or from slices where its
 *  dialect is not spoken here yet, to the amount that is owed. Rates and amounts are decimal USD. */
interface WorkedCase {
  readonly name: string;
  readonly dialect?: keyof typeof readers;
  readonly rates: Readonly<Record<string, string>>;
  readonly tier?: {
    readonly op: 'gt' | 'gte';
    readonly size: number;
    readonly rates: Readonly<Record<string, string>>;
  };
  readonly serviceTier?: string;
  readonly usage?: unknown;
  readonly slices?: UsageSlices;
  readonly lines: Readonly<Partial<Record<Meter, string>>>;
  readonly amount: string;
  readonly notAmounts: Readonly<Record<string, string>>;
}

const path = new URL('../fixtures/worked-cases.json', import.meta.url);
const cases: readonly WorkedCase[] = JSON.parse(readFileSync(path, 'utf8'));

for (const worked of cases) {
  test(worked.name, () => {
    const rated = rateByCard(readingOf(worked), cardOf(worked));

    assert.ok(!('quarantine' in rated));
    const lines = Object.fromEntries(rated.lines.map(line => [line.meter, formatAtto(line.amountAtto)]));
    assert.deepEqual(lines, worked.lines);
    assert.equal(formatAtto(rated.amountAtto), worked.amount);
    for (const [mistake, amount] of Object.entries(worked.notAmounts)) {
      assert.notEqual(formatAtto(rated.amountAtto), amount, mistake);
    }
  });
}

const readers = {
  'openai-chat': readOpenAiChatUsage,
  'anthropic-messages': readAnthropicUsage,
  gemini: readGeminiUsage,
};

function readingOf(worked: WorkedCase): Reading {
  if (worked.slices !== undefined) return { slices: worked.slices, source: 'provider' };
  const read = readers[worked.dialect ?? 'openai-chat'];
  const report = read(worked.usage);
  return readingOfAnswer(
    {
      usage: report?.slices,
      rawUsage: worked.usage,
      serviceTier: report?.serviceTier ?? worked.serviceTier,
      identityBroken: report?.identityBroken,
    },
    { family: 'other', request: { textBytes: 0, mediaParts: 0 }, contentBytesSinceUsage: 0 },
  );
}

function cardOf(worked: WorkedCase): RateCard {
  const tiers = worked.tier === undefined ? [] : [{ measure: 'inputTotal' as const, ...worked.tier }];
  return parseRateCard({
    version: 'worked',
    currency: 'USD',
    rates: pico(worked.rates),
    tiers: tiers.map(tier => ({ ...tier, rates: pico(tier.rates) })),
  });
}

function pico(rates: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(rates).map(([meter, text]) => [meter, parseRate(text).toString()]));
}
