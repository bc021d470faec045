import assert from 'node:assert/strict';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { listRooms, readImportTable } from './rooms.ts';
import { listImports, readSourceFiles } from './source-files.ts';

const table = readImportTable();

function roomOf(path: string): string {
  return path.split('/')[1] ?? '';
}

/** `a imports b (file)` for every import from one room into another. */
function crossings(): readonly { readonly path: string; readonly from: string; readonly to: string }[] {
  return readSourceFiles('src/**/*.ts')
    .filter(file => !file.path.endsWith('.test.ts') && !file.path.includes('/fixtures/'))
    .flatMap(file =>
      listImports(file.text)
        .filter(specifier => specifier.startsWith('.'))
        .map(specifier => ({
          path: file.path,
          from: roomOf(file.path),
          to: roomOf(join(dirname(file.path), specifier)),
        })),
    )
    .filter(crossing => crossing.from !== crossing.to);
}

describe('the import table', () => {
  it('has a row for every room, and a room for every row', () => {
    assert.deepEqual([...table.keys()].sort(), listRooms());
  });

  it('names rooms only', () => {
    const unknown = [...table.values()].flat().filter(room => !table.has(room));

    assert.deepEqual(unknown, []);
  });

  it('is kept by every import', () => {
    const broken = crossings()
      .filter(({ from, to }) => !table.get(from)?.includes(to))
      .map(({ path, to }) => `${path} imports ${to}`);

    assert.deepEqual([...new Set(broken)], []);
  });

  it('sees imports at all', () => {
    assert.ok(crossings().length > 50);
    assert.deepEqual(
      listImports(
        "import type { A } from './a.ts';\nexport * from \"./b.ts\";\nimport './c.ts'; await import('./d.ts');",
      ),
      ['./a.ts', './b.ts', './c.ts', './d.ts'],
    );
  });

  it('keeps the database and what manages it out of the path of a request', () => {
    const forbidden = ['store', 'ledger', 'control', 'admin', 'process'];
    const onTheWalk = ['gateway', 'dialects', 'providers', 'routing', 'metering', 'pricing', 'snapshot', 'journal'];

    const reached = onTheWalk.flatMap(room =>
      (table.get(room) ?? []).filter(other => forbidden.includes(other)).map(other => `${room} → ${other}`),
    );

    assert.deepEqual(reached, []);
  });

  it('has no cycle', () => {
    const findCycle = (room: string, above: readonly string[]): readonly string[] | undefined => {
      if (above.includes(room)) return [...above, room];
      for (const next of table.get(room) ?? []) {
        const cycle = findCycle(next, [...above, room]);
        if (cycle !== undefined) return cycle;
      }
      return undefined;
    };

    assert.equal(findCycle('main.ts', []), undefined);
  });

  it('lets nothing import main.ts', () => {
    assert.deepEqual(
      crossings().filter(({ to }) => to === 'main.ts'),
      [],
    );
  });
});
