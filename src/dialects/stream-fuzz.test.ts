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
} from '../../test/support/stream-fuzz.ts';

/** The long suite goes on where these seeds end. */
const seeds = 500;

for (const corpus of readCorpora()) {
  const { name } = corpus.dialect;

  test(`${name}: streams changed by chance keep the laws, whatever their chunks`, () => {
    const tally: FuzzTally = { ended: 0, failed: 0 };
    for (let seed = 0; seed < seeds; seed += 1) {
      const random = randomOf(seed);
      const bytes = mutatedStream(corpus, random);
      check(seed, bytes, () => checkStreamCase(corpus.dialect, bytes, random, tally));
    }
    assert.equal(tally.ended + tally.failed, seeds);
    // Neither kind is rare, or little was tried.
    assert.ok(tally.ended > seeds / 10 && tally.failed > seeds / 10, JSON.stringify(tally));
  });

  test(`${name}: whole answers changed by chance are read or named`, () => {
    const tally: FuzzTally = { ended: 0, failed: 0 };
    for (let seed = 0; seed < seeds; seed += 1) {
      const random = randomOf(seed);
      const bytes = mutatedAnswer(corpus, random);
      check(seed, bytes, () => checkAnswerCase(corpus.dialect, bytes, random, tally));
    }
    assert.equal(tally.ended + tally.failed, seeds);
    assert.ok(tally.ended > seeds / 10 && tally.failed > seeds / 10, JSON.stringify(tally));
  });
}

function check(seed: number, bytes: Buffer, run: () => void): void {
  try {
    run();
  } catch (cause) {
    throw new Error(`seed ${seed}: ${(cause as Error).message}\n${bytes.toString().slice(0, 2_000)}`, { cause });
  }
}
