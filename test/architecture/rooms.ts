import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from '../support/test-groups.ts';

/** What each room may import, read from the table in ARCHITECTURE.md, which is the one place that says it. */
export function readImportTable(): ReadonlyMap<string, readonly string[]> {
  const text = readFileSync(join(repositoryRoot, 'ARCHITECTURE.md'), 'utf8');
  const header = '| room | owns | may import |';
  const start = text.indexOf(header);
  if (start === -1) throw new Error(`ARCHITECTURE.md has no table headed \`${header}\``);
  const rows = text.slice(start).split('\n').slice(2);
  const end = rows.findIndex(row => !row.startsWith('|'));
  const cells = rows.slice(0, end === -1 ? rows.length : end).map(row => row.split('|').map(cell => cell.trim()));
  const rooms = cells.map(row => row[1] ?? '');
  return new Map(cells.map(row => [row[1] ?? '', readAllowed(row[1] ?? '', row[3] ?? '', rooms)]));
}

function readAllowed(room: string, cell: string, rooms: readonly string[]): readonly string[] {
  if (cell === '–') return [];
  const exceptions = /^anything but (.+)$/.exec(cell)?.[1];
  if (exceptions === undefined) return cell.split(', ');
  const excluded = ['main.ts', room, ...exceptions.split(', ')];
  return rooms.filter(other => !excluded.includes(other));
}

/** The folders of src/, and main.ts, which counts as a room of its own. */
export function listRooms(): readonly string[] {
  return readdirSync(join(repositoryRoot, 'src'), { withFileTypes: true })
    .map(entry => entry.name)
    .sort();
}
