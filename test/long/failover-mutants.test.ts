import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import type * as Matrix from '../failover/matrix.ts';

/** Ways in which a gateway could go on with a broken answer wrongly, planted into its source: the matrix must notice each. */
const mutants: readonly { readonly what: string; readonly file: string; readonly from: string; readonly to: string }[] =
  [
    {
      what: 'what is said again is shown again',
      file: 'translate.ts',
      from: 'const events = this.#seam === undefined ? decoded : this.#seam.pass(decoded);',
      to: 'const events = decoded;',
    },
    {
      what: 'another candidate is asked whatever was shown',
      file: 'send-attempt.ts',
      from: "showing.goOn() === 'end'",
      to: "showing.goOn() === 'end' && false",
    },
    {
      what: 'a beginning that was sent counts as content',
      file: 'go-on.ts',
      from: "head: { error: 'unseen'",
      to: "head: { error: 'end'",
    },
    {
      what: 'a message begins twice',
      file: 'relay.ts',
      from: 'this.#resumed = context.dialect.resumeStream?.(context.resume.after,',
      to: 'if (context.resume.notice === undefined) this.#resumed = context.dialect.resumeStream?.(context.resume.after,',
    },
    {
      what: 'a restart is not announced',
      file: 'stream-flow.ts',
      from: 'if (notice !== undefined) this.#context.client.write(notice);',
      to: '',
    },
    {
      what: 'an answer restarts after its reason for the end',
      file: 'shown-answer.ts',
      from: "if (this.#observer.facts.finishRaw !== undefined) return 'finished';",
      to: '',
    },
    {
      what: 'a broken stream ends without a word',
      file: 'stream-flow.ts',
      from: 'return this.delivery(dialect.encodeStreamFault(fault, { exchangeId, streamForm, salvage: showing.salvage, place }));',
      to: 'return this.delivery(undefined);',
    },
    {
      what: 'who goes on is given less than was shown',
      file: 'continuation.ts',
      from: 'const text = exchange.showing.text.trimEnd();',
      to: "const text = exchange.showing.text.trimEnd().slice(0, -9) + '.';",
    },
    {
      what: 'waste is not booked',
      file: 'meter.ts',
      from: "buy: quarantined || reading.source === 'none' ? undefined : ratedAmountJson(bought),",
      to: "buy: quarantined || reading.source === 'none' || result.fault !== undefined ? undefined : ratedAmountJson(bought),",
    },
    {
      what: 'a seam is not declared',
      file: 'resume.ts',
      from: "losses.approximated('answer-continued'",
      to: "losses.approximated('answer-seam' as 'answer-continued'",
    },
    {
      what: 'a stall is no failure',
      file: 'attempt-outcome.ts',
      from: "  upstream_idle_timeout: 'slow',\n",
      to: '',
    },
  ];

const root = new URL('../../', import.meta.url);
const directory = await mkdtemp(join(tmpdir(), 'carrier-failover-trees-'));
after(() => rm(directory, { recursive: true, force: true }));

test('the matrix holds for a copy that nothing is planted into', async () => {
  assert.deepEqual(await problemsOf(undefined), []);
});

for (const mutant of mutants) {
  test(`the matrix notices when ${mutant.what}`, async () => {
    assert.notDeepEqual(await problemsOf(mutant), []);
  });
}

async function problemsOf(mutant: (typeof mutants)[number] | undefined): Promise<readonly string[]> {
  const tree = await mkdtemp(join(directory, 'tree-'));
  for (const part of ['src', 'test/failover', 'test/support']) {
    await cp(new URL(part, root), join(tree, part), {
      recursive: true,
      filter: path => !path.endsWith('.test.ts'),
    });
  }
  await cp(new URL('package.json', root), join(tree, 'package.json'));
  await symlink(new URL('node_modules', root).pathname, join(tree, 'node_modules'));
  if (mutant !== undefined) {
    const path = join(tree, 'src/gateway', mutant.file);
    const text = await readFile(path, 'utf8');
    assert.equal(text.split(mutant.from).length, 2, `${mutant.file} has the place to plant it exactly once`);
    await writeFile(
      path,
      text.replace(mutant.from, () => mutant.to),
    );
  }
  const { allCells, runCells }: typeof Matrix = await import(pathToFileURL(join(tree, 'test/failover/matrix.ts')).href);
  const cells = allCells().filter(({ client, reserve }) => client === reserve);
  return runCells(cells.filter((_, index) => index % 2 === 0));
}
