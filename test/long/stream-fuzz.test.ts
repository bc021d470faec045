import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  checkAnswerCase,
  checkStreamCase,
  type FuzzTally,
  mutatedAnswer,
  mutatedStream,
  randomOf,
  readCorpora,
} from '../support/stream-fuzz.ts';

/** 78,000 in all, over six dialects, within a minute; the seeds of the default run come before. */
const firstSeed = 1_000;
const streamSeeds = 10_000;
const answerSeeds = 3_000;

for (const corpus of readCorpora()) {
  test(`${corpus.dialect.name}: nothing that a provider may send breaks a law or stays in memory`, () => {
    const tally: FuzzTally = { ended: 0, failed: 0 };
    let early = 0;
    for (let seed = firstSeed; seed < firstSeed + streamSeeds; seed += 1) {
      const random = randomOf(seed);
      const bytes = mutatedStream(corpus, random);
      guarded(seed, bytes, () => checkStreamCase(corpus.dialect, bytes, random, tally));
      if (seed === firstSeed + streamSeeds / 4) early = process.memoryUsage().rss;
    }
    for (let seed = firstSeed; seed < firstSeed + answerSeeds; seed += 1) {
      const random = randomOf(seed);
      const bytes = mutatedAnswer(corpus, random);
      guarded(seed, bytes, () => checkAnswerCase(corpus.dialect, bytes, random, tally));
    }

    assert.equal(tally.ended + tally.failed, streamSeeds + answerSeeds);
    assert.ok(tally.ended > 2_000 && tally.failed > 2_000, JSON.stringify(tally));
    const grown = process.memoryUsage().rss - early;
    assert.ok(grown < 100 * 1024 * 1024, `${grown} bytes more than after a quarter`);
  });
}

function guarded(seed: number, bytes: Buffer, run: () => void): void {
  try {
    run();
  } catch (cause) {
    throw new Error(`seed ${seed}: ${(cause as Error).message}\n${bytes.toString().slice(0, 2_000)}`, { cause });
  }
}
