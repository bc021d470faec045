import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  inputTotal,
  outputTotal,
  type ProviderCost,
  type UsageCounts,
  type UsageSlices,
} from '../../completion/usage.ts';
import { usageSemantics } from './registry.ts';

/** One usage object of a provider and what it means. Exactly one of slices, quarantine and nothing is there. */
interface UsageFixture {
  readonly title: string;
  readonly usage: unknown;
  readonly slices?: UsageSlices;
  readonly counts?: UsageCounts;
  readonly serviceTier?: string;
  readonly region?: string;
  readonly providerCost?: ProviderCost;
  /** Why it cannot be read. */
  readonly quarantine?: string;
  /** It says nothing at all. */
  readonly nothing?: true;
  readonly source: string;
}

const folder = new URL('../fixtures/', import.meta.url);

function fixturesOf(provider: string): readonly (readonly [string, UsageFixture])[] {
  const own = new URL(`${provider}/`, folder);
  return readdirSync(own).map(name => [name, JSON.parse(readFileSync(new URL(name, own), 'utf8'))] as const);
}

for (const { provider, read } of usageSemantics) {
  describe(provider, () => {
    for (const [name, fixture] of fixturesOf(provider)) {
      test(`${name}: ${fixture.title}`, () => {
        const report = read(fixture.usage);

        const { title: _title, usage: _usage, source: _source, quarantine, nothing, ...expected } = fixture;
        if (nothing === true) assert.equal(report, undefined);
        else if (quarantine === undefined) assert.deepEqual(report, expected);
        else assert.deepEqual(report, { slices: {}, identityBroken: quarantine });
      });
    }
  });
}

test('every way of counting has fixtures, every fixture a way of counting, a source and one outcome', () => {
  assert.deepEqual(readdirSync(folder).sort(), usageSemantics.map(({ provider }) => provider).sort());
  for (const { provider } of usageSemantics) {
    const fixtures = fixturesOf(provider);
    assert.ok(fixtures.length >= 4, provider);
    assert.ok(
      fixtures.some(([, { quarantine }]) => quarantine !== undefined),
      `${provider} has no report that cannot be read`,
    );
    for (const [name, { slices, quarantine, nothing, source }] of fixtures) {
      const outcomes = [slices, quarantine, nothing].filter(outcome => outcome !== undefined);
      assert.equal(outcomes.length, 1, `${provider}/${name}`);
      assert.match(source, /^https:\/\/\S+.*, 20\d\d-\d\d$/, `${provider}/${name}`);
    }
  }
});

const memberNames = [
  ...new Set(usageSemantics.flatMap(({ provider }) => fixturesOf(provider).flatMap(([, { usage }]) => namesIn(usage)))),
];

function namesIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => [name, ...namesIn(inner)]);
}

/** Values under the very names that are read, down to three levels. */
const leaf = fc.oneof(
  fc.anything(),
  fc.nat(),
  fc.constantFrom(null, -0, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, '7', '1e999', 'TEXT', '5m', true, []),
);
const object = (value: fc.Arbitrary<unknown>) => fc.dictionary(fc.constantFrom(...memberNames), value, { maxKeys: 12 });
const hostile = fc.oneof(leaf, object(fc.oneof(leaf, object(leaf), fc.array(object(leaf), { maxLength: 3 }))));

for (const { provider, read } of usageSemantics) {
  test(`${provider}: no value makes it throw, guess beside a reason, or read what is no count`, () => {
    fc.assert(
      fc.property(hostile, value => {
        const report = read(value);

        if (report === undefined) return;
        if (report.identityBroken !== undefined) {
          assert.deepEqual(Object.keys(report).sort(), ['identityBroken', 'slices']);
          assert.deepEqual(report.slices, {});
          assert.ok(report.identityBroken.length > 0 && report.identityBroken.length < 200);
          return;
        }
        for (const count of [...Object.values(report.slices), ...Object.values(report.counts ?? {})]) {
          assert.ok(Number.isSafeInteger(count) && Number(count) >= 0);
        }
        for (const name of Object.keys(report.counts ?? {})) {
          assert.match(name, /^(audioSecond|tool\.[a-z][A-Za-z0-9]{0,31})$/);
        }
        if (report.providerCost !== undefined) assert.match(report.providerCost.amount, /^\d{1,7}(\.\d*[1-9])?$/);
      }),
      { numRuns: 300 },
    );
  });
}

/** Numbers of an answer, from which each provider's usage is written as it would write it. */
const parts = fc.record({
  uncached: fc.nat(1e6),
  cached: fc.nat(1e6),
  short: fc.nat(1e5),
  long: fc.nat(1e5),
  audio: fc.nat(1e6),
  image: fc.nat(1e6),
  tools: fc.nat(1e5),
  text: fc.nat(1e6),
  reasoning: fc.nat(1e6),
});
type Parts = typeof parts extends fc.Arbitrary<infer Value> ? Value : never;

