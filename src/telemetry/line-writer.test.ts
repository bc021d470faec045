import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { LineWriter } from './line-writer.ts';

const directory = mkdtempSync(join(tmpdir(), 'carrier-lines-'));
after(() => rmSync(directory, { recursive: true, force: true }));

test('lines come out whole and in order, however many wait', async () => {
  const path = join(directory, 'file');
  const writer = new LineWriter(openSync(path, 'w'));
  const lines = Array.from({ length: 5_000 }, (_, index) => `line ${index} ${'x'.repeat(index % 90)}\n`);

  for (const line of lines) writer.write(line);
  await writer.close();

  assert.equal(readFileSync(path, 'utf8'), lines.join(''));
});

test('two processes that write to one pipe do not mingle their lines', () => {
  const module = fileURLToPath(new URL('line-writer.ts', import.meta.url));
  const script = join(directory, 'writer.mjs');
  writeFileSync(
    script,
    `import { LineWriter } from ${JSON.stringify(module)};
     const writer = new LineWriter(1);
     for (let i = 0; i < 3000; i += 1) writer.write(process.argv[2].repeat(300) + '\\n');
     await writer.close();`,
  );
  const run = (name: string) => `'${process.execPath}' '${script}' ${name}`;

  const { stdout } = spawnSync('sh', ['-c', `(${run('a')} & ${run('b')} & wait) | cat`], {
    encoding: 'utf8',
    maxBuffer: 16 * 1024 * 1024,
  });

  const lines = stdout.trimEnd().split('\n');
  assert.equal(lines.length, 6_000);
  assert.ok(lines.every(line => /^(a{300}|b{300})$/.test(line)));
});

test('a reader that is gone keeps nobody from ending', async () => {
  const path = join(directory, 'pipe');
  spawnSync('mkfifo', [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = new LineWriter(openSync(path, constants.O_WRONLY));
  closeSync(reader);
  const startedMs = performance.now();

  for (let i = 0; i < 100; i += 1) writer.write('nobody reads this\n');
  await writer.close();
  writer.write('nor this\n');
  writer.flushNow();
  await writer.close();

  assert.ok(performance.now() - startedMs < 400);
});
