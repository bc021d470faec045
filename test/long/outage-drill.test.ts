import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { until } from '../scenarios/support/until.ts';

const entryPath = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const directory = mkdtempSync('/tmp/carrier-long-');
chmodSync(directory, 0o711);
const children: ChildProcess[] = [];
after(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(directory, { recursive: true, force: true });
});

/** With a provider's key and a database in its environment, which are none of the drill's business. */
function drill(...words: readonly string[]) {
  const { PATH, HOME } = process.env;
  const child = spawn(process.execPath, [entryPath, 'drill', ...words], {
    env: {
      PATH,
      HOME,
      TMPDIR: directory,
      OPENAI_API_KEY: 'sk-not-for-drills',
      DATABASE_URL: 'postgres://nobody@[::1]:1/none',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  const said = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', text => {
    said.out += text;
  });
  child.stderr.setEncoding('utf8').on('data', text => {
    said.err += text;
  });
  return { child, said, ended: once(child, 'close') as Promise<[number | null]> };
}

const left = () => readdirSync(directory).filter(name => name.startsWith('carrier-drill-'));

test('a short drill holds, says so in JSON and as a page, and leaves nothing behind', async () => {
  const page = join(directory, 'drill.html');
  const { said, ended } = drill('--seconds', '12', '--rate', '20', '--json', '--html', page);
  const [code] = await ended;

  assert.equal(code, 0, said.err + said.out);
  const { asked, failed, verdicts, phases, exchangesInLedger } = JSON.parse(said.out);
  assert.deepEqual([asked, failed, exchangesInLedger], [240, 0, 240]);
  assert.deepEqual(
    verdicts.map(({ name, outcome }: { name: string; outcome: string }) => `${name} ${outcome}`),
    [
      'no-errors held',
      'attempts held',
      'left-alone held',
      'unnoticed held',
      'equal held',
      'contained held',
      'comes-back not-judged',
      'accounted held',
    ],
  );
  const hard = phases.find(({ name }: { name: string }) => name === 'hard');
  assert.ok(hard.failedOver > 0, 'nobody failed over: the outage was none');
  assert.ok(hard.statesOfA.includes('open'), `A was ${hard.statesOfA}`);
  assert.match(readFileSync(page, 'utf8'), /The drill held\./);
  assert.match(said.err, /A refuses: status 429\n/);
  assert.deepEqual(left(), []);
});

test('a drill that is broken off takes down what it started', async () => {
  const { child, said, ended } = drill('--seconds', '60');
  await until('the load runs', async () => (said.err.includes('all well') ? true : undefined), 30_000);
  assert.equal(left().length, 1);
  child.kill('SIGINT');
  const [code] = await ended;

  assert.equal(code, 1);
  assert.match(said.err, /broken off; everything it started is removed/);
  assert.deepEqual(left(), []);
});
