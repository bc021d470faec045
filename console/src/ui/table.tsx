import type { ReactNode } from 'react';
import { join, Sideways } from './parts.tsx';

export interface Column<Row> {
  readonly title: string;
  readonly of: (row: Row) => ReactNode;
  readonly align?: 'right';
  /** Left out on narrow screens. */
  readonly wide?: boolean;
}

/** A table, as wide as it has to be. */
export function Table<Row>({
  label,
  columns,
  rows,
  keyOf,
}: {
  readonly label: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row) => string;
}) {
  const cell = ({ align, wide }: Column<Row>) =>
    join('px-4 py-2', align === 'right' && 'text-right', wide === true && 'hidden lg:table-cell');
  return (
    <Sideways label={label}>
      <table className="w-full border-collapse text-[13px]">
        <thead>
          <tr className="border-b border-line text-left text-[12px] text-ink-2">
            {columns.map(column => (
              <th key={column.title} scope="col" className={join(cell(column), 'font-medium whitespace-nowrap')}>
                {column.title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(row => (
            <tr key={keyOf(row)} className="border-b border-line last:border-0 hover:bg-sunken">
              {columns.map(column => (
                <td key={column.title} className={cell(column)}>
                  {column.of(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </Sideways>
  );
}
