import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { healthLaw, levelLaw, proseLaw, seamLaw } from './laws.ts';

const laws = { 'attempt-outcome.ts': [healthLaw], 'go-on.ts': [levelLaw], 'splice-guard.ts': [seamLaw, proseLaw] };
type File = keyof typeof laws;

/** Ways in which two authors could be put together unseen, or a fault be taken for another, planted into the source. */
const mutants: readonly { readonly what: string; readonly file: File; readonly from: string; readonly to: string }[] = [
  {
    what: 'a broken stream says nothing of its deployment',
    file: 'attempt-outcome.ts',
    from: "  upstream_truncated: 'failed',\n",
    to: '',
  },
  {
    what: 'a stalled stream counts as overload',
    file: 'attempt-outcome.ts',
    from: "upstream_idle_timeout: 'slow'",
    to: "upstream_idle_timeout: 'overloaded'",
  },
  {
    what: 'a wait is believed of an answer, too',
    file: 'attempt-outcome.ts',
    from: 'const mayCool = status === 429',
    to: 'const mayCool = status === 200 || status === 429',
  },
  {
    what: 'a tool call is restarted',
    file: 'go-on.ts',
    from: "calls: { error: 'end', restart: 'end'",
    to: "calls: { error: 'end', restart: 'restart'",
  },
  {
    what: 'reasoning is gone on with',
    file: 'go-on.ts',
    from: "reasoning: { error: 'end', restart: 'restart', continue: 'end' }",
    to: "reasoning: { error: 'end', restart: 'restart', continue: 'continue' }",
  },
  {
    what: 'text is followed by another answer unasked',
    file: 'go-on.ts',
    from: "text: { error: 'end'",
    to: "text: { error: 'unseen'",
  },
  {
    what: 'what is said again is shown twice',
    file: 'splice-guard.ts',
    from: 'return held.slice(this.overlap);',
    to: 'return held;',
  },
  {
    what: 'a letter in common counts as said again',
    file: 'splice-guard.ts',
    from: 'overlapLettersMin = 8',
    to: 'overlapLettersMin = 1',
  },
  {
    what: 'another beginning is put behind the first',
    file: 'splice-guard.ts',
    from: 'if (repeated === 0 && beginsAnew(this.#shown, held)) return undefined;',
    to: '',
  },
  {
    what: 'a shorter overlap is taken for the longest',
    file: 'splice-guard.ts',
    from: 'return this.#isUndecided() ?',
    to: 'return false ?',
  },
  {
    what: 'half a JSON document is gone on with',
    file: 'splice-guard.ts',
    from: "if (begun.startsWith('{') ||",
    to: 'if (',
  },
  {
    what: 'half a block of code is gone on with',
    file: 'splice-guard.ts',
    from: 'return !isInsideFence(text);',
    to: 'return true;',
  },
];

const directory = await mkdtemp(join(tmpdir(), 'carrier-failover-mutants-'));
after(() => rm(directory, { recursive: true, force: true }));
const source = new URL('../../src/gateway/', import.meta.url);

for (const [number, mutant] of mutants.entries()) {
  test(`it is noticed when ${mutant.what}`, async () => {
    const planted = await plant(number, mutant);

    const noticed = laws[mutant.file].filter(law => isBroken(() => law(planted)));

    assert.notDeepEqual(noticed, [], 'no law was broken');
  });
}

test('the laws hold for the gateway itself', async () => {
  for (const file of Object.keys(laws) as File[]) {
    const itself = await import(new URL(file, source).href);
    for (const law of laws[file]) law(itself);
  }
});

/** These files import types only, so a copy stands alone. */
async function plant(number: number, { file, from, to }: (typeof mutants)[number]) {
  const path = join(directory, `${number}-${file}`);
  await cp(new URL(file, source), path);
  const text = await readFile(path, 'utf8');
  assert.equal(text.split(from).length, 2, `${file} has the place to plant it exactly once`);
  await writeFile(
    path,
    text.replace(from, () => to),
  );
  return import(pathToFileURL(path).href);
}

function isBroken(law: () => void): boolean {
  try {
    law();
    return false;
  } catch {
    return true;
  }
}
