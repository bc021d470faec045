import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import fc from 'fast-check';
import * as gating from '../../src/gateway/deployment-gate.ts';
import { WorkerHealth } from '../../src/process/worker-health.ts';
import { type QueueClass, queueClasses } from '../../src/routing/queue/waiting-line.ts';
import { type Deployment, loadSnapshot } from '../../src/snapshot/load.ts';
import { permitsOf } from '../support/permits.ts';
import { snapshotJson } from '../support/snapshot.ts';
import { VirtualTime } from '../support/virtual-time.ts';

// Who gets a place, and who waits for how long, may depend on room, class and turn. It may not depend on what deployments,
// providers and organisations are called, nor on the order in which they are listed: played again under other names, the same
// history gives the same places under those names.

interface Names {
  readonly handleOf: (index: number) => string;
  readonly nameOf: (index: number) => string;
  readonly organisationOf: (index: number) => string;
  /** Lists what will do in another order. */
  readonly listed: <Item>(items: readonly Item[]) => readonly Item[];
}

const plain: Names = {
  handleOf: index => `h${index}`,
  nameOf: index => `d${index}`,
  organisationOf: index => `o${index}`,
  listed: items => items,
};
const guises: Readonly<Record<string, Names>> = {
  'how handles sort': { ...plain, handleOf: index => ['zz', 'mm', 'aa'][index]! },
  'how deployments and providers are called': { ...plain, nameOf: index => ['openai', 'anthropic', 'house'][index]! },
  'how organisations are called': { ...plain, organisationOf: index => ['zoo', 'acme'][index]! },
  'the order in which those that will do are listed': { ...plain, listed: items => items.toReversed() },
};

const anyAsk = fc.record({
  type: fc.constant('ask' as const),
  at: fc.constantFrom<readonly number[]>([0], [1], [2], [0, 1], [1, 2], [0, 1, 2]),
  // Mostly one class, so that it is for organisations to take turns.
  class: fc.constantFrom<QueueClass>('standard', 'standard', 'standard', ...queueClasses),
  organisation: fc.nat(1),
  weight: fc.integer({ min: 1, max: 60_000 }),
  isInflow: fc.boolean(),
  waitMsMax: fc.integer({ min: 50, max: 1_000 }),
});
const anyLeave = fc.record({ type: fc.constant('leave' as const), which: fc.nat(8) });
const anyPass = fc.record({ type: fc.constant('pass' as const), ms: fc.constantFrom(10, 100) });
const step = fc.oneof(
  { arbitrary: anyAsk, weight: 4 },
  { arbitrary: anyLeave, weight: 4 },
  { arbitrary: anyPass, weight: 1 },
);
type Ask = typeof anyAsk extends fc.Arbitrary<infer Value> ? Value : never;
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

/** Who was given a place where, in order; by numbers, so that it can be compared under other names. */
async function played(gate: typeof gating, steps: readonly Step[], names: Names): Promise<string> {
  const { handleOf, nameOf, organisationOf, listed } = names;
  const time = new VirtualTime();
  const numbers = [0, 1, 2];
  const snapshot = loadSnapshot(
    snapshotJson({
      providers: numbers.map(n => ({ name: nameOf(n) })),
      deployments: listed(numbers).map(n => ({
        id: `deployment-${nameOf(n)}`,
        handle: handleOf(n),
        model: `${nameOf(n)}/model`,
        provider: nameOf(n),
        concurrencyMax: 4,
      })),
    }),
  );
  const numberOf = new Map(numbers.map(n => [handleOf(n), n]));
  const limits = Object.fromEntries(numbers.map(n => [handleOf(n), 4]));
  const it = new gate.DeploymentGate({
    permits: permitsOf(limits, time),
    health: new WorkerHealth({ send: () => {}, nowMs: time.monotonicMs, after: time.after }),
    monotonicMs: time.monotonicMs,
    after: time.after,
    sharers: 1,
  });
  const settle = async () => {
    for (let n = 0; n < 16; n += 1) await Promise.resolve();
  };
  const seen: string[] = [];
  const held: gating.Place[] = [];
  for (const [number, one] of steps.entries()) {
    if (one.type === 'ask') {
      const able: readonly Deployment[] = listed(one.at).map(n => snapshot.deployment(handleOf(n)));
      const wait = it.wait({ ...one, deployments: able, organisation: organisationOf(one.organisation) });
      void wait.result.then(outcome => {
        if (typeof outcome === 'string') seen.push(`${number} ${outcome}`);
        else seen.push(`${number} at ${numberOf.get(outcome.deployment.handle)}`);
        if (typeof outcome !== 'string') held.push(outcome);
      });
    } else if (one.type === 'leave') {
      const [place] = held.splice(one.which, 1);
      if (place !== undefined) it.leave(place, { kind: 'answered', latency: undefined });
    } else time.advance(one.ms);
    await settle();
  }
  return seen.join('\n');
}

