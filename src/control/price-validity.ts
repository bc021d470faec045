import { type Kysely, sql } from 'kysely';
import { canonicalJson } from '../snapshot/hash.ts';
import type { Tables } from '../store/tables.ts';
import { type BookEntry, type Configuration, entriesOf, resourceOf, resourcesOf } from './resources.ts';

/** The book of what the rule publish-facts-when-unconfigured publishes. */
export const factsBook = 'facts';

/** Writes from when on each version holds: the history that rating in hindsight reads. What has begun stays; what was only
 *  scheduled is written anew. Part of the transaction that commits the configuration, which orders changes. */
export async function writeValidity(
  db: Kysely<Tables>,
  change: { readonly before: Configuration; readonly next: Configuration; readonly nowMs: number },
): Promise<void> {
  await sql`select set_config('carrier.now', ${new Date(change.nowMs).toISOString()}, true)`.execute(db);
  const before = booksOf(change.before);
  const next = booksOf(change.next);
  for (const book of new Set([...before.keys(), ...next.keys()])) {
    const entries = next.get(book) ?? [];
    if (canonicalJson(before.get(book) ?? []) !== canonicalJson(entries)) {
      await writeBook(db, { book, entries, now: new Date(change.nowMs).toISOString() });
    }
  }
}

function booksOf(configuration: Configuration): Map<string, readonly BookEntry[]> {
  const books = new Map<string, readonly BookEntry[]>(
    resourcesOf(configuration, 'book').map(book => [book.id, entriesOf(book)]),
  );
  const facts = resourceOf(configuration, 'rule', 'publish-facts-when-unconfigured');
  if (facts?.state === 'active' && facts.version !== null) {
    books.set(factsBook, [{ from: null, atOnce: true, version: facts.version, set: [] }]);
  }
  return books;
}

async function writeBook(
  db: Kysely<Tables>,
  { book, entries, now }: { readonly book: string; readonly entries: readonly BookEntry[]; readonly now: string },
): Promise<void> {
  const number = await bookNumber(db, book);
  await sql`delete from price_validity where book = ${number} and lower(valid) > ${now}::timestamptz`.execute(db);
  const standing = await lastBegun(db, number);
  const at = entries.findLastIndex(({ from }) => (from ?? '') <= now);
  const current = entries[at];
  const later = entries.slice(at + 1);
  const nextFrom = later[0]?.from ?? null;
  const goesOn = standing?.isOpenAt(now) === true && standing.version === current?.version;
  if (goesOn) {
    await endAt(db, { number, ...standing, end: nextFrom });
  } else {
    if (standing?.isOpenAt(now)) {
      if (standing.lower === now) await remove(db, number, now);
      else await endAt(db, { number, ...standing, end: now });
    }
    // A book's first version is that of ever: what came before was priced elsewhere, or not at all.
    const isFirst = standing === undefined && current?.from === null;
    if (current !== undefined)
      await insert(db, { number, version: current.version, from: isFirst ? null : now, end: nextFrom });
  }
  for (const [index, { from, version }] of later.entries()) {
    await insert(db, { number, version, from, end: later[index + 1]?.from ?? null });
  }
}

interface Standing {
  readonly version: string;
  /** null is ever. */
  readonly lower: string | null;
  isOpenAt(instant: string): boolean;
}

async function lastBegun(db: Kysely<Tables>, number: number): Promise<Standing | undefined> {
  const { rows } = await sql<{ version: string; lower: Date | null; upper: Date | null }>`
    select version, lower(valid) as lower, upper(valid) as upper
      from price_validity
     where book = ${number}
     order by lower(valid) desc nulls last
     limit 1`.execute(db);
  const [row] = rows;
  if (row === undefined) return undefined;
  const upper = row.upper?.toISOString();
  return {
    version: row.version,
    lower: row.lower?.toISOString() ?? null,
    isOpenAt: instant => upper === undefined || upper > instant,
  };
}

async function bookNumber(db: Kysely<Tables>, id: string): Promise<number> {
  await db
    .insertInto('price_book')
    .values({ id })
    .onConflict(conflict => conflict.column('id').doNothing())
    .execute();
  const row = await db.selectFrom('price_book').select('number').where('id', '=', id).executeTakeFirstOrThrow();
  return row.number;
}

async function endAt(
  db: Kysely<Tables>,
  of: { readonly number: number; readonly lower: string | null; readonly end: string | null },
): Promise<void> {
  await sql`
    update price_validity
       set valid = tstzrange(lower(valid), ${of.end}::timestamptz)
     where book = ${of.number}
       and lower(valid) is not distinct from ${of.lower}::timestamptz
       and upper(valid) is distinct from ${of.end}::timestamptz`.execute(db);
}

async function remove(db: Kysely<Tables>, number: number, lower: string): Promise<void> {
  await sql`delete from price_validity where book = ${number} and lower(valid) = ${lower}::timestamptz`.execute(db);
}

async function insert(
  db: Kysely<Tables>,
  of: { readonly number: number; readonly version: string; readonly from: string | null; readonly end: string | null },
): Promise<void> {
  await sql`
    insert into price_validity (book, version, valid)
    values (${of.number}, ${of.version}, tstzrange(${of.from}::timestamptz, ${of.end}::timestamptz))`.execute(db);
}
