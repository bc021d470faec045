import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Reading } from '../../src/completion/usage.ts';
import type { UsageReport } from '../../src/completion/usage-fields.ts';
import { readAnthropicUsage } from '../../src/dialects/anthropic-messages/usage.ts';
import { readOpenAiChatUsage } from '../../src/dialects/openai-chat/usage.ts';
import { readGeminiUsage } from '../../src/metering/providers/gemini.ts';
import { readingOfAnswer } from '../../src/metering/reading.ts';
import { cardOfRow, type DecimalTier, normalizeRates, normalizeTiers } from '../../src/pricing/price-row.ts';
import { parseRateCard } from '../../src/pricing/rate-card.ts';
import { rateByCard } from '../../src/pricing/rating.ts';
import { monthOf } from '../../src/usage-events/month.ts';

/** The shapes of worked cases, varied: from what a provider says to what is owed. Amounts are reckoned here on their own:
 *  tokens × rate, in 10⁻¹⁸, from the texts of the rates. */

type Rates = Readonly<Record<string, string>>;

function amountOf(report: UsageReport | undefined, rates: Rates, tiers: readonly DecimalTier[] = [], currency = 'USD') {
  const reading: Reading = readingOfAnswer(
    {
      usage: report?.slices,
      rawUsage: {},
      serviceTier: undefined,
      identityBroken: report?.identityBroken,
      counts: report?.counts,
    },
    { family: 'other', request: { textBytes: 0, mediaParts: 0 }, contentBytesSinceUsage: 0 },
  );
  const row = { rates: normalizeRates(rates), tiers: normalizeTiers(tiers) };
  const rated = rateByCard(reading, parseRateCard(cardOfRow(row, { id: 'v', currency })));
  return 'quarantine' in rated ? rated.quarantine : rated.amountAtto;
}

/** 10⁻¹² of the currency per 10⁶, and so 10⁻¹⁸ a token: the twelve decimals of the text. */
function atto(text: string): bigint {
  const [whole, decimals = ''] = text.split('.');
  return BigInt(whole!) * 10n ** 12n + BigInt(decimals.padEnd(12, '0'));
}
const owed = (...parts: readonly (readonly [number, string])[]) =>
  parts.reduce((sum, [tokens, rate]) => sum + BigInt(tokens) * atto(rate), 0n);

const rate = fc.tuple(fc.nat(99_999), fc.nat(999_999_999)).map(([whole, part]) => `${whole}.${part}`);
const tokens = fc.oneof(fc.nat(3), fc.nat(2_000_000), fc.nat(10 ** 12));
const currency = fc.constantFrom('USD', 'JPY', 'KWD', 'CLF');

test('writes for five minutes and for an hour, reads and input are each owed once, in any currency', () => {
  const rates = fc.record({ input: rate, cacheRead: rate, cacheWrite5m: rate, cacheWrite1h: rate, output: rate });
  fc.assert(
    fc.property(rates, fc.array(tokens, { minLength: 5, maxLength: 5 }), currency, (of, numbers, money) => {
      const [input, read, five, hour, output] = numbers as [number, number, number, number, number];
      const report = readAnthropicUsage({
        input_tokens: input,
        cache_read_input_tokens: read,
        cache_creation_input_tokens: five + hour,
        cache_creation: { ephemeral_5m_input_tokens: five, ephemeral_1h_input_tokens: hour },
        output_tokens: output,
      });

      assert.equal(
        amountOf(report, of, [], money),
        owed(
          [input, of.input],
          [read, of.cacheRead],
          [five, of.cacheWrite5m],
          [hour, of.cacheWrite1h],
          [output, of.output],
        ),
      );
    }),
  );
});

test('text, audio, cached and reasoning tokens of one answer are disjoint, and each is owed at its own rate', () => {
  const rates = fc.record({
    ...{ input: rate, cacheRead: rate, inputAudio: rate, output: rate, reasoning: rate, outputAudio: rate },
  });
  fc.assert(
    fc.property(rates, fc.array(tokens, { minLength: 6, maxLength: 6 }), (of, numbers) => {
      const [text, cached, audio, output, reasoning, spoken] = numbers as [
        number,
        number,
        number,
        number,
        number,
        number,
      ];
      const report = readOpenAiChatUsage({
        prompt_tokens: text + cached + audio,
        completion_tokens: output + reasoning + spoken,
        total_tokens: text + cached + audio + output + reasoning + spoken,
        prompt_tokens_details: { cached_tokens: cached, audio_tokens: audio },
        completion_tokens_details: { reasoning_tokens: reasoning, audio_tokens: spoken },
      });

      const spokenOf = owed([output, of.output], [reasoning, of.reasoning], [spoken, of.outputAudio]);
      assert.equal(
        amountOf(report, of),
        owed([text, of.input], [cached, of.cacheRead], [audio, of.inputAudio]) + spokenOf,
      );
    }),
  );
});

