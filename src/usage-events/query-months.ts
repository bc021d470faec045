import { formatAtto } from '../pricing/money.ts';
import type { RateJson } from '../pricing/rate.ts';
import type { Store } from '../store/connect.ts';

/** The sum of a month, by which usage is priced. Quantities are whole numbers in text; amounts decimals with all digits. */
export interface UsageMonthView {
  readonly id: string;
  readonly book: 'sell' | 'buy';
  /** Of the sell book an organisation, of the buy book who is owed. */
  readonly subject: string;
  /** `vendor/name`, or a deployment. */
  readonly product: string;
  readonly meter: string;
  /** Its first day, UTC. */
  readonly month: string;
  /** Whose price holds throughout the month. */
  readonly version: string;
  readonly quantity: string;
  readonly free: string;
  /** Of what is free, not used yet. */
  readonly freeLeft: string;
  readonly amount: string;
  readonly currency: string;
  /** Another price took its place: its events are moved to another sum of the month, or are being moved. */
  readonly replaced: boolean;
}

export interface UsageMonthFilter {
  readonly book?: 'sell' | 'buy' | undefined;
  readonly subject?: string | undefined;
  /** Any day of it, `2026-11-20`. */
  readonly month?: string | undefined;
}

/** In the order in which they were begun. Throws RangeError for a cursor that this function did not make. */
export async function listUsageMonths(
  store: Store,
  { book, subject, month }: UsageMonthFilter,
  page: { readonly limit: number; readonly after?: string | undefined },
): Promise<{ readonly items: readonly UsageMonthView[]; readonly next: string | undefined }> {
  const after = page.after ?? '0';
  if (!/^\d{1,18}$/.test(after)) throw new RangeError('this is not a cursor that a page of months gave');
  const { rows } = await store.pool.query(
    `select id, book, subject, priced, meter, month::text as month, version, price, quantity, amount_atto, currency, replaced
       from usage_month
      where id > $1 and ($2::text is null or book = $2) and ($3::text is null or subject = $3)
        and ($4::date is null or month = date_trunc('month', $4::date))
      order by id limit $5`,
    [after, book ?? null, subject ?? null, month ?? null, page.limit + 1],
  );
  const items = rows.slice(0, page.limit).map((row): UsageMonthView => {
    const free = freeOf(row.price);
    return {
      id: row.id.toString(),
      book: row.book,
      subject: row.subject,
      product: row.priced,
      meter: row.meter,
      month: row.month,
      version: row.version,
      quantity: row.quantity.toString(),
      free: free.toString(),
      freeLeft: (row.quantity < free ? free - row.quantity : 0n).toString(),
      amount: formatAtto(row.amount_atto),
      currency: row.currency,
      replaced: row.replaced,
    };
  });
  return { items, next: rows.length > page.limit ? items.at(-1)?.id : undefined };
}

/** usage-months.ts wrote it. */
function freeOf(price: RateJson): bigint {
  return typeof price === 'string' ? 0n : BigInt(price.month?.free ?? '0');
}
