import type { Change } from '../control/changes.ts';
import { printable } from './table.ts';

/** A difference as people read it: + created, ~ changed, - deleted, with the fields below. */
export function formatChanges(changes: readonly Change[], isTerminal: boolean): string {
  const marks = { create: '+', update: '~', delete: '-' } as const;
  const colours = { create: 32, update: 33, delete: 31 } as const;
  const lines = changes.flatMap(change => {
    const paint = (text: string) => (isTerminal ? `\x1b[${colours[change.action]}m${text}\x1b[39m` : text);
    const head = paint(`${marks[change.action]} ${change.kind} ${printable(change.name)}`);
    // What is deleted is gone whole; its fields say nothing more.
    if (change.action === 'delete') return [head];
    const fields = change.fields.map(({ path, before, after }) => {
      const shown = before === undefined ? (after ?? '') : `${before} → ${after ?? 'nothing'}`;
      return `    ${printable(path)}: ${printable(shown)}`;
    });
    return [head, ...fields];
  });
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

/** "2 to create, 1 to change": what a dry run or an apply comes to. */
export function countChanges(changes: readonly Change[], words: Readonly<Record<Change['action'], string>>): string {
  const parts = (['create', 'update', 'delete'] as const).flatMap(action => {
    const count = changes.filter(change => change.action === action).length;
    return count === 0 ? [] : [`${count} ${words[action]}`];
  });
  return parts.join(', ');
}