test('thoughts beside the candidates are output, at its rate or their own', () => {
  fc.assert(
    fc.property(
      rate,
      rate,
      fc.option(rate, { nil: undefined }),
      tokens,
      tokens,
      tokens,
      (input, output, own, p, c, t) => {
        const report = readGeminiUsage({
          promptTokenCount: p,
          candidatesTokenCount: c,
          thoughtsTokenCount: t,
          totalTokenCount: p + c + t,
        });
        const rates = { input, output, ...(own === undefined ? {} : { reasoning: own }) };

        assert.equal(amountOf(report, rates), owed([p, input], [c, output], [t, own ?? output]));
      },
    ),
  );
});

const rates = { input: '1', cacheRead: '1', cacheWrite5m: '1', cacheWrite1h: '1', output: '1' };
const chat = (prompt: number, completion: number, more: object) =>
  readOpenAiChatUsage({
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    ...more,
  });

test('parts beyond their whole are never owed: more reasoning than output, more cached than input, other lifetimes', () => {
  const beyond = fc.integer({ min: 1, max: 10 ** 9 });
  fc.assert(
    fc.property(tokens, tokens, beyond, (input, output, more) => {
      const broken = [
        chat(input, output, { completion_tokens_details: { reasoning_tokens: output + more } }),
        chat(input, output, { prompt_tokens_details: { cached_tokens: input + more } }),
        readAnthropicUsage({
          input_tokens: input,
          cache_creation_input_tokens: more,
          cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: more + 1 },
          output_tokens: output,
        }),
      ];
      for (const report of broken) assert.equal(typeof amountOf(report, rates), 'string');
    }),
  );
});

test('as many tokens as a number counts are owed exactly; one more, a part of one, less than none are not', () => {
  const most = Number.MAX_SAFE_INTEGER;
  const dear = { input: '99999999999.999999999999', output: '0.000000000001' };

  assert.equal(amountOf(chat(most - 7, 7, {}), dear), 900_719_925_474_098_399_999_990_992_800_745_259_016n + 7n);
  for (const wrong of [most + 1, most + 3, 0.5, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
    const report = readOpenAiChatUsage({ prompt_tokens: wrong, completion_tokens: 1, total_tokens: wrong + 1 });
    assert.equal(typeof amountOf(report, rates), 'string', String(wrong));
  }
});

test('zero is owed for a model that is free, and for an answer of nothing', () => {
  fc.assert(
    fc.property(tokens, tokens, (input, output) => {
      const free = { input: '0', output: '0.00' };
      assert.equal(amountOf(chat(input, output, {}), free), 0n);
      assert.equal(amountOf(chat(0, 0, {}), { input: '5', output: '7' }), 0n);
    }),
  );
});

test('of any number of tiers the largest that is passed holds for all tokens, in whatever order they are written', () => {
  const tier = fc.record({
    measure: fc.constant('inputTotal' as const),
    op: fc.constantFrom('gt' as const, 'gte' as const),
    size: fc.nat(20),
    rates: fc.record({ input: rate, cacheRead: rate, output: rate }),
  });
  const tiers = fc.uniqueArray(tier, { selector: ({ op, size }) => `${op} ${size}`, maxLength: 16 });
  fc.assert(
    fc.property(tiers, fc.nat(12), fc.nat(12), fc.nat(99), (of, text, cached, output) => {
      const base = { input: '1', cacheRead: '2', output: '3' };
      const whole = text + cached;
      // Above 7 is from 8 on.
      const passed = of
        .map(({ op, size, rates: own }) => ({ from: op === 'gt' ? size + 1 : size, op, own }))
        .filter(({ from }) => whole >= from)
        .sort((one, other) => one.from - other.from || (one.op === 'gt' ? -1 : 1));
      const last = passed.at(-1)?.from;
      const held = passed.filter(({ from }) => from === last).map(({ own }) => own);
      const report = chat(whole, output, { prompt_tokens_details: { cached_tokens: cached } });

      const amounts = (held.length === 0 ? [base] : held).map(own =>
        owed([text, own.input], [cached, own.cacheRead], [output, own.output]),
      );
      assert.ok(amounts.includes(amountOf(report, base, of) as bigint));
      assert.equal(amountOf(report, base, of), amountOf(report, base, of.toReversed()));
    }),
  );
});

test('months begin and end by UTC, over leap days, turns of the year and changes of clocks', () => {
  for (const [instant, month] of [
    ['2028-02-29T23:59:59.999Z', '2028-02-01'],
    ['2028-03-01T00:00:00.000Z', '2028-03-01'],
    ['2026-12-31T23:59:59.999Z', '2026-12-01'],
    ['2027-01-01T00:00:00.000Z', '2027-01-01'],
    ['2027-01-01T00:30:00+01:00', '2026-12-01'],
    ['2026-03-29T02:30:00+01:00', '2026-03-01'],
    ['2026-10-31T23:30:00-04:00', '2026-11-01'],
    ['2100-02-28T23:59:59.999Z', '2100-02-01'],
  ] as const) {
    assert.equal(monthOf(Date.parse(instant)).toISOString(), `${month}T00:00:00.000Z`, instant);
  }
});
