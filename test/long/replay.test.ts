import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { decide } from '../../src/routing/decide.ts';
import { capabilities, policyNames } from '../../src/routing/decision.ts';
import { replay } from '../../src/routing/replay.ts';

const recordsWanted = 10_000;
const directory = mkdtempSync(join(tmpdir(), 'carrier-replay-'));
after(() => rmSync(directory, { recursive: true, force: true }));

const some = fc.integer({ min: 1, max: 1_000_000 });
const optional = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: undefined });
const candidate = fc.record({
  weight: fc.integer({ min: 0, max: 1_000_000 }),
  priority: fc.integer({ min: 0, max: 1_000 }),
  zone: fc.constantFrom('US', 'DE', 'FR', 'GLOBAL'),
  dialects: fc.constantFrom(['openai-chat'], ['anthropic-messages'], []),
  priced: fc.boolean(),
  capabilities: optional(fc.subarray([...capabilities])),
  contextTokensMax: optional(some),
  health: optional(
    fc.record({
      firstTokenUs: optional(some),
      perTokenUs: optional(some),
      spread: optional(fc.integer({ min: 0, max: 9_000 })),
      errorPpm: optional(some),
      inFlight: optional(fc.integer({ min: 0, max: 80 })),
      concurrencyMax: optional(fc.integer({ min: 1, max: 80 })),
      breaker: optional(fc.constantFrom('half-open' as const, 'open' as const, 'misconfigured' as const)),
      coolingUntilMs: optional(fc.constantFrom(900, 1_100)),
      rampPermille: optional(fc.integer({ min: 1, max: 999 })),
      madeState: optional(fc.boolean()),
    }),
  ),
  cost: optional(fc.record({ nano: fc.maxSafeNat(), savedNano: optional(fc.nat()) })),
});
const question = fc.record({
  candidates: fc.oneof(
    { weight: 9, arbitrary: fc.array(candidate, { minLength: 1, maxLength: 8 }) },
    { weight: 1, arbitrary: fc.array(candidate, { minLength: 20, maxLength: 64 }) },
  ),
  exchangeId: fc.string({ minLength: 1, maxLength: 30, unit: 'binary' }),
  policy: fc.constantFrom(...policyNames),
  zones: optional(fc.subarray(['EU', 'US', 'DE'])),
  inputTokens: fc.nat(),
  outputTokens: some,
  needs: optional(fc.subarray([...capabilities])),
  costNanoMax: optional(fc.maxSafeNat()),
  session: optional(fc.string({ minLength: 1, maxLength: 16 })),
  mayWait: optional(fc.boolean()),
  seed: fc.string({ minLength: 64, maxLength: 64, unit: fc.constantFrom(...'0123456789abcdef') }),
});

/** The same on every run. */
const records = fc.sample(question, { numRuns: recordsWanted, seed: 20_261_120 }).map((asked, number) => {
  const { candidates, seed, ...facts } = asked;
  const views = candidates.map(({ health: _health, cost: _cost, ...view }, n) => ({
    handle: `dep_${n}`,
    allowed: true,
    ...view,
  }));
  const health = new Map(
    candidates.flatMap((one, n) => (one.health === undefined ? [] : [[`dep_${n}`, one.health] as const])),
  );
  const costs = new Map(
    candidates.flatMap((one, n) => (one.cost === undefined ? [] : [[`dep_${n}`, one.cost] as const])),
  );
  const observations = { atMs: 1_000, health, costs };
  return JSON.stringify(decide(views, observations, { dialect: 'openai-chat', ...facts }, { epoch: number, seed }));
});

test('ten thousand records replay to the same bytes', () => {
  const outcomes = new Map<string, number>();
  for (const record of records) {
    const { outcome } = replay(record);
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }

  assert.deepEqual([...outcomes], [['same', recordsWanted]]);
});

test('another major of Node gives the same bytes', context => {
  const other = findOtherNode();
  if (other === undefined) return context.skip('this machine has no other Node');
  for (const room of ['routing', 'governance']) buildRoom(room);
  writeFileSync(join(directory, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(directory, 'records.jsonl'), records.join('\n'));
  writeFileSync(
    join(directory, 'replay-all.js'),
    `import { readFileSync } from 'node:fs';
     import { replay } from './routing/replay.js';
     const records = readFileSync(new URL('records.jsonl', import.meta.url), 'utf8').split('\\n');
     const same = records.filter(record => replay(record).outcome === 'same').length;
     console.log(process.versions.node.split('.')[0], records.length, same);`,
  );

  const said = execFileSync(other, [join(directory, 'replay-all.js')], { encoding: 'utf8' }).trim();

  const [major, read, same] = said.split(' ');
  assert.notEqual(major, process.versions.node.split('.')[0]);
  assert.deepEqual([read, same], [String(recordsWanted), String(recordsWanted)]);
});

/** The Node of the machine, where it is of another major than the one that is shipped, and at least 20. */
function findOtherNode(): string | undefined {
  for (const folder of (process.env['PATH'] ?? '').split(':')) {
    const path = join(folder, 'node');
    try {
      const major = Number(
        execFileSync(path, ['--print', 'process.versions.node.split(".")[0]'], {
          encoding: 'utf8',
          stdio: ['ignore', 'pipe', 'ignore'],
        }),
      );
      if (major >= 20 && String(major) !== process.versions.node.split('.')[0]) return path;
    } catch {
      // There is none here.
    }
  }
  return undefined;
}

/** As the package has it: types taken out, imports of `.js`. */
function buildRoom(room: string): void {
  const source = fileURLToPath(new URL(`../../src/${room}/`, import.meta.url));
  const target = join(directory, room);
  cpSync(source, target, { recursive: true, filter: path => !path.endsWith('.test.ts') });
  for (const name of readdirSync(target, { recursive: true, encoding: 'utf8' }).filter(one => one.endsWith('.ts'))) {
    const text = stripTypeScriptTypes(readFileSync(join(target, name), 'utf8'));
    writeFileSync(join(target, name.replace(/\.ts$/, '.js')), text.replaceAll(/(from '\.[^']*)\.ts'/g, "$1.js'"));
  }
}
