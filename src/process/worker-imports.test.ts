import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const source = resolve(dirname(fileURLToPath(import.meta.url)), '..');

/** Everything that a file loads, and what those load; packages by name. Types are erased and load nothing. */
function loadedBy(entry: string): { readonly files: Set<string>; readonly packages: Set<string> } {
  const files = new Set<string>();
  const packages = new Set<string>();
  const visit = (path: string) => {
    if (files.has(path)) return;
    files.add(path);
    const text = readFileSync(path, 'utf8');
    for (const [, clause, name] of text.matchAll(/^(?:import|export) ([^;]*?from )?'([^']+)'/gms)) {
      if (clause?.startsWith('type ')) continue;
      if (name!.startsWith('.')) visit(resolve(dirname(path), name!));
      else packages.add(name!);
    }
  };
  visit(resolve(source, entry));
  return { files, packages };
}

test('a worker loads no code of the database, the ledger or the management API', () => {
  const { files, packages } = loadedBy('process/worker.ts');
  const rooms = new Set([...files].map(path => relative(source, path).split('/')[0]));

  for (const room of ['store', 'ledger', 'admin', 'cli', 'emulator', 'config']) {
    assert.ok(!rooms.has(room), `a worker loads ${room}/`);
  }
  for (const name of ['pg', 'kysely', 'hono', '@hono/node-server', 'zod', 'yaml', 'prom-client', 'commander']) {
    assert.ok(!packages.has(name), `a worker loads ${name}`);
  }
  assert.ok(rooms.has('gateway') && rooms.has('journal'), 'the walk over the imports finds them');
});

test('the data plane cannot wait for the database, since it cannot name it', () => {
  const { files } = loadedBy('gateway/create-gateway.ts');
  const rooms = new Set([...files].map(path => relative(source, path).split('/')[0]));

  for (const room of ['store', 'ledger', 'admin', 'control', 'process']) assert.ok(!rooms.has(room), room);
});
