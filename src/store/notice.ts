import { createHash } from 'node:crypto';
import type { Kysely } from 'kysely';
import type pg from 'pg';
import type { Tables } from './tables.ts';

/** Something that happened, for whoever is told by webhooks. */
export interface Notice {
  /** noticeId of what it tells: written twice, it is there once. */
  readonly id: string;
  /** Such as `key.rotated`. */
  readonly kind: string;
  /** Whose it is; null: the installation's. */
  readonly organisation: string | null;
  /** Plain JSON, without secrets. */
  readonly body: Readonly<Record<string, unknown>>;
}

/** Writes a notice in the caller's transaction. False: it was there already. */
export async function writeNotice(
  connection: Kysely<Tables> | Pick<pg.ClientBase, 'query'>,
  { id, kind, organisation, body }: Notice,
): Promise<boolean> {
  if ('insertInto' in connection) {
    const written = await connection
      .insertInto('notice')
      .values({ id, kind, organisation, body: JSON.stringify(body) })
      .onConflict(conflict => conflict.column('id').doNothing())
      .executeTakeFirst();
    return written.numInsertedOrUpdatedRows === 1n;
  }
  const { rowCount } = await connection.query(
    'insert into notice (id, kind, organisation, body) values ($1, $2, $3, $4) on conflict do nothing',
    [id, kind, organisation, JSON.stringify(body)],
  );
  return rowCount === 1;
}

/** A UUID made of what the notice tells (RFC 9562, version 8). */
export function noticeId(...parts: readonly string[]): string {
  const hex = createHash('sha256').update(JSON.stringify(parts)).digest('hex');
  const variant = ((Number.parseInt(hex[16]!, 16) & 0x3) | 0x8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