const written: Readonly<
  Record<
    string,
    (parts: Parts) => {
      readonly usage: unknown;
      readonly input: number;
      readonly output: number;
      readonly cached: number;
    }
  >
> = {
  openai: p => chat(p, p.text + p.reasoning),
  xai: p => chat(p, p.text),
  'openai-compatible': p => chat(p, p.tools % 2 === 0 ? p.text : p.text + p.reasoning),
  deepseek: p => {
    const prompt = p.uncached + p.cached;
    const usage = {
      prompt_tokens: prompt,
      completion_tokens: p.text + p.reasoning,
      total_tokens: prompt + p.text + p.reasoning,
      prompt_cache_hit_tokens: p.cached,
      prompt_cache_miss_tokens: p.uncached,
      completion_tokens_details: { reasoning_tokens: p.reasoning },
    };
    return { usage, input: prompt, output: p.text + p.reasoning, cached: p.cached };
  },
  anthropic: p => {
    const usage = {
      input_tokens: p.uncached,
      cache_read_input_tokens: p.cached,
      cache_creation_input_tokens: p.short + p.long,
      cache_creation: { ephemeral_5m_input_tokens: p.short, ephemeral_1h_input_tokens: p.long },
      output_tokens: p.text + p.reasoning,
      output_tokens_details: { thinking_tokens: p.reasoning },
    };
    const input = p.uncached + p.cached + p.short + p.long;
    return { usage, input, output: p.text + p.reasoning, cached: p.cached };
  },
  gemini: p => {
    const text = p.uncached + p.cached;
    const prompt = text + p.audio + p.image;
    const usage = {
      promptTokenCount: prompt,
      cachedContentTokenCount: p.cached,
      candidatesTokenCount: p.text,
      thoughtsTokenCount: p.reasoning,
      toolUsePromptTokenCount: p.tools,
      totalTokenCount: prompt + p.text + p.reasoning + p.tools,
      promptTokensDetails: [
        { modality: 'TEXT', tokenCount: text },
        { modality: 'AUDIO', tokenCount: p.audio },
        { modality: 'IMAGE', tokenCount: p.image },
      ],
    };
    return { usage, input: prompt + p.tools, output: p.text + p.reasoning, cached: p.cached };
  },
  bedrock: p => {
    const input = p.uncached + p.cached + p.short + p.long;
    const usage = {
      inputTokens: p.uncached,
      outputTokens: p.text,
      totalTokens: input + p.text,
      cacheReadInputTokens: p.cached,
      cacheWriteInputTokens: p.short + p.long,
      cacheDetails: [
        { ttl: '1h', inputTokens: p.long },
        { ttl: '5m', inputTokens: p.short },
      ],
    };
    return { usage, input, output: p.text, cached: p.cached };
  },
  cohere: p => {
    const input = p.uncached + p.cached;
    const usage = { tokens: { input_tokens: input, output_tokens: p.text }, cached_tokens: p.cached };
    return { usage, input, output: p.text, cached: p.cached };
  },
};

function chat(p: Parts, completion: number) {
  const prompt = p.uncached + p.cached + p.short + p.long;
  const usage = {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + p.text + p.reasoning,
    prompt_tokens_details: {
      cached_tokens: p.cached,
      cache_write_tokens: p.short + p.long,
      cache_write_tokens_details: { ttl_30m: p.short, ttl_12h: p.long },
      image_tokens: Math.min(p.image, prompt),
    },
    completion_tokens_details: { reasoning_tokens: p.reasoning },
  };
  return { usage, input: prompt, output: p.text + p.reasoning, cached: p.cached };
}

for (const [provider, write] of Object.entries(written)) {
  const { read } = usageSemantics.find(semantics => semantics.provider === provider)!;
  test(`${provider}: slices of any usage that adds up are disjoint and complete`, () => {
    fc.assert(
      fc.property(parts, numbers => {
        const { usage, input, output, cached } = write(numbers);
        const report = read(usage);

        assert.equal(report?.identityBroken, undefined);
        assert.equal(inputTotal(report!.slices), input);
        assert.equal(outputTotal(report!.slices), output);
        assert.equal(report!.slices.cacheRead, cached);
      }),
    );
  });

  test(`${provider}: one token more in the total and nothing is read`, () => {
    fc.assert(
      fc.property(parts, numbers => {
        const { usage } = write(numbers);
        const total = ['total_tokens', 'totalTokenCount', 'totalTokens'].find(name =>
          Object.hasOwn(usage as object, name),
        );
        if (total === undefined) return;
        const spoiled = {
          ...(usage as Record<string, number>),
          [total]: (usage as Record<string, number>)[total]! + 1,
        };
        // One sum away from the other when one token was for reasoning, or for the cache.
        if (numbers.reasoning === 1 || numbers.cached + numbers.short + numbers.long === 1) return;
        assert.notEqual(read(spoiled)?.identityBroken, undefined);
      }),
    );
  });
}
