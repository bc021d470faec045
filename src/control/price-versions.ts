import type { Kysely } from 'kysely';
import type { PriceRows } from '../pricing/price-row.ts';
import type { Tables } from '../store/tables.ts';
import { versionDigest } from './price-book.ts';
import type { PriceVersion } from './resources.ts';

/** Versions as they are stored: written once. A connection or a transaction may be given. */
export async function readVersions(db: Kysely<Tables>, ids: readonly string[]): Promise<Map<string, PriceVersion>> {
  if (ids.length === 0) return new Map();
  const rows = await db
    .selectFrom('price_version')
    .select(['id', 'currency', 'rates', 'derived', 'origin'])
    .where('id', 'in', [...ids])
    .execute();
  return new Map(
    // The casts are true: only publishVersions writes them.
    rows.map(({ rates, derived, ...row }) => [
      row.id,
      { ...row, rates: rates as PriceRows, ...(derived === null ? {} : { derived: derived as readonly PriceRows[] }) },
    ]),
  );
}

/** Publishing what is published already changes nothing. Throws when an id has other content. */
export async function publishVersions(db: Kysely<Tables>, versions: readonly PriceVersion[]): Promise<void> {
  for (const { id, currency, rates, derived, origin } of versions) {
    const digest = versionDigest({ currency, rates, ...(derived === undefined ? {} : { derived }) });
    await db
      .insertInto('price_version')
      .values({
        id,
        currency,
        rates: JSON.stringify(rates),
        derived: derived === undefined ? null : JSON.stringify(derived),
        digest,
        origin,
      })
      .onConflict(conflict => conflict.column('id').doNothing())
      .execute();
    const kept = await db.selectFrom('price_version').select('digest').where('id', '=', id).executeTakeFirstOrThrow();
    if (kept.digest !== digest) throw new Error(`price version ${id} is published with other rates`);
  }
}
