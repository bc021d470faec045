import { type Expression, type SqlBool, sql } from 'kysely';

/** Where somebody may look: rows of whole organisations, and of projects as `organisation/project`. */
export interface Within {
  readonly organisations: readonly string[];
  readonly projects: readonly string[];
}

/** The same for statements that are text: `parameter` gives the placeholder of a value. */
export function withinSql(within: Within, table: string, parameter: (value: unknown) => string): string {
  const { organisations, projects } = within;
  return (
    `(${table}.organisation = any(${parameter([...organisations])}::text[])` +
    ` or ${table}.project = any(${parameter([...projects])}::text[]))`
  );
}

export function isWithin({ organisations, projects }: Within, table: string): Expression<SqlBool> {
  const organisation = sql.ref(`${table}.organisation`);
  const project = sql.ref(`${table}.project`);
  return sql<SqlBool>`(${organisation} = any(${[...organisations]}::text[]) or ${project} = any(${[...projects]}::text[]))`;
}
