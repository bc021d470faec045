import type { Store } from '../store/connect.ts';

/** What a look at the journal may have missed: it is looked at a few times a second. */
const slackMs = 2_000;

/** Says through which instant everything that ended is in the ledger, of the journal in one data directory. It never goes
 *  back. Breakage waits for it. */
export async function publishWatermark(
  store: Store,
  { journal, lagSeconds, nowMs }: { readonly journal: string; readonly lagSeconds: number; readonly nowMs: number },
): Promise<void> {
  const through = new Date(nowMs - Math.ceil(lagSeconds * 1_000) - slackMs);
  await store.pool.query(
    `insert into journal_watermark (journal, shipped_through) values ($1, $2)
     on conflict (journal) do update
       set shipped_through = greatest(journal_watermark.shipped_through, excluded.shipped_through), seen_at = now()`,
    [journal, through],
  );
}