/** All places are taken first, one deployment each, so that lines form. */
const histories = fc.array(step, { minLength: 20, maxLength: 60, size: 'max' }).map((steps): readonly Step[] => [
  ...[0, 1, 2].flatMap(n =>
    Array.from(
      { length: 4 },
      (): Ask => ({
        type: 'ask',
        at: [n],
        class: 'standard',
        organisation: 0,
        weight: 1,
        isInflow: false,
        waitMsMax: 9_000,
      }),
    ),
  ),
  ...steps,
]);

/** Where several have room the first that is listed is taken, as the decision put them; so of lists in another order only those
 *  of one are compared. */
async function holds(gate: typeof gating, names: Names, keepsOrder: boolean): Promise<void> {
  const property = fc.asyncProperty(histories, async steps => {
    const ordered = keepsOrder ? steps : steps.filter(one => one.type !== 'ask' || one.at.length === 1);
    assert.equal(await played(gate, ordered, names), await played(gate, ordered, plain));
  });
  await fc.assert(property, { numRuns: 15, seed: 20_261_120, endOnFailure: true });
}

for (const [what, names] of Object.entries(guises)) {
  test(`who gets a place, and when, does not depend on ${what}`, () =>
    holds(gating, names, names.listed === plain.listed));
}

const mutants = [
  {
    what: 'the line of the first name is served first',
    file: 'routing/queue/waiting-line.ts',
    from: 'queue.servedAt < chosen.servedAt',
    to: 'queue.key < chosen.key',
  },
  {
    what: 'one organisation is let through',
    file: 'routing/queue/turn-ring.ts',
    from: 'weight <= member.deficit',
    to: "weight <= member.deficit || member.organisation === 'acme'",
  },
  {
    what: 'one provider is always full for those whom others failed',
    file: 'gateway/deployment-gate.ts',
    from: '    return inflowMax(limit,',
    to: "    if (handle === 'aa') return 0;\n    return inflowMax(limit,",
  },
] as const;

const directory = mkdtempSync(join(tmpdir(), 'carrier-gate-'));
after(() => rmSync(directory, { recursive: true, force: true }));
const source = fileURLToPath(new URL('../../src/', import.meta.url));
writeFileSync(join(directory, 'package.json'), '{ "type": "module" }');

for (const [number, { what, file, from, to }] of mutants.entries()) {
  test(`it is noticed when ${what}`, async () => {
    const planted = join(directory, String(number));
    for (const path of ['routing', 'gateway/deployment-gate.ts']) {
      cpSync(join(source, path), join(planted, path), { recursive: true, filter: name => !name.endsWith('.test.ts') });
    }
    const text = readFileSync(join(planted, file), 'utf8');
    assert.equal(text.split(from).length, 2, `${file} has the place to plant it exactly once`);
    writeFileSync(
      join(planted, file),
      text.replace(from, () => to),
    );
    const gate: typeof gating = await import(pathToFileURL(join(planted, 'gateway', 'deployment-gate.ts')).href);

    let isNoticed = false;
    for (const names of Object.values(guises)) {
      isNoticed ||= await holds(gate, names, names.listed === plain.listed).then(
        () => false,
        () => true,
      );
    }
    assert.ok(isNoticed, 'no law was broken');
  });
}
