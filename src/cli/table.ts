/** Columns are as wide as their widest cell; those of numbers lean right. The heading is dim where a terminal shows it. */
export interface Column<Row> {
  readonly title: string;
  readonly right?: boolean;
  cell(row: Row): string;
}

export function formatTable<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  options: { readonly isTerminal: boolean; readonly empty: string },
): string {
  if (rows.length === 0) return `${options.empty}\n`;
  const cells = rows.map(row => columns.map(column => printable(column.cell(row))));
  const widths = columns.map((column, i) => Math.max(column.title.length, ...cells.map(line => [...line[i]!].length)));
  const align = (text: string, i: number) => {
    const padding = ' '.repeat(Math.max(0, widths[i]! - [...text].length));
    return columns[i]!.right ? padding + text : text + padding;
  };
  const heading = columns
    .map((column, i) => align(column.title, i))
    .join('  ')
    .trimEnd();
  const lines = cells.map(line => line.map(align).join('  ').trimEnd());
  return `${[options.isTerminal ? `\x1b[2m${heading}\x1b[22m` : heading, ...lines].join('\n')}\n`;
}

/** Names come from files and providers; none of them may steer the terminal. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not reach the terminal
  return text.replaceAll(/[\x00-\x1f\x7f-\x9f]/g, '�');
}
