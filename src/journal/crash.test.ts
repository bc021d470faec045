import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { listSegments, readRecords } from './segment.ts';

const root = mkdtempSync(join(tmpdir(), 'carrier-crash-'));
after(() => rmSync(root, { recursive: true }));
const writer = fileURLToPath(new URL('../../test/support/write-until-killed.ts', import.meta.url));

/** Types of the records by exchange, from all segments, none of which may be damaged. */
function typesByExchange(directory: string): Map<string, string[]> {
  const types = new Map<string, string[]>();
  for (const segment of listSegments(directory)) {
    const read = readRecords(segment.path, 0, 1 << 30);
    assert.notEqual(read.end, 'corrupt', segment.path);
    for (const { record } of read.records) {
      types.set(record.id, [...(types.get(record.id) ?? []), record.type]);
    }
  }
  return types;
}

/** Ids whose end the writer was told is written, each on a line, whole lines only. */
async function acknowledged(child: ChildProcess, stop: (lines: number) => void): Promise<string[]> {
  let text = '';
  child.stdout!.setEncoding('utf8');
  child.stdout!.on('data', (chunk: string) => {
    text += chunk;
    stop(text.split('\n').length - 1);
  });
  await once(child, 'close');
  return text.split('\n').slice(0, -1);
}

for (const killAfter of [1, 40, 700]) {
  test(`a writer killed after ${killAfter} exchanges leaves every exchange whose end it was told`, async () => {
    const directory = mkdtempSync(join(root, 'kill-'));
    const child = spawn(process.execPath, [writer, directory], { stdio: ['ignore', 'pipe', 'inherit'] });

    const told = await acknowledged(child, lines => {
      if (lines >= killAfter) child.kill('SIGKILL');
    });

    assert.equal(child.signalCode, 'SIGKILL');
    assert.ok(told.length >= killAfter);
    const types = typesByExchange(directory);
    for (const id of told) assert.deepEqual(types.get(id), ['admit', 'attempt', 'end'], id);
    for (const [id, found] of types) {
      assert.deepEqual(found, ['admit', 'attempt', 'end'].slice(0, found.length), id);
    }
  });
}

test('where the system limits the size of a file, no record is cut in two and the next segment takes over', async () => {
  const directory = mkdtempSync(join(root, 'limit-'));
  // 16 KiB a file: the kernel writes a part of the record that reaches it and refuses the rest with EFBIG.
  const command = 'ulimit -f 16; exec "$0" "$1" "$2"';
  const child = spawn('bash', ['-c', command, process.execPath, writer, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });

  const told = await acknowledged(child, lines => {
    if (lines >= 100) child.kill('SIGKILL');
  });

  const types = typesByExchange(directory);
  for (const id of told) assert.deepEqual(types.get(id), ['admit', 'attempt', 'end'], id);
  const segments = listSegments(directory);
  assert.ok(segments.length >= 4, `${segments.length} segments`);
  for (const segment of segments.slice(0, -1)) {
    assert.ok(segment.bytes < 16 * 1024);
    assert.equal(readRecords(segment.path, 0, 1 << 30).end, 'end-of-file');
  }
});
