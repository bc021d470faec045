import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { type Engine, laws } from './laws.ts';

/** Ways in which an engine could favour somebody, planted into its source. The laws must notice every one. */
interface Mutant {
  readonly what: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

const mutants: readonly Mutant[] = [
  {
    what: 'ties are broken by the place in the list',
    file: 'decide.ts',
    from: 'if (entries.length > 1) entries.sort(byLot);',
    to: '',
  },
  {
    what: 'lots follow from names',
    file: 'decide.ts',
    from: 'lot: lots[index]!,',
    to: 'lot: view.handle,',
  },
  {
    what: 'a name is peeked at',
    file: 'decide.ts',
    from: 'share: entry.view.weight * (entry.health?.rampPermille ?? wholeRamp),',
    to: "share: entry.view.weight * (entry.view.handle.startsWith('house') ? 2 : 1) * (entry.health?.rampPermille ?? wholeRamp),",
  },
  {
    what: 'equal scores are sorted, not drawn',
    file: 'decide.ts',
    from: 'return drawByShare(ties, draws);',
    to: 'return ties;',
  },
  {
    what: 'a newcomer counts as instant',
    file: 'score.ts',
    from: 'const usualLatency = medianOf(latencies) ?? 1;',
    to: 'const usualLatency = 1;',
  },
  {
    what: 'a newcomer sets the bar for others',
    file: 'score.ts',
    from: 'if (latency === undefined) return { score, tie: unknownTie, unmeasured: true };',
    to: 'if (latency === undefined) return { score: 0, tie: unknownTie };',
  },
  {
    what: 'a newcomer never gets a chance',
    file: 'score.ts',
    from: 'if (latency === undefined) return { score, tie: unknownTie, unmeasured: true };',
    to: 'if (latency === undefined) return { score: score + 100_000, tie: tieMin, unmeasured: true };',
  },
  {
    what: 'the buying price is in the score',
    file: 'decide.ts',
    from: '    ...scores[index]!,',
    to: '    ...scores[index]!,\n    score: scores[index]!.score - ((entry.view as unknown as { marginPpm?: number }).marginPpm ?? 0) / 1_000,',
  },
  {
    what: 'the owner is in the record',
    file: 'decide.ts',
    from: 'if (tier !== undefined) ordered.tier = tier;',
    to: "if (tier !== undefined) ordered.tier = tier;\n  if ('owner' in view) Object.assign(ordered, { owner: view.owner });",
  },
  {
    what: 'who is dearer comes first',
    file: 'score.ts',
    from: 'terms.cost * log2Fixed(',
    to: '-terms.cost * log2Fixed(',
  },
  {
    what: 'what nobody can price counts as free',
    file: 'decide.ts',
    from: 'comparesCost && entry.cost === undefined ? 1 : 0,',
    to: '0,',
  },
  {
    what: 'failures do not count',
    file: 'score.ts',
    from: 'terms.errors * errorScore(',
    to: '-1 * errorScore(',
  },
  {
    what: 'scores are compared with the average of the others',
    file: 'draw-order.ts',
    from: 'ticket.score - best <= ticket.tie',
    to: 'ticket.score - best <= tickets.reduce((sum, { score }) => sum + score, 0) / tickets.length / 8',
  },
  {
    what: 'the bar widens with the uncertainty of the best',
    file: 'draw-order.ts',
    from: 'ticket.score - best <= ticket.tie',
    to: 'ticket.score - best <= ticket.tie + (bar.find(({ score }) => score === best)?.tie ?? 0)',
  },
  {
    what: 'whoever policy excludes still counts for panic',
    file: 'decide.ts',
    from: 'const panic = healthy.length * 2 < compliant.length;',
    to: 'const panic = healthy.length * 2 < entries.length;',
  },
  {
    what: 'the draw favours the first by one',
    file: 'draw-order.ts',
    from: 'if (point < passed) return index;',
    to: 'if (point < passed + (index === 0 ? passed : 0)) return index;',
  },
  {
    what: 'weights are squared, so that the large grow',
    file: 'decide.ts',
    from: 'share: entry.view.weight * (',
    to: 'share: entry.view.weight * entry.view.weight * (',
  },
];

const directory = await mkdtemp(join(tmpdir(), 'carrier-mutants-'));
after(() => rm(directory, { recursive: true, force: true }));
const source = new URL('../../src/', import.meta.url);
/** One seed for all: whether a mutant is noticed does not depend on luck. */
const seed = 20_261_120;

for (const [number, mutant] of mutants.entries()) {
  test(`the laws notice when ${mutant.what}`, async () => {
    const engine = await plant(number, mutant);

    const noticed = Object.values(laws).some(law => isBroken(() => law(engine)(300, seed)));

    assert.equal(noticed, true, 'no law was broken');
  });
}

test('the laws hold for the engine itself under the same seed', async () => {
  const engine = await plant(mutants.length, undefined);

  for (const law of Object.values(laws)) law(engine)(300, seed);
});

async function plant(number: number, mutant: Mutant | undefined): Promise<Engine> {
  const planted = join(directory, String(number));
  for (const room of ['routing', 'governance']) {
    await cp(new URL(`${room}/`, source), join(planted, room), {
      recursive: true,
      filter: path => !path.endsWith('.test.ts'),
    });
  }
  if (mutant !== undefined) {
    const path = join(planted, 'routing', mutant.file);
    const text = await readFile(path, 'utf8');
    assert.equal(text.split(mutant.from).length, 2, `${mutant.file} has the place to plant it exactly once`);
    await writeFile(
      path,
      text.replace(mutant.from, () => mutant.to),
    );
  }
  return import(pathToFileURL(join(planted, 'routing', 'decide.ts')).href);
}

function isBroken(law: () => void): boolean {
  try {
    law();
    return false;
  } catch {
    return true;
  }
}
