import type { Store } from '../store/connect.ts';

export interface AuditFilter {
  readonly from?: Date | undefined;
  /** First instant after. */
  readonly to?: Date | undefined;
  readonly actor?: string | undefined;
  readonly organisation?: string | undefined;
  /** An action, or a resource with all its verbs: `keys`. */
  readonly action?: string | undefined;
  readonly target?: string | undefined;
  readonly outcome?: 'done' | 'asked' | 'refused' | undefined;
  readonly requestId?: string | undefined;
  /** Whose events may be seen; absent: all, those of the installation included. */
  readonly organisations?: ReadonlySet<string> | undefined;
}

export interface AuditRow {
  /** Grows with every event; decimal text. */
  readonly id: string;
  readonly at: string;
  readonly actor: string;
  readonly organisation: string | null;
  readonly action: string;
  readonly target: string;
  readonly outcome: 'done' | 'asked' | 'refused';
  readonly before: unknown;
  readonly after: unknown;
  readonly requestId: string | null;
  readonly address: string | null;
}

/** Rows that an export asks the database for at once. */
const exportRowsAtOnce = 1_000;

/** The newest first; `after` is the id of the last row of the page before. */
export async function readAudit(
  store: Store,
  filter: AuditFilter,
  page: { readonly limit: number; readonly after?: string | undefined },
): Promise<{ readonly items: readonly AuditRow[]; readonly next?: string }> {
  let query = store.db
    .selectFrom('audit_event')
    .selectAll()
    .orderBy('number', 'desc')
    .limit(page.limit + 1);
  if (page.after !== undefined) query = query.where('number', '<', BigInt(page.after));
  if (filter.from !== undefined) query = query.where('at', '>=', filter.from);
  if (filter.to !== undefined) query = query.where('at', '<', filter.to);
  if (filter.actor !== undefined) query = query.where('actor', '=', filter.actor);
  if (filter.organisation !== undefined) query = query.where('organisation', '=', filter.organisation);
  if (filter.organisations !== undefined) query = query.where('organisation', 'in', [...filter.organisations, '']);
  if (filter.target !== undefined) query = query.where('target', '=', filter.target);
  if (filter.outcome !== undefined) query = query.where('outcome', '=', filter.outcome);
  if (filter.requestId !== undefined) query = query.where('request_id', '=', filter.requestId);
  if (filter.action?.includes('.')) query = query.where('action', '=', filter.action);
  else if (filter.action !== undefined) {
    // Everything between `keys.` and `keys/` begins with `keys.`.
    query = query.where('action', '>=', `${filter.action}.`).where('action', '<', `${filter.action}/`);
  }
  const rows = await query.execute();
  const items = rows.slice(0, page.limit).map(row => ({
    id: String(row.number),
    at: row.at.toISOString(),
    actor: row.actor,
    organisation: row.organisation,
    action: row.action,
    target: row.target,
    outcome: row.outcome,
    before: row.before,
    after: row.after,
    requestId: row.request_id,
    address: row.address,
  }));
  const last = items.at(-1);
  return rows.length > page.limit && last !== undefined ? { items, next: last.id } : { items };
}

/** Everything that the filter lets through, newest first, in portions; memory stays that of one portion. */
export async function* exportAudit(store: Store, filter: AuditFilter): AsyncGenerator<readonly AuditRow[], void> {
  let after: string | undefined;
  do {
    const { items, next } = await readAudit(store, filter, { limit: exportRowsAtOnce, after });
    if (items.length > 0) yield items;
    after = next;
  } while (after !== undefined);
}
