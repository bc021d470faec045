import { sql } from 'kysely';
import type { Store } from '../store/connect.ts';
import type { FactReview, StoredFact } from './fact-review.ts';
import type { DatedPrices, PriceFacts } from './price-facts.ts';

export async function readStoredFacts(store: Store): Promise<StoredFact[]> {
  const rows = await store.db
    .selectFrom('price_fact')
    .select(['provider', 'model', 'approved', 'held', 'reasons'])
    .orderBy('provider')
    .orderBy('model')
    .execute();
  // The casts are true: only importFacts writes them.
  return rows.map(({ provider, model, ...row }) => ({
    provider,
    model,
    approved: row.approved as readonly DatedPrices[] | null,
    held: row.held as readonly DatedPrices[] | null,
    reasons: row.reasons as readonly string[] | null,
  }));
}

export interface ImportedFacts {
  readonly approved: number;
  readonly held: number;
  readonly gone: number;
}

/** Rows of one statement. */
const rowsPerStatement = 1_000;

/** Lets through what is not odd, or was approved by name as `provider/model`; holds the rest beside what was let through
 *  before. What the source no longer says goes. One transaction; importing twice is importing once. */
export async function importFacts(
  store: Store,
  {
    source,
    review,
    approve,
  }: { readonly source: PriceFacts; readonly review: FactReview; readonly approve: ReadonlySet<string> },
): Promise<ImportedFacts> {
  const prices = new Map(source.facts.map(fact => [`${fact.provider}/${fact.model}`, fact.prices]));
  const gone = review.changes.filter(({ change }) => change === 'gone');
  const rows = review.changes.flatMap(({ provider, model, change, reasons }) => {
    if (change === 'gone') return [];
    const passes = reasons.length === 0 || approve.has(`${provider}/${model}`);
    return [{ provider, model, prices: prices.get(`${provider}/${model}`)!, reasons, passes }];
  });
  await store.db.transaction().execute(async transaction => {
    await sql`lock table price_fact in share row exclusive mode`.execute(transaction);
    for (let at = 0; at < rows.length; at += rowsPerStatement) {
      await transaction
        .insertInto('price_fact')
        .values(
          rows.slice(at, at + rowsPerStatement).map(row => ({
            provider: row.provider,
            model: row.model,
            approved: row.passes ? JSON.stringify(row.prices) : null,
            held: row.passes ? null : JSON.stringify(row.prices),
            reasons: row.passes ? null : JSON.stringify(row.reasons),
            source: source.version,
          })),
        )
        .onConflict(conflict =>
          conflict.columns(['provider', 'model']).doUpdateSet(eb => ({
            // What is held leaves what was let through before in its place.
            approved: eb.fn.coalesce('excluded.approved', 'price_fact.approved'),
            held: eb.ref('excluded.held'),
            reasons: eb.ref('excluded.reasons'),
            source: eb.ref('excluded.source'),
            seen_at: sql`now()`,
          })),
        )
        .execute();
    }
    for (const { provider, model } of gone) {
      await transaction.deleteFrom('price_fact').where('provider', '=', provider).where('model', '=', model).execute();
    }
  });
  return {
    approved: rows.filter(({ passes }) => passes).length,
    held: rows.filter(({ passes }) => !passes).length,
    gone: gone.length,
  };
}
